"""Recordings cut into windows, for training without labels."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import Clip


def window_starts(count: int, frames: int) -> list[int]:
    """First frames of the windows of ``frames`` that cover ``count`` frames.

    They overlap by half, the last one by more where it would not end with the last frame. What is
    shorter than a window is one.
    """
    last = max(count - frames, 0)
    starts = list(range(0, last + 1, max(frames // 2, 1)))
    return starts if starts[-1] == last else [*starts, last]


def windows(recordings: Iterable[Clip], frames: int) -> Iterator[Clip]:
    """Windows of recordings as clips without a label, named ``{recording}@{first frame}``.

    Those without any point are left out.
    """
    for recording in recordings:
        for start in window_starts(len(recording.points), frames):
            points = recording.points[start : start + frames]
            if points[..., 2].any():
                name = f"{recording.clip_id}@{start}"
                yield replace(recording, clip_id=name, label=UNKNOWN, points=points)
