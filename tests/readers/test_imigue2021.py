"""The licensed release of 2021, and folders of the MiGA release that have only light tables."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xlsxwriter
import yaml

from microgesture.data.classes import load_classes
from microgesture.data.store import BadClip
from microgesture.readers.light import BODY, TIPS, read_light
from microgesture.readers.sources import detect
from microgesture.utils.errors import InputError
from microgesture.workflow.checks import check_config
from microgesture.workflow.named_files import check_files
from tests import formats
from tests.conftest import REPOSITORY
from tests.readers.test_formats import assert_same
from tests.sections import by_video, raw_files, read_clips

NAMES = load_classes(REPOSITORY / "config/classes/imigue.yaml")


def read(data, workers=1, **settings):
    return list(read_clips({**data, **settings}, NAMES, workers))


def fails(data, *words, **settings):
    with pytest.raises(InputError) as caught:
        read(data, **settings)
    for word in words:
        assert str(word) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def clips():
    """Six videos of three subjects, two a split."""
    made = formats.some_clips()
    second = formats.some_clips(frames=(2, 3, 3))
    others = [replace(c, clip_id=f"01{n:02d}_0") for n, c in enumerate(second)]
    pairs = [clip for pair in zip(made, others, strict=True) for clip in pair]
    return [replace(c, subject=f"s{c.split}", label=n) for n, c in enumerate(pairs)]


@pytest.fixture
def release(tmp_path, clips):
    return formats.write_imigue2021(tmp_path / "iMiGUE", clips)


def table(release):
    return next(path for path in raw_files(release) if path.endswith(".csv"))


def edit(release, old, new):
    path = table(release)
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    assert old in text
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text.replace(old, new, 1))


def sheet(release, video):
    return next(path for path in raw_files(release) if path.endswith(f"{video}_2.xlsx"))


def test_clips_come_through_with_subjects_and_the_splits_of_the_videos_folders(release, clips):
    got = read(release)
    assert_same(got, clips)
    assert [clip.subject for clip in got] == ["strain"] * 2 + ["sval"] * 2 + ["stest"] * 2
    assert not by_video(release) and detect(release["root"]) == "imigue2021"
    one, two = read(release), read(release, workers=2)
    assert_same(two, one)
    hidden = read(release, test_labels="placeholder")
    assert [c.label == -1 for c in hidden] == [False] * 4 + [True] * 2


def test_rows_of_a_video_are_its_clips_in_the_order_of_the_table(release, clips):
    edit(
        release, "0,strain,1,0,4,Win", "0,strain,99,3,4,Lose\n1,sval,7,1,1,Win\n0,strain,2,0,0,Lose"
    )
    got = {clip.clip_id: clip for clip in read(release)}
    assert got["0000_0"].label == 31 and got["0000_1"].label == 1
    assert got["0001_0"].label == 6
    np.testing.assert_array_equal(got["0000_0"].points, clips[0].points[3:5])
    np.testing.assert_array_equal(got["0000_1"].points, clips[0].points[:1])


def test_splits_from_a_list_and_by_subject(tmp_path, release, clips):
    listed = tmp_path / "splits.csv"
    listed.write_text("video,split\n0,val\n0001,train\n100,train\n")
    got = read(release, video_splits=str(listed))
    assert [(c.clip_id, c.split) for c in got] == [
        ("0001_0", "train"),
        ("0100_0", "train"),
        ("0000_0", "val"),
    ]
    assert str(listed) in raw_files({**release, "video_splits": str(listed)})
    by_subject = {"by": "subject", "val": ["strain"], "test": []}
    assert {(c.subject, c.split) for c in read(release, split=by_subject)} == {
        ("strain", "val"),
        ("sval", "train"),
        ("stest", "train"),
    }
    for text, words in (
        ("a,b\n", "expected the header row 'video,split'"),
        ("video,split\n9,train\n", "row 2: found '9,train', expected a video of the table"),
        ("video,split\n0,dev\n", "row 2: found '0,dev'"),
        ("video,split\n0,val\n0,train\n", "row 3: video 0 is also in val"),
    ):
        listed.write_text(text)
        fails(release, listed, words, video_splits=str(listed))


def test_empty_spreadsheets_and_videos_in_no_split_are_told_and_left_out(release, clips, capsys):
    for video in ("0100", "0101"):
        xlsxwriter.Workbook(sheet(release, video)).close()
    edit(release, "win_or_lose\n", "win_or_lose\n319,sx,1,0,4,Win\n")
    for workers in (1, 2):
        assert_same(
            read(release, workers), [c for c in clips if c.clip_id[:4] not in ("0100", "0101")]
        )
        said = capsys.readouterr().err
        assert (
            "note: the spreadsheets of videos 0100, 0101 are empty; their 2 clips are left" in said
        )
        assert re.search(r"note: 1 videos of .*csv are in no split, the first is 0319;", said)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0,strain,33,0,4,Win", "class 33, expected 1..31 or 99"),
        ("0,strain,0,0,4,Win", "class 0, expected"),
        ("0,strain,x,0,4,Win", "is 'x,0,4', expected three integers"),
        ("0,strain,1,4,0,Win", "frames 4..0, expected 0 <= start <= end"),
        ("0,strain,1,0,5,Win", "frames 0..5, but 0000_2.xlsx has 5 frames (0..4)"),
    ],
)
def test_a_bad_row_is_named_or_skipped(release, row, words):
    edit(release, "0,strain,1,0,4,Win", row)
    fails(release, table(release), "row 2", words) if "0,5" not in row else None
    items = read(release, on_bad_clip="skip")
    assert isinstance(items[0], BadClip) and words in items[0].message and len(items) == 6
    assert "row 2" in items[0].message


def test_a_release_that_is_wrong(tmp_path, release):
    fails({**release, "root": str(tmp_path / "no")}, "is not a folder")
    edit(release, "0,strain,1,0,4,Win", "0,strain,1,0,4,Win\n0,other,1,0,4,Win")
    fails(release, "row 3: video 0 has subject 'other', but 'strain'")
    edit(release, "\n0,other,1,0,4,Win", "\n,other,1,0,4,Win")
    fails(release, "row 3: video_id,subject_id is ',other'")
    edit(release, "\n,other,1,0,4,Win", "\n0,strain,1")
    fails(release, "row 3: has 3 fields, expected 6")
    edit(release, "video_id,", "video,")
    fails(
        release, "row 1: found 'video,subject_id", "expected a header row of the columns video_id"
    )


def test_files_and_folders_that_are_missing(tmp_path, release):
    root = tmp_path / "iMiGUE"
    (root / "iMiGUE_RGB_Phase2").rename(tmp_path / "later")
    assert len(read(release)) == 4  # the test videos are given out later
    (root / "iMiGUE_RGB_Phase1" / "imigue_rgb_validate").rename(tmp_path / "val")
    fails(release, "expected one folder imigue_rgb_validate", "data.video_splits")
    (tmp_path / "val").rename(root / "iMiGUE_RGB_Phase1" / "imigue_rgb_validate")
    (root / "mg_skeleton_only" / "0000" / "0000_2.xlsx").unlink()
    fails(release, "0000_2.xlsx: does not exist, but", "complete the folder")
    (root / "Label").rename(tmp_path / "Label")
    fails(release, "expected one labels_20200831.csv at most 4 levels below, found none")
    with pytest.raises(InputError, match="3 names, but format imigue2021 has 32 classes"):
        list(read_clips(release, ["a", "b", "c"]))


def test_the_config_takes_the_release(release, monkeypatch, tmp_path):
    monkeypatch.chdir(REPOSITORY)
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    base = {"name": "x", "on_bad_clip": "stop", **release, **formats.SIZE}
    for extra in ({}, {"video_splits": "README.md"}, {"test_labels": "placeholder"}):
        config["data"] = {**base, **extra}
        check_files(check_config(config, "c.yaml"), "c.yaml")
    config["data"] = {**base, "video_splits": "nowhere.csv"}
    with pytest.raises(InputError, match=r"data\.video_splits: there is no nowhere\.csv"):
        check_files(check_config(config, "c.yaml"), "c.yaml")
    config["data"] = {**base, "subjects": "s.csv"}
    with pytest.raises(InputError, match="data: unknown key 'subjects'; known keys: name"):
        check_config(config, "c.yaml")


# Light tables of the MiGA release.


def write_light(folder, points, end, numbers, header=None, first=0):
    video = folder.name
    rows = [
        ",".join(map(repr, [first + n, *row]))
        for n, row in enumerate(points[:, list(numbers)].reshape(len(points), -1).tolist())
    ]
    lines = [header, *rows] if header else rows
    (folder / f"{video}{end}").write_text("\n".join(lines) + "\n")


@pytest.fixture
def miga(tmp_path):
    made = formats.some_clips()
    return formats.write_miga2025(tmp_path, made), made


HEADERS = [None, "frame," + ",".join(f"p{n}" for n in range(105)), ",".join(map(str, range(106)))]


@pytest.mark.parametrize("header", HEADERS, ids=["none", "names", "numbers"])
@pytest.mark.parametrize("first", [0, 1])
def test_folders_with_light_tables_alone_are_read(tmp_path, miga, header, first, capsys):
    data, clips = miga
    both = read(data)
    for path in tmp_path.rglob("*_openpose.xlsx"):
        points = next(c for c in clips if c.subject == path.parent.name).points
        write_light(path.parent, points, "_light_hand.csv", BODY + TIPS, header, first)
        write_light(path.parent, points + 1, "_light.csv", BODY)  # the hands' table has it, too
    assert_same(read(data), both)  # the spreadsheet is fuller
    assert not [path for path in raw_files(data) if "light" in Path(path).name]
    for path in tmp_path.rglob("*_openpose.xlsx"):
        path.unlink()
    assert detect(tmp_path) == "miga2025"
    assert {Path(path).name[4:] for path in raw_files(data)} == {"_light_hand.csv", "_label.csv"}
    expected = [replace(c, points=only(c.points, BODY + TIPS)) for c in both]
    assert_same(read(data), expected)
    assert "note: 3 videos have no spreadsheet, the first is 0000" in capsys.readouterr().err
    for path in tmp_path.rglob("*_light_hand.csv"):
        path.unlink()
    assert len([path for path in raw_files(data) if path.endswith("_light.csv")]) == 3
    for got, clip in zip(read(data), both, strict=True):
        found = clip.points[:, list(BODY)] + 1
        np.testing.assert_array_equal(got.points[:, list(BODY), :2], found[..., :2])
        assert not got.points[:, 25:].any()
    for path in tmp_path.rglob("*_light.csv"):
        path.unlink()
        fails(data, f"{path.parent.name}_openpose.xlsx: does not exist")
        break


def only(points, numbers):
    kept = np.zeros_like(points)
    kept[:, list(numbers)] = points[:, list(numbers)]
    return kept


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [], "holds no frame"),
        (lambda rows: [["frame"]], "holds no frame"),
        (lambda rows: [row[:-1] for row in rows], "row 1: has 105 columns"),
        (lambda rows: [["x", *row[1:]] for row in rows], "the first of which is 'x'"),
        (lambda rows: rows[:1] + rows[2:], "row 2: has 106 columns and the frame number '2'"),
        (lambda rows: [rows[0], rows[1][:-3], rows[2]], "row 2: has 103 columns"),
        (lambda rows: [rows[0], [*rows[1][:5], "", *rows[1][6:]]], "row 2, column 6: found ''"),
        (lambda rows: [rows[0], [*rows[1][:5], "nan", *rows[1][6:]]], "column 6: found 'nan'"),
        (lambda rows: [rows[0], [*rows[1][:5], "1e39", *rows[1][6:]]], "column 6: found '1e39'"),
        (lambda rows: [[*rows[0][:5], "left", *rows[0][6:]]], "row 1, column 6: found 'left'"),
    ],
)
def test_a_light_table_that_is_wrong(tmp_path, change, words):
    rows = [[str(n), *["0.5"] * 105] for n in range(3)]
    path = tmp_path / "0001_light_hand.csv"
    path.write_text("\n".join(",".join(row) for row in change(rows)))
    with pytest.raises(InputError) as caught:
        read_light(path)
    assert words in str(caught.value) and str(path) in str(caught.value)
