import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microgesture.heatmaps.draw import draw, draw_reference, draw_torch, strokes
from microgesture.heatmaps.grid import clip_box, to_grid
from microgesture.heatmaps.kernels import NEGLIGIBLE, buffers, evaluate

STREAMS = ["joint", "limb", "joint_motion"]
EDGES = np.array([[0, 1], [1, 2], [0, 3], [4, 2]])


def drawn(persons, stream, edges, sigma, size):
    channels = len(edges) if stream == "limb" else persons.shape[2]
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


def test_a_point_outside_shows_at_the_border_as_in_pyskl():
    persons = np.array([[[[-2.0, 1.0, 1.0], [-3.0, 1.0, 1.0], [7.0, 1.0, 1.0]]]], np.float32)
    planes = drawn(persons, "joint", np.zeros((0, 2), int), 0.6, (4, 6))[0]
    assert planes[0, 1, 0] == pytest.approx(np.exp(-4 / 0.72))  # int(-2 + 1.8) = 0
    assert planes[0, :, 1:].max() == planes[1:2].max() == 0
    assert planes[2, 1, 5] == pytest.approx(np.exp(-4 / 0.72))


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


def test_a_limb_of_exactly_a_cell_is_drawn_as_one():
    persons = np.array([[[[2.0, 2.0, 0.9], [3.0, 2.0, 0.5]]]], np.float32)
    plane = drawn(persons, "limb", np.array([[0, 1]]), 0.6, (5, 6))[0, 0]
    assert np.allclose(plane[2, 2:4], 0.5)
    assert np.allclose(plane[2, [1, 4]], 0.5 * np.exp(-1 / 0.72))


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


def test_a_path_leads_to_the_next_frame_and_the_last_is_a_point():
    there = [[[1.0, 2.0, 0.9]], [[4.0, 2.0, 0.5]], [[4.0, 1.0, 0.0]]]
    volume = drawn(np.array([there], np.float32), "joint_motion", EDGES, 0.6, (5, 6))[:, 0]
    assert np.allclose(volume[0, 2, 1:5], 0.5)  # the smaller score of both frames
    assert volume[1].max() == 0 and volume[2].max() == 0  # the joint was lost in the third
    volume = drawn(np.array([there[:2]], np.float32), "joint_motion", EDGES, 0.6, (5, 6))[:, 0]
    point = drawn(np.array([[there[1]]], np.float32), "joint", EDGES, 0.6, (5, 6))[0, 0]
    assert np.array_equal(volume[1], point)


@given(seed=st.integers(0, 9999), sigma=st.floats(0.3, 3), stream=st.sampled_from(STREAMS))
def test_drawing_equals_its_readable_reference(seed, sigma, stream):
    persons, size = random_persons(seed), (17, 23)  # not square: height and width must not be mixed
    fast = drawn(persons, stream, EDGES, sigma, size)
    slow = draw_reference(persons, stream, EDGES, sigma, size)
    assert np.abs(fast - slow).max() <= 1e-6


ODD = {
    "just inside": (22.4, 16.4, 1),
    "on the border": (-0.5, -0.5, 1),
    "reaching in from outside": (-1.5, 8, 1),
    "too far outside": (-3, 8, 1),
    "far away": (1e9, -1e9, 1),
    "faint": (8, 8, 0.001),
    "too faint": (8, 8, 0.00099),
    "surer than sure": (8, 8, 1.5),
}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", ODD)
def test_odd_places_equal_the_reference(name, stream):
    points = np.array([ODD[name], (5, 9, 1), (5.3, 9.2, 1), (18, 2, 0.4), (-8, 14, 1)], np.float32)
    persons = np.stack([points, points + np.float32([0.7, 4, 0])])[None]
    fast = drawn(persons, stream, EDGES, 0.6, (17, 23))
    assert np.abs(fast - draw_reference(persons, stream, EDGES, 0.6, (17, 23))).max() <= 1e-6


@pytest.mark.parametrize("angle", np.linspace(0, np.pi, 13))
@pytest.mark.parametrize("length", [0.99, 1.01, 3, 70, 4000])
def test_limbs_of_all_lengths_and_directions_equal_the_reference(angle, length):
    middle, way = np.array([27.3, 30.8]), np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = np.concatenate([np.stack([middle - way, middle + way]), [[0.9], [0.8]]], axis=1)
    persons = ends[None, None].astype(np.float32)
    fast = drawn(persons, "limb", np.array([[0, 1]]), 0.6, (56, 56))
    slow = draw_reference(persons, "limb", np.array([[0, 1]]), 0.6, (56, 56))
    assert np.abs(fast - slow).max() <= 1e-6 and slow.max() > 0.4


def test_no_index_of_the_compiled_drawing_leaves_its_array():
    """Compiled code checks none, and the same functions uncompiled do."""
    for stroke in strokes(random_persons(0), "limb", EDGES).reshape(-1, 5):
        own, checked = buffers(17, 23), buffers.py_func(17, 23)
        rows = evaluate(stroke, 0.8, NEGLIGIBLE, 17, 23, *own)
        assert evaluate.py_func(stroke, 0.8, NEGLIGIBLE, 17, 23, *checked) == rows
        for i in range(*rows):
            left, right = own[1][i]
            assert checked[1][i].tolist() == [left, right]
            assert np.allclose(checked[0][i, : right - left], own[0][i, : right - left], atol=1e-6)


def test_a_buffer_used_again_is_cleared_where_it_was_drawn():
    out, boxes = np.zeros((3, 4, 17, 23), np.float32), np.zeros((3, 4, 4), np.int32)
    for seed in range(5):
        persons = random_persons(seed) if seed != 3 else np.zeros((1, 3, 5, 3), np.float32)
        draw(persons, "limb", EDGES, 0.6, out, boxes)
        assert np.abs(out - draw_reference(persons, "limb", EDGES, 0.6, (17, 23))).max() <= 1e-6
    assert out.max() > 0


@pytest.mark.parametrize("stream", STREAMS)
def test_drawing_with_torch_equals_drawing(stream):
    batch = np.concatenate([random_persons(seed, persons=1) for seed in range(12)])
    given_strokes = torch.from_numpy(strokes(batch, stream, EDGES))
    found = draw_torch(given_strokes, 0.8, 20, points=stream == "joint").numpy()
    for one, persons in zip(found, batch, strict=True):
        expected = drawn(persons[None], stream, EDGES, 0.8, (20, 20)).swapaxes(0, 1)
        assert np.abs(one - expected).max() <= 1e-5 and expected.max() > 0.1


def test_drawing_with_torch_in_parts_is_the_same(monkeypatch):
    batch = np.concatenate([random_persons(seed, persons=1) for seed in range(5)])
    given_strokes = torch.from_numpy(strokes(batch, "limb", EDGES))
    at_once = draw_torch(given_strokes, 0.8, 20)
    monkeypatch.setattr("microgesture.heatmaps.draw._CHUNK", 2 * 3 * 4 * 400)
    assert torch.equal(draw_torch(given_strokes, 0.8, 20), at_once)


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
