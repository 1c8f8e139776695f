"""Testing a claim "this row beats that one" against clips, subjects and seeds drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from microgesture.evaluation.metrics import METRICS
from microgesture.evaluation.rows import Evaluation, Row
from microgesture.utils.errors import InputError

RESAMPLES = 2000
MIN_SUBJECTS = 5
CLAIM_METRICS = tuple(name for name in METRICS if name != "top5")
_RNG_SEED = 20250701
_BLOCK = 250  # resamples drawn at a time: bounds the memory when every clip is its own group

SUPPORTED, UNDECIDED, REFUTED = "supported", "undecided", "refuted"
_FROM_WORST = (REFUTED, UNDECIDED, SUPPORTED)


@dataclass(frozen=True)
class Comparison:
    """Mean score of one row minus another's, in points, with its 95 % interval.

    Attributes
    ----------
    better, worse
        Names of the rows.
    difference, low, high
        In points, over all seeds.
    metric
        One of `CLAIM_METRICS`.
    discordant
        For top-1, of each seed: clips that only the first row got right, only the second.
    p_values
        For top-1, McNemar's exact p of each seed.

    """

    better: str
    worse: str
    difference: float
    low: float
    high: float
    metric: str = "top1"
    discordant: tuple[tuple[int, int], ...] = ()
    p_values: tuple[float, ...] = ()

    @property
    def verdict(self) -> str:
        """Supported when the interval lies above 0, refuted below 0, else undecided."""
        if self.low > 0:
            return SUPPORTED
        return REFUTED if self.high < 0 else UNDECIDED

    @property
    def p(self) -> float | None:
        """One p for all seeds, see `majority_p`; None for another metric than top-1."""
        return majority_p(self.p_values) if self.p_values else None


@dataclass(frozen=True)
class Claim:
    """A claim and the comparisons that must all hold for it."""

    text: str
    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> str:
        """The worst of the comparisons' verdicts."""
        return min((one.verdict for one in self.comparisons), key=_FROM_WORST.index)


def judge_claims(evaluation: Evaluation, claims: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """Test each claim: ``claim``, ``better``, ``worse`` (a name or names), ``metric`` (top1).

    Raises
    ------
    InputError
        For a claim without one of the first three, one that names no row, or another metric.

    """
    groups, _ = bootstrap_groups(evaluation.subjects)
    resamples = draw_resamples(groups, len(evaluation.seeds))
    scores: dict[tuple[str, str], np.ndarray] = {}  # a row stands in several claims

    def resampled(row: Row, metric: str) -> np.ndarray:
        key = (row.name, metric)
        if key not in scores:
            scores[key] = resampled_scores(row, metric, resamples)
        return scores[key]

    tested = []
    for number, claim in enumerate(claims, start=1):
        missing = [key for key in ("claim", "better", "worse") if not claim.get(key)]
        if missing:
            raise InputError(f"config: claim {number} has no {' and no '.join(missing)}")
        metric = claim.get("metric", "top1")
        if metric not in CLAIM_METRICS:
            raise InputError(
                f"config: claim {number} has the metric {metric!r}; "
                f"expected one of {', '.join(CLAIM_METRICS)}"
            )
        worse = [claim["worse"]] if isinstance(claim["worse"], str) else claim["worse"]
        better = evaluation.row(claim["better"])
        comparisons = []
        for name in worse:
            other = evaluation.row(name)
            gains = resampled(better, metric) - resampled(other, metric)
            low, high = paired_interval(gains, resamples)
            discordant, p_values = (
                _mcnemar_of_seeds(better, other) if metric == "top1" else ((), ())
            )
            difference = float(better.scores[metric].mean() - other.scores[metric].mean())
            comparisons.append(
                Comparison(better.name, name, difference, low, high, metric, discordant, p_values)
            )
        tested.append(Claim(claim["claim"], tuple(comparisons)))
    return tested


def bootstrap_groups(subjects: np.ndarray) -> tuple[np.ndarray, bool]:
    """Group of each clip, int (N,), and whether groups are subjects (else single clips).

    Clips of one person are alike, so persons are what is drawn anew, if there are five or more.
    """
    names, groups = np.unique(subjects, return_inverse=True)
    if len(names) < MIN_SUBJECTS:
        return np.arange(len(subjects)), False
    return groups, True


@dataclass(frozen=True)
class Resamples:
    """How often each of G groups of clips and each of S seeds is drawn, R times over.

    Attributes
    ----------
    groups
        int (N,), 0 to G - 1: the group of each clip.
    drawn
        float32 (R, G), each row summing to G.
    seeds
        (R, S), each row summing to S.

    """

    groups: np.ndarray
    drawn: np.ndarray
    seeds: np.ndarray

    def count(self, clips: np.ndarray, classes: np.ndarray, num_classes: int) -> np.ndarray:
        """Drawn clips of each class, float64 (R, K), of the given clips and their classes."""
        num_groups = self.drawn.shape[1]
        cells = self.groups[clips] * num_classes + classes
        counts = np.bincount(cells, minlength=num_groups * num_classes)
        counts = counts.reshape(num_groups, num_classes).astype(np.float32)
        return (self.drawn @ counts).astype(np.float64)


def draw_resamples(groups: np.ndarray, num_seeds: int) -> Resamples:
    """Draw `RESAMPLES` times as many groups and seeds as there are, with replacement.

    All comparisons use the same draws, which is what makes them paired. Drawing both counts the
    noise that clips and seeds have in common twice, so with several seeds intervals err towards
    too wide (Owen 2007, the pigeonhole bootstrap); few groups make them too narrow.
    """
    num_groups = int(groups.max()) + 1
    rng = np.random.default_rng(_RNG_SEED)
    # float32 counts without error up to 2^24 clips, in half the memory and time.
    drawn = np.empty((RESAMPLES, num_groups), dtype=np.float32)
    seeds = np.empty((RESAMPLES, num_seeds))
    even, even_seeds = np.full(num_groups, 1 / num_groups), np.full(num_seeds, 1 / num_seeds)
    for start in range(0, RESAMPLES, _BLOCK):
        block = slice(start, start + _BLOCK)
        drawn[block] = rng.multinomial(num_groups, even, size=_BLOCK)
        seeds[block] = rng.multinomial(num_seeds, even_seeds, size=_BLOCK)
    return Resamples(groups, drawn, seeds)


def resampled_scores(row: Row, metric: str, resamples: Resamples) -> np.ndarray:
    """Score a row on every resample's clips, fractions (R, S).

    Only how often a clip was drawn matters, so the counts from which a metric is computed are a
    product of draws with counts per group; class-based metrics are then computed anew from these,
    over the classes that were drawn.
    """
    labels, every = row.labels.astype(np.int64), np.arange(len(row.labels))
    by_class = metric != "top1"
    num_classes = row.probabilities.shape[2] if by_class else 1

    def count(clips: np.ndarray, classes: np.ndarray) -> np.ndarray:
        return resamples.count(clips, classes[clips] if by_class else 0 * clips, num_classes)

    actual = count(every, labels)
    present = actual > 0
    scores = []
    for predicted in row.predicted:
        hits = count(np.flatnonzero(predicted == labels), labels)
        if metric == "macro_f1":
            top, bottom = 2 * hits, actual + count(every, predicted)
        else:
            top, bottom = hits, actual
        of_class = np.divide(top, bottom, out=np.zeros_like(top), where=present)
        scores.append(of_class.sum(axis=1) / present.sum(axis=1))
    return np.stack(scores, axis=1)


def paired_interval(gains: np.ndarray, resamples: Resamples) -> tuple[float, float]:
    """95 % percentile interval, in points, of the mean over the seeds drawn.

    Parameters
    ----------
    gains
        (R, S), fractions: one row's score minus another's on the same clips and seed.
    resamples
        Says which seeds were drawn with these clips.

    """
    means = (resamples.seeds * gains).sum(axis=1) / resamples.seeds.shape[1]
    low, high = np.percentile(100 * means, [2.5, 97.5])
    return float(low), float(high)


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """McNemar's exact test (1947) of two rows' correct clips, bool (N,) each.

    Returns
    -------
    only_first, only_second : int
        Discordant clips.
    p : float
        Two-sided, of so uneven a split of the discordant clips if either way were as likely.

    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    total = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, total).pvalue) if total else 1.0


def majority_p(p_values: Sequence[float]) -> float:
    """One p for S tests on the same clips, small only if more than half of them are.

    With k = S // 2 + 1, it is S / k times the k-th smallest, at most 1: a valid p however the
    tests depend on each other (Rüger 1978), as seeds tested on the same clips do. Adding the
    seeds' discordant clips up would count every clip S times. One test's p stays what it is.
    """
    tests = len(p_values)
    k = tests // 2 + 1
    return min(1.0, tests / k * sorted(p_values)[k - 1])


def _mcnemar_of_seeds(
    better: Row, worse: Row
) -> tuple[tuple[tuple[int, int], ...], tuple[float, ...]]:
    """Discordant clips and p of each seed."""
    each = [mcnemar(*both) for both in zip(better.correct, worse.correct, strict=True)]
    return tuple((first, second) for first, second, _ in each), tuple(p for *_, p in each)
