import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgesture.heatmaps.codec import cells_of, draw_sparse, pack, resample, unpack
from microgesture.heatmaps.draw import draw_reference
from microgesture.inputs.heatmaps import resampling
from microgesture.utils.errors import InputError

EDGES = np.array([[0, 1], [1, 2], [0, 3], [4, 2]])
STREAMS = ["joint", "limb", "joint_motion"]


def clip(seed, persons=1, frames=6, joints=5):
    """Points that wander, with some lost and some outside of the drawing."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 1, (persons, frames, joints, 2))
    points = np.ones((persons, frames, joints, 3), np.float32)
    points[..., :2] = rng.uniform(-3, 26, (persons, 1, joints, 2)) + np.cumsum(steps, axis=1)
    points[..., 2] = rng.uniform(0, 1, points.shape[:3]) * (rng.random(points.shape[:3]) < 0.8)
    return points


@settings(deadline=None)  # the first example compiles
@given(seed=st.integers(0, 9999), sigma=st.floats(0.3, 3), stream=st.sampled_from(STREAMS))
def test_the_compact_form_holds_what_the_reference_draws(seed, sigma, stream):
    persons = clip(seed, persons=2)
    volume = draw_sparse(persons, stream, EDGES, sigma, 24).dense()
    expected = draw_reference(persons, stream, EDGES, sigma, (24, 24))
    assert volume.shape == expected.shape
    assert np.abs(volume / 255 - expected).max() <= 0.5 / 255 + 1e-6


def test_the_compact_form_by_hand():
    persons = np.array([[[[2.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]]]], np.float32)
    drawn = draw_sparse(persons, "joint", EDGES, 0.6, 8)
    assert drawn.heads.tolist() == [[[0, 3]], [[0, 0]]]  # first row and rows of either frame
    # 255 exp(-d^2 / 0.72) for d^2 of 0, 1, 2 and 4 is 255, 64, 16 and 1; for 5 it rounds to 0
    assert drawn.spans.tolist() == [[1, 3], [0, 4], [1, 3]]
    assert drawn.levels.tolist() == [16, 64, 16, 1, 64, 255, 64, 16, 64, 16]
    assert drawn.starts[2].tolist() == drawn.starts[1].tolist()


def test_empty_rows_between_two_people_start_where_the_row_before_did():
    """Whatever else stood there would be packed, and no two caches be of the same bytes."""
    persons = np.array([[[[6, 0, 1], [2, 1, 1]]], [[[6, 0, 1], [5, 4, 1]]]], np.float32)
    drawn = draw_sparse(persons, "joint", EDGES, 0.25, 8)  # a single cell a point
    assert drawn.heads.tolist() == [[[0, 1], [1, 4]]]
    assert drawn.spans.tolist() == [[6, 1], [2, 1], [2, 0], [2, 0], [5, 1]]


@settings(deadline=None)  # the first example compiles
@given(seed=st.integers(0, 9999), stream=st.sampled_from(STREAMS), persons=st.integers(1, 2))
def test_packing_loses_nothing(seed, stream, persons):
    drawn = draw_sparse(clip(seed, persons, frames=7), stream, EDGES, 0.7, 24)
    back = unpack(pack(drawn, 2, 6), drawn.heads.shape[1], (24, 24))
    assert np.array_equal(back.dense(), drawn.dense()[2:6])
    assert np.array_equal(back.starts, drawn.starts[2:7] - drawn.starts[2])


def test_an_empty_clip_is_packed():
    drawn = draw_sparse(np.zeros((1, 3, 5, 3), np.float32), "limb", EDGES, 0.6, 24)
    assert unpack(pack(drawn, 0, 3), 4, (24, 24)).dense().max() == 0


def test_cells_of_chosen_frames():
    drawn = draw_sparse(clip(1), "limb", EDGES, 0.6, 24)
    frames = np.array([4, -1, 0, 4])
    places, levels = cells_of(drawn, frames)
    volume = np.zeros((4, 4, 24, 24), np.uint8)
    volume.reshape(-1)[places] = levels
    assert np.array_equal(volume[[0, 2, 3]], drawn.dense()[[4, 0, 4]]) and volume[1].max() == 0
    assert len(np.unique(places)) == len(places)


@settings(deadline=None)  # the first example compiles
@given(
    seed=st.integers(0, 9999),
    stream=st.sampled_from(STREAMS),
    mirrored=st.booleans(),
    corner=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    side=st.tuples(st.floats(0.2, 0.5), st.floats(0.2, 0.5)),
)
def test_resampling_the_compact_form_equals_the_dense_matrix_product(
    seed, stream, mirrored, corner, side
):
    drawn = draw_sparse(clip(seed), stream, EDGES, 0.6, 24)
    window, frames = np.array([*corner, *side]), np.array([5, 0, -1, 5])
    channels = np.random.default_rng(seed).permutation(drawn.heads.shape[1])
    out = np.zeros((4, 13, 17, len(channels)), np.float32)
    resample(drawn, frames, window, channels, mirrored, out)
    down = resampling(window[None, [1, 3]], np.array([False]), 24, 13)[0].numpy()
    across = resampling(window[None, [0, 2]], np.array([mirrored]), 24, 17)[0].numpy()
    expected = down @ (drawn.dense()[frames] / 255) @ across.T
    expected[frames < 0] = 0
    assert np.abs(out[..., channels].transpose(0, 3, 1, 2) - expected).max() < 1e-5


def test_more_cells_than_a_byte_counts_are_refused():
    with pytest.raises(InputError, match=r"heatmaps\.size is 256; a cache holds at most 255"):
        draw_sparse(clip(0), "joint", EDGES, 0.6, 256)
    assert draw_sparse(clip(0) * 10, "limb", EDGES, 0.6, 255).dense().max() > 0
