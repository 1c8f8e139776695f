"""How accuracy falls when points are lost, tremble, are hidden or another detector's at test."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data.clip_file import Clips
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.store import Clip, iter_store
from microgesture.evaluation.metrics import predicted_classes
from microgesture.inference.clips import clip_probabilities
from microgesture.probing.corruption import KINDS, check_level, corrupt
from microgesture.probing.test_clips import Probed
from microgesture.probing.video_corruption import corrupted_crops
from microgesture.settings.probing import RobustnessStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_text

NONE = "none"
VIDEO = "video_"
"""What kinds of damage to crops begin with."""
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
    probed: Probed,
    config: RobustnessStep,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Iterator[Measured]:
    """Accuracy on untouched clips (kind ``none``), then under every kind and level.

    Damaged clips go the whole way of the workflow, cleaning included. A clip of which no visible
    point is left counts as wrong: whatever the network would say of emptiness was not recognised.

    Parameters
    ----------
    probed : Probed
    config : RobustnessStep
        Levels of every kind, see `microgesture.probing.corruption`; those of ``video``, see
        `microgesture.probing.video_corruption`, are measured of networks that read video.
    progress : callable
        Wraps the list of conditions.

    Raises
    ------
    InputError
        For a level that means nothing, and without crops where they are needed.

    """
    trained, crops = probed.trained, probed.crops
    sees = [part.skeleton is None for part in trained.parts]
    orders = [part.layout.source for part in trained.parts if part.skeleton is not None]
    if any(sees) and crops is None:
        raise InputError(f"{trained.path}: reads video; give the manifest of its crops as --crops")
    conditions = [(NONE, 0.0)]
    if not all(sees):
        conditions += [(kind, float(level)) for kind in KINDS for level in getattr(config, kind)]
    for kind, level in conditions[1:]:
        check_level(kind, level)
    if any(sees):
        levels = config.video.model_dump()
        conditions += [(f"{VIDEO}{kind}", float(one)) for kind in levels for one in levels[kind]]
    labels = probed.clips["label"].to_numpy()
    for kind, level in progress(conditions):
        right = np.zeros(len(labels), bool)
        for rows, clips in _chunks(probed.skeletons, probed.clips):
            shown = None
            if crops is not None and any(sees):
                what = kind.removeprefix(VIDEO) if kind.startswith(VIDEO) else None
                shown = corrupted_crops(crops, _places(crops, clips), what, level, config.seed)
            if kind in KINDS:
                order = KEYPOINT_FORMATS[orders[0]]
                clips = [corrupt(clip, kind, level, config.seed, order) for clip in clips]
            said, empty = clip_probabilities(trained, clips, config.testing, shown)
            there = ~np.isin([clip.clip_id for clip in clips], empty)
            right[rows] = (predicted_classes(said) == labels[rows]) & there
        yield Measured(kind, level, len(labels), *accuracies(right, labels))


def _chunks(skeletons: Path, tests: pd.DataFrame) -> Iterator[tuple[slice, list[Clip]]]:
    """Some of the clips after the other, and their rows among all, which are in file order."""
    wanted, start = set(tests["clip_id"]), 0
    waiting = (clip for clip in iter_store(skeletons) if clip.clip_id in wanted)
    while chunk := list(islice(waiting, CHUNK)):
        yield slice(start, start + len(chunk)), chunk
        start += len(chunk)


def _places(crops: Clips, clips: Iterable[Clip]) -> list[int]:
    """Rows of clips in the crops file."""
    place = {name: row for row, name in enumerate(crops.index["clip_id"])}
    if missing := [clip.clip_id for clip in clips if clip.clip_id not in place]:
        raise InputError(f"{crops.path}: has no clip {missing[0]}; give the crops of this store")
    return [place[clip.clip_id] for clip in clips]


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
