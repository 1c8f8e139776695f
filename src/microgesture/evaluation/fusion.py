"""Weighted mean of the probabilities of several models, joined by clip id."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.evaluation.calibration import (
    FLOOR,
    apply_temperature,
    fit_temperature,
    negative_log_likelihood,
)
from microgesture.evaluation.predictions import (
    Predictions,
    read_predictions,
    shared_metadata,
    variant_of,
    write_predictions,
)
from microgesture.settings.rows import FusionRecipe
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256

_SHOWN = 5
_GAP = 1e-6  # nats of validation likelihood that better weights could still gain
_MOST_STEPS = 200_000


@dataclass(frozen=True)
class Recipe:
    """How to fuse.

    Attributes
    ----------
    names
        M members, in the order of the prediction files.
    weights
        M positive numbers in any scale; None: found on the validation clips.
    temperature
        Whether each member's temperature is first found on the validation clips.

    """

    names: tuple[str, ...]
    weights: tuple[float, ...] | None
    temperature: bool

    @property
    def fitted(self) -> bool:
        """Whether anything is found on the validation clips."""
        return self.weights is None or self.temperature


def parse_recipe(config: FusionRecipe) -> Recipe:
    """The members of a fusion in order, with their weights where these are given.

    Raises
    ------
    InputError
        For weights that are given and to be found as well, and for neither.

    """
    members = config.members
    if isinstance(members, dict):
        if config.weights is not None:
            raise InputError(
                f"fusion: members have weights and weights is {config.weights!r}; give members as "
                "a list to have the weights found on validation, or take weights away"
            )
        weights = tuple(map(float, members.values()))
        return Recipe(tuple(members), weights, config.temperature)
    if config.weights is None:
        raise InputError(
            "fusion: weights is None for a list of members; expected validation, or give each "
            "member its weight, {name: 1, ...}"
        )
    return Recipe(tuple(members), None, config.temperature)


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
        ("labels", first.labels.tolist(), other.labels.tolist()),
        ("subjects", first.subjects, other.subjects),
    ):
        if ours != theirs:
            rows = [row for row in range(len(ours)) if ours[row] != theirs[row]]
            clips = _some([first.clip_ids[row] for row in rows])
            raise InputError(
                f"{other.path} and {first.path} disagree on the {what} of {clips} "
                f"({theirs[rows[0]]} and {ours[rows[0]]} for the first); "
                "predict both from the same data"
            )


def fit_weights(probabilities: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Weights under which the weighted mean gives the true classes the highest likelihood.

    Parameters
    ----------
    probabilities
        M members' (N, K), of validation clips.
    labels
        int (N,), their class ids.

    Returns
    -------
    np.ndarray
        float64 (M,), none negative, sum 1. Members that say the same share alike.

    Notes
    -----
    Expectation maximisation for the weights of a mixture (Dempster et al. 1977) from equal ones.
    The log-likelihood is concave; with m's gradient g_m, no weights can gain more than
    max(g_m) - 1 nats a clip (Cover 1984), so it stops when that is below 1e-6, or after 200,000
    steps, as between members that are equal but for the fifth digit. No step lowers the likelihood.

    """
    rows = np.arange(len(labels))
    told = np.stack([one[rows, labels] for one in probabilities], axis=1).astype(np.float64)
    told = np.maximum(told, FLOOR)  # (N, M)
    weights = np.full(told.shape[1], 1 / told.shape[1])
    for _ in range(_MOST_STEPS):
        gradient = (1 / (told @ weights)) @ told / len(told)
        if gradient.max() - 1 < _GAP:
            return weights
        weights = weights * gradient
        weights /= weights.sum()
    return weights


def fuse_files(
    recipe: Recipe,
    val: Sequence[str | Path],
    test: Sequence[str | Path],
    out_val: str | Path,
    out_test: str | Path,
) -> None:
    """Fuse the members' validation and test files; whatever is fitted sees validation alone.

    The metadata of both results state each member's name, file, hash, weight (its share of 1),
    temperature and own metadata, how the weights were chosen and on how many clips.

    Parameters
    ----------
    recipe
        What `parse_recipe` gave.
    val, test
        One prediction file a member, in the order of ``recipe.names``.
    out_val, out_test
        Where to write.

    Raises
    ------
    InputError
        For files of another split, member or set of clips, and where something is to be fitted
        and no validation clip has a label.

    """
    read = {"val": _read_members(recipe, val, "val"), "test": _read_members(recipe, test, "test")}
    ours, theirs = (read[split][0].probabilities.shape[1] for split in ("val", "test"))
    if ours != theirs:
        raise InputError(f"{val[0]} has {ours} classes, {test[0]} has {theirs}; predict both anew")
    weights, temperatures, fitted = _fit(recipe, read["val"])
    for split, out in (("val", out_val), ("test", out_test)):
        members = _soften([one.probabilities for one in read[split]], temperatures)
        metadata = shared_metadata(read[split], ("seed", "fold", "split")) | {
            "weights": "config" if recipe.weights else "validation",
            "fitted": fitted,
            "members": [
                {
                    "name": name,
                    "file": str(one.path),
                    "sha256": sha256(one.path),
                    "weight": weights[place],
                    "temperature": temperatures[place] if temperatures else None,
                    "metadata": one.metadata,
                }
                for place, (name, one) in enumerate(zip(recipe.names, read[split], strict=True))
            ],
        }
        first = read[split][0]
        write_predictions(
            out, first.clip_ids, first.labels, first.subjects, _mix(members, weights), metadata
        )


def _fit(
    recipe: Recipe, val: Sequence[Predictions]
) -> tuple[list[float], list[float] | None, dict[str, Any] | None]:
    """Shares of 1, temperatures, and what the metadata say of the fit, of validation alone."""
    weights = list(recipe.weights or (1.0,) * len(recipe.names))
    temperatures: list[float] | None = None
    fitted: dict[str, Any] | None = None
    if recipe.fitted:
        members, labels = _labelled(val)
        before = negative_log_likelihood(_mix(members, weights), labels)
        if recipe.temperature:
            temperatures = [fit_temperature(one, labels) for one in members]
            members = _soften(members, temperatures)
        if recipe.weights is None:
            weights = fit_weights(members, labels).tolist()
        fitted = {
            "clips": len(labels),
            "files": [{"file": str(one.path), "sha256": sha256(one.path)} for one in val],
            "nll_unfitted": before,
            "nll": negative_log_likelihood(_mix(members, weights), labels),
        }
    return [weight / math.fsum(weights) for weight in weights], temperatures, fitted


def _read_members(recipe: Recipe, paths: Sequence[str | Path], split: str) -> list[Predictions]:
    """Read one file a member; refuse those of another split, member or set of clips."""
    if len(paths) != len(recipe.names):
        raise InputError(
            f"{len(paths)} {split} files for {len(recipe.names)} members "
            f"({', '.join(recipe.names)}); give one each, in this order"
        )
    members = [read_predictions(path) for path in paths]
    for name, member in zip(recipe.names, members, strict=True):
        variant, stated = variant_of(member), member.metadata.get("split")
        for key, expected, found in (("variant", name, variant), ("split", split, stated)):
            if found not in (None, expected):
                raise InputError(
                    f"{member.path}: was written for {key} {found}, expected {key} {expected}; "
                    "check the order of the files"
                )
        check_same_clips(members[0], member)
    return members


def _labelled(members: Sequence[Predictions]) -> tuple[list[np.ndarray], np.ndarray]:
    """Probabilities of each member for the clips with a label, and these labels."""
    labels = members[0].labels
    known = labels != UNKNOWN
    if not known.any():
        raise InputError(
            f"{members[0].path}: none of {len(labels)} validation clips has a label, so neither "
            "weights nor temperatures can be found on them; give each member its weight and leave "
            "temperature out"
        )
    return [member.probabilities[known] for member in members], labels[known]


def _soften(
    members: Sequence[np.ndarray], temperatures: Sequence[float] | None
) -> list[np.ndarray]:
    """Apply each member's temperature, if there are any."""
    if temperatures is None:
        return list(members)
    return [apply_temperature(*both) for both in zip(members, temperatures, strict=True)]


def _mix(members: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Weighted mean of (N, K) arrays, float32."""
    total = np.zeros(members[0].shape, dtype=np.float64)
    whole = math.fsum(weights)
    for member, weight in zip(members, weights, strict=True):
        total += (weight / whole) * member
    return total.astype(np.float32)


def _some(names: list[str]) -> str:
    """A few of the names, and how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
