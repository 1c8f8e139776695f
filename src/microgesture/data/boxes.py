"""Which points of a clip lie so far from all others that they can be no part of the figure."""

import numpy as np

GAP = 10.0
"""Times as far from the clip's middle as the point before it: a lone point is no part of a body.
On two sets of real recordings the largest such step is 3 (8 where faces and hands alone are
looked at), in whole clips, single frames, and with nine of ten points lost."""
CERTAIN = 1000.0
"""The same for whole bodies, which may walk, and where few joints show how large the figure is."""
JOINTS = 12
"""So many joints show how large the figure is."""


def far_points(points: np.ndarray) -> np.ndarray:
    """Found points that can be no part of the figure, bool (..., V).

    All found points of the clip are sorted by their distance from their median. Where one of the
    outer half is `GAP` times as far as the one before it, it and all behind it are not the
    figure's, however many frames they are in. That is the same at every scale. Up to `CERTAIN`
    times, frames of which most points lie out there are kept: a person may be somewhere else.

    Parameters
    ----------
    points : ndarray, (T, V, 3) or (V, 3)
        x, y in any unit, score; score 0 where the point was not found.

    Returns
    -------
    ndarray
        True also for a found point whose place is not a finite number.

    """
    seen = points[..., 2] > 0
    finite = seen & np.isfinite(points[..., :2]).all(axis=-1)
    far = seen & ~finite
    if finite.sum() < 3:
        return far
    places = points[..., :2].astype(float)
    found = places[finite]
    middle = np.median(found, axis=0)
    away = np.sort(np.abs(found - middle).max(axis=1))[len(found) // 2 :]
    steps = np.flatnonzero((away[1:] >= GAP * away[:-1]) & (away[:-1] > 0))
    if not len(steps):
        return far
    distance = np.where(finite, np.abs(places - middle).max(axis=-1), 0)
    for near, beyond_it in zip(away[steps], away[steps + 1], strict=True):
        inside = finite & (distance <= near)
        joints = int(inside.reshape(-1, seen.shape[-1]).any(axis=0).sum())
        if joints < JOINTS and beyond_it < CERTAIN * near:
            continue
        beyond = finite & ~inside
        there = beyond.sum(axis=-1, keepdims=True)
        bodies = (there >= 3) & (2 * there > finite.sum(axis=-1, keepdims=True))
        return far | (beyond & (~bodies | (distance >= CERTAIN * near)))
    return far


def own_frames(points: np.ndarray) -> np.ndarray:
    """Frames that show the clip's person, bool (T,); the others show nobody or somebody else.

    Somebody else is who is more than the figure's own size away from where it mostly is.

    Parameters
    ----------
    points : ndarray, (T, V, 3)
        x, y in any unit, score; score 0 where the point was not found.

    """
    seen = points[..., 2] > 0
    own: np.ndarray = np.logical_or.reduce(seen, axis=1)
    frames = np.flatnonzero(own)
    if not len(frames):
        return own
    found = [points[frame, seen[frame], :2] for frame in frames]
    centres = np.array([np.median(one, axis=0) for one in found])
    size = np.median([np.ptp(one, axis=0).max() for one in found])
    own[frames] = np.linalg.norm(centres - np.median(centres, axis=0), axis=1) <= size
    return own
