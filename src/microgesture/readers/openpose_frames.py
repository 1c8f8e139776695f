"""Frame files of OpenPose: who is in each, and one person followed through a recording."""

import codecs
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from microgesture.data.keypoint_formats import Numbers
from microgesture.data.keypoints import OPENPOSE, fill_midpoints
from microgesture.readers.common import COCO18, read_bytes, shown, unreadable
from microgesture.readers.tracker import BODY, Subject, sighting
from microgesture.utils.errors import InputError

SUFFIX = "_keypoints.json"
# Of a frame: several hundred people. What is made of a file takes up to fifty times its size.
MOST_BYTES = 4 << 20
# For every part, which points of the 137 its numbers are, by how many there are.
Parts = Mapping[str, Mapping[int, Numbers]]
PARTS: Parts = {
    "pose_keypoints_2d": {75: tuple(BODY), 54: COCO18},
    "face_keypoints_2d": {210: tuple(range(25, 95))},
    "hand_left_keypoints_2d": {63: tuple(range(95, 116))},
    "hand_right_keypoints_2d": {63: tuple(range(116, 137))},
}


def body_parts(points: Numbers | None) -> Parts:
    """`PARTS` with a body of the keypoint format ``points``; None: one of 25 or 18 points."""
    if points is None:
        return PARTS
    return {**PARTS, "pose_keypoints_2d": {3 * len(points): points}}


def read_recording(folder: Path, points: Numbers | None = None) -> np.ndarray:
    """Read all frames of a folder and follow one person through them.

    Parameters
    ----------
    folder
        Holds the frame files of one recording, ``<anything>_<digits>_keypoints.json``.
    points
        What the numbers of the body are, see `body_parts`.

    Returns
    -------
    ndarray
        float32 (T, 137, 3): x, y in pixels and score, as written; all zero in a frame without
        anybody.

    Raises
    ------
    InputError
        If there is no frame file, or one is not as OpenPose writes it.

    """
    return read_frames(frame_files(folder), body_parts(points))


def frame_files(folder: Path) -> list[Path]:
    """Frame files of one recording, in the order of their numbers; at least one."""
    return [folder / name for name in frame_names(folder)]


def frame_names(folder: Path) -> list[str]:
    """Names of the frame files of one recording, in the order of their numbers; at least one."""
    found: dict[int, str] = {}
    recordings: dict[str, str] = {}
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError as error:
        raise InputError(unreadable(folder, error)) from error
    for name in names:
        stem = name.removesuffix(SUFFIX)
        of_recording = stem.rstrip("0123456789")
        digits = stem[len(of_recording) :]
        # not hidden files, as the ._* that macOS puts beside others on foreign disks
        if stem == name or not digits or name.startswith("."):
            continue
        recordings.setdefault(of_recording.removesuffix("_"), name)
        if len(recordings) > 1:
            one, other = recordings.values()
            raise InputError(
                f"{folder}: holds frames of several recordings, such as {one} and {other}; give "
                "every recording a folder of its own"
            )
        number = int(digits)
        if number in found:
            raise InputError(
                f"{folder}: {found[number]} and {name} are both frame {number}; remove one"
            )
        found[number] = name
    if not found:
        raise InputError(
            f"{folder}: holds no frame file, expected names such as clip_000000000000_keypoints."
            "json; name the folder in which they lie"
        )
    return [found[number] for number in sorted(found)]


def read_frames(files: list[Path], parts: Parts = PARTS) -> np.ndarray:
    """Points of one person in frame files, see `follow`."""
    return follow((read_people(path, parts) for path in files), len(files))


def follow(frames: Iterable[list[np.ndarray]], count: int) -> np.ndarray:
    """Points of one person, float32 (T, 137, 3); all zero in a frame that does not show it.

    OpenPose numbers nobody. The subject is the entry with the highest mean score of the body in
    the first frame with anybody; `Subject` says how it is followed from there on.

    Parameters
    ----------
    frames
        Everybody in each frame.
    count
        T.

    """
    points = np.zeros((count, OPENPOSE.count, 3), np.float32)
    subject = Subject()
    for frame, people in enumerate(frames):
        number = subject.find([sighting(person) for person in people])
        if number is not None:
            points[frame] = people[number]
    return fill_midpoints(points)


def read_people(path: Path, parts: Parts = PARTS) -> list[np.ndarray]:
    """Everybody in one frame file, each float32 (137, 3), in the order of the file.

    Raises
    ------
    InputError
        If the file is not JSON, or is not what OpenPose writes.

    """
    return [
        _person(f"{path}, person {number}", entry, parts)
        for number, entry in enumerate(_entries(path))
    ]


def _entries(path: Path) -> list[Any]:
    """What a frame file holds of everybody."""
    content = read_bytes(path, MOST_BYTES).removeprefix(codecs.BOM_UTF8)
    try:
        frame = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        empty = "" if content else " (the file is empty)"
        raise InputError(
            f"{path}: is not valid JSON: {error}{empty}; write the frame again with OpenPose"
        ) from error
    people = frame.get("people") if isinstance(frame, dict) else None
    if people is None and isinstance(frame, dict) and "people" in frame:
        people = []  # what some writers make of an empty list
    if not isinstance(people, list):
        raise InputError(
            f"{path}: has no list 'people', expected what OpenPose writes with --write_json"
        )
    return [_with_new_names(entry) if isinstance(entry, dict) else entry for entry in people]


def _with_new_names(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry by the names of today: OpenPose 1.0 wrote ``pose_keypoints`` and the like."""
    old = {part.removesuffix("_2d"): part for part in PARTS}
    return {old.get(name, name): value for name, value in entry.items()}


def unasked_parts(folder: Path) -> set[str]:
    """Which of `PARTS` have an empty list in every entry of a recording that names them.

    So OpenPose writes what it was not asked to look for; what it was asked for and did not find is
    zeros. Files of other programs may lack the name, which says nothing. For a folder that
    `read_recording` has read.
    """
    empty, written = set[str](), set[str]()
    for path in frame_files(folder):
        for entry in _entries(path):
            for part in PARTS:
                if (values := entry.get(part)) is not None:
                    (written if values else empty).add(part)
    return empty - written


def _person(place: str, entry: Any, parts: Parts) -> np.ndarray:
    if not isinstance(entry, dict) or not any(part in entry for part in PARTS):
        found = ", ".join(list(entry)[:5]) if isinstance(entry, dict) else type(entry).__name__
        raise InputError(
            f"{place}: found {shown(found)}, expected an entry with {', '.join(PARTS)}"
        )
    if entry.get("pose_keypoints_3d") and not any(entry.get(part) for part in PARTS):
        raise InputError(
            f"{place}: holds pose_keypoints_3d alone, expected {', '.join(PARTS)}; write the 2-D "
            "points"
        )
    points = np.zeros((OPENPOSE.count, 3), np.float32)
    for part, sizes in parts.items():
        values = entry.get(part)
        if values is None or values == []:
            continue
        if not isinstance(values, list) or len(values) not in sizes:
            found = f"{len(values)} numbers" if isinstance(values, list) else shown(values)
            expected = " or ".join(map(str, sizes))
            raise InputError(f"{place}: {part} holds {found}, expected {expected}, or none")
        given = _numbers(f"{place}, {part}", values).reshape(-1, 3)
        for number, point in zip(sizes[len(values)], given, strict=True):
            if number is not None:
                points[number] = point
    return points


def _numbers(place: str, values: list[Any]) -> np.ndarray:
    for position, value in enumerate(values):
        if type(value) not in (float, int):
            raise InputError(f"{place}: number {position} is {shown(value)}, expected a number")
    with np.errstate(over="ignore"):
        return np.array(values, np.float32)
