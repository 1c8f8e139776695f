"""Figures of the data report: clips by class, lengths, missing points, and drawn skeletons."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter

from microgesture.data.boxes import far_points
from microgesture.data.layouts import Layout
from microgesture.data.store import SPLITS
from microgesture.data_report.scan import Scan
from microgesture.heatmaps.grid import clip_box
from microgesture.viz.skeletons import SkeletonArt, side_handles
from microgesture.viz.style import FAINT, INK, MARKS, SOFT, open_figure

SPLIT_MARKS = dict(zip(SPLITS, MARKS, strict=False))
CLASSES_PER_PAGE = 16
CLIPS_PER_CLASS = 4
_NAMES = {"train": "training", "val": "validation", "test": "test"}
_LONGEST_NAME, _LONGEST_ID = 48, 22
_GAP = 0.35  # between the columns of a sheet, in cells
# ticks of a logarithmic axis that goes over less than one, two, three and more decades
_MARKS: tuple[tuple[int, ...], ...] = ((1, 2, 3, 4, 5, 6, 8), (1, 2, 5), (1, 3), (1,))
_HEAD = 0.38  # above each of its rows, in inches


@dataclass(frozen=True)
class SheetRow:
    """One class of a contact sheet: its title, and (clip id, points (V, 3) in pixels) of clips."""

    title: str
    clips: Sequence[tuple[str, np.ndarray]]


def plot_classes(index: pd.DataFrame, class_names: Sequence[str], path: str | Path) -> None:
    """Draw the number of clips of each class in each split, most frequent class first."""
    counts = pd.crosstab(index.label, index.split).reindex(
        index=list(class_names), columns=list(SPLITS), fill_value=0
    )
    order = counts.iloc[np.argsort(-counts.sum(axis=1).to_numpy(), kind="stable")]
    places = np.arange(len(order))
    with open_figure(path, 7.2, 1.3 + 0.215 * len(order)) as figure:
        axes, numbers = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1.5))
        every = order.where(order > 0)
        axes.hlines(places, every.min(axis=1), every.max(axis=1), color=FAINT, linewidth=2.2)
        for column, (split, (colour, marker)) in enumerate(SPLIT_MARKS.items()):
            axes.scatter(every[split], places, s=24, color=colour, marker=marker, lw=0, zorder=3)
            _column(numbers, column + 1, split, order[split].tolist(), colour)
        _logarithmic(axes, order.to_numpy(float))
        _rows(axes, [_short(name) for name in order.index])
        numbers.set_axis_off()
        numbers.set_xlim(0, len(SPLITS))
        axes.set_xlabel("Clips")
        _legend(axes, SPLITS)


def plot_lengths(index: pd.DataFrame, path: str | Path) -> None:
    """Draw what share of each split's clips is at most so long, in frames and in seconds."""
    seconds = index.num_frames / index.fps
    splits = [split for split in SPLITS if (index.split == split).any()]
    with open_figure(path, 7.2, 2.9) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, values, unit in zip(
            panels, (index.num_frames, seconds), ("frames", "seconds"), strict=True
        ):
            _logarithmic(axes, values.to_numpy(float))
            low, high = axes.get_xlim()
            for place, split in enumerate(splits):  # thinner above wider: equal lines stay visible
                colour, width = SPLIT_MARKS[split][0], 3 - 0.9 * place
                known = np.sort(values[index.split == split])
                share = np.linspace(0, 1, len(known) + 1)
                # to both ends of the axis: lengths that are all equal would be a bar otherwise
                axes.step(
                    [low, *known, high], [*share, 1], where="post", color=colour, linewidth=width
                )
            axes.set_xlim(low, high)
            if values.nunique() == 1:
                axes.set_xticks([values.iloc[0]], [f"{values.iloc[0]:,.4g}"])
                axes.set_xticks([], minor=True)
            axes.grid(axis="y")
            axes.set_xlabel(f"Clip length ({unit})")
        panels[0].set_ylabel("Clips at most so long (%)")
        panels[0].set_ylim(0, 1.02)
        panels[0].yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
        _legend(panels[0], splits, lines=True)


def plot_missing(found: Scan, layout: Layout, path: str | Path) -> None:
    """Draw in what share of the frames each joint is not found, by split, in layout order."""
    places = np.arange(len(layout.joints))
    splits = [split for split in SPLITS if found.frames[split]]
    shares = {split: 100 * found.missing[split] / found.frames[split] for split in splits}
    every = np.stack(list(shares.values()))
    with open_figure(path, 7.2, 1.3 + 0.19 * len(places)) as figure:
        axes = figure.add_subplot()
        axes.hlines(places, every.min(axis=0), every.max(axis=0), color=FAINT, linewidth=2.2)
        for split in splits:
            colour, marker = SPLIT_MARKS[split]
            axes.scatter(
                shares[split], places, s=22, color=colour, marker=marker, lw=0, alpha=0.9,
                clip_on=False, zorder=3,
            )  # fmt: skip
        axes.set_xlim(-0.01 * max(every.max(), 5), 1.04 * max(every.max(), 5))
        _rows(axes, [name.replace("_", " ") for name in layout.joints])
        axes.set_xlabel("Frames in which the joint is not found (%)")
        _legend(axes, splits)


def plot_sheet(rows: Sequence[SheetRow], layout: Layout, path: str | Path) -> None:
    """Draw one page of a contact sheet: classes in one or two columns, each clip cut out alike."""
    columns = 2 if len(rows) > 4 else 1
    deep = -(-len(rows) // columns)
    inch = 1.16 if columns == 2 else 1.7  # side of a cell
    head = _HEAD / inch
    across = columns * CLIPS_PER_CLASS + (columns - 1) * _GAP
    down = deep * (1 + head)
    with open_figure(path, inch * across + 0.1, inch * down + 0.4) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(-0.02, across + 0.02)
        axes.set_ylim(down + 0.02, 0)
        axes.set_aspect("equal")
        for number, row in enumerate(rows):
            corner = (number // deep * (CLIPS_PER_CLASS + _GAP), number % deep * (1 + head) + head)
            _draw_row(axes, row, layout, corner, inch)
        figure.legend(handles=side_handles(), loc="outside upper left", ncols=3)


def _draw_row(
    axes: Axes, row: SheetRow, layout: Layout, corner: tuple[float, float], inch: float
) -> None:
    """Draw the cells of one class, each of side 1, the first with its left upper corner there."""
    left, top = corner
    axes.text(left, top - 0.08, row.title, va="baseline", fontweight="bold", fontsize=8.5)
    if not row.clips:
        axes.text(left, top + 0.1, "no clips", color=SOFT, va="baseline", fontsize=8)
    for place, (clip_id, points) in enumerate(row.clips):
        x = left + place
        axes.add_patch(Rectangle((x, top), 1, 1, fill=False, edgecolor=FAINT, linewidth=0.7))
        box_left, box_top, side = clip_box(points, 0)
        moved = points.copy()
        moved[far_points(points)] = 0  # or lines would cross the whole sheet
        # into the cell, with a margin and a line for the id below
        moved[:, :2] = (moved[:, :2] - (box_left, box_top)) / side * 0.84 + (x + 0.08, top + 0.05)
        SkeletonArt(axes, layout, line=1.25 * inch, dot=2.1 * inch).show(moved)
        name = clip_id if len(clip_id) <= _LONGEST_ID else f"…{clip_id[1 - _LONGEST_ID :]}"
        axes.text(x + 0.03, top + 0.975, name, fontsize=5, color=SOFT, va="bottom", zorder=4)


def _logarithmic(axes: Axes, values: np.ndarray) -> None:
    """Scale the x axis by factors around the positive values, with readable ticks."""
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 10.0)
    while high / low < 4:  # nearly equal values should not fill the picture
        low, high = low / 1.2, high * 1.2
    axes.set_xscale("log")
    axes.set_xlim(low / 1.12, high * 1.12)
    axes.xaxis.set_major_locator(LogLocator(subs=_MARKS[min(int(np.log10(high / low)), 3)]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_ylim(len(names) - 0.4, -0.8)
    axes.set_yticks(np.arange(len(names)), names)
    axes.tick_params(axis="y", length=0, pad=6)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def _column(axes: Axes, right: float, head: str, counts: Sequence[int], colour: str) -> None:
    """Write a column of numbers beside the rows; a 0 stands out."""
    style: dict[str, Any] = {"va": "center_baseline", "ha": "right"}
    axes.text(right, -0.95, head, color=colour, **style)
    for place, count in enumerate(counts):
        weight, shade = ("normal", SOFT) if count else ("bold", INK)
        axes.text(right, place, f"{count:,}", color=shade, fontweight=weight, **style)


def _legend(axes: Axes, splits: Sequence[str], lines: bool = False) -> None:
    handles = []
    for split in splits:
        colour, marker = SPLIT_MARKS[split]
        how: dict[str, Any] = {"linestyle": "-"} if lines else {"marker": marker, "ls": ""}
        handles.append(Line2D([], [], color=colour, markersize=6, label=_NAMES[split], **how))
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2,
        handletextpad=0.3, columnspacing=1.4,
    )  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"
