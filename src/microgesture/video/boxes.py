"""The square around a clip's person, and cutting it out of a frame."""

import cv2
import numpy as np

from microgesture.data.boxes import far_points, own_frames

Square = tuple[int, int, int]
"""Left, top and side in pixels; parts of it may lie beyond the frame."""
MIN_SCORE = 0.05
"""Points below are guesses of the detector."""
SHARE = 0.02
"""Share of the frames whose outermost points have no say: one wrong detection makes no box."""
SMALLEST = 0.125
"""Least side, as a share of the frame's shorter one: a box around a lone point shows nothing."""


def person_square(points: np.ndarray, height: int, width: int, padding: float) -> Square:
    """One square for all frames of a clip, around its person and moved into the frame.

    Frames in which the detector took somebody else have no say.

    Parameters
    ----------
    points : ndarray, (T, V, 3)
        x, y in pixels and score; score 0 where a point was not found.
    height, width : int
        Of the frame, in pixels.
    padding : float
        The tight square grows by this share of its side.

    Returns
    -------
    Square
        The whole frame in the middle of a square where no point was found.

    """
    kept = np.where(far_points(points)[..., None], 0, points)
    seen = (kept[..., 2] >= MIN_SCORE) & own_frames(kept)[:, None]
    if not seen.any():
        side = max(height, width)
        return (width - side) // 2, (height - side) // 2, side
    low, high = np.empty(2), np.empty(2)
    frames = seen.any(axis=1)
    for axis in (0, 1):
        places = points[frames, :, axis].astype(float)
        first = np.where(seen[frames], places, np.inf).min(axis=1)
        last = np.where(seen[frames], places, -np.inf).max(axis=1)
        # a value that occurs, or a lone frame between two others would count in part
        low[axis] = np.quantile(first, SHARE, method="higher")
        high[axis] = np.quantile(last, 1 - SHARE, method="lower")
    tight = max(*(high - low), SMALLEST * min(height, width))
    side = round(tight * (1 + padding))
    left, top = (round(one - side / 2) for one in (low + high) / 2)
    return _moved_in(left, side, width), _moved_in(top, side, height), side


def _moved_in(start: int, side: int, length: int) -> int:
    """Where a stretch begins that was moved into 0..length as far as it fits, else its middle."""
    if side >= length:
        return (length - side) // 2
    return min(max(start, 0), length - side)


def scaled(square: Square, by: float) -> Square:
    """A square in the pixels of a frame that is ``by`` times as large."""
    left, top, side = (round(one * by) for one in square)
    return left, top, max(side, 1)


def cut_out(image: np.ndarray, square: Square, size: int) -> np.ndarray:
    """The part of a frame in a square, black beyond the frame, resized.

    Parameters
    ----------
    image : ndarray, uint8 (H, W, 3)
    square : Square
    size : int
        Height and width of what is returned.

    Returns
    -------
    ndarray, uint8 (size, size, 3)

    """
    left, top, side = square
    height, width = image.shape[:2]
    inside = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if inside.shape[:2] != (side, side):
        above, before = max(-top, 0), max(-left, 0)
        below, after = max(top + side - height, 0), max(left + side - width, 0)
        inside = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_CONSTANT)
    # averaging over areas has no meaning where a crop is enlarged: cv2 would repeat pixels
    how = cv2.INTER_AREA if side >= size else cv2.INTER_LINEAR
    return cv2.resize(inside, (size, size), interpolation=how)
