"""Detection while frames come in: gestures are told as they end."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from microgesture.data.keypoints import OPENPOSE, fill_midpoints
from microgesture.data.store import clean_points
from microgesture.online.segments import Segment
from microgesture.online.use import Find
from microgesture.readers.openpose_frames import SUFFIX, frame_names, read_people
from microgesture.readers.tracker import Subject, sighting
from microgesture.utils.errors import InputError

POLL = 0.1
"""Seconds between two looks at the folder."""


class Stream:
    """Frames in the order in which they come, of which the last ones are looked at now and then.

    Parameters
    ----------
    find : callable
        See `microgesture.online.use.Find`.
    fps : float
    memory : int
        Frames that are looked at, so that neither time nor memory grows.
    hop : int
        Frames from one look to the next.
    delay : int
        Frames that have to follow the end of a gesture before it is told.

    """

    def __init__(self, find: Find, fps: float, memory: int, hop: int, delay: int) -> None:
        self._find, self._fps, self._memory = find, fps, memory
        self._hop, self._delay = hop, delay
        self._frames: list[np.ndarray] = []
        self._told: list[Segment] = []
        self.seen = 0

    def add(self, points: np.ndarray) -> list[Segment]:
        """Take a frame's points (P, 3); gestures that have ended and were not told yet."""
        self._frames = [*self._frames[-self._memory + 1 :], points]
        self.seen += 1
        return self._look(self._delay) if self.seen % self._hop == 0 else []

    def finish(self) -> list[Segment]:
        """Gestures that were not told yet, those that may go on among them."""
        return self._look(-1) if self._frames else []

    def _look(self, delay: int) -> list[Segment]:
        points = np.stack(self._frames)
        if not (points[..., 2] > 0).any():
            return []
        first = self.seen - len(points)
        new = []
        for one in sorted(self._find(points, self._fps), key=lambda s: s.end):
            moved = one._replace(start=one.start + first, end=one.end + first)
            known = any(
                old.label == moved.label and old.start <= moved.end and moved.start <= old.end
                for old in self._told
            )
            if known or moved.end >= self.seen - delay:
                continue
            new.append(moved)
            self._told.append(moved)
        # of older ones no frame is looked at any more
        self._told = [one for one in self._told if one.end >= self.seen - self._memory]
        return new


def frames_of(
    folder: Path,
    patience: float,
    wait: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[np.ndarray]:
    """Points (137, 3) of the person in each frame, as the files come; ends when none comes.

    Parameters
    ----------
    folder : Path
        Into which OpenPose writes, with ``--write_json``.
    patience : float
        Seconds without a new frame after which it ends.
    wait, now : callable
        The clock.

    Raises
    ------
    InputError
        When no frame comes at all, or a file stays unreadable while others come.

    """
    subject, done, since = Subject(), set[str](), now()
    seen = 0
    while True:
        waiting = [name for name in _names(folder) if name not in done]
        for place, name in enumerate(waiting):
            try:
                people = read_people(folder / name)
            except InputError:
                # the last one may not be written to its end
                if place + 1 < len(waiting) or now() - since >= patience:
                    raise
                break
            done.add(name)
            number = subject.find([sighting(person) for person in people])
            empty = np.zeros((OPENPOSE.count, 3), np.float32)
            points = empty if number is None else clean_points(people[number][None])[0]
            seen, since = seen + 1, now()
            yield fill_midpoints(points[None])[0]
        if now() - since >= patience:
            if not seen:
                raise InputError(
                    f"{folder}: no file *{SUFFIX} came within {patience:g} seconds; start OpenPose "
                    "with --write_json and this folder, or give more --patience"
                )
            return
        wait(POLL)


def _names(folder: Path) -> list[str]:
    """Frame files that are there, in order; none where there is no folder or no file yet."""
    if not folder.is_dir() or not any(one.name.endswith(SUFFIX) for one in folder.iterdir()):
        return []
    return frame_names(folder)
