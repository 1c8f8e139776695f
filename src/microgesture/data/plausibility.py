"""Whether points are where a body has them, and in which keypoint format they would be.

Every check is one length a frame, measured so that it holds for somebody seen from the side, lying
or mirrored, and compared with a limit that no recorded body came near to. Points that were not
found are not judged: silence is better than a false alarm.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise, permutations

import numpy as np

from microgesture.data.keypoint_formats import Numbers, format_names, format_of_count, named_format
from microgesture.data.keypoints import (
    KEYPOINT_FORMATS,
    KINECT,
    MIDPOINTS,
    OPENPOSE,
    fill_midpoints,
)


@dataclass(frozen=True)
class Body:
    """Where the parts of a body are in an keypoint format; each pair is right, left."""

    nose: int
    neck: int
    shoulders: tuple[int, int]
    elbows: tuple[int, int]
    wrists: tuple[int, int]
    hips: tuple[int, int]
    hands: tuple[tuple[int, ...], tuple[int, ...]]
    knees: tuple[int, int]
    ankles: tuple[int, int]
    eyes: tuple[int, int] | None = None
    ears: tuple[int, int] | None = None
    face: tuple[int, ...] = ()


BODIES = {
    OPENPOSE.name: Body(
        nose=0,
        neck=1,
        shoulders=(2, 5),
        elbows=(3, 6),
        wrists=(4, 7),
        hips=(9, 12),
        knees=(10, 13),
        ankles=(11, 14),
        hands=(tuple(range(116, 137)), tuple(range(95, 116))),
        eyes=(15, 16),
        ears=(17, 18),
        face=tuple(range(25, 95)),
    ),
    KINECT.name: Body(
        nose=3,
        neck=20,
        shoulders=(8, 4),
        elbows=(9, 5),
        wrists=(10, 6),
        hips=(16, 12),
        knees=(17, 13),
        ankles=(18, 14),
        hands=((11, 23, 24), (7, 21, 22)),
    ),
}

BLOCKS = {
    "body": slice(0, 25),
    "face": slice(25, 95),
    "left hand": slice(95, 116),
    "right hand": slice(116, 137),
}
"""The four blocks of the 137 points, in their order."""
GUESSED = 0.1
"""Points with a score up to this are a detector's guess, and are not judged."""
FRAMES = 5
"""Fewer frames in which a check can be made decide nothing."""


@dataclass(frozen=True)
class Limit:
    """The largest median a check allows, and what it means when it is larger."""

    largest: float
    means: str


LIMITS = {
    "neck": Limit(0.25, "the neck is not between the shoulders"),
    "nose": Limit(0.3, "the nose is below the neck"),
    "trunk": Limit(0.5, "the shoulders are below the hips, as where y grows upwards"),
    "eyes": Limit(0.8, "the eyes are far from the nose"),
    "face": Limit(0.8, "the points of the face are far from the nose"),
    "upper_arms": Limit(2.0, "an elbow is far from its shoulder"),
    "forearms": Limit(2.0, "a wrist is far from its elbow"),
    "hands": Limit(1.2, "a hand is far from its wrist"),
    "legs": Limit(3.5, "a knee or ankle is far from where its leg begins"),
    "hip_sides": Limit(0.1, "left and right of the hips are not those of the shoulders"),
    "face_sides": Limit(0.1, "left and right of the face are not those of the shoulders"),
}


@dataclass(frozen=True)
class Check:
    """One check of a clip: its ``name`` in `LIMITS`, and the ``value`` over its ``frames``."""

    name: str
    value: float
    frames: int

    @property
    def fails(self) -> bool:
        """Whether no body has this."""
        return self.value > LIMITS[self.name].largest

    @property
    def text(self) -> str:
        """What is wrong, with the number."""
        limit = LIMITS[self.name]
        return f"{limit.means} ({self.value:.2f} shoulder widths, expected {limit.largest:g})"


def judge(points: np.ndarray, order: str = OPENPOSE.name, quantile: float = 0.5) -> list[Check]:
    """Make every check that at least `FRAMES` frames allow.

    Parameters
    ----------
    points : ndarray (T, P, 3)
        x, y in any unit and score; of one clip or recording.
    order : str
        Name of the `microgesture.data.keypoints.KeypointFormat` of the P points.
    quantile : float
        That of the frames' numbers that is judged; the median forgives bad frames.

    """
    checks = []
    for name, values in measure(points, order).items():
        known = values[np.isfinite(values)]
        if len(known) >= FRAMES:
            checks.append(Check(name, float(np.quantile(known, quantile)), len(known)))
    return checks


def failures(points: np.ndarray, order: str = OPENPOSE.name) -> list[Check]:
    """The checks of `judge` that fail; for a body none does."""
    return [check for check in judge(points, order) if check.fails]


def measure(points: np.ndarray, order: str = OPENPOSE.name) -> dict[str, np.ndarray]:
    """What is judged: one number for each check of `LIMITS` and frame, in shoulder widths.

    Parameters
    ----------
    points : ndarray (T, P, 3)
    order : str

    Returns
    -------
    dict
        float (T,) each, NaN where the frame does not tell; see `shoulder_unit`.

    """
    body = BODIES[order]
    place = _places(points)
    right, left = (place[:, n] for n in body.shoulders)
    across, chest = left - right, (left + right) / 2
    hips = place[:, list(body.hips)]
    pelvis = hips.mean(axis=1)
    unit = shoulder_unit(points, order)
    found = {
        "neck": _neck(place[:, body.neck] - right, across, unit),
        "nose": _nose(place[:, body.nose] - place[:, body.neck], across, chest - pelvis) / unit,
        "trunk": (chest - pelvis)[:, 1] / unit,
        "upper_arms": _longest(place, body.shoulders, body.elbows) / unit,
        "forearms": _longest(place, body.elbows, body.wrists) / unit,
        "hands": _hands(place, body) / unit,
        "legs": np.fmax(
            _longest(place, body.hips, body.knees), _longest(place, body.knees, body.ankles)
        )
        / unit,
        "hip_sides": _opposite(hips[:, 1] - hips[:, 0], across, unit, 0.3),
    }
    if body.eyes and body.ears:
        nose = place[:, [body.nose]]
        eyes, ears = place[:, list(body.eyes)], place[:, list(body.ears)]
        found["eyes"] = _length(eyes - nose).max(axis=1) / unit
        sides = [_opposite(pair[:, 1] - pair[:, 0], across, unit, 0.1) for pair in (eyes, ears)]
        found["face_sides"] = np.fmin(*sides)
        face = place[:, list(body.face)]
        found["face"] = _length(_mean(face) - nose[:, 0]) / unit
    return found


def shoulder_unit(points: np.ndarray, order: str = OPENPOSE.name) -> float:
    """Shoulder width of somebody in a clip, from whichever side; NaN where it cannot be told.

    The median over the frames of the largest of: the distance of the shoulders, that of nose and
    shoulders, and the length of the trunk / 1.4.
    """
    body = BODIES[order]
    right, left = (_places(points[:, n]) for n in body.shoulders)
    chest = (left + right) / 2
    pelvis = _places(points[:, list(body.hips)]).mean(axis=1)
    nose = _places(points[:, body.nose])
    lengths = [left - right, nose - chest, (pelvis - chest) / 1.4]
    largest = np.fmax.reduce([_length(one) for one in lengths])
    known = largest[np.isfinite(largest) & (largest > 0)]
    return float(np.median(known)) if len(known) else np.nan


def likelier_order(
    points: np.ndarray, order: str = OPENPOSE.name, taken: Numbers | None = None
) -> str | None:
    """Name of the order in which the points of a body make sense, where theirs does not.

    Parameters
    ----------
    points : ndarray (T, P, 3)
        As they were read: points that were taken for another format lie at its places.
    order : str
        Name of the `microgesture.data.keypoints.KeypointFormat` of the P points.
    taken : tuple, optional
        The keypoint format for which they were taken; every known one is tried unless it is given.

    Returns
    -------
    str or None
        A file of ``config/keypoints``, to be named in ``data.points``, or "face, body, left hand,
        right hand" and the like where the four blocks of the 137 lie in that order; None where the
        points are plausible as they are, or in no order of as many.

    """
    wrong = {check.name for check in failures(points, order)}
    if not wrong:
        return None
    groups = _candidates(points, order, taken)
    if wrong <= {"face", "hands"}:  # the body itself is one, so it is in no other format
        groups = iter([_blocks(points)] if order == OPENPOSE.name else [])
    for candidates in groups:
        found = []
        for name, moved in candidates:
            checks = judge(moved, quantile=0.75)
            if len(checks) >= 3 and not any(check.fails for check in checks):
                found.append((bone_length(moved), name))
        if found:
            return min(found)[1]
    return None


def bone_length(points: np.ndarray) -> float:
    """How long the bones of a body are for its size; in the order that fits they are shortest.

    The mean length of the bones over the mean distance of the body's points from their middle.
    """
    body = BODIES[OPENPOSE.name]
    place = _places(points)
    pairs = [(body.neck, body.nose), *((body.neck, shoulder) for shoulder in body.shoulders)]
    arm = (body.shoulders, body.elbows, body.wrists)
    leg = (body.shoulders, body.hips, body.knees, body.ankles)
    for near, far in (*pairwise(arm), *pairwise(leg)):
        pairs += zip(near, far, strict=True)
    if body.eyes and body.ears:
        pairs += [*((body.nose, eye) for eye in body.eyes), *zip(body.eyes, body.ears, strict=True)]
    ends = np.array(pairs)
    bones = _length(place[:, ends[:, 0]] - place[:, ends[:, 1]])
    trunk = place[:, np.unique(ends)]
    spread = _length(trunk - _mean(trunk)[:, None])
    if not (np.isfinite(bones).any() and np.nanmax(spread) > 0):
        return np.inf
    return float(np.nanmean(bones) / np.nanmean(spread))


def _candidates(
    points: np.ndarray, order: str, taken: Numbers | None
) -> Iterator[Iterator[tuple[str, np.ndarray]]]:
    """The same points in every other order, in groups of which an earlier one is likelier."""
    formats = {name: named_format(name) for name in format_names()}
    if order != OPENPOSE.name:
        del formats["kinect25"]
        yield _moved(points, tuple(range(points.shape[1])), formats, _empty(points))
        return
    if taken and len(taken) != OPENPOSE.count:
        yield chain(_moved(points, taken, formats, points), _blocks(points))
        return
    usual = [numbers for count in (25, 18, 17) if (numbers := format_of_count(count))]
    others = [numbers for numbers in formats.values() if numbers not in usual and len(numbers) < 40]
    yield chain(*(_moved(points, numbers, formats, points) for numbers in usual), _blocks(points))
    yield chain.from_iterable(_moved(points, numbers, formats, points) for numbers in others)


def _moved(
    points: np.ndarray, taken: Numbers, formats: Mapping[str, Numbers], rest: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """The points that were taken for the format ``taken``, as every other one of as many."""
    raw = np.zeros((len(points), len(taken), 3), points.dtype)
    places = [number for number in taken if number is not None]
    raw[:, [number is not None for number in taken]] = points[:, places]
    if rest is points:
        rest = points.copy()
        rest[:, places] = 0
    for name, other in formats.items():
        if len(other) != len(taken) or (other == taken and rest.shape == points.shape):
            continue
        moved = rest.copy()
        chosen = [number for number in other if number is not None]
        moved[:, chosen] = raw[:, [number is not None for number in other]]
        # of a format without them, those that the reader set belong to none of its points
        for target in set(MIDPOINTS) - set(other):
            moved[:, target] = 0
        yield name, fill_midpoints(moved)


def _blocks(points: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The 137 as if their four blocks lay in another order."""
    right = list(BLOCKS)
    if not (points[:, 25:, 2] > 0).any():
        return
    for names in permutations(right):
        if list(names) != right:
            start, moved = 0, np.empty_like(points)
            for name in names:
                block = BLOCKS[name]
                size = block.stop - block.start
                moved[:, block] = points[:, start : start + size]
                start += size
            yield ", ".join(names), fill_midpoints(moved)


def _empty(points: np.ndarray) -> np.ndarray:
    return np.zeros((len(points), KEYPOINT_FORMATS[OPENPOSE.name].count, 3), points.dtype)


def _places(points: np.ndarray) -> np.ndarray:
    """X and y (T, P, 2), NaN where a point was not found or merely guessed."""
    return np.where(points[..., 2:] > GUESSED, points[..., :2], np.nan).astype(float)


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.hypot(vectors[..., 0], vectors[..., 1])


def _mean(place: np.ndarray) -> np.ndarray:
    """Mean (T, 2) over the points (T, V, 2) that are found; NaN where none is."""
    known = np.isfinite(place[..., :1])
    total = np.where(known, place, 0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _neck(neck: np.ndarray, across: np.ndarray, unit: float) -> np.ndarray:
    """How far along the shoulders the neck is from their middle, in shoulder distances.

    Only where the shoulders are well apart: seen from the side, the neck may be before either.
    """
    width = _length(across)
    along = (neck * across).sum(axis=1) / np.where(width > 0.7 * unit, width, np.nan) ** 2
    return np.abs(along - 0.5)


def _nose(nose: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """How far the nose is below the neck: against the trunk or, without hips, in the picture."""
    trunk = _length(up)
    by_trunk = -(nose * up).sum(axis=1) / np.where(trunk > 0, trunk, np.nan)
    upright = np.abs(across[:, 0]) > 2 * np.abs(across[:, 1])  # shoulders of people who lie are not
    return np.where(np.isfinite(by_trunk), by_trunk, np.where(upright, nose[:, 1], np.nan))


def _longest(place: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> np.ndarray:
    """The longer one of a limb and its counterpart; of one where the other was not found."""
    return np.fmax(*(_length(place[:, b] - place[:, a]) for a, b in zip(start, end, strict=True)))


def _hands(place: np.ndarray, body: Body) -> np.ndarray:
    """From each wrist to the nearest point of its hand, the larger of both."""
    gaps = []
    for wrist, hand in zip(body.wrists, body.hands, strict=True):
        gap = _length(place[:, list(hand)] - place[:, [wrist]])
        gaps.append(np.fmin.reduce(gap, axis=1))
    return np.fmax(*gaps)


def _opposite(pair: np.ndarray, across: np.ndarray, unit: float, least: float) -> np.ndarray:
    """How far a pair reaches against the direction of the shoulders, in shoulder widths.

    Mirroring and turning the picture leave it as it is. NaN where the pair or the shoulders are
    nearer together than ``least``, or 0.3, of a shoulder width.
    """
    width = _length(across)
    clear = (width > 0.3 * unit) & (_length(pair) > least * unit)
    return -(pair * across).sum(axis=1) / np.where(clear, width, np.nan) / unit
