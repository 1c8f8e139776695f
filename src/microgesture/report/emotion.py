"""Table of the emotion part, from plain data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microgesture.report.render import render
from microgesture.utils.files import write_text


def write_table(path: Path, content: Mapping[str, Any]) -> None:
    """Write the table as Markdown."""
    write_text(path, render("emotion.md", **content))
