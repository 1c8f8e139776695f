"""What a checkpoint states of its training clips: quantiles over them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data.keypoints import OPENPOSE
from microgesture.data.layouts import Layout

STATISTICS = (
    "fps",
    "seconds",
    "width",
    "extent",
    "height_share",
    "spread",
    "motion",
    "tilt",
    "score",
    "joints",
)
QUANTILES = (0.01, 0.5, 0.99)
PARTS = {"face": range(25, 95), "hands": range(95, 137)}
"""Points of OpenPose that it looks for only when asked to."""


def training_profile(index: pd.DataFrame, layout: Layout) -> dict[str, Any] | None:
    """What a checkpoint states of the clips of the split ``train``, see `summarise_profiles`.

    Parameters
    ----------
    index : DataFrame
        Of a `microgesture.data.clip_file.Records`, after folds have given the splits. None comes
        back where its clips carry no numbers, as in files that were not made by `prepare_clips`.

    """
    stored = index.loc[index["split"] == "train", "profile"]
    if stored.isna().any():
        return None
    return summarise_profiles([np.frombuffer(one, np.float32) for one in stored], layout)


def summarise_profiles(profiles: Iterable[np.ndarray], layout: Layout) -> dict[str, Any] | None:
    """Quantiles of clips' numbers, as a checkpoint states them; None without clips.

    Parameters
    ----------
    profiles : iterable of ndarray
        See `microgesture.preprocessing.profile.clip_profile`, of clips that were learned from.
    layout : Layout

    Returns
    -------
    dict
        ``clips``: how many. ``statistics``: for each of `STATISTICS` its `QUANTILES` over the clips
        in which it could be measured, or None. ``found``: for each joint the quantiles of the share
        of frames that show it. ``never``: for each of `PARTS` of which the layout has joints, the
        share of clips that never show any of them.

    """
    table = np.array(list(profiles), float)
    if not len(table):
        return None
    own, shares = table[:, : len(STATISTICS)], table[:, len(STATISTICS) :]
    columns = zip(STATISTICS, own.T, strict=True)
    return {
        "clips": len(table),
        "statistics": {name: _quantiles(column[np.isfinite(column)]) for name, column in columns},
        "found": [_quantiles(column) for column in shares.T],
        "never": {
            part: _short((shares[:, places] == 0).all(axis=1).mean())
            for part, places in part_joints(layout).items()
        },
    }


def part_joints(layout: Layout) -> dict[str, list[int]]:
    """Joints of the layout in each of `PARTS`, of which it has any."""
    if layout.source != OPENPOSE.name:
        return {}
    numbered = list(enumerate(layout.points.tolist()))
    parts = {name: [v for v, point in numbered if point in PARTS[name]] for name in PARTS}
    return {name: joints for name, joints in parts.items() if joints}


def _quantiles(values: np.ndarray) -> list[float] | None:
    return [_short(v) for v in np.quantile(values, QUANTILES)] if len(values) else None


def _short(value: float) -> float:
    """Four significant digits: what else differs between machines' arithmetic says nothing."""
    return float(f"{value:.4g}")
