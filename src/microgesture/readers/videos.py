"""What the readers of long recordings share: a video, the rows of its label file, and the cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.recordings import Recording
from microgesture.data.store import POINTS, BadClip, Clip, check_clip
from microgesture.readers.labels import LabelRow, tell_overlaps
from microgesture.utils.errors import InputError


@dataclass(frozen=True)
class Video:
    """One recording and what its label file says.

    Attributes
    ----------
    split, name, subject
    file
        Where its points are.
    labels
        Where its rows are from.
    rows
        One a clip, in order.

    """

    split: str
    name: str
    subject: str
    file: Path
    labels: Path
    rows: tuple[LabelRow | BadClip, ...]


@dataclass(frozen=True)
class Task:
    """A video and what its clips are besides.

    ``whole`` says whether the video itself is wanted, after its clips.
    """

    video: Video
    class_names: tuple[str, ...]
    fps: float
    height: int
    width: int
    whole: bool = False


def check_labels(videos: Sequence[Video], on_bad_clip: str) -> None:
    """Refuse bad rows before hours of reading points, and say which rows overlap."""
    if on_bad_clip == "stop":
        for row in (row for video in videos for row in video.rows):
            if isinstance(row, BadClip):
                raise InputError(row.message)
    tell_overlaps(
        (video.file, row.start, row.end, f"{video.labels}, row {row.line}")
        for video in videos
        for row in video.rows
        if isinstance(row, LabelRow)
    )


def cut(task: Task, points: np.ndarray, count: int = POINTS) -> list[Clip | BadClip]:
    """Cut a video at the rows of its label file; with ``task.whole`` it is itself the last item.

    Parameters
    ----------
    task
        The video.
    points
        All of its frames, (T, count, 3).
    count
        Points in a frame.

    """
    video = task.video
    clips: list[Clip | BadClip] = []
    for position, row in enumerate(video.rows):
        if isinstance(row, BadClip):
            clips.append(row)
            continue
        clip_id, place = f"{video.name}_{position}", f"{video.labels}, row {row.line}"
        if row.end >= len(points):
            frames = f"{len(points)} frames (0..{len(points) - 1})"
            reason = f"frames {row.start}..{row.end}, but {video.file.name} has {frames}"
            clips.append(BadClip(clip_id, video.split, place, reason))
            continue
        clip = Clip(
            clip_id,
            row.label,
            video.subject,
            video.split,
            task.fps,
            task.height,
            task.width,
            points[row.start : row.end + 1],
            video.name,
            row.start,
            len(points),
        )
        clips.append(check_clip(clip, place, task.class_names, count))
    if task.whole:
        about = (video.subject, video.split, task.fps, task.height, task.width)
        recording = Recording(video.name, UNKNOWN, *about, points)
        clips.append(check_clip(recording, str(video.file), task.class_names, count))
    return clips
