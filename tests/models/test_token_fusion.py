"""Fusion of tokens against plain loops in float64: layer, times, exchange, masks and dropout."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from microgesture.models.build import build_model
from microgesture.models.token_fusion import (
    Exchange,
    Layer,
    SourceTokens,
    build_concat_mlp,
    build_token_fusion,
    drop_sources,
    resampling,
)
from microgesture.utils.errors import InputError

SHAPES = [SourceTokens(4, 6, "places"), SourceTokens(8, 5, "places"), SourceTokens(3, 7, "time")]
ALIGNED = SHAPES[:2]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def randomised(module):
    """The module in float64 and evaluation mode, with no parameter left at 0 or 1."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module.double().eval()


def batch(shapes, count=5, present=None):
    """Random tokens in the form that the networks take."""
    flags = torch.ones(count, len(shapes)) if present is None else torch.tensor(present).float()
    width = sum(one.tokens * one.features for one in shapes)
    return torch.cat([flags, torch.randn(count, width)], dim=1).double()


def linear(layer, x):
    """A linear layer on a vector, by a sum over its inputs."""
    rows = layer.weight.detach().numpy()
    return np.array([sum(w * v for w, v in zip(row, x, strict=True)) for row in rows]) + (
        layer.bias.detach().numpy()
    )


def normed(norm, x):
    spread = math.sqrt(((x - x.mean()) ** 2).mean() + norm.eps)
    return (x - x.mean()) / spread * norm.weight.detach().numpy() + norm.bias.detach().numpy()


def gelu(x):
    return np.array([v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in x])


def slow_layer(layer, tokens, seen, scores):
    """A pre-norm layer on the tokens of one clip, a list of vectors."""
    count, heads = len(tokens), layer.heads
    h = [s * normed(layer.norm1, x) for s, x in zip(scores, tokens, strict=True)]
    width = len(h[0])
    size = width // heads
    qkv = [linear(layer.qkv, x) for x in h]
    out = []
    for i in range(count):
        gathered = np.zeros(width)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            q = qkv[i][:width][part]
            weights = [
                math.exp(q @ qkv[j][width : 2 * width][part] / math.sqrt(size)) if seen[j] else 0
                for j in range(count)
            ]
            for j in range(count):
                gathered[part] += weights[j] / sum(weights) * qkv[j][2 * width :][part]
        x = tokens[i] + linear(layer.out, gathered)
        hidden = gelu(linear(layer.mlp[0], normed(layer.norm2, x)))
        out.append(x + linear(layer.mlp[3], hidden))
    return out


def test_a_layer_is_attention_over_seen_tokens_and_an_mlp():
    layer = randomised(Layer(8, heads=2, dropout=0.3))
    x, scores = torch.randn(2, 5, 8).double(), torch.rand(2, 5).double()
    seen = torch.tensor([[1, 1, 0, 1, 1], [1, 0, 0, 0, 1]]).bool()
    with torch.no_grad():
        out = layer(x, seen, scores)
        plain = layer(x, seen)
    for n in range(2):
        expected = slow_layer(layer, [*x[n].numpy()], seen[n].tolist(), scores[n].tolist())
        assert np.allclose(out[n], np.array(expected), atol=1e-10)
        expected = slow_layer(layer, [*x[n].numpy()], seen[n].tolist(), [1] * 5)
        assert np.allclose(plain[n], np.array(expected), atol=1e-10)


def slow_fusion(model, x):
    """Features of one clip (D,), token by token."""
    backbone = model.backbone
    count = len(backbone.sources.shapes)
    present, place = x[:count] > 0.5, count
    tokens, seen = [backbone.class_token.detach().numpy()], [True]
    table = backbone.time.detach().numpy()
    for s, shape in enumerate(backbone.sources.shapes):
        for k in range(shape.tokens):
            values = x[place : place + shape.features]
            place += shape.features
            values = values if present[s] else np.zeros(shape.features)
            if shape.pool == "time":
                where = backbone.places[str(s)][k].detach().numpy()
            else:  # the step's middle, between the middles of the learned positions
                at = (k + 0.5) / shape.tokens * len(table) - 0.5
                at = min(max(at, 0), len(table) - 1)
                low = min(int(at), len(table) - 2)
                where = table[low] * (low + 1 - at) + table[low + 1] * (at - low)
            norm, project = backbone.project[s]
            embedded = linear(project, normed(norm, values))
            tokens.append(embedded + backbone.modality[s].detach().numpy() + where)
            seen.append(bool(present[s]))
    for layer in backbone.layers:
        tokens = slow_layer(layer, tokens, seen, [1] * len(tokens))
    return normed(backbone.norm, tokens[0])


def test_the_fusion_is_what_its_description_says():
    model = randomised(build_token_fusion(SHAPES, 3, width=8, layers=2, heads=2, positions=5))
    x = batch(SHAPES, 3, [[1, 1, 1], [1, 0, 1], [0, 0, 1]])
    with torch.no_grad():
        features = model.features(x)
    for n in range(3):
        assert np.allclose(features[n], slow_fusion(model, x[n].numpy()), atol=1e-10)


def test_the_concatenation_is_an_mlp_on_mean_tokens():
    model = randomised(build_concat_mlp(ALIGNED, 3, width=4))
    x = batch(ALIGNED, 2, [[1, 1], [0, 1]])
    with torch.no_grad():
        features = model.features(x)
    first, second = model.backbone.norms
    for n in range(2):
        values = x[n, 2:].numpy()
        one, two = values[:24].reshape(4, 6).mean(axis=0), values[24:].reshape(8, 5).mean(axis=0)
        one = normed(first, one) if n == 0 else np.zeros(6)
        expected = gelu(linear(model.backbone.mlp[0], np.concatenate([one, normed(second, two)])))
        assert np.allclose(features[n], expected, atol=1e-10)


@pytest.mark.parametrize("steps", [1, 3, 4, 8])
def test_steps_of_any_number_are_placed_by_their_share_of_the_clip(steps):
    """A table that holds its own place gives each step its place, as far as the table reaches."""
    positions = 4
    places = (torch.arange(positions) + 0.5) / positions
    steps_at = (torch.arange(steps) + 0.5) / steps
    expected = steps_at.clamp(places[0], places[-1])
    assert torch.allclose(resampling(steps, positions) @ places, expected, atol=1e-6)
    assert torch.allclose(resampling(steps, positions).sum(dim=1), torch.ones(steps))


def test_sources_of_other_lengths_share_the_times():
    """A step of four lies between two of eight, and so does its embedding."""
    model = randomised(build_token_fusion(ALIGNED, 3, width=8, heads=2, positions=8))
    four, eight = (model.backbone.position(s) for s in range(2))
    assert torch.allclose(four, eight.view(4, 2, -1).mean(dim=1), atol=1e-7)
    assert torch.allclose(eight, model.backbone.time)


@pytest.mark.parametrize("build", [build_token_fusion, build_concat_mlp])
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_what_stands_in_place_of_a_missing_source_has_no_part(build, missing):
    model = build(SHAPES, 3, 4, width=8).eval()
    x = batch(SHAPES).float()
    x[:, missing] = 0
    start = len(SHAPES) + sum(one.tokens * one.features for one in SHAPES[:missing])
    part = slice(start, start + SHAPES[missing].tokens * SHAPES[missing].features)
    other = x.clone()
    other[:, part] = float("nan")
    assert torch.equal(model(x), model(other))
    there = x.clone()
    there[:, missing] = 1
    assert not torch.allclose(model(x), model(there))
    model.train()
    loss = model(other).sum()
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_an_exchange_takes_missing_sources_for_nothing():
    model = build_token_fusion(ALIGNED, 3, width=8, exchange=True, exchange_threshold=0.999).eval()
    x = batch(ALIGNED, 4, [[1, 0]] * 4).float()
    other = x.clone()
    other[:, 2 + 24 :] = float("nan")
    assert torch.equal(model(x), model(other))


def slow_exchange(module, tokens, present):
    """The exchange for one clip: tokens by source, each a list of vectors."""
    scored = []
    for scorer, own in zip(module.scorers, tokens, strict=True):
        hidden = [gelu(linear(scorer[1], normed(scorer[0], x))) for x in own]
        scored.append([1 / (1 + math.exp(-linear(scorer[3], h)[0])) for h in hidden])
    out = []
    for s, own in enumerate(tokens):
        others = [o for o in range(len(tokens)) if o != s and present[o]]
        new = []
        for k, token in enumerate(own):
            if scored[s][k] >= module.threshold or not others:
                new.append(token)
                continue
            found = []
            for o in others:
                at = (k + 0.5) / len(own) * len(tokens[o]) - 0.5
                at = min(max(at, 0), len(tokens[o]) - 1)
                low = min(int(at), len(tokens[o]) - 2)
                found.append(tokens[o][low] * (low + 1 - at) + tokens[o][low + 1] * (at - low))
            new.append(sum(found) / len(found))
        out.append(new)
    return out, scored


def test_an_exchange_replaces_tokens_of_a_low_score_by_the_others_at_their_time():
    shapes = [*ALIGNED, SourceTokens(2, 3, "places")]
    module = randomised(Exchange(shapes, 6, threshold=0.5))
    tokens = [torch.randn(3, one.tokens, 6).double() for one in shapes]
    present = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0]]).bool()
    with torch.no_grad():
        exchanged, scores = module(tokens, present)
    replaced = 0
    for n in range(3):
        expected, scored = slow_exchange(
            module, [[*one[n].numpy()] for one in tokens], present[n].tolist()
        )
        for s in range(3):
            assert np.allclose(exchanged[s][n], np.array(expected[s]), atol=1e-10)
            assert np.allclose(scores[s][n], scored[s], atol=1e-10)
            replaced += int((exchanged[s][n] != tokens[s][n]).any(dim=1).sum())
    assert 0 < replaced < 3 * sum(one.tokens for one in shapes)


def test_the_penalty_is_the_weighted_sum_of_the_scores_of_what_is_there():
    model = build_token_fusion(ALIGNED, 3, width=8, layers=2, exchange=True, exchange_weight=0.01)
    seen = []
    for one in model.backbone.exchanges:
        one.register_forward_hook(lambda module, args, out: seen.append(out[1]))
    model.train()
    model(batch(ALIGNED, 2, [[1, 1], [0, 1]]).float())
    expected = 0.0
    for first, second in seen:
        expected += (first[0].sum() + second[0].sum() + second[1].sum()).item() / 2
    assert model.backbone.penalty.item() == pytest.approx(0.01 * expected, rel=1e-5)
    model.eval()
    model(batch(ALIGNED, 2).float())
    assert model.backbone.penalty == 0.0


def test_the_penalty_alone_lowers_the_scores():
    model = build_token_fusion(ALIGNED, 3, width=8, exchange=True, exchange_weight=1.0)
    x = batch(ALIGNED).float()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    course = []
    for _ in range(20):
        model(x)
        optimizer.zero_grad()
        model.backbone.penalty.backward()
        optimizer.step()
        course.append(model.backbone.penalty.item())
    assert course[-1] < 0.8 * course[0]


def test_sources_are_dropped_at_random_but_never_all():
    present = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0]]).bool().repeat(2000, 1)
    kept = drop_sources(present, 0.4).view(2000, 3, 3)
    assert (kept.sum(dim=2) > 0).all() and not (kept & ~present.view(2000, 3, 3)).any()
    # all three are lost together with 0.4 ** 3, and then a third each stays
    stays = 0.6 + 0.4**3 / 3
    assert torch.allclose(kept[:, 0].double().mean(dim=0), torch.tensor(stays).double(), atol=0.04)
    stays = 0.6 + 0.4**2 / 2
    assert torch.allclose(
        kept[:, 1, [0, 2]].double().mean(dim=0), torch.tensor(stays).double(), atol=0.04
    )
    assert kept[:, 2, 1].all()
    assert torch.equal(drop_sources(present, 0), present)


def test_sources_are_dropped_in_training_alone():
    model = build_token_fusion(ALIGNED, 3, width=8, dropout=0.0, modality_dropout=0.9)
    x = batch(ALIGNED, 64).float()
    model.train()
    assert not torch.allclose(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_a_new_fusion_has_the_stated_sizes_and_small_random_tables():
    backbone = build_token_fusion(SHAPES, 3).backbone
    (layer,) = backbone.layers
    assert (backbone.num_features, layer.heads, layer.mlp[0].out_features) == (128, 4, 256)
    assert (backbone.drop.p, layer.drop.p, layer.mlp[2].p) == (0.1, 0.1, 0.1)
    assert backbone.sources.modality_dropout == 0 and len(backbone.exchanges) == 0
    assert backbone.time.shape == (8, 128) and list(backbone.places) == ["2"]
    for table in (backbone.class_token, backbone.modality, backbone.time, backbone.places["2"]):
        assert table.std().item() == pytest.approx(0.02, rel=0.3)
    backbone = build_token_fusion(ALIGNED, 3, layers=2, exchange=True).backbone
    assert [one.threshold for one in backbone.exchanges] == [0.02, 0.02]
    assert backbone.sparsity == 1e-4
    model = build_concat_mlp(SHAPES, 3)
    assert (model.backbone.num_features, model.backbone.mlp[2].p) == (128, 0.5)
    assert model.backbone.sources.modality_dropout == model.cls_head.dropout.p == 0


def test_numbers_that_make_no_fusion_are_refused():
    with pytest.raises(InputError, match="width is 10, expected a multiple of heads, 4"):
        build_token_fusion(ALIGNED, 3, width=10)
    with pytest.raises(InputError, match=r"set tokens\.pool: places"):
        build_token_fusion(SHAPES, 3, exchange=True)


@pytest.mark.parametrize("name", ["token_fusion", "concat_mlp"])
def test_fused_networks_are_built_by_name(name):
    model = build_model(
        {"name": name, "width": 8},
        layout_channels=0,
        num_classes=3,
        embedding_size=4,
        sources=SHAPES,
    )
    logits, embedded = model.forward_with_embeddings(batch(SHAPES).float())
    assert logits.shape == (5, 3) and embedded.shape == (5, 4)
