"""The plain form of long recordings: a Parquet file with one row each, and a table of their clips.

The file's columns are those of the plain form of clips (`microgesture.readers.parquet`), but
``recording_id`` in place of ``clip_id`` and no label. A file that was made from videos names in its
metadata those that could not be used.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from microgesture.data.classes import UNKNOWN
from microgesture.data.keypoint_formats import Numbers, resolve_points
from microgesture.data.recordings import Recording
from microgesture.data.store import (
    METADATA_KEY,
    POINTS,
    BadClip,
    Clip,
    check_clip,
    iter_batches,
    open_parquet,
)
from microgesture.readers.common import place_points, shown
from microgesture.readers.labels import (
    class_id,
    csv_rows,
    splits_by_subject,
    tell_overlaps,
    whole_number,
)
from microgesture.readers.parquet import bounded_batches, check_columns, check_index
from microgesture.settings.data import Recordings
from microgesture.utils.errors import InputError
from microgesture.utils.memory import bounded

NAME = "recording_id"
HEADER = [NAME, "label", "start", "end"]
BAD = "bad"
"""In the metadata: for each recording that is not there, its subject and why."""
Segment = tuple[int, str, int, int]
"""Line of the table, class as written, first and last frame."""


def read(
    data: Recordings, class_names: list[str], workers: int, whole: bool = False
) -> Iterator[Clip | BadClip]:
    """Yield the clips of each recording in the order of the file, then that of the table.

    Parameters
    ----------
    data
        ``segments`` is a CSV with the header ``recording_id,label,start,end``, frames from 0 and
        the end inclusive; a clip's id is ``{recording_id}_{row}``, rows of a recording from 0.
    class_names
        The names that the label column may hold; empty text is not known.
    workers
        Not used: one process reads faster than the rest of the step writes.
    whole
        Whether the recordings are yielded as well, each after its clips.

    Raises
    ------
    InputError
        If a column is missing or of another type, a recording's id occurs twice, a split is not
        known, or the table names a recording that is not there.

    """
    path, numbers = data.path, resolve_points(data.points)
    segments = read_segments(Path(data.segments))
    with bounded(path):
        parquet = open_parquet(path)
    with parquet:
        columns = check_columns(path, parquet.schema_arrow, data.split is None, NAME)
        with bounded(path):
            table = parquet.read(columns=[c for c in columns if c != "points"])
        index = table.to_pandas(ignore_metadata=True).rename(columns={NAME: "clip_id"})
        check_index(path, index)
        bad = left_out(parquet)
        if unknown := sorted(set(segments) - set(index.clip_id) - set(bad)):
            line = segments[unknown[0]][0][0]
            raise InputError(
                f"{data.segments}, row {line}: names recording {shown(unknown[0])}, which {path} "
                "does not have; remove the row, or add the recording"
            )
        assigned = data.split
        splits = splits_by_subject(path, set(index.subject), assigned) if assigned else None
        tell_overlaps(
            (Path(name), start, end, f"{data.segments}, row {line}")
            for name, rows in segments.items()
            for line, _, start, end in rows
        )
        for name in sorted(set(segments) & set(bad)):
            subject, reason = bad[name]
            split = "train" if splits is None else splits.get(subject, "train")
            for number, (line, *_) in enumerate(segments[name]):
                place = f"{data.segments}, row {line}"
                yield BadClip(f"{name}_{number}", split, place, reason)
        row = 0
        for batch, points in bounded_batches(path, iter_batches(parquet, columns)):
            batch["clip_id"] = batch.pop(NAME)
            for i, flat in enumerate(points):
                fields = {name: values[i] for name, values in batch.items()}
                if splits is not None:
                    fields["split"] = splits.get(fields["subject"], "train")
                row += 1
                place = f"{path}, row {row}"
                recording = _recording(place, fields, flat, numbers)
                yield from clips_of(data.segments, recording, segments, class_names)
                if whole:
                    yield check_clip(recording, place, class_names)


def left_out(parquet: pq.ParquetFile) -> dict[str, tuple[str, str]]:
    """Subject and fault of each recording that the file names but does not hold."""
    own = json.loads((parquet.schema_arrow.metadata or {}).get(METADATA_KEY, b"{}"))
    return {name: (subject, reason) for name, (subject, reason) in own.get(BAD, {}).items()}


def _recording(
    place: str, fields: dict[str, Any], flat: np.ndarray, numbers: Numbers | None
) -> Recording:
    frames, count = fields.pop("num_frames"), len(numbers) if numbers else POINTS
    if frames < 1 or len(flat) != frames * count * 3:
        raise InputError(
            f"{place}: num_frames is {frames} and points holds {len(flat)} numbers, expected "
            f"num_frames >= 1 and num_frames x {count} x 3 numbers; write the row again"
        )
    points = flat.reshape(frames, count, 3)
    placed = place_points(points, numbers) if numbers else points
    return Recording(**fields, label=UNKNOWN, points=placed)


def read_segments(path: Path) -> dict[str, list[Segment]]:
    """Rows of a table ``recording_id,label,start,end`` by recording, frames from 0."""
    rows = csv_rows(path)
    if not rows or rows[0][1] != HEADER:
        found = shown(",".join(rows[0][1])) if rows else "nothing"
        raise InputError(f"{path}: found {found}, expected the header row {','.join(HEADER)}")
    segments: dict[str, list[Segment]] = {}
    for line, fields in rows[1:]:
        start, end = (whole_number(cell) for cell in fields[-2:])
        if len(fields) != len(HEADER) or start is None or end is None or not 0 <= start <= end:
            raise InputError(
                f"{path}, row {line}: found {shown(','.join(fields))}, expected a recording, its "
                "label, and the first and last frame, counted from 0"
            )
        segments.setdefault(fields[0], []).append((line, fields[1], start, end))
    if not segments:
        raise InputError(f"{path}: holds no clip, expected one row for each below the header")
    return segments


def clips_of(
    table: str, recording: Recording, segments: dict[str, list[Segment]], class_names: list[str]
) -> Iterator[Clip | BadClip]:
    """The clips of a recording, in the order of the table's rows."""
    for number, (line, name, start, end) in enumerate(segments.get(recording.clip_id, [])):
        clip_id, place = f"{recording.clip_id}_{number}", f"{table}, row {line}"
        if end >= (frames := len(recording.points)):
            reason = f"frames {start}..{end}, but the recording has {frames} (0..{frames - 1})"
            yield BadClip(clip_id, recording.split, place, reason)
            continue
        try:
            label = class_id(name, class_names)
        except InputError as error:
            yield BadClip(clip_id, recording.split, place, str(error))
            continue
        clip = Clip(
            clip_id,
            label,
            recording.subject,
            recording.split,
            recording.fps,
            recording.height,
            recording.width,
            recording.points[start : end + 1],
            recording.clip_id,
            start,
            frames,
        )
        yield check_clip(clip, place, class_names)
