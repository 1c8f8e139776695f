from dataclasses import replace

import numpy as np
import pytest

from microgesture.data.classes import UNKNOWN
from microgesture.preprocessing.windows import window_starts, windows
from tests.conftest import make_clip


@pytest.mark.parametrize(
    ("count", "frames", "expected"),
    [
        (5, 8, [0]),
        (8, 8, [0]),
        (9, 8, [0, 1]),
        (12, 8, [0, 4]),
        (14, 8, [0, 4, 6]),
        (5, 2, [0, 1, 2, 3]),
        (3, 1, [0, 1, 2]),
    ],
)
def test_windows_overlap_by_half_and_reach_the_end(count, frames, expected):
    assert window_starts(count, frames) == expected


def test_windows_are_unlabelled_parts_of_their_recording():
    recording = make_clip("r", 14, "left", "val", subject="s3")
    recording.points[:8] = 0  # a window in which nobody is seen is left out
    cut = list(windows([recording, make_clip("short", 3)], 8))
    assert [one.clip_id for one in cut] == ["r@4", "r@6", "short@0"]
    for one, start in zip(cut[:2], (4, 6), strict=True):
        np.testing.assert_array_equal(one.points, recording.points[start : start + 8])
        about = replace(one, points=recording.points, clip_id="r", label=0)
        assert about == recording and one.label == UNKNOWN
