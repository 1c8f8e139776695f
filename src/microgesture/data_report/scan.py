"""One pass over a skeleton store, counting what a person should know before training on it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from microgesture.data.body_checks import BodyChecks
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import Layout, layout_points
from microgesture.data.store import SPLITS, Clip
from microgesture.data_report.copies import NearCopy, Paths, near_copies
from microgesture.data_report.outliers import Facts, clip_facts
from microgesture.preprocessing.cleaning import Emptied, emptied_frames
from microgesture.settings.preparation import PersonRule

# A clip "ends in empty frames" from this many on: a detector that fails for a moment leaves fewer.
TRAILING_FRAMES = 3
# Fingers say which wrist they belong to where the wrists are this far apart (shoulder widths) and
# the fingers this near to one of them (share of the wrists' distance); clasped hands say nothing.
CLEAR_WRISTS, CLEAR_FINGERS = 0.8, 1 / 3
# Shoulders count as exchanged when they stand apart by this share of their usual distance.
CLEAR_SHOULDERS = 0.25
# Largest coordinate of points that were divided by the size of the picture.
NORMALISED_LIMIT = 2.0
_FIRST = 5


@dataclass
class Tally:
    """How often something was found, in how many clips, and the first few of them."""

    count: int = 0
    clips: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, clip_id: str, count: int) -> None:
        """Count a clip in which it was found ``count`` times; 0 is no find."""
        if count:
            self.count += int(count)
            self.clips += 1
            if len(self.first) < _FIRST:
                self.first.append(clip_id)


@dataclass
class SizeCount:
    """Points of all clips of one height, width and fps.

    ``visible``; of them ``full`` with a score of 1, ``right`` of the frame (x > width), ``outside``
    of the frame on its right or below it, ``outside_swapped``: the same if height and width were
    exchanged, and ``negative``: x or y below 0.
    """

    clips: int = 0
    visible: int = 0
    full: int = 0
    right: int = 0
    outside: int = 0
    outside_swapped: int = 0
    negative: int = 0
    first: list[str] = field(default_factory=list)


@dataclass
class HandCount:
    """Frames of one subject that tell which hand is which, and those with the hands exchanged."""

    clear: int = 0
    exchanged: Tally = field(default_factory=Tally)


@dataclass
class Scan:
    """What `scan` found; every "found" is a score above 0.

    Attributes
    ----------
    frames, missing
        For each split the number of frames and, int (V,), in how many of them each joint is not
        found.
    sizes
        By (height, width, fps).
    hands
        By subject; empty when the layout has no fingertips, wrists and shoulders on both sides.
    empty_frames
        Frames without any joint of the layout.
    led_in
        Clips whose first frame alone is empty.
    padded
        Clips that end in `TRAILING_FRAMES` or more empty frames; counts those frames.
    flips
        Single frames in which left and right shoulder change places.
    repeated
        Frames with exactly the points of the one before; empty ones do not count.
    normalised
        Clips whose coordinates all lie within `NORMALISED_LIMIT` pixels.
    copies
        Groups of clips with exactly the same points: (clip id, split) of each.
    near_copies
        Pairs of other clips, of two splits, that show the same moment.
    bodies
        Whether the points are where a body has them.
    emptied
        By cleaning, what its ``max_jump`` would empty.
    facts
        Of every clip, what it is compared with the others by; its frame is the best-seen one.

    """

    frames: dict[str, int]
    missing: dict[str, np.ndarray]
    sizes: dict[tuple[int, int, float], SizeCount] = field(default_factory=dict)
    hands: dict[str, HandCount] = field(default_factory=dict)
    empty_frames: Tally = field(default_factory=Tally)
    led_in: Tally = field(default_factory=Tally)
    padded: Tally = field(default_factory=Tally)
    flips: Tally = field(default_factory=Tally)
    repeated: Tally = field(default_factory=Tally)
    normalised: Tally = field(default_factory=Tally)
    copies: list[list[tuple[str, str]]] = field(default_factory=list)
    near_copies: list[NearCopy] = field(default_factory=list)
    bodies: BodyChecks = field(default_factory=BodyChecks)
    emptied: dict[str, Emptied] = field(default_factory=dict)
    facts: list[Facts] = field(default_factory=list)

    @property
    def shown(self) -> dict[str, np.ndarray]:
        """The best-seen frame (V, 3) of each clip, in pixels."""
        return {one.clip_id: one.frame for one in self.facts}


def scan(
    clips: Iterable[Clip], layout: Layout, cleanings: Mapping[str, PersonRule] | None = None
) -> Scan:
    """Count over all clips, holding one of them at a time.

    Parameters
    ----------
    clips
        With (T, P, 3) points of the set that the layout chooses from.
    layout
        Its joints are counted, and its names say which are fingertips, wrists and shoulders.
    cleanings
        By name, ``min_score`` and ``max_jump``: what the latter would empty is counted.

    Raises
    ------
    InputError
        When the layout is for other points.

    """
    joints = len(layout.joints)
    found = Scan(dict.fromkeys(SPLITS, 0), {split: np.zeros(joints, int) for split in SPLITS})
    found.bodies.order = layout.source
    paths = Paths(layout.source)
    by_content: dict[bytes, list[tuple[str, str]]] = {}
    hands, shoulders = _hand_joints(layout), _joint_pair(layout, "shoulder")
    for clip in clips:
        points = layout_points(clip, layout)
        seen = points[..., 2] > 0
        found.frames[clip.split] += len(points)
        found.missing[clip.split] += (~seen).sum(axis=0)
        _count_empty(found, clip.clip_id, np.any(seen, axis=1))
        same = (points[1:] == points[:-1]).all(axis=(1, 2)) & seen[1:].any(axis=1)
        found.repeated.add(clip.clip_id, int(same.sum()))
        _count_size(found, clip)
        paths.add(clip)
        for name, cleaning in (cleanings or {}).items():
            emptied = emptied_frames(clip.points, cleaning, KEYPOINT_FORMATS[layout.source])
            found.emptied.setdefault(name, Emptied()).add(clip.clip_id, *emptied)
        found.bodies.add(clip)
        digest = hashlib.blake2b(clip.points.tobytes(), digest_size=16).digest()
        by_content.setdefault(digest, []).append((clip.clip_id, clip.split))
        if shoulders and hands:
            count = found.hands.setdefault(clip.subject, HandCount())
            clear, exchanged = exchanged_hands(points, shoulders, *hands)
            count.clear += int(clear.sum())
            count.exchanged.add(clip.clip_id, exchanged.sum())
        if shoulders:
            found.flips.add(clip.clip_id, shoulder_flips(points[:, shoulders]).sum())
        found.facts.append(clip_facts(clip, points, layout, points[best_frame(seen)].copy()))
    found.copies = [group for group in by_content.values() if len(group) > 1]
    same = {clip: number for number, group in enumerate(found.copies) for clip, _ in group}
    found.near_copies = [
        pair
        for pair in near_copies(paths)
        if pair.first not in same or same[pair.first] != same.get(pair.second)
    ]
    return found


def best_frame(seen: np.ndarray) -> int:
    """Of the middle half of a clip's frames, that with the most points of bool (T, V).

    Where several are equal, the one nearest to the middle; a gesture is at its height there.
    """
    total = len(seen)
    frames = np.arange(total // 4, total - total // 4)
    off_middle = np.abs(frames - (total - 1) / 2)
    return int(frames[np.lexsort((off_middle, -seen[frames].sum(axis=1)))[0]])


def exchanged_hands(
    points: np.ndarray,
    shoulders: list[int],
    wrists: list[int],
    left_tips: list[int],
    right_tips: list[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Frames that tell which hand is which, and those of them where the hands are exchanged.

    Parameters
    ----------
    points
        (T, V, 3).
    shoulders, wrists
        Left and right joint.
    left_tips, right_tips
        Joints of the fingertips.

    Returns
    -------
    tuple of ndarray
        bool (T,) each. Exchanged: the fingertips of both hands together are nearer to the other
        wrist than to their own.

    """
    (left, left_found), (right, right_found) = (
        _middle(points, left_tips),
        _middle(points, right_tips),
    )
    ends = points[:, wrists, :2]
    own = _distance(left, ends[:, 0]) + _distance(right, ends[:, 1])
    other = _distance(left, ends[:, 1]) + _distance(right, ends[:, 0])
    apart = _distance(ends[:, 0], ends[:, 1])
    width = _distance(points[:, shoulders[0], :2], points[:, shoulders[1], :2])
    all_found = (points[:, [*wrists, *shoulders], 2] > 0).all(axis=1) & left_found & right_found
    far = apart >= CLEAR_WRISTS * width
    near = np.minimum(own, other) / 2 < CLEAR_FINGERS * apart
    clear = all_found & far & near
    return clear, clear & (own > other)


def shoulder_flips(shoulders: np.ndarray) -> np.ndarray:
    """Single frames in which the shoulders stand the other way round than just before and after.

    Parameters
    ----------
    shoulders
        (T, 2, 3), left and right.

    Returns
    -------
    ndarray
        bool (T,). Somebody seen from the side has shoulders one behind the other, whose order is
        noise: they count only `CLEAR_SHOULDERS` of the usual distance apart.

    """
    flips = np.zeros(len(shoulders), bool)
    found = (shoulders[..., 2] > 0).all(axis=1)
    if len(shoulders) < 3 or not found.any():
        return flips
    gap = shoulders[:, 0, 0] - shoulders[:, 1, 0]
    clear = found & (np.abs(gap) > CLEAR_SHOULDERS * np.median(np.abs(gap[found])))
    order = np.where(clear, np.sign(gap), 0)
    flips[1:-1] = (order[1:-1] * order[:-2] < 0) & (order[1:-1] * order[2:] < 0)
    return flips


def _count_empty(found: Scan, clip_id: str, any_seen: np.ndarray) -> None:
    found.empty_frames.add(clip_id, int(np.count_nonzero(~any_seen)))
    found.led_in.add(clip_id, int(not any_seen[0] and any_seen[1:2].any()))
    trailing = int(np.argmax(any_seen[::-1])) if any_seen.any() else len(any_seen)
    found.padded.add(clip_id, trailing if trailing >= TRAILING_FRAMES else 0)


def _count_size(found: Scan, clip: Clip) -> None:
    seen = clip.points[..., 2] > 0
    x, y = clip.points[seen][:, 0], clip.points[seen][:, 1]
    size = found.sizes.setdefault((clip.height, clip.width, float(clip.fps)), SizeCount())
    size.clips += 1
    size.visible += len(x)
    size.full += int(np.count_nonzero(clip.points[..., 2] == 1))
    size.right += int(np.count_nonzero(x > clip.width))
    size.outside += int(np.count_nonzero((x > clip.width) | (y > clip.height)))
    size.outside_swapped += int(np.count_nonzero((x > clip.height) | (y > clip.width)))
    size.negative += int(np.count_nonzero((x < 0) | (y < 0)))
    if len(size.first) < _FIRST:
        size.first.append(clip.clip_id)
    if len(x):
        largest = max(np.abs(x).max(), np.abs(y).max())
        found.normalised.add(clip.clip_id, int(largest <= NORMALISED_LIMIT))


def _middle(points: np.ndarray, joints: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Middle (T, 2) of the joints that are found, and whether there is one, bool (T,)."""
    seen = points[:, joints, 2] > 0
    total = (points[:, joints, :2] * seen[..., None]).sum(axis=1)
    count = seen.sum(axis=1)
    return total / np.maximum(count, 1)[:, None], count > 0


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=1)


def _joint_pair(layout: Layout, part: str) -> list[int]:
    """The left and the right joint of a part of the body, or nothing."""
    names = [f"left_{part}", f"right_{part}"]
    both = set(names) <= set(layout.joints)
    return [layout.joints.index(name) for name in names] if both else []


def _hand_joints(layout: Layout) -> tuple[list[int], list[int], list[int]] | None:
    """Both wrists, the left and the right fingertips; None when the layout lacks one of them."""
    wrists = _joint_pair(layout, "wrist")
    left, right = (
        [v for v, name in enumerate(layout.joints) if {side, "tip"} <= set(name.split("_"))]
        for side in ("left", "right")
    )
    return (wrists, left, right) if wrists and left and right else None
