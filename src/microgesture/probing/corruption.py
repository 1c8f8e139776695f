"""Damage done to raw points on purpose, to measure how much of it a trained model stands.

What happens to a clip depends on the seed, the kind and the clip's id alone, never on the order of
clips or on which others there are; what `detector` moves, on the first two. A higher level uses the
same random numbers: what is lost at a level is lost at every higher one too, and the levels can be
compared clip by clip.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from microgesture.data.keypoints import KeypointFormat
from microgesture.data.store import Clip
from microgesture.preprocessing.cleaning import shoulder_width
from microgesture.utils.errors import InputError

OFFSET, FACE = 0.03, 0.06
"""At level 1 of `detector`, in shoulder widths: standard deviation of a point's offset, and how far
contour and ears are off. Of MediaPipe and OpenPose, ears differ by about so much."""
CLOSER, NO_HAND = 0.2, 0.5
"""At level 1 of it: share of their distance by which shoulders and hips are closer, and share of
the frames without a hand; MediaPipe misses one in a third to a half of real recordings."""


def drop(
    points: np.ndarray, level: float, order: KeypointFormat, rng: np.random.Generator
) -> np.ndarray:
    """Lose every point of every frame with probability ``level``."""
    lost = rng.random(points.shape[:2]) < level
    return np.where(lost[..., None], 0, points)


def jitter(
    points: np.ndarray, level: float, order: KeypointFormat, rng: np.random.Generator
) -> np.ndarray:
    """Move every found point by normal noise, its standard deviation ``level`` shoulder widths.

    x and y move independently. Where no frame shows both shoulders there is no measure, and the
    clip stays as it is.
    """
    noise = rng.standard_normal((*points.shape[:2], 2))
    noise *= level * (shoulder_width(points, order) or 0)
    moved = points.copy()
    moved[..., :2] += np.where(points[..., 2:] > 0, noise, 0).astype(np.float32)
    return moved


def occlude(
    points: np.ndarray, level: float, order: KeypointFormat, rng: np.random.Generator
) -> np.ndarray:
    """Hide one part of the body during one stretch of ``level`` of the frames, at least one.

    The part is one of ``order.regions``, all equally likely, of which the clip shows any point;
    where it shows none, nothing is hidden.
    """
    regions = [list(r) for r in order.regions.values() if (points[:, list(r), 2] > 0).any()]
    choice, place = rng.random(2)
    hidden = points.copy()
    if regions:
        region = regions[int(choice * len(regions))]
        count = max(round(level * len(points)), 1)
        start = int(place * (len(points) - count + 1))
        hidden[start : start + count, region] = 0
    return hidden


def detector(
    points: np.ndarray, level: float, order: KeypointFormat, rng: np.random.Generator
) -> np.ndarray:
    """Find the same person as another detector might, ``level`` of the way to one quite unlike.

    Every point is off by an offset of its own, the same in all frames and clips of a seed. The
    contour of the face lies further out and the ears further in, shoulders and hips are closer
    together, each hand is missing in one stretch of the frames, its wrist is not, and scores are
    closer to 1. All but hands and scores is in shoulder widths, as of `jitter`, see `OFFSET` and
    what follows it.
    """
    width = shoulder_width(points, order) or 0
    found = np.greater(points[..., 2], 0)
    step = np.zeros((*points.shape[:2], 2))
    step += level * width * OFFSET * rng.standard_normal((order.count, 2))
    head = points[:, order.roots["head"], :2][:, None]
    for part, share in ((order.contour, FACE), (order.ears, -FACE)):
        away = points[:, part, :2] - head
        length = np.linalg.norm(away, axis=2, keepdims=True)
        unit = np.divide(away, length, out=np.zeros_like(away), where=length > 0)
        step[:, part] += level * share * width * unit * found[:, [order.roots["head"]], None]
    for pair in filter(None, (order.shoulders, order.hips)):
        apart = points[:, pair[1], :2] - points[:, pair[0], :2]
        both = found[:, list(pair)].all(axis=1)[:, None]
        for point, sign in zip(pair, (1, -1), strict=True):
            step[:, point] += sign * level * CLOSER / 2 * np.where(both, apart, 0)
    seen = points.copy()
    seen[..., :2] += np.where(found[..., None], step, 0).astype(np.float32)
    seen[..., 2] += np.where(found, level * (1 - seen[..., 2]), 0)
    return seen


def lose_hands(
    points: np.ndarray, level: float, order: KeypointFormat, rng: np.random.Generator
) -> np.ndarray:
    """Lose each hand, its wrist left, in a stretch of ``level * NO_HAND`` of the frames."""
    hidden = points.copy()
    for hand in ("left_hand", "right_hand"):
        place, count = rng.random(), round(level * NO_HAND * len(points))
        start = int(place * (len(points) - count + 1))
        fingers = [point for point in order.regions[hand] if point != order.roots[hand]]
        hidden[start : start + count, fingers] = 0
    return hidden


KINDS: dict[str, Callable[[np.ndarray, float, KeypointFormat, np.random.Generator], np.ndarray]] = {
    "drop": drop,
    "jitter": jitter,
    "occlude": occlude,
    "detector": detector,
}


def rng_of(seed: int, kind: str, clip_id: str) -> np.random.Generator:
    """Random numbers of one kind of damage to one clip."""
    key = hashlib.sha256(f"{seed} {kind} {clip_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(key, "big"))


def check_level(kind: str, level: float) -> None:
    """Refuse levels that mean nothing: all are above 0, shares are at most 1."""
    highest = np.inf if kind == "jitter" else 1
    if not 0 < level <= highest or level == np.inf:
        expected = "a finite number above 0" if kind == "jitter" else "above 0 and at most 1"
        raise InputError(f"{kind}: level {level:g}; expected {expected}")


def corrupt(clip: Clip, kind: str, level: float, seed: int, order: KeypointFormat) -> Clip:
    """The clip with damage of a kind.

    Parameters
    ----------
    clip : Clip
    kind : {'drop', 'jitter', 'occlude', 'detector'}
    level : float
        Share of points or frames, or shoulder widths; see the functions.
    seed : int
    order : KeypointFormat
        What the clip's points are.

    Returns
    -------
    Clip
        With points of its own; a lost point is (0, 0, 0).

    Raises
    ------
    InputError
        For a level outside its range, see `check_level`.

    """
    check_level(kind, level)
    rng = rng_of(seed, kind, clip.clip_id)
    if kind == "detector":  # the same one finds all clips, but does not lose hands at one time
        found = detector(clip.points, level, order, rng_of(seed, kind, ""))
        points = lose_hands(found, level, order, rng)
    else:
        points = KINDS[kind](clip.points, level, order, rng)
    return replace(clip, points=points.astype(np.float32))
