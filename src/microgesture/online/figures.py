"""Figures of detectors: F1 by overlap, errors of starts and ends, and what became of gestures."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from microgesture.data import paths
from microgesture.online.comparison import SAID_OUTCOMES, Comparison
from microgesture.online.matching import FOUND, outcomes
from microgesture.online.metrics import OVERLAPS, border_errors
from microgesture.viz.style import MARKS, SOFT, open_figure, series

FARTHEST = 20
"""Frames beyond which errors of borders are drawn as one."""


def draw_figures(compared: Comparison, results: Path) -> list[Path]:
    """Draw all figures beside the table; returns their files."""
    drawn = (_f1, _borders, _outcomes)
    files = [results / paths.online_figure(name) for name in paths.ONLINE_FIGURES]
    for draw, path in zip(drawn, files, strict=True):
        draw(compared, path)
    return files


def _f1(compared: Comparison, path: Path) -> None:
    with open_figure(path, 6.4, 3.6) as figure:
        axes = figure.add_subplot()
        for place, one in enumerate(compared.test):
            axes.plot(
                OVERLAPS, one.curve.mean(axis=0), label=one.title, markersize=4, **series(place)
            )
        axes.axvline(0.3, color=SOFT, linewidth=0.8, linestyle=":")
        axes.set(xlabel="Overlap above which a gesture is found", ylabel="F1, %", ylim=(0, None))
        axes.grid(axis="y")
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


def _borders(compared: Comparison, path: Path) -> None:
    one = compared.test[compared.best]
    late = np.concatenate([border_errors(one.labelled, run) for run in one.seeds])
    with open_figure(path, 6.4, 2.7) as figure:
        panels = np.atleast_1d(figure.subplots(1, 2, sharey=True))
        for axes, values, name, (colour, _) in zip(
            panels, np.clip(late, -FARTHEST, FARTHEST).T, ("Start", "End"), MARKS, strict=False
        ):
            axes.hist(values, bins=np.arange(-FARTHEST - 1, FARTHEST + 3, 2), color=colour)
            axes.axvline(0, color=SOFT, linewidth=0.8)
            axes.set_xlabel(f"{name}: frames too late")
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_ylabel("Found gestures")
        figure.suptitle(one.title, fontsize=9)


def _outcomes(compared: Comparison, path: Path) -> None:
    """Segments of every detector by what became of them, and how many gestures there are."""
    counts = np.array(
        [
            [
                sum(
                    outcomes(whole.segments, run[whole.recording]).predicted.count(word)
                    for run in one.seeds
                    for whole in one.labelled
                )
                / len(one.seeds)
                for word in SAID_OUTCOMES
            ]
            for one in compared.test
        ]
    )
    places = np.arange(len(counts))[::-1]
    gestures = sum(len(one.segments) for one in compared.test[0].labelled)
    with open_figure(path, 6.4, 0.9 + 0.32 * len(counts)) as figure:
        axes = figure.add_subplot()
        left = np.zeros(len(counts))
        for column, word in enumerate(SAID_OUTCOMES):
            colour = "#009E73" if word == FOUND else (*MARKS, ("#999999", ""))[column][0]
            axes.barh(places, counts[:, column], left=left, color=colour, label=word, height=0.7)
            left += counts[:, column]
        axes.axvline(gestures, color=SOFT, linewidth=1, linestyle="--")
        axes.set_yticks(places, [one.title for one in compared.test], fontsize=8)
        axes.set_xlabel("Segments (dashed: gestures there are)")
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
