"""How accuracy falls when points are lost, tremble or are hidden at test time."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.store import Clip, iter_store
from microgesture.evaluation.metrics import predicted_classes
from microgesture.inference.build import Trained
from microgesture.inference.clips import clip_probabilities
from microgesture.probing.corruption import KINDS, check_level, corrupt
from microgesture.settings.probing import RobustnessStep, Testing
from microgesture.utils.files import write_text

NONE = "none"
CHUNK = 128
"""Clips prepared at once, so that memory does not grow with the set."""


@dataclass(frozen=True)
class Measured:
    """Accuracy under one kind of damage at one level; fractions of 1."""

    kind: str
    level: float
    clips: int
    top1: float
    mean_class: float


def measure(
    trained: Trained,
    skeletons: Path,
    tests: pd.DataFrame,
    config: RobustnessStep,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Iterator[Measured]:
    """Accuracy on untouched clips (kind ``none``), then under every kind and level.

    Damaged clips go the whole way of the workflow, cleaning included. A clip of which no visible
    point is left counts as wrong: whatever the network would say of emptiness was not recognised.

    Parameters
    ----------
    trained : Trained
    skeletons : Path
    tests : DataFrame
        See `microgesture.probing.test_clips.labelled_tests`.
    config : RobustnessStep
        Levels of every kind, see `microgesture.probing.corruption`.
    progress : callable
        Wraps the list of conditions.

    """
    conditions = [(NONE, 0.0)]
    conditions += [(kind, float(level)) for kind in KINDS for level in getattr(config, kind)]
    for kind, level in conditions[1:]:
        check_level(kind, level)
    labels = tests["label"].to_numpy()
    wanted = set(tests["clip_id"])
    order = KEYPOINT_FORMATS[trained.layout.source]
    for kind, level in progress(conditions):
        clips: Iterable[Clip] = (c for c in iter_store(skeletons) if c.clip_id in wanted)
        if kind != NONE:
            damage = partial(corrupt, kind=kind, level=level, seed=config.seed, order=order)
            clips = map(damage, clips)
        right = _recognised(trained, clips, labels, config.testing)
        yield Measured(kind, level, len(labels), *accuracies(right, labels))


def _recognised(
    trained: Trained, clips: Iterable[Clip], labels: np.ndarray, testing: Testing
) -> np.ndarray:
    """Whether each clip gets its own class, bool (N,); labels are in the order of the clips."""
    right = np.zeros(len(labels), bool)
    waiting, start = iter(clips), 0
    while chunk := list(islice(waiting, CHUNK)):
        probabilities, empty = clip_probabilities(trained, chunk, testing)
        rows = slice(start, start + len(chunk))
        shown = ~np.isin([clip.clip_id for clip in chunk], empty)
        right[rows] = (predicted_classes(probabilities) == labels[rows]) & shown
        start += len(chunk)
    return right


def accuracies(right: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Share of right clips, over all and as the mean over the classes that occur."""
    count = np.bincount(labels)
    hits = np.bincount(labels, weights=right)
    return float(right.mean()), float(np.mean(hits[count > 0] / count[count > 0]))


def write_measured(path: Path, rows: Iterable[Measured]) -> None:
    """Write a CSV file: kind, level, clips, top1, mean_class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kind", "level", "clips", "top1", "mean_class"])
    for row in rows:
        accuracy = [f"{row.top1:.6f}", f"{row.mean_class:.6f}"]
        writer.writerow([row.kind, f"{row.level:g}", row.clips, *accuracy])
    write_text(path, text.getvalue())
