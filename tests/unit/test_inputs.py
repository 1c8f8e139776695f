import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microgesture.cache import build_cache
from microgesture.heatmaps import clip_box, draw, to_grid
from microgesture.inputs import (
    Geometry,
    HeatmapInput,
    PointInput,
    random_geometry,
    resample,
    resampling,
    whole,
)
from microgesture.streams import build_stream
from tests.conftest import make_clip

CONFIG = {"cleaning": {"min_score": 0.05, "max_jump": 1.5}, "length": None, "on_bad_clip": "stop"}
HEATMAPS = {"size": 24, "sigma": 1.5, "padding": 0.25}


@pytest.fixture
def files(tmp_path, layout22):
    clips = [make_clip("a", 6), make_clip("b", 6, "right", seed=1)]
    clips[0].points[2:4, 4] = 0
    build_stream(clips, layout22, ["left", "right"], CONFIG, tmp_path / "s.arrow")
    build_cache(tmp_path / "s.arrow", layout22, "joint", HEATMAPS, tmp_path / "h.arrow")
    return tmp_path / "s.arrow", tmp_path / "h.arrow", clips


def batch(source, indices):
    return torch.from_numpy(np.stack([source.sample(row, indices) for row in (0, 1)]))


def test_points_are_placed_within_the_box(files, layout22):
    source = PointInput(files[0], layout22, 0.25)
    inputs = source.assemble(batch(source, np.array([0, 5, -1])), whole(2), training=True)
    assert inputs.shape == (2, 1, 3, 22, 3)
    assert inputs[..., :2].abs().max() <= 1 / 1.25 + 1e-6  # the padding stays free
    assert inputs[:, 0, 2].abs().max() == 0  # an empty frame
    left, top, side = clip_box(files[2][1].points[:, layout22.points], 0.25)
    x, y, score = files[2][1].points[5, layout22.points[4]]
    expected = [(x - left) / side * 2 - 1, (y - top) / side * 2 - 1, score]
    assert np.allclose(inputs[1, 0, 1, 4], expected, atol=1e-5)


def test_a_point_that_was_not_found_stays_in_the_middle(files, layout22):
    source = PointInput(files[0], layout22, 0.25)
    window = Geometry(np.array([[0.3, 0.2, 0.5, 0.6]] * 2), np.array([True, False]))
    inputs = source.assemble(batch(source, np.arange(6)), window, training=True)
    lost = layout22.flip[4]  # the clip is mirrored
    assert inputs[0, 0, 2, lost].tolist() == [0, 0, 0]


def test_mirroring_points_swaps_sides(files, layout22):
    source = PointInput(files[0], layout22, 0.25)
    samples = batch(source, np.arange(6))
    plain = source.assemble(samples, whole(2), training=False)
    mirrored = source.assemble(samples, whole(2, mirrored=True), training=False)
    turned = plain[:, :, :, layout22.flip] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(mirrored, turned)


def test_in_testing_a_cached_volume_is_fed_as_drawn(files, layout22):
    source = HeatmapInput(files[1], layout22, 20)
    samples = batch(source, np.arange(6))
    inputs = source.assemble(samples, whole(2), training=False)
    assert torch.allclose(inputs, samples.float() / 255, atol=1e-6)
    mirrored = source.assemble(samples, whole(2, mirrored=True), training=False)
    assert torch.allclose(mirrored, inputs[:, layout22.flip].flip(-1), atol=1e-6)


def test_a_window_on_a_drawn_volume_is_close_to_drawing_the_moved_points(files, layout22):
    """Gaussians grow with the zoom; besides, only interpolation and the window's cut differ."""
    source = HeatmapInput(files[1], layout22, 24)
    window = (0.1, 0.2, 0.8, 0.8)
    geometry = Geometry(np.array([window] * 2), np.array([False, False]))
    moved = source.assemble(batch(source, np.arange(6)), geometry, training=True)[1].numpy()
    points = files[2][1].points[:, layout22.points]
    grid = to_grid(points, clip_box(points, 0.25), 24)
    grid[..., 0] = (grid[..., 0] + 0.5 - 0.1 * 24) / 0.8 - 0.5
    grid[..., 1] = (grid[..., 1] + 0.5 - 0.2 * 24) / 0.8 - 0.5
    direct = np.empty((6, 22, 24, 24), np.float32)
    draw(grid[None], "joint", layout22.edges, 1.5 / 0.8, direct)
    difference = np.abs(moved.swapaxes(0, 1) - direct)
    assert difference.max() < 0.15 and difference.mean() < 0.005


def test_resampling_only_what_is_not_empty_equals_the_matrix_product():
    rng = np.random.default_rng(0)
    volume = torch.from_numpy(rng.integers(0, 255, (3, 4, 9, 7)).astype(np.uint8))
    volume[torch.from_numpy(rng.random(volume.shape) < 0.8)] = 0
    down = resampling(np.array([[0.1, 0.7]]), np.array([False]), 9, 6)[0]
    across = resampling(np.array([[0.2, 0.8]]), np.array([True]), 7, 5)[0]
    out = torch.full((3, 4, 6, 5), 7.0)
    resample(volume, down, across, out)
    assert torch.allclose(out, down @ (volume.float() @ across.T), atol=1e-3)


def test_resampling_matrices_by_hand():
    half = resampling(np.array([[0.25, 0.5]]), np.array([False]), 4, 2)[0]
    assert np.allclose(half, [[0, 1, 0, 0], [0, 0, 1, 0]])
    back = resampling(np.array([[0.0, 1.0]]), np.array([True]), 3, 3)[0]
    assert np.allclose(back, np.eye(3)[::-1])


@given(seed=st.integers(0, 999))
def test_random_windows_lie_within_the_box_and_cover_the_asked_area(seed):
    config = {"crop_area": [0.56, 1.0], "flip": 0.5}
    geometry = random_geometry(50, config, np.random.default_rng(seed))
    left, top, width, height = geometry.windows.T
    assert (left >= 0).all() and (left + width <= 1 + 1e-9).all()
    assert (top >= 0).all() and (top + height <= 1 + 1e-9).all()
    # where a side would stick out of the box it is cut, and the area with it
    assert ((width * height >= 0.56 * 3 / 4 - 1e-9) & (width * height <= 1 + 1e-9)).all()
    assert 5 < geometry.mirrored.sum() < 45
