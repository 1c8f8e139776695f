"""Spreadsheets of OpenPose points, read by a fast parser that is kept within memory."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import cast

import numpy as np
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from microgesture.data.store import NUMBERS_PER_FRAME, POINTS
from microgesture.readers.common import shown
from microgesture.readers.labels import is_number
from microgesture.utils.content import check_file
from microgesture.utils.errors import InputError
from microgesture.utils.memory import LIMITED, in_child

# Booleans and dates would turn into numbers silently; calamine gives "" for an empty cell.
NUMBERS = frozenset((float, int))
# A cell's place, where its column has three letters or more or its row six digits or more; the
# first form is how programs write it, and is searched four times as fast as the second.
FAR = re.compile(rb'r="(?:([A-Z]{3,})|[A-Z]*([0-9]{6,}))')
FAR_QUOTED = re.compile(rb"""r=["'](?:([A-Z]{3,})|[A-Z]*([0-9]{6,}))""")
CHUNK = 1 << 20
# What reading a damaged archive raises.
BROKEN = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError)
# Bytes that any file may unpack to, and how many more for each of its own; numbers that are mostly
# zero unpack to fifty times their size.
UNPACKED_FLOOR, UNPACKED_FACTOR = 1 << 26, 200


class EmptySheet(InputError):
    """A spreadsheet without a single row."""


def read_sheet(path: Path) -> np.ndarray:
    """Read a spreadsheet of OpenPose points: one row a frame, 411 numbers, no header.

    Parameters
    ----------
    path
        An .xlsx file; its first sheet is read.

    Returns
    -------
    ndarray
        float32 (T, 137, 3): x, y in pixels and score, as written.

    Raises
    ------
    InputError
        If the file cannot be read, a cell is empty, text, not finite, missing or too many, or the
        first row counts the columns, as pandas writes it.

    """
    check_file(path, b"PK\x03\x04")
    _check_size(path)
    if not LIMITED:
        _check_extent(path)
    try:
        content = in_child(lambda: _bytes(_values(path)), path)
    except InputError:
        _check_extent(path)  # which tells better what is wrong
        raise
    if not content:
        raise EmptySheet(f"{path}: its first sheet is empty, expected one row a frame")
    return np.frombuffer(content, np.float32).reshape(-1, POINTS, 3)


def _bytes(values: np.ndarray) -> bytes | memoryview:
    return values.data.cast("B") if values.size else b""


def _values(path: Path) -> np.ndarray:
    """The numbers of the first sheet, float32 (T, 411); none of one without a cell."""
    sheet = _open_sheet(path)
    if sheet.end is None:
        return np.empty((0, NUMBERS_PER_FRAME), np.float32)
    columns = sheet.end[1] + 1
    if sheet.start != (0, 0) or columns != NUMBERS_PER_FRAME:
        raise InputError(_sheet_fault(path, sheet))
    values = np.empty((sheet.end[0] + 1, columns), np.float32)
    with np.errstate(over="ignore"):
        for frame, cells in enumerate(sheet.iter_rows()):
            if not NUMBERS.issuperset(map(type, cells)):
                raise InputError(_sheet_fault(path, sheet))
            values[frame] = cast(list[float], cells)
    if not np.isfinite(values).all():
        raise InputError(_sheet_fault(path, sheet))
    if (values[0] == np.arange(columns)).all():
        raise InputError(
            f"{path}, row 1: found 0, 1, 2, ... {columns - 1}, which number the columns, expected "
            "the first frame; remove this header row"
        )
    return values


def _open_sheet(path: Path) -> CalamineSheet:
    """The first sheet of a spreadsheet."""
    try:
        with CalamineWorkbook.from_path(path) as book:
            first, *others = book.sheet_names
            for name in others:
                end = book.get_sheet_by_name(name).end
                if end and end[1] + 1 == NUMBERS_PER_FRAME:
                    raise InputError(
                        f"{path}: its sheet {shown(name)} has {NUMBERS_PER_FRAME} columns, but "
                        f"only the first, {shown(first)}, is read; leave the one with the "
                        "points alone"
                    )
            return book.get_sheet_by_index(0)
    except (CalamineError, OSError) as error:
        raise _no_sheet(path, error) from error
    except BaseException as error:
        # a fault within the parser, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise _no_sheet(path, error) from error


def _no_sheet(path: Path, error: BaseException) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(
        f"{path}: cannot be read as a spreadsheet: {reason}; expected an Excel workbook (.xlsx): "
        "save it as that, or copy it again"
    )


def _check_size(path: Path) -> None:
    """Refuse an archive that unpacks to far more than it holds."""
    try:
        size = path.stat().st_size
        left = UNPACKED_FLOOR + UNPACKED_FACTOR * size
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                for chunk in _chunks(archive, member):
                    left -= len(chunk)
                    if left < 0:
                        raise InputError(
                            f"{path}: unpacks to more than {UNPACKED_FACTOR} times its {size:,} "
                            "bytes; export the file again"
                        )
    except BROKEN as error:
        raise _no_sheet(path, error) from error


def _check_extent(path: Path) -> None:
    """Refuse a sheet with a cell far from the others.

    The parser sets aside a whole table up to the last row and column, so that a single stray cell
    at the far end of a sheet takes 10 GB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                last, rows, tail = 0, 0, b""
                if not re.fullmatch(r"xl/worksheets/[^/]*\.xml", member.filename):
                    continue
                for chunk in _chunks(archive, member):
                    text = tail + chunk
                    for column, row in (FAR_QUOTED if b"'" in text else FAR).findall(text):
                        if column:
                            _refuse(path, f"column {column.decode()[:10]}")
                        last = max(last, int(row[:18]))
                    rows += chunk.count(b"<row")
                    tail = chunk[-32:]
                if last > 2 * rows:
                    _refuse(path, f"row {last}")
    except BROKEN as error:
        raise _no_sheet(path, error) from error


def _chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """All that a member unpacks to, whatever size and checksum the directory states."""
    member = copy(member)
    member.file_size = 1 << 62
    del member.CRC
    with archive.open(member) as handle:
        while chunk := handle.read(CHUNK):
            yield chunk


def _refuse(path: Path, place: str) -> None:
    raise InputError(
        f"{path}: has a cell in {place}, far from the others, expected {NUMBERS_PER_FRAME} columns "
        "and one row a frame; delete what lies outside of them"
    )


def _sheet_fault(path: Path, sheet: CalamineSheet) -> str:
    """Name the first cell that is wrong; slow, and called only where one is."""
    # unlike iter_rows, this form keeps empty rows and columns in front, so that numbers are right
    for number, cells in enumerate(sheet.to_python(skip_empty_area=False), 1):
        while len(cells) > NUMBERS_PER_FRAME and cells[-1] == "":
            cells.pop()
        if len(cells) != NUMBERS_PER_FRAME:
            return (
                f"{path}, row {number}: has {len(cells)} columns, expected {NUMBERS_PER_FRAME} "
                f"({POINTS} points x (x, y, score)); export the file again"
            )
        for column, cell in enumerate(cells, 1):
            place = f"{path}, row {number}, column {column}"
            if cell == "":
                return f"{place}: the cell is empty, expected a number (0 where nothing was found)"
            if type(cell) not in NUMBERS:
                hint = "; remove a header row" if number == 1 else ""
                if isinstance(cell, str) and is_number(cell):
                    hint = "; it is stored as text: turn the cells into numbers"
                return f"{place}: found {shown(cell)}, expected a number{hint}"
            if not abs(cast(float, cell)) <= float(np.finfo(np.float32).max):
                return f"{place}: found {cell}, expected a finite number"
    return f"{path}: cannot be read"
