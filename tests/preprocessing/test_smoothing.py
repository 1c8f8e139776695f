"""Smoothing against SciPy, against the One Euro paper's own words, and on hand-worked cases."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from microgesture.preprocessing.smoothing import one_euro, savgol
from microgesture.utils.errors import InputError


def gappy(seed, frames=40, joints=5, lost=0.15):
    """Random paths with frames in which a joint was not found."""
    rng = np.random.default_rng(seed)
    points = np.empty((frames, joints, 3), np.float32)
    points[..., :2] = 300 + rng.normal(0, 5, (frames, joints, 2)).cumsum(axis=0)
    points[..., 2] = rng.uniform(0.1, 1, (frames, joints))
    points[rng.random((frames, joints)) < lost] = 0
    return points


def runs(seen):
    """Start and end (one past it) of every stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def savgol_reference(points, frames, order):
    """Each run of each joint by SciPy."""
    smooth = points.copy()
    for p in range(points.shape[1]):
        for start, end in runs(points[:, p, 2] > 0):
            size = min(frames, end - start - (end - start + 1) % 2)
            if size > order:
                path = points[start:end, p, :2].astype(float)
                smooth[start:end, p, :2] = savgol_filter(path, size, order, axis=0)
    return smooth


@pytest.mark.parametrize(("frames", "order"), [(7, 2), (5, 3), (9, 0), (3, 1), (1, 0)])
@pytest.mark.parametrize("lost", [0, 0.15, 0.5])
def test_savgol_is_scipys_on_every_run(frames, order, lost):
    points = gappy(frames, lost=lost)
    found = savgol(points, frames, order)
    assert np.abs(found - savgol_reference(points, frames, order)).max() < 1e-3  # of 300 pixels
    assert np.array_equal(found[..., 2], points[..., 2])


def test_savgol_of_five_frames_by_hand():
    points = np.ones((5, 1, 3), np.float32)
    points[:, 0, 0] = [0, 0, 1, 0, 0]
    # the weights of Savitzky & Golay's table for a parabola over 5 frames, over 35
    assert np.allclose(savgol(points, 5, 2)[2, 0], [17 / 35, 1, 1])


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 30), st.integers(0, 3))
def test_savgol_keeps_a_polynomial(frames, order):
    time = np.linspace(-1, 1, frames)
    points = np.ones((frames, 1, 3), np.float32)
    points[:, 0, 0] = 100 * np.polyval(np.arange(1, order + 2), time)
    assert np.allclose(savgol(points, 7, order), points, atol=1e-3)


@pytest.mark.parametrize(("frames", "order"), [(6, 2), (3, 3), (7, -1)])
def test_savgol_of_no_sense_is_refused(frames, order):
    with pytest.raises(InputError, match=f"frames {frames} and order {order}; expected an odd"):
        savgol(gappy(0), frames, order)


class LowPass:
    """As in the One Euro paper: the first value passes, then each is mixed with the last result."""

    def __init__(self):
        self.last = None

    def __call__(self, value, alpha):
        self.last = value if self.last is None else alpha * value + (1 - alpha) * self.last
        return self.last


def one_euro_reference(values, rate, min_cutoff, beta):
    """Algorithm 1 of the paper on one series."""

    def alpha(cutoff):
        tau, period = 1 / (2 * math.pi * cutoff), 1 / rate
        return 1 / (1 + tau / period)

    place, speed = LowPass(), LowPass()
    result = []
    for value in values:
        change = 0 if place.last is None else (value - place.last) * rate
        smooth = speed(change, alpha(1))
        result.append(place(value, alpha(min_cutoff + beta * abs(smooth))))
    return result


@pytest.mark.parametrize("lost", [0, 0.15])
def test_one_euro_is_the_papers_algorithm_on_every_run(lost):
    points, unit = gappy(2, lost=lost), 80
    expected = points.copy()
    for p in range(points.shape[1]):
        for start, end in runs(points[:, p, 2] > 0):
            for c in range(2):
                values = (points[start:end, p, c].astype(float) / unit).tolist()
                smooth = one_euro_reference(values, 25, 1.5, 0.7)
                expected[start:end, p, c] = np.array(smooth) * unit
    found = one_euro(points, 25, 1.5, 0.7, unit)
    assert np.allclose(found, expected, atol=1e-3)
    assert np.abs(found - points).max() > 1


def test_one_euro_by_hand():
    points = np.ones((3, 1, 3), np.float32)
    points[:, 0, 0] = [0, 10, 10]
    # a cutoff of fps / (2 pi) weighs new and old alike; without beta it stays there
    fps = 2 * math.pi
    assert np.allclose(one_euro(points, fps, 1, 0, 1)[:, 0, 0], [0, 5, 7.5])
    # speed 10 fps is halved, so the cutoff in the second frame is 1 + 0.1 * 5 fps
    cutoff = 1 + 0.5 * fps
    assert np.isclose(one_euro(points, fps, 1, 0.1, 1)[1, 0, 0], 10 * cutoff / (1 + cutoff))


def test_one_euro_means_the_same_at_every_resolution():
    points = gappy(3)
    large = points * np.array([3, 3, 1], np.float32)
    smooth = one_euro(points, 25, 1, 0.5, 80)
    assert np.allclose(one_euro(large, 25, 1, 0.5, 240), smooth * [3, 3, 1], rtol=1e-5)


def test_one_euro_of_no_sense_is_refused():
    with pytest.raises(InputError, match="min_cutoff 0 and beta 1; expected a number above 0"):
        one_euro(gappy(0), 25, 0, 1, 80)
    with pytest.raises(InputError, match="beta -1"):
        one_euro(gappy(0), 25, 1, -1, 80)


@pytest.mark.parametrize("smooth", [lambda p: savgol(p, 7, 2), lambda p: one_euro(p, 25, 1, 1, 80)])
def test_what_was_not_found_stays_empty_and_touches_nothing(smooth):
    points = gappy(4, lost=0.3)
    lost = points[..., 2] == 0
    result = smooth(points)
    assert (result[lost] == 0).all()
    wild = points.copy()
    wild[lost, :2] = 9999
    assert np.array_equal(smooth(wild)[~lost], result[~lost])
