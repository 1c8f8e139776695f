"""Joining the folds of a cross-validation: every clip once, from the model that never saw it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture.evaluation.predictions import (
    Predictions,
    read_predictions,
    shared_metadata,
    variant_of,
    write_predictions,
)
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256


def pool_files(paths: Sequence[str | Path], out: str | Path) -> None:
    """Write the clips of all ``paths``, the folds of one row, seed and split, to one file.

    The metadata state seed and split as the folds do, ``folds`` (how many) and ``parts``: file,
    hash and metadata of each fold, by file name.

    Raises
    ------
    InputError
        For fewer than two files, other classes, another seed, split or variant, and a clip or a
        person in two files.

    """
    if len(paths) < 2:
        raise InputError(f"{len(paths)} files to pool; give one for each of at least two folds")
    parts = [read_predictions(path) for path in sorted(paths, key=str)]
    _check_classes(parts)
    stated = {
        "seed": [part.metadata.get("seed") for part in parts],
        "split": [part.metadata.get("split") for part in parts],
        "variant": [variant_of(part) for part in parts],
    }
    for key, values in stated.items():
        different = [place for place, value in enumerate(values) if value != values[0]]
        if different:
            first, other = parts[0], parts[different[0]]
            ours, theirs = values[0], values[different[0]]
            raise InputError(
                f"{other.path} was written for {key} {theirs}, {first.path} for {key} {ours}; "
                "pool the folds of one row, seed and split"
            )
    _check_apart(parts, "clip", [part.clip_ids for part in parts])
    # A name left empty is nobody's; it cannot show that folds share a person.
    _check_apart(parts, "subject", [sorted(set(part.subjects) - {""}) for part in parts])
    metadata = shared_metadata(parts, ("seed", "split")) | {
        "folds": len(parts),
        "parts": [
            {"file": str(part.path), "sha256": sha256(part.path), "metadata": part.metadata}
            for part in parts
        ],
    }
    write_predictions(
        out,
        [clip for part in parts for clip in part.clip_ids],
        np.concatenate([part.labels for part in parts]),
        [subject for part in parts for subject in part.subjects],
        np.concatenate([part.probabilities for part in parts]),
        metadata,
    )


def _check_classes(parts: Sequence[Predictions]) -> None:
    first = parts[0]
    for part in parts[1:]:
        ours, theirs = first.probabilities.shape[1], part.probabilities.shape[1]
        if ours != theirs:
            raise InputError(
                f"{part.path} has {theirs} classes, {first.path} has {ours}; "
                "train all folds with the same list of classes"
            )


def _check_apart(parts: Sequence[Predictions], what: str, names: Sequence[Sequence[str]]) -> None:
    """Refuse a name that occurs in two of the files."""
    owner: dict[str, Predictions] = {}
    for part, of_part in zip(parts, names, strict=True):
        for name in of_part:
            if name in owner:
                raise InputError(
                    f"{what} {name} is in {owner[name].path} and in {part.path}; "
                    "folds share no clip and no person; make the folds by subject"
                )
            owner[name] = part
