"""What is predicted of recordings, window by window, as a table that grows row by row."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from microgesture.utils.errors import InputError
from microgesture.utils.files import growing_path, unwritable

TOP = 5


@dataclass(frozen=True)
class Window:
    """Part of a recording and what the models say about it.

    Attributes
    ----------
    recording : str
    start, end : int or None
        First and last frame, counted from 0 among the frames that are there; None for a recording
        that is not predicted.
    probabilities : ndarray, float32 (K,), or None
        Class probabilities; None where no point that a model uses was found.
    warnings : str
        In what the recording is unlike the training data, as short codes, or why it is not
        predicted.
    fps : float, optional
        Frames a second of this recording; that of all unless given.

    """

    recording: str
    start: int | None
    end: int | None
    probabilities: np.ndarray | None
    warnings: str = ""
    fps: float | None = None


class Written(NamedTuple):
    """Rows of a table, those of empty windows, and recordings that are not predicted."""

    rows: int
    empty: int
    refused: list[str]


def write_table(
    path: Path, windows: Iterable[Window], class_names: Sequence[str], fps: float
) -> Written:
    """Write one row a window with its five likeliest classes; the cells of an empty one stay free.

    Rows are written as they come, into a file of another name until all are there; see
    `microgesture.utils.files.growing_path`.
    """
    top = min(TOP, len(class_names))
    ranked = [f"{key}_{n}" for n in range(1, top + 1) for key in ("class", "name", "probability")]
    spans = ["start_frame", "end_frame", "start_seconds", "end_seconds"]
    written = Written(0, 0, [])
    with growing_path(path) as growing, _text(growing) as write:
        write(["recording", *spans, *ranked, "warnings"])
        for one in windows:
            write(
                [
                    one.recording,
                    *_span(one, one.fps or fps),
                    *_ranked(one, class_names, top),
                    one.warnings,
                ]
            )
            refused = [one.recording] if one.start is None else []
            empty = one.probabilities is None and not refused
            written = Written(written.rows + 1, written.empty + empty, written.refused + refused)
    return written


def running_labels(path: Path, recording: str, frames: int) -> list[str]:
    """What a table of `write_table` says of each frame: by the window whose middle is nearest.

    Raises
    ------
    InputError
        When it is no such table, or has no window of the recording.

    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"recording", "start_frame", "end_frame", "name_1"} <= set(rows[0]):
        raise InputError(f"{path}: is not a table of predictions; give one of microgesture predict")
    own = [row for row in rows if row["recording"] == recording and row["start_frame"]]
    if not own:
        raise InputError(f"{path}: has no window of {recording!r}; give the table that has")
    middles = np.array([(int(row["start_frame"]) + int(row["end_frame"])) / 2 for row in own])
    nearest = np.abs(np.arange(frames)[:, None] - middles).argmin(axis=1)
    return [_said(own[n]) for n in nearest]


def _said(row: Mapping[str, str]) -> str:
    if not row["name_1"]:
        return "no point is found"
    return f"{row['name_1']} ({float(row['probability_1']):.2f})"


@contextmanager
def _text(path: Path) -> Iterator[Callable[[list[Any]], None]]:
    """Open a CSV file and yield what writes a row, which is there at once whatever follows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")

        def write(cells: list[Any]) -> None:
            try:
                writer.writerow(cells)
                file.flush()
            except OSError as error:
                raise unwritable(path, error) from error

        yield write


def _span(one: Window, fps: float) -> list[Any]:
    if one.start is None or one.end is None:
        return [""] * 4
    return [one.start, one.end, f"{one.start / fps:.3f}", f"{(one.end + 1) / fps:.3f}"]


def _ranked(one: Window, class_names: Sequence[str], top: int) -> list[Any]:
    if one.probabilities is None:
        return [""] * (3 * top)
    best = np.argsort(-one.probabilities, kind="stable")[:top]
    return [v for k in best for v in (k, class_names[k], f"{one.probabilities[k]:.6f}")]
