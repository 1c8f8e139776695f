"""How well predicted segments of recordings fit the true ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from microgesture.evaluation.paired import variance_parts
from microgesture.online.matching import (
    THRESHOLD,
    found_officially,
    found_one_to_one,
)
from microgesture.online.segments import Labelled, Segment, in_order
from microgesture.utils.errors import InputError

OVERLAPS = tuple(np.round(np.arange(0.1, 0.95, 0.1), 1).tolist())
"""Thresholds of the curves."""
USUAL = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds over which the mean average precision is averaged, as is usual."""
EPSILON = 1e-7
Predicted = Mapping[str, Sequence[Segment]]
"""Segments of each recording by its id."""


def f1(found: float, true: float, predicted: float) -> float:
    """``2PR / (P + R + 1e-7)`` of counts, as the challenge has it; 0 where nothing is to find."""
    if not true or not predicted:
        return 0.0
    recall, precision = found / true, found / predicted
    return 2 * precision * recall / (precision + recall + EPSILON)


def count(
    labelled: Sequence[Labelled],
    predicted: Predicted,
    threshold: float = THRESHOLD,
    official: bool = False,
) -> np.ndarray:
    """Found, true and predicted segments of each recording, int (N, 3).

    Parameters
    ----------
    labelled, predicted
        What is true, and what was predicted of the same recordings.
    threshold : float
        Overlap above which a segment is found.
    official : bool
        Whether by the challenge's rule, by which one prediction may find several, or one to one.

    """
    rows = []
    for one in labelled:
        said = predicted[one.recording]
        if official:
            found = found_officially(one.segments, said, threshold).sum()
        else:
            found = (found_one_to_one(one.segments, said, threshold) >= 0).sum()
        rows.append((int(found), len(one.segments), len(said)))
    return np.array(rows, int).reshape(-1, 3)


def average_precision(
    labelled: Sequence[Labelled], predicted: Predicted, label: int, threshold: float
) -> float:
    """Average precision of a class, all recordings together; NaN where none has it.

    Predictions come by falling score, each finds the true segment that it overlaps most among those
    that are left, and precision is the highest at no lower recall (as in ActivityNet and THUMOS).
    """
    hits: list[tuple[float, bool]] = []
    total = 0
    for one in labelled:
        true = [s for s in one.segments if s.label == label]
        said = [s for s in predicted[one.recording] if s.label == label]
        taken = found_one_to_one(true, said, threshold)
        total += len(true)
        hits += [(s.score, bool(t >= 0)) for s, t in zip(said, taken, strict=True)]
    if not total:
        return float("nan")
    right = np.array([hit for _, hit in sorted(hits, key=lambda pair: -pair[0])], float)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((highest * right).sum() / total)


def mean_average_precision(
    labelled: Sequence[Labelled], predicted: Predicted, threshold: float
) -> float:
    """Mean of the average precision over the classes that occur."""
    labels = sorted({s.label for one in labelled for s in one.segments})
    return float(
        np.mean([average_precision(labelled, predicted, one, threshold) for one in labels])
    )


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Fewest classes to insert, remove or replace that turn one order into another."""
    before = list(range(len(second) + 1))
    for n, one in enumerate(first, 1):
        now = [n]
        for m, other in enumerate(second, 1):
            now.append(min(before[m] + 1, now[-1] + 1, before[m - 1] + (one != other)))
        before = now
    return before[-1]


def edit_score(labelled: Sequence[Labelled], predicted: Predicted) -> float:
    """1 - the edit distance of the order in shares of the longer one, mean over recordings."""
    scores = []
    for one in labelled:
        true = [s.label for s in one.segments]
        said = [s.label for s in in_order(predicted[one.recording])]
        longest = max(len(true), len(said))
        scores.append(1 - edit_distance(true, said) / longest if longest else 1.0)
    return float(np.mean(scores))


def border_errors(labelled: Sequence[Labelled], predicted: Predicted) -> np.ndarray:
    """Frames by which starts and ends of found segments come too late, int (N, 2)."""
    late = []
    for one in labelled:
        said = predicted[one.recording]
        for p, t in enumerate(found_one_to_one(one.segments, said)):
            if t >= 0:
                true = one.segments[t]
                late.append((said[p].start - true.start, said[p].end - true.end))
    return np.array(late, int).reshape(-1, 2)


@dataclass(frozen=True)
class Detections:
    """A detector's segments over S seeds, on the same recordings.

    Attributes
    ----------
    name, title, model : str
    labelled : tuple of Labelled
    seeds : tuple of dict
        Predicted segments by recording, one a seed.

    """

    name: str
    title: str
    model: str
    labelled: tuple[Labelled, ...]
    seeds: tuple[Predicted, ...]

    def __post_init__(self) -> None:
        for one in self.seeds:
            if missing := [w.recording for w in self.labelled if w.recording not in one]:
                raise InputError(f"{self.name}: nothing is said of recording {missing[0]}")

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """Metric name -> S values; scores in percent, errors of borders in frames."""
        every = [summarise(self.labelled, one) for one in self.seeds]
        return {name: np.array([one[name] for one in every]) for name in every[0]}

    @cached_property
    def curve(self) -> np.ndarray:
        """F1 one to one in percent at each of `OVERLAPS`, (S, 9)."""
        return np.array(
            [
                [100 * f1(*count(self.labelled, one, at).sum(axis=0)) for at in OVERLAPS]
                for one in self.seeds
            ]
        )

    def interval(self, official: bool = False) -> tuple[float, float]:
        """95 % interval of the mean F1 in percent, over seeds and people.

        The jackknife over people, and the seeds as a second factor, see
        `microgesture.evaluation.paired.variance_parts`.
        """
        _, groups = np.unique([one.subject for one in self.labelled], return_inverse=True)
        every = [count(self.labelled, one, official=official) for one in self.seeds]
        whole = np.array([100 * f1(*one.sum(axis=0)) for one in every])
        people = range(int(groups.max()) + 1)
        left_out = np.array(
            [[100 * f1(*one[groups != g].sum(axis=0)) for g in people] for one in every]
        )
        parts = variance_parts(whole, left_out, np.bincount(groups))
        half = float(parts.half_width()) if len(people) > 1 else 100.0
        mean = float(whole.mean())
        return max(mean - half, 0.0), min(mean + half, 100.0)

    def by_class(self, num_classes: int) -> np.ndarray:
        """Found, true and predicted segments of each class, mean over the seeds, (K, 3)."""
        total = np.zeros((num_classes, 3))
        for said in self.seeds:
            for one in self.labelled:
                predicted = said[one.recording]
                taken = found_one_to_one(one.segments, predicted)
                for place, s in enumerate(predicted):
                    total[s.label] += (taken[place] >= 0, 0, 1)
                for s in one.segments:
                    total[s.label, 1] += 1
        return total / len(self.seeds)


def summarise(labelled: Sequence[Labelled], predicted: Predicted) -> dict[str, float]:
    """Scores of one run by name: in percent, and errors of borders in frames.

    ``f1`` is one to one and ``official`` by the challenge's rule, both at an overlap above 0.3;
    ``map`` the mean of the mAP at `USUAL`; ``edit`` see `edit_score`; ``start`` and ``end`` the
    mean absolute errors of found segments, ``late`` the mean error of their ends with its sign.
    """
    counts = count(labelled, predicted).sum(axis=0)
    official = count(labelled, predicted, official=True).sum(axis=0)
    found, true, said = counts.tolist()
    late = border_errors(labelled, predicted)
    errors = np.abs(late).mean(axis=0) if len(late) else np.full(2, np.nan)
    precisions = {at: mean_average_precision(labelled, predicted, at) for at in USUAL}
    return {
        "f1": 100 * f1(*counts),
        "official": 100 * f1(*official),
        "precision": 100 * found / said if said else 0.0,
        "recall": 100 * found / true if true else 0.0,
        "map": 100 * float(np.mean(list(precisions.values()))),
        "map50": 100 * precisions[0.5],
        "edit": 100 * edit_score(labelled, predicted),
        "start": float(errors[0]),
        "end": float(errors[1]),
        "late": float(late[:, 1].mean()) if len(late) else float("nan"),
    }
