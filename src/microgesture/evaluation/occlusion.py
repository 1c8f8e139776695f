"""Occlusion maps of a variant's runs, read and averaged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json

CLASS_MAPS = 5
"""Classes that get an occlusion map of their own: those with most clips."""


@dataclass(frozen=True)
class Occlusion:
    """How far hiding joints during a window lowers the true class's probability.

    Attributes
    ----------
    joints
        J names, of joints or of parts of the body.
    windows
        (W, 2), shares of the clip: start and end.
    fall
        (J, W), mean over clips and runs.
    by_class
        The same for some classes.
    clips
        Clips in each run, at most.
    runs
        How many were averaged.

    """

    joints: tuple[str, ...]
    windows: np.ndarray
    fall: np.ndarray
    by_class: dict[str, np.ndarray]
    clips: int
    runs: int


def mean_occlusion(files: Sequence[Path]) -> Occlusion:
    """Average the runs of a variant, each counting as much as it has clips (of the class)."""
    maps = [read_json(path) for path in files]
    first = maps[0]
    shape = (len(first["joints"]), len(first["windows"]))
    for path, one in zip(files, maps, strict=True):
        found = np.array(one["fall"], dtype=float)
        if one["joints"] != first["joints"] or found.shape != shape:
            raise InputError(
                f"{path}: hides {len(one['joints'])} joints and has a map of shape {found.shape}, "
                f"{files[0]} has {shape}; measure all runs with the same settings"
            )
    clips = np.array([one["clips"] for one in maps], dtype=float)
    counts: Counter[str] = Counter()
    for one in maps:
        counts.update(one["clips_by_class"])
    by_class = {
        name: sum(
            one["clips_by_class"][name] / count * np.array(one["by_class"][name], dtype=float)
            for one in maps
            if name in one["by_class"]
        )
        for name, count in counts.most_common(CLASS_MAPS)
    }
    return Occlusion(
        joints=tuple(first["joints"]),
        windows=np.array(first["windows"], dtype=float),
        fall=np.average(np.array([one["fall"] for one in maps], float), axis=0, weights=clips),
        by_class=by_class,
        clips=int(clips.max()),
        runs=len(maps),
    )
