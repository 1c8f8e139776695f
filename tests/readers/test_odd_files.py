"""What else lies on users' disks: pointers, archives, dead links, old names, other axes."""

import gzip
import json
import pickle
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from microgesture.data.store import BadClip
from microgesture.readers.openpose_frames import read_people, unasked_parts
from microgesture.utils.errors import InputError
from tests import formats
from tests.formats import annotations, dump_pickle, some_clips
from tests.refusals import NAMES, bad, check, fails, read
from tests.sections import read_clips

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
FOLDER = "imigue_data_phase1/datasets/imigue_skeleton_train/0000"


@pytest.fixture
def clips():
    return some_clips()


@pytest.fixture
def entries(clips):
    return annotations(clips)


def pyskl(tmp_path, clips, entries):
    dump_pickle(tmp_path / "clips.pkl", clips, entries)
    return {"format": "pyskl", "path": str(tmp_path / "clips.pkl"), "fps": 25.0}


WRITERS = {
    "openpose_json": (
        lambda root, clips: formats.write_openpose_json(root, clips, NAMES),
        "labels.csv",
    ),
    "release2023": (
        formats.write_release2023,
        "train_data.npy",
    ),
    "pyskl": (formats.write_pyskl, "clips.pkl"),
    "smg": (
        formats.write_smg,
        "smg_skeleton_train/0000/0000_skeleton.csv",
    ),
    "parquet": (lambda root, clips: formats.write_parquet(root, clips, NAMES), "clips.parquet"),
    "csv": (lambda root, clips: formats.write_csv(root, clips, NAMES), "points.csv"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_pointer_or_an_archive_is_told_with_the_remedy(tmp_path, clips, name):
    write, file = WRITERS[name]
    data = write(tmp_path, clips)
    (tmp_path / file).write_bytes(POINTER)
    fails(data, tmp_path / file, "Git LFS", "run git lfs pull")
    (tmp_path / file).write_bytes(gzip.compress(b"x"))
    fails(data, tmp_path / file, "gzip", "unpack it")
    (tmp_path / file).unlink()
    (tmp_path / f"{file}.dvc").write_text("outs: []\n")
    fails(data, tmp_path / file, f"{(tmp_path / file).name}.dvc does; run dvc pull")


def test_a_frame_or_spreadsheet_that_is_a_pointer(tmp_path, clips):
    data = formats.write_openpose_json(tmp_path, clips, NAMES)
    (tmp_path / "json/0000_0/clip_000000000001_keypoints.json").write_bytes(POINTER)
    bad(data, "clip_000000000001_keypoints.json", "Git LFS")
    data = formats.write_miga2025(tmp_path / "miga", clips)
    sheet = tmp_path / "miga" / FOLDER / "0000_openpose.xlsx"
    for content, words in (
        (POINTER, "Git LFS"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx"),
        (b"1,2,3\n", "expected an Excel workbook (.xlsx)"),
    ):
        sheet.write_bytes(content)
        miga_fails(data, sheet, words)


def miga_fails(data, *words):
    with pytest.raises(InputError) as caught:
        list(read_clips(data, [f"class {n}" for n in range(32)]))
    check(str(caught.value), words)


@pytest.mark.parametrize("first", ["points", "text", "chart"])
def test_points_in_another_sheet_than_the_first_are_told(tmp_path, clips, first):
    data = formats.write_miga2025(tmp_path, clips)
    sheet = tmp_path / FOLDER / "0000_openpose.xlsx"
    rows = clips[0].points.reshape(len(clips[0].points), -1).tolist()
    book = xlsxwriter.Workbook(sheet)
    if first == "chart":
        page = book.add_chartsheet("first")
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=second!$A$1:$A$3"})
        page.set_chart(chart)
    else:
        page = book.add_worksheet("first")
        page.write_row(0, 0, rows[0] if first == "points" else ["notes"])
    other = book.add_worksheet("second")
    for number, row in enumerate(rows):
        other.write_row(number, 0, row)
    book.close()
    miga_fails(data, sheet, "'second' has 411 columns", "only the first, 'first', is read")


def test_a_video_folder_that_is_a_dead_link_is_not_left_out(tmp_path, clips):
    data = formats.write_miga2025(tmp_path / "miga", clips)
    link = (tmp_path / "miga" / FOLDER).parent / "0009"
    link.symlink_to("/nowhere/0009")
    miga_fails(data, link, "link to /nowhere/0009, which is not there")
    data = formats.write_smg(tmp_path / "smg", clips)
    link = tmp_path / "smg/smg_skeleton_train/0009"
    link.symlink_to("/nowhere/0009")
    fails(data, link, "which is not there")


# OpenPose


@pytest.fixture
def frames(tmp_path, clips):
    return formats.write_openpose_json(tmp_path, clips, NAMES)


def test_a_byte_order_mark_names_of_openpose_1_0_and_hidden_files(tmp_path, frames):
    expected = read(frames)
    for path in (tmp_path / "json").rglob("*.json"):
        text = path.read_text().replace("_2d", "").replace("pose_keypoints_3d", "x")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    shutil.copy(path, path.with_name(f".{path.name}"))
    for clip, same in zip(read(frames), expected, strict=True):
        np.testing.assert_array_equal(clip.points, same.points)


def test_points_in_space_alone_are_told(tmp_path, frames):
    for path in (tmp_path / "json" / "0000_0").iterdir():
        person = {"pose_keypoints_2d": [], "pose_keypoints_3d": [1.0] * 100}
        path.write_text(json.dumps({"people": [person]}))
    bad(frames, "person 0", "pose_keypoints_3d alone", "write the 2-D points")


def test_null_people_say_nothing_of_what_was_asked_for(tmp_path, frames):
    folder = tmp_path / "json" / "0000_0"
    path = next(folder.iterdir())
    path.write_text('{"people": null}')
    assert read_people(path) == []
    assert unasked_parts(folder) == set()


@pytest.mark.parametrize(
    ("there", "row", "words"),
    [
        ("Video_A", "video_a", "'Video_A' is there, not 'video_a'"),
        ("cafe\u0301", "caf\u00e9", r"'cafe\u0301' is there, not 'caf\xe9'"),
        ("sub/v", "sub\\v", "write / between folders"),
    ],
)
def test_a_folder_that_is_written_otherwise_is_told(tmp_path, frames, there, row, words):
    (tmp_path / "json" / there).parent.mkdir(exist_ok=True)
    (tmp_path / "json" / "0000_0").rename(tmp_path / "json" / there)
    table = tmp_path / "labels.csv"
    table.write_text(table.read_text().replace("0000_0,", f"{row},", 1))
    bad(frames, "is not a folder", words)


def test_a_label_in_other_letters_and_a_name_with_a_line_break(tmp_path, frames):
    table = tmp_path / "labels.csv"
    text = table.read_text()
    table.write_text(text.replace(",wave,", ",Wave,"))
    bad(frames, "'wave' is there, not 'Wave'")
    table.write_text(text.replace("0000_0,", '"a\nb",', 1))
    bad(frames, "is not a folder")


# Pickles


def test_score_inside_the_points_and_axes_that_lack_are_told_with_the_remedy(
    tmp_path, clips, entries
):
    first = entries[0]
    points, score = first["keypoint"], first.pop("keypoint_score")
    for wrong, words in (
        (np.concatenate([points, score[..., None]], axis=3), "give it as keypoint_score"),
        (points[0], "put the axis of persons in front"),
        (points.tolist(), "write numpy arrays"),
        (points > 0, "type bool, expected"),
    ):
        first["keypoint"] = wrong
        bad(pyskl(tmp_path, clips, entries), "keypoint has", words)


def test_frames_in_the_place_of_persons_are_not_read_as_a_crowd(tmp_path, clips, entries):
    first = entries[0]
    for name in ("keypoint", "keypoint_score"):
        first[name] = np.repeat(first[name], 8, axis=1).swapaxes(0, 1)
    del first["total_frames"]
    bad(pyskl(tmp_path, clips, entries), "40 persons in 1 frames", "exchange the first two axes")


@pytest.mark.parametrize("kind", [np.int64, np.uint8, bool])
def test_scores_that_are_flags_are_read(tmp_path, clips, entries, kind):
    entries[0]["keypoint_score"] = (entries[0]["keypoint_score"] > 0).astype(kind)
    clip = read(pyskl(tmp_path, clips, entries))[0]
    np.testing.assert_array_equal(clip.points[..., 2], clips[0].points[..., 2] > 0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int16])
def test_frame_numbers_of_any_whole_type(tmp_path, clips, entries, kind):
    expected = read(pyskl(tmp_path, clips, entries))[0]
    points = np.concatenate(
        [entries[0]["keypoint"], entries[0].pop("keypoint_score")[..., None]], axis=3
    )
    order = np.random.default_rng(0).permutation(points.shape[1])
    entries[0] |= {"keypoint": points[0][order], "frame_inds": order.astype(kind)}
    got = read(pyskl(tmp_path, clips, entries))[0]
    np.testing.assert_array_equal(got.points, expected.points)


def test_copies_in_hidden_folders_and_a_file_named_twice(tmp_path, clips, entries):
    data = pyskl(tmp_path, clips, entries)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    shutil.copy(tmp_path / "clips.pkl", tmp_path / ".ipynb_checkpoints")
    assert len(read({**data, "path": str(tmp_path)})) == 3
    fails({**data, "path": [data["path"]] * 2}, "clips.pkl", "named twice")


def test_labels_that_lack_beside_a_file_are_told(tmp_path, entries):
    (tmp_path / "train_data.pkl").write_bytes(pickle.dumps(entries[:1]))
    data = {"format": "pyskl", "path": str(tmp_path), "fps": 25.0}
    fails(data, "train_data.pkl", "put its labels in train_label.pkl beside it")


# The release of 2023, SMG, CSV and Parquet


def test_two_clips_of_one_name_are_told_with_their_files(tmp_path, clips):
    data = formats.write_release2023(tmp_path, clips)
    (tmp_path / "valid_label.pkl").write_bytes(pickle.dumps((["0000_0"], [1])))
    fails(data, tmp_path / "valid_label.pkl", "name 0: '0000_0' is also", "train_label.pkl, name 0")


def test_validation_clips_under_another_name_are_not_left_out(tmp_path, clips):
    data = formats.write_release2023(tmp_path, clips)
    for end in ("data.npy", "label.pkl"):
        (tmp_path / f"valid_{end}").rename(tmp_path / f"val_{end}")
    fails(data, tmp_path / "val_data.npy", "valid_data.npy")


def test_labels_without_their_points_are_not_left_out(tmp_path, clips):
    data = formats.write_release2023(tmp_path, clips)
    (tmp_path / "test_data.npy").unlink()
    fails(data, "test_label.pkl without test_data.npy")
    data = formats.write_smg(tmp_path, clips)
    (tmp_path / "smg_skeleton_test/0002/0002_skeleton.csv").unlink()
    fails(data, "0002_skeleton.csv: does not exist", "complete or remove the folder")


def test_a_header_above_the_numbers_of_a_sample_is_skipped(tmp_path, clips):
    data = formats.write_smg(tmp_path, clips)
    path = tmp_path / "smg_skeleton_train/0000/0000_data.csv"
    path.write_text("numFrames,fps,maxDepth\n5,30,4096\n")
    assert [clip.fps for clip in read(data)] == [30, 25, 25]


def test_columns_of_the_plain_forms_that_occur_twice_are_told(tmp_path, clips):
    data = formats.write_csv(tmp_path, clips, NAMES)
    path = tmp_path / "points.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"{line},{'0' if n else 'x'}" for n, line in enumerate(lines)))
    fails(data, path, "row 1: x are missing or there twice", "each once")
    path.write_text("\n".join(lines).replace(",", ", "))
    fails(data, path, "row 1", "without blanks")
    data = formats.write_parquet(tmp_path, clips, NAMES)
    table = pq.read_table(data["path"])
    pq.write_table(table.append_column("label", table["label"]), data["path"])
    fails(data, data["path"], "several columns label")
    fails({**data, "path": str(tmp_path)}, tmp_path, "is a folder", "name the file")


def test_a_message_of_a_bad_clip_stays_on_one_line():
    assert "\n" not in BadClip("a\nb", "train", "file\n, row 1", "is\nwrong").message
