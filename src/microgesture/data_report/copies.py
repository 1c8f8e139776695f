"""Clips of two splits that show the same moment: cut a few frames apart, or at another frame rate.

Detectors tremble, so the same pose twice is a little different each time. Only the same frames, or
frames interpolated between them, agree better than a frame does with the middle of its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from microgesture.data.keypoints import OPENPOSE
from microgesture.data.plausibility import BODIES
from microgesture.data.store import Clip

ANCHORS, NEIGHBOURS, AXES = 16, 8, 8
"""Frames of a clip whose like is looked for, how many frames are looked at for each, and by how
many principal components."""
NEAR = 4.0
"""Frames are looked for within so many times the clip's trembling."""
ALIKE = 0.75
"""Clips are the same when their frames differ by less than so many times the trembling."""
OVERLAP, LEAST = 0.5, 10
"""Share of the shorter clip, and number of frames with all points, that must be in both."""
RATES = (0.4, 2.5)
"""Least and most frames of one clip for each of the other."""
FRAMES = 2_000_000
"""Frames that are kept at most; beyond, only the middle of long clips is, of at least `MIDDLE`."""
MIDDLE = 40
OFTEN, FEWEST = 0.6, 5
"""Points found in fewer frames are left out; fewer points tell nothing."""


@dataclass(frozen=True)
class NearCopy:
    """Two clips of different splits that share ``frames`` frames, ``shift`` frames apart.

    ``rate`` is how many frames of the second there are for one of the first, ``unlike`` how much
    the frames differ, in units of the clip's trembling: 0 where they are the same.
    """

    first: str
    second: str
    splits: tuple[str, str]
    frames: int
    shift: int
    rate: float
    unlike: float


@dataclass
class Paths:
    """The paths of a few points of the body in all clips, cut so that memory is bounded."""

    order: str = OPENPOSE.name
    ids: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    longest: int = 1 << 30
    _frames: int = 0

    def add(self, clip: Clip) -> None:
        """Keep a clip's paths, float32 (T, V, 2), NaN where a point was not found."""
        points = clip.points[:, chosen_points(self.order)]
        places = np.where(points[..., 2:] > 0, points[..., :2], np.nan)
        self.ids.append(clip.clip_id)
        self.splits.append(clip.split)
        self.places.append(places.astype(np.float32))
        self.starts.append(0)
        self._cut(len(self.places) - 1)
        self._frames += len(self.places[-1])
        while self._frames > FRAMES and self.longest > MIDDLE:
            longest = max(map(len, self.places))
            self.longest = max(longest // 2, MIDDLE)
            for row in range(len(self.places)):
                self._cut(row)
            self._frames = sum(map(len, self.places))

    def _cut(self, row: int) -> None:
        over = len(self.places[row]) - self.longest
        if over > 0:
            first = over // 2
            self.places[row] = self.places[row][first : first + self.longest].copy()
            self.starts[row] += first


def chosen_points(order: str) -> list[int]:
    """Points of the upper body whose paths are compared."""
    body = BODIES[order]
    more = [*(body.eyes or ()), *(body.ears or ())]
    return [body.nose, body.neck, *body.shoulders, *body.elbows, *body.wrists, *more]


def near_copies(paths: Paths) -> list[NearCopy]:
    """Pairs of clips of two splits that show the same frames, those that share most first.

    Frames are compared by their shape, whatever its place and size in the picture. Of each clip a
    few frames are looked up in a tree of all frames of the other split, by their first `AXES`
    principal components, in which a tree is fast: time grows hardly faster than the number of
    clips. Pairs of clips that were hit twice are compared frame by frame.
    """
    if not paths.places:
        return []
    every = np.concatenate(paths.places)
    often = np.isfinite(every[..., 0]).mean(axis=0) > OFTEN
    if often.sum() < FEWEST:
        return []
    shapes = [_shapes(one[:, often]) for one in paths.places]
    axes = _principal(np.concatenate(shapes))
    if axes is None:
        return []
    rows: dict[str, list[int]] = {}
    for row, split in enumerate(paths.splits):
        rows.setdefault(split, []).append(row)
    found: list[NearCopy] = []
    names = sorted(rows)
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            asked, held = sorted((rows[first], rows[second]), key=len)
            found += _between(paths, shapes, axes, asked, held)
    return sorted(found, key=lambda one: (-one.frames, one.first, one.second))


def _shapes(places: np.ndarray) -> np.ndarray:
    """Points of each frame, float32 (T, 2 V), from their middle and over their spread."""
    centred = places - places.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (centred / spread).reshape(len(places), -1)


def _principal(shapes: np.ndarray) -> np.ndarray | None:
    """The first principal components (D, `AXES`) of the shapes (N, D); None without any."""
    whole = shapes[np.isfinite(shapes).all(axis=1)]
    if not len(whole):
        return None
    _, axes = np.linalg.eigh(np.cov(whole, rowvar=False, bias=True))
    return axes[:, -AXES:].astype(np.float32)


def _between(
    paths: Paths,
    shapes: Sequence[np.ndarray],
    axes: np.ndarray,
    asked: Sequence[int],
    held: Sequence[int],
) -> list[NearCopy]:
    """Near copies of the clips ``asked`` among those ``held``."""
    owner = np.concatenate([np.full(len(shapes[row]), row) for row in held])
    place = np.concatenate([np.arange(len(shapes[row])) for row in held])
    stored = np.concatenate([shapes[row] for row in held])
    whole = np.isfinite(stored).all(axis=1)
    if not whole.any():
        return []
    owner, place, stored = owner[whole], place[whole], stored[whole]
    tree = cKDTree(stored @ axes)
    found = []
    for row in asked:
        frames = np.flatnonzero(np.isfinite(shapes[row]).all(axis=1))
        if len(frames) < LEAST:
            continue
        anchors = frames[np.linspace(0, len(frames) - 1, ANCHORS).round().astype(int)]
        asking, reach = shapes[row][anchors], NEAR * _tremble(shapes[row])
        _, hits = tree.query(asking @ axes, NEIGHBOURS, distance_upper_bound=reach)
        far = hits == len(owner)
        hits[far] = 0
        far |= np.linalg.norm(stored[hits] - asking[:, None], axis=2) > reach
        owners = np.where(far, -1, owner[hits])
        for other in np.unique(owners[~far]).tolist():
            of = owners == other
            at = of.any(axis=1)
            if at.sum() < 2:
                continue
            first = hits[at, of[at].argmax(axis=1)]
            pair = _compare(shapes[row], shapes[other], anchors[at], place[first])
            if pair:
                shared, shift, rate, unlike = pair
                found.append(
                    NearCopy(
                        paths.ids[row],
                        paths.ids[other],
                        (paths.splits[row], paths.splits[other]),
                        shared,
                        round(shift + paths.starts[other] - rate * paths.starts[row]),
                        rate,
                        unlike,
                    )
                )
    return found


def _compare(
    ours: np.ndarray, theirs: np.ndarray, at: np.ndarray, there: np.ndarray
) -> tuple[int, int, float, float] | None:
    """Shared frames, shift, rate and difference of two clips; None where they are not the same.

    Parameters
    ----------
    ours, theirs : ndarray (T, D), (S, D)
        Shapes.
    at, there : ndarray, int (A,)
        Frames that look alike.

    """
    gaps = np.subtract.outer(at, at)
    apart = np.triu_indices(len(at), 1)
    rates = np.subtract.outer(there, there)[apart] / np.where(gaps[apart], gaps[apart], np.nan)
    guess = float(np.nanmedian(rates)) if np.isfinite(rates).any() else 1.0
    best = None
    for rate in (guess, 1.0):
        if not RATES[0] <= rate <= RATES[1]:
            continue
        starts = there - rate * at
        start = float(np.median(starts))
        nearby = start + np.linspace(-1, 1, 9)
        for shift in (round(start), *nearby, *np.unique(starts.round())[:ANCHORS]):
            found = _unlike(ours, theirs, rate, float(shift))
            if found and (best is None or found[1] < best[3]):
                best = (found[0], round(float(shift)), rate, found[1])
    return best if best and best[3] < ALIKE else None


def _unlike(
    ours: np.ndarray, theirs: np.ndarray, rate: float, shift: float
) -> tuple[int, float] | None:
    """Shared frames, and how much they differ, in units of the clip's trembling."""
    times = np.arange(len(ours)) * rate + shift
    inside = (times >= 0) & (times <= len(theirs) - 1)
    low = np.clip(np.floor(times).astype(int), 0, len(theirs) - 1)
    high = np.minimum(low + 1, len(theirs) - 1)
    part = (times - low)[:, None]
    between = np.where(part > 0, theirs[low] * (1 - part) + theirs[high] * part, theirs[low])
    off = np.linalg.norm(ours - between, axis=1)
    known = inside & np.isfinite(off)
    shorter = min(len(ours), len(theirs) / rate)
    if known.sum() < LEAST or inside.sum() < OVERLAP * shorter:
        return None
    usual = _tremble(ours)
    if not usual > 0:  # nobody moves, which tells nothing
        return None
    return int(inside.sum()), float(np.median(off[known])) / usual


def _tremble(shapes: np.ndarray) -> float:
    """By how much a frame usually differs from the middle of those before and after it."""
    bend = shapes[1:-1] - (shapes[:-2] + shapes[2:]) / 2
    off = np.linalg.norm(bend, axis=1)
    off = off[np.isfinite(off)]
    return float(np.median(off)) if len(off) else 0.0
