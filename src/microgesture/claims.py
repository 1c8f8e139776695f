"""Testing a claim "this row beats that one" against clips, subjects and seeds drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgesture.errors import InputError
from microgesture.evaluation import Evaluation

RESAMPLES = 2000
MIN_SUBJECTS = 5
_RNG_SEED = 20250701
_BLOCK = 250  # resamples drawn at a time: bounds the memory when every clip is its own group

SUPPORTED, NOISE, REVERSED = "supported", "within noise", "not supported"
_FROM_WORST = (REVERSED, NOISE, SUPPORTED)


@dataclass(frozen=True)
class Comparison:
    """Mean top-1 of one row minus another's, in points, with its 95 % interval."""

    better: str
    worse: str
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Supported above 0, not supported below 0, else within noise."""
        if self.low > 0:
            return SUPPORTED
        return REVERSED if self.high < 0 else NOISE


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
    """Test each claim (``claim``, ``better``, ``worse``: a name or a list of names) by top-1.

    Raises
    ------
    InputError
        For a claim without one of the three, or one that names no row.

    """
    groups, _ = bootstrap_groups(evaluation.subjects)
    tested = []
    for number, claim in enumerate(claims, start=1):
        missing = [key for key in ("claim", "better", "worse") if not claim.get(key)]
        if missing:
            raise InputError(f"config: claim {number} has no {' and no '.join(missing)}")
        worse = [claim["worse"]] if isinstance(claim["worse"], str) else claim["worse"]
        better = evaluation.row(claim["better"])
        comparisons = []
        for name in worse:
            other = evaluation.row(name)
            gain = better.correct.astype(np.int64) - other.correct
            low, high = paired_interval(gain, groups)
            difference = 100 * gain.sum() / gain.size
            comparisons.append(Comparison(better.name, name, difference, low, high))
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


def paired_interval(gain: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of the mean gain, in points.

    Parameters
    ----------
    gain
        int (S, N): 1 where only the first row is right, -1 where only the second is, else 0.
        Both rows share the seed and the clip, so the draws are paired.
    groups
        int (N,), 0 to G - 1: what is drawn together.

    Notes
    -----
    Each of 2000 resamples draws G groups and S seeds with replacement. Only how often each was
    drawn matters, so a resample is a product of counts with sums per seed and group.

    """
    num_seeds, num_groups = len(gain), int(groups.max()) + 1
    sizes = np.bincount(groups, minlength=num_groups).astype(np.float64)
    sums = np.stack([np.bincount(groups, weights=one, minlength=num_groups) for one in gain])
    rng = np.random.default_rng(_RNG_SEED)
    means = []
    for _ in range(RESAMPLES // _BLOCK):
        drawn = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=_BLOCK)
        seeds = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), size=_BLOCK)
        weights = drawn.astype(np.float64)
        gains = (seeds * (weights @ sums.T)).sum(axis=1)  # (resamples,)
        means.append(gains / (num_seeds * (weights @ sizes)))
    low, high = np.percentile(100 * np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)
