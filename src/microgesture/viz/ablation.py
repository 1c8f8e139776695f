"""The figures that go with the ablation table: top-1 of every row, recall by class, confusion."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from microgesture.evaluation.rows import FUSION, SPLITS, Evaluation, Row
from microgesture.settings.models import MODEL_NAMES
from microgesture.utils.text import short
from microgesture.viz.style import FAINT, FUSION_MARK, INK, MARKS, SOFT, open_figure

_LEAST_SHOWN = 5  # percent: smaller shares are told by the colour alone


def plot_ablation(evaluation: Evaluation, path: str | Path, generated: bool = False) -> None:
    """Draw top-1 of every row: a mark for the mean, a bar for the std, a dot for each seed."""
    rows = evaluation.rows
    marks = _marks_of_models(rows)
    width = max(7.2, 4.2 + 0.066 * max(len(row.title) for row in rows))
    with open_figure(path, width, 1.3 + 0.34 * len(rows), pdf=True) as figure:
        axes = figure.add_subplot()
        axes.axvline(evaluation.chance, color=SOFT, linestyle=(0, (4, 3)), linewidth=0.9)
        for place, row in enumerate(rows):
            colour, marker = marks[row.model]
            _draw_seeds(axes, place, row.scores["top1"], colour, marker)
        values = np.concatenate([row.scores["top1"] for row in rows])
        low, high = min(values.min(), evaluation.chance), max(values.max(), evaluation.chance)
        margin = 0.06 * (high - low) + 0.5
        axes.set_xlim(low - margin, min(high + margin, 101))
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.set_yticks(range(len(rows)), [row.title for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        for place, row in enumerate(rows):
            axes.annotate(
                _score_text(row.scores["top1"]),
                (1.02, place),
                xycoords=("axes fraction", "data"),
                va="center_baseline",
                fontweight="bold" if row.top1 == max(one.top1 for one in rows) else "normal",
            )
        spread = ": mean, std and seeds" if len(evaluation.seeds) > 1 else ""
        axes.set_xlabel(f"Top-1 accuracy, {SPLITS[evaluation.split]} clips (%){spread}")
        handles = [_legend_mark(_model_name(model), *mark) for model, mark in marks.items()]
        chance = Line2D([], [], color=SOFT, linestyle=(0, (4, 3)), linewidth=0.9)
        chance.set_label(f"Chance, {evaluation.chance:.1f} %")
        handles.append(chance)
        figure.legend(
            handles=handles, loc="outside upper center", ncols=len(handles), handletextpad=0.3
        )
        warn(figure, generated)


def plot_recall(evaluation: Evaluation, path: str | Path, generated: bool = False) -> None:
    """Draw each class's recall for the best row of every model and the best fusion.

    Classes stand by their training clips (under cross-validation the clips of all folds), most
    frequent first, and are marked as head, middle and tail; where these clips are not recorded, by
    the clips that were measured on.
    """
    rows = best_rows(evaluation)
    marks = _marks_of_models(rows)
    counts = evaluation.counts
    trained = evaluation.train_counts
    order = np.argsort(-(counts if trained is None else trained), kind="stable")
    order = order[counts[order] > 0]
    recalls = {row.model: 100 * row.recall[order] for row in rows}
    with open_figure(path, 7.2, 1.4 + 0.215 * len(order), pdf=True) as figure:
        axes = figure.add_subplot()
        places = np.arange(len(order))
        every = np.stack(list(recalls.values()))
        axes.hlines(places, every.min(axis=0), every.max(axis=0), color=FAINT, linewidth=2.2)
        for row in rows:
            colour, marker = marks[row.model]
            axes.scatter(
                recalls[row.model],
                places,
                s=24,
                color=colour,
                marker=marker,
                alpha=0.9,
                linewidths=0,
                clip_on=False,
                zorder=3,
            )
        axes.set_xlim(-1, 101)
        axes.set_ylim(len(order) - 0.4, -0.8)
        axes.set_yticks(places, [short(evaluation.classes[one]) for one in order])
        axes.tick_params(axis="y", length=0, pad=6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        _count_column(axes, 32, SPLITS[evaluation.split][:4], counts[order])
        if trained is not None:
            _count_column(axes, 66, "all" if evaluation.folds else "train", trained[order])
            _mark_groups(axes, evaluation, order)
        axes.set_xlabel(_recall_label(evaluation, len(order)))
        handles = [_legend_mark(row.title, *marks[row.model]) for row in rows]
        _legend_above(axes, handles)
        warn(figure, generated)


def _count_column(axes: Axes, right: float, head: str, counts: np.ndarray) -> None:
    """Write numbers of clips beside the rows, ending ``right`` points beyond the axes."""
    side: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "xytext": (right, 0),
        "textcoords": "offset points",
        "va": "center_baseline",
        "ha": "right",
        "color": SOFT,
    }
    axes.annotate(head, (1, -0.85), **side)
    for place, count in enumerate(counts):
        axes.annotate(f"{count:,}", (1, place), **side)


def _mark_groups(axes: Axes, evaluation: Evaluation, order: np.ndarray) -> None:
    """Shade the middle between head and tail, and write their names along the right edge."""
    for name, group in evaluation.groups.items():
        places = np.flatnonzero(group[order])
        if not len(places):
            continue
        first, last = places[0] - 0.5, places[-1] + 0.5
        if name == "middle":
            axes.axhspan(first, last, color="#F1F1F1", zorder=-1, linewidth=0)
        axes.annotate(
            name,
            (1, (first + last) / 2),
            xycoords=("axes fraction", "data"),
            xytext=(72, 0),
            textcoords="offset points",
            rotation=90 if last - first > 2.5 else 0,
            va="center",
            ha="left",
            fontweight="bold",
        )


def plot_confusion(
    evaluation: Evaluation, path: str | Path, generated: bool = False, name: str | None = None
) -> None:
    """Draw what each class is taken for by the named row, or see `Evaluation.shown`."""
    row = evaluation.shown(name)
    counts = evaluation.counts
    total = row.confusions.sum(axis=0)
    share = 100 * total / np.maximum(total.sum(axis=1, keepdims=True), 1)
    num = len(counts)
    names = [
        f"{short(name)}  ({count:,})  {one}"
        for one, (name, count) in enumerate(zip(evaluation.classes, counts, strict=True))
    ]
    side = max(num * (0.235 if num > 16 else 0.34), 2.2)
    words = 0.068 * max(map(len, names))  # inches; the figure should be no larger than its content
    width = max(side + words + 0.3, 0.09 * len(row.title) + 0.3)
    with open_figure(path, width, side + 1.3, pdf=True, layout="compressed") as figure:
        axes = figure.add_subplot(anchor="NE")
        axes.imshow(
            np.ma.masked_equal(share, 0), cmap="Blues", vmin=0, vmax=100, interpolation="nearest"
        )
        axes.set_xticks(range(num), [str(one) for one in range(num)])
        axes.set_yticks(range(num), names)
        axes.set_xticks(np.arange(num + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(num + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#E8E8E8", linewidth=0.5)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        for true, taken in zip(*np.nonzero(share >= _LEAST_SHOWN), strict=True):
            axes.annotate(
                f"{share[true, taken]:.0f}",
                (taken, true),
                ha="center",
                va="center_baseline",
                fontsize=6 if num > 16 else 8,
                color="white" if share[true, taken] > 55 else INK,
            )
        for one in range(num):  # the diagonal, where a perfect row would lie
            axes.add_patch(Rectangle((one - 0.5, one - 0.5), 1, 1, fill=False, ec=SOFT, lw=0.7))
        axes.set_xlabel(
            f"recognised as, id (% of the row; from {_LEAST_SHOWN} % in figures)", loc="right"
        )
        axes.annotate(
            f"{SPLITS[evaluation.split]} class  (clips)  id",
            (0, 1),
            xycoords="axes fraction",
            xytext=(-3.5, 5),
            textcoords="offset points",
            ha="right",
            color=SOFT,
        )
        figure.suptitle(row.title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        warn(figure, generated)


def best_rows(evaluation: Evaluation) -> list[Row]:
    """Pick the row with the best mean top-1 of each model, and of the fusions, in table order."""
    best: dict[str, Row] = {}
    for row in evaluation.rows:
        if row.model not in best or row.top1 > best[row.model].top1:
            best[row.model] = row
    return list(best.values())


def _marks_of_models(rows: tuple[Row, ...] | list[Row]) -> dict[str, tuple[str, str]]:
    """Give every model a colour and a shape, in the order of the rows."""
    models = list(dict.fromkeys(row.model for row in rows if row.model != FUSION))
    marks = {model: MARKS[place % len(MARKS)] for place, model in enumerate(models)}
    if any(row.model == FUSION for row in rows):
        marks[FUSION] = FUSION_MARK
    return marks


def _draw_seeds(axes: Axes, place: int, values: np.ndarray, colour: str, marker: str) -> None:
    """Draw one row: seeds as small pale dots, the mean as a mark, the sample std as a bar."""
    if len(values) > 1:
        axes.errorbar(
            values.mean(), place, xerr=values.std(ddof=1), color=colour, linewidth=1.4, zorder=2
        )
        axes.scatter(
            values, np.full(len(values), place + 0.22), s=9, color=colour, alpha=0.45, linewidths=0
        )
    axes.scatter(values.mean(), place, s=38, color=colour, marker=marker, linewidths=0, zorder=3)


def _score_text(values: np.ndarray) -> str:
    spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread}"


def _recall_label(evaluation: Evaluation, shown: int) -> str:
    absent = len(evaluation.classes) - shown
    classes = "1 class" if absent == 1 else f"{absent} classes"
    left_out = f"; {classes} without clips left out" if absent else ""
    return f"Recall, {SPLITS[evaluation.split]} clips (%){left_out}"


def _model_name(model: str) -> str:
    name = "fusion" if model == FUSION else MODEL_NAMES.get(model, model)
    return name[:1].upper() + name[1:]


def _legend_mark(label: str, colour: str, marker: str) -> Line2D:
    handle = Line2D([], [], color=colour, marker=marker, linestyle="", markersize=6)
    handle.set_label(label)
    return handle


def _legend_above(axes: Axes, handles: list[Line2D]) -> None:
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        borderaxespad=0.2,
        handletextpad=0.3,
    )


def warn(figure: Figure, generated: bool) -> None:
    """Say on the picture itself, which travels without the table, that its data are made up."""
    if generated:
        figure.supxlabel("Generated data: says nothing about iMiGUE.", fontsize=8, color=SOFT)
