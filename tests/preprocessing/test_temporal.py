import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgesture.preprocessing.temporal import (
    PADDING,
    SAMPLERS,
    align,
    align_reference,
    align_times,
    crop_pad,
    inference_views,
    segment_sample,
)


def track(*frames):
    """One joint's (x, score) a frame, y = 10 x."""
    return np.array([[[x, 10 * x, score]] for x, score in frames], np.float32)


def test_align_keeps_first_and_last_frame_of_a_longer_clip():
    points = track(*[(t, 1) for t in range(1, 12)])
    assert align(points, 3, 5)[:, 0, 0].tolist() == [1, 6, 11]


def test_align_stretches_a_shorter_clip_linearly():
    points = track((1, 1), (3, 0.5))
    aligned = align(points, 5, 5)
    assert np.allclose(aligned[:, 0, 0], [1, 1.5, 2, 2.5, 3])
    assert np.allclose(aligned[:, 0, 1], [10, 15, 20, 25, 30])
    assert np.allclose(aligned[:, 0, 2], [1, 0.875, 0.75, 0.625, 0.5])


def test_align_never_moves_towards_a_point_that_was_not_found():
    # lost in frame 1: filled from its neighbours, at a distance of one frame from both
    points = track((2, 1), (0, 0), (4, 1))
    assert np.allclose(align(points, 3, 5)[1, 0], [3, 30, 1 / 2])
    # a longer gap than allowed, and what lies outside all sightings, stays empty
    assert align(points, 3, 0)[1, 0].tolist() == [0, 0, 0]
    assert align(track((0, 0), (2, 1), (0, 0)), 3, 5)[:, 0, 2].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("num_frames", "length", "frames"),
    [(6, 4, [0, 2, 3, 5]), (8, 4, [0, 2, 5, 7]), (4, 4, [0, 1, 2, 3]), (20, 5, [0, 5, 10, 14, 19])],
)
def test_align_takes_the_nearest_frame_of_a_longer_clip(num_frames, length, frames):
    """By hand: of 6 frames at 0, 1.67, 3.33 and 5; of 20 at 0, 4.75, 9.5, 14.25 and 19."""
    assert align_times(num_frames, length).tolist() == frames


def test_a_point_is_found_by_its_score_wherever_it_is():
    points = np.array([[[4, -3, 0.5]], [[8, 9, 0]], [[6, 0, 0.5]]], np.float32)
    for aligned in (align(points, 3, 5), align_reference(points, 3, 5)):
        assert np.allclose(aligned[:, 0], [[4, -3, 0.5], [5, -1.5, 0.25], [6, 0, 0.5]])
        assert np.allclose(align(points, 3, 0)[1, 0], 0)


def test_align_of_one_frame_repeats_it():
    assert align(track((7, 0.5)), 4, 5)[:, 0].tolist() == [[7, 70, 0.5]] * 4


@given(
    num_frames=st.integers(1, 30),
    length=st.integers(2, 40),
    gap=st.integers(0, 6),
    seed=st.integers(0, 999),
)
def test_align_equals_its_readable_reference(num_frames, length, gap, seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(1, 500, (num_frames, 3, 3)).astype(np.float32)
    points[..., 2] = rng.uniform(0.1, 1, points.shape[:2])
    points[rng.random(points.shape[:2]) < 0.4] = 0
    fast, slow = align(points, length, gap), align_reference(points, length, gap)
    assert np.allclose(fast, slow, atol=1e-4, rtol=1e-6)


@given(num_frames=st.integers(1, 200), length=st.integers(2, 64))
def test_align_times_span_the_clip_in_order(num_frames, length):
    times = align_times(num_frames, length)
    assert times[0] == 0 and times[-1] == num_frames - 1
    assert (np.diff(times) >= 0).all()


def test_crop_pad_by_hand():
    rng = np.random.default_rng(0)
    assert crop_pad(3, 5, rng).tolist() == [0, 1, 2, PADDING, PADDING]
    starts = {int(crop_pad(7, 5, rng)[0]) for _ in range(100)}
    assert starts == {0, 1, 2}


@given(num_frames=st.integers(1, 300), length=st.integers(2, 64), seed=st.integers(0, 99))
def test_samplers_stay_within_the_clip(num_frames, length, seed):
    for kind in ("crop_pad", "segment_sample"):
        indices = SAMPLERS[kind](num_frames, length, np.random.default_rng(seed))
        assert indices.shape == (length,)
        assert ((indices >= 0) | (indices == PADDING)).all() and indices.max() < num_frames
    assert (indices != PADDING).all()  # segment sampling pads nothing


@given(num_frames=st.integers(32, 300), seed=st.integers(0, 99))
def test_segment_sample_takes_one_frame_of_each_segment(num_frames, seed):
    indices = segment_sample(num_frames, 16, np.random.default_rng(seed))
    bounds = [segment * num_frames // 16 for segment in range(17)]
    assert all(a <= i < b for i, a, b in zip(indices, bounds[:-1], bounds[1:], strict=True))


@given(num_frames=st.integers(16, 31), seed=st.integers(0, 99))
def test_segment_sample_of_a_little_longer_clip_leaves_out_frames(num_frames, seed):
    indices = segment_sample(num_frames, 16, np.random.default_rng(seed))
    assert (np.diff(indices) >= 1).all()
    # at most one frame at a time, the ends included
    assert (np.diff([-1, *indices, num_frames]) <= 2).all()


def outcomes(num_frames, length):
    drawn = (segment_sample(num_frames, length, np.random.default_rng(i)) for i in range(200))
    return {tuple(indices.tolist()) for indices in drawn}


def test_segment_sample_by_hand():
    """One of three frames is left out up to twice the length, then each half gives one."""
    assert outcomes(2, 2) == {(0, 1)}
    assert outcomes(3, 2) == {(0, 1), (0, 2), (1, 2)}
    assert outcomes(4, 2) == {(0, 2), (0, 3), (1, 2), (1, 3)}
    assert outcomes(2, 3) == {(0, 1, 0), (1, 0, 1)}


def test_segment_sample_of_a_shorter_clip_wraps_around():
    indices = segment_sample(5, 8, np.random.default_rng(3))
    assert (np.diff(indices) % 5 == 1).all()


@pytest.mark.parametrize(
    ("kind", "num_frames", "count"),
    [("align", 16, 1), ("crop_pad", 10, 1), ("crop_pad", 60, 10), ("segment_sample", 60, 10)],
)
def test_views_in_testing_are_repeatable(kind, num_frames, count):
    views = inference_views(kind, num_frames, 16, 10)
    again = inference_views(kind, num_frames, 16, 10)
    assert len(views) == count
    assert np.array_equal(views, again)


def test_an_aligned_clip_is_tested_and_trained_on_in_full():
    (view,) = inference_views("align", 16, 16, 10)
    assert view.tolist() == list(range(16))
    assert SAMPLERS["align"](16, 16, np.random.default_rng(0)).tolist() == list(range(16))


def test_crops_in_testing_are_spread_evenly_and_none_comes_twice():
    """By hand: of 11 starts, 0 to 10, those at 1/4, 2/4 and 3/4; of 2 starts both."""
    assert [view[0] for view in inference_views("crop_pad", 26, 16, 3)] == [2, 5, 8]
    assert [view[0] for view in inference_views("crop_pad", 17, 16, 9)] == [0, 1]


@pytest.mark.parametrize("num_frames", range(10, 48))
def test_views_of_a_clip_shorter_than_the_length_start_at_distinct_even_places(num_frames):
    views = inference_views("segment_sample", num_frames, 48, 10)
    # what PySKL's UniformSampleFrames takes in testing
    assert [view[0] for view in views] == [i * num_frames // 10 for i in range(10)]
    assert len({tuple(view) for view in views}) == 10
    for view in views:
        assert view.shape == (48,) and (np.diff(view) % num_frames == 1).all()


@pytest.mark.parametrize("num_frames", range(1, 10))
def test_views_of_fewer_frames_than_views_start_at_every_frame_in_turn(num_frames):
    views = inference_views("segment_sample", num_frames, 48, 10)
    assert [view[0] for view in views] == [i % num_frames for i in range(10)]


def test_a_single_crop_in_testing_is_the_middle_one():
    assert inference_views("crop_pad", 26, 16, 1)[0][0] == 5
