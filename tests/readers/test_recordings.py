"""Whole recordings beside their clips: the same points, all frames, from one pass."""

import numpy as np
import pytest

from microgesture.data.classes import UNKNOWN, load_classes
from microgesture.data.keypoints import OPENPOSE
from microgesture.data.recordings import Recording, keep_recordings
from microgesture.data.store import BadClip, Clip, iter_store, read_metadata, write_store
from microgesture.readers import miga2025, openpose_json
from microgesture.utils.errors import InputError
from tests import formats
from tests.conftest import REPOSITORY
from tests.sections import read_clips

NAMES = load_classes(REPOSITORY / "config/classes/imigue.yaml")
FIELDS = ("split", "fps", "height", "width", "points")
SHARED = REPOSITORY.parent.parent / "shared/data/precog16"


def sources(missing=True):
    """One recording a split, named as the video is."""
    made = formats.some_clips(missing, frames=(9, 7, 8))
    return [
        Clip(clip.subject, UNKNOWN, clip.subject, *(getattr(clip, n) for n in FIELDS))
        for clip in made
    ]


def write_miga(root):
    made = sources()
    data = formats.write_miga2025(root, made)
    for path in root.rglob("*_label.csv"):
        path.write_text("1,2,4\n3,5,6\n")
    return data, made


def write_2021(root):
    made = sources()
    data = formats.write_imigue2021(root, made)
    rows = [
        f"{int(one.clip_id)},{one.subject},{raw},{ends},Win"
        for one in made
        for raw, ends in ((1, "2,4"), (3, "5,6"))
    ]
    table = root / "Label/labels_20200831.csv"
    header = table.read_text().partition("\n")[0]
    table.write_text("\n".join([header, *rows]) + "\n")
    return data, made


def write_json(root):
    made = sources(missing=False)
    data = formats.write_openpose_json(root, made, NAMES)
    rows = [
        f"{one.clip_id},{NAMES[label]},{one.subject},{one.split},{ends}"
        for one in made
        for label, ends in ((0, "2,4"), (2, "5,6"))
    ]
    (root / "labels.csv").write_text(
        "\n".join(["folder,label,subject,split,start,end", *rows]) + "\n"
    )
    return data, made


def write_smg(root):
    made = [
        Clip(one.clip_id, 0, *(getattr(one, n) for n in ("subject", *FIELDS[:4])), kinect(one))
        for one in sources()
    ]
    data = formats.write_smg(root, made)
    for path in root.rglob("*_finelabels.csv"):
        path.write_text("1,2,4\n3,5,6\n")
    return data, made


def kinect(one):
    points = one.points[:, :25].copy()
    points[..., 2] = (points[..., :2] != 0).any(axis=2)
    return points


def write_plain(root):
    made = sources()
    rows = [
        [one.clip_id, NAMES[label], *ends]
        for one in made
        for label, ends in ((0, (2, 4)), (2, (5, 6)))
    ]
    return formats.write_recordings(root, made, rows), made


WRITERS = {
    "miga2025": write_miga,
    "imigue2021": write_2021,
    "openpose_json": write_json,
    "smg": write_smg,
    "recordings": write_plain,
}


def columns(clip):
    return [getattr(clip, name) for name in ("clip_id", "label", "subject", *FIELDS[:4])]


@pytest.mark.parametrize("name", WRITERS)
def test_recordings_come_with_the_same_clips(tmp_path, name):
    data, made = WRITERS[name](tmp_path)
    clips = list(read_clips(data, NAMES))
    assert [clip.label for clip in clips] == [0, 2] * 3
    both = list(read_clips(data, NAMES, whole=True))
    again = [item for item in both if not isinstance(item, Recording)]
    assert [columns(clip) for clip in again] == [columns(clip) for clip in clips]
    origins = [(one.clip_id, start, len(one.points)) for one in made for start in (2, 5)]
    for each in (clips, again):
        assert [(one.recording, one.start, one.recording_frames) for one in each] == origins
    for one, other in zip(again, clips, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
    wholes = [item for item in both if isinstance(item, Recording)]
    assert [one.clip_id for one in wholes] == [one.clip_id for one in made]
    for whole, source, clip in zip(wholes, made, clips[::2], strict=True):
        assert columns(whole)[1:] == [UNKNOWN, *columns(source)[2:]]
        assert len(whole.points) == len(source.points)
        np.testing.assert_array_equal(whole.points[2:5], clip.points)
        np.testing.assert_array_equal(whole.points, source.points)


def test_each_file_is_opened_once(tmp_path, monkeypatch):
    opened = []
    for module, function in ((miga2025, "read_sheet"), (openpose_json, "read_people")):
        own = getattr(module, function)

        def noted(path, *more, own=own):
            opened.append(path)
            return own(path, *more)

        monkeypatch.setattr(module, function, noted)
    for name, write in (("miga", write_miga), ("json", write_json)):
        (tmp_path / name).mkdir()
        data, made = write(tmp_path / name)
        list(read_clips(data, NAMES, whole=True))
        expected = len(made) if name == "miga" else sum(len(one.points) for one in made)
        assert len(opened) == len(set(opened)) == expected
        opened.clear()


def test_the_store_holds_them_one_a_row_group(tmp_path):
    data, made = write_plain(tmp_path)
    path = tmp_path / "whole.parquet"
    items = keep_recordings(
        read_clips(data, NAMES, whole=True), path, NAMES, "recordings", OPENPOSE.name
    )
    write_store(tmp_path / "clips.parquet", items, NAMES, "recordings")
    assert [clip.clip_id for clip in iter_store(tmp_path / "clips.parquet")][:2] == [
        "0000_0",
        "0000_1",
    ]
    kept = list(iter_store(path))
    assert [clip.clip_id for clip in kept] == ["0000", "0001", "0002"]
    assert read_metadata(path)["classes"] == NAMES
    for one, source in zip(kept, made, strict=True):
        assert one.label == UNKNOWN
        np.testing.assert_array_equal(one.points, source.points)


def test_a_run_that_ends_early_leaves_no_store(tmp_path):
    path = tmp_path / "whole.parquet"
    data, _ = write_plain(tmp_path)
    items = [*read_clips(data, NAMES, whole=True), BadClip("a", "train", "here", "none")]
    with pytest.raises(InputError, match="clip a: none"):
        write_store(
            tmp_path / "clips.parquet",
            keep_recordings(items, path, NAMES, "recordings", OPENPOSE.name),
            NAMES,
            "recordings",
        )
    assert not list(tmp_path.glob("*whole*"))


def test_a_folder_of_two_splits_is_no_recording(tmp_path):
    data, _ = write_json(tmp_path)
    table = tmp_path / "labels.csv"
    table.write_text(table.read_text().replace("0000,train,5", "0000,test,5"))
    assert len(list(read_clips(data, NAMES))) == 6
    with pytest.raises(InputError, match="have the split test and train, but the recording"):
        list(read_clips(data, NAMES, whole=True))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0009,,0,1", "row 3: names recording '0009', which .* does not have"),
        ("0000,,5,4", "row 3: found '0000,,5,4', expected a recording"),
        ("0000,,-1,4", "row 3: found '0000,,-1,4', expected a recording"),
        ("0000,,0", "row 3: found '0000,,0', expected a recording"),
    ],
)
def test_rows_of_the_table_that_make_no_clip(tmp_path, row, message):
    data, _ = write_plain(tmp_path)
    table = tmp_path / "segments.csv"
    table.write_text(f"recording_id,label,start,end\n0000,{NAMES[0]},0,1\n{row}\n")
    with pytest.raises(InputError, match=message):
        list(read_clips(data, NAMES))


def test_segments_beyond_the_end_or_of_no_class_are_bad_clips(tmp_path):
    data, _ = write_plain(tmp_path)
    table = tmp_path / "segments.csv"
    table.write_text("recording_id,label,start,end\n0000,,3,99\n0000,dance,0,1\n0001,,0,6\n")
    bad, other, clip = read_clips(data, NAMES)
    assert bad.reason == "frames 3..99, but the recording has 9 (0..8)"
    assert "dance" in other.reason and clip.label == UNKNOWN


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../../shared/data/precog16")
def test_real_recordings_are_read():
    data = {"format": "recordings", "path": str(SHARED / "recordings.parquet")}
    data["segments"] = str(SHARED / "segments.csv")
    items = list(read_clips(data, [f"action{n}" for n in range(1, 9)], whole=True))
    wholes = [item for item in items if isinstance(item, Recording)]
    empty = [item.clip_id for item in items if isinstance(item, BadClip)]
    assert len(items) == 363 + 72
    # nobody was found in two recordings and their clips
    assert {"s10_q2", "s10_q4"} == {name for name in empty if name.count("_") == 1}
    assert len(empty) == 12 and len(wholes) == 70
    assert sum(len(one.points) for one in wholes) == 19219 - 206 - 229
