"""Detection while frames come in, without a clock."""

import json

import numpy as np
import pytest

from microgesture.online.live import Stream, frames_of
from microgesture.online.segments import Segment
from microgesture.utils.errors import InputError


class Clock:
    """Seconds that pass only while somebody waits; what should happen then."""

    def __init__(self, happens=()):
        self.time, self.happens = 0.0, list(happens)

    def wait(self, seconds):
        self.time += seconds
        if self.happens:
            self.happens.pop(0)()

    def now(self):
        return self.time


def frame(folder, number, x=100.0, text=None):
    numbers = [x, 50.0, 1.0] * 25
    content = json.dumps({"people": [{"pose_keypoints_2d": numbers}]})
    (folder / f"a_{number:012}_keypoints.json").write_text(content if text is None else text)


def test_frames_come_in_their_order_and_a_folder_that_stops_growing_ends(tmp_path):
    frame(tmp_path, 0)
    clock = Clock([lambda: (frame(tmp_path, 1, 101), frame(tmp_path, 2, 102))])
    seen = list(frames_of(tmp_path, 1.0, clock.wait, clock.now))
    assert [one[0, 0] for one in seen] == [100, 101, 102] and seen[0].shape == (137, 3)
    assert 1.0 <= clock.time < 1.5


def test_a_file_that_is_not_written_to_its_end_is_waited_for(tmp_path):
    frame(tmp_path, 0)
    frame(tmp_path, 1, text='{"people": [')
    clock = Clock([lambda: None, lambda: frame(tmp_path, 1, 101)])
    assert len(list(frames_of(tmp_path, 1.0, clock.wait, clock.now))) == 2
    frame(tmp_path, 2, text="")
    with pytest.raises(InputError, match=r"000002_keypoints\.json: is not valid JSON"):
        list(frames_of(tmp_path, 1.0, (late := Clock()).wait, late.now))
    frame(tmp_path, 3)
    with pytest.raises(InputError, match=r"000002_keypoints\.json: is not valid JSON"):
        list(frames_of(tmp_path, 1.0, (late := Clock()).wait, late.now))
    assert late.time == 0


def test_a_folder_into_which_nothing_comes_is_told(tmp_path):
    clock = Clock()
    with pytest.raises(InputError, match=r"none: no file .* came within 2 seconds; start OpenPose"):
        list(frames_of(tmp_path / "none", 2.0, clock.wait, clock.now))


def test_gestures_are_told_once_and_only_after_they_have_ended():
    """A gesture is where the first point's x is above 0; the stream forgets old frames."""

    def find(points, fps):
        busy = np.flatnonzero(points[:, 0, 0] > 0)
        parts = np.split(busy, np.flatnonzero(np.diff(busy) > 1) + 1) if len(busy) else []
        return [Segment(0, int(part[0]), int(part[-1])) for part in parts]

    on = np.zeros(200)
    on[[*range(20, 31), *range(90, 121), *range(190, 200)]] = 1
    stream = Stream(find, 25.0, memory=50, hop=5, delay=10)
    told = {}
    for number, value in enumerate(on):
        points = np.zeros((137, 3))
        points[0] = (value, 1, 1)
        for one in stream.add(points):
            told[(one.start, one.end)] = number
        assert len(stream._frames) <= 50
    assert len(told) == 2
    assert {end: end + 10 <= at <= end + 15 for (_, end), at in told.items()} == {
        30: True, 120: True,
    }  # fmt: skip
    assert [(one.start, one.end) for one in stream.finish()] == [(190, 199)]
    assert stream.finish() == []
