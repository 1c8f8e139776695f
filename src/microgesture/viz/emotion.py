"""Figures of the emotion part: scores, reliability, faces, and recordings over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.utils.text import short
from microgesture.viz.style import FAINT, INK, MARKS, SOFT, open_figure, series

ACROSS = 12
"""Faces beside each other."""


@dataclass(frozen=True)
class Line:
    """A row of the table as drawn: its value and interval, in percent."""

    title: str
    value: float
    low: float
    high: float


def plot_scores(lines: Sequence[Line], path: Path, axis: str) -> None:
    """A mark and an interval for each row; the dashed line is chance."""
    with open_figure(path, 6.0, 0.6 + 0.3 * len(lines), pdf=True) as figure:
        axes = figure.add_subplot()
        axes.axvline(50, color=SOFT, linestyle="--", linewidth=0.9)
        for place, line in enumerate(lines):
            axes.plot((line.low, line.high), (place, place), color=MARKS[0][0], linewidth=2.0)
            axes.scatter(line.value, place, s=36, color=MARKS[0][0], zorder=3)
        axes.set_yticks(range(len(lines)), [line.title for line in lines])
        axes.invert_yaxis()
        axes.grid(axis="x")
        axes.set_xlabel(axis)


def plot_reliability(
    rows: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], path: Path
) -> None:
    """Share of wins against the probability that was told, in bins of as many recordings.

    ``rows``: by title the bins' mean probability, share of wins and number of recordings.
    """
    across = min(len(rows), 3)
    down = -(-len(rows) // across)
    with open_figure(path, 2.2 * across, 2.2 * down + 0.3, pdf=True) as figure:
        panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        for place, (axes, (title, bins)) in enumerate(zip(panels.flat, rows.items(), strict=False)):
            told, won, count = bins
            axes.plot((0, 1), (0, 1), color=SOFT, linestyle="--", linewidth=0.9)
            axes.plot(told, won, markersize=4, **{**series(place), "linestyle": "-"})
            axes.set_title(title, fontsize=8)
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            axes.set_aspect("equal")
            axes.text(0.97, 0.04, f"{count.sum()} recordings", ha="right", fontsize=6, color=SOFT)
        for axes in panels.flat[len(rows) :]:
            axes.set_axis_off()
        figure.supxlabel("probability of a win", fontsize=8)
        figure.supylabel("share of wins", fontsize=8)


@dataclass(frozen=True)
class FaceRow:
    """Faces of a recording.

    Attributes
    ----------
    title
    faces
        uint8 (N, H, W, 3).
    seen
        Which of them can be used, (N,).
    quality
        Score, height in pixels and detail of each, (N, 3); score 0 where there is none.

    """

    title: str
    faces: np.ndarray
    seen: np.ndarray
    quality: np.ndarray


def plot_faces(rows: Sequence[FaceRow], path: Path) -> None:
    """A contact sheet: a row of aligned faces for each recording, crossed out where masked."""
    with open_figure(path, 0.66 * ACROSS, 0.92 * len(rows) + 0.1) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        for number, row in enumerate(rows):
            top = number * 1.4 + 0.22
            axes.text(0.0, top - 0.05, row.title, fontsize=6, color=SOFT)
            for place, face in enumerate(row.faces[:ACROSS]):
                box = (place, place + 0.97, top + 0.97, top)
                axes.imshow(face, extent=box, aspect="equal", interpolation="bilinear")
                if not row.seen[place]:
                    axes.plot((box[0], box[1]), (box[2], box[3]), color=MARKS[1][0], linewidth=0.8)
                score, side, detail = row.quality[place]
                said = f"{score:.2f}  {side:.0f} px  {detail:.2f}" if score else "no face"
                axes.text(place + 0.485, top + 1.09, said, fontsize=4.5, ha="center", color=SOFT)
        axes.set_xlim(0, ACROSS)
        axes.set_ylim(len(rows) * 1.4, 0)
        axes.set_aspect("equal")


@dataclass(frozen=True)
class Timeline:
    """A recording over time.

    Attributes
    ----------
    title
    seconds
        Its length.
    starts, length
        Of the windows, in seconds.
    attention
        How much each window counted, (W,).
    frames
        Of the windows that counted most: start in seconds and a picture uint8 (H, W, 3).
    gestures
        Start, end and name.

    """

    title: str
    seconds: float
    starts: np.ndarray
    length: float
    attention: np.ndarray
    frames: Sequence[tuple[float, np.ndarray]]
    gestures: Sequence[tuple[float, float, str]]


def plot_timeline(line: Timeline, path: Path) -> None:
    """Frames of the windows that counted most, the attention of all, and gestures below."""
    names = list(dict.fromkeys(name for _, _, name in line.gestures))
    tall = 0.16 * max(len(names), 1)
    heights = [1.25, 0.8, tall]
    with open_figure(path, 6.6, 0.9 + sum(heights)) as figure:
        grid = figure.add_gridspec(3, 1, height_ratios=heights)
        strip = figure.add_subplot(grid[0])
        strip.set_axis_off()
        for place, (start, picture) in enumerate(line.frames):
            box = (place, place + 0.96, 0, 0.96)
            strip.imshow(picture, extent=box, aspect="equal", interpolation="bilinear")
            strip.text(place, 1.0, f"{start:.0f} s", fontsize=6, color=SOFT)
        strip.set_xlim(0, max(len(line.frames), 6))
        strip.set_ylim(0, 1.1)
        strip.set_title(line.title, fontsize=8)
        bars = figure.add_subplot(grid[1])
        most = {start for start, _ in line.frames}
        colours = [MARKS[1][0] if start in most else MARKS[0][0] for start in line.starts]
        bars.bar(
            line.starts,
            line.attention,
            0.94 * line.length,
            align="edge",
            color=colours,
            linewidth=0,
        )
        bars.axhline(1 / max(len(line.starts), 1), color=INK, linewidth=0.7, linestyle="--")
        bars.set_ylabel("attention", fontsize=7)
        spans = figure.add_subplot(grid[2], sharex=bars)
        for start, end, name in line.gestures:
            spans.barh(names.index(name), end - start, left=start, height=0.7, color=MARKS[2][0])
        spans.set_yticks(range(len(names)), [short(name, 30) for name in names], fontsize=5)
        spans.set_ylim(max(len(names), 1) - 0.5, -0.5)
        spans.grid(axis="x", color=FAINT)
        spans.set_xlabel("seconds", fontsize=7)
        bars.set_xlim(0, line.seconds)
        bars.tick_params(labelbottom=False)
