"""What training data looked like, in numbers that a new recording can be compared with.

Every clip of a clip file carries its own numbers, measured on the points as they were read,
before cleaning moves any; labels are not looked at. `microgesture.data.profiles` has what a
checkpoint holds of them.
"""

from collections.abc import Sequence

import numpy as np

from microgesture.data.keypoints import KEYPOINT_FORMATS, KeypointFormat
from microgesture.data.layouts import Layout
from microgesture.data.profiles import STATISTICS
from microgesture.data.store import Clip
from microgesture.preprocessing.cleaning import found
from microgesture.settings.preparation import PersonRule

TRIMMED = 0.05
"""Share of the fastest movements that `motion` leaves out: points that jump."""


def clip_profile(clip: Clip, layout: Layout, cleaning: PersonRule) -> np.ndarray:
    """Numbers of one clip, float32 (10 + V,): `STATISTICS`, then the share of frames of each joint.

    A point counts as found from the cleaning's ``min_score`` on. NaN where a number cannot be
    measured, since the shoulders are never found together or the picture's height is not known (1).

    - ``fps``, ``seconds``: as stated, and the number of frames over it.
    - ``width``: distance of the shoulders in pixels, median over frames.
    - ``extent``: larger side of the box around a frame's joints in shoulder widths, median.
    - ``height_share``: the same in heights of the picture.
    - ``spread``: root mean square distance of the shoulders' middle from its median place, in
      shoulder widths.
    - ``motion``: mean speed of the joints from frame to frame in shoulder widths a second, without
      the fastest twentieth.
    - ``tilt``: angle between the picture's vertical and the line from the shoulders' middle to the
      head, median, in degrees; 180 is upside down.
    - ``score``: median score of the joints that are found.
    - ``joints``: mean share of the joints that are found in a frame.

    Parameters
    ----------
    clip : Clip
        Points (T, P, 3) as the skeleton store holds them.
    layout : Layout
        V joints.
    cleaning : PersonRule
        ``min_score`` alone is used.

    """
    order = KEYPOINT_FORMATS[layout.source]
    seen = found(clip.points, cleaning)
    joints, shown = clip.points[:, layout.points].astype(float), seen[:, layout.points]
    middle, width = _shoulders(clip.points, seen, order)
    side = _box_side(joints, shown)
    values = {
        "fps": clip.fps,
        "seconds": len(joints) / clip.fps,
        "width": width,
        "extent": side / width,
        "height_share": side / clip.height if clip.height > 1 else np.nan,
        "spread": _spread(middle) / width,
        "motion": _speed(joints, shown) * clip.fps / width,
        "tilt": _tilt(clip.points, seen, middle, order),
        "score": _median(joints[..., 2][shown]),
        "joints": shown.mean(),
    }
    own = [float(values[name]) for name in STATISTICS]
    return np.array([*own, *shown.mean(axis=0)], np.float32)


def _shoulders(
    points: np.ndarray, seen: np.ndarray, order: KeypointFormat
) -> tuple[np.ndarray, float]:
    """Middle of the shoulders (T, 2), NaN where one is missing, and their median distance."""
    left, right = (points[:, number, :2].astype(float) for number in order.shoulders)
    both = seen[:, order.shoulders[0]] & seen[:, order.shoulders[1]]
    middle = np.where(both[:, None], (left + right) / 2, np.nan)
    # shoulders in one place give no measure
    return middle, _median(np.linalg.norm(left - right, axis=1)[both]) or np.nan


def _box_side(joints: np.ndarray, shown: np.ndarray) -> float:
    """Larger side of the box around the joints of a frame, median over frames, in pixels."""
    some = shown.any(axis=1)
    place, there = joints[some, :, :2], shown[some, :, None]
    low = np.where(there, place, np.inf).min(axis=1)
    high = np.where(there, place, -np.inf).max(axis=1)
    return _median((high - low).max(axis=1)) if some.any() else np.nan


def _spread(middle: np.ndarray) -> float:
    known = middle[np.isfinite(middle).all(axis=1)]
    if not len(known):
        return np.nan
    return float(np.sqrt(((known - np.median(known, axis=0)) ** 2).sum(axis=1).mean()))


def _speed(joints: np.ndarray, shown: np.ndarray) -> float:
    """Mean way from frame to frame in pixels, without the longest."""
    both = shown[1:] & shown[:-1]
    way = np.sort(np.linalg.norm(np.diff(joints[..., :2], axis=0), axis=2)[both])
    kept = way[: len(way) - int(len(way) * TRIMMED)]
    return float(kept.mean()) if len(kept) else np.nan


def _tilt(points: np.ndarray, seen: np.ndarray, middle: np.ndarray, order: KeypointFormat) -> float:
    head = [number for number in order.head_and_shoulders if number not in order.shoulders]
    count = seen[:, head].sum(axis=1)
    total = np.where(seen[:, head, None], points[:, head, :2], 0).sum(axis=1, dtype=float)
    x, y = (total / np.maximum(count, 1)[:, None] - middle)[count > 0].T
    angle = np.degrees(np.arctan2(np.abs(x), -y))
    return _median(angle[np.isfinite(angle)])


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan


def combined(profiles: Sequence[np.ndarray]) -> np.ndarray:
    """Numbers of a recording from those of its windows: medians, and means of shares of frames."""
    table = np.array(profiles, float)
    shares = table[:, len(STATISTICS) :].mean(axis=0)
    own = [_median(column[np.isfinite(column)]) for column in table[:, : len(STATISTICS)].T]
    return np.array([*own, *shares])
