"""The skeleton transformer against a readable form of it, and what missing points may change."""

import math

import pytest
import torch
import torch.nn.functional as F

from microgesture.models.base import DropPath
from microgesture.models.build import build_model, count_parameters
from microgesture.utils.errors import InputError

SMALL = {"name": "skeleton_transformer", "width": 8, "depth": 2, "heads": 2, "hidden": 6}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def small(joints=5, length=8, **extra):
    """In evaluation mode, no number left at 0 or 1."""
    model = build_model(SMALL | extra, layout_channels=joints, num_classes=4, length=length)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.add_(0.1 * torch.rand_like(value))
    return model.eval()


def skeletons(count=2, frames=8, joints=5, lost=0.3):
    """Points (N, 1, T, V, 3), of which some were not found."""
    x = torch.rand(count, 1, frames, joints, 3)
    x[torch.rand(x.shape[:-1]) < lost] = 0
    return x


def readable(model, clip, patch=4):
    """Features of one skeleton (T, V, 3), token by token."""
    net = model.backbone
    frames, joints, _ = clip.shape
    tokens, found = [], []
    for start in range(0, frames, patch):
        for joint in range(joints):
            values = clip[start : start + patch, joint]
            token = net.embed(values.flatten()) + net.time[start // patch, 0] + net.joint[0, joint]
            tokens.append(token)
            found.append(bool((values[:, 2] > 0).any()))
    for block in net.blocks:
        normed = [block.norm1(token) for token in tokens]
        heads = block.attention.heads
        qkv = [block.attention.qkv(token).chunk(3) for token in normed]
        mixed = []
        for query, _, _ in qkv:
            parts = []
            for h in range(heads):
                size = len(query) // heads
                own = slice(h * size, (h + 1) * size)
                seen = [n for n, one in enumerate(found) if one]
                scores = [query[own] @ qkv[n][1][own] / math.sqrt(size) for n in seen]
                weights = torch.stack(scores).softmax(0)
                parts.append(sum(w * qkv[n][2][own] for w, n in zip(weights, seen, strict=True)))
            mixed.append(block.attention.proj(torch.cat(parts)))
        tokens = [token + more for token, more in zip(tokens, mixed, strict=True)]
        tokens = [token + block.mlp(block.norm2(token)) for token in tokens]
    means = []
    for joint in range(joints):
        own = [net.norm(tokens[n]) for n in range(joint, len(tokens), joints) if found[n]]
        means.append(torch.stack(own).mean(0) if own else torch.zeros(len(tokens[0])))
    return net.head(torch.cat(means)[None])[0]


def test_it_matches_a_readable_form():
    model, x = small(), skeletons()
    x[0, 0, :4, 1] = 0  # a token in which nothing was found
    x[1, 0, :, 3] = 0  # a joint that is never found
    expected = torch.stack([readable(model, clip[0]) for clip in x])
    torch.testing.assert_close(model.features(x), expected, atol=1e-5, rtol=1e-5)


def test_the_published_encoder_has_6_3_million_parameters():
    model = build_model(
        {"name": "skeleton_transformer"}, layout_channels=22, num_classes=32, length=64
    )
    blocks = count_parameters(model.backbone.blocks)
    assert blocks == 8 * (12 * 256**2 + 13 * 256)
    assert round(blocks / 1e6, 1) == 6.3


@pytest.mark.parametrize("joints", [3, 22, 41])
def test_it_takes_any_layout_and_any_number_of_persons(joints):
    model = small(joints, length=12, hidden=0)
    x = skeletons(2, 12, joints)
    assert model(x).shape == (2, 4)
    assert model.features(x).shape == (2, joints * 8)
    twice = torch.cat([x, x.flip(0)], dim=1)
    torch.testing.assert_close(model.features(twice), model.features(x).mean(0).expand(2, -1))


def test_a_token_that_was_not_found_reaches_nothing():
    """Not what stands in its place, and no gradient comes from it."""
    model, x = small(), skeletons(lost=0)
    x[:, :, 4:, 2] = 0
    x.requires_grad_()
    model(x).square().sum().backward()
    assert x.grad[:, :, 4:, 2].abs().max() == 0
    assert x.grad[:, :, :4, 2].abs().min() > 0
    moved = x.detach().clone()
    moved[:, :, 4:, 2, :2] = 9
    torch.testing.assert_close(model(moved), model(x.detach()), atol=0, rtol=0)


def test_a_clip_without_any_point_still_gives_numbers():
    model, x = small(), skeletons()
    x[0] = 0
    assert model(x).isfinite().all()


def test_drop_path_keeps_the_mean_and_leaves_evaluation_alone():
    layer, x = DropPath(0.25), torch.ones(20000, 3, 1)
    out = layer(x)
    assert out.unique().tolist() == [0, pytest.approx(4 / 3)]
    assert (out[:, :1] == out).all()  # a clip as a whole
    assert out.mean() == pytest.approx(1, abs=0.02)
    assert layer.eval()(x) is x
    rates = [block.drop_path.rate for block in small(depth=3, drop_path=0.3).backbone.blocks]
    assert rates == [0, pytest.approx(0.15), pytest.approx(0.3)]


def test_bfloat16_gives_nearly_the_same():
    model, x = small(), skeletons()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = F.softmax(model(x).float(), dim=1)
    torch.testing.assert_close(rounded, F.softmax(model(x), dim=1), atol=0.02, rtol=0.05)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"patch": 3}, "length is 8, expected a multiple of the patch of 3"),
        ({"heads": 3}, "width is 8, expected a multiple of the 3 heads"),
    ],
)
def test_numbers_that_make_no_network_are_named(extra, message):
    with pytest.raises(InputError, match=message):
        small(**extra)


def test_its_tokens_are_those_that_are_averaged_over_time():
    """The mean over the steps in which a joint was found is what the head sees of it."""
    model, x = small(hidden=0), skeletons(lost=0.6)
    found = (x[:, 0, :, :, 2] > 0).unflatten(1, (2, 4)).any(dim=2)  # (N, T', V)
    assert not found.all()
    with torch.no_grad():
        tokens, features = model.backbone.tokens(x), model.features(x)
    assert tokens.shape == (2, 2, 5, 8) and (tokens[~found] == 0).all()
    means = tokens.sum(dim=1) / found.sum(dim=1).clamp(min=1)[..., None]
    assert torch.allclose(means.flatten(1), features, atol=1e-6)
