"""MMN's stated size, and each of its branches against a readable form."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from microgesture.models.build import build_model, count_parameters
from microgesture.models.mmn import (
    AttentionBranch,
    GraphBranch,
    TemporalBranch,
    differences,
    modulate,
)
from microgesture.utils.errors import InputError

SMALL = {"name": "mmn", "channels": 16, "stages": 2, "stage_blocks": 2, "heads": 2}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def graph(joints=5):
    return np.random.default_rng(0).random((3, joints, joints)).astype(np.float32)


def small(length=8, joints=5, **extra):
    network = SMALL | extra
    return build_model(
        network, layout_channels=joints, num_classes=4, adjacency=graph(joints), length=length
    ).eval()


def test_its_size_is_the_stated_one_and_its_cost_near_it():
    network = {"name": "mmn"}
    model = build_model(
        network, layout_channels=22, num_classes=32, adjacency=graph(22), length=64
    ).eval()
    assert count_parameters(model) == pytest.approx(1.23e6, rel=0.01)
    with FlopCounterMode(display=False) as counter:
        model(torch.rand(1, 1, 64, 22, 3))
    macs = counter.get_total_flops() / 2
    assert macs == pytest.approx(0.79e9, rel=0.01)  # 16 % above the stated 0.68


def test_motion_is_what_is_added_from_the_frame_before():
    x = torch.randn(2, 4, 3, 5)
    expected = torch.stack([x[:, t] - x[:, t - 1] if t else 0 * x[:, 0] for t in range(4)], dim=1)
    torch.testing.assert_close(differences(x), expected)


def test_control_scales_and_shifts():
    x, scale, shift = torch.randn(3, 2, 5).unbind(0)
    told = modulate(x, torch.cat([scale, shift], dim=-1))
    torch.testing.assert_close(told, (1 + scale) * x + shift)


def test_the_graph_branch_joint_by_joint():
    branch, x = GraphBranch(4, torch.from_numpy(graph())), torch.randn(2, 3, 5, 4)
    branch.PA.data.uniform_(0.5, 2)
    weights, kernels = branch.A * branch.PA, branch.value.weight.view(3, 4, 4)
    biases, moves = branch.value.bias.view(3, 4), differences(x)
    out = branch(x)
    for n, t, w in np.ndindex(2, 3, 5):
        gathered = sum(
            weights[k, v, w] * (kernels[k] @ x[n, t, v] + biases[k])
            for k in range(3)
            for v in range(5)
        )
        moved = sum(weights[k, v, w] * moves[n, t, v] for k in range(3) for v in range(5))
        scale, shift = branch.control(moved).chunk(2)
        torch.testing.assert_close(
            out[n, t, w], gathered * (1 + scale) + shift, atol=1e-5, rtol=1e-4
        )


def test_the_temporal_branch_frame_by_frame():
    branch, x = TemporalBranch(4, 3), torch.randn(2, 5, 3, 4)
    kernel, moves = branch.value.weight[..., 0], differences(x)
    out = branch(x)
    for n, t, v in np.ndindex(2, 5, 3):
        near = [(k, t + k - 1) for k in range(3) if 0 <= t + k - 1 < 5]
        value = branch.value.bias + sum(kernel[:, :, k] @ x[n, s, v] for k, s in near)
        scale, shift = branch.control(moves[n, t].mean(dim=0)).chunk(2)
        torch.testing.assert_close(out[n, t, v], value * (1 + scale) + shift, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("over_time", [False, True])
def test_attention_looks_along_one_axis(over_time):
    branch, x = AttentionBranch(4, 2, over_time), torch.randn(1, 3, 5, 4)
    sequence = x[0, :, 1] if over_time else x[0, 2]
    query, key, value = branch.qkv(sequence).view(-1, 3, 2, 2).unbind(1)
    parts = []
    for h in range(2):
        scores = query[:, h] @ key[:, h].T / 2**0.5
        parts.append(scores.softmax(1) @ value[:, h])
    out = branch(x)
    expected = torch.cat(parts, dim=1)
    torch.testing.assert_close(out[0, :, 1] if over_time else out[0, 2], expected)


def test_any_layout_persons_and_the_heads():
    model = small(joints=7)
    x = torch.rand(3, 2, 8, 7, 3)
    assert model(x).shape == (3, 4)
    torch.testing.assert_close(model(x), model(x.flip(1)))
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]), atol=1e-5, rtol=1e-5)
    model(x).sum().backward()
    lost = [name for name, p in model.named_parameters() if p.grad is None]
    assert lost == []


@pytest.mark.parametrize(
    ("length", "extra", "message"),
    [
        (9, {}, "length is 9, expected a multiple of 2"),
        (8, {"temporal_kernel": 4}, "temporal_kernel is 4, expected an odd"),
        (8, {"channels": 20}, "channels is 20, expected a multiple of 4 x 2"),
    ],
)
def test_numbers_that_make_no_network_are_named(length, extra, message):
    with pytest.raises(InputError, match=message):
        small(length, **extra)
