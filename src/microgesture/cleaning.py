"""Cleaning of one clip: points that were not really found, and frames that show somebody else."""

from collections.abc import Mapping

import numpy as np

from microgesture.points import OPENPOSE, PointOrder


def clean(
    points: np.ndarray, config: Mapping[str, float], order: PointOrder = OPENPOSE
) -> np.ndarray:
    """Empty points below ``min_score`` and frames that show another person.

    Parameters
    ----------
    points : ndarray, float32 (T, P, 3)
        x, y in pixels, score.
    config : mapping
        ``min_score``: smaller scores count as not found. ``max_jump``: see `other_person`.
    order : PointOrder
        What the P points are.

    Returns
    -------
    ndarray, float32 (T, P, 3)
        x = y = score = 0 for everything that was taken out.

    """
    found = points[..., 2] >= max(config["min_score"], np.finfo(np.float32).tiny)
    kept = np.where(found[..., None], points, 0).astype(np.float32)
    kept[other_person(kept, config["max_jump"], order)] = 0
    return kept


def other_person(points: np.ndarray, max_jump: float, order: PointOrder = OPENPOSE) -> np.ndarray:
    """Frames in which the detector followed somebody else, bool (T,).

    OpenPose numbers nobody, so identity is followed by position and size: a frame is another
    person's when the middle of its head and shoulders lies more than ``max_jump`` shoulder widths
    from the clip's median, or its shoulders are less than half or more than twice the usual width.
    Where no frame shows both shoulders, there is no measure and every frame is kept.
    """
    near = list(order.head_and_shoulders)
    seen = points[:, near, 2] > 0
    count = seen.sum(axis=1)
    total = (points[:, near, :2] * seen[..., None]).sum(axis=1)
    middle = total / np.maximum(count, 1)[:, None]
    shoulders = points[:, list(order.shoulders)]
    both = (shoulders[..., 2] > 0).all(axis=1)
    width = np.linalg.norm(shoulders[:, 0, :2] - shoulders[:, 1, :2], axis=1)
    if not both.any():
        return np.zeros(len(points), bool)
    usual = np.median(width[both])
    jump = np.linalg.norm(middle - np.median(middle[count > 0], axis=0), axis=1)
    wrong_place = (count > 0) & (jump > max_jump * usual)
    wrong_size = both & ((width < usual / 2) | (width > usual * 2))
    return wrong_place | wrong_size
