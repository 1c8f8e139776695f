"""What a detector sees of a recording's frames, apart from where in the picture a person is."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from microgesture.data.layouts import Layout

CHANNELS = 5
SAMPLED = 4096
"""Frames, taken evenly, that tell the body's size of a longer recording: memory stays flat."""
SHORT, LONG = 9, 49
"""Frames over which motion is averaged."""


def body_size(points: np.ndarray) -> float:
    """Median over the frames of how far the found points spread, in pixels.

    Parameters
    ----------
    points : ndarray, float32 (T, V, 3)

    Returns
    -------
    float
        Root of the mean squared distance of a frame's points from their mean; 1 without points.

    """
    points = points[:: max(len(points) // SAMPLED, 1)]
    found = points[..., 2] > 0
    count = found.sum(axis=1)
    enough = count >= 2
    if not enough.any():
        return 1.0
    place, found, count = points[enough, :, :2], found[enough], count[enough]
    mean = (place * found[..., None]).sum(axis=1) / count[:, None]
    squared = (((place - mean[:, None]) ** 2).sum(axis=2) * found).sum(axis=1) / count
    return float(np.median(np.sqrt(squared))) or 1.0


def features(points: np.ndarray, layout: Layout, size: float) -> np.ndarray:
    """Numbers of every joint in every frame, float32 (T, V, 5).

    x and y from the layout's center, or from the mean of what was found where the center was not;
    how x and y changed since the frame before; and whether the joint was found. Lengths are in body
    sizes; all is 0 of a joint that was not found, and the change also of one that was not found
    before.

    Parameters
    ----------
    points : ndarray, float32 (T, V, 3)
        Cleaned points of the layout, pixels.
    layout : Layout
    size : float
        See `body_size`.

    """
    found = points[..., 2] > 0
    place = points[..., :2] / np.float32(size)
    mean = (place * found[..., None]).sum(axis=1) / np.maximum(found.sum(axis=1), 1)[:, None]
    root = np.where(found[:, layout.center, None], place[:, layout.center], mean)
    seen = np.zeros((*points.shape[:2], CHANNELS), np.float32)
    seen[..., :2] = np.where(found[..., None], place - root[:, None], 0)
    both = found[1:] & found[:-1]
    seen[1:, :, 2:4] = np.where(both[..., None], place[1:] - place[:-1], 0)
    seen[..., 4] = found
    return seen


def motion(points: np.ndarray, size: float) -> np.ndarray:
    """Mean change of the found joints around each frame, float32 (T, 2): short and long average."""
    found = points[..., 2] > 0
    both = found[1:] & found[:-1]
    step = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=2) / size
    speed = np.zeros(len(points), np.float32)
    speed[1:] = (step * both).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    return np.column_stack(
        [uniform_filter1d(speed, frames, mode="nearest") for frames in (SHORT, LONG)]
    )


def turned_by(seen: np.ndarray, degrees: float) -> np.ndarray:
    """Features turned in the picture about the center."""
    angle = np.deg2rad(degrees)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    turned = seen.copy()
    for x, y in ((0, 1), (2, 3)):
        turned[..., x] = seen[..., x] * cos - seen[..., y] * sin
        turned[..., y] = seen[..., x] * sin + seen[..., y] * cos
    return turned


def mirrored(seen: np.ndarray, layout: Layout) -> np.ndarray:
    """Features of the mirror image."""
    turned = seen[..., layout.flip, :].copy()
    turned[..., 0] *= -1
    turned[..., 2] *= -1
    return turned
