"""InterFusion: masks, pooling and each kind of network on windows."""

import pytest
import torch

from microgesture.models.interfusion import (
    AttentionPooling,
    Bag,
    CrossAttention,
    WindowNetwork,
    masked_mean,
)

KINDS = ("face", "context", "concat", "interfusion")


def bag(seed=0, n=2, windows=3):
    torch.manual_seed(seed)
    seen = torch.ones(n, windows, 2, dtype=torch.bool)
    there = torch.ones(n, windows, dtype=torch.bool)
    return Bag(torch.randn(n, windows, 2, 5), seen, torch.randn(n, windows, 4, 7), there)


def network(kind):
    torch.manual_seed(1)
    made = WindowNetwork(kind, 5, 7, 8, 2, 0.1).eval()
    torch.nn.init.normal_(made.pool.score.weight)
    torch.nn.init.normal_(made.head.weight)
    return made


def test_cross_attention_is_that_of_a_loop_and_looks_at_nothing_unseen():
    torch.manual_seed(2)
    ask = CrossAttention(6, 2)
    x, other = torch.randn(1, 3, 6), torch.randn(1, 4, 6)
    seen = torch.tensor([[True, False, True, True]])
    q, (k, v) = ask.q(x)[0], ask.kv(other)[0].split(6, dim=1)
    kept = [0, 2, 3]
    out = torch.zeros(3, 6)
    for head in (slice(0, 3), slice(3, 6)):
        weights = (q[:, head] @ k[kept][:, head].T / 3**0.5).softmax(dim=1)
        out[:, head] = weights @ v[kept][:, head]
    torch.testing.assert_close(ask(x, other, seen)[0], ask.out(out), rtol=1e-4, atol=1e-5)
    assert ask(x, other, torch.zeros_like(seen)).abs().max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_masked_faces_and_windows_have_no_part_in_anything(kind):
    one, made = bag(), network(kind)
    one.seen[0, 1, 0] = False
    one.there[1, 2] = False
    logits, weights = made(one)
    assert weights[1, 2] == 0
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    one.face[0, 1, 0], one.face[1, 2], one.context[1, 2] = 99.0, 99.0, 99.0
    torch.testing.assert_close(made(one)[0], logits)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_without_any_face_gets_a_number(kind):
    one = bag()
    one.seen[0] = False
    logits, weights = network(kind)(one)
    assert torch.isfinite(logits).all()
    assert weights[0].sum().item() == (0 if kind == "face" else pytest.approx(1))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_windows_does_not_matter_and_only_its_streams_do(kind):
    one, made = bag(), network(kind)
    turned = Bag(*(part[:, [2, 0, 1]] for part in one))
    torch.testing.assert_close(made(turned)[0], made(one)[0])
    other = bag(seed=5)
    changes = {
        "face": made(one._replace(face=other.face))[0],
        "context": made(one._replace(context=other.context))[0],
    }
    for stream, logits in changes.items():
        same = torch.allclose(logits, made(one)[0])
        assert same == (kind in ("face", "context") and kind != stream)


def test_windows_count_alike_before_anything_is_learned():
    pool = AttentionPooling(4)
    x, there = torch.randn(1, 5, 4), torch.tensor([[True, True, True, True, False]])
    pooled, weights = pool(x, there)
    torch.testing.assert_close(weights[0], torch.tensor([0.25, 0.25, 0.25, 0.25, 0.0]))
    torch.testing.assert_close(pooled[0], x[0, :4].mean(0))


def test_a_mean_of_nothing_is_zero():
    x, seen = torch.randn(2, 3, 4), torch.tensor([[True, False, True], [False] * 3])
    torch.testing.assert_close(masked_mean(x, seen)[0], x[0, [0, 2]].mean(0))
    assert masked_mean(x, seen)[1].abs().max() == 0
