"""A detector on the probabilities of sliding windows, all of it chosen on validation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from microgesture.online.postprocessing import (
    best_thresholds,
    counts_at,
    segments_of_class,
    smoothed,
)
from microgesture.online.segments import Labelled, Segment, in_order
from microgesture.settings.online import DetectionStep
from microgesture.utils.errors import InputError

GRID = tuple(np.round(np.geomspace(0.02, 0.9, 24), 4).tolist())
"""Thresholds that are tried."""
SIGMAS, RATIOS = (0.0, 2.0, 4.0, 6.0, 9.0), (1.0, 0.75, 0.5, 0.3)
GAPS, SHORTEST = (0, 4, 8, 14), (1, 6, 10, 16)
FLOOR = 1e-6


@dataclass(frozen=True)
class FrameScores:
    """What a classifier says of every frame of a recording.

    Attributes
    ----------
    probabilities : ndarray, float32 (T, K)
        Mean over the windows that hold the frame.
    motion : ndarray, float32 (T, 2)
        How far the joints move from frame to frame around it, in body sizes, over a short and a
        long while, see `microgesture.online.features.motion`.

    """

    probabilities: np.ndarray
    motion: np.ndarray


@dataclass(frozen=True)
class Chosen:
    """What was chosen on validation; see `segments_of_class`.

    Attributes
    ----------
    sigma : float
        Of the smoothing, in frames.
    ratio : float
        The lower threshold in shares of the higher one.
    gap, shortest : int
    thresholds : list of float
        The higher one of each class.
    weights : list of float
        Of the logistic regression on `evidence`, its intercept last; empty without one.
    reached : float
        F1 on validation, 0 to 1.

    """

    sigma: float = 4.0
    ratio: float = 1.0
    gap: int = 4
    shortest: int = 6
    thresholds: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    reached: float = 0.0

    def stated(self) -> dict[str, Any]:
        """These numbers as a file states them."""
        return asdict(self)


def evidence(scores: FrameScores) -> np.ndarray:
    """What tells gestures from background, float (T, 4): confidence and motion on a log scale."""
    p = np.maximum(scores.probabilities, FLOOR)
    entropy = -(p * np.log(p)).sum(axis=1)
    return np.column_stack([np.log(p.max(axis=1)), entropy, np.log(scores.motion + FLOOR)])


def fit_background(scores: Sequence[FrameScores], labelled: Sequence[Labelled]) -> list[float]:
    """Weights of a logistic regression that tells the frames of gestures from the others."""
    x = np.concatenate([evidence(one) for one in scores])
    busy = np.concatenate([~one.background for one in labelled])
    if busy.all() or not busy.any():
        raise InputError(
            "the validation recordings have no frame of background, or of gestures; set background "
            "to false for this detector"
        )
    middle, spread = x.mean(axis=0), x.std(axis=0) + FLOOR
    fitted = LogisticRegression().fit((x - middle) / spread, busy)
    weights = fitted.coef_[0] / spread
    return [*weights.tolist(), float(fitted.intercept_[0] - middle @ weights)]


def gated(scores: FrameScores, weights: Sequence[float]) -> np.ndarray:
    """Probabilities (T, K), multiplied by that of a gesture where there are weights."""
    if not weights:
        return scores.probabilities
    logits = evidence(scores) @ np.array(weights[:-1]) + weights[-1]
    return scores.probabilities / (1 + np.exp(-logits))[:, None]


def decode(scores: FrameScores, chosen: Chosen) -> list[Segment]:
    """Segments of a recording."""
    return _decoded(smoothed(gated(scores, chosen.weights), chosen.sigma), chosen)


def _decoded(smooth: np.ndarray, chosen: Chosen) -> list[Segment]:
    highest = smooth.max(axis=0, initial=0).tolist()
    found = [
        one
        for label, high in enumerate(chosen.thresholds)
        if highest[label] >= high
        for one in segments_of_class(
            smooth[:, label], label, high, chosen.ratio * high, chosen.gap, chosen.shortest
        )
    ]
    return [*in_order(found)]


def choose(
    scores: Sequence[FrameScores], labelled: Sequence[Labelled], config: DetectionStep
) -> Chosen:
    """Choose everything by the F1, one to one, on validation recordings.

    One number after the other is tried at all its values with the others kept, twice over, each
    time with the best common threshold; thresholds of classes come last.
    """
    weights = fit_background(scores, labelled) if config.background else []
    every = [gated(one, weights) for one in scores]
    chosen = Chosen(weights=weights, sigma=SIGMAS[2] if config.smoothing else 0.0)
    tried: dict[str, Sequence[Any]] = {
        "sigma": SIGMAS if config.smoothing else (),
        "ratio": RATIOS if config.hysteresis else (),
        "gap": GAPS,
        "shortest": SHORTEST,
    }
    chosen = _with_thresholds(every, labelled, chosen, by_class=False)
    for name, values in [*tried.items()] * 2:
        for value in values:
            if value == getattr(chosen, name):
                continue
            other = replace(chosen, **{name: value})
            other = _with_thresholds(every, labelled, other, by_class=False)
            chosen = max(chosen, other, key=lambda one: one.reached)
    return _with_thresholds(every, labelled, chosen, config.thresholds == "class")


def _with_thresholds(
    scores: Sequence[np.ndarray], labelled: Sequence[Labelled], chosen: Chosen, by_class: bool
) -> Chosen:
    """The same with its best thresholds."""
    smooth = [smoothed(one, chosen.sigma) for one in scores]
    num_classes = smooth[0].shape[1]
    candidates = []
    for at in GRID:
        common = replace(chosen, thresholds=[at] * num_classes)
        candidates.append([_decoded(one, common) for one in smooth])
    places, reached = best_thresholds(counts_at(labelled, candidates, num_classes), by_class)
    return replace(chosen, thresholds=[GRID[place] for place in places], reached=reached)
