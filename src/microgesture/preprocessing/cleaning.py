"""Cleaning of one clip: what was not really found, who is somebody else, what jumps or trembles."""

from dataclasses import dataclass, field

import numba
import numpy as np

from microgesture.data.boxes import far_points
from microgesture.data.keypoints import OPENPOSE, KeypointFormat
from microgesture.preprocessing.smoothing import one_euro, savgol
from microgesture.preprocessing.temporal import align
from microgesture.settings.preparation import Cleaning, OneEuro, PersonRule, SavitzkyGolay
from microgesture.utils.errors import InputError

NORMAL = 1.4826
"""Standard deviation of normal values in units of their median absolute deviation."""
MANY, MANY_OF_CLIP = 0.02, 0.2
"""Share of all frames, and of one clip's, from which on it is told that ``max_jump`` emptied them;
on two recorded sets it emptied at most 0.04 %."""
REMEDY = (
    "Where several people are mixed, follow one of them before; where people turn, sit down or "
    "walk, set cleaning.<name>.max_jump to null"
)
STEADY = 0.02
"""Least standard deviation that `outliers` assumes, in shoulder widths: how a point at rest
trembles. Without it every movement out of perfect rest would be an outlier."""


def clean(
    points: np.ndarray,
    config: Cleaning,
    order: KeypointFormat = OPENPOSE,
    fps: float | None = None,
) -> np.ndarray:
    """Take out what was not found or is wrong; on request fill short gaps and smooth.

    First go points that can be no part of the figure, see `microgesture.data.boxes.far_points`:
    one of them would make everything else a dot. The steps follow each other as their keys are
    listed, so that nothing wrong is ever filled towards, and only what is kept is smoothed. Each of
    the last three is left out unless its key is given. Where no frame shows both shoulders there is
    no measure of length: outliers and smoothing by One Euro, like the search for other people, then
    change nothing.

    Parameters
    ----------
    points : ndarray, float32 (T, P, 3)
        x, y in pixels, score.
    config : Cleaning
        ``min_score``: smaller scores count as not found.

        ``max_jump``: see `other_person`; None leaves that step out.

        ``outliers``: see `outliers`.

        ``fill_gaps``: a joint that is lost for at most so many frames between two sightings is
        interpolated, with a score that says so, exactly as `align` does it.

        ``smooth``: see `savgol` and `one_euro`; lengths are in shoulder widths there, so that the
        numbers mean the same at every resolution. Scores are left as they are.
    order : KeypointFormat
        What the P points are.
    fps : float, optional
        Frames a second; ``one_euro`` alone needs it.

    Returns
    -------
    ndarray, float32 (T, P, 3)
        x = y = score = 0 for everything that was taken out.

    """
    kept = np.where(found(points, config)[..., None], points, 0).astype(np.float32)
    kept[far_points(kept)] = 0
    if config.max_jump is not None:
        kept[other_person(kept, config.max_jump, order)] = 0
    if config.outliers is not None:
        kept[outliers(kept, config.outliers.frames, config.outliers.deviations, order)] = 0
    if config.fill_gaps:
        kept = align(kept, len(kept), config.fill_gaps)
    if config.smooth is not None:
        kept = _smooth(kept, config.smooth, order, fps)
    return kept


def emptied_frames(
    points: np.ndarray, rule: PersonRule, order: KeypointFormat = OPENPOSE
) -> tuple[int, int]:
    """How many frames ``max_jump`` of a cleaning empties, of how many that show anything."""
    seen = found(points, rule)
    shown = seen.any(axis=1)
    if rule.max_jump is None:
        return 0, int(shown.sum())
    kept = np.where(seen[..., None], points, 0)
    emptied = other_person(kept, rule.max_jump, order) & shown
    return int(emptied.sum()), int(shown.sum())


@dataclass
class Emptied:
    """What ``max_jump`` empties in a data set.

    Attributes
    ----------
    frames, emptied : int
        Frames that show anything, and those of them that are emptied.
    clips : int
        Clips that were counted.
    worst : list
        (clip id, emptied, frames) of the clips that lose any.

    """

    frames: int = 0
    emptied: int = 0
    clips: int = 0
    worst: list[tuple[str, int, int]] = field(default_factory=list)

    def add(self, clip_id: str, emptied: int, frames: int) -> None:
        """Count a clip."""
        self.clips += 1
        self.frames += frames
        self.emptied += emptied
        if emptied:
            self.worst.append((clip_id, emptied, frames))

    def note(self) -> str | None:
        """A warning in one line, where many frames are lost or a clip loses many of its own."""
        many = [one for one in self.worst if one[1] > MANY_OF_CLIP * one[2]]
        if not many and self.emptied <= MANY * self.frames:
            return None
        order = sorted(self.worst, key=lambda one: -one[1] / one[2])
        some = ", ".join(f"{clip} {lost} of {of}" for clip, lost, of in order[:5])
        more = ", ..." if len(order) > 5 else ""
        return (
            f"max_jump takes {self.emptied:,} of {self.frames:,} frames "
            f"({self.emptied / self.frames:.0%}) for somebody else and empties them, in "
            f"{len(self.worst):,} of {self.clips:,} clips, more than {MANY_OF_CLIP:.0%} of the "
            f"frames in {len(many):,} ({some}{more})"
        )


def found(points: np.ndarray, rule: PersonRule) -> np.ndarray:
    """Which points (..., 3) count as found by ``min_score`` of a cleaning, bool (...)."""
    return points[..., 2] >= max(rule.min_score, np.finfo(np.float32).tiny)


def _smooth(
    points: np.ndarray,
    rule: SavitzkyGolay | OneEuro,
    order: KeypointFormat,
    fps: float | None,
) -> np.ndarray:
    if isinstance(rule, SavitzkyGolay):
        return savgol(points, rule.frames, rule.order)
    if fps is None:
        raise ValueError("one_euro needs the frames a second")
    unit = shoulder_width(points, order)
    if unit is None:
        return points
    return one_euro(points, fps, rule.min_cutoff, rule.beta, unit)


def shoulder_width(points: np.ndarray, order: KeypointFormat = OPENPOSE) -> float | None:
    """Median distance of the shoulders in pixels; None where no frame shows them apart."""
    shoulders = points[:, list(order.shoulders)]
    both = (shoulders[..., 2] > 0).all(axis=1)
    if not both.any():
        return None
    width = np.linalg.norm(shoulders[both, 0, :2] - shoulders[both, 1, :2], axis=1)
    return float(np.median(width)) or None


def other_person(
    points: np.ndarray, max_jump: float, order: KeypointFormat = OPENPOSE
) -> np.ndarray:
    """Frames in which the detector followed somebody else, bool (T,).

    OpenPose numbers nobody, so identity is followed by position and size: a frame is another
    person's when the middle of its head and shoulders lies more than ``max_jump`` shoulder widths
    from the clip's median, or its shoulders are less than half or more than twice the usual width.
    Where no frame shows the shoulders apart, there is no measure and every frame is kept. People
    who turn, sit down or walk through the picture are lost by this; see ``max_jump`` in `clean`.
    """
    usual = shoulder_width(points, order)
    if usual is None:
        return np.zeros(len(points), bool)
    near = list(order.head_and_shoulders)
    seen = points[:, near, 2] > 0
    count = seen.sum(axis=1)
    total = (points[:, near, :2] * seen[..., None]).sum(axis=1)
    middle = total / np.maximum(count, 1)[:, None]
    shoulders = points[:, list(order.shoulders)]
    both = (shoulders[..., 2] > 0).all(axis=1)
    width = np.linalg.norm(shoulders[:, 0, :2] - shoulders[:, 1, :2], axis=1)
    jump = np.linalg.norm(middle - np.median(middle[count > 0], axis=0), axis=1)
    wrong_place = (count > 0) & (jump > max_jump * usual)
    wrong_size = both & ((width < usual / 2) | (width > usual * 2))
    return wrong_place | wrong_size


def outliers(
    points: np.ndarray, frames: int, deviations: float, order: KeypointFormat = OPENPOSE
) -> np.ndarray:
    """Points that jump away and come back, bool (T, P): the Hampel identifier, joint by joint.

    A point is compared with the median of its own sightings around it, as many before as after, at
    most ``frames // 2`` on either side and so many frames away; it is an outlier when its x or its
    y is further from the median than ``deviations`` standard deviations, which are estimated as
    1.4826 times the median absolute deviation and are at least `STEADY`. As many before as after
    means that a steady movement one way never loses a point. A point with fewer than two sightings
    on either side is kept, since a jump and a short movement look the same there.

    Parameters
    ----------
    points : ndarray, float32 (T, P, 3)
    frames : int
        Odd, at least 5.
    deviations : float

    Notes
    -----
    Sources: Davies & Gather 1993, The identification of multiple outliers; Pearson et al. 2016,
    Generalized Hampel filters (the moving window). A bound on speed alone, the other usual choice,
    cannot tell a jump from a fast gesture that stays where it went.

    """
    if frames < 5 or frames % 2 == 0:
        raise InputError(
            f"cleaning: outliers.frames is {frames}; expected an odd number of 5 or more"
        )
    found = np.zeros(points.shape[:2], bool)
    unit = shoulder_width(points, order)
    if unit is not None:
        _outliers(points, frames // 2, deviations, STEADY * unit, found)
    return found


@numba.njit(cache=True, nogil=True)
def _outliers(
    points: np.ndarray, half: int, deviations: float, least: float, found: np.ndarray
) -> None:
    """Set ``found`` (T, P) where a point is an outlier; ``least`` is in pixels."""
    near = np.empty((2, half), np.int64)
    values = np.empty(2 * half + 1)
    for p in range(points.shape[1]):
        for t in range(points.shape[0]):
            if points[t, p, 2] <= 0:
                continue
            sides = half
            for side in range(2):
                count = 0
                for distance in range(1, half + 1):
                    other = t + distance if side else t - distance
                    if 0 <= other < points.shape[0] and points[other, p, 2] > 0:
                        near[side, count] = other
                        count += 1
                sides = min(sides, count)
            if sides < 2:
                continue
            for c in range(2):
                values[0] = points[t, p, c]
                for k in range(sides):
                    values[1 + 2 * k] = points[near[0, k], p, c]
                    values[2 + 2 * k] = points[near[1, k], p, c]
                size = 2 * sides + 1
                middle = _median(values, size)
                for k in range(size):
                    values[k] = abs(values[k] - middle)
                spread = _median(values, size)
                if abs(points[t, p, c] - middle) > deviations * max(NORMAL * spread, least):
                    found[t, p] = True


@numba.njit(cache=True, nogil=True)
def _median(values: np.ndarray, size: int) -> float:
    """Sort the first ``size`` values, an odd number, and return the middle one."""
    # by insertion: numpy's sort allocates, which takes six times as long for so few
    for k in range(1, size):
        value, place = values[k], k
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value
    return values[size // 2]
