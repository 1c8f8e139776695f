"""Weighted mean of the probabilities of several models, joined by clip id."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import InputError
from microgesture.files import sha256
from microgesture.predictions import Predictions, read_predictions, write_predictions

_SHOWN = 5


def check_same_clips(first: Predictions, other: Predictions) -> None:
    """Refuse two files that are not about the same clips, classes, labels and subjects.

    Raises
    ------
    InputError
        Naming both files and up to five of the clips.

    """
    if first.clip_ids != other.clip_ids:
        known, given = set(first.clip_ids), set(other.clip_ids)
        missing, extra = sorted(known - given), sorted(given - known)
        raise InputError(
            f"{other.path} and {first.path} are not about the same clips: the former lacks "
            f"{_some(missing)} and has {_some(extra)} besides; predict the same split with both"
        )
    if first.probabilities.shape != other.probabilities.shape:
        raise InputError(
            f"{other.path} has {other.probabilities.shape[1]} classes, {first.path} "
            f"has {first.probabilities.shape[1]}; train both with the same list of classes"
        )
    for what, ours, theirs in (
        ("labels", list(first.labels), list(other.labels)),
        ("subjects", first.subjects, other.subjects),
    ):
        rows = [row for row in range(len(ours)) if ours[row] != theirs[row]]
        if rows:
            clips = _some([first.clip_ids[row] for row in rows])
            raise InputError(
                f"{other.path} and {first.path} disagree on the {what} of {clips} "
                f"({theirs[rows[0]]} and {ours[rows[0]]} for the first); "
                "predict both from the same data"
            )


def fuse(members: Sequence[Predictions], weights: Sequence[float] | None = None) -> np.ndarray:
    """Weighted mean of the members' probabilities.

    Parameters
    ----------
    members
        At least one; clips are matched by id, not by row of the file.
    weights
        One positive number a member, in any scale; None weighs all alike.

    Returns
    -------
    np.ndarray
        float32 (N, K), rows in the order of the (sorted) clip ids.

    Raises
    ------
    InputError
        When the members are not about the same clips, or a weight is not a positive number.

    """
    if not members:
        raise InputError("no files to fuse; name at least one member")
    weights = [1.0] * len(members) if weights is None else list(weights)
    for member, weight in zip(members, weights, strict=True):
        if not (np.isfinite(weight) and weight > 0):
            raise InputError(f"{member.path}: weight {weight}, expected a positive number")
        # `Predictions` are sorted by clip id, so equal ids row by row is the join by id.
        check_same_clips(members[0], member)
    total = np.zeros(members[0].probabilities.shape, dtype=np.float64)
    for member, weight in zip(members, weights, strict=True):
        total += (weight / sum(weights)) * member.probabilities
    return total.astype(np.float32)


def fuse_files(members: dict[str, float], out: str | Path) -> None:
    """Fuse the prediction files of ``members`` (path -> weight) and write the result to ``out``.

    The metadata of the result lists each member's file, hash, weight and own metadata.
    """
    read = [read_predictions(path) for path in members]
    fused = fuse(read, list(members.values()))
    sources = [
        {
            "file": str(one.path),
            "sha256": sha256(one.path),
            "weight": weight,
            "metadata": one.metadata,
        }
        for one, weight in zip(read, members.values(), strict=True)
    ]
    first = read[0]
    # What all members agree on holds for the result as well; the rest is each member's own.
    metadata: dict[str, Any] = {
        key: first.metadata[key]
        for key in ("seed", "split")
        if key in first.metadata
        and all(one.metadata.get(key) == first.metadata[key] for one in read)
    }
    metadata["members"] = sources
    write_predictions(out, first.clip_ids, first.labels, first.subjects, fused, metadata)


def _some(names: list[str]) -> str:
    """A few of the names, and how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
