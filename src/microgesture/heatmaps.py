"""Drawing key points as heatmap volumes (PoseC3D, Duan et al. 2022), fast and in readable form.

The grid's cell (row i, column j) has its centre at y = i, x = j. A box side of ``size`` cells spans
-0.5 to size - 0.5, so that mirroring a drawn volume equals drawing mirrored points.
"""

import math

import numba
import numpy as np

from microgesture.layouts import Stream

MIN_SCORE = 1e-3
"""Points with a smaller score are not drawn."""
MIN_BOX_SIDE = 10.0
"""Smallest side of a clip's box, in pixels."""
_NEGLIGIBLE = 17.0
"""exp(-17) < 1e-7: cells further away than this exponent are left at zero in the limb stream."""


def clip_box(points: np.ndarray, padding: float) -> tuple[float, float, float]:
    """Square around all visible points of a clip; some square where none is visible.

    Parameters
    ----------
    points : ndarray, (T, V, 3)
        x, y in pixels, score.
    padding : float
        The tight square grows by this share of its side.

    Returns
    -------
    tuple of float
        Left, top and side in pixels.

    """
    seen = points[points[..., 2] > 0][:, :2].astype(float)
    if not len(seen):
        return 0.0, 0.0, MIN_BOX_SIDE
    low, high = seen.min(axis=0), seen.max(axis=0)
    side = max(float((high - low).max()) * (1 + padding), MIN_BOX_SIDE)
    left, top = (low + high) / 2 - side / 2
    return float(left), float(top), side


def to_grid(points: np.ndarray, box: tuple[float, float, float], size: int) -> np.ndarray:
    """Move points from pixels to heatmap cells, float32 (T, V, 3); scores above 1 are cut to 1."""
    left, top, side = box
    grid = np.empty(points.shape, np.float32)
    grid[..., 0] = (points[..., 0] - left) / side * size - 0.5
    grid[..., 1] = (points[..., 1] - top) / side * size - 0.5
    grid[..., 2] = np.minimum(points[..., 2], 1)
    return grid


def draw(
    persons: np.ndarray, stream: Stream, edges: np.ndarray, sigma: float, out: np.ndarray
) -> None:
    """Draw a clip's joint or limb stream into ``out``, overwriting it.

    Joints: ``score * exp(-d^2 / (2 sigma^2))`` within 3 sigma cut to whole cells. Limbs: the same
    of the distance to the segment, times the smaller of both scores; a limb shorter than one cell
    is drawn as a point. Several persons are combined by their maximum.

    Parameters
    ----------
    persons : ndarray, float32 (M, T, V, 3)
        x, y in heatmap cells, score.
    stream : {'joint', 'limb'}
    edges : ndarray, int (E, 2)
        Joints of each limb; unused for the joint stream.
    sigma : float
        In heatmap cells.
    out : ndarray, float32 (T, V, H, W) or (T, E, H, W)

    """
    out[...] = 0
    if stream == "joint":
        _draw_joints(persons, sigma, out)
    else:
        _draw_limbs(persons, edges, sigma, out)


@numba.njit(cache=True, nogil=True)
def _draw_point(x: float, y: float, score: float, sigma: float, plane: np.ndarray) -> None:
    height, width = plane.shape
    reach = 3 * sigma
    left, right = max(math.floor(x - reach), 0), min(math.floor(x + reach) + 1, width)
    top, bottom = max(math.floor(y - reach), 0), min(math.floor(y + reach) + 1, height)
    scale = -0.5 / (sigma * sigma)
    for i in range(top, bottom):
        row = score * math.exp(scale * (i - y) ** 2)
        for j in range(left, right):
            plane[i, j] = max(plane[i, j], np.float32(row * math.exp(scale * (j - x) ** 2)))


@numba.njit(cache=True, nogil=True)
def _draw_joints(persons: np.ndarray, sigma: float, out: np.ndarray) -> None:
    for m in range(persons.shape[0]):
        for t in range(persons.shape[1]):
            for v in range(persons.shape[2]):
                x, y, score = persons[m, t, v]
                if score >= MIN_SCORE:
                    _draw_point(x, y, score, sigma, out[t, v])


@numba.njit(cache=True, nogil=True)
def _draw_limbs(persons: np.ndarray, edges: np.ndarray, sigma: float, out: np.ndarray) -> None:
    height, width = out.shape[2:]
    reach = 3 * sigma
    scale = 0.5 / (sigma * sigma)
    for m in range(persons.shape[0]):
        for t in range(persons.shape[1]):
            for e in range(edges.shape[0]):
                ax, ay, score_a = persons[m, t, edges[e, 0]]
                bx, by, score_b = persons[m, t, edges[e, 1]]
                score = min(score_a, score_b)
                if score < MIN_SCORE:
                    continue
                dx, dy = bx - ax, by - ay
                square = dx * dx + dy * dy
                plane = out[t, e]
                if square < 1:
                    _draw_point(ax, ay, score, sigma, plane)
                    continue
                left = max(math.floor(min(ax, bx) - reach), 0)
                right = min(math.floor(max(ax, bx) + reach) + 1, width)
                top = max(math.floor(min(ay, by) - reach), 0)
                bottom = min(math.floor(max(ay, by) + reach) + 1, height)
                for i in range(top, bottom):
                    for j in range(left, right):
                        along = min(max(((j - ax) * dx + (i - ay) * dy) / square, 0.0), 1.0)
                        gap_x, gap_y = j - ax - along * dx, i - ay - along * dy
                        exponent = scale * (gap_x * gap_x + gap_y * gap_y)
                        if exponent < _NEGLIGIBLE:
                            value = np.float32(score * math.exp(-exponent))
                            plane[i, j] = max(plane[i, j], value)


def draw_reference(
    persons: np.ndarray, stream: Stream, edges: np.ndarray, sigma: float, size: tuple[int, int]
) -> np.ndarray:
    """The readable form of `draw`: one point or limb at a time; float32 (T, channels, H, W)."""
    height, width = size
    channels = persons.shape[2] if stream == "joint" else len(edges)
    volume = np.zeros((persons.shape[1], channels, height, width), np.float32)
    for person in persons.astype(float):
        for t, frame in enumerate(person):
            for c in range(channels):
                a, b = (frame[c], frame[c]) if stream == "joint" else frame[edges[c]]
                if np.hypot(*(b - a)[:2]) < 1:
                    b = np.array([a[0], a[1], b[2]])
                score = min(a[2], b[2])
                if score < MIN_SCORE:
                    continue
                rows = _window(a[1], b[1], sigma, height)[:, None]
                columns = _window(a[0], b[0], sigma, width)[None, :]
                square = np.sum((b - a)[:2] ** 2)
                along = (columns - a[0]) * (b - a)[0] + (rows - a[1]) * (b - a)[1]
                along = np.clip(along / square, 0, 1) if square > 0 else np.zeros_like(along)
                gap_x = columns - a[0] - along * (b - a)[0]
                gap_y = rows - a[1] - along * (b - a)[1]
                patch = score * np.exp(-(gap_x**2 + gap_y**2) / (2 * sigma**2))
                here = np.ix_(rows[:, 0], columns[0])
                volume[t, c][here] = np.maximum(volume[t, c][here], patch)
    return volume


def _window(a: float, b: float, sigma: float, size: int) -> np.ndarray:
    """Cells from 3 sigma below the smaller to 3 sigma above the larger, cut to whole cells."""
    low, high = np.floor(min(a, b) - 3 * sigma), np.floor(max(a, b) + 3 * sigma)
    return np.arange(max(int(low), 0), min(int(high) + 1, size))
