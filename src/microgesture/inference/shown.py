"""What a trained variant is shown of a clip, for pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgesture.data.clip_file import prepared_points
from microgesture.data.store import Clip
from microgesture.inference.build import Trained, drawn_heatmaps, heatmap_stream, is_cached
from microgesture.inference.clips import prepare_for

DRAWING = ("size", "sigma", "padding", "short_limbs")


@dataclass(frozen=True)
class Shown:
    """A clip as a variant's network gets it in testing.

    Attributes
    ----------
    points : ndarray, float32 (T, V, 3)
        Of its layout, cleaned and on its timeline.
    drawing : dict
        ``stream`` and those of `DRAWING` that its heatmaps are drawn with; only the padding for a
        network that is fed points.
    note : str
        Says so, and what the picture does not show.

    """

    points: np.ndarray
    drawing: dict[str, Any]
    note: str


def shown_to(trained: Trained, clip: Clip) -> Shown:
    """What a variant is shown of a clip."""
    config, made = trained.config, trained.metadata["preparation"]
    records, _ = prepare_for(trained, [clip])
    points = prepared_points(records, 0)
    length, taken = (
        made.get("length"),
        f"{config.temporal} takes {config.length} of these frames",
    )
    aligned = f"aligned to {length} frames" if length else f"not aligned ({taken})"
    note = f"as {config.variant} is shown it: cleaned, {aligned}"
    if config.model != "posec3d":
        fed = "means over time" if config.model == "trees" else config.stream or "joint"
        note += f"; fed as points ({fed}), heatmaps only here"
        padding = {} if config.padding is None else {"padding": config.padding}
        return Shown(points, padding, note)
    given = made
    if not is_cached(config):
        given = {**drawn_heatmaps(config).given(), "stream": heatmap_stream(config)}
    drawing = {key: given[key] for key in ("stream", *DRAWING) if key in given}
    if config.parts:
        note += f"; heatmaps here in one box, its own of {', '.join(config.parts)} are not"
    return Shown(points, drawing, note)
