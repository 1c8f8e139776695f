import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgesture.heatmaps import clip_box, draw, draw_reference, to_grid


def drawn(persons, stream, edges, sigma, size):
    channels = persons.shape[2] if stream == "joint" else len(edges)
    out = np.full((persons.shape[1], channels, *size), 7, np.float32)
    draw(persons, stream, edges, sigma, out)
    return out


def test_a_point_by_hand():
    persons = np.array([[[[2.0, 1.0, 0.8]]]], np.float32)
    plane = drawn(persons, "joint", np.zeros((0, 2), int), 0.6, (4, 6))[0, 0]
    assert plane[1, 2] == pytest.approx(0.8)
    assert plane[1, 3] == pytest.approx(0.8 * np.exp(-1 / 0.72))
    assert plane[2, 3] == pytest.approx(0.8 * np.exp(-2 / 0.72))
    assert plane[1, 4] == 0  # the window of 1.8 cells ends at floor(2 + 1.8) = 3
    assert plane[:, 5].max() == 0


def test_a_limb_by_hand():
    persons = np.array([[[[1.0, 2.0, 0.9], [4.0, 2.0, 0.5]]]], np.float32)
    plane = drawn(persons, "limb", np.array([[0, 1]]), 0.6, (5, 6))[0, 0]
    assert np.allclose(plane[2, 1:5], 0.5)  # on the segment, times the smaller score
    assert np.allclose(plane[1, 1:5], 0.5 * np.exp(-1 / 0.72))
    assert plane[2, 5] == pytest.approx(0.5 * np.exp(-1 / 0.72))  # beyond the end: distance to it


def test_a_limb_shorter_than_a_cell_is_drawn_as_a_point():
    persons = np.array([[[[2.0, 2.0, 0.9], [2.5, 2.5, 0.5]]]], np.float32)
    limb = drawn(persons, "limb", np.array([[0, 1]]), 0.6, (5, 6))
    point = np.array([[[[2.0, 2.0, 0.5]]]], np.float32)
    assert np.array_equal(limb, drawn(point, "joint", np.zeros((0, 2), int), 0.6, (5, 6)))


def test_points_that_were_not_found_are_not_drawn():
    persons = np.array([[[[2.0, 2.0, 0.0009], [3.0, 3.0, 1.0]]]], np.float32)
    assert drawn(persons, "joint", np.zeros((0, 2), int), 0.6, (5, 6))[0, 0].max() == 0
    assert drawn(persons, "limb", np.array([[0, 1]]), 0.6, (5, 6)).max() == 0


def random_persons(seed, persons=2, frames=3, joints=5, size=(17, 23)):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-4, 27, (persons, frames, joints, 3)).astype(np.float32)
    points[..., 2] = rng.uniform(0, 1, points.shape[:3]) * (rng.random(points.shape[:3]) < 0.8)
    points[:, :, 1, :2] = points[:, :, 0, :2] + rng.uniform(-1, 1, (persons, frames, 2))
    return points


@given(
    seed=st.integers(0, 9999), sigma=st.floats(0.3, 3), stream=st.sampled_from(["joint", "limb"])
)
def test_drawing_equals_its_readable_reference(seed, sigma, stream):
    persons, size = random_persons(seed), (17, 23)  # not square: height and width must not be mixed
    edges = np.array([[0, 1], [1, 2], [0, 3], [4, 2]])
    fast = drawn(persons, stream, edges, sigma, size)
    slow = draw_reference(persons, stream, edges, sigma, size)
    assert np.abs(fast - slow).max() <= 1e-6


@pytest.mark.parametrize("stream", ["joint", "limb"])
def test_mirroring_a_drawn_volume_is_drawing_mirrored_points(layout41, stream):
    rng = np.random.default_rng(1)
    size = 24
    points = rng.uniform(1, 22, (1, 2, 41, 3)).astype(np.float32)
    points[..., 2] = rng.uniform(0.2, 1, points.shape[:3])
    mirrored = points[:, :, layout41.flip].copy()
    mirrored[..., 0] = size - 1 - mirrored[..., 0]
    volume = drawn(points, stream, layout41.edges, 0.6, (size, size))
    turned = volume[..., ::-1][:, layout41.channel_flip(stream)]
    direct = drawn(mirrored, stream, layout41.edges, 0.6, (size, size))
    # the window is cut at whole cells, from one side, so values under exp(-3^2 / 2) may differ;
    # a limb under one cell is drawn at its first joint, and mirroring may swap which is first
    assert np.abs(turned - direct).max() < np.exp(-4.5) + 1e-6


def test_the_box_is_square_padded_and_holds_every_visible_point():
    points = np.zeros((2, 3, 3), np.float32)
    points[0, 0] = (100, 50, 1)
    points[1, 2] = (180, 90, 0.5)
    points[1, 1] = (900, 900, 0)  # not found: does not count
    assert clip_box(points, 0.25) == (90.0, 20.0, 100.0)


def test_the_grid_spans_the_box():
    corners = np.array([[[90, 20, 1.3], [190, 120, 1], [140, 70, 0.4]]], np.float32)
    grid = to_grid(corners, (90.0, 20.0, 100.0), 32)
    assert np.allclose(grid[0], [[-0.5, -0.5, 1], [31.5, 31.5, 1], [15.5, 15.5, 0.4]])


def test_a_single_point_gets_a_box_that_is_not_empty():
    assert clip_box(np.array([[[5, 6, 1.0]]]), 0.25) == (0.0, 1.0, 10.0)
