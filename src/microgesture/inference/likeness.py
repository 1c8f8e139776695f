"""Whether a recording looks like what a model was trained on: what to refuse, what to warn of.

A number of the recording is unlike when it lies further outside of the training clips' 1 % and 99 %
quantiles than a margin: half of the distance between them, and at least what `RULES` says. Ratios
count for sizes, speeds and lengths, differences for angles, scores and shares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from microgesture.data.layouts import Layout
from microgesture.data.profiles import PARTS, STATISTICS, part_joints

RARELY = 0.05
"""Share of training clips up to which a part that they never show counts as always shown."""
FEWER = 0.25
"""Share of frames by which two joints must be found less often than in 99 % of the training clips;
a single one, which something may hide, twice as much."""
LIMIT = 1.25
"""Largest coordinate of points that were divided by the picture's size, some of them outside of it.
Shoulders that are nearer together in the training data were not in pixels there either."""
FLAGS = {"face": "--face", "hands": "--hand"}


class Rule(NamedTuple):
    """When a number is unlike the training's.

    ``margin`` is the least one, a factor where ``ratio`` is set; ``below`` and ``above`` say what
    such a number means, and None that it means nothing.
    """

    code: str
    margin: float
    ratio: bool
    below: str | None
    above: str | None
    unit: str


RULES = {
    "fps": Rule("fps", 1.1, True, "has fewer frames a second", "has more frames a second", "fps"),
    "seconds": Rule("length", 2, True, "is shorter", "is longer; see --window", "s"),
    "width": Rule("size", 2, True, "figure is smaller", "figure is larger", "px shoulder width"),
    "extent": Rule(
        "shape", 1.25, True, "joints reach less far", "joints reach further", "shoulder widths"
    ),
    "spread": Rule("place", 2, True, None, "moves about more", "shoulder widths"),
    "motion": Rule("motion", 2, True, "moves less", "moves more", "shoulder widths a second"),
    "tilt": Rule("tilted", 20, False, None, "leans, lies or is upside down", "degrees"),
    "score": Rule("scores", 0.1, False, "scores are lower", "scores are higher", "of 1"),
    "joints": Rule("cut off", 0.1, False, "shows fewer joints", None, "of the joints"),
}
LEAST = {"spread": 0.1, "motion": 0.02}
"""What is smaller than this is the trembling of a detector: it counts as so much."""


@dataclass(frozen=True)
class Likeness:
    """What a comparison found.

    Attributes
    ----------
    refused : str, optional
        Why it cannot be predicted, or the prediction would be worthless; with the remedy.
    warnings : dict
        For each short code what is unlike the training data.

    """

    refused: str | None = None
    warnings: Mapping[str, str] = field(default_factory=dict)


def compare(
    points: np.ndarray,
    measured: np.ndarray,
    layout: Layout,
    profile: Mapping[str, Any],
    unasked: Callable[[], frozenset[str]] = frozenset,
) -> Likeness:
    """Compare a recording with the profile of a model's training data.

    Parameters
    ----------
    points : ndarray, (T, P, 3)
        Of the whole recording.
    measured : ndarray, (10 + V,)
        Its numbers, see `microgesture.preprocessing.profile.clip_profile`.
    layout : Layout
        The model's.
    profile : mapping
        See `microgesture.data.profiles.summarise_profiles`.
    unasked : callable
        Gives those of `microgesture.data.profiles.PARTS` for which the recording's files
        say that the detector was not asked for them.

    Returns
    -------
    Likeness
        Refused are coordinates that were divided by the picture's size, and parts that hardly any
        training clip lacks: where the detector was not asked for them, or the recording is longer
        than 99 % of those clips and never shows them.

    """
    if not (points[..., 2] > 0).any():
        return Likeness(None, {"empty": "no point is found in it"})
    values = dict(zip(STATISTICS, measured.tolist(), strict=False))
    shares = measured[len(STATISTICS) :]
    usual = profile["statistics"]
    if (usual["width"] or [0])[0] > LIMIT and (reason := divided(points[:, layout.points])):
        return Likeness(reason, {"divided": reason})
    missing = _missing_parts(shares, layout, profile)
    long = usual["seconds"] and len(points) > usual["seconds"][-1] * values["fps"]
    warnings = _warnings(values, usual) | _fewer(shares, layout, profile, missing)
    if not missing:
        return Likeness(None, warnings)
    reason = _never_found(layout, missing)
    refused = reason if long or missing & unasked() else None
    return Likeness(refused, {"parts": reason, **warnings})


def divided(points: np.ndarray) -> str | None:
    """What to say where coordinates were divided by the picture's size, and the way back.

    Of the joints that a model uses: others, as of legs, may lie far outside of the picture. One
    coordinate in ten may lie anywhere: elbows leave the picture, and single points are wild.
    """
    places = points[points[..., 2] > 0][:, :2]
    low, high = np.quantile(places, 0.1), np.quantile(places, 0.9)
    if max(-low, high) > LIMIT:
        return None
    centred = low < -0.1
    span = "-1 to 1 (OpenPose's --keypoint_scale 4)" if centred else "0 to 1 (--keypoint_scale 3)"
    back = (
        "x to (x + 1) / 2 * width and y to (y + 1) / 2 * height of the picture"
        if centred
        else "x to x * width and y to y * height of the picture"
    )
    return (
        f"its coordinates lie from {low:.2f} to {high:.2f}, so they were divided by the picture's "
        f"size, {span}; change {back}, or run OpenPose with --keypoint_scale 0"
    )


def bounds(rule: Rule, usual: list[float]) -> tuple[float, float]:
    """From where to where a number counts as like the training's, given its quantiles."""
    low, high = usual[0], usual[-1]
    if not rule.ratio:
        margin = max(rule.margin, (high - low) / 2)
        return low - margin, high + margin
    factor = max(rule.margin, float(np.sqrt(high / low)))
    return low / factor, high * factor


def _warnings(
    values: Mapping[str, float], usual: Mapping[str, list[float] | None]
) -> dict[str, str]:
    found = {}
    for name, rule in RULES.items():
        value, given = values[name], usual[name]
        if given is None or not np.isfinite(value):
            continue
        least = LEAST.get(name, 0.0)
        value, span = max(value, least), [max(v, least) for v in given]
        low, high = bounds(rule, span)
        meaning = rule.below if value < low else rule.above if value > high else None
        if meaning:
            found[rule.code] = (
                f"{meaning} ({value:.3g} {rule.unit}, in training {span[0]:.3g} to {span[-1]:.3g})"
            )
    return found


def _missing_parts(
    shares: np.ndarray, layout: Layout, profile: Mapping[str, Any]
) -> frozenset[str]:
    """Those of `PARTS` that the recording never shows and hardly any training clip lacks."""
    return frozenset(
        part
        for part, joints in part_joints(layout).items()
        if not shares[joints].any() and profile["never"][part] <= RARELY
    )


def _never_found(layout: Layout, missing: frozenset[str]) -> str:
    parts = part_joints(layout)
    count = sum(len(parts[part]) for part in missing)
    flags = " ".join(FLAGS[part] for part in PARTS if part in missing)
    return (
        f"{count} of the model's {len(layout.joints)} joints are never found, those of the "
        f"{' and '.join(part for part in PARTS if part in missing)}; if OpenPose is the detector, "
        f"run it with {flags}, or use a model without them"
    )


def _fewer(
    shares: np.ndarray, layout: Layout, profile: Mapping[str, Any], missing: frozenset[str]
) -> dict[str, str]:
    told = {v for part in missing for v in part_joints(layout)[part]}
    lacks = {v: usual[0] - shares[v] for v, usual in enumerate(profile["found"]) if v not in told}
    rare = [v for v, lack in lacks.items() if lack > FEWER]
    if len(rare) < 2 and not any(lacks[v] > 2 * FEWER for v in rare):
        return {}
    some = ", ".join(layout.joints[v] for v in rare[:3]) + (", ..." if len(rare) > 3 else "")
    return {"joints": f"joints are found less often than in training, {len(rare)}: {some}"}
