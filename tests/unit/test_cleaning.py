import numpy as np

from microgesture.cleaning import clean, other_person
from tests.conftest import make_clip

CONFIG = {"min_score": 0.1, "max_jump": 1.5}


def test_points_below_the_threshold_are_emptied():
    points = make_clip().points.copy()
    points[2, 40, 2] = 0.09
    cleaned = clean(points, CONFIG)
    assert cleaned[2, 40].tolist() == [0, 0, 0]
    cleaned[2, 40] = points[2, 40]
    assert np.array_equal(cleaned, points)


def test_a_point_of_score_zero_has_no_place():
    points = make_clip().points.copy()
    points[0, 3] = (123, 45, 0)
    assert clean(points, {**CONFIG, "min_score": 0})[0, 3].tolist() == [0, 0, 0]


def test_frames_of_somebody_else_are_emptied():
    points = make_clip(num_frames=11).points.copy()
    points[3, :, 0] += 200  # two shoulder widths to the side
    points[7, :, :2] = points[7, 1, :2] + 0.4 * (points[7, :, :2] - points[7, 1, :2])  # far behind
    assert np.flatnonzero(other_person(points, 1.5)).tolist() == [3, 7]
    assert (clean(points, CONFIG)[[3, 7]] == 0).all()


def test_a_person_who_leans_stays():
    points = make_clip(num_frames=11).points.copy()
    points[..., 0] += np.linspace(0, 100, 11)[:, None]
    assert not other_person(points, 1.5).any()


def test_without_shoulders_everything_is_kept():
    points = make_clip().points.copy()
    points[:, 2] = 0
    points[4, :, 0] += 500
    assert not other_person(points, 1.5).any()
