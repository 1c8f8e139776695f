"""Segments of recordings out of the two stores, and what is refused of them."""

from dataclasses import replace

import numpy as np
import pytest

from microgesture.data.keypoints import OPENPOSE
from microgesture.data.recordings import Recording, keep_recordings
from microgesture.data.store import Clip, write_store
from microgesture.online.segments import Segment, checked, read_labelled
from microgesture.utils.errors import InputError

NAMES = ["wave", "nod"]


def recording(name="r1", frames=40, subject="p1", split="test"):
    points = np.full((frames, 137, 3), 0.5, np.float32)
    return Recording(name, -1, subject, split, 25.0, 100, 100, points)


def clip(whole, number, label, first, last, **more):
    one = Clip(
        f"{whole.clip_id}_{number}", label, whole.subject, whole.split, whole.fps, 100, 100,
        whole.points[first : last + 1], whole.clip_id, first, len(whole.points),
    )  # fmt: skip
    return replace(one, **more)


def stores(folder, items):
    apart, clips = folder / "recordings.parquet", folder / "clips.parquet"
    write_store(clips, keep_recordings(items, apart, NAMES, "made", OPENPOSE.name), NAMES, "made")
    return apart, clips


def test_overlapping_and_touching_segments_are_kept_and_the_rest_is_background(tmp_path):
    one, other = recording(), recording("r2", split="train", subject="p2")
    items = [
        clip(one, 0, 1, 12, 20),
        clip(one, 1, 0, 5, 14),
        clip(one, 2, 0, 21, 30),
        clip(other, 0, -1, 0, 9),
        one,
        other,
    ]
    found, idle = read_labelled(*stores(tmp_path, items))
    assert found.segments == (Segment(0, 5, 14), Segment(1, 12, 20), Segment(0, 21, 30))
    assert np.flatnonzero(found.background).tolist() == [*range(5), *range(31, 40)]
    assert (idle.segments, idle.split, idle.background.all()) == ((), "train", True)
    assert read_labelled(*stores(tmp_path, items), split="test") == [found]
    with pytest.raises(InputError, match="none of the 1 recordings of the split train"):
        read_labelled(*stores(tmp_path, items), split="train")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"recording": None, "start": None}, "does not say of which recording"),
        ({"recording": "r9"}, "is of recording r9, which the recordings store does not have"),
        ({"subject": "p9"}, "is of split test and person p9, but its recording r1"),
        ({"start": 38}, r"frames 38..47, but the recording has 40 \(0..39\)"),
    ],
)
def test_a_clip_that_does_not_fit_its_recording_is_refused(tmp_path, more, message):
    one = recording()
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(*stores(tmp_path, [clip(one, 0, 1, 5, 14, **more), one]))
    assert "clip r1_0" in str(caught.value) and "\n" not in str(caught.value)


def test_a_reversed_segment_is_refused():
    with pytest.raises(InputError, match="begins in frame 9 and ends in frame 3"):
        checked("t.csv, row 2", Segment(0, 9, 3), 40)
