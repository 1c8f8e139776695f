"""What is hidden and what is to be told, against slow readable forms and stated odds."""

import math

import numpy as np
import pytest
import torch

from microgesture.models.masked_autoencoder import build_masked_autoencoder
from microgesture.models.masking import (
    choose_visible,
    in_patches,
    intensity,
    masked_error,
    targets,
    told_places,
)
from microgesture.models.skeleton_transformer import patches
from microgesture.settings.pretraining import Masking

PATCH = 4


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def skeletons(count=3, frames=16, joints=5, lost=0.3):
    x = torch.randn(count, frames, joints, 3)
    x[..., 2] = torch.rand(x.shape[:-1]) * 0.9 + 0.1
    x[torch.rand(x.shape[:-1]) < lost] = 0
    x[0, 4:8, 1] = 0  # a token that was not found
    x[1, :, 2] = 0  # a joint that never was
    return x


def motion_of(x):
    return intensity(in_patches(x[..., :2], PATCH), in_patches(x[..., 2] > 0, PATCH))


def readable_intensity(clip):
    """(S, V), number by number."""
    frames, joints, _ = clip.shape
    slots = frames // PATCH

    def between(later, joint):
        if not 0 < later < slots:
            return None
        moved = []
        for k in range(PATCH):
            one, other = clip[(later - 1) * PATCH + k, joint], clip[later * PATCH + k, joint]
            if one[2] > 0 and other[2] > 0:
                moved += [abs(float(other[c] - one[c])) for c in (0, 1)]
        return sum(moved) / len(moved) if moved else None

    result = torch.zeros(slots, joints)
    for s in range(slots):
        for v in range(joints):
            known = [one for one in (between(s, v), between(s + 1, v)) if one is not None]
            result[s, v] = known[0] if known else 0
    return result


def readable_target(clip, what):
    """Values and which there are, (P, 2 patch), number by number."""
    frames, joints, _ = clip.shape
    values, there = [], []
    for start in range(0, frames, PATCH):
        for v in range(joints):
            own, seen = [], []
            for t in range(start, start + PATCH):
                after = min(t + 1, frames - 1)
                both = clip[t, v, 2] > 0 and (what == "position" or clip[after, v, 2] > 0)
                for c in (0, 1):
                    raw = clip[t, v, c] if what == "position" else clip[after, v, c] - clip[t, v, c]
                    own.append(float(raw))
                    seen.append(bool(both))
            known = [value for value, one in zip(own, seen, strict=True) if one]
            mean = sum(known) / len(known) if known else 0
            variance = sum((one - mean) ** 2 for one in known) / len(known) if known else 0
            scale = math.sqrt(variance + 1e-6)
            values.append(
                [(v - mean) / scale if one else 0 for v, one in zip(own, seen, strict=True)]
            )
            there.append(seen)
    return torch.tensor(values), torch.tensor(there)


def test_motion_is_that_of_a_readable_form():
    x = skeletons()
    expected = torch.stack([readable_intensity(clip) for clip in x])
    torch.testing.assert_close(motion_of(x), expected, atol=1e-6, rtol=1e-5)
    assert (motion_of(x)[1, :, 2] == 0).all()


@pytest.mark.parametrize("what", ["motion", "position"])
def test_targets_are_those_of_a_readable_form(what):
    x = skeletons()
    values, there = targets(x, PATCH, what)
    expected = [readable_target(clip, what) for clip in x]
    assert torch.equal(there, torch.stack([one[1] for one in expected]))
    torch.testing.assert_close(
        values, torch.stack([one[0] for one in expected]), atol=1e-4, rtol=1e-4
    )
    if what == "motion":  # what a point of the last frame does is not known and stated as nothing
        last = there.unflatten(1, (-1, x.shape[2]))[:, -1, :, -2:]
        assert torch.equal(last[..., 0], x[:, -1, :, 2] > 0)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("what", ["motion", "position"])
def test_true_targets_put_the_points_where_they_are(what, normalise):
    x = skeletons(lost=0)
    x[0, :, 1, 2], x[1, :, 2, 2] = 0.5, 0.5  # all found
    x[0, 4:8, 1, 2] = 0.5
    values, _ = targets(x, PATCH, what, normalise)
    told = told_places(values, x, PATCH, what, normalise)
    torch.testing.assert_close(told, x[..., :2], atol=1e-4, rtol=0)
    if what == "position" and not normalise:
        torch.testing.assert_close(values, patches(x[..., :2], PATCH))


def test_the_share_that_stays_visible():
    x = skeletons(count=40, frames=32)
    found = (patches(x, PATCH)[..., 2::3] > 0).any(2)
    gumbel = torch.from_numpy(np.random.default_rng(0).gumbel(size=found.shape))
    for ratio in (0.5, 0.9, 0.99):
        tokens, valid = choose_visible(motion_of(x).flatten(1), found, gumbel, ratio, 0.75)
        for row in range(len(x)):
            chosen = tokens[row][valid[row]]
            count = int(found[row].sum())
            assert len(chosen) == max(round((1 - ratio) * count), 1)
            assert len(chosen.unique()) == len(chosen) and found[row][chosen].all()


@pytest.mark.parametrize("temperature", [0.75, None])
def test_what_moves_is_hidden_more_often_by_the_stated_odds(temperature):
    """The last of two tokens is hidden with the probability of a softmax over both."""
    motion = torch.tensor([[0.2, 1.0]]).expand(40000, 2)
    gumbel = torch.from_numpy(np.random.default_rng(1).gumbel(size=motion.shape)).float()
    found = torch.ones(motion.shape, dtype=torch.bool)
    tokens, _ = choose_visible(motion, found, gumbel, 0.5, temperature)
    hidden = 1 - tokens[:, 0].float().mean()  # the share in which token 1 is not the visible one
    expected = 0.5 if temperature is None else 1 / (1 + math.exp((0.2 - 1) / temperature))
    assert float(hidden) == pytest.approx(expected, abs=0.01)


def test_hidden_tokens_are_drawn_without_replacement_by_their_odds():
    """Of four tokens, which two are hidden first follows Plackett and Luce."""
    motion = torch.tensor([[0.0, 0.3, 0.6, 1.0]])
    odds = torch.softmax(motion[0] / 0.75, 0).tolist()
    many = 40000
    gumbel = torch.from_numpy(np.random.default_rng(2).gumbel(size=(many, 4))).float()
    tokens, _ = choose_visible(
        motion.expand(many, 4), torch.ones(many, 4, dtype=torch.bool), gumbel, 0.5, 0.75
    )
    shown = tokens.sort(dim=1).values
    for a in range(4):
        for b in range(a + 1, 4):
            hidden = [n for n in range(4) if n not in (a, b)]
            chance = sum(
                odds[one] * odds[two] / (1 - odds[one]) for one, two in (hidden, reversed(hidden))
            )
            share = ((shown[:, 0] == a) & (shown[:, 1] == b)).float().mean()
            assert float(share) == pytest.approx(chance, abs=0.01)


def test_the_error_is_the_mean_over_hidden_tokens():
    told, values = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    there = torch.rand(2, 3, 4) < 0.6
    there[0, 1] = False  # nothing to be told
    hidden = torch.tensor([[True, True, False], [True, False, True]])
    parts = [
        float(((told[n, p] - values[n, p])[there[n, p]] ** 2).mean())
        for n in range(2)
        for p in range(3)
        if hidden[n, p] and there[n, p].any()
    ]
    assert float(masked_error(told, values, there, hidden)) == pytest.approx(np.mean(parts))
    assert masked_error(told, values, torch.zeros_like(there), hidden) == 0


def autoencoder(joints=5, **masking):
    return build_masked_autoencoder(
        joints, 16, Masking(**masking), 2, patch=PATCH, width=8, depth=2, heads=2, mlp_ratio=2
    )


def noise(x, seed=0):
    shape = (len(x), x.shape[1] // PATCH * x.shape[2])
    return torch.from_numpy(np.random.default_rng(seed).gumbel(size=shape).astype(np.float32))


def test_hidden_and_visible_tokens_are_all_that_were_found():
    x = skeletons()
    visible, valid, hidden = autoencoder(ratio=0.75).choose(x, noise(x))
    found = (patches(x, PATCH)[..., 2::3] > 0).any(2)
    shown = torch.zeros_like(found)
    for row in range(len(x)):
        shown[row, visible[row][valid[row]]] = True
    assert torch.equal(shown | hidden, found) and not (shown & hidden).any()


def test_no_gradient_and_no_number_comes_from_what_is_hidden():
    """What is told depends on visible tokens alone, and on those of the same window."""
    model, x = autoencoder(ratio=0.75), skeletons()
    visible, valid, _ = model.choose(x, noise(x))
    shown = torch.zeros(len(x), 20, dtype=torch.bool)
    shown.scatter_(1, visible, valid)
    seen = shown.unflatten(1, (4, 5)).repeat_interleave(PATCH, dim=1)
    x.requires_grad_()
    told = model.tell(x, visible, valid)
    told[0].square().sum().backward()
    assert x.grad[1:].abs().max() == 0
    assert x.grad[0][~seen[0]].abs().max() == 0
    assert x.grad[0][seen[0]].abs().min() > 0
    moved = x.detach().clone()
    moved[..., :2][~seen] += 7 * (moved[..., 2:][~seen] > 0)
    torch.testing.assert_close(model.tell(moved, visible, valid), told, atol=0, rtol=0)


def test_points_that_were_not_found_are_neither_seen_nor_told():
    """Whatever stands in their place: no number, and no gradient of the error."""
    model, x = autoencoder(ratio=0.75), skeletons()
    lost = x[..., 2] == 0
    loss = model(x, noise(x))
    x.requires_grad_()
    model(x, noise(x)).backward()
    tokens = in_patches(lost, PATCH).all(3)  # (B, S, V): no point of the token was found
    whole = tokens.repeat_interleave(PATCH, dim=1)
    assert whole.any() and x.grad[whole].abs().max() == 0
    junk = x.detach().clone()
    junk[..., :2][whole] = 50
    torch.testing.assert_close(model(junk, noise(x)), loss.detach(), atol=0, rtol=0)
    # of the target alone, a lost point inside a token that was found counts for nothing either
    values, there = targets(x.detach(), PATCH, "motion")
    junk[..., :2][lost] = 50
    again, same = targets(junk, PATCH, "motion")
    assert torch.equal(there, same) and torch.equal(values, again)


def test_what_fills_up_a_batch_changes_nothing():
    """A window with few found points gives the same beside one with many, and alone."""
    model, x = autoencoder(ratio=0.75), skeletons()
    x[2, :, 1:] = 0
    gumbel = noise(x)
    together = model.tell(x, *model.choose(x, gumbel)[:2])
    for row in range(len(x)):
        one = x[row : row + 1]
        alone = model.tell(one, *model.choose(one, gumbel[row : row + 1])[:2])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)


def test_a_window_without_any_point_gives_numbers():
    model, x = autoencoder(), skeletons()
    x[1] = 0
    assert model(x, noise(x)).isfinite()
    assert model(torch.zeros_like(x), noise(x)) == 0
