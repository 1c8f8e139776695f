"""Bad frames, folders and tables of OpenPose JSON: each is named in one line."""

import json
import os
import shutil

import numpy as np
import pytest

from microgesture.data.store import read_index, write_store
from microgesture.readers import openpose_frames, openpose_json
from microgesture.readers.sources import detect
from microgesture.utils.errors import InputError
from tests import formats
from tests.refusals import NAMES, bad, fails, read
from tests.sections import frames_digest, read_clips


@pytest.fixture
def frames(tmp_path):
    """Two recordings and their table; the first one is there to be spoilt."""
    clips = formats.some_clips()[:2]
    return formats.write_openpose_json(tmp_path, clips, NAMES), tmp_path / "json" / "0000_0"


def frame(folder, number=1):
    return folder / f"clip_{number:012d}_keypoints.json"


def entry(**changes):
    points = formats.some_clips()[0].points[0]
    return json.dumps({"people": [{**formats.person(points), **changes}]})


VALID = entry()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (VALID[:100], ["is not valid JSON", "line 1 column", "write the frame again"]),
        ("", ["is not valid JSON", "the file is empty"]),
        ("{]", ["is not valid JSON"]),
        ('{"people": [NaN]}', ["is not valid JSON"]),
        (entry(hand_left_keypoints_2d=[float("inf")] * 63), ["is not valid JSON"]),
        (VALID.replace("1280", "1e999").replace("0.5", "1e999", 1), ["is not valid JSON"]),
        ('{"people": ' + "[" * 100_000, ["is not valid JSON"]),
        ("[]", ["has no list 'people'"]),
        ('{"people": {}}', ["has no list 'people'"]),
        ('{"version": 1.3}', ["has no list 'people'"]),
        ('{"people": [7]}', ["person 0", "found 'int'", "pose_keypoints_2d"]),
        ('{"people": [{"keypoints": [1, 2, 3]}]}', ["person 0", "'keypoints'"]),
        (
            entry(pose_keypoints_2d=[1.0] * 74),
            ["pose_keypoints_2d holds 74 numbers, expected 75 or"],
        ),
        (entry(face_keypoints_2d=[1.0] * 63), ["face_keypoints_2d holds 63 numbers, expected 210"]),
        (entry(hand_left_keypoints_2d="x"), ["hand_left_keypoints_2d holds 'x'"]),
        (entry(hand_left_keypoints_2d=[1.0] * 62 + ["x"]), ["number 62 is 'x', expected a number"]),
        (entry(hand_left_keypoints_2d=[True] * 63), ["number 0 is True"]),
        (entry(hand_left_keypoints_2d=[[1.0]] * 63), ["number 0 is [1.0]"]),
        (entry(hand_left_keypoints_2d=[None] * 63), ["number 0 is None"]),
        (entry(hand_left_keypoints_2d=[1.0, 1e39, 1.0] * 21), ["frame 1, point 95 holds", "inf"]),
    ],
)
def test_a_bad_frame_spoils_its_clip_alone(frames, content, words):
    data, folder = frames
    frame(folder).write_text(content, encoding="utf-8")
    finite = "holds" in words[0] and "point 95" in words[0]
    bad(data, "labels.csv, row 2", "clip 0000_0", *([] if finite else [frame(folder)]), *words)


def test_a_frame_that_is_no_text(frames):
    data, folder = frames
    frame(folder).write_bytes(b'{"people": "\xff\xfe"}')
    bad(data, frame(folder), "is not valid JSON")


def test_stop_and_skip(frames, tmp_path):
    data, folder = frames
    frame(folder).write_text("{")
    store = tmp_path / "clips.parquet"
    with pytest.raises(InputError, match=r"clip 0000_0.*not valid JSON"):
        write_store(store, read_clips(data, NAMES), NAMES, "openpose_json")
    assert not store.exists()
    written = write_store(store, read_clips(data, NAMES), NAMES, "openpose_json", "skip")
    assert [item.clip_id for item in written.skipped] == ["0000_0"]
    assert read_index(store).clip_id.tolist() == ["0001_0"]


def test_a_folder_without_frames_and_without_people(frames):
    data, folder = frames
    for path in folder.iterdir():
        formats.write_frame(path, [])
    bad(data, "clip 0000_0", "no visible point in any of its 5 frames")
    for path in folder.iterdir():
        path.unlink()
    bad(data, folder, "holds no frame file", "clip_000000000000_keypoints.json")
    folder.rmdir()
    bad(data, folder, "is not a folder")


def test_null_people_are_nobody(frames):
    data, folder = frames
    frame(folder).write_text('{"people": null}')
    assert not read(data)[0].points[1].any()


def test_one_frame_is_a_clip(frames):
    data, folder = frames
    for number in range(1, 5):
        frame(folder, number).unlink()
    assert [len(clip.points) for clip in read(data)] == [1, 3]


def test_files_that_macos_puts_beside_others_are_no_frames(frames):
    data, folder = frames
    expected = [len(clip.points) for clip in read(data)]
    digest = frames_digest(data)
    for path in list(folder.iterdir()):
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07")
    assert [len(clip.points) for clip in read(data)] == expected
    assert frames_digest(data) == digest and detect(data["root"]) == "openpose_json"


def test_two_recordings_in_a_folder_and_two_files_of_one_number(frames):
    data, folder = frames
    shutil.copy(frame(folder), folder / "clip_1_keypoints.json")
    bad(data, folder, "are both frame 1")
    (folder / "clip_1_keypoints.json").rename(folder / "other_1_keypoints.json")
    bad(data, folder, "several recordings", "other_1_keypoints.json")


def test_a_frame_that_is_no_regular_file(frames):
    data, folder = frames
    frame(folder).unlink()
    os.mkfifo(frame(folder))  # opening a pipe would wait for ever
    bad(data, frame(folder), "is not a regular file")
    frame(folder).unlink()
    frame(folder).symlink_to(frame(folder).name)
    bad(data, frame(folder), "is not a regular file")


def test_a_file_that_vanishes_while_being_read(frames, monkeypatch):
    data, folder = frames
    listed = openpose_json.frame_names

    def list_then_remove(place):
        names = listed(place)
        if place == folder:
            (folder / names[3]).unlink()
        return names

    monkeypatch.setattr(openpose_json, "frame_names", list_then_remove)
    bad(data, frame(folder, 3), "does not exist")


def test_a_file_that_may_not_be_read(frames, monkeypatch):
    data, folder = frames
    opened = type(folder).read_bytes

    def refuse(path):
        if path == frame(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path)

    monkeypatch.setattr(type(folder), "read_bytes", refuse)
    bad(data, frame(folder), "cannot be read (Permission denied)", "you may read it")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_listed(frames):
    data, folder = frames
    folder.chmod(0)
    try:
        bad(data, folder, "Permission denied")
    finally:
        folder.chmod(0o700)


def test_a_folder_of_a_release_that_may_not_be_listed(tmp_path, monkeypatch):
    data = formats.write_miga2025(tmp_path, formats.some_clips())
    names = [f"c{n}" for n in range(32)]

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\)"):
        list(read_clips(data, names))


def table(data, *rows, header="folder,label,subject,split"):
    with open(data["labels"], "w", encoding="utf-8") as handle:
        handle.write("\n".join([header, *rows]) + "\n")


OTHER = "0001_0,nod,s2,val"


def test_a_folder_is_listed_once_for_all_of_its_clips(frames, monkeypatch):
    data, folder = frames
    rows = [f"{name},wave,s,train,{n},{n}" for n in range(3) for name in ("0000_0", "0001_0")]
    table(data, *rows, header="folder,label,subject,split,start,end")
    listed = []
    of_system = os.listdir
    monkeypatch.setattr(os, "listdir", lambda place: listed.append(place) or of_system(place))
    clips = read(data)
    assert sorted(listed) == [folder, folder.with_name("0001_0")]
    frames_of = {f.name: openpose_frames.read_recording(f) for f in set(listed)}
    for n, clip in enumerate(clips):
        expected = frames_of[clip.clip_id[:6]][n // 2][None]
        np.testing.assert_array_equal(clip.points, expected)


@pytest.mark.parametrize(
    "folder", ["../outside", "link", "0000_0/../../outside", "/etc", "0001_0/../link"]
)
def test_a_folder_outside_of_the_root_is_never_opened(frames, tmp_path, folder):
    data, _ = frames
    formats.write_frames(tmp_path / "outside", formats.some_clips()[0].points)
    (tmp_path / "json" / "link").symlink_to("../outside")
    table(data, OTHER, f"{folder},wave,s,train")
    fails(data, "labels.csv, row 3", repr(folder), "outside of", tmp_path / "json")


def test_links_in_a_loop(frames, tmp_path):
    data, _ = frames
    (tmp_path / "json" / "a").symlink_to("b")
    (tmp_path / "json" / "b").symlink_to("a")
    table(data, "a,wave,s,train")
    fails(data, "labels.csv, row 2", "'a' cannot be followed")


def test_a_link_to_the_folder_above_is_no_endless_search(frames, tmp_path):
    data, folder = frames
    (folder / "loop").symlink_to("..")
    assert [clip.clip_id for clip in read(data)] == ["0000_0", "0001_0"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["0000_0,wave,s,train,0,4", "x,,,"], ["row 3", "has 4 fields, expected 6"]),
        ([",wave,s,train,,"], ["row 2", "folder is empty"]),
        (["0000_0,wave,,train,,"], ["row 2", "subject is empty"]),
        (["0000_0,wave,s,,,"], ["row 2", "split is empty"]),
        (["0000_0,wave,s,train,,", "0000_0,wave,s,train,,"], ["row 3", "that of row 2", "clip_id"]),
        (["a\0b,wave,s,train,,"], ["row 2", "cannot be followed"]),
        ([f"{'n' * 300},wave,s,train,,"], ["nnn"]),
        ([], ["holds no clip"]),
    ],
)
def test_a_table_that_is_wrong(frames, rows, words):
    data, _ = frames
    table(data, *rows, header="folder,label,subject,split,start,end")
    fails(data, *words)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0000_0,wave,s,train,0,5", ["frames 0..5", "has 5 frame files (0..4)"]),
        ("0000_0,wave,s,train,3,2", ["frames 3..2, expected 0 <= start <= end"]),
        ("0000_0,wave,s,train,-1,2", ["frames -1..2"]),
        ("0000_0,wave,s,train,1,", ["'1,'", "two integers"]),
        ("0000_0,wave,s,train,a,b", ["'a,b'", "two integers"]),
        ("0000_0,wave,s,train,0,1e3", ["'0,1e3'"]),
        ("0000_0,wave,s,train,0,nan", ["'0,nan'"]),
        (f"0000_0,wave,s,train,0,{'9' * 5000}", ["two integers"]),
        ("0000_0,jump,s,train,,", ["'jump'", "not in the classes file"]),
        ("0000_0,wave,s,dev,,", ["'dev'", "train, val, test"]),
        ("nowhere,wave,s,train,,", ["nowhere", "is not a folder"]),
    ],
)
def test_a_row_that_is_wrong(frames, row, words):
    data, _ = frames
    table(data, row, f"{OTHER},,", header="folder,label,subject,split,start,end")
    bad(data, "labels.csv, row 2", *words)


def test_overlapping_rows_are_legal_and_told(frames, capsys):
    data, _ = frames
    rows = [f"0000_0,wave,s,train,{a},{b}" for a, b in ((0, 3), (2, 4), (2, 4))]
    table(data, *rows, header="folder,label,subject,split,start,end")
    assert [c.clip_id for c in read(data)] == ["0000_0_0", "0000_0_1", "0000_0_2"]
    assert "2 clips share frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    "header",
    [
        "",
        "folder,label,subject",
        "folder,label,subject,split,begin",
        "folder,label,subject,split,start",
        "folder,folder,label,subject,split",
        "0000_0,wave,s,train",
    ],
)
def test_a_table_with_other_columns(frames, header):
    data, _ = frames
    table(data, "x", header=header)
    fails(data, "labels.csv, row 1" if header else "labels.csv", "folder,label,subject,split")


def test_a_table_that_is_missing_or_no_text(frames, tmp_path):
    data, _ = frames
    fails(data, "labels: does not exist", labels=str(tmp_path / "labels"))
    fails(data, "is not a folder; set data.root", root=str(tmp_path / "nowhere"))
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe\x00")
    fails(data, "labels.csv: cannot be read as a CSV file")
    (tmp_path / "labels.csv").write_bytes(b'"' + b"x" * 200_000)
    fails(data, "labels.csv: cannot be read as a CSV file", "field larger than")
