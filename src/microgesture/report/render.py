"""Templates filled with plain data: text is escaped in HTML and stays as it is in Markdown."""

import base64
import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from microgesture.utils.text import counted, markdown_table

TEMPLATES = Path(__file__).parent / "templates"
_DPI = 200
_CSS_PIXELS = 96  # an inch of CSS


@dataclass(frozen=True)
class InlinePng:
    """A PNG as a data URI, its size in pixels, and the width to show it at in CSS pixels."""

    uri: str
    width: int
    height: int
    shown: int


def render(template: str, **content: Any) -> str:
    """Fill a template of the folder ``templates``.

    A template belongs to the module that renders it, by its name: ``page.html`` and all below
    ``page/`` to ``page.py``. The hash of a step's code goes by that, see
    `microgesture.provenance.code_hash.code_files`.
    """
    return _ENVIRONMENT.get_template(template).render(**content)


def paragraphs(template: str, **content: Any) -> list[str]:
    """Fill a template of text; its paragraphs, which empty lines part, each on one line."""
    parts = render(template, **content).split("\n\n")
    return [line for part in parts if (line := " ".join(part.split()))]


def marked(text: str) -> Markup:
    """Escape text, and turn what stands between pairs of ``**`` into bold."""
    pieces = [escape(piece) for piece in text.split("**")]
    last = len(pieces) - 1  # a sign without a partner stays what it is
    out = pieces[0]
    for place, piece in enumerate(pieces[1:], start=1):
        if place % 2:
            out += Markup("**") + piece if place == last else Markup("<strong>%s</strong>") % piece
        else:
            out += piece
    return out


def sort_value(cell: str) -> str:
    """Write the number that a cell is sorted by: of ``0.31 M``, ``1:05``, ``45.3 ± 1.2``; else "".

    Parameters
    ----------
    cell : str
        As it stands in a table: the first number counts, with its unit.

    """
    text = cell.replace("−", "-").replace(",", "").strip()
    if time := re.fullmatch(r"(?:(\d+):)?(\d+):(\d\d)", text):
        hours, minutes, seconds = (int(part or 0) for part in time.groups())
        return f"{3600 * hours + 60 * minutes + seconds}"
    number = re.match(r"(< ?)?([+-]?\d+(?:\.\d+)?)(?: ([kM])\b)?", text)
    if number is None:
        return ""
    less, digits, unit = number.groups()
    value = float(digits) * {None: 1.0, "k": 1e3, "M": 1e6}[unit]
    return "0" if less else f"{value:g}" if abs(value) < 1e5 else f"{value:.0f}"


def script_hash(text: str) -> str:
    """Source expression of a script's whole text for a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def inlined(path: Path) -> InlinePng:
    """Read a PNG of `_DPI` dots an inch, to be part of the page."""
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return InlinePng(uri, width, height, round(width / _DPI * _CSS_PIXELS))


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=lambda name: name is None or not name.endswith(".md"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters |= {
    "counted": counted,
    "inlined": inlined,
    "marked": marked,
    "sort_value": sort_value,
}
_ENVIRONMENT.globals |= {"markdown_table": markdown_table}
