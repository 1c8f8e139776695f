"""From scores to segments: smoothing, hysteresis, merging, suppression and thresholds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from microgesture.online.matching import found_one_to_one, overlaps
from microgesture.online.metrics import f1
from microgesture.online.segments import Labelled, Segment

SIGMA = 0.5
"""Of soft suppression, in squared overlaps (Bodla et al. 2017)."""
HARD = 0.5
"""Overlap from which on hard suppression takes the worse of two segments away."""
ENOUGH = 3
"""Validation segments of a class from which on it may have a threshold of its own."""


def smoothed(scores: np.ndarray, sigma: float) -> np.ndarray:
    """Scores (T, K) after a Gaussian over time of ``sigma`` frames; 0 leaves them."""
    return gaussian_filter1d(scores, sigma, axis=0, mode="nearest") if sigma else scores


def runs(on: np.ndarray) -> list[tuple[int, int]]:
    """First and last frames of the runs of true values, of bool (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def segments_of_class(
    scores: np.ndarray, label: int, high: float, low: float, gap: int, shortest: int
) -> list[Segment]:
    """Segments of a class, from its scores (T,).

    A segment holds the frames around one of at least ``high`` whose scores are at least ``low``.
    Those with at most ``gap`` frames between them become one, and those of fewer than ``shortest``
    frames are left out. Its score is the highest of its frames.
    """
    found = runs(scores >= low)
    if not found:
        return []
    # the highest score of every run at once: this is called ten thousand times
    borders = np.array([(start, end + 1) for start, end in found]).ravel()
    peaks = np.maximum.reduceat(np.append(scores, -np.inf), borders)[::2]
    joined: list[tuple[int, int, float]] = []
    for (start, end), peak in zip(found, peaks.tolist(), strict=True):
        if peak < high:
            continue
        if joined and start - joined[-1][1] - 1 <= gap:
            joined[-1] = (joined[-1][0], end, max(peak, joined[-1][2]))
        else:
            joined.append((start, end, peak))
    return [
        Segment(label, start, end, peak)
        for start, end, peak in joined
        if end - start + 1 >= shortest
    ]


def suppressed(segments: Sequence[Segment], soft: bool = True) -> list[Segment]:
    """Segments of each class by falling score, less what overlaps better ones.

    Softly, a segment's score is multiplied by ``exp(-overlap**2 / SIGMA)`` for every better one of
    its class; hard, it goes where the overlap is at least `HARD`.
    """
    kept: list[Segment] = []
    for label in sorted({one.label for one in segments}):
        left = [one for one in segments if one.label == label]
        scores = np.array([one.score for one in left])
        waiting = np.ones(len(left), bool)
        while waiting.any():
            best = int(np.argmax(np.where(waiting, scores, -np.inf)))
            waiting[best] = False
            kept.append(left[best]._replace(score=float(scores[best])))
            # a row at a time: of an hour's candidates, all pairs would fill the memory
            shares = np.maximum(overlaps([left[best]], left)[0], 0)
            if soft:
                scores = np.where(waiting, scores * np.exp(-(shares**2) / SIGMA), scores)
            else:
                waiting &= shares < HARD
    return sorted(kept, key=lambda one: -one.score)


class Counts(NamedTuple):
    """Found and predicted segments of K classes at J thresholds, (K, J), and true ones, (K,)."""

    found: np.ndarray
    said: np.ndarray
    true: np.ndarray


def counts_at(
    labelled: Sequence[Labelled],
    candidates: Sequence[Sequence[Sequence[Segment]]],
    num_classes: int,
) -> Counts:
    """Count by class what each threshold finds.

    Parameters
    ----------
    labelled
        N recordings.
    candidates
        For each of J thresholds, the segments of each recording.
    num_classes : int
        K.

    """
    found, said = np.zeros((2, num_classes, len(candidates)), int)
    true = np.zeros(num_classes, int)
    for one in labelled:
        np.add.at(true, [s.label for s in one.segments], 1)
    for place, predicted in enumerate(candidates):
        for one, segments in zip(labelled, predicted, strict=True):
            taken = found_one_to_one(one.segments, segments)
            labels = np.array([s.label for s in segments], int)
            np.add.at(said[:, place], labels, 1)
            np.add.at(found[:, place], labels[taken >= 0], 1)
    return Counts(found, said, true)


def best_thresholds(counts: Counts, by_class: bool) -> tuple[np.ndarray, float]:
    """Place of each class's best threshold, int (K,), and the F1 of all (0 to 1).

    The best common one first; then, with ``by_class``, each class in turn takes the one with which
    the F1 of all is best, twice over. A class with fewer than `ENOUGH` true segments keeps the
    common one. Of equal ones the first is taken.
    """
    total = int(counts.true.sum())
    common = [
        f1(found, total, said)
        for found, said in zip(counts.found.sum(axis=0), counts.said.sum(axis=0), strict=True)
    ]
    places = np.full(len(counts.true), int(np.argmax(common)))
    every = np.arange(len(places))
    for label in [*np.flatnonzero(counts.true >= ENOUGH)] * 2 if by_class else []:
        found, said = (
            one[every, places].sum() - one[label, places[label]] + one[label]
            for one in (counts.found, counts.said)
        )
        gains = np.array([f1(a, total, b) for a, b in zip(found, said, strict=True)])
        if gains.max() > gains[places[label]]:
            places[label] = int(np.argmax(gains))
    reached = f1(counts.found[every, places].sum(), total, counts.said[every, places].sum())
    return places, reached


def above(segments: Sequence[Segment], thresholds: Sequence[float]) -> list[Segment]:
    """Segments whose score reaches the threshold of their class."""
    return [one for one in segments if one.score >= thresholds[one.label]]
