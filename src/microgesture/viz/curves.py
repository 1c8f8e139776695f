"""The course of a training, drawn from a run's metrics.

Apart from the other figures, so that a change to those does not touch what a training depends on.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from microgesture.utils.errors import InputError
from microgesture.viz.style import MARKS, SOFT, open_figure


def plot_curve(metrics: dict[str, Any], path: str | Path) -> None:
    """Draw loss and top-1 by epoch, training and validation, with the epoch that was kept.

    Parameters
    ----------
    metrics
        Content of a run's ``metrics.json``: ``epochs``, a list with ``epoch``, ``train_loss``,
        ``train_top1``, ``val_loss``, ``val_top1`` (accuracies as fractions; a validation value may
        be missing or None), ``best_epoch``, and ``variant`` and ``seed`` for the title.
    path
        The PNG to write.

    """
    epochs = metrics.get("epochs") or []
    if not epochs:
        raise InputError("metrics: no epochs to draw; expected a list under `epochs`")
    numbers = np.array([one["epoch"] for one in epochs])
    best = metrics.get("best_epoch")
    with open_figure(path, 7.2, 2.9) as figure:
        panels = figure.subplots(1, 2)
        for axes, what, scale, label in zip(
            panels, ("loss", "top1"), (1.0, 100.0), ("Loss", "Top-1 accuracy (%)"), strict=True
        ):
            for split, (colour, marker) in zip(("train", "val"), MARKS[:2], strict=True):
                found = [one.get(f"{split}_{what}") for one in epochs]
                values = np.array([np.nan if one is None else scale * one for one in found])
                name = {"train": "training", "val": "validation"}[split]
                single = marker if len(epochs) == 1 else ""
                axes.plot(numbers, values, color=colour, linewidth=1.5, label=name, marker=single)
                if split == "val" and best in numbers:
                    kept = values[numbers == best][0]
                    axes.plot(best, kept, marker="o", color=colour, markeredgecolor="white", ms=7)
            if best in numbers:
                axes.axvline(best, color=SOFT, linestyle=(0, (2, 2)), linewidth=0.9, zorder=0)
            axes.set_xlabel("Epoch")
            axes.set_title(label, fontweight="normal")
            axes.grid(axis="y")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        panels[1].set_ylim(0, None)
        handles, _ = panels[0].get_legend_handles_labels()
        if best in numbers:
            kept_line = Line2D([], [], color=SOFT, linestyle=(0, (2, 2)), linewidth=0.9)
            kept_line.set_label(f"kept: epoch {best}")
            handles.append(kept_line)
        panels[1].legend(handles=handles, loc="lower right", fontsize=8)
        title = [metrics.get("variant"), f"seed {metrics['seed']}" if "seed" in metrics else None]
        figure.suptitle(", ".join(part for part in title if part), x=0.01, ha="left", fontsize=10)
