"""Numbers, names and tables as text."""

from collections.abc import Sequence

import numpy as np

LONGEST_NAME = 48


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """Draw a table whose columns also line up in the raw text.

    Parameters
    ----------
    head
        Headings.
    rows
        Cells; a "|" in them is escaped, and line breaks become spaces.
    align
        One of "l" and "r" a column.

    """
    lines = [
        [" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in (head, *rows)
    ]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(head))]

    def draw(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, width, side in zip(cells, widths, align, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if side == "l" else "-" * (width - 1) + ":"
        for width, side in zip(widths, align, strict=True)
    ]
    return "\n".join([draw(lines[0]), draw(rule), *map(draw, lines[1:])])


def human_count(number: int) -> str:
    """Shorten a count: 950, 31.2 k, 0.31 M, 2.05 M."""
    if number >= 100_000:
        return f"{number / 1e6:.2f} M"
    return f"{number / 1e3:.1f} k" if number >= 1000 else str(number)


def human_time(seconds: float) -> str:
    """Write seconds as m:ss, from an hour on as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def mean_and_spread(values: np.ndarray, digits: int = 1) -> str:
    """Write ``63.4 ± 1.2``: mean and sample standard deviation; a single value has no spread."""
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"


def p_text(p: float | None) -> str:
    """Write a p to three digits."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def signed(value: float) -> str:
    """Write points with their sign: +1.25, −0.50, 0.00."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def counted(number: int, noun: str) -> str:
    """Write a number of things: 1 clip, 1,500 clips, 2 classes."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Cut a name that is longer than there is room for."""
    return name if len(name) <= longest else f"{name[: longest - 1].rstrip()}…"
