"""Bad CSV files, of SMG and of the plain form: each is named in one line."""

import csv
import shutil

import numpy as np
import pytest

from microgesture.readers.common import read_bytes, shown
from microgesture.readers.labels import csv_rows
from microgesture.utils.errors import InputError
from tests import formats
from tests.refusals import bad, fails, read

# SMG.


@pytest.fixture
def kinect(tmp_path):
    return formats.write_smg(tmp_path, formats.some_clips())


def sample(tmp_path, end):
    return tmp_path / "smg_skeleton_train" / "0000" / f"0000_{end}.csv"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", ["Empty CSV file", "rows of 275 numbers"]),
        (lambda text: "1,2,3\n", ["Expected 275 columns, got 3"]),
        (lambda text: text.replace("9.0,", "", 1), ["Expected 275 columns, got 274"]),
        (lambda text: text.replace("\n", ",1\n", 1), ["Expected 275 columns, got 276"]),
        (lambda text: ",".join(["x"] * 275), ["invalid value 'x'"]),
        (lambda text: ",".join([""] * 275), ["invalid value ''"]),
        (lambda text: f"{','.join(map(str, range(275)))}\n{text}", ["row 1", "this header row"]),
    ],
)
def test_a_kinect_file_that_is_wrong(kinect, tmp_path, change, words):
    path = sample(tmp_path, "skeleton")
    path.write_text(change(path.read_text()))
    fails(kinect, path, *words)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e39"])
def test_a_kinect_point_that_is_not_finite(kinect, tmp_path, value):
    path = sample(tmp_path, "skeleton")
    rows = list(csv.reader(path.read_text().splitlines()))
    rows[2][11 * 3 + 7] = value
    path.write_text("\n".join(map(",".join, rows)))
    bad(kinect, "0000_finelabels.csv, row 1", "frame 2, point 3 holds")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("4,0,1", ["class 4, expected 1..3"]),
        ("1,0,5", ["frames 0..5", "0000_skeleton.csv has 5 frames (0..4)"]),
        ("1,3,2", ["frames 3..2"]),
        ("1,-1,2", ["frames -1..2"]),
        ("1,x,2", ["three integers"]),
    ],
)
def test_a_kinect_label_that_is_wrong(kinect, tmp_path, row, words):
    sample(tmp_path, "finelabels").write_text(row)
    bad(kinect, sample(tmp_path, "finelabels"), "row 1", *words, number=0)


def test_kinect_folders_that_are_wrong(kinect, tmp_path):
    for content in ("5\n", "5,x,1\n", "5,0,1\n", "5,nan,1\n", "\n"):
        sample(tmp_path, "data").write_text(content)
        fails(kinect, sample(tmp_path, "data"), "expected the row numFrames,fps,maxDepth")
    sample(tmp_path, "data").unlink()
    fails(kinect, sample(tmp_path, "data"), "does not exist")
    folder = sample(tmp_path, "data").parent
    shutil.copytree(folder, tmp_path / "smg_skeleton_test" / "0000")
    fails(kinect, "sample 0000 is also in")
    folder.rename(tmp_path / "0000")
    shutil.rmtree(tmp_path / "smg_skeleton_test" / "0000")
    fails(kinect, tmp_path / "0000", "is not in one of the folders smg_skeleton_train")
    fails(kinect, "holds no sample", root=str(tmp_path / "0000"))
    fails(kinect, "is not a folder", root=str(tmp_path / "nowhere"))


# The plain form as CSV.

HEAD = "clip_id,label,subject,split,fps,height,width,frame,point,x,y,score"
ROW = "a,wave,s,train,25,720,1280,0,1,10,20,0.9"


@pytest.fixture
def plain(tmp_path):
    def write(*rows, header=HEAD):
        text = "\n".join([header, *rows]) + "\n"
        (tmp_path / "a.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
        return {"format": "csv", "path": str(tmp_path / "a.csv")}

    return write


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,nod,s,train,25,720,1280,0,2,1,1,1", ["label is 'nod' in row 3, but 'wave'"]),
        ("a,wave,s,train,30,720,1280,0,2,1,1,1", ["fps is 30.0 in row 3"]),
        ("a,wave,s,train,25,720,1280,-1,2,1,1,1", ["row 3: frame is not in 0..99999"]),
        ("a,wave,s,train,25,720,1280,100000,2,1,1,1", ["row 3: frame is not in 0..99999"]),
        ("a,wave,s,train,25,720,1280,0,137,1,1,1", ["row 3: point is not in 0..136"]),
        ("a,wave,s,train,25,720,1280,0,-1,1,1,1", ["row 3: point is not in"]),
        ("a,wave,s,train,25,720,1280,0,1,1,1,1", ["row 3: the frame has this point already"]),
        ("a,wave,s,train,25,720,1280,0,2,,1,1", ["row 3: x is empty"]),
        ("a,wave,s,train,25,720,1280,,2,1,1,1", ["row 3: frame is empty"]),
        ("a,wave,s,train,25,720,1280,0,2,nan,1,1", ["frame 0, point 2 holds [nan"]),
        ("a,wave,s,train,25,720,1280,0,2,inf,1,1", ["frame 0, point 2 holds [inf"]),
        ("a,wave,s,train,25,720,1280,0,2,1e39,1,1", ["frame 0, point 2 holds [inf"]),
    ],
)
def test_a_csv_row_that_is_wrong(plain, row, words):
    data = plain(ROW, row, ROW.replace("a,wave", "b,wave"))
    bad(data, "a.csv, row 2", "clip a", *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("wave", "jump", ["'jump' is not in the classes file"]),
        ("train", "dev", ["split is 'dev'"]),
        (",s,", ",,", ["subject is empty"]),
        (",25,", ",,", ["fps is empty"]),
        (",25,", ",-1,", ["fps -1"]),
        (",720,", ",0,", ["height 0"]),
        (",0.9", ",0", ["no visible point in its only frame"]),
    ],
)
def test_a_csv_clip_that_is_wrong(plain, old, new, words):
    bad(plain(ROW.replace(old, new), ROW.replace("a,wave", "b,wave")), "a.csv, row 2", *words)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], ["holds no row below the header"]),
        ([ROW, ROW.replace("a,wave", "b,wave"), ROW], ["row 4", "clip 'a' was there before"]),
        ([ROW.replace("a,wave", ",wave")], ["row 2", "clip_id is empty"]),
        ([ROW + ",1"], ["Expected 12 columns, got 13"]),
        ([ROW.replace("720", "tall")], ["'tall'"]),
        ([ROW.replace("720", "720.5")], ["'720.5'"]),
        ([ROW.replace("720", "99999999999")], ["'99999999999'"]),
        ([ROW.replace("wave", "\udcff")], ["line 2", "0xff", "no UTF-8", "save it as"]),
    ],
)
def test_a_csv_file_that_is_wrong(plain, rows, words):
    fails(plain(*rows), "a.csv", *words)


def test_csv_columns_that_are_missing(plain, tmp_path):
    fails(plain(ROW, header=HEAD.replace("score", "sure")), "a.csv", "score", "clip_id,label")
    fails({"format": "csv", "path": str(tmp_path / "none.csv")}, "is not a file")
    (tmp_path / "a.csv").write_text("")
    fails({"format": "csv", "path": str(tmp_path / "a.csv")}, "cannot be read")


def test_a_label_that_is_empty_is_not_known(plain):
    assert read(plain(ROW.replace("wave", "")))[0].label == -1


def test_clips_that_span_batches_come_through_whole(plain, monkeypatch):
    from pyarrow import csv as arrow

    rows = [
        f"{clip},wave,s,train,25,720,1280,{frame},{point},{frame}.5,{point},1"
        for clip in "ab"
        for frame in range(30)
        for point in range(137)
    ]
    options = arrow.ReadOptions
    monkeypatch.setattr(arrow, "ReadOptions", lambda **k: options(**k, block_size=10_000))
    clips = read(plain(*rows))
    assert [clip.points.shape for clip in clips] == [(30, 137, 3)] * 2
    frame, point = np.indices((30, 137))
    np.testing.assert_array_equal(clips[1].points[..., 0], frame + np.float32(0.5))
    np.testing.assert_array_equal(clips[1].points[..., 1], point)


# Small helpers.


def test_a_value_is_shown_on_one_short_line():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 1000)) == 60
    assert shown(10**5000) == "a int"
    assert shown(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"


def test_reading_bytes(tmp_path):
    for name, words in (("none", "does not exist"), (".", "is not a regular file")):
        with pytest.raises(InputError, match=words):
            read_bytes(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(tmp_path / ("n" * 300))


def test_lines_are_counted_as_an_editor_counts(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfa,"b\nc"\r\n\r\nd,e\r\n')
    assert csv_rows(tmp_path / "a.csv") == [(2, ["a", "b\nc"]), (4, ["d", "e"])]
