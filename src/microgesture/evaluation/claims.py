"""Testing a claim "this row beats that one" against other clips, people and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binomtest

from microgesture.evaluation.metrics import METRICS
from microgesture.evaluation.paired import LEVEL, Parts, holm, left_out_scores, variance_parts
from microgesture.evaluation.rows import Evaluation, Row
from microgesture.settings.rows import ClaimEntry

MIN_SUBJECTS = 5
CLAIM_METRICS = tuple(name for name in METRICS if name != "top5")

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
        In points, over all seeds; with one seed the interval is of these trained networks only.
    metric
        One of `CLAIM_METRICS`.
    discordant
        For top-1, of each seed: clips that only the first row got right, only the second.
    p_values
        For top-1, McNemar's exact p of each seed.
    p_interval, p_holm
        The level at which the interval reaches 0, and this after Holm's correction for all
        comparisons of the table; None with one seed.
    lacking
        Of an undecided comparison, what there would have to be more of: "seeds", and "people", or
        "clips" where people are too few to be what is drawn. Nothing where there is no difference.

    """

    better: str
    worse: str
    difference: float
    low: float
    high: float
    metric: str = "top1"
    discordant: tuple[tuple[int, int], ...] = ()
    p_values: tuple[float, ...] = ()
    p_interval: float | None = None
    p_holm: float | None = None
    lacking: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Supported when the interval, after Holm's correction, lies above 0, refuted below 0."""
        if self.lacking or (self.p_holm is not None and self.p_holm > LEVEL):
            return UNDECIDED
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


def judge_claims(evaluation: Evaluation, claims: Sequence[ClaimEntry]) -> list[Claim]:
    """Test each claim.

    Raises
    ------
    InputError
        For a claim that names no row.

    """
    groups, by_subject = sampled_groups(evaluation.subjects)
    sizes = np.bincount(groups)
    scores: dict[tuple[str, str], np.ndarray] = {}  # a row stands in several claims

    def left_out(row: Row, metric: str) -> np.ndarray:
        key = (row.name, metric)
        if key not in scores:
            scores[key] = left_out_scores(row, metric, groups)
        return scores[key]

    tested: list[list[tuple[Comparison, Parts]]] = []
    for claim in claims:
        metric, better = claim.metric, evaluation.row(claim.better)
        tested.append([])
        for worse in map(evaluation.row, claim.beaten):
            gains = better.scores[metric] - worse.scores[metric]
            others = left_out(better, metric) - left_out(worse, metric)
            parts = variance_parts(gains, others, sizes)
            tested[-1].append((_compare(better, worse, metric, gains, parts), parts))
    corrected = iter(_correct([one for of_claim in tested for one in of_claim], by_subject))
    return [
        Claim(claim.claim, tuple(next(corrected) for _ in of_claim))
        for claim, of_claim in zip(claims, tested, strict=True)
    ]


def sampled_groups(subjects: np.ndarray) -> tuple[np.ndarray, bool]:
    """Group of each clip, int (N,), and whether groups are subjects (else single clips).

    Clips of one person are alike, so persons are the sample, if there are five or more.
    """
    names, groups = np.unique(subjects, return_inverse=True)
    if len(names) < MIN_SUBJECTS:
        return np.arange(len(subjects)), False
    return groups, True


def _compare(better: Row, worse: Row, metric: str, gains: np.ndarray, parts: Parts) -> Comparison:
    """One comparison with its interval, before any correction; ``gains`` are points, (S,)."""
    difference = float(gains.mean())
    # One clip alone has no variance; a difference of percentages never leaves this range.
    half = 200.0 if np.isnan(parts.groups) else float(parts.half_width())
    low, high = max(difference - half, -100.0), min(difference + half, 100.0)
    discordant, p_values = _mcnemar_of_seeds(better, worse) if metric == "top1" else ((), ())
    unknown = np.isnan(parts.seeds) or np.isnan(parts.groups)
    p = None if unknown else parts.p_value(difference)
    return Comparison(
        better.name, worse.name, difference, low, high, metric, discordant, p_values, p
    )


def _correct(tested: Sequence[tuple[Comparison, Parts]], by_subject: bool) -> list[Comparison]:
    """Correct for the number of comparisons, and say what the undecided ones lack."""
    testable = [one.p_interval for one, _ in tested if one.p_interval is not None]
    adjusted = iter(holm(testable))
    corrected = [
        one if one.p_interval is None else replace(one, p_holm=next(adjusted)) for one, _ in tested
    ]
    left = sum(one.p_holm is not None and one.p_holm > LEVEL for one in corrected)
    names = ("seeds", "people" if by_subject else "clips")
    finished = []
    for one, (_, parts) in zip(corrected, tested, strict=True):
        if one.p_holm is None or one.p_holm > LEVEL:
            needed = parts.lacking(one.difference, LEVEL / max(left, 1))
            some = tuple(name for name, lacks in zip(names, needed, strict=True) if lacks)
            one = replace(one, lacking=some)
        finished.append(one)
    return finished


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
