"""The networks' own CPU routines against torch's, and their gradients against differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from microgesture.models.base import frame_conv
from microgesture.models.build import build_model
from microgesture.models.cpu.max_pool import ReluMaxPool, _RepeatableReluMaxPool
from microgesture.models.cpu.sparse_conv import MAX_SHARE, HeatmapConv, list_cells, sparse_conv
from microgesture.models.posec3d import Conv

CHANNELS_LAST = torch.channels_last_3d
SMALL = {"name": "posec3d", "base_channels": 4, "stage_blocks": [1, 1], "stem_kernel": 5}


@pytest.fixture
def threads():
    """Sets torch's number of threads, and puts it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def sparse_volume(seed, shape=(2, 3, 4, 9, 7), share=0.05, dtype=torch.float32):
    """Random cells, some on the borders; height and width differ."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=dtype)
    kept = torch.rand(shape, generator=generator) < share
    kept[:, 0, 0, [0, 0, -1, -1], [0, -1, 0, -1]] = True  # the corners of one plane
    return (values * kept).contiguous(memory_format=CHANNELS_LAST)


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


# --- the sparse stem ------------------------------------------------------------------------------


def test_one_cell_spreads_the_turned_kernel_by_hand():
    x = torch.zeros(1, 1, 1, 3, 4)
    x[0, 0, 0, 0, 2] = 2
    weight = torch.arange(9.0).reshape(1, 1, 1, 3, 3)
    # out[p] = sum of x[p + d - 1] * w[d]: the cell left of the 2 takes w's right column
    expected = torch.tensor([[0, 10, 8, 6], [0, 4, 2, 0], [0, 0, 0, 0.0]])
    cells = list_cells(x)
    assert cells[0].places.tolist() == [[0, 2, 0]] and cells[0].values.tolist() == [2]
    assert torch.equal(sparse_conv(cells, weight, 3, 4)[0, 0, 0], expected)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 9999),
    side=st.sampled_from([1, 3, 5, 11]),  # 11 reaches beyond both borders
    outputs=st.sampled_from([1, 5, 16]),
)
def test_the_sparse_stem_equals_the_dense_convolution(seed, side, outputs):
    x = sparse_volume(seed)
    torch.manual_seed(seed)
    weight = torch.randn(outputs, 3, 1, side, side)
    sparse, dense = (weight.clone().requires_grad_() for _ in range(2))
    found = sparse_conv(list_cells(x), sparse, 9, 7)
    expected = functional.conv3d(x, dense, padding=(0, side // 2, side // 2))
    assert found.is_contiguous(memory_format=CHANNELS_LAST)
    assert relative(found.detach(), expected.detach()) < 1e-5
    gradient = torch.randn_like(expected)
    found.backward(gradient)
    expected.backward(gradient)
    assert relative(sparse.grad, dense.grad) < 1e-5


def test_the_sparse_stems_gradient_is_that_of_its_differences():
    x = sparse_volume(0, (2, 2, 3, 6, 7), share=0.02, dtype=torch.float64)
    cells = list_cells(x)
    weight = torch.randn(2, 2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: sparse_conv(cells, w, 6, 7), weight)


def test_the_sparse_stem_gives_the_same_bits_on_any_number_of_threads(threads):
    x, results = sparse_volume(3, (5, 3, 4, 9, 7)), []
    for count in (1, 2, 4):
        threads(count)
        torch.manual_seed(0)
        conv = HeatmapConv(3, 8, (1, 5, 5), padding=(0, 2, 2), bias=False)
        out = conv(x)
        (out**2).sum().backward()
        results.append((out.detach(), conv.weight.grad))
    for out, gradient in results[1:]:
        assert torch.equal(out, results[0][0]) and torch.equal(gradient, results[0][1])


def test_under_autocast_the_sparse_stem_rounds_once():
    x = sparse_volume(4)
    conv = HeatmapConv(3, 8, (1, 3, 3), padding=(0, 1, 1), bias=False)
    exact = conv(x)
    with torch.autocast("cpu", torch.bfloat16):
        out = conv(x)
    assert torch.equal(out, exact.bfloat16())
    out.float().sum().backward()
    assert conv.weight.grad.dtype == torch.float32


def test_the_dense_convolution_takes_over_where_the_sparse_one_is_no_use(monkeypatch):
    used = []
    monkeypatch.setattr(
        "microgesture.models.cpu.sparse_conv.sparse_conv",
        lambda *arguments: used.append(1) or sparse_conv(*arguments),
    )
    conv = HeatmapConv(3, 4, (1, 3, 3), padding=(0, 1, 1), bias=False)
    sparse, full = sparse_volume(5), sparse_volume(5, share=2 * MAX_SHARE)
    assert list_cells(full) is None and list_cells(sparse) is not None
    inputs = [sparse, full, sparse.clone().requires_grad_(), sparse.bfloat16()]
    for x in inputs[:3]:
        torch.testing.assert_close(conv(x), nn.Conv3d.forward(conv, x), atol=1e-5, rtol=1e-5)
    conv.bfloat16()(inputs[3])
    assert used == [1]
    conv(inputs[2].bfloat16()).float().sum().backward()
    assert inputs[2].grad.any()  # the input's gradient, where it is wanted, is there


def test_a_tenth_of_the_cells_is_listed_and_no_more_in_any_clip():
    x = torch.zeros(2, 1, 2, 5, 4)
    x[1].view(-1)[[0, 7, 20, 39]] = torch.tensor([1.0, -2.0, 3.0, 4.0])
    empty, full = list_cells(x)
    assert empty.starts.tolist() == [0, 0, 0] and empty.places.shape == (0, 3)
    assert full.starts.tolist() == [0, 2, 4] and full.values.tolist() == [1, -2, 3, 4]
    assert full.places.tolist() == [[0, 0, 0], [1, 3, 0], [0, 0, 0], [4, 3, 0]]
    x[1, 0, 1, 0, 3] = 5
    assert list_cells(x) is None and list_cells(x[:1]) is not None


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_an_empty_volume_and_one_that_is_not_a_number(value):
    x = torch.zeros(1, 2, 2, 5, 6)
    x[0, 1, 0, 2, 2] = value
    conv = HeatmapConv(2, 3, (1, 3, 3), padding=(0, 1, 1), bias=False)
    out = conv(x)
    if value == 0:
        assert not out.any()
        out.sum().backward()
        assert not conv.weight.grad.any()
    else:
        assert out[0, :, 0, 1:4, 1:4].isnan().all() and out.isnan().sum() == 27


# --- ReLU and pooling -----------------------------------------------------------------------------


def dense_pool(x):
    return functional.max_pool3d(x.relu(), (1, 3, 3), stride=1, padding=(0, 1, 1))


@pytest.mark.parametrize("pool", [ReluMaxPool(), _RepeatableReluMaxPool.apply])
@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 9999),
    size=st.sampled_from([(1, 1), (2, 5), (6, 4)]),
    levels=st.sampled_from([2, 4, 1000]),  # few levels: many equal values
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
def test_relu_and_pooling_equal_torchs_two_steps(pool, seed, size, levels, dtype):
    torch.manual_seed(seed)
    x = torch.randint(-levels, levels, (2, 3, 2, *size)) / levels
    ours, torchs = (
        x.to(dtype).contiguous(memory_format=CHANNELS_LAST).requires_grad_() for _ in range(2)
    )
    found, expected = pool(ours), dense_pool(torchs)
    assert torch.equal(found, expected) and found.is_contiguous(memory_format=CHANNELS_LAST)
    gradient = torch.randint(-8, 8, found.shape).to(dtype)  # whole numbers: exact in any order
    found.backward(gradient)
    expected.backward(gradient)
    assert torch.equal(ours.grad, torchs.grad)


@pytest.mark.parametrize(
    ("device", "layout", "step"),
    [
        ("cpu", CHANNELS_LAST, "_ReluMaxPoolBackward"),
        ("cpu", torch.contiguous_format, "MaxPool3DWithIndicesBackward0"),
        ("meta", CHANNELS_LAST, "_RepeatableReluMaxPoolBackward"),
    ],
)
def test_which_routine_pools(device, layout, step):
    """A meta tensor stands for any device that is not a CPU."""
    x = torch.zeros(2, 3, 2, 5, 4, device=device).contiguous(memory_format=layout)
    assert ReluMaxPool()(x.requires_grad_()).grad_fn.name() == step


def test_pooling_on_several_threads_is_the_same(threads):
    x, results = torch.randn(5, 4, 3, 6, 7).contiguous(memory_format=CHANNELS_LAST), []
    for count in (1, 3):
        threads(count)
        given = x.clone().requires_grad_()
        out = ReluMaxPool()(given)
        (out**2).sum().backward()
        results.append((out.detach(), given.grad))
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_pooling_keeps_what_is_not_a_number():
    x = torch.randn(1, 2, 1, 5, 5).contiguous(memory_format=CHANNELS_LAST)
    x[0, 1, 0, 2, 2] = float("nan")
    assert torch.equal(ReluMaxPool()(x).isnan(), dense_pool(x).isnan())
    assert torch.equal(ReluMaxPool()(-x).isnan(), dense_pool(-x).isnan())


# --- other convolutions ---------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(1, 1, 1), (3, 1, 1), (5, 1, 1), (1, 3, 3)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 2, 2)])
def test_convolutions_equal_torchs(kernel, stride):
    torch.manual_seed(0)
    conv = Conv(3, 4, kernel, stride, tuple(k // 2 for k in kernel), bias=False)
    x = torch.randn(2, 3, 6, 5, 4).contiguous(memory_format=CHANNELS_LAST)
    results = []
    for forward in (Conv.forward, nn.Conv3d.forward):
        given = x.clone().requires_grad_()
        conv.weight.grad = None
        out = forward(conv, given)
        (out**2).sum().backward()
        results.append((out.detach(), given.grad, conv.weight.grad))
    for found, expected in zip(*results, strict=True):
        assert found.shape == expected.shape and relative(found, expected) < 1e-5


@pytest.mark.parametrize(
    ("device", "kernel", "frames"),
    [("cpu", (1, 3, 3), 0), ("meta", (1, 3, 3), 1), ("meta", (3, 1, 1), 0)],
)
def test_only_kernels_of_one_frame_go_frame_by_frame(monkeypatch, device, kernel, frames):
    """A meta tensor stands for any device that is not a CPU."""
    used = []
    monkeypatch.setattr(
        "microgesture.models.posec3d.frame_conv",
        lambda *arguments: used.append(1) or frame_conv(*arguments),
    )
    conv = Conv(3, 4, kernel, (1, 2, 2), tuple(k // 2 for k in kernel), bias=False, device=device)
    x = torch.zeros(2, 3, 6, 5, 4, device=device)
    assert conv(x).shape == nn.Conv3d.forward(conv, x).shape and len(used) == frames


@pytest.mark.parametrize(("side", "stride"), [(1, (2, 2, 2)), (3, (1, 2, 2)), (5, (1, 1, 1))])
def test_frame_by_frame_is_the_same_and_keeps_the_layout(side, stride):
    torch.manual_seed(0)
    conv = nn.Conv3d(3, 4, (1, side, side), stride, (0, side // 2, side // 2), bias=False)
    x = torch.randn(2, 3, 6, 5, 4).contiguous(memory_format=CHANNELS_LAST)
    found, expected = frame_conv(conv, x), conv(x)
    assert found.shape == expected.shape and relative(found, expected) < 1e-5
    assert found.is_contiguous(memory_format=CHANNELS_LAST)


# --- the whole network ----------------------------------------------------------------------------


def plain(model):
    for module in model.modules():
        if isinstance(module, (HeatmapConv, Conv)):
            module.__class__ = nn.Conv3d
        elif isinstance(module, ReluMaxPool):
            module.forward = dense_pool
    model.backbone.memory_format = torch.contiguous_format
    return model


def curve(change, dtype=torch.float32, steps=8):
    torch.manual_seed(0)
    model = change(build_model(SMALL | {"dropout": 0.0}, layout_channels=3, num_classes=4)).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    x, truth, losses = sparse_volume(1, (4, 3, 4, 11, 9)).abs(), torch.arange(4), []
    for _ in range(steps):
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = functional.cross_entropy(model(x).float(), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def test_training_follows_the_plain_networks_losses():
    expected = curve(plain)
    assert expected[-1] < 0.95 * expected[0]
    np.testing.assert_allclose(curve(lambda model: model), expected, rtol=1e-3)
    np.testing.assert_allclose(curve(lambda model: model, torch.bfloat16), expected, rtol=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_predicts_the_same_on_several_threads(threads, dtype):
    torch.manual_seed(0)
    model = build_model(SMALL, layout_channels=3, num_classes=4).eval()
    x, results = sparse_volume(1, (4, 3, 4, 11, 9)).abs(), []
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        for count in (1, 3):
            threads(count)
            results.append(model(x))
    torch.testing.assert_close(*results)
