"""The light tables of the MiGA release: some of OpenPose's points, one row a frame."""

from pathlib import Path

import numpy as np

from microgesture.readers.common import place_points, shown
from microgesture.readers.labels import csv_rows, is_number, whole_number
from microgesture.utils.errors import InputError

BODY = tuple(range(25))
# thumb to little finger of the left hand, then of the right one
TIPS = (99, 103, 107, 111, 115, 120, 124, 128, 132, 136)
# Which points a table holds, by the number of its columns: the frame's number, and x, y and score.
COLUMNS = {1 + 3 * len(BODY): BODY, 1 + 3 * len(BODY + TIPS): BODY + TIPS}


def read_light(path: Path) -> np.ndarray:
    """Read ``_light.csv``, the body, or ``_light_hand.csv``, body and tips of the fingers.

    Parameters
    ----------
    path
        A CSV file with one row a frame, with or without a header: the frame's number, then x, y in
        pixels and score of 25 or 35 points.

    Returns
    -------
    ndarray
        float32 (T, 137, 3); points that the table does not have were not found.

    Raises
    ------
    InputError
        If a row has other columns, a cell is no finite number or a frame is missing.

    """
    rows = csv_rows(path)
    if rows and _is_header(rows[0][1]):
        rows = rows[1:]
    if not rows:
        raise InputError(f"{path}: holds no frame, expected one row a frame")
    numbers = COLUMNS.get(len(rows[0][1]))
    first = whole_number(rows[0][1][0])
    if numbers is None or first is None:
        found = f"{len(rows[0][1])} columns, the first of which is {shown(rows[0][1][0])}"
        raise InputError(
            f"{path}, row {rows[0][0]}: has {found}, expected the frame's number and x, y and "
            f"score of 25 or 35 points ({' or '.join(map(str, COLUMNS))} columns)"
        )
    values = np.empty((len(rows), 3 * len(numbers)))
    for position, (line, fields) in enumerate(rows):
        if len(fields) != 1 + values.shape[1] or whole_number(fields[0]) != first + position:
            raise InputError(
                f"{path}, row {line}: has {len(fields)} columns and the frame number "
                f"{shown(fields[0])}, expected {1 + values.shape[1]} and {first + position}; a row "
                "may be missing: unpack the release again"
            )
        values[position] = _numbers(path, line, fields[1:])
    return place_points(values.reshape(len(rows), -1, 3), numbers)


def _is_header(fields: list[str]) -> bool:
    """Names, or the numbers of the columns, as pandas writes them."""
    counted = [str(column) for column in range(len(fields))]
    return not any(map(is_number, fields)) or (fields == counted and len(fields) > 1)


def _numbers(path: Path, line: int, cells: list[str]) -> np.ndarray:
    try:
        values = np.array(cells, float)
    except ValueError:
        values = np.array([float(cell) if is_number(cell) else np.nan for cell in cells])
    fault = np.flatnonzero(~(np.abs(values) <= np.finfo(np.float32).max))
    if len(fault):
        column = int(fault[0])
        raise InputError(
            f"{path}, row {line}, column {column + 2}: found {shown(cells[column])}, expected a "
            "finite number (0 where nothing was found)"
        )
    return values
