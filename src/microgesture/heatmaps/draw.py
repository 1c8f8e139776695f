"""Drawing key points as heatmap volumes (PoseC3D, Duan et al. 2022), fast and in readable form.

Everything drawn is a stroke: a joint is one without length, a limb leads from joint to joint, and a
joint's motion from its place in a frame to its place in the next. Cells are those of
`microgesture.heatmaps.grid`.
"""

import math
from typing import Literal

import numpy as np
import torch

from microgesture.heatmaps.kernels import MIN_SCORE, paint
from microgesture.settings.streams import HeatmapStream

ShortLimbs = Literal["min", "start"]
"""Score of a limb shorter than a cell: the smaller of both ends', as of any other, or the first's.

The latter is what PySKL and MMAction2 do, whose limb weights were trained so; there the peak jumps
where a limb's length crosses one cell, and depends on which end an edge names first.
"""

_CHUNK = 1 << 26
"""Cells that `draw_torch` works on at once; a few float32 arrays of this size bound its memory."""


def strokes(
    points: np.ndarray,
    stream: HeatmapStream,
    edges: np.ndarray,
    following: np.ndarray | None = None,
    short_limbs: ShortLimbs = "min",
) -> np.ndarray:
    """What a stream draws, float32 (..., T, C, 5): x and y of both ends, score.

    Parameters
    ----------
    points : ndarray, (..., T, V, 3)
        x, y in heatmap cells, score.
    stream : {'joint', 'limb', 'joint_motion'}
    edges : ndarray, int (E, 2)
        Joints of each limb; used by the limb stream alone.
    following : ndarray, (..., T, V, 3), optional
        The points one frame later, for joint_motion; without them they are the next of ``points``,
        and the last frame's own.
    short_limbs : {'min', 'start'}
        See `ShortLimbs`.

    """
    if stream == "limb":
        start, end = points[..., edges[:, 0], :], points[..., edges[:, 1], :]
    elif stream == "joint":
        start = end = points
    else:
        if following is None:
            following = np.concatenate([points[..., 1:, :, :], points[..., -1:, :, :]], axis=-3)
        start, end = points, following
    drawn = np.empty((*start.shape[:-1], 5), np.float32)
    drawn[..., :2], drawn[..., 2:4] = start[..., :2], end[..., :2]
    drawn[..., 4] = np.minimum(start[..., 2], end[..., 2])
    if stream == "limb" and short_limbs == "start":
        across = drawn[..., 2:4].astype(float) - drawn[..., :2]
        dots = ((across**2).sum(axis=-1) < 1) & (drawn[..., 4] >= MIN_SCORE)
        drawn[..., 4] = np.where(dots, start[..., 2], drawn[..., 4])
    return drawn


def draw(
    persons: np.ndarray,
    stream: HeatmapStream,
    edges: np.ndarray,
    sigma: float,
    out: np.ndarray,
    boxes: np.ndarray | None = None,
    short_limbs: ShortLimbs = "min",
) -> None:
    """Draw a clip's stream into ``out``, overwriting it.

    Points: ``score * exp(-d^2 / (2 sigma^2))`` within 3 sigma cut to whole cells. Limbs and paths:
    the same of the distance to the segment, times the smaller of both scores, within the box
    around both ends grown by 3 sigma; one shorter than a cell is drawn as a point at its start,
    where ``short_limbs`` says with which score.
    Several persons are combined by their maximum. A value below 1e-7 may be left at zero.

    Parameters
    ----------
    persons : ndarray, float32 (M, T, V, 3)
        x, y in heatmap cells, score.
    stream : {'joint', 'limb', 'joint_motion'}
    edges : ndarray, int (E, 2)
        Joints of each limb; used by the limb stream alone.
    sigma : float
        In heatmap cells.
    out : ndarray, float32 (T, C, H, W)
    boxes : ndarray, int32 (T, C, 4), optional
        Top, bottom, left and right of all that is not zero in ``out``: zeros for an empty one, then
        what the last call left here. Only that is cleared, which costs less than clearing all.
    short_limbs : {'min', 'start'}
        See `ShortLimbs`.

    """
    if boxes is None:
        out[...] = 0
        boxes = np.zeros((*out.shape[:2], 4), np.int32)
    paint(strokes(persons, stream, edges, None, short_limbs), sigma, out, boxes)


def draw_torch(
    strokes: torch.Tensor, sigma: float, size: int, points: bool = False
) -> torch.Tensor:
    """Draw a batch of strokes of one person each on their device; equals `draw` to 1e-5.

    Parameters
    ----------
    strokes : Tensor, float32 (N, T, C, 5)
        As `strokes` gives them.
    sigma : float
        In heatmap cells.
    size : int
        Cells a side.
    points : bool
        Whether every stroke begins where it ends, which is quicker; the GPU is not asked.

    Returns
    -------
    Tensor, float32 (N, C, T, size, size)

    """
    count, frames, channels = strokes.shape[:3]
    out = strokes.new_empty((count, channels, frames, size, size), dtype=torch.float32)
    step = max(1, _CHUNK // max(1, frames * channels * size * size))
    with torch.no_grad():
        for start in range(0, count, step):
            part = strokes[start : start + step].transpose(1, 2)
            out[start : start + step] = _draw_torch(part, sigma, size, points)
    return out


def _draw_torch(strokes: torch.Tensor, sigma: float, size: int, points: bool) -> torch.Tensor:
    ax, ay, bx, by, score = strokes.unbind(-1)
    point = (bx - ax).double() ** 2 + (by - ay).double() ** 2 < 1
    bx, by = torch.where(point, ax, bx), torch.where(point, ay, by)
    cells = torch.arange(size, device=strokes.device, dtype=torch.float32)
    column = _seen(ax, bx, sigma, cells)[..., None, :]
    row = _seen(ay, by, sigma, cells)[..., :, None] & (score >= MIN_SCORE)[..., None, None]
    gap_x, gap_y = (cells - ax[..., None])[..., None, :], (cells - ay[..., None])[..., :, None]
    if points:
        square = gap_x**2 * column + gap_y**2
    else:
        dx, dy = (bx - ax)[..., None, None], (by - ay)[..., None, None]
        along = (gap_x * dx + gap_y * dy) / (dx**2 + dy**2).clamp(min=1e-12)
        along.clamp_(0, 1)
        square = (gap_x - along * dx).square_() + (gap_y - along * dy).square_()
    value = square.mul_(-0.5 / sigma**2).exp_().mul_(score[..., None, None])
    return value.mul_(row).mul_(column)


def _seen(a: torch.Tensor, b: torch.Tensor, sigma: float, cells: torch.Tensor) -> torch.Tensor:
    """Cells within the window of strokes from a to b along one axis, as in `_window`."""
    low = torch.trunc(torch.minimum(a, b).double() - 3 * sigma)[..., None]
    high = torch.trunc(torch.maximum(a, b).double() + 3 * sigma)[..., None]
    return (cells >= low) & (cells <= high)


def draw_reference(
    persons: np.ndarray,
    stream: HeatmapStream,
    edges: np.ndarray,
    sigma: float,
    size: tuple[int, int],
    short_limbs: ShortLimbs = "min",
) -> np.ndarray:
    """The readable form of `draw`: one point or limb at a time; float32 (T, C, H, W)."""
    height, width = size
    channels = len(edges) if stream == "limb" else persons.shape[2]
    volume = np.zeros((persons.shape[1], channels, height, width), np.float32)
    for person in persons.astype(float):
        for t, frame in enumerate(person):
            for c in range(channels):
                if stream == "joint":
                    a = b = frame[c]
                elif stream == "limb":
                    a, b = frame[edges[c, 0]], frame[edges[c, 1]]
                else:
                    a, b = frame[c], person[min(t + 1, len(person) - 1), c]
                score = min(a[2], b[2])
                if score < MIN_SCORE:
                    continue
                square = (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2
                if square < 1:
                    b = a
                    if stream == "limb" and short_limbs == "start":
                        score = a[2]
                rows = _window(a[1], b[1], sigma, height)
                columns = _window(a[0], b[0], sigma, width)
                x, y = columns[None, :], rows[:, None]
                if square < 1:
                    distance = (x - a[0]) ** 2 + (y - a[1]) ** 2
                else:
                    along = (x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])
                    along = np.clip(along / square, 0, 1)
                    gap_x = x - a[0] - along * (b[0] - a[0])
                    gap_y = y - a[1] - along * (b[1] - a[1])
                    distance = gap_x**2 + gap_y**2
                if distance.size:
                    patch = score * np.exp(-distance / (2 * sigma**2))
                    here = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
                    volume[t, c][here] = np.maximum(volume[t, c][here], patch)
    return volume


def _window(a: float, b: float, sigma: float, size: int) -> np.ndarray:
    """Cells from 3 sigma below the smaller to 3 sigma above the larger, cut to whole cells.

    Cut towards zero, as in PySKL: a window that ends less than a cell before the first one has it.
    """
    low, high = math.trunc(min(a, b) - 3 * sigma), math.trunc(max(a, b) + 3 * sigma)
    return np.arange(max(low, 0), min(high + 1, size))
