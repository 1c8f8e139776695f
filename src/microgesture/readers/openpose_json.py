"""What OpenPose itself writes: a folder of JSON files a recording, one file a frame.

A table names the clips. The files that are there are the frames, in the order of their numbers: a
number that is missing in the sequence is no frame, and no gap is left for it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.keypoint_formats import resolve_points
from microgesture.data.recordings import Recording
from microgesture.data.store import BadClip, Clip, check_clip
from microgesture.readers.common import inside, ordered_map, shown
from microgesture.readers.labels import (
    NOBODY,
    class_id,
    csv_rows,
    mangled,
    tell_overlaps,
    whole_number,
)
from microgesture.readers.openpose_frames import (
    Parts,
    body_parts,
    follow,
    frame_files,
    frame_names,
    read_people,
)
from microgesture.settings.data import OpenPoseJson
from microgesture.utils.errors import InputError

REQUIRED = ("folder", "label", "subject", "split")
OPTIONAL = ("start", "end", "clip_id")


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


@dataclass(frozen=True)
class _Folder:
    """A recording's name and rows, and what its clips are besides."""

    name: str
    rows: list[_Row | BadClip]
    class_names: list[str]
    fps: float
    height: int
    width: int
    parts: Parts


def read(
    data: OpenPoseJson, class_names: list[str], workers: int, whole: bool = False
) -> Iterator[Clip | BadClip]:
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
    whole
        Whether the folders are yielded as well, as a `Recording` after their clips. Each folder is
        then in memory as a whole, since no frame is read twice.

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
    if whole:
        folders = [
            _Folder(name, of_folder, class_names, *size, parts)
            for name, of_folder in _by_folder(rows, root, str(table))
        ]
        for clips in ordered_map(_cut_folder, folders, workers):
            yield from clips
        return
    tasks = (
        _Task(row, files, count, class_names, *size, parts)
        for row, files, count in _with_frames(rows)
    )
    yield from ordered_map(_cut, tasks, workers)


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
        chosen = _frames_of(row, len(files))
        if isinstance(chosen, BadClip):
            yield chosen, [], 0
            continue
        yield row, files[chosen], len(files)


def _frames_of(row: _Row, count: int) -> slice | BadClip:
    """A row's part of a folder of so many frames."""
    if row.end is None:
        return slice(0, count)
    if row.end >= count:
        reason = (
            f"frames {row.start}..{row.end}, but {row.folder} has {count} frame files "
            f"(0..{count - 1})"
        )
        return BadClip(row.clip_id, row.split, row.place, reason)
    return slice(row.start or 0, row.end + 1)


def _cut(task: _Task) -> Clip | BadClip:
    row = task.row
    if isinstance(row, BadClip):
        return row
    files = (row.folder / name for name in task.frames)
    frames = (read_people(path, task.parts) for path in files)
    return _clip(task, row, frames, len(task.frames), task.recording_frames)


def _clip(
    task: "_Task | _Folder",
    row: _Row,
    frames: Iterable[list[np.ndarray]],
    count: int,
    recording_frames: int,
) -> Clip | BadClip:
    """The clip of a row, given who is in each of its frames."""
    try:
        points = follow(frames, count)
    except InputError as error:
        return BadClip(row.clip_id, row.split, row.place, str(error))
    size = (task.fps, task.height, task.width)
    origin = (row.recording, row.start or 0, recording_frames)
    clip = Clip(row.clip_id, row.label, row.subject, row.split, *size, points, *origin)
    return check_clip(clip, row.place, task.class_names)


def _by_folder(
    rows: list[_Row | BadClip], root: Path, table: str
) -> Iterator[tuple[str, list[_Row | BadClip]]]:
    """Rows by their folder and its name, in the order of each folder's first row; bad ones alone.

    Raises
    ------
    InputError
        Where the rows of a folder are in several splits or of several subjects, since a recording
        as a whole can be in only one.

    """
    found: dict[Path | int, list[_Row | BadClip]] = {}
    for number, row in enumerate(rows):
        found.setdefault(number if isinstance(row, BadClip) else row.folder, []).append(row)
    base = root.resolve()
    for folder, of_folder in found.items():
        for key in ("split", "subject"):
            values = sorted({str(getattr(row, key)) for row in of_folder if isinstance(row, _Row)})
            if len(values) > 1:
                raise InputError(
                    f"{table}: rows of {folder} have the {key} {' and '.join(values)}, but the "
                    "recording as a whole, which pre-training reads, can have one; give each a "
                    "folder of its own"
                )
        name = folder.relative_to(base).as_posix() if isinstance(folder, Path) else ""
        yield base.name if name == "." else name, of_folder


def _cut_folder(task: "_Folder") -> list[Clip | BadClip]:
    """The clips of a folder and, where it can be read, the recording."""
    first = task.rows[0]
    if isinstance(first, BadClip):
        return [first]
    rows = [row for row in task.rows if isinstance(row, _Row)]
    try:
        files = frame_files(first.folder)
    except InputError as error:
        return [BadClip(row.clip_id, row.split, row.place, str(error)) for row in rows]
    frames = [_people_or_fault(path, task.parts) for path in files]
    clips: list[Clip | BadClip] = []
    for row in rows:
        chosen = _frames_of(row, len(frames))
        if isinstance(chosen, BadClip):
            clips.append(chosen)
        else:
            people = frames[chosen]
            clips.append(_clip(task, row, map(_raised, people), len(people), len(frames)))
    about = (first.subject, first.split, task.fps, task.height, task.width)
    try:
        points = follow(map(_raised, frames), len(frames))
    except InputError as error:
        return [*clips, BadClip(task.name, first.split, str(first.folder), str(error))]
    recording = Recording(task.name, UNKNOWN, *about, points)
    return [*clips, check_clip(recording, str(first.folder), task.class_names)]


def _people_or_fault(path: Path, parts: Parts) -> list[np.ndarray] | InputError:
    try:
        return read_people(path, parts)
    except InputError as error:
        return error


def _raised(frame: list[np.ndarray] | InputError) -> list[np.ndarray]:
    if isinstance(frame, InputError):
        raise frame
    return frame
