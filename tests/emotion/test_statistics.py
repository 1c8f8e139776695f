"""Rates, shares and motion by hand."""

import numpy as np
import pandas as pd
import pytest

from microgesture.data.store import Clip, write_store
from microgesture.emotion.interviews import Interview
from microgesture.emotion.statistics import (
    MOTION,
    Gestures,
    feature_names,
    gesture_features,
    gestures_of,
    motion_features,
    read_statistics,
    write_statistics,
)


def test_gestures_are_counted_by_class():
    one = Gestures(np.array([0, 50, 90]), np.array([24, 74, 99]), np.eye(2)[[0, 0, 1]])
    told = gesture_features(one, 4.0, 25.0, 2, 0, 99)
    rate, share, whole = told[:2] ** 2, told[2:4], told[4:]
    np.testing.assert_allclose(rate, [30, 15])
    np.testing.assert_allclose(share, [0.5, 0.1])
    np.testing.assert_allclose(whole, [np.sqrt(45), 0.6, 0.8])
    part = gesture_features(one, 2.0, 25.0, 2, 50, 99)
    np.testing.assert_allclose(part[:2] ** 2, [30, 30])
    assert not gesture_features(None, 4.0, 25.0, 2, 0, 99).any()


def test_uncertain_gestures_count_in_part():
    one = Gestures(np.array([0]), np.array([24]), np.array([[0.25, 0.75]]))
    told = gesture_features(one, 60.0, 25.0, 2, 0, 1499)
    np.testing.assert_allclose(told[:2] ** 2, [0.25, 0.75])


def test_gestures_are_joined_by_clip_id():
    index = pd.DataFrame(
        {
            "clip_id": ["b_0", "a_0", "a_1"],
            "recording": ["b", "a", "a"],
            "start": pd.array([5, 0, 9], "Int32"),
            "num_frames": [2, 3, 4],
        }
    )
    found = gestures_of(index, {"a_1": np.array([0, 1]), "b_0": np.array([1, 0])})
    assert set(found) == {"a", "b"} and found["a"].start.tolist() == [9]
    assert found["a"].end.tolist() == [12] and found["b"].probabilities.tolist() == [[1, 0]]


def walking(speed, width=50.0):
    points = np.zeros((50, 137, 3))
    for joint, at in {
        0: (0, -60),
        1: (0, 0),
        2: (-25, 0),
        5: (25, 0),
        4: (-30, 60),
        7: (30, 60),
    }.items():
        points[:, joint] = [*at, 0.9]
    points[:, 4, 0] += speed * (np.arange(50) % 2)
    points[:, :, :2] *= width / 50
    return points


@pytest.mark.parametrize("width", [50.0, 200.0])
def test_motion_is_told_in_shoulder_widths(width):
    told = dict(zip(MOTION, motion_features(walking(5.0, width), 25.0), strict=True))
    assert told["hand_speed"] == pytest.approx(0.5 * 5 / 50 * 25)
    assert told["head_speed"] == 0 and told["shoulder_rise"] == pytest.approx(60 / 50)
    assert told["hands_seen"] == 1 and told["head_tilt"] == 0


def test_a_recording_without_points_gives_zeros():
    assert not motion_features(np.zeros((5, 137, 3)), 25.0).any()


def test_the_table_is_read_in_the_order_that_is_asked_for(tmp_path):
    clips = [
        Clip(f"{name}_0", n, name, "train", 25.0, 400, 400, 100 + walking(n), name, 0, 50)
        for n, name in enumerate("ab")
    ]
    whole = [Clip(name, -1, name, "train", 25.0, 400, 400, 100 + walking(3.0)) for name in "ab"]
    write_store(tmp_path / "clips.parquet", clips, ["x", "y"], "test")
    write_store(tmp_path / "whole.parquet", whole, ["x", "y"], "test")
    interviews = [Interview(name, name, name, "train", 1) for name in "ba"]
    path = tmp_path / "s.csv"
    stores = (tmp_path / "whole.parquet", tmp_path / "clips.parquet")
    write_statistics(path, interviews, *stores, ["x", "y"], None)
    told = read_statistics(path, ["a", "b"])
    assert told.shape == (2, len(feature_names(["x", "y"])))
    assert told[0, 0] > 0 == told[0, 1] and told[1, 1] > 0 == told[1, 0]
