"""The page of detectors: timelines, errors and scores; its content comes as plain data."""

from pathlib import Path
from typing import Any

from microgesture.report.render import render
from microgesture.utils.files import write_text


def write_online_page(path: Path, **content: Any) -> None:
    """Fill the template of the page; the same content gives the same bytes."""
    write_text(path, render("online_page.html", **content))
