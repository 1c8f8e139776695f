"""What OpenPose itself writes: a folder of JSON files a recording, one file a frame.

A table names the clips. The files that are there are the frames, in the order of their numbers: a
number that is missing in the sequence is no frame, and no gap is left for it.
"""

import codecs
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import orjson

from microgesture.data.keypoint_formats import Numbers, resolve_points
from microgesture.data.keypoints import OPENPOSE, fill_midpoints
from microgesture.data.store import BadClip, Clip, check_clip
from microgesture.readers.common import COCO18, inside, ordered_map, read_bytes, shown, unreadable
from microgesture.readers.labels import (
    NOBODY,
    class_id,
    csv_rows,
    mangled,
    tell_overlaps,
    whole_number,
)
from microgesture.readers.tracker import BODY, Subject, sighting
from microgesture.settings.data import OpenPoseJson
from microgesture.utils.errors import InputError

REQUIRED = ("folder", "label", "subject", "split")
OPTIONAL = ("start", "end", "clip_id")
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


@dataclass(frozen=True)
class _Row:
    """One row of the table; ``end`` inclusive, both None where the whole folder is the clip."""

    place: str
    clip_id: str
    recording: str
    folder: Path
    label: int
    subject: str
    split: str
    start: int | None
    end: int | None


@dataclass(frozen=True)
class _Task:
    """A row and the names of its frame files, in order."""

    row: _Row | BadClip
    frames: list[str]
    recording_frames: int
    class_names: list[str]
    fps: float
    height: int
    width: int
    parts: Parts


def read(data: OpenPoseJson, class_names: list[str], workers: int) -> Iterator[Clip | BadClip]:
    """Yield the clips in the order of the table.

    Parameters
    ----------
    data
        ``labels`` is a CSV with a header row and the columns ``folder`` (relative to ``root``),
        ``label``, ``subject``, ``split`` and, where a clip is a part of a recording, ``start`` and
        ``end`` (positions in the sorted list of frame files, from 0, the end inclusive), and
        optionally ``clip_id``.
    class_names
        The names that the label column may hold; an empty label is not known.
    workers
        Processes; at most this many clips are in memory at once.

    Raises
    ------
    InputError
        If the table is not as it must be, or names a folder outside of ``root``.

    """
    root, table = Path(data.root), Path(data.labels)
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; set data.root to the one that holds them all")
    rows = read_table(table, root, class_names)
    if data.on_bad_clip == "stop":
        for row in rows:
            if isinstance(row, BadClip):
                raise InputError(row.message)
    tell_overlaps(
        (row.folder, row.start, row.end, row.place)
        for row in rows
        if isinstance(row, _Row) and row.start is not None and row.end is not None
    )
    size = (float(data.fps), data.height, data.width)
    parts = body_parts(resolve_points(data.points))
    tasks = (
        _Task(row, files, count, class_names, *size, parts)
        for row, files, count in _with_frames(rows)
    )
    yield from ordered_map(_cut, tasks, workers)


def body_parts(points: Numbers | None) -> Parts:
    """`PARTS` with a body of the keypoint format ``points``; None: one of 25 or 18 points."""
    if points is None:
        return PARTS
    return {**PARTS, "pose_keypoints_2d": {3 * len(points): points}}


def read_table(table: Path, root: Path, class_names: list[str]) -> list[_Row | BadClip]:
    """Read the table of clips, without opening a frame."""
    rows = csv_rows(table)
    header = rows[0][1] if rows else []
    known = set(header) <= {*REQUIRED, *OPTIONAL} and len(set(header)) == len(header)
    if not (known and set(REQUIRED) <= set(header)) or ("start" in header) != ("end" in header):
        raise InputError(
            f"{table}, row 1: found {shown(','.join(header))}, expected a header row of the "
            f"columns {','.join(REQUIRED)} and optionally start,end and clip_id"
        )
    if len(rows) == 1:
        raise InputError(f"{table}: holds no clip, expected one row for each below the header")
    seen: dict[str, int] = {}
    taken: dict[str, str] = {}
    result: list[_Row | BadClip] = []
    for line, fields in rows[1:]:
        place = f"{table}, row {line}"
        if len(fields) != len(header):
            raise InputError(f"{place}: has {len(fields)} fields, expected {len(header)}")
        cell = dict(zip(header, fields, strict=True))
        row = _table_row(place, cell, root, class_names, seen)
        if row.clip_id in taken:
            raise InputError(
                f"{place}: clip id {shown(row.clip_id)} is that of {taken[row.clip_id]}; give the "
                "table a column clip_id with different ids"
            )
        taken[row.clip_id] = f"row {line}"
        result.append(row)
    return result


def _table_row(
    place: str, cell: dict[str, str], root: Path, class_names: list[str], seen: dict[str, int]
) -> _Row | BadClip:
    for column in ("folder", "subject", "split"):
        if not cell[column]:
            raise InputError(f"{place}: {column} is empty, expected a value")
    if cell["subject"] in NOBODY:
        raise InputError(f"{place}: subject is {shown(cell['subject'])}, expected who is seen")
    folder = inside(root, cell["folder"], place)
    name = PurePosixPath(cell["folder"]).as_posix()
    start, end = (cell.get(column, "") for column in ("start", "end"))
    position = seen.get(name, 0)
    seen[name] = position + 1
    own = folder.name if name == "." else name
    clip_id = cell.get("clip_id") or (f"{own}_{position}" if start or end else own)

    def bad(reason: str) -> BadClip:
        return BadClip(clip_id, cell["split"], place, reason)

    try:
        label = class_id(cell["label"], class_names)
    except InputError as error:
        return bad(str(error))
    if not folder.is_dir():
        beside = (path.name for path in folder.parent.iterdir()) if folder.parent.is_dir() else ()
        hint = mangled(folder.name, beside)
        if "\\" in cell["folder"]:
            hint = "; write / between folders"
        return bad(f"{folder} is not a folder, expected one with frame files{hint}")
    first, last = whole_number(start), whole_number(end)
    if start or end:
        if first is None or last is None:
            found = shown(f"{start},{end}")
            hint = mangled(start) or mangled(end)
            return bad(f"start,end is {found}, expected two integers or nothing{hint}")
        if not 0 <= first <= last:
            return bad(f"frames {first}..{last}, expected 0 <= start <= end")
    return _Row(place, clip_id, own, folder, label, cell["subject"], cell["split"], first, last)


def _with_frames(
    rows: Iterable[_Row | BadClip],
) -> Iterator[tuple[_Row | BadClip, list[str], int]]:
    """Rows with the names of their frames, and the number of frames of their folder.

    Each folder is listed once, and kept while needed.
    """
    rows = list(rows)
    waiting = Counter(row.folder for row in rows if isinstance(row, _Row))
    listed: dict[Path, list[str] | InputError] = {}
    for row in rows:
        if isinstance(row, BadClip):
            yield row, [], 0
            continue
        if row.folder not in listed:
            try:
                listed[row.folder] = frame_names(row.folder)
            except InputError as error:
                listed[row.folder] = error
        waiting[row.folder] -= 1
        files = listed[row.folder] if waiting[row.folder] else listed.pop(row.folder)
        if isinstance(files, InputError):
            yield BadClip(row.clip_id, row.split, row.place, str(files)), [], 0
            continue
        first, last = (0, len(files) - 1) if row.end is None else (row.start or 0, row.end)
        if last >= len(files):
            reason = (
                f"frames {first}..{last}, but {row.folder} has {len(files)} frame files "
                f"(0..{len(files) - 1})"
            )
            yield BadClip(row.clip_id, row.split, row.place, reason), [], 0
            continue
        yield row, files[first : last + 1], len(files)


def _cut(task: _Task) -> Clip | BadClip:
    row = task.row
    if isinstance(row, BadClip):
        return row
    try:
        points = read_frames([row.folder / name for name in task.frames], task.parts)
    except InputError as error:
        return BadClip(row.clip_id, row.split, row.place, str(error))
    size = (task.fps, task.height, task.width)
    origin = (row.recording, row.start or 0, task.recording_frames)
    clip = Clip(row.clip_id, row.label, row.subject, row.split, *size, points, *origin)
    return check_clip(clip, row.place, task.class_names)


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
    """Points of one person, float32 (T, 137, 3); all zero in a frame that does not show it.

    OpenPose numbers nobody. The subject is the entry with the highest mean score of the body in
    the first frame with anybody; `Subject` says how it is followed from there on.
    """
    points = np.zeros((len(files), OPENPOSE.count, 3), np.float32)
    subject = Subject()
    for frame, path in enumerate(files):
        people = read_people(path, parts)
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
