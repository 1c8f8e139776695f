"""What a trained model looks at: hide joints for a while and see how its certainty falls.

Occlusion as Zeiler & Fergus 2014 did it to pictures, done to joints and time. Hidden is done after
cleaning and alignment, as to a joint that was never found, so no gap is filled in again. As there,
the box around the clip's visible points is then drawn without them: hiding the joint that reaches
furthest out all the time also shifts and enlarges the rest a little.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from microgesture.data.clip_file import Clips, MemoryRecords, prepared_points
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import Layout
from microgesture.data.store import iter_store
from microgesture.inference.build import Trained
from microgesture.inference.clips import prepare_for, prepared_probabilities
from microgesture.settings.probing import OcclusionStep, Testing
from microgesture.utils.errors import InputError

CLASSES = 5
"""Classes that get a map of their own: the most frequent ones."""


def joint_groups(layout: Layout, kind: Literal["joint", "region"]) -> dict[str, list[int]]:
    """Joints that are hidden together, by name.

    Parameters
    ----------
    layout : Layout
    kind : {'joint', 'region'}
        Each joint alone, or the regions of the body that the layout has joints of; they overlap.

    """
    if kind == "joint":
        return {name: [number] for number, name in enumerate(layout.joints)}
    regions = KEYPOINT_FORMATS[layout.source].regions
    groups = {
        name: np.flatnonzero(np.isin(layout.points, points)).tolist()
        for name, points in regions.items()
    }
    return {name: joints for name, joints in groups.items() if joints}


def spans(num_frames: int, windows: int) -> list[tuple[int, int]]:
    """First frame and one past the last of every window; empty ones where frames are too few."""
    bounds = np.round(np.linspace(0, num_frames, windows + 1)).astype(int).tolist()
    return list(pairwise(bounds))


def choose(tests: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most so many clips, from all classes alike.

    The first of every class by clip id, then the second of every class and so on; classes in id
    order.
    """
    ranked = tests.sort_values("clip_id", kind="stable")
    turn = ranked.groupby("label").cumcount()
    return ranked.assign(turn=turn).sort_values(["turn", "label"], kind="stable").head(count)


def occlusion_map(
    trained: Trained,
    skeletons: Path,
    tests: pd.DataFrame,
    config: OcclusionStep,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> dict[str, Any]:
    """How far the true class's probability falls when joints are hidden during a window.

    Parameters
    ----------
    trained : Trained
    skeletons : Path
    tests : DataFrame
        See `microgesture.probing.test_clips.labelled_tests`.
    config : OcclusionStep
        Of the clips that are chosen (`choose`), those without a visible point are left out.
    progress : callable
        Wraps the rows of the chosen clips.

    Returns
    -------
    dict
        ``variant``, ``joints`` (names of the groups), ``windows`` ([start, end] in shares of the
        clip), ``fall`` (a list of windows for each group: probability of the true class before,
        less that after hiding, averaged over clips), ``by_joint`` and ``by_window`` (its means),
        ``by_class`` (the same as ``fall`` for the most frequent classes that were chosen),
        ``clips`` and ``clips_by_class`` (how many were averaged). Rounded to 6 digits.

    """
    groups = joint_groups(trained.layout, config.groups)
    windows = config.windows
    chosen = choose(tests, config.clips)
    wanted = set(chosen["clip_id"])
    label_of = dict(zip(tests["clip_id"], tests["label"].tolist(), strict=True))
    clips = (clip for clip in iter_store(skeletons) if clip.clip_id in wanted)
    records, empty = prepare_for(trained, clips)
    rows = np.flatnonzero(~records.index["clip_id"].isin(empty)).tolist()
    if not rows:
        raise InputError(f"{skeletons}: none of the {len(wanted)} clips shows a visible point")
    labels = np.array([label_of[records.index["clip_id"][row]] for row in rows])
    falls = np.stack(
        [
            clip_fall(trained, records, row, label, list(groups.values()), windows, config.testing)
            for row, label in zip(progress(rows), labels.tolist(), strict=True)
        ]
    )
    mean = falls.mean(axis=0)
    names = trained.metadata["classes"]
    often = np.bincount(tests["label"], minlength=len(names))
    present = [k for k in np.argsort(-often, kind="stable").tolist() if k in labels][:CLASSES]
    return {
        "variant": trained.config.variant,
        "joints": list(groups),
        "windows": [[k / windows, (k + 1) / windows] for k in range(windows)],
        "fall": _rounded(mean),
        "by_joint": _rounded(mean.mean(axis=1)),
        "by_window": _rounded(mean.mean(axis=0)),
        "by_class": {names[k]: _rounded(falls[labels == k].mean(axis=0)) for k in present},
        "clips": len(rows),
        "clips_by_class": {names[k]: int((labels == k).sum()) for k in present},
    }


def _rounded(values: np.ndarray) -> list[Any]:
    # adding 0 turns -0.0 into 0.0
    return (np.round(values.astype(float), 6) + 0.0).tolist()


def clip_fall(
    trained: Trained,
    records: Clips,
    row: int,
    label: int,
    groups: list[list[int]],
    windows: int,
    testing: Testing,
) -> np.ndarray:
    """Fall of the true class's probability of one clip, float64 (groups, windows).

    Where a group is not seen in a window anyway nothing changes, and nothing is predicted.
    """
    points, times = prepared_points(records, row), spans(records.index["num_frames"][row], windows)
    cells = [
        (group, window)
        for group, joints in enumerate(groups)
        for window, (start, end) in enumerate(times)
        if (points[start:end, joints, 2] > 0).any()
    ]

    def hidden() -> Iterator[np.ndarray]:
        yield points
        for group, window in cells:
            without = points.copy()
            without[slice(*times[window]), groups[group]] = 0
            yield without

    versions = _versions(records, row, hidden())
    probabilities = prepared_probabilities(trained, versions, testing)
    said = probabilities[:, label].astype(float)
    fall = np.zeros((len(groups), windows))
    for cell, left in zip(cells, said[1:], strict=True):
        fall[cell] = said[0] - left
    return fall


def _versions(records: Clips, row: int, versions: Iterable[np.ndarray]) -> MemoryRecords:
    """Versions of one clip's points as clips of their own."""
    entry: dict[Any, Any] = records.index.iloc[row].to_dict()
    return MemoryRecords(
        records.metadata,
        (
            {**entry, "clip_id": str(number), "blobs": [points.tobytes()]}
            for number, points in enumerate(versions)
        ),
    )
