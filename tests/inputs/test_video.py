"""Person crops as MViT gets them."""

import numpy as np
import pytest
import torch

from microgesture.inputs.geometry import Geometry, full_frame
from microgesture.inputs.video import VideoInput, resizing
from microgesture.preprocessing.temporal import PADDING
from tests import moving_squares
from tests.steps import random_geometry

SIDE = moving_squares.SIDE


@pytest.fixture(scope="module")
def records():
    return moving_squares.in_memory({"train": 2})


def batch(source, indices):
    return torch.from_numpy(np.stack([source.sample(row, indices) for row in (0, 1)]))


def test_a_whole_crop_is_only_normalised(records):
    source = VideoInput(records, SIDE)
    samples = batch(source, np.array([0, 7, PADDING]))
    inputs = source.assemble(samples, full_frame(2), training=False)
    assert inputs.shape == (2, 3, 3, SIDE, SIDE)
    assert inputs.dtype == torch.float32
    expected = (samples.permute(0, 4, 1, 2, 3) / 255 - 0.45) / 0.225
    torch.testing.assert_close(inputs, expected)
    assert (inputs[:, :, 2] == inputs[0, 0, 2, 0, 0]).all()  # a black frame


def test_a_mirrored_crop_runs_backwards(records):
    source = VideoInput(records, SIDE)
    samples = batch(source, np.arange(8))
    plain = source.assemble(samples, full_frame(2), training=True)
    turned = source.assemble(samples, full_frame(2, mirrored=True), training=True)
    torch.testing.assert_close(turned, plain.flip(4))


def test_a_window_is_cut_out(records):
    source = VideoInput(records, SIDE // 2)
    window = Geometry(np.array([[0.25, 0.5, 0.5, 0.5]] * 2), np.array([False, False]))
    cut = source.assemble(batch(source, np.arange(8)), window, training=True)
    whole = VideoInput(records, SIDE).assemble(
        batch(source, np.arange(8)), full_frame(2), training=True
    )
    torch.testing.assert_close(cut, whole[..., SIDE // 2 :, SIDE // 4 : 3 * SIDE // 4])


def test_motion_is_what_differs_from_the_mean(records):
    plain, moved = (VideoInput(records, SIDE, stream) for stream in ("rgb", "motion"))
    samples = batch(plain, np.arange(8))
    shown = plain.assemble(samples, full_frame(2), training=False)
    found = moved.assemble(samples, full_frame(2), training=False)
    expected = torch.stack([shown[:, :, t] - sum(shown.unbind(2)) / 8 for t in range(8)], dim=2)
    torch.testing.assert_close(found, 4 * expected)
    still = moved.assemble(samples[:, [3] * 8], full_frame(2), training=False)
    assert still.abs().max() < 1e-5


def slow_resize(values, start, length, size):
    """One axis, cell by cell."""
    cells = len(values)
    reach = max(length * cells / size, 1)
    out = []
    for place in range(size):
        middle = (start + length * (place + 0.5) / size) * cells - 0.5
        weights = [max(1 - abs(middle - cell) / reach, 0) for cell in range(cells)]
        out.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return out


@pytest.mark.parametrize(("start", "length", "size"), [(0, 1, 5), (0.1, 0.7, 5), (0.2, 0.5, 24)])
def test_resizing(start, length, size):
    values = np.random.default_rng(0).normal(size=16)
    (matrix,) = resizing(np.array([[start, length]]), np.array([False]), 16, size)
    assert matrix.numpy() @ values == pytest.approx(
        slow_resize(values, start, length, size), abs=1e-5
    )
    (backwards,) = resizing(np.array([[start, length]]), np.array([True]), 16, size)
    torch.testing.assert_close(backwards, matrix.flip(0))


def test_light_changes_in_training_alone(records):
    source = VideoInput(records, SIDE, jitter=0.4)
    samples = batch(source, np.arange(8))
    light = np.array([[0.5, 0.0], [0.0, -1.0]])
    lit = Geometry(*(getattr(full_frame(2), key) for key in ("windows", "mirrored")), light)
    plain = source.assemble(samples, lit, training=False)
    changed = source.assemble(samples, lit, training=True)
    torch.testing.assert_close(changed[0], plain[0] + 0.5 * 0.4 / 0.225)
    torch.testing.assert_close(changed[1], plain[1] * 0.6)  # grey stays grey


def test_light_is_drawn_after_all_else():
    augment = {"crop_area": [0.5, 1.0], "flip": 0.5}
    drawn = random_geometry(6, augment, np.random.default_rng(3))
    assert drawn.light.shape == (6, 2)
    assert np.abs(drawn.light).max() <= 1
    part = drawn.part(slice(2, 4))
    for key in ("windows", "mirrored", "light"):
        assert np.array_equal(getattr(part, key), getattr(drawn, key)[2:4])
