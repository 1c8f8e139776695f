"""The plain form: a Parquet file with one row a clip, for everybody's own data."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from microgesture.data.keypoint_formats import Numbers, resolve_points
from microgesture.data.store import (
    INDEX_COLUMNS,
    ORIGIN,
    POINTS,
    SCHEMA,
    SPLITS,
    BadClip,
    Clip,
    check_clip,
    iter_batches,
    open_parquet,
)
from microgesture.readers.common import place_points
from microgesture.readers.labels import NOBODY, class_id, splits_by_subject
from microgesture.settings.data import Parquet
from microgesture.utils.errors import InputError
from microgesture.utils.memory import bounded

Batch = tuple[dict[str, list[Any]], list[np.ndarray]]


def read(data: Parquet, class_names: list[str], workers: int) -> Iterator[Clip | BadClip]:
    """Yield the clips of the file in file order.

    Parameters
    ----------
    data
        ``split`` sets the split by subject instead of the file's column; subjects that are not
        named are train.
    class_names
        The names that the label column may hold; null and empty text are not known.
    workers
        Not used: one process reads faster than the rest of the step writes.

    Raises
    ------
    InputError
        If a column is missing or of another type, a clip id occurs twice, or a split is not known.

    """
    path = data.path
    assigned, numbers = data.split, resolve_points(data.points)
    with bounded(path):
        parquet = open_parquet(path)
    with parquet:
        columns = check_columns(path, parquet.schema_arrow, needs_split=assigned is None)
        with bounded(path):
            table = parquet.read(columns=[c for c in columns if c != "points"])
            index = table.to_pandas(ignore_metadata=True)  # which may hold the index of the writer
            check_index(path, index)
            splits = splits_by_subject(path, set(index.subject), assigned) if assigned else None
        row = 0
        for batch, points in bounded_batches(path, iter_batches(parquet, columns)):
            for i, flat in enumerate(points):
                fields = {name: values[i] for name, values in batch.items()}
                if splits is not None:
                    fields["split"] = splits.get(fields["subject"], "train")
                row += 1
                yield _clip(f"{path}, row {row}", fields, flat, class_names, numbers)


def bounded_batches(path: str, batches: Iterator[Batch]) -> Iterator[Batch]:
    """The batches of a file, whose reading may take only so much memory."""
    while True:
        with bounded(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _clip(
    place: str,
    fields: dict[str, Any],
    flat: np.ndarray,
    class_names: list[str],
    numbers: Numbers | None,
) -> Clip | BadClip:
    frames, count = fields.pop("num_frames"), len(numbers) if numbers else POINTS
    if frames < 1 or len(flat) != frames * count * 3:
        reason = (
            f"num_frames is {frames} and points holds {len(flat)} numbers, "
            f"expected num_frames >= 1 and num_frames x {count} x 3 numbers"
        )
        return BadClip(fields["clip_id"], fields["split"], place, reason)
    points = flat.reshape(frames, count, 3)
    if numbers:
        points = place_points(points, numbers)
    try:
        fields["label"] = class_id(fields["label"], class_names)
    except InputError as error:
        return BadClip(fields["clip_id"], fields["split"], place, str(error))
    return check_clip(Clip(**fields, points=points), place, class_names)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _is_points(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return is_list and pa.types.is_floating(kind.value_type)


def check_columns(
    path: str, schema: pa.Schema, needs_split: bool, recording: str = ""
) -> list[str]:
    """Check what columns there are, and return those to read.

    Rows of long recordings have the column ``recording`` in place of ``clip_id``, and no label.
    """
    accepts = {"string": _is_text, "float": _is_number, "int32": pa.types.is_integer}
    own = [name for name in SCHEMA.names if name not in ORIGIN]
    columns = [name for name in own if needs_split or name != "split"]
    if recording:
        columns = [recording, *(name for name in columns if name not in ("clip_id", "label"))]
    if twice := [name for name in columns if schema.names.count(name) > 1]:
        raise InputError(f"{path}: has several columns {', '.join(twice)}; keep one of each")
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)}; it has {', '.join(schema.names)}"
        )
    for name in columns:
        expected = SCHEMA.field("clip_id" if name == recording else name).type
        found = schema.field(name).type
        fits = _is_points if name == "points" else accepts[str(expected)]
        # a label column without a single label is written with the type null
        if not fits(found) and not (name == "label" and pa.types.is_null(found)):
            shown = "list<float>" if name == "points" else expected
            raise InputError(
                f"{path}: column {name} is {found}, expected {shown}; write the column as that type"
            )
    return columns


def check_index(path: str, index: pd.DataFrame) -> None:
    """Check what can be told from all columns but the points."""

    def fail(row: int, text: str) -> None:
        name = str(index.clip_id[row])[:200]
        raise InputError(f"{path}, row {row + 1}: clip {name}: {text}; mend the row")

    for name in (c for c in INDEX_COLUMNS if c in index and c != "label"):
        empty = index[name].isna() | (index[name].astype(str) == "")
        if empty.any():
            fail(int(empty.argmax()), f"{name} is empty, expected a value")
    nobody = index.subject.isin(NOBODY)
    if nobody.any():
        row = int(nobody.argmax())
        fail(row, f"subject is {index.subject[row]!r}, expected who is seen")
    twice = index.clip_id.duplicated()
    if twice.any():
        row = int(twice.argmax())
        first = int((index.clip_id == index.clip_id[row]).argmax())
        fail(row, f"the clip id is already used in row {first + 1}, expected one of its own")
    if "split" in index:
        unknown = ~index.split.isin(SPLITS)
        if unknown.any():
            row = int(unknown.argmax())
            fail(row, f"split is {index.split[row]!r}, expected one of {', '.join(SPLITS)}")
    for name in ("height", "width", "fps"):
        wrong = ~(index[name] > 0)
        if wrong.any():
            row = int(wrong.argmax())
            fail(row, f"{name} is {index[name][row]}, expected a positive number")
