"""Prediction on new videos with models that read video, alone or beside skeletons."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import MemoryRecords
from microgesture.data.keypoints import OPENPOSE
from microgesture.data.store import Clip
from microgesture.inference.build import Trained
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.recordings import cut, cutting, usable
from microgesture.inference.stored import Recorded
from microgesture.inference.window_table import Window
from microgesture.settings.probing import Testing
from microgesture.settings.video import Video
from microgesture.utils.errors import InputError
from microgesture.video.boxes import Square, person_square
from microgesture.video.cut import VideoNotes, Wanted, cut_video
from microgesture.video.decode import Probe, probe
from microgesture.video.sources import Source

PADDING = Video.model_fields["padding"].default
AT_ONCE = 64
"""Windows that are held in memory, as JPEG."""
SLACK = 2
"""Frames that a video may have more or less than its skeletons."""


def predict_videos(
    models: Sequence[Trained],
    videos: Mapping[str, Source],
    *,
    testing: Testing,
    fps: float | None = None,
    window: float | None = None,
    stride: float | None = None,
    skeletons: Mapping[str, Recorded] | None = None,
    read: Callable[[Recorded], np.ndarray] | None = None,
    skip: bool = False,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Iterator[Window]:
    """Read videos one by one, each once, and predict their windows; models are averaged 1:1.

    Parameters
    ----------
    models : sequence of Trained
        See `microgesture.inference.recordings.read_video`.
    videos : mapping
        By name, see `microgesture.video.sources.find_videos`.
    testing : Testing
        See `predict`.
    fps : float, optional
        Frames a second, for the windows; those that each file states unless given.
    window, stride : float, optional
        In seconds, see `microgesture.inference.recordings.cutting`.
    skeletons : mapping, optional
        Folder of frame files, or row of a Parquet file, by the name of a video: models on skeletons
        read them, and by them the person is cut out as in training. Without, the middle square of
        whole frames is shown.
    read : callable, optional
        Reads such a folder: the points of one person, float32 (T, 137, 3).
    skip : bool
        Whether a video that cannot be read gives a row that says so, or ends everything.

    Raises
    ------
    InputError
        Also without skeletons, where a model or one of its sources reads them.

    """
    _check_skeletons(models, skeletons)
    for name in progress(videos):
        seen = VideoNotes()
        try:
            found = probe(videos[name].path)
            points = None
            if skeletons is not None and read is not None:
                points = usable(read(_skeletons(skeletons, name)), skeletons[name])
                _check_frames(points, found, skeletons[name], videos[name].path)
            rate = fps or found.fps
            if not rate:
                raise InputError(f"{videos[name].path}: states no frame rate; give --fps")
            cuts = list(_windows(videos[name], found, rate, window, stride))
            source = videos[name]
            yield from _predicted(models, name, source, found, cuts, rate, points, testing, seen)
            if seen.bad:
                raise InputError(f"{videos[name].path}: {next(iter(seen.bad.values()))}")
        except InputError as error:
            if not skip:
                raise
            yield Window(name, None, None, None, f"not predicted: {error}")


def _check_skeletons(models: Sequence[Trained], skeletons: Mapping[str, Recorded] | None) -> None:
    for part in (part for one in models for part in one.parts if part.skeleton is not None):
        if skeletons is None:
            raise InputError(
                f"{part.path}: reads skeletons beside the video; give the folder of frame files as "
                "--skeletons"
            )
        if part.layout.source != OPENPOSE.name:
            raise InputError(
                f"{part.path}: was trained on the points {part.layout.source}; expected "
                f"{OPENPOSE.name}, since that is what --skeletons holds"
            )


def _check_frames(points: np.ndarray, found: Probe, place: Recorded, path: Path) -> None:
    if abs(len(points) - found.frames) > SLACK:
        raise InputError(
            f"{path}: has {found.frames:,} frames, but {place} {len(points):,}; give the "
            "skeletons of this video"
        )


def _skeletons(skeletons: Mapping[str, Recorded], name: str) -> Recorded:
    if name not in skeletons:
        raise InputError(f"{name}: has none of that name among the skeletons")
    return skeletons[name]


def _windows(
    source: Source, found: Probe, fps: float, window: float | None, stride: float | None
) -> Iterator[tuple[int, int]]:
    """First and last frame of each window, counted in the file."""
    end = found.frames - 1 if source.end is None else source.end
    if source.start > end:
        raise InputError(
            f"{source.path}: starts at frame {source.start}, but the video has {found.frames}"
        )
    for first, last in cut(end - source.start + 1, *cutting(window, stride, fps)):
        yield source.start + first, source.start + last


def _predicted(
    models: Sequence[Trained],
    name: str,
    source: Source,
    found: Probe,
    cuts: Sequence[tuple[int, int]],
    fps: float,
    points: np.ndarray | None,
    testing: Testing,
    seen: VideoNotes,
) -> Iterator[Window]:
    """Windows of one video in the order of their ends; what is wrong is put into ``seen``."""
    made = next(
        part.metadata["preparation"]
        for one in models
        for part in one.parts
        if part.skeleton is None
    )
    padding = made["video"].get("padding", PADDING)
    settings = Video(side=made["video"]["side"], slack=SLACK)
    wanted = [
        Wanted(
            clip_id=str(number),
            first=first,
            frames=last - first + 1,
            square=_square(points, first, last, found, padding),
            height=found.height,
            width=found.width,
            fps=fps,
            expected=None,
        )
        for number, (first, last) in enumerate(cuts)
    ]
    finished = cut_video(source.path, wanted, settings, seen)
    while some := list(islice(finished, AT_ONCE)):
        crops = MemoryRecords(made, [_record(clip, blobs) for clip, blobs in some])
        clips = [] if points is None else [_clip(one, name, points) for one, _ in some]
        said = [clip_probabilities(model, clips, testing, crops)[0] for model in models]
        mean = np.mean(said, axis=0, dtype=float).astype(np.float32)
        for (clip, _), one in zip(some, mean, strict=True):
            yield Window(name, clip.first, clip.first + clip.frames - 1, one, fps=fps)


def _square(
    points: np.ndarray | None, first: int, last: int, found: Probe, padding: float
) -> Square:
    shown = np.zeros((1, 1, 3)) if points is None else points[first : last + 1]
    return person_square(shown, found.height, found.width, padding)


def _record(clip: Wanted, blobs: list[bytes]) -> dict[str, Any]:
    return {
        "clip_id": clip.clip_id,
        "label": UNKNOWN,
        "subject": "",
        "split": "test",
        "num_frames": clip.frames,
        "profile": None,
        "blobs": blobs,
    }


def _clip(wanted: Wanted, name: str, points: np.ndarray) -> Clip:
    """The skeletons of a window; missing ones at a video's end are empty."""
    own = points[wanted.first : wanted.first + wanted.frames]
    own = np.pad(own, [(0, wanted.frames - len(own)), (0, 0), (0, 0)])
    size = (wanted.height, wanted.width)
    return Clip(wanted.clip_id, UNKNOWN, name, "test", wanted.fps, *size, own)
