"""Gestures of recordings that come later, from a table such as ``microgesture detect`` writes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture.emotion.statistics import Gestures
from microgesture.readers.common import shown
from microgesture.readers.labels import class_id, csv_rows, whole_number
from microgesture.utils.errors import InputError

COLUMNS = ("recording", "start", "end")


def read_gestures(path: Path, classes: Sequence[str]) -> dict[str, Gestures]:
    """Gestures by recording, each of one class for certain.

    Parameters
    ----------
    path
        CSV with the columns recording, start and end, frames from 0 and the last one inclusive, and
        name or class of the gesture; others are passed over.
    classes
        Names by class id.

    Raises
    ------
    InputError
        Where a column is missing or a cell is not what it must be.

    """
    rows = csv_rows(path)
    header = [field.strip().lower() for field in rows[0][1]] if rows else []
    named = next((name for name in ("name", "class") if name in header), None)
    if named is None or not set(COLUMNS) <= set(header):
        raise InputError(
            f"{path}, row 1: found {shown(','.join(header))}, expected a header row with "
            f"{', '.join(COLUMNS)} and name or class"
        )
    found: dict[str, list[tuple[int, int, int]]] = {}
    for line, fields in rows[1:]:
        place = f"{path}, row {line}"
        if len(fields) != len(header):
            raise InputError(f"{place}: has {len(fields)} fields, expected {len(header)}")
        cell = dict(zip(header, (field.strip() for field in fields), strict=True))
        start, end = whole_number(cell["start"]), whole_number(cell["end"])
        if start is None or end is None or not 0 <= start <= end:
            raise InputError(
                f"{place}: start,end is {shown(cell['start'] + ',' + cell['end'])}, expected "
                "frames counted from 0, the end inclusive"
            )
        label = _label(place, cell[named], classes, named)
        found.setdefault(cell["recording"], []).append((start, end, label))
    certain = np.eye(len(classes))
    made = {}
    for name, some in found.items():
        start, end, label = np.array(some).T
        made[name] = Gestures(start, end, certain[label])
    return made


def _label(place: str, text: str, classes: Sequence[str], column: str) -> int:
    number = whole_number(text)
    if column == "class" and number is not None:
        if 0 <= number < len(classes):
            return number
        raise InputError(f"{place}: class is {number}, expected 0 to {len(classes) - 1}")
    if not text:
        raise InputError(f"{place}: the cell {column} is empty, expected a gesture")
    try:
        return class_id(text, list(classes))
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
