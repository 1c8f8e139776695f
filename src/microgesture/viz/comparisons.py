"""Figures that compare rows: claims, training courses, calibration, robustness and cost."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from microgesture.evaluation.calibration import (
    apply_temperature,
    expected_calibration_error,
    reliability,
)
from microgesture.evaluation.claims import REFUTED, SUPPORTED, UNDECIDED, Claim
from microgesture.evaluation.rows import HEADINGS, Evaluation, Row
from microgesture.utils.text import human_time, short, signed
from microgesture.viz.ablation import warn
from microgesture.viz.style import FAINT, INK, MARKS, SOFT, open_figure, series

VERDICTS = {SUPPORTED: ("#0072B2", "o"), UNDECIDED: (SOFT, "D"), REFUTED: ("#D55E00", "s")}
KINDS = {
    "drop": "Points lost at random\n(share of all points)",
    "jitter": "Points moved at random\n(std, shoulder widths)",
    "occlude": "A body part hidden\n(share of the frames)",
    "detector": "Another detector, simulated\n(severity)",
    "video_drop": "Frames of video lost\n(share of all frames)",
    "video_blur": "Video blurred\n(std, sides of the crop)",
    "video_darken": "Video darkened\n(share of the light)",
    "video_occlude": "A square hidden\n(share of the picture)",
    "video_shift": "Video ahead of skeletons\n(frames)",
}
DRAWN_BINS = 10  # in a small panel more would only tremble
_ACROSS = 4  # panels beside each other
_COUNTS = np.outer(10.0 ** np.arange(10), (1, 2, 5)).ravel()
_TIMES = np.array(
    [1, 2, 5, 10, 30, *(60.0 * m for m in (1, 2, 5, 10, 30)), *(3600.0 * 2**k for k in range(9))]
)


def plot_claims(
    evaluation: Evaluation, claims: Sequence[Claim], path: str | Path, generated: bool = False
) -> None:
    """Draw a forest plot: one line a comparison, its interval, and beside each claim its verdict.

    Colour and shape of a line tell its own verdict. Words stand above their line, not
    beside it, so that the intervals have the whole width.
    """
    lines = [(claim, one) for claim in claims for one in claim.comparisons]
    heads = [one is claim.comparisons[0] for claim, one in lines]
    places = np.cumsum([1.0 if head else 0.72 for head in heads]) - 1
    with open_figure(path, 6.4, 1.0 + 0.62 * (places[-1] + 1), pdf=True) as figure:
        axes = figure.add_subplot()
        axes.axvline(0, color=INK, linewidth=0.9)
        ends = [value for _, one in lines for value in (one.low, one.high)]
        low, high = min(*ends, 0.0), max(*ends, 0.0)
        margin = 0.05 * (high - low) + 0.2
        axes.set_xlim(low - margin, high + margin)
        side: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center_baseline"}
        clear = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        for (claim, one), head, place in zip(lines, heads, places, strict=True):
            colour, marker = VERDICTS[one.verdict]
            axes.plot((one.low, one.high), (place, place), color=colour, linewidth=2.2)
            axes.scatter(one.difference, place, s=46, color=colour, marker=marker, zorder=3)
            if head:
                axes.annotate(
                    short(claim.text, 72), (0, place - 0.62), fontweight="bold", bbox=clear, **side
                )
                axes.annotate(
                    claim.verdict,
                    (1.02, place - 0.62),
                    color=VERDICTS[claim.verdict][0],
                    fontweight="bold",
                    **side,
                )
            pair = f"{evaluation.row(one.better).title} − {evaluation.row(one.worse).title}"
            axes.annotate(
                short(pair, 86), (0, place - 0.31), color=SOFT, fontsize=7.5, bbox=clear, **side
            )
            what = "" if one.metric == "top1" else f" {HEADINGS[one.metric]}"
            text = f"{signed(one.difference)}{what}"
            axes.annotate(text, (1.02, place), color=colour, fontsize=8, **side)
        axes.set_ylim(places[-1] + 0.4, -0.95)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel("Difference in points, with its 95 % interval (right of 0: as claimed)")
        warn(figure, generated)


def plot_courses(
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    what: str,
    path: str | Path,
    generated: bool = False,
) -> None:
    """Draw every training of every variant by epoch, a panel a variant and a line a run.

    Parameters
    ----------
    runs
        Metrics of each variant's runs, by the variant's title; see `curves.plot_curve`.
    what
        "loss" or "top1".
    path
        The PNG to write.

    """
    scale, label = {"loss": (1.0, "Loss"), "top1": (100.0, "Top-1 (%)")}[what]
    with open_figure(path, *_grid_size(len(runs), 1.75), pdf=True) as figure:
        panels = _grid(figure, len(runs), sharey=True)
        for axes, (title, metrics) in zip(panels, runs.items(), strict=True):
            for one in metrics:
                _draw_course(axes, one, what, scale)
            _panel_title(axes, title)
            axes.grid(axis="y")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        if what == "top1":  # once all is drawn, since it ends the search for the highest value
            panels[0].set_ylim(0, None)
        figure.supylabel(label, fontsize=9)
        figure.supxlabel(_with_warning("Epoch", generated), fontsize=9)
        handles = [
            Line2D([], [], color=MARKS[0][0], linewidth=1.0, alpha=0.6, label="training"),
            Line2D([], [], color=MARKS[1][0], linewidth=1.4, label="validation"),
            Line2D([], [], color=MARKS[1][0], marker="o", ls="", ms=4.5, label="epoch kept"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)


def _draw_course(axes: Axes, metrics: Mapping[str, Any], what: str, scale: float) -> None:
    """Draw one run: training thin and pale, validation above it, a dot where it was kept."""
    epochs = metrics["epochs"]
    numbers = np.array([one["epoch"] for one in epochs])
    for split, (colour, _), width, alpha in (
        ("train", MARKS[0], 1.0, 0.6),
        ("val", MARKS[1], 1.4, 0.9),
    ):
        found = [one.get(f"{split}_{what}") for one in epochs]
        values = np.array([np.nan if one is None else scale * one for one in found])
        single = "." if len(epochs) == 1 else ""
        axes.plot(numbers, values, color=colour, linewidth=width, alpha=alpha, marker=single)
        if split == "val":
            kept = numbers == metrics.get("best_epoch")
            axes.plot(numbers[kept], values[kept], color=colour, ls="", marker="o", ms=4.5)


def plot_reliability(
    evaluation: Evaluation, rows: Sequence[Row], path: str | Path, generated: bool = False
) -> None:
    """Draw how often rows are right against how sure they are, a panel a row, all seeds together.

    The bars at the foot say which share of the clips each bin holds. Where a fusion of ``rows``
    found a temperature for one of them, that row is drawn after it as well.
    """
    temperatures = _temperatures(evaluation, rows)
    with open_figure(path, *_grid_size(len(rows), 2.1), pdf=True) as figure:
        panels = _grid(figure, len(rows), sharey=True)
        for axes, row in zip(panels, rows, strict=True):
            axes.plot((0, 100), (0, 100), color=SOFT, linestyle=(0, (4, 3)), linewidth=0.9)
            error = f"ECE {_draw_reliability(axes, row, list(row.probabilities), MARKS[0]):.1f}"
            if row.name in temperatures:
                each = zip(row.probabilities, temperatures[row.name], strict=True)
                after = [apply_temperature(*one) for one in each]
                error += f" → {_draw_reliability(axes, row, after, MARKS[1]):.1f}"
            axes.set_xlim(0, 100)
            axes.set_ylim(0, 100)
            axes.set_aspect("equal")
            axes.set_xticks((0, 50, 100))
            axes.set_yticks((0, 50, 100))
            axes.grid()
            _panel_title(axes, row.title, error)
        figure.supxlabel(_with_warning("Confidence (%)", generated), fontsize=9)
        figure.supylabel("Clips recognised (%)", fontsize=9)
        if temperatures:
            handles = [
                Line2D([], [], color=colour, marker=marker, ms=4, label=label)
                for (colour, marker), label in zip(
                    MARKS, ("as predicted", "after its temperature"), strict=False
                )
            ]
            figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=8)


def _temperatures(evaluation: Evaluation, rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """One temperature a seed of the rows that a fusion among ``rows`` scaled.

    Under cross-validation every fold has its own, which no longer belongs to a pooled clip.
    """
    seeds = len(evaluation.seeds)
    return {
        member.name: member.temperatures
        for row in rows
        for member in row.members
        if member.temperatures is not None and len(member.temperatures) == seeds
    }


def _draw_reliability(
    axes: Axes, row: Row, every: Sequence[np.ndarray], mark: tuple[str, str]
) -> float:
    """Draw one line over the clips of all seeds; its calibration error, a mean over seeds."""
    colour, marker = mark
    told = reliability(np.concatenate(every), np.tile(row.labels, len(every)), bins=DRAWN_BINS)
    used = told.count > 0
    if mark is MARKS[0]:
        middle = 50 * (told.edges[1:] + told.edges[:-1])
        axes.bar(middle, 100 * told.count / told.count.sum(), width=8, color=FAINT, zorder=0)
    axes.plot(
        100 * told.confidence[used], 100 * told.accuracy[used],
        color=colour, marker=marker, ms=3.5, linewidth=1.3,
    )  # fmt: skip
    return float(np.mean([100 * expected_calibration_error(one, row.labels) for one in every]))


def plot_robustness(
    measured: pd.DataFrame,
    titles: Mapping[str, str],
    path: str | Path,
    generated: bool = False,
) -> None:
    """Draw top-1 of every variant against how much its test clips were damaged.

    Parameters
    ----------
    measured
        See `material.Material.robustness`; runs are averaged, each by its clips.
    titles
        Of the variants, in the order of the table.
    path
        The PNG to write.

    """
    clean = measured[measured.kind == "none"]
    kinds = [kind for kind in KINDS if (measured.kind == kind).any()]
    down = -(-len(kinds) // _ACROSS)
    across = -(-len(kinds) // down)
    height = 0.3 + 2.7 * down + 0.2 * -(-len(titles) // 2)
    with open_figure(path, 7.2, height, pdf=True) as figure:
        grid = figure.subplots(down, across, sharey=True, squeeze=False)
        for axes in grid.flat[len(kinds) :]:
            axes.set_visible(False)
        for axes, kind in zip(grid.flat, kinds, strict=False):
            damaged = measured[measured.kind == kind]
            for place, variant in enumerate(titles):
                if not (damaged.variant == variant).any():
                    continue  # it does not see what is damaged
                both = pd.concat([clean, damaged])
                mean = _mean_by_level(both[both.variant == variant])
                how = series(place)
                axes.plot(mean.index, 100 * mean.to_numpy(), ms=4, linewidth=1.3, **how)
            axes.set_xlabel(KINDS[kind])
            axes.grid()
            highest = float(damaged.level.max())
            axes.set_xlim(-0.04 * highest, 1.04 * highest)  # room for the marks at both ends
            axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
            axes.xaxis.set_major_formatter("{x:g}")
        grid[0, 0].set_ylim(0, None)  # once all is drawn, since it ends the search for the highest
        for row in grid:
            row[0].set_ylabel("Top-1 accuracy (%)")
        handles = [
            Line2D([], [], ms=5, linewidth=1.3, label=short(title), **series(place))
            for place, title in enumerate(titles.values())
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=8)
        warn(figure, generated)


def _mean_by_level(rows: pd.DataFrame) -> pd.Series:
    """Top-1 at each level, over all clips of all runs."""
    hits = (rows.top1 * rows.clips).groupby(rows.level).sum()
    return hits / rows.clips.groupby(rows.level).sum()


def plot_cost(evaluation: Evaluation, path: str | Path, generated: bool = False) -> None:
    """Draw top-1 against parameters and training time; rows go by their number in the table."""
    rows = evaluation.rows
    costs: tuple[tuple[str, list[float], np.ndarray, Callable[[float], str]], ...] = (
        ("Parameters", [float(row.parameters) for row in rows], _COUNTS, _round_count),
        (
            "Training time of one seed",
            [float(np.mean(row.seconds)) for row in rows],
            _TIMES,
            human_time,
        ),
    )
    with open_figure(path, 7.2, 3.2 + 0.19 * -(-len(rows) // 2), pdf=True) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (label, values, ticks, write) in zip(panels, costs, strict=True):
            for place, (row, value) in enumerate(zip(rows, values, strict=True)):
                colour = series(place)["color"]
                spread = row.scores["top1"].std(ddof=1) if len(evaluation.seeds) > 1 else 0
                axes.errorbar(value, row.top1, yerr=spread, color=colour, linewidth=1.1, zorder=2)
            _log_axis(axes, np.array(values), ticks, write)
            axes.set_xlabel(label)
            axes.grid()
        panels[0].set_ylabel("Top-1 accuracy (%)")
        figure.draw_without_rendering()  # now it is known where marks would cover each other
        for axes, (_, values, *_) in zip(panels, costs, strict=True):
            _number_rows(axes, values, [row.top1 for row in rows])
        handles = [
            Line2D([], [], color=series(place)["color"], marker="o", ls="", ms=6,
                   label=f"{place + 1}  {short(row.title)}")
            for place, row in enumerate(rows)
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=8)
        warn(figure, generated)


def _number_rows(axes: Axes, costs: Sequence[float], scores: Sequence[float]) -> None:
    """Mark every row with its number, beside its place where another's mark is already."""
    size = 11.0  # of a mark, points
    taken: list[np.ndarray] = []
    per_point = axes.figure.dpi / 72
    for place, at in enumerate(zip(costs, scores, strict=True)):
        spot = axes.transData.transform(at) / per_point
        moved = spot.copy()
        while any(np.hypot(*(moved - other)) < size for other in taken):
            moved[0] += size / 4
        taken.append(moved)
        axes.annotate(
            str(place + 1), at, tuple(moved - spot), textcoords="offset points", color="white",
            fontsize=7, fontweight="bold", ha="center", va="center_baseline", zorder=4,
            bbox={"boxstyle": "circle,pad=0.28", "fc": series(place)["color"], "ec": "white",
                  "lw": 0.8},
        )  # fmt: skip


def _round_count(number: float) -> str:
    """Write a round count: 500, 20 k, 5 M."""
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return f"{number:g}"


def _log_axis(axes: Axes, values: np.ndarray, ticks: np.ndarray, write: Any) -> None:
    """Scale by factors, with room around the values, and at most five of the round ``ticks``."""
    low, high = max(values.min(), 1e-9), max(values.max(), 1e-9)
    while high / low < 4:  # nearly equal values should not fill the picture
        low, high = low / 1.2, high * 1.2
    low, high = low / 1.25, high * 1.25
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    shown = ticks[(ticks >= low) & (ticks <= high)]
    shown = shown[:: max(1, -(-len(shown) // 5))]
    axes.set_xticks(shown, [write(value) for value in shown])
    axes.xaxis.set_minor_locator(NullLocator())


def _grid_size(count: int, height: float) -> tuple[float, float]:
    """Inches of a figure of small multiples; a few panels make a narrower one."""
    across = min(count, _ACROSS)
    return max(1.8 * across, 3.6), height * -(-count // _ACROSS) + 0.55


def _grid(figure: Figure, count: int, sharey: bool) -> list[Axes]:
    """Panels of equal size, the last row filled from the left."""
    across = min(count, _ACROSS)
    every = figure.subplots(-(-count // across), across, sharex=True, sharey=sharey, squeeze=False)
    for axes in every.flat[count:]:
        axes.set_axis_off()
    if count > across:
        for axes in every.flat[count - across : count]:  # below these there may be nothing
            axes.tick_params(labelbottom=True)
    return list(every.flat[:count])


def _panel_title(axes: Axes, title: str, below: str = "", letters: int = 27) -> None:
    """Write a title over a small panel in at most two lines, and a line below it."""
    words, lines = title.split(), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= letters or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    lines = [*lines[:1], " ".join(lines[1:])] if len(lines) > 1 else lines
    text = "\n".join([*(short(line, letters + 3) for line in lines), *([below] if below else [])])
    axes.set_title(text, fontsize=7.5, fontweight="normal")


def _with_warning(label: str, generated: bool) -> str:
    return f"{label}\nGenerated data: says nothing about iMiGUE." if generated else label
