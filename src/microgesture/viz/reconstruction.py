"""What a pre-training told of hidden tokens, drawn beside what was there; and its curve."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from microgesture.data.layouts import Layout
from microgesture.viz.style import FAINT, MARKS, open_figure

SHOWN = 4
"""Patches in time that are drawn of a window."""
MAGNIFIED = 4
"""Times by which movements are drawn larger than they are."""
SEEN, HIDDEN = MARKS[0][0], MARKS[1][0]


def plot_pretraining(metrics: dict[str, Any], path: str | Path) -> None:
    """Draw the error of a pre-training by epoch, from its ``metrics.json``."""
    numbers = [one["epoch"] for one in metrics["epochs"]]
    with open_figure(path, 5.2, 2.9) as figure:
        axes = figure.add_subplot()
        for split, name, (colour, marker) in (
            ("train", "learned from", MARKS[0]),
            ("val", "validation", MARKS[1]),
        ):
            values = [one.get(f"{split}_loss", np.nan) for one in metrics["epochs"]]
            if np.isfinite(values).any():
                single = marker if len(numbers) == 1 else ""
                axes.plot(numbers, values, color=colour, linewidth=1.5, label=name, marker=single)
        axes.set_xlabel("Epoch")
        axes.set_ylabel("Error on hidden tokens")
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.legend(fontsize=8)
        axes.set_title(metrics["name"], fontweight="normal")


def plot_reconstruction(
    windows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    layout: Layout,
    path: str | Path,
) -> None:
    """Draw windows, two rows each: above as they were, below with what was told of hidden tokens.

    Parameters
    ----------
    windows
        Of each, the true points (T, V, 3), those that were told (T, V, 2), and which tokens were
        hidden, bool (S, V).
    layout
    path
        The PNG to write.

    """
    rows = 2 * len(windows)
    with open_figure(path, 2.1 * SHOWN, 2.1 * rows + 0.4) as figure:
        panels = np.array(figure.subplots(rows, SHOWN, squeeze=False))
        for number, (true, told, hidden) in enumerate(windows):
            patch = len(true) // len(hidden)
            places = true[true[..., 2] > 0][:, :2]
            low, high = places.min(axis=0) - 0.1, places.max(axis=0) + 0.1
            for column, at in enumerate(most_moving(true, hidden)):
                frames = slice(at * patch, (at + 1) * patch)
                for row, points in enumerate((true[..., :2], told)):
                    axes = panels[2 * number + row, column]
                    found = true[frames, :, 2] > 0
                    _draw(axes, points[frames], found, np.logical_and(hidden[at], row), layout)
                    axes.set_xlim(low[0], high[0])
                    axes.set_ylim(high[1], low[1])
                    axes.set_aspect("equal")
                    axes.set_xticks([])
                    axes.set_yticks([])
                panels[2 * number, column].set_title(
                    f"frames {frames.start} to {frames.stop - 1}", fontsize=8
                )
            for row, name in enumerate(("as it was", "told")):
                panels[2 * number + row, 0].set_ylabel(name)
        handles = [
            Line2D([], [], color=SEEN, label="seen"),
            Line2D([], [], color=HIDDEN, label="hidden, and told"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
        figure.suptitle(f"Movements drawn {MAGNIFIED} times as large", fontsize=9)


def most_moving(true: np.ndarray, hidden: np.ndarray) -> list[int]:
    """Patches in time in which hidden tokens move most, in order, `SHOWN` at most."""
    patches = true.reshape(len(hidden), -1, *true.shape[1:])
    found = (patches[..., 2] > 0).all(axis=1)
    moved = np.ptp(patches[..., :2], axis=1).sum(axis=2)
    most = np.where(found & hidden, moved, 0).sum(axis=1)
    return sorted(np.argsort(-most, kind="stable")[:SHOWN].tolist())


def _draw(
    axes: Axes, points: np.ndarray, found: np.ndarray, told: np.ndarray, layout: Layout
) -> None:
    """One patch: the skeleton of its last frame, and the magnified path of every joint."""
    there: np.ndarray = np.all(found, axis=0)
    kept = there[layout.edges].all(axis=1)
    axes.add_collection(LineCollection(list(points[-1][layout.edges[kept]]), color=FAINT, zorder=1))
    for joint in np.flatnonzero(there):
        path = points[0, joint] + MAGNIFIED * (points[:, joint] - points[0, joint])
        colour = HIDDEN if told[joint] else SEEN
        axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.4, zorder=2)
        axes.plot(*path[-1], marker="o", color=colour, markersize=2.2, zorder=3)
