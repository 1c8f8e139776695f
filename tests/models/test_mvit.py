"""MViTv2 against slow readable forms, and its names and sizes against torchvision's."""

import math
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F

from microgesture.models.base import count_parameters
from microgesture.models.cpu.depthwise import depthwise
from microgesture.models.mvit import Attention, Block, build_mvit
from microgesture.utils.errors import InputError

SMALL = {"embed": 8, "heads": 2, "depths": (1, 2, 1), "key_stride": 4, "dropout": 0.0}


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def small(**changes):
    """A small network of float64 whose biases and norms are not 0 and 1."""
    model = build_mvit(8, 32, 5, **SMALL | changes).double()
    for value in model.parameters():
        value.data.add_(0.3 * torch.randn_like(value))
    return model.eval()


# --- names and sizes ----------------------------------------------------------------------------


def test_published_size():
    with torch.device("meta"):
        kinetics = build_mvit(16, 224, 400)
    assert count_parameters(kinetics) == 34_537_744
    kinetics.cls_head.fc_cls = torch.nn.Linear(kinetics.backbone.num_features, 32)
    assert count_parameters(kinetics) == 34_254_752
    kinetics.cls_head.fc_cls = torch.nn.Linear(kinetics.backbone.num_features, 400)
    assert len(kinetics.state_dict()) == 397
    shapes = {name: tuple(value.shape) for name, value in kinetics.state_dict().items()}
    lengths = [shapes[f"backbone.blocks.{n}.attn.rel_pos_h"][0] for n in range(16)]
    assert lengths == [111, 55, 55, *[27] * 12, 13]
    assert {shapes[f"backbone.blocks.{n}.attn.rel_pos_t"] for n in range(16)} == {(15, 96)}
    assert shapes["backbone.conv_proj.weight"] == (96, 3, 3, 7, 7)
    assert shapes["backbone.blocks.14.project.weight"] == (768, 384)
    assert kinetics.backbone.grid == (8, 7, 7)


def torchvision_model():
    """torchvision's network; its operators are named first, which the CPU build of torch lacks."""
    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision.models.video import mvit_v2_s

    return mvit_v2_s().eval()


@pytest.mark.skipif(find_spec("torchvision") is None, reason="needs torchvision")
def test_same_logits_as_torchvision():
    theirs, ours = torchvision_model(), build_mvit(16, 224, 400).eval()
    state = {
        name.replace("head.1.", "cls_head.fc_cls.")
        if name.startswith("head.")
        else f"backbone.{name}": value.add_(0.02 * torch.randn_like(value))
        for name, value in theirs.state_dict().items()
    }
    ours.load_state_dict(state)
    x = torch.randn(2, 3, 16, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-4)


# --- slow references ----------------------------------------------------------------------------


def reference_pool(pool, x, grid, stride):
    """One head's tokens (1 + L, C), pooled by a plain convolution."""
    places = x[1:].T.unflatten(1, grid)[None]
    weight = pool.pool.weight
    out = F.conv3d(places, weight, stride=(1, stride, stride), padding=1, groups=len(weight))[0]
    return pool.norm_act(torch.cat([x[:1], out.flatten(1).T])), tuple(out.shape[1:])


def reference_attention(attention, x):
    """Attention of one clip (1 + L, C): every pair of a query and a key on its own."""
    heads, size = attention.heads, attention.channels // attention.heads
    q, k, v = attention.qkv(x).unflatten(1, (3, heads, size)).unbind(1)
    outs = []
    for head in range(heads):
        own = [t[:, head] for t in (q, k, v)]
        queries, of_q = reference_pool(
            attention.pool_q, own[0], attention.grid, attention.pool_q.stride
        )
        keys, of_k = reference_pool(
            attention.pool_k, own[1], attention.grid, attention.pool_k.stride
        )
        values, _ = reference_pool(
            attention.pool_v, own[2], attention.grid, attention.pool_v.stride
        )
        scores = queries @ keys.T / math.sqrt(size)
        for i, place in enumerate(torch.cartesian_prod(*map(torch.arange, of_q)).tolist()):
            for j, other in enumerate(torch.cartesian_prod(*map(torch.arange, of_k)).tolist()):
                tables = (attention.rel_pos_t, attention.rel_pos_h, attention.rel_pos_w)
                for a, table in enumerate(tables):
                    ahead = place[a] * max(of_k[a] // of_q[a], 1)
                    behind = other[a] * max(of_q[a] // of_k[a], 1)
                    middle = (of_k[a] - 1) * max(of_q[a] // of_k[a], 1)
                    scores[i + 1, j + 1] += queries[i + 1] @ table[ahead - behind + middle]
        out = scores.softmax(1) @ values
        outs.append(torch.cat([out[:1], out[1:] + queries[1:]]))
    return attention.project(torch.cat(outs, 1))


@pytest.mark.parametrize(("query_stride", "key_stride"), [(1, 2), (2, 1), (2, 2), (1, 1)])
def test_attention(query_stride, key_stride):
    attention = Attention(6, 8, 2, (2, 4, 4), query_stride, key_stride).double()
    for value in attention.parameters():
        torch.nn.init.normal_(value, std=0.5)
    x = torch.randn(2, 33, 6, dtype=torch.float64)
    expected = torch.stack([reference_attention(attention, clip) for clip in x])
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_depthwise_is_a_convolution(stride):
    x = torch.randn(2, 3, 8, 12, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 1, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    clips = x.permute(0, 4, 1, 2, 3)
    expected = F.conv3d(clips, weight, stride=(1, stride, stride), padding=1, groups=5)
    found = depthwise(x, weight, stride)
    torch.testing.assert_close(found, expected.permute(0, 2, 3, 4, 1))
    given = torch.randn_like(found)
    ours = torch.autograd.grad(found, (x, weight), given)
    theirs = torch.autograd.grad(expected, (x, weight), given.permute(0, 4, 1, 2, 3))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_depthwise_of_odd_sizes_and_in_bfloat16():
    x = torch.randn(1, 1, 5, 7, 3, requires_grad=True)
    weight = torch.randn(3, 1, 3, 3, 3, requires_grad=True)
    expected = F.conv3d(x.permute(0, 4, 1, 2, 3), weight, stride=(1, 2, 2), padding=1, groups=3)
    torch.testing.assert_close(depthwise(x, weight, 2), expected.permute(0, 2, 3, 4, 1))
    coarse = depthwise(x.bfloat16(), weight, 2)
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), expected.permute(0, 2, 3, 4, 1), rtol=0, atol=0.1)
    theirs = torch.autograd.grad(expected.sum(), (x, weight))
    ours = torch.autograd.grad(coarse.sum(), (x, weight))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.1)


# --- behaviour ----------------------------------------------------------------------------------


def test_gradients_are_those_of_finite_differences():
    model = small()
    x = torch.randn(1, 3, 8, 32, 32, dtype=torch.float64)
    model(x).square().sum().backward()
    for name in ("blocks.0.attn.rel_pos_h", "blocks.1.attn.pool_k.pool.weight", "conv_proj.weight"):
        value = model.get_parameter(f"backbone.{name}")
        place = (0,) * value.dim()
        sides = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                value[place] += step
                sides.append(float(model(x).square().sum()))
                value[place] -= step
        slope = (sides[0] - sides[1]) / 2e-5
        assert float(value.grad[place]) == pytest.approx(slope, rel=1e-4)


def test_tokens_are_those_that_the_class_token_sees_last():
    model = small()
    x = torch.randn(2, 3, 8, 32, 32, dtype=torch.float64)
    tokens = model.backbone.tokens(x)
    assert tokens.shape == (2, 4, 4, 32)  # 4 steps of time, 2 x 2 places
    assert model.features(x).shape == (2, 32)
    later = x.clone()
    later[:, :, -1] += 1
    moved = (model.backbone.tokens(later) - tokens).abs().mean((0, 2, 3))
    assert moved[-1] > 2 * moved[0] > 0


def test_clips_do_not_see_each_other():
    model = small()
    x = torch.randn(3, 3, 8, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(model(x)[[2, 0, 1]], model(x[[2, 0, 1]]))


def test_bfloat16_is_close_and_branches_add_up_in_float32():
    model = build_mvit(8, 32, 5, **SMALL).eval()
    x = torch.randn(2, 3, 8, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = model.features(x)
        assert model.backbone._encoded(x).dtype == torch.float32
    fine = model.features(x)
    torch.testing.assert_close(coarse.float(), fine, rtol=0, atol=0.1)
    slopes = [
        torch.autograd.grad(one.float().square().sum(), list(model.backbone.parameters()))
        for one in (coarse * torch.arange(32), fine * torch.arange(32))
    ]
    ours, exact = (torch.cat([one.flatten() for one in each]) for each in slopes)
    assert torch.cosine_similarity(ours, exact, dim=0) > 0.99


def test_drop_path_leaves_out_whole_branches():
    block = Block(8, 8, 2, (2, 4, 4), 1, 2, drop_path=0.75).double()
    x = torch.randn(64, 33, 8, dtype=torch.float64)
    ones = block.drop_path(torch.ones_like(x)).flatten(1)
    assert {*ones.unique().tolist()} == {0.0, 4.0}
    assert (ones == ones[:, :1]).all()
    block.eval()
    torch.testing.assert_close(block.drop_path(x), x)
    drops = [
        one.drop_path.rate for one in build_mvit(8, 32, 5, **SMALL, drop_path=0.3).backbone.blocks
    ]
    assert drops == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("changes", "side", "what"),
    [
        ({"depths": (1, 0)}, 32, "depths"),
        ({"heads": 3}, 32, "heads"),
        ({"key_stride": 3}, 32, "key_stride"),
        ({}, 36, "multiple of 16"),
    ],
)
def test_numbers_that_make_no_network(changes, side, what):
    with pytest.raises(InputError, match=what):
        build_mvit(8, side, 5, **SMALL | changes)
