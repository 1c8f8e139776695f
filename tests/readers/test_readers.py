"""The MiGA 2025 release: good data comes through number by number; bad data is named by row."""

import os
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import xlsxwriter

from microgesture.data.classes import load_classes
from microgesture.data.store import BadClip, Clip, write_store
from microgesture.readers import miga2025 as miga
from microgesture.readers import xlsx as sheets
from microgesture.readers.sources import detect
from microgesture.utils.errors import InputError
from tests.formats import make_points
from tests.reliability.targets import sheet_of, with_sheet
from tests.sections import raw_files, read_clips

NAMES = load_classes(Path(__file__).parents[2] / "config" / "classes" / "imigue.yaml")
FOLDERS = {
    "train": "phase1/datasets/imigue_skeleton_train",
    "val": "phase1/datasets/imigue_skeleton_validate",
    "test": "phase2/imigue_skeleton_test",
}


def write_sheet(path, rows):
    """Rows of cells; None leaves a cell out."""
    book = xlsxwriter.Workbook(path, {"nan_inf_to_errors": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write(number, column, cell)
    book.close()


def write_video(root, split, video, points, labels):
    folder = root / FOLDERS[split] / video
    folder.mkdir(parents=True)
    write_sheet(folder / f"{video}_openpose.xlsx", points.reshape(len(points), -1).tolist())
    (folder / f"{video}_label.csv").write_text(labels)
    # a part of the release, with or without a header; the sheet holds the hands, so it is not read
    light = "".join(f"{n},{','.join(['0.5'] * 105)}\n" for n in range(len(points)))
    header = "frame\n" if split == "train" else ""
    (folder / f"{video}_light_hand.csv").write_text(header + light)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Four small videos; train 0001 has a header row, a blank line and overlapping clips."""
    root = tmp_path_factory.mktemp("template")
    write_video(root, "train", "0002", make_points(2, 4), "31,0,3\n")
    write_video(
        root, "train", "0001", make_points(1, 9), "class,start,end\n1,0,4\n99,3,8\n\n7,8,8\n"
    )
    write_video(root, "val", "0003", make_points(3, 5), "2,1,3\n")
    write_video(root, "test", "0004", make_points(4, 6), "5,0,2\n-1,3,5\n")
    return root


@pytest.fixture
def release(template, tmp_path):
    """A copy to spoil."""
    return Path(shutil.copytree(template, tmp_path / "release"))


def read(root, workers=1, **settings):
    return list(read_clips({"format": "miga2025", "root": root, **settings}, NAMES, workers))


def label_file(root, split="train", video="0001"):
    return root / FOLDERS[split] / video / f"{video}_label.csv"


def sheet_file(root):
    return root / FOLDERS["train"] / "0001" / "0001_openpose.xlsx"


def stops(root, *words, workers=1, on_bad_clip="stop", **settings):
    """Reading into a store must end with an error that holds ``words``."""
    data = {"format": "miga2025", "root": root, "on_bad_clip": on_bad_clip, **settings}
    out = root.with_name(f"{root.name}_out") / "clips.parquet"
    with pytest.raises(InputError) as caught:
        clips = read_clips(data, NAMES, workers)
        write_store(out, clips, NAMES, "miga2025", on_bad_clip)
    for word in words:
        assert str(word) in str(caught.value)
    assert not out.exists()


def test_release_is_read_in_order_with_ids_labels_and_frames(release):
    clips = read(release)
    assert [(c.clip_id, c.split, c.label) for c in clips] == [
        ("0001_0", "train", 0),
        ("0001_1", "train", 31),
        ("0001_2", "train", 6),
        ("0002_0", "train", 30),
        ("0003_0", "val", 1),
        ("0004_0", "test", -1),
        ("0004_1", "test", -1),
    ]
    source = make_points(1, 9).astype(np.float32)
    np.testing.assert_array_equal(clips[0].points, source[0:5])
    np.testing.assert_array_equal(clips[1].points, source[3:9])  # the end is inclusive
    np.testing.assert_array_equal(clips[2].points, source[8:9])
    assert {(c.fps, c.height, c.width) for c in clips} == {(25.0, 720, 1280)}
    assert clips[0].subject == "0001"


def test_clips_that_share_frames_are_told(release, capsys):
    read(release)
    rows = f"{label_file(release)}, row 3, with {label_file(release)}, row 2"
    assert (
        f"note: 2 clips share frames with another of the same recording, the first is {rows}"
        in (capsys.readouterr().err)
    )
    write_video(release, "val", "0005", make_points(9, 6), "1,0,2\n2,3,5\n")
    label_file(release).write_text("1,0,4\n")
    read(release)
    assert "share" not in capsys.readouterr().err


def test_the_order_is_not_that_of_the_file_system(release, monkeypatch):
    expected = [clip.clip_id for clip in read(release)]
    listed = Path.iterdir
    for backwards in (False, True):
        monkeypatch.setattr(
            Path, "iterdir", lambda p, b=backwards: iter(sorted(listed(p), reverse=b))
        )
        assert [clip.clip_id for clip in read(release)] == expected


def test_settings_reach_the_clips(release):
    clip = read(release, fps=50, height=100, width=200)[0]
    assert (clip.fps, clip.height, clip.width) == (50.0, 100, 200)


def test_two_processes_give_what_one_gives(release):
    one, two = read(release), read(release, workers=2)
    assert [c.clip_id for c in one] == [c.clip_id for c in two]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.points, b.points)


def test_only_as_many_videos_as_workers_are_in_memory():
    taken = []

    def jobs():
        for i in range(7):
            taken.append(i)
            yield -i

    for position, value in enumerate(miga.ordered_map(abs, jobs(), 2)):
        assert value == position
        assert len(taken) <= position + 2


def test_a_killed_process_is_explained():
    with pytest.raises(InputError, match="fewer workers"):
        list(miga.ordered_map(os._exit, [1, 1], 2))


def test_an_error_in_another_process_keeps_its_message(release):
    label_file(release).write_text("1,0,9\n")
    stops(release, label_file(release), "row 1", "0..9", "9 frames (0..8)", workers=2)


def test_points_without_score_and_scores_above_one(release):
    points = make_points(1, 9)
    points[2, 50, 2] = 0
    points[3, 99, 2] = 1.051
    write_sheet(sheet_file(release), points.reshape(9, -1).tolist())
    clip = read(release)[0]
    assert clip.points[2, 50].tolist() == [0, 0, 0]
    assert clip.points[3, 99, 2] == 1


def test_real_test_labels_are_used_when_asked_for(release):
    label_file(release, "test", "0004").write_text("5,0,2\n99,3,5\n")
    clips = read(release, test_labels="real")
    assert [c.label for c in clips[-2:]] == [4, 31]


def test_subjects_come_from_their_file(release, tmp_path):
    path = tmp_path / "subjects.csv"
    path.write_text("video,subject\n0001,anna\n0002,bo\n0003,anna\n0004,cy\n")
    assert {c.clip_id[:4]: c.subject for c in read(release, subjects=str(path))} == {
        "0001": "anna",
        "0002": "bo",
        "0003": "anna",
        "0004": "cy",
    }
    path.write_text("video,subject\n0001,anna\n0002,bo\n0003,anna\n")
    stops(release, path, "no row for video 0004", subjects=path)
    path.write_text("video,subject\n0001,anna\n0001,bo\n")
    stops(release, path, "row 3", "anna", "bo", subjects=path)
    path.write_text("video,subject\n0001,\n")
    stops(release, path, "row 2", subjects=path)
    path.write_text("0001,anna\n")
    stops(release, path, "header row", subjects=path)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("1,0,4\n1,5,9\n", ["row 2", "frames 5..9", "0001_openpose.xlsx has 9 frames (0..8)"]),
        ("class,start,end\n1,0,9\n", ["row 2", "frames 0..9"]),
        ("1,0,4\n\n1,0,9\n", ["row 3", "0001_1"]),
        ("1,4,3\n", ["row 1", "frames 4..3"]),
        ("1,-1,3\n", ["row 1", "frames -1..3"]),
        ("1,0,3\n32,0,3\n", ["row 2", "class 32", "1..31 or 99"]),
        ("0,0,3\n", ["row 1", "class 0"]),
        ("1,0\n", ["row 1", "'1,0'", "class,start,end"]),
        ("1,0,3,4\n", ["row 1", "'1,0,3,4'"]),
        ("1,0,x\n", ["row 1", "'1,0,x'"]),
        ("1,0,nan\n", ["row 1", "'1,0,nan'"]),
        ("1,0,2.5\n", ["row 1", "'1,0,2.5'"]),
        ("1,0,3\n1;0;3\n", ["row 2", "'1;0;3'"]),
    ],
)
def test_a_bad_label_row_is_named_or_skipped(release, labels, words):
    label_file(release).write_text(labels)
    stops(release, label_file(release), "on_bad_clip: skip", *words)
    of_video = [i for i in read(release, on_bad_clip="skip") if i.clip_id.startswith("0001")]
    assert [type(item) for item in of_video] == [Clip] * (len(of_video) - 1) + [BadClip]
    assert len(of_video) == sum(line[:1].isdigit() for line in labels.splitlines())


def test_a_skipped_row_keeps_the_ids_of_the_others(release):
    label_file(release).write_text("1,0,4\n1,5,90\n3,2,3\n")
    items = read(release, on_bad_clip="skip")
    assert [i.clip_id for i in items[:3]] == ["0001_0", "0001_1", "0001_2"]
    assert [type(i) for i in items[:3]] == [Clip, BadClip, Clip]


def test_label_files_are_checked_before_any_spreadsheet(release):
    sheet_file(release).write_text("not a spreadsheet")
    label_file(release, "val", "0003").write_text("40,0,1\n")
    stops(release, label_file(release, "val", "0003"), "class 40")


def test_a_label_file_as_a_spreadsheet_program_saves_it(release):
    label_file(release).write_bytes(b"\xef\xbb\xbf1.0,0.0,4.0\r\n99,3,8\r\n")
    assert [c.label for c in read(release)[:2]] == [0, 31]


def test_an_empty_label_file(release):
    label_file(release).write_text("\n")
    stops(release, label_file(release), "no rows")
    label_file(release).write_text("class,start,end\n")
    stops(release, label_file(release), "holds only 'class,start,end', expected class,start,end")


def test_a_clip_without_visible_points(release):
    points = make_points(1, 9)
    points[3:, :, 2] = 0
    write_sheet(sheet_file(release), points.reshape(9, -1).tolist())
    stops(release, label_file(release), "row 3", "0001_1", "no visible point in any of its 6")
    items = read(release, on_bad_clip="skip")
    assert [i.clip_id for i in items if isinstance(i, BadClip)] == ["0001_1", "0001_2"]


def spoil(row, column, value):
    def change(rows):
        rows[row][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoil(4, 7, None), ["row 5, column 8", "empty"]),
        (spoil(0, 0, None), ["row 1, column 1", "empty"]),
        (spoil(4, 7, "low"), ["row 5, column 8", "'low'"]),
        (spoil(4, 7, "'7.5"), ["row 5, column 8", "7.5"]),
        (spoil(4, 7, True), ["row 5, column 8", "True"]),
        (spoil(4, 7, 1e39), ["row 5, column 8", "finite"]),
        (spoil(4, 7, float("nan")), ["row 5, column 8"]),
        (spoil(0, 7, "x7"), ["row 1, column 8", "header"]),
        (spoil(0, 7, "7.5"), ["row 1, column 8", "'7.5'", "stored as text"]),
        (lambda rows: [row.pop() for row in rows], ["row 1", "410 columns", "411"]),
        (lambda rows: rows[6].append(1.0), ["row 7", "412 columns", "411"]),
        (lambda rows: rows.insert(0, []), ["row 1, column 1", "empty"]),
        (lambda rows: rows.insert(3, []), ["row 4, column 1", "empty"]),
        (lambda rows: [row.insert(0, None) for row in rows], ["row 1", "412 columns"]),
        (lambda rows: [row.__setitem__(0, None) for row in rows], ["row 1, column 1", "empty"]),
        (lambda rows: rows.insert(0, range(411)), ["row 1", "0, 1, 2, ... 410", "header row"]),
        (lambda rows: rows.clear(), ["first sheet is empty"]),
    ],
)
@pytest.mark.parametrize("on_bad_clip", ["stop", "skip"])
def test_a_bad_cell_is_named(release, change, words, on_bad_clip):
    rows = make_points(1, 9).reshape(9, -1).tolist()
    change(rows)
    write_sheet(sheet_file(release), rows)
    stops(release, sheet_file(release), *words, on_bad_clip=on_bad_clip)


def test_formatted_empty_cells_around_the_numbers_do_no_harm(release):
    book = openpyxl.load_workbook(sheet_file(release))
    for row, column in ((12, 3), (2, 415)):
        book.active.cell(row, column).font = openpyxl.styles.Font(bold=True)
    book.save(sheet_file(release))
    np.testing.assert_array_equal(read(release)[0].points, make_points(1, 9)[:5].astype("f4"))


def test_a_file_that_is_not_a_spreadsheet(release):
    sheet_file(release).write_text("frame,x,y")
    stops(release, sheet_file(release), "cannot be read as a spreadsheet")


def test_missing_files_and_folders(release, tmp_path):
    stops(tmp_path / "nowhere", "nowhere", "is not a folder")
    label_file(release).unlink()
    stops(release, label_file(release), "does not exist")
    (release / FOLDERS["val"]).rename(tmp_path / "elsewhere")
    stops(release, "imigue_skeleton_validate", "found none", "set data.root")


def test_without_the_second_phase_there_are_no_test_clips(release):
    expected = [clip.clip_id for clip in read(release) if clip.split != "test"]
    shutil.rmtree(release / "phase2")
    assert [clip.clip_id for clip in read(release)] == expected


def test_archives_may_lie_in_folders_of_their_names(release):
    expected = [clip.clip_id for clip in read(release)]
    for phase in ("phase1", "phase2"):
        (release / phase).rename(release / "inner")
        (release / phase).mkdir()
        (release / "inner").rename(release / phase / phase)
    data = {"format": "miga2025", "root": str(release)}
    assert [clip.clip_id for clip in read(release)] == expected
    assert len(raw_files(data)) == 8 and detect(release) == "miga2025"


def test_folders_that_occur_twice_are_not_chosen_between(release):
    (release / "copy" / "imigue_skeleton_test").mkdir(parents=True)
    stops(release, release / "copy" / "imigue_skeleton_test", "phase2")


def test_a_video_in_two_splits(release):
    write_video(release, "val", "0001", make_points(9, 3), "1,0,1\n")
    stops(release, "video 0001 is also in", "imigue_skeleton_validate")


def test_folders_of_the_system_are_not_videos(release):
    for name in ("__MACOSX", ".cache"):
        (release / FOLDERS["train"] / name).mkdir()
    (release / FOLDERS["train"] / "notes.txt").write_text("")
    assert len(read(release)) == 7


def test_a_split_without_videos(release):
    folder = release / FOLDERS["val"]
    (folder / "0003").rename(release / "0003")
    stops(release, folder, "no video folder")


def test_the_classes_must_be_the_32(release):
    with pytest.raises(InputError, match="3 names"):
        list(read_clips({"format": "miga2025", "root": release}, ["a", "b", "c"]))


def test_an_unknown_format():
    with pytest.raises(InputError, match=r"'kinect'.*'miga2025', .*'parquet'"):
        read_clips({"format": "kinect"}, NAMES)


# Cells that a table up to them would not fit into memory.


def with_cell(path, old, new):
    content = with_sheet(path.read_bytes(), sheet_of(path.read_bytes()).replace(old, new, 1))
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (b"XFD1048576", ["column XFD"]),
        (b"A1048576", ["row 1048576"]),
        (b"AAA9", ["column AAA"]),
        (b"ZZZZZZZZZZZZ99999999999999999999", ["column ZZZZZZZZZZ,"]),
    ],
)
def test_a_stray_cell_far_out_does_not_take_all_memory(release, place, words):
    with_cell(sheet_file(release), b'r="B9"', b'r="' + place + b'"')
    stops(release, sheet_file(release), "has a cell in", *words, "delete what lies outside")
    with_cell(sheet_file(release), b'r="' + place + b'"', b"r='" + place + b"'")
    stops(release, sheet_file(release), "has a cell in", *words)


def test_a_fault_of_the_parser_is_told(release, monkeypatch):
    class PanicException(BaseException):
        pass

    def fail(path):
        raise PanicException("capacity overflow")

    monkeypatch.setattr(sheets.CalamineWorkbook, "from_path", fail)
    stops(release, sheet_file(release), "cannot be read as a spreadsheet: capacity overflow")
