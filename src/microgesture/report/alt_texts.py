"""What the figures show, in a sentence for those who do not see them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from microgesture.evaluation.rows import Evaluation, Row
from microgesture.utils.text import human_count, human_time

_DAMAGE = {
    "drop": "points lost",
    "jitter": "points moved",
    "occlude": "a body part hidden",
    "detector": "another detector simulated",
    "video_drop": "frames of video lost",
    "video_blur": "video blurred",
    "video_darken": "video darkened",
    "video_occlude": "a square of the picture hidden",
    "video_shift": "video ahead of the skeletons",
}


def _ends(values: Mapping[str, float]) -> tuple[str, str]:
    """Names of the lowest and of the highest value."""
    return min(values, key=lambda name: values[name]), max(values, key=lambda name: values[name])


def ablation(evaluation: Evaluation) -> str:
    """Top-1 of all rows."""
    scores = {row.title: row.top1 for row in evaluation.rows}
    low, high = _ends(scores)
    if low == high:
        return f"Top-1 of {high}: {scores[high]:.1f} percent; chance is {evaluation.chance:.1f}."
    return (
        f"Top-1 of {len(evaluation.rows)} rows, from {scores[low]:.1f} percent ({low}) to "
        f"{scores[high]:.1f} percent ({high}); chance is {evaluation.chance:.1f}."
    )


def courses(runs: Mapping[str, Sequence[Mapping[str, Any]]], what: str) -> str:
    """``top1`` or ``loss`` by epoch; ``runs`` as `comparisons.plot_courses` takes them."""
    name, scale, unit = {"top1": ("Top-1", 100.0, " percent"), "loss": ("Loss", 1.0, "")}[what]
    start = f"{name} by epoch on training and validation clips, a panel a variant"
    kept = {}
    for title, of in runs.items():
        values = [
            epoch.get(f"val_{what}")
            for one in of
            for epoch in one["epochs"]
            if epoch["epoch"] == one.get("best_epoch")
        ]
        if values and None not in values:
            kept[title] = scale * float(np.mean(values))
    if not kept:
        return f"{start}."
    low, high = _ends(kept)
    if low == high:
        return f"{start}; on validation, the epoch kept has {kept[high]:.1f}{unit}."
    return (
        f"{start}; on validation, the epochs kept have from {kept[low]:.1f}{unit} ({low}) to "
        f"{kept[high]:.1f}{unit} ({high})."
    )


def recalls(evaluation: Evaluation, shown: Row, order: str) -> str:
    """Recall of each class; ``order`` says what the classes are sorted by."""
    present = np.flatnonzero(evaluation.counts)
    recall = 100 * shown.recall
    never = int((recall[present] == 0).sum())
    best = present[np.argsort(-recall[present], kind="stable")][:3]
    named = ", ".join(f"{evaluation.classes[k]} ({recall[k]:.0f} percent)" for k in best)
    return (
        f"Recall of each of {len(evaluation.classes)} classes, by {order}. {shown.title} "
        f"recognises best: {named}; never recognised: {never} of {len(present)} with clips."
    )


def confusion(shown: Row, pairs: Sequence[Mapping[str, str]]) -> str:
    """What classes are taken for; ``pairs`` with ``true``, ``taken`` and ``share``."""
    text = f"Confusion matrix of {shown.title}: {shown.top1:.1f} percent of the clips are right"
    if not pairs:
        return f"{text}."
    first = pairs[0]
    return f"{text}; most errors: {first['true']} taken for {first['taken']} ({first['share']})."


def robustness(measured: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Top-1 of every variant at the strongest of each damage."""
    parts = []
    for kind, name in _DAMAGE.items():
        of = measured[measured.kind == kind]
        if of.empty:
            continue
        strongest = of[of.level == of.level.max()]
        left = {
            titles[variant]: 100 * float(np.average(one.top1, weights=one.clips))
            for variant, one in strongest.groupby("variant", sort=False)
        }
        low, high = _ends(left)
        spread = (
            f"{left[high]:.1f} percent"
            if low == high
            else f"{left[low]:.1f} ({low}) to {left[high]:.1f} percent ({high})"
        )
        parts.append(f"{name} at {of.level.max():g}: {spread}")
    return f"Top-1 of every variant on damaged clips. At the strongest damage, {'; '.join(parts)}."


def cost(evaluation: Evaluation) -> str:
    """Top-1 against parameters and training time."""
    cheapest = min(evaluation.rows, key=lambda row: float(np.mean(row.seconds)))
    best = max(evaluation.rows, key=lambda row: row.top1)
    named = [("Fastest to train", cheapest), ("highest", best)]
    told = [
        f"{what}: {row.title}, {human_count(row.parameters)} parameters, "
        f"{human_time(float(np.mean(row.seconds)))}, {row.top1:.1f} percent"
        for what, row in named
    ]
    return f"Top-1 against parameters and training time of every row. {'; '.join(told)}."
