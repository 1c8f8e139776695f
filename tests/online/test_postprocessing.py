"""From scores to segments, against hand-worked cases and readable references."""

import numpy as np
import pytest

from microgesture.online.metrics import count, f1
from microgesture.online.postprocessing import (
    best_thresholds,
    counts_at,
    runs,
    segments_of_class,
    suppressed,
)
from microgesture.online.segments import Labelled, Segment
from microgesture.online.windows import Chosen, FrameScores, choose, decode, fit_background, gated
from microgesture.settings.online import DetectionStep
from microgesture.utils.errors import InputError


def test_hysteresis_gaps_and_short_segments_by_hand():
    scores = np.array([0.1, 0.5, 0.9, 0.5, 0.1, 0.5, 0.8, 0.1, 0.5, 0.5, 0.1, 0.1, 0.9])
    assert runs(scores > 0.4) == [(1, 3), (5, 6), (8, 9), (12, 12)]
    one = segments_of_class(scores, 3, 0.8, 0.5, gap=0, shortest=2)
    assert one == [Segment(3, 1, 3, 0.9), Segment(3, 5, 6, 0.8)]
    assert segments_of_class(scores, 3, 0.8, 0.5, gap=1, shortest=2) == [Segment(3, 1, 6, 0.9)]
    assert segments_of_class(scores, 3, 0.8, 0.8, gap=0, shortest=1)[0] == Segment(3, 2, 2, 0.9)


def test_suppression_by_hand():
    a, b, c = Segment(0, 0, 10, 0.9), Segment(0, 0, 8, 0.8), Segment(1, 0, 10, 0.5)
    assert suppressed([a, b, c], soft=False) == [a, c]
    soft = suppressed([a, b, c])
    assert soft[:2] == [a, c] and soft[2].score == pytest.approx(0.8 * np.exp(-(0.8**2) / 0.5))


def test_thresholds_of_classes_are_the_best_of_all_choices():
    rng = np.random.default_rng(0)
    truth = Labelled(
        "a", "p", "val", 25, 1000, tuple(Segment(n % 2, 20 * n, 20 * n + 9) for n in range(12))
    )
    every = [
        Segment(int(rng.integers(2)), 10 * n, 10 * n + 9, float(rng.random())) for n in range(24)
    ]
    grid = [0.2, 0.4, 0.6, 0.8]
    kept = [[[s for s in every if s.score >= at]] for at in grid]
    places, reached = best_thresholds(counts_at([truth], kept, 2), by_class=True)

    def score(pair):
        said = [s for s in every if s.score >= grid[pair[s.label]]]
        return f1(*count([truth], {"a": said}).sum(axis=0))

    best = max(((i, j) for i in range(4) for j in range(4)), key=score)
    assert score(tuple(places)) == pytest.approx(reached) == pytest.approx(score(best))


def made(seed=0, frames=400):
    """A recording with gestures whose class is likelier, and which move more, in them."""
    rng = np.random.default_rng(seed)
    truth = Labelled(
        f"r{seed}", "p", "val", 25, frames,
        tuple(Segment(n % 3, 40 * n + 10, 40 * n + 29) for n in range(frames // 40)),
    )  # fmt: skip
    logits = rng.normal(0, 0.3, (frames, 3))
    for one in truth.segments:
        logits[one.start : one.end + 1, one.label] += 3
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    moving = np.where(truth.background, 0.01, 0.05)[:, None] * rng.uniform(0.5, 2, (frames, 2))
    return truth, FrameScores(p.astype(np.float32), moving.astype(np.float32))


def test_what_is_chosen_on_validation_finds_what_others_hold():
    config = DetectionStep(
        name="d", model="windows", thresholds="class", background=True, smoothing=True,
        hysteresis=True,
    )  # fmt: skip
    truth, scores = zip(*map(made, range(3)), strict=True)
    chosen = choose(scores, truth, config)
    assert chosen.reached > 0.95 and len(chosen.weights) == 5
    other, seen = made(9)
    found = count([other], {other.recording: decode(seen, chosen)})[0]
    assert f1(*found) > 0.9
    plain = choose(scores, truth, config.model_copy(update={"background": False}))
    assert plain.weights == [] and isinstance(plain, Chosen)


def test_the_gate_only_lowers_and_needs_both_kinds_of_frames():
    truth, scores = made()
    weights = fit_background([scores], [truth])
    shown = gated(scores, weights)
    assert (shown <= scores.probabilities).all()
    busy = ~truth.background
    assert shown[busy].sum(axis=1).mean() > 0.9 > 0.3 > shown[~busy].sum(axis=1).mean()
    with pytest.raises(InputError, match="no frame of background"):
        fit_background([scores], [Labelled("a", "p", "val", 25, 400, (Segment(0, 0, 399),))])
