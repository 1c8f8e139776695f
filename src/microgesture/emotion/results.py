"""What all parts of the emotion models said, joined by recording, and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data.paths import EMOTION_ALL
from microgesture.emotion.interviews import UNKNOWN, Interview
from microgesture.emotion.rows import ROWS
from microgesture.emotion.scores import (
    Leak,
    adjusted,
    auc,
    balanced_accuracy,
    interval,
    leak_check,
    permutation_p,
    resampled,
    sigmoid,
    summary,
)
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json

INTERVALS = ("auc", "balanced_prior")
PAIRS = (
    ("interfusion", "late"),
    ("interfusion", "concat"),
    ("late_fitted", "face"),
    ("late_fitted", "context"),
    ("late_fitted", "gestures_linear"),
)
"""Rows whose balanced accuracies are compared over the same recordings."""


@dataclass(frozen=True)
class Said:
    """What a row says of N recordings: logits as trained, the share of wins that it was trained
    with, and the logit above which it says "win" by inner folds.
    """

    logits: np.ndarray
    priors: np.ndarray
    thresholds: np.ndarray


@dataclass(frozen=True)
class Judged:
    """All rows over the same recordings.

    Attributes
    ----------
    title
        What the recordings are.
    interviews
    labels
        int (N,).
    said, scores, intervals, p
        By row.
    pairs
        Better, worse, difference in balanced accuracy and its interval.

    """

    title: str
    interviews: list[Interview]
    labels: np.ndarray
    said: Mapping[str, Said]
    scores: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    p: Mapping[str, float]
    pairs: list[tuple[str, str, float, tuple[float, float]]]


def read_fits(paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Rows by part."""
    fits = [read_json(path) for path in paths]
    return {one["part"]: one["rows"] for one in fits}


def said_of(
    fits: Mapping[str, Mapping[str, Any]], row: str, interviews: Sequence[Interview]
) -> Said:
    """What a row says of interviews: of train and val the part that did not see them."""
    logits, priors, thresholds = [], [], []
    for one in interviews:
        part = EMOTION_ALL if one.fold is None else f"fold{one.fold}"
        told = fits[part][row]
        if one.id not in told["logits"]:
            raise InputError(f"{part}: has no prediction of {one.id}; run the steps again")
        logits.append(told["logits"][one.id])
        priors.append(told["prior"])
        thresholds.append(told["threshold"])
    return Said(np.array(logits), np.array(priors), np.array(thresholds))


def judge(
    fits: Mapping[str, Mapping[str, Any]],
    interviews: Sequence[Interview],
    title: str,
    prior: float,
    permutations: int,
) -> Judged | None:
    """Judge all rows over interviews with a known outcome; None where there is not one of both."""
    known = [one for one in interviews if one.label != UNKNOWN]
    labels = np.array([one.label for one in known])
    if len(set(labels.tolist())) < 2:
        return None
    people = [one.subject for one in known]
    samples = resampled(people, seed=0)
    said = {row: said_of(fits, row, known) for row in ROWS}
    scores, intervals, p = {}, {}, {}
    decided = {}
    for row, one in said.items():
        scores[row] = summary(one.logits, labels, one.priors, one.thresholds, prior)
        moved = adjusted(one.logits, one.priors, prior)
        every = [_resampled(moved[rows], labels[rows]) for rows in samples]
        intervals[row] = {name: interval([each[name] for each in every]) for name in INTERVALS}
        decided[row] = (moved > 0).astype(int)
        p[row] = permutation_p(decided[row], labels, people, permutations, seed=0)
    pairs = []
    for better, worse in PAIRS:
        apart = [
            balanced_accuracy(decided[better][rows], labels[rows])
            - balanced_accuracy(decided[worse][rows], labels[rows])
            for rows in samples
        ]
        whole = scores[better]["balanced_prior"] - scores[worse]["balanced_prior"]
        pairs.append((better, worse, whole, interval(apart)))
    return Judged(title, known, labels, said, scores, intervals, p, pairs)


def _resampled(logits: np.ndarray, labels: np.ndarray) -> Mapping[str, float]:
    """The scores of a bootstrap sample that get an interval."""
    balanced = balanced_accuracy((logits > 0).astype(int), labels)
    return {"auc": auc(logits, labels), "balanced_prior": balanced}


def check_leak(interviews: Sequence[Interview]) -> Leak:
    """Whether a model that knows only the person does well in these folds."""
    known = [one for one in interviews if one.fold is not None]
    return leak_check(
        np.array([one.fold for one in known]),
        np.array([one.label for one in known]),
        [one.subject for one in known],
    )


def predictions_table(
    fits: Mapping[str, Mapping[str, Any]], interviews: Sequence[Interview], prior: float
) -> pd.DataFrame:
    """One row a row and interview: probabilities as trained and for the stated prior."""
    frames = []
    for row in ROWS:
        said = said_of(fits, row, interviews)
        frames.append(
            pd.DataFrame(
                {
                    "row": row,
                    "id": [one.id for one in interviews],
                    "subject": [one.subject for one in interviews],
                    "split": [one.split for one in interviews],
                    "fold": ["" if one.fold is None else one.fold for one in interviews],
                    "label": ["" if one.label < 0 else one.label for one in interviews],
                    "probability": sigmoid(said.logits),
                    "probability_prior": sigmoid(adjusted(said.logits, said.priors, prior)),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
