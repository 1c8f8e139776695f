"""Channels-last memory changes nothing of batch norm but its speed: torch's own sums there do."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from microgesture.heatmaps.draw import draw
from microgesture.models.build import build_model
from microgesture.models.cpu.batch_norm import BatchNorm
from tests.heatmaps.test_kernels import plain

LAST = torch.channels_last_3d
DEFAULT = {"name": "posec3d", "base_channels": 16, "stage_blocks": [1, 1, 1], "stem_kernel": 5,
           "zero_init_residual": False, "dropout": 0.0}  # fmt: skip


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def volumes(shape, seed=0):
    """Values after a ReLU, far from their mean of zero, and gradients that do not cancel."""
    torch.manual_seed(seed)
    x = torch.randn(shape).relu() * (0.1 + 4 * torch.rand(1, shape[1], 1, 1, 1)) + 3
    return x, 1e-3 * torch.randn(shape) + 1e-4 * x


def stepped(norm, x, gradient, memory=LAST):
    """Output, gradients and running statistics after one training step."""
    torch.manual_seed(1)
    norm = norm(x.shape[1])
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_()
    norm.to(x.dtype)
    given = x.contiguous(memory_format=memory).requires_grad_()
    out = norm(given)
    out.backward(gradient)
    return {
        "out": out.detach(), "x": given.grad, "weight": norm.weight.grad, "bias": norm.bias.grad,
        "mean": norm.running_mean, "variance": norm.running_var,
        "batches": norm.num_batches_tracked,
    }  # fmt: skip


@pytest.mark.parametrize("shape", [(6, 16, 12, 28, 28), (2, 5, 48, 28, 28), (1, 3, 1, 1, 2)])
def test_values_and_gradients_are_those_of_float64_to_rounding(shape):
    x, gradient = volumes(shape)
    found = stepped(BatchNorm, x, gradient)
    expected = stepped(nn.BatchNorm3d, x.double(), gradient.double(), torch.contiguous_format)
    for name, one in found.items():
        error = (one.double() - expected[name]).abs().max() / expected[name].abs().max()
        assert error < (3e-6 if name == "weight" else 1e-6), name
    assert found["x"].is_contiguous(memory_format=LAST)
    assert found["out"].is_contiguous(memory_format=LAST)


def test_a_gradient_in_any_memory_order_is_taken():
    x, gradient = volumes((2, 8, 4, 7, 7))
    expected = stepped(BatchNorm, x, gradient.contiguous(memory_format=LAST))
    found = stepped(BatchNorm, x, gradient)
    sliced = stepped(BatchNorm, x, torch.stack([gradient, gradient], -1)[..., 0])
    for name, one in expected.items():
        assert torch.equal(found[name], one) and torch.equal(sliced[name], one), name


def test_any_number_of_threads_gives_the_same_bits(threads):
    x, gradient = volumes((5, 16, 6, 9, 9))
    results = []
    for count in (1, 3):
        threads(count)
        results.append(stepped(BatchNorm, x, gradient))
    for name, one in results[0].items():
        assert torch.equal(results[1][name], one), name


@pytest.mark.parametrize(
    ("training", "dtype", "memory"),
    [
        (False, torch.float32, LAST),
        (True, torch.bfloat16, LAST),
        (True, torch.float64, LAST),
        (True, torch.float32, torch.contiguous_format),
    ],
)
def test_everything_else_is_torchs_own(training, dtype, memory):
    x, _ = volumes((2, 8, 4, 7, 7))
    x = x.to(dtype).contiguous(memory_format=memory)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    own, torchs = (norm(8).to(wide).train(training) for norm in (BatchNorm, nn.BatchNorm3d))
    assert torch.equal(own(x), torchs(x))
    for name, value in torchs.state_dict().items():
        assert torch.equal(own.state_dict()[name], value), name


def test_a_single_value_a_channel_is_refused_as_by_torch():
    x = torch.zeros(1, 3, 1, 1, 1).contiguous(memory_format=LAST)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BatchNorm(3)(x)


def gradients(change, dtype, x):
    torch.manual_seed(0)
    model = change(build_model(DEFAULT, layout_channels=22, num_classes=13)).to(dtype).train()
    loss = functional.cross_entropy(model(x.to(dtype)), torch.arange(len(x)) % 13)
    loss.backward()
    return torch.cat([one.grad.double().flatten() for one in model.parameters()])


def test_the_networks_gradient_is_as_exact_as_that_of_contiguous_memory():
    """Against float64; with torch's sums over channels-last memory it was 50 times further off."""
    rng = np.random.default_rng(0)
    points = np.ones((12, 12, 22, 3), np.float32)
    steps = np.cumsum(rng.normal(0, 0.5, (12, 12, 22, 2)), axis=1)
    points[..., :2] = rng.uniform(2, 26, (12, 1, 22, 2)) + steps
    out = np.zeros((12, 12, 22, 28, 28), np.float32)
    for clip, volume in zip(points, out, strict=True):
        draw(clip[None], "joint", np.zeros((0, 2), int), 0.6, volume)
    x = torch.from_numpy(out).transpose(1, 2)
    exact = gradients(plain, torch.float64, x)
    contiguous = (gradients(plain, torch.float32, x) - exact).norm()
    assert (gradients(lambda model: model, torch.float32, x) - exact).norm() < 3 * contiguous
    assert contiguous < 1e-3 * exact.norm()
