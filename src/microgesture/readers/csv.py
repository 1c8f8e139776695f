"""The plain form as CSV, one row a point, for data that no program here wrote."""

import csv as csv_module
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from microgesture.data.keypoint_formats import resolve_points
from microgesture.data.store import POINTS, BadClip, Clip, check_clip
from microgesture.readers.common import place_points, shown
from microgesture.readers.labels import (
    NOBODY,
    SAVE_AS,
    class_id,
    csv_dialect,
    csv_encoding_fault,
    splits_by_subject,
)
from microgesture.settings.data import Csv
from microgesture.utils.content import check_file, check_start
from microgesture.utils.errors import InputError

# What a row says of its clip, and of one point in one frame.
CLIP_COLUMNS = {
    "clip_id": pa.string(),
    "label": pa.string(),
    "subject": pa.string(),
    "split": pa.string(),
    "fps": pa.float64(),
    "height": pa.int32(),
    "width": pa.int32(),
}
POINT_COLUMNS = {
    "frame": pa.int32(),
    "point": pa.int32(),
    "x": pa.float32(),
    "y": pa.float32(),
    "score": pa.float32(),
}
# Over an hour: a wrong frame number must not set gigabytes aside.
MAX_FRAMES = 100_000
# Nor must a few rows: frames of a clip, and how many more for each of its rows. A frame with a
# person has twenty rows and more.
FEW_FRAMES, FRAMES_A_ROW = 250, 10


def read(data: Csv, class_names: list[str], workers: int) -> Iterator[Clip | BadClip]:
    """Yield the clips in file order.

    Parameters
    ----------
    data
        The file has a header row with
        the columns of `CLIP_COLUMNS`, the same in every row of a clip, and of `POINT_COLUMNS`:
        frames from 0, and the number of the point among the 137, or among those of ``points``, see
        `microgesture.data.keypoint_formats.resolve_points`. The rows of a clip follow each
        other. Points and frames without a row were not found; a clip ends with its largest frame.
    class_names
        The names that the label column may hold; an empty label is not known.
    workers
        Not used: rows are read as a stream.

    Raises
    ------
    InputError
        If the file is not such a table, or the rows of a clip are not together.

    """
    path, columns = data.path, {**CLIP_COLUMNS, **POINT_COLUMNS}
    splits = None
    if data.split:
        del columns["split"]
        subjects = distinct(path, {"subject": pa.string()})["subject"] - {""}
        splits = splits_by_subject(path, subjects, data.split)
    seen = set[str]()
    numbers = resolve_points(data.points)
    for row, rows in _clips(path, columns):
        if _is_blank(rows):
            continue  # which spreadsheet programs leave behind
        place = f"{path}, row {row}"
        head = {name: rows.column(name)[0].as_py() for name in CLIP_COLUMNS if name in columns}
        clip_id = head["clip_id"]
        if not clip_id or clip_id in seen:
            found = f"clip {shown(clip_id)} was there before" if clip_id else "clip_id is empty"
            raise InputError(f"{place}: {found}; give every clip its own id and its rows together")
        seen.add(clip_id)
        if splits is not None:
            head["split"] = splits.get(head["subject"], "train")
        try:
            _check_head(rows, head, row)
            points = _points(rows, row, len(numbers) if numbers else POINTS)
            head["label"] = class_id(head["label"], class_names)
        except InputError as error:
            yield BadClip(clip_id, head["split"], place, str(error))
            continue
        if numbers:
            points = place_points(points, numbers)
        yield check_clip(Clip(**head, points=points), place, class_names)


def distinct(path: str, columns: dict[str, pa.DataType]) -> dict[str, set[str]]:
    """The values that some columns hold, by column."""
    found: dict[str, set[str]] = {name: set() for name in columns}
    for batch in _batches(path, columns):
        for name in columns:
            found[name] |= set(batch.column(name).unique().to_pylist())
    return found


def _batches(path: str, columns: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    """Rows of the file, a block at a time.

    Whole numbers are read as such, which is fast; where one is written as ``720.0``, those that
    follow are read as decimal numbers and turned into whole ones.
    """
    if not Path(path).is_file():
        check_file(path)
        raise InputError(f"{path}: is not a file; check data.path")
    reading = _reading(path, list(columns))
    done = 0
    try:
        for batch in _blocks(path, columns, reading):
            yield batch
            done += len(batch)
        return
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        fault = error
    if "CSV conversion error" in str(fault):
        try:
            yield from _decimal_blocks(path, columns, reading, done)
            return
        except (pa.ArrowInvalid, pa.ArrowKeyError):
            pass  # the first fault says what the file holds
    reason = " ".join(str(fault).split())[:160]
    advice = f"; {SAVE_AS}" if "UTF8" in reason else ""
    raise InputError(
        f"{path}: cannot be read ({reason}), expected a header row with the columns "
        f"{','.join([*CLIP_COLUMNS, *POINT_COLUMNS])}{advice}"
    ) from fault


def _decimal_blocks(
    path: str, columns: dict[str, pa.DataType], reading: dict[str, Any], done: int
) -> Iterator[pa.RecordBatch]:
    """Rows after the first ``done``, with whole numbers read as decimal ones."""
    decimal = {
        name: pa.float64() if pa.types.is_integer(kind) else kind for name, kind in columns.items()
    }
    for batch in _blocks(path, decimal, reading):
        rest = batch.slice(min(done, len(batch)))
        done -= len(batch) - len(rest)
        yield rest.cast(pa.schema(list(columns.items())))


def _reading(path: str, columns: list[str]) -> dict[str, Any]:
    """How the file is written, by its first lines: what separates fields, and decimal commas.

    Raises
    ------
    InputError
        If they are not UTF-8, or the header row lacks one of ``columns`` or has it twice.

    """
    with open(path, "rb") as file:
        start = file.read(1 << 16)
    check_start(path, start)
    lines = start.rpartition(b"\n")[0] or start
    if fault := csv_encoding_fault(lines):
        raise InputError(f"{path}: cannot be read as a CSV file: {fault}")
    text = lines.decode("utf-8-sig")
    stated, delimiter = csv_dialect(text)
    rows = csv_module.reader(text.splitlines()[int(stated) :], delimiter=delimiter)
    header = next(rows, [])
    wrong = [name for name in columns if header.count(name) != 1]
    if header and wrong:
        raise InputError(
            f"{path}, row {1 + stated}: {', '.join(wrong)} are missing or there twice in "
            f"{shown(','.join(header))}, expected a header row with the columns "
            f"{','.join([*CLIP_COLUMNS, *POINT_COLUMNS])}, each once and without blanks"
        )
    comma = delimiter != "," and re.search(rf"{delimiter}[+-]?[0-9]+,[0-9]+[{delimiter}\s]", text)
    return {
        "parse_options": csv.ParseOptions(delimiter=delimiter),
        "read_options": csv.ReadOptions(use_threads=False, skip_rows=int(stated)),
        "decimal_point": "," if comma else ".",
    }


def _blocks(
    path: str, columns: dict[str, pa.DataType], reading: dict[str, Any]
) -> Iterator[pa.RecordBatch]:
    convert = csv.ConvertOptions(
        column_types=columns,
        include_columns=list(columns),
        null_values=[""],
        strings_can_be_null=False,
        decimal_point=reading["decimal_point"],
    )
    options = (reading["read_options"], reading["parse_options"], convert)
    with csv.open_csv(path, *options) as reader:
        yield from reader


def _clips(path: str, columns: dict[str, pa.DataType]) -> Iterator[tuple[int, pa.Table]]:
    """The rows of one clip at a time, with the number of the first (the header is row 1)."""
    row = 2
    pending: list[pa.RecordBatch] = []
    for batch in _batches(path, columns):
        ids, count = batch.column("clip_id"), len(batch)
        changed = pc.not_equal(ids.slice(1), ids.slice(0, max(count - 1, 0)))
        changes = np.flatnonzero(changed.to_numpy(zero_copy_only=False)) + 1
        for start, end in pairwise([0, *changes.tolist(), count]):
            piece = batch.slice(start, end - start)
            if not len(piece):
                continue
            if pending and pending[0].column("clip_id")[0] != piece.column("clip_id")[0]:
                yield row, pa.Table.from_batches(pending)
                row += sum(map(len, pending))
                pending = []
            pending.append(piece)
    if not pending:
        raise InputError(f"{path}: holds no row below the header, expected one a point")
    yield row, pa.Table.from_batches(pending)


def _is_blank(rows: pa.Table) -> bool:
    """Whether no column of the rows holds anything."""
    return all(
        column.null_count == len(column)
        if column.null_count
        else set(column.unique().to_pylist()) == {""}
        for column in rows.columns
    )


def _check_head(rows: pa.Table, head: dict[str, Any], row: int) -> None:
    if head["subject"] in NOBODY:
        raise InputError(f"subject is {shown(head['subject'])}, expected who is seen")
    for name, value in head.items():
        if value is None or (value == "" and name != "label"):
            raise InputError(f"{name} is empty, expected a value")
        if name in rows.column_names and len(rows.column(name).unique()) > 1:
            values = rows.column(name).to_pylist()
            other = next(i for i, v in enumerate(values) if v != value)
            raise InputError(
                f"{name} is {shown(values[other])} in row {row + other}, but {shown(value)} in the "
                "clip's first row; expected one value a clip"
            )


def _points(rows: pa.Table, row: int, count: int) -> np.ndarray:
    """Points of one clip, float32 (T, ``count``, 3), of one row each."""

    def check(wrong: np.ndarray, text: str) -> None:
        if wrong.any():
            raise InputError(f"row {row + int(wrong.argmax())}: {text}")

    columns = {}
    for name in POINT_COLUMNS:
        column = rows.column(name)
        check(column.is_null().to_numpy(), f"{name} is empty, expected a number")
        columns[name] = column.to_numpy()
    frame, point = columns["frame"].astype(int), columns["point"].astype(int)
    check((frame < 0) | (frame >= MAX_FRAMES), f"frame is not in 0..{MAX_FRAMES - 1}")
    check((point < 0) | (point >= count), f"point is not in 0..{count - 1}")
    key = frame * count + point
    first = np.zeros(len(key), bool)
    first[np.unique(key, return_index=True)[1]] = True
    check(~first, "the frame has this point already, expected one row a point")
    last, room = int(frame.max()), FEW_FRAMES + FRAMES_A_ROW * len(frame)
    if last >= room:
        raise InputError(
            f"its last frame is {last}, but it has {len(frame)} rows, expected one for each point "
            f"that was found, and frames below {room} for so few"
        )
    points = np.zeros((last + 1, count, 3), np.float32)
    points[frame, point] = np.stack([columns[name] for name in ("x", "y", "score")], axis=1)
    return points
