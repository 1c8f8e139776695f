"""Interval of a difference between two rows tested on the same clips, over seeds and people.

A difference varies with the seed and with who is tested: two crossed random factors. Its variance
is that of the seeds' means plus that of the people's means less what both share (Cameron, Gelbach
and Miller 2011). The squared half-width adds each part times the squared t quantile of its own
degrees of freedom (Banerjee 1960), which covers no less than it says; Satterthwaite's degrees of
freedom do cover less with two or three seeds (`docs/statistics.md`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from microgesture.evaluation.rows import Row

LEVEL = 0.05
_SMALLEST_P = 1e-100


@dataclass(frozen=True)
class Parts:
    """Variance of a mean difference, of seeds and of groups of clips.

    Attributes
    ----------
    seeds, groups
        Squared points, (...); what both share is in one of them. ``seeds`` is NaN with one seed,
        ``groups`` with one group.
    seeds_df, groups_df
        Degrees of freedom.

    """

    seeds: np.ndarray
    groups: np.ndarray
    seeds_df: float
    groups_df: float

    def reach(self, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """Half the interval's width at ``1 - level``, of seeds alone and of groups alone."""
        both = ((self.seeds, self.seeds_df), (self.groups, self.groups_df))
        seeds, groups = (np.sqrt(part) * -stdtrit(df, level / 2) for part, df in both)
        return seeds, groups

    def half_width(self, level: float = LEVEL) -> np.ndarray:
        """Half the interval's width, points (...); a part that is not known is left out."""
        return np.hypot(*(np.nan_to_num(one) for one in self.reach(level)))

    def p_value(self, difference: float) -> float:
        """The level at which the interval just reaches 0, of one difference."""
        if difference == 0:
            return 1.0

        def beyond(exponent: float) -> float:
            return float(self.half_width(10.0**exponent)) - abs(difference)

        smallest = float(np.log10(_SMALLEST_P))
        if beyond(smallest) <= 0:
            return 0.0
        return float(10.0 ** brentq(beyond, smallest, 0.0))

    def lacking(self, difference: float, level: float = LEVEL) -> tuple[bool, bool]:
        """Whether more seeds, and more groups, would be needed to tell the difference from 0.

        Each is, where its part of the interval alone reaches 0; both are, where only both together
        do; neither, where the whole interval does not.
        """
        reach, known = [float(one) for one in self.reach(level)], abs(difference)
        needed = [np.isnan(one) or 0 < one >= known for one in reach]
        if not any(needed) and self.half_width(level) >= known > 0:
            needed = [one > 0 for one in reach]
        return bool(needed[0]), bool(needed[1])


def variance_parts(differences: np.ndarray, left_out: np.ndarray, sizes: np.ndarray) -> Parts:
    """Split the variance of the mean over S seeds into that of seeds and of G groups of clips.

    Parameters
    ----------
    differences
        (..., S), of each seed, on all clips.
    left_out
        (..., S, G), the same without the clips of one group: the jackknife, which serves every
        score, and for means is the cluster-robust variance CR3 (Bell and McCaffrey 2002).
    sizes
        Clips of each group, (G,). Groups of unequal sizes count as the fewer equal ones that would
        weigh the same (Kish 1965) in the degrees of freedom.

    """
    num_seeds, num_groups = left_out.shape[-2:]
    unknown = np.full(differences.shape[:-1], np.nan)
    of_seeds = differences.var(axis=-1, ddof=1) / num_seeds if num_seeds > 1 else unknown
    if num_groups < 2:
        return Parts(of_seeds, unknown, max(num_seeds - 1.0, 1.0), 1.0)
    change = left_out - differences[..., None]
    mean = change.mean(axis=-2)
    share = (num_groups - 1) / num_groups
    of_groups = share * (mean**2).sum(axis=-1)
    equal_groups = sizes.sum() ** 2 / (sizes.astype(float) ** 2).sum()
    groups_df = max(float(equal_groups) - 1, 1.0)
    if num_seeds < 2:
        return Parts(unknown, of_groups, 1.0, groups_df)
    apart = (change - mean[..., None, :]) ** 2
    shared = share * apart.sum(axis=(-2, -1)) / (num_seeds * (num_seeds - 1))
    # Both parts hold what they share; it stays in the one that is known less well.
    seeds_df = num_seeds - 1
    if seeds_df <= groups_df:
        of_groups = np.maximum(of_groups - shared, 0)
    else:
        of_seeds = np.maximum(of_seeds - shared, 0)
    return Parts(of_seeds, of_groups, seeds_df, groups_df)


def left_out_scores(row: Row, metric: str, groups: np.ndarray) -> np.ndarray:
    """Score a row without each group of clips in turn, percent (S, G).

    Class-based metrics are over the classes that the other clips have. All are worked out from
    counts of each group and class.

    Parameters
    ----------
    row
        Over N clips and S seeds.
    metric
        "top1", "mean_class" or "macro_f1".
    groups
        int (N,), 0 to G - 1; a group of all clips leaves NaN.

    """
    labels, every = row.labels.astype(np.int64), np.arange(len(row.labels))
    by_class = metric != "top1"
    num_classes = row.probabilities.shape[2] if by_class else 1
    num_groups = int(groups.max()) + 1

    def others(clips: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Clips of each class outside each group, (G, K), among the given ones."""
        cells = groups[clips] * num_classes + (classes[clips] if by_class else 0)
        counts = np.bincount(cells, minlength=num_groups * num_classes)
        counts = counts.reshape(num_groups, num_classes)
        return counts.sum(axis=0) - counts

    actual = others(every, labels)
    present = actual > 0
    scores = []
    for predicted in row.predicted:
        hits = others(np.flatnonzero(predicted == labels), labels)
        if metric == "macro_f1":
            top, bottom = 2 * hits, actual + others(every, predicted)
        else:
            top, bottom = hits, actual
        of_class = np.divide(top, bottom, out=np.zeros(top.shape), where=present)
        classes = present.sum(axis=1)
        mean = np.divide(
            of_class.sum(axis=1), classes, out=np.full(num_groups, np.nan), where=classes > 0
        )
        scores.append(100 * mean)
    return np.stack(scores)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p for several tests (Holm 1979): decided below 0.05, the chance that even one test is
    wrong is at most 5 %, however the tests depend on each other.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    most = 0.0
    for place, test in enumerate(order):
        most = max(most, min(1.0, (len(order) - place) * p_values[test]))
        adjusted[test] = most
    return adjusted.tolist()
