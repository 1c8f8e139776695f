"""Cross-validation by subject: one fold for testing, one for validation, the rest to train."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json, sha256

MINIMUM = 3
"""Folds; one each for test, validation and training."""


def make_folds(subjects: Sequence[str], labels: Sequence[str | None], k: int) -> dict[str, Any]:
    """Put every subject into one of ``k`` folds with about equally many clips.

    When a fold is tested, the next one is for validation, of those that have the most classes:
    people who show only some of the classes cannot tell which epoch is best.

    Parameters
    ----------
    subjects, labels : sequence
        Subject and label of every clip; None where the label is unknown.
    k : int

    Returns
    -------
    dict
        ``folds``: k; ``fold_of_subject``; ``validation``: for each fold that which validates it.

    Raises
    ------
    InputError
        When ``k`` is below 3 or above the number of subjects.

    """
    from sklearn.model_selection import GroupKFold  # a second that trainings need not wait

    people = np.array(subjects, dtype=str)
    distinct = len(set(subjects))
    if not MINIMUM <= k <= distinct:
        raise InputError(
            f"folds is {k}, expected {MINIMUM} (test, validation, training) to {distinct}, the "
            "number of subjects in the skeleton store"
        )
    fold_of = {
        str(subject): fold
        for fold, (_, tested) in enumerate(GroupKFold(k).split(people, groups=people))
        for subject in people[tested]
    }
    classes = [set[str]() for _ in range(k)]
    for subject, label in zip(subjects, labels, strict=True):
        if label is not None:
            classes[fold_of[str(subject)]].add(label)
    validation = [
        max(((fold + step) % k for step in range(1, k)), key=lambda other: len(classes[other]))
        for fold in range(k)
    ]
    return {"folds": k, "fold_of_subject": dict(sorted(fold_of.items())), "validation": validation}


def load_folds(path: Path, fold: int) -> dict[str, Any]:
    """Read a file of `make_folds`, to be used for one of its folds.

    Raises
    ------
    InputError
        When it is another kind of file, or has no such fold.

    """
    try:
        folds = read_json(path)
        k, fold_of = int(folds["folds"]), dict(folds["fold_of_subject"])
        validation = list(folds["validation"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not a readable file of folds ({error}); write it with scripts/folds.py"
        ) from None
    if not all(isinstance(one, int) and 0 <= one < k for one in fold_of.values()):
        raise InputError(f"{path}: a subject's fold is not one of 0 to {k - 1}; write it anew")
    if not 0 <= fold < k:
        raise InputError(f"--fold is {fold}, expected 0 to {k - 1}, the folds of {path}")
    return {"folds": k, "fold_of_subject": fold_of, "validation": validation}


def split_of(subjects: Sequence[str], folds: Mapping[str, Any], fold: int) -> list[str]:
    """Split of every clip, given its subject: "test", "val" or "train".

    Raises
    ------
    InputError
        For a subject that the folds do not name.

    """
    fold_of = folds["fold_of_subject"]
    if unknown := sorted({str(one) for one in subjects if one not in fold_of}):
        raise InputError(
            f"the file of folds names no fold for subject {unknown[0]} ({len(unknown)} such "
            f"subjects, {len(fold_of)} are named); write it anew from the present skeleton store"
        )
    named = {fold: "test", folds["validation"][fold]: "val"}
    return [named.get(fold_of[subject], "train") for subject in subjects]


def use_fold(index: pd.DataFrame, path: Path | None, fold: int | None) -> dict[str, Any]:
    """Replace the split column of records by that of a fold; without a file leave it as it is.

    Returns
    -------
    dict
        What an artifact states of it: ``fold`` and ``folds`` (the file's hash), or nothing.

    """
    if path is None and fold is None:
        return {}
    if path is None or fold is None:
        raise InputError("--folds and --fold belong together; give both or neither")
    index["split"] = split_of(index["subject"].tolist(), load_folds(path, fold), fold)
    return {"fold": fold, "folds": sha256(path)}


def check_fold(path: Path, metadata: Mapping[str, Any], fold: Mapping[str, Any]) -> None:
    """Refuse a model that was trained with another split than ``fold`` (see `use_fold`) states."""
    trained = {key: metadata[key] for key in ("fold", "folds") if key in metadata}
    if trained != fold:
        raise InputError(
            f"{path}: trained with {_said(trained)}, to be used with {_said(fold)}; its test clips "
            "may be among those it learned from: give the file of folds and the fold it was "
            "trained with"
        )


def _said(fold: Mapping[str, Any]) -> str:
    return f"fold {fold['fold']} of the folds {fold['folds'][:8]}" if fold else "the data's splits"
