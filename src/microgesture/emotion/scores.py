"""Scores of probabilities of a win, with intervals by person, and what they are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

BINS = 10
FLOOR = 1e-7
RESAMPLES = 2000
LEVEL = 0.95


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits."""
    return 1 / (1 + np.exp(-np.clip(logits, -50, 50)))


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log likelihood, in nats."""
    return float(np.mean(np.logaddexp(0, np.where(labels > 0, -logits, logits))))


def adjusted(logits: np.ndarray, trained: np.ndarray | float, prior: float) -> np.ndarray:
    """Logits for another share of wins than that of the training (Saerens et al. 2002).

    logit p' = logit p + logit(prior) - logit(trained), by Bayes' rule where the share alone is
    another one and what wins and defeats look like is the same.
    """
    share = np.clip(trained, FLOOR, 1 - FLOOR)
    return logits + np.log(prior / (1 - prior)) - np.log(share / (1 - share))


def balanced_accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the shares of wins and of defeats that are told; NaN without one of both."""
    parts = [np.mean(predicted[labels == one] == one) for one in (0, 1) if (labels == one).any()]
    return float(np.mean(parts)) if len(parts) == 2 else np.nan


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve: how often a win has a higher score than a defeat."""
    won = labels == 1
    if won.all() or not won.any():
        return np.nan
    ranks = rankdata(scores)
    pairs = won.sum() * (~won).sum()
    return float((ranks[won].sum() - won.sum() * (won.sum() + 1) / 2) / pairs)


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean squared distance of a win's probability from what happened."""
    return float(np.mean((probabilities - labels) ** 2))


@dataclass(frozen=True)
class Bins:
    """Recordings by their probability of a win: mean of it, share of wins and number, (B,)."""

    told: np.ndarray
    won: np.ndarray
    count: np.ndarray


def calibration_bins(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Bins:
    """Bins of as many recordings each: bins of equal width would mostly be empty."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    return Bins(
        np.array([probabilities[part].mean() for part in parts]),
        np.array([labels[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean distance of the bins' probabilities from their shares of wins."""
    bins = calibration_bins(probabilities, labels)
    return float(np.average(np.abs(bins.told - bins.won), weights=bins.count))


def best_threshold(logits: np.ndarray, labels: np.ndarray) -> float:
    """The logit above which "win" is said, of best balanced accuracy; the middle of equal ones."""
    values = np.unique(logits)
    cuts = np.concatenate([[values[0] - 1], (values[1:] + values[:-1]) / 2, [values[-1] + 1]])
    scores = np.array([balanced_accuracy((logits > cut).astype(int), labels) for cut in cuts])
    best = np.flatnonzero(scores == scores.max())
    return float(cuts[best[len(best) // 2]])


def resampled(groups: Sequence[str], seed: int, times: int = RESAMPLES) -> list[np.ndarray]:
    """Rows of bootstrap samples of whole groups, such as people with all their recordings."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    names, place = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(place == n) for n in range(len(names))]
    return [
        np.concatenate([rows[n] for n in rng.integers(0, len(rows), len(rows))])
        for _ in range(times)
    ]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of resampled values; NaNs of samples with one outcome are left out."""
    known = np.asarray(values)[~np.isnan(values)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def permutation_p(
    predicted: np.ndarray, labels: np.ndarray, groups: Sequence[str], times: int, seed: int
) -> float:
    """How often labels that are dealt anew are told as well: p of "no better than chance".

    Whole people exchange their outcomes with people of as many recordings, in random order, so that
    what is alike within a person stays so. The statistic is balanced accuracy; p counts the true
    labels as one of the deals, (1 + as good) / (1 + times).
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    names, place = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(place == n) for n in range(len(names))]
    sizes: dict[int, list[np.ndarray]] = {}
    for one in rows:
        sizes.setdefault(len(one), []).append(one)
    blocks = [np.stack(some) for _, some in sorted(sizes.items())]
    reached = balanced_accuracy(predicted, labels)
    as_good = 0
    dealt = labels.copy()
    for _ in range(times):
        for block in blocks:
            given = rng.permuted(labels[block[rng.permutation(len(block))]], axis=1)
            dealt[block] = given
        as_good += balanced_accuracy(predicted, dealt) >= reached - 1e-12
    return (1 + as_good) / (1 + times)


@dataclass(frozen=True)
class Leak:
    """What a model that knows only who is seen can tell.

    Attributes
    ----------
    shared
        People who are in the training and the test recordings of a fold.
    people
    identity
        Balanced accuracy of telling the outcome that the same person mostly had in training; 0.5
        for people without.
    interval
        Of it, by person.
    potential
        The same, if every other recording of a person could be learned from.

    """

    shared: int
    people: int
    identity: float
    interval: tuple[float, float]
    potential: float

    @property
    def warns(self) -> bool:
        """Whether results may be those of recognising people."""
        return self.shared > 0 or self.interval[0] > 0.5

    @property
    def warning(self) -> str:
        """What is to be said then."""
        return (
            f"{self.shared} of {self.people} people are trained and tested on in the same fold; a "
            f"model that knows only who is seen tells {100 * self.identity:.1f} % (balanced): rows "
            "that are no better may do no more than recognise people"
        )


def leak_check(folds: np.ndarray, labels: np.ndarray, people: Sequence[str], seed: int = 0) -> Leak:
    """Compare folds with a model that knows only the person.

    Parameters
    ----------
    folds : ndarray, int (N,)
        The fold in which each recording is tested; the others are trained on.
    labels : ndarray, int (N,)
    people : sequence of str
        Who is seen.

    """
    who = np.asarray(people)
    shared = {name for name in np.unique(who) if len(np.unique(folds[who == name])) > 1}
    told = _by_person(labels, who, lambda row: (who == who[row]) & (folds != folds[row]))
    every = np.arange(len(labels))
    others = _by_person(labels, who, lambda row: (who == who[row]) & (every != row))
    samples = [_told_right(told[rows], labels[rows]) for rows in resampled(list(who), seed, 1000)]
    identity = _told_right(told, labels)
    return Leak(
        len(shared), len(np.unique(who)), identity, interval(samples), _told_right(others, labels)
    )


def _by_person(labels: np.ndarray, who: np.ndarray, known: object) -> np.ndarray:
    """The mean outcome of rows that ``known`` gives for each row, against that of all; else 0.5."""
    assert callable(known)
    told = np.full(len(labels), 0.5)
    for row in range(len(labels)):
        rows = known(row)
        if rows.any():
            told[row] = labels[rows].mean()
    return told


def _told_right(told: np.ndarray, labels: np.ndarray) -> float:
    """Balanced accuracy of shares of wins, of which a half counts as half right."""
    parts = []
    for outcome in (0, 1):
        mine = told[labels == outcome] - 0.5
        if not len(mine):
            return float("nan")
        parts.append(np.mean(0.5 + 0.5 * np.sign(mine) * (1 if outcome else -1)))
    return float(np.mean(parts))


def summary(
    logits: np.ndarray, labels: np.ndarray, priors: np.ndarray, thresholds: np.ndarray, prior: float
) -> Mapping[str, float]:
    """All scores of a row: as trained, adjusted to the stated prior, and with chosen thresholds."""
    moved = adjusted(logits, priors, prior)
    plain, shifted = sigmoid(logits), sigmoid(moved)
    decided = {
        "argmax": (logits > 0).astype(int),
        "prior": (moved > 0).astype(int),
        "threshold": (logits > thresholds).astype(int),
    }
    told: dict[str, float] = {"auc": auc(moved, labels)}
    for how, predicted in decided.items():
        told[f"accuracy_{how}"] = float(np.mean(predicted == labels))
        told[f"balanced_{how}"] = balanced_accuracy(predicted, labels)
        told[f"wins_{how}"] = float(predicted.mean())
    for how, probabilities in (("argmax", plain), ("prior", shifted)):
        told[f"brier_{how}"] = brier(probabilities, labels)
        told[f"calibration_{how}"] = calibration_error(probabilities, labels)
    return told
