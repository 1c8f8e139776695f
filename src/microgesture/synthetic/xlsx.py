"""A spreadsheet writer for key-point tables only: one sheet of numbers, the same bytes every time.

General writers spend microseconds on each cell; a key-point file has half a million. Here every
number that can occur is formatted once (tenths of a pixel, thousandths of a score) and a row is
a join of ready-made cells. Cell references are optional in the format and are left out.
"""

import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from microgesture.utils.files import atomic_path

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_PARTS = {
    "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    "</Types>",
    "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>",
    "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    "</Relationships>",
}


@lru_cache(maxsize=4)
def _cells(count: int, parts: int) -> list[bytes]:
    """The cells of 0/parts, 1/parts, ..., (count - 1)/parts, shortest decimal form."""
    return [b"<c><v>%s</v></c>" % f"{i / parts:g}".encode() for i in range(count)]


def round_points(points: np.ndarray) -> np.ndarray:
    """The values a written table holds: x, y to a tenth of a pixel, scores to a thousandth."""
    return np.rint(points * (10.0, 10.0, 1000.0)) / (10.0, 10.0, 1000.0)


def write_points(path: str | Path, points: np.ndarray) -> None:
    """Write key points as a sheet of T rows and 3 V columns.

    Parameters
    ----------
    path : str or Path
        The .xlsx file.
    points : ndarray, shape (T, V, 3)
        x, y >= 0 (pixels of the source frame, below 99,999) and score (0 to 1).

    """
    whole = np.rint(points * (10.0, 10.0, 1000.0)).astype(np.int64)
    # One list serves both kinds of number: scores sit behind the coordinates.
    count = int(whole[..., :2].max(initial=0)) // 10_000 * 10_000 + 10_000
    cells = _cells(count, 10) + _cells(1001, 1000)
    whole[..., 2] += count
    table = whole.reshape(len(whole), -1).tolist()
    rows = [b"".join([cells[value] for value in row]) for row in table]
    body = b"".join([b"<row>%s</row>" % row for row in rows])
    sheet = f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode() + body
    sheet += b"</sheetData></worksheet>"
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive,
    ):
        parts = {name: text.encode() for name, text in _PARTS.items()}
        for name, content in {**parts, "xl/worksheets/sheet1.xml": sheet}.items():
            # ZipInfo's default date is the fixed 1980-01-01.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 5)
