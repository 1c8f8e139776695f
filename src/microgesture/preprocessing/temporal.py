"""Bringing clips of any length to T frames: `align`, `crop_pad` and `segment_sample`.

`align` moves points and is done once, on key points. The other two only choose among a clip's
frames, at random in training, so they return frame indices.
"""

from collections.abc import Callable

import numpy as np

PADDING = -1
"""Frame index that stands for an empty frame."""


def align_times(num_frames: int, length: int) -> np.ndarray:
    """Times, in frames of the clip, at which `align` takes ``length`` frames; float64 (length,).

    A longer clip is sampled at uniform intervals on whole frames, a shorter one is stretched; the
    first and the last frame are kept (for ``length >= 2``). Source: Xu et al. 2025, section 2.4.
    """
    times = np.linspace(0, num_frames - 1, length)
    return np.round(times) if num_frames >= length else times


def align(points: np.ndarray, length: int, max_gap: int) -> np.ndarray:
    """Resample a clip to ``length`` frames without ever moving towards a point that was not found.

    Every joint is interpolated linearly between the frames in which it was seen. Between
    neighbouring frames the score is interpolated as well. Where the joint was lost in between, the
    interpolated score is divided by 1 + the distance in frames to the nearest sighting, so that it
    says that the point was filled in. Gaps of more than ``max_gap`` lost frames, and everything
    before the first and after the last sighting, stay empty.

    Parameters
    ----------
    points : ndarray, float32 (T, V, 3)
        x, y, score; score 0 where the point was not found.
    length : int
        Number of frames to return.
    max_gap : int
        Longest run of lost frames that is filled in.

    Returns
    -------
    ndarray, float32 (length, V, 3)

    """
    times = align_times(len(points), length)
    seen = points[..., 2] > 0
    frame = np.arange(len(points))[:, None]
    previous = np.maximum.accumulate(np.where(seen, frame, -1), axis=0)
    following = np.minimum.accumulate(np.where(seen, frame, len(points))[::-1], axis=0)[::-1]
    before = previous[np.floor(times).astype(int)]
    after = following[np.ceil(times).astype(int)]
    known = (before >= 0) & (after < len(points)) & (after - before - 1 <= max_gap)
    before, after = np.where(known, before, 0), np.where(known, after, 0)

    joint = np.arange(points.shape[1])[None, :]
    start, end = points[before, joint].astype(float), points[after, joint].astype(float)
    span = after - before
    share = (times[:, None] - before) / np.maximum(span, 1)
    result = start + share[..., None] * (end - start)
    distance = np.minimum(times[:, None] - before, after - times[:, None])
    result[..., 2] /= np.where(span > 1, 1 + distance, 1)
    return np.where(known[..., None], result, 0).astype(np.float32)


def align_reference(points: np.ndarray, length: int, max_gap: int) -> np.ndarray:
    """The readable form of `align`: one joint and one output frame at a time."""
    result = np.zeros((length, points.shape[1], 3), np.float32)
    for i, time in enumerate(align_times(len(points), length)):
        for v in range(points.shape[1]):
            seen = [t for t in range(len(points)) if points[t, v, 2] > 0]
            before = [t for t in seen if t <= time]
            after = [t for t in seen if t >= time]
            if not before or not after or after[0] - before[-1] - 1 > max_gap:
                continue
            a, b = before[-1], after[0]
            share = (time - a) / (b - a) if b > a else 0.0
            x, y, score = (1 - share) * points[a, v].astype(float) + share * points[b, v]
            if b - a > 1:
                score /= 1 + min(time - a, b - time)
            result[i, v] = x, y, score
    return result


def crop_pad(num_frames: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Frame indices of a random contiguous crop, or of the whole clip with empty frames after it.

    The baseline of ST-GCN. Returns int (length,), `PADDING` where the clip has ended.
    """
    return _crop(num_frames, length, int(rng.integers(max(num_frames - length, 0) + 1)))


def _crop(num_frames: int, length: int, start: int) -> np.ndarray:
    indices = np.arange(start, start + length)
    return np.where(indices < num_frames, indices, PADDING)


def segment_sample(num_frames: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Frame indices with one random frame from each of ``length`` equal segments; int (length,).

    Shorter clips start at a random frame and wrap around. Clips shorter than twice the length leave
    out frames at random places instead. Source: UniformSampleFrames of PySKL (Duan et al. 2022).
    """
    if num_frames < length:
        return (int(rng.integers(num_frames)) + np.arange(length)) % num_frames
    if num_frames < 2 * length:
        skips = rng.choice(length + 1, num_frames - length, replace=False)
        skipped_before = np.cumsum(np.isin(np.arange(length + 1), skips))
        return np.arange(length) + skipped_before[:length]
    bounds = np.arange(length + 1) * num_frames // length
    return rng.integers(bounds[:-1], bounds[1:])


def _all_frames(num_frames: int, length: int, rng: np.random.Generator) -> np.ndarray:
    return np.arange(length)


def _one_view(num_views: int, length: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(num_views, size=1)


def _seed(num_frames: int, length: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(2**32, size=1)


SAMPLERS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "align": _all_frames,
    "crop_pad": crop_pad,
    "segment_sample": segment_sample,
    "views": _one_view,
    "sources": _seed,
}
"""How a training sample's frames are chosen; aligned clips already have ``length`` frames.

Of the views of which a clip's tokens were written, ``views`` chooses one. ``sources`` gives the
seed by which every source of a fusion chooses its own.
"""


def inference_views(kind: str, num_frames: int, length: int, views: int) -> list[np.ndarray]:
    """Frame indices of the temporal views that are averaged in testing.

    `align` has one view only, since nothing in it is random; `crop_pad` has crops at even
    distances (one where the clip fits). `segment_sample` draws with the view's number as seed; of
    clips shorter than the length, which wrap around whole, the views start at even distances, and
    at one frame after the other where there are fewer frames than views, both as in PySKL. Of
    views that were written, ``views`` takes the first. ``sources`` gives a view's number and how
    many there are, by which every source of a fusion chooses its own.
    """
    if kind == "align":
        return [np.arange(length)]
    if kind == "views":
        return [np.array([view]) for view in range(min(num_frames, views))]
    if kind == "sources":
        count = min(num_frames, views)
        return [np.array([view, views]) for view in range(count)]
    if kind == "crop_pad":
        starts = np.linspace(0, max(num_frames - length, 0), views + 2)[1:-1].round().astype(int)
        return [_crop(num_frames, length, start) for start in np.unique(starts)]
    if num_frames < length:
        starts = np.arange(views) * max(num_frames, views) // views
        return [(start + np.arange(length)) % num_frames for start in starts]
    return [segment_sample(num_frames, length, np.random.default_rng(v)) for v in range(views)]


def timeline(kind: str, length: int) -> str:
    """Name of the stored timeline that a variant reads: ``align16``, or ``native`` for samplers."""
    return f"align{length}" if kind == "align" else "native"
