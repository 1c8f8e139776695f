"""From pixels to heatmap cells: a box around a clip's figure, a window in it, and its cells.

The grid's cell (row i, column j) has its centre at y = i, x = j. A window's side of ``size`` cells
spans -0.5 to size - 0.5, so that mirroring a drawn volume equals drawing mirrored points.
"""

import numpy as np

from microgesture.data.boxes import far_points
from microgesture.data.parts import View

Box = tuple[float, float, float]
"""Left, top and side in pixels."""
LEAST = 0.5
"""Shoulder widths that a part's box measures at least: a still hand's noise is no movement."""
WHOLE = np.array([0.0, 0.0, 1.0, 1.0])
"""Left, top, width and height of the window that shows the whole box."""


def clip_box(points: np.ndarray, padding: float) -> Box:
    """Square around the visible points of a clip; some square where none is visible.

    Points that can be no part of the figure have no say, see
    `microgesture.data.boxes.far_points`. The square grows and shrinks with the figure: what is
    drawn is the same at every scale. A figure without any extent is in the middle of a square of
    side 1.

    Parameters
    ----------
    points : ndarray, (T, V, 3) or (V, 3)
        x, y in pixels, score.
    padding : float
        The tight square grows by this share of its side.

    Returns
    -------
    Box

    """
    seen = (points[..., 2] > 0) & ~far_points(points)
    if not seen.any():
        return 0.0, 0.0, 1.0
    x, y = points[..., 0][seen], points[..., 1][seen]
    left, right, top, bottom = map(float, (x.min(), x.max(), y.min(), y.max()))
    side = max(right - left, bottom - top) * (1 + padding) or 1.0
    return (left + right) / 2 - side / 2, (top + bottom) / 2 - side / 2, side


def view_boxes(points: np.ndarray, view: View, padding: float) -> np.ndarray:
    """`clip_box` of every box of a view, float (B, 3).

    A part's box is steady over the clip. Where the clip shows both shoulders, it is at least
    `LEAST` of their median distance wide.

    Parameters
    ----------
    points : ndarray, (T, V, 3)
        Of the whole layout, in pixels.
    view : View
    padding : float

    """
    if view.boxes == 1 and len(view.joints) == points.shape[1]:
        return np.array([clip_box(points, padding)])
    least, both = 0.0, points[:, view.shoulders].astype(float)
    if both.shape[1] and (seen := (both[..., 2] > 0).all(axis=1)).any():
        across = (both[seen, 0] - both[seen, 1])[:, :2]
        least = LEAST * float(np.median(np.hypot(across[:, 0], across[:, 1])))
    boxes = []
    for box in range(view.boxes):
        left, top, side = clip_box(points[:, view.joints[view.box == box]], padding)
        more = max(least - side, 0)
        boxes.append((left - more / 2, top - more / 2, side + more))
    return np.array(boxes)


def in_boxes(points: np.ndarray, view: View, boxes: np.ndarray) -> np.ndarray:
    """A layout's points (..., V, 3) as those of a view (..., C, 3), in shares of their boxes."""
    # of the points' precision, as one box's numbers are
    left, top, side = boxes[view.box].astype(points.dtype).T
    return to_shares(points[..., view.joints, :], (left, top, side))


def to_shares(
    points: np.ndarray, box: Box | tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Move points (..., 3) from pixels to shares of a box's side, of one or of one for each point.

    They keep their own precision.
    """
    left, top, side = box
    shares = points.copy()
    shares[..., 0] = (points[..., 0] - left) / side
    shares[..., 1] = (points[..., 1] - top) / side
    return shares


def to_cells(shares: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """Move points from shares of a box to the cells of a window; of their own precision.

    Scores above 1 are cut to 1.

    Parameters
    ----------
    shares : ndarray, (..., 3)
        Of the box, and the score.
    window : ndarray, (..., 4)
        Left, top, width and height in shares of the box; for each point, or for all.
    size : int
        Cells a side.

    """
    cells = shares.copy()
    window = window.astype(shares.dtype, copy=False)
    cells[..., :2] = (shares[..., :2] - window[..., :2]) / window[..., 2:] * size - 0.5
    cells[..., 2] = np.minimum(shares[..., 2], 1)
    return cells


def to_grid(points: np.ndarray, box: Box, size: int) -> np.ndarray:
    """Move points from pixels to the cells of their whole box, float32 (T, V, 3)."""
    return to_cells(to_shares(points, box), WHOLE, size).astype(np.float32)


def view_grid(points: np.ndarray, view: View, padding: float, size: int) -> np.ndarray:
    """Points of a clip in the cells of the view's whole boxes, float32 (T, C, 3)."""
    shares = in_boxes(points, view, view_boxes(points, view, padding))
    return to_cells(shares, WHOLE, size).astype(np.float32)
