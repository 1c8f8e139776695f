"""Named keypoint formats: which of the 137 points each point of a detector or data set is.

A format is a file in ``config/keypoints``, which comes with the package. A point without a place
among the 137 is null there.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from microgesture.data.keypoints import OPENPOSE
from microgesture.utils.errors import InputError
from microgesture.utils.resources import resource_folder, resource_names

Numbers = tuple[int | None, ...]
"""Of each point its number among the 137; None has no place there."""

BY_COUNT = {
    16: "mpii16",
    17: "coco17",
    18: "body18",
    20: "kinect20",
    22: "imigue22",
    25: "body25",
    26: "halpe26",
    33: "mediapipe33",
    133: "coco_wholebody133",
    136: "halpe136",
    553: "mediapipe553",
}
"""What so many points are taken for unless the config says otherwise; 137 are in their order."""


@cache
def format_names() -> tuple[str, ...]:
    """Names of all formats, sorted."""
    return tuple(resource_names("keypoints"))


@cache
def named_format(name: str) -> Numbers:
    """The points of a named format."""
    return _read(resource_folder("keypoints") / f"{name}.yaml")


def format_of_count(count: int) -> Numbers | None:
    """What ``count`` points are taken for; None where that cannot be told from their number."""
    if count == OPENPOSE.count:
        return tuple(range(count))
    return named_format(BY_COUNT[count]) if count in BY_COUNT else None


def resolve_points(points: str | Sequence[int | None] | None) -> Numbers | None:
    """What ``data.points`` says: the name of a format, a file like those, or a list; or nothing.

    Raises
    ------
    InputError
        Where it is none of these, or two points have one place.

    """
    if points is None:
        return None
    if not isinstance(points, str):
        return _checked(f"data.points is {_short(points)}", points)
    if points in format_names():
        return named_format(points)
    if not Path(points).is_file():
        raise InputError(
            f"data.points is {points!r}, which is no file and none of {', '.join(format_names())}"
        )
    return _read(Path(points))


def _short(points: object) -> str:
    text = repr(points)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _read(path: Path) -> Numbers:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as a keypoint format ({reason})") from None
    if isinstance(raw, dict) and set(raw) == {"points"}:
        raw = raw["points"]
    return _checked(str(path), raw)


def _checked(place: str, raw: Any) -> Numbers:
    """The numbers, each an int from 0 to 136 that occurs once, or None."""
    if not isinstance(raw, list | tuple) or not raw:
        raise InputError(
            f"{place}: found {type(raw).__name__}, expected a list of the numbers 0 to "
            f"{OPENPOSE.count - 1}, or null, one for each point"
        )
    seen: dict[int, int] = {}
    for position, number in enumerate(raw):
        if number is None:
            continue
        if type(number) is not int or not 0 <= number < OPENPOSE.count:
            raise InputError(
                f"{place}: point {position} is {number!r}, expected a number from 0 to "
                f"{OPENPOSE.count - 1}, or null for one that has no place"
            )
        if number in seen:
            raise InputError(
                f"{place}: points {seen[number]} and {position} are both {number}; expected "
                "different numbers"
            )
        seen[number] = position
    if not seen:
        raise InputError(f"{place}: no point has a place; expected at least one number")
    return tuple(raw)
