"""Prediction on new recordings, which nobody has labelled, with trained variants alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.keypoints import OPENPOSE
from microgesture.data.store import Clip, clean_points
from microgesture.inference.build import Trained
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.likeness import Likeness
from microgesture.inference.window_table import Window
from microgesture.readers.common import unreadable
from microgesture.readers.folders import FRAME, folders_below
from microgesture.settings.models import VIDEO_MODELS
from microgesture.settings.probing import Testing
from microgesture.utils.errors import InputError

Place = TypeVar("Place")  # where a recording is


class Cutting(NamedTuple):
    """Frames of a window and from one to the next; None for whole recordings."""

    window: int | None = None
    stride: int | None = None


def find_recordings(folder: Path) -> dict[str, Path]:
    """Recordings by id: the folder itself where it holds frame files, or else folders below it.

    Links to folders are followed, but for those to a folder that they lie in; hidden folders are
    passed over.

    Raises
    ------
    InputError
        When there is no folder, no frame file in it, frame files both in it and below, a folder
        that may not be read, or a link that leads to nothing.

    """
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {what}; give one with OpenPose JSON files")
    found = {}
    for here, names in folders_below(folder, onerror=_unreadable, visible=True):
        others = [name for name in names if not name.endswith(FRAME) and name[0] != "."]
        if lost := next((here / n for n in others if not (here / n).exists()), None):
            raise InputError(f"{lost}: is a link to what is not there; mend or remove it")
        if any(name.endswith(FRAME) and name[0] != "." for name in names):
            inside = here.relative_to(folder).as_posix()
            found[folder.resolve().name if inside == "." else inside] = here
    if not found:
        raise InputError(
            f"{folder}: no file *{FRAME} in it or below; expected those that OpenPose writes with "
            "--write_json, one a frame"
        )
    if len(found) > 1 and folder in found.values():
        raise InputError(
            f"{folder}: frame files lie in it and in folders below it; give every recording a "
            "folder of its own"
        )
    return found


def _unreadable(error: OSError) -> None:
    raise InputError(unreadable(error.filename, error)) from error


def cut(num_frames: int, window: int | None, stride: int | None) -> list[tuple[int, int]]:
    """First and last frame of every window.

    Windows start every ``stride`` frames; one more ends on the last frame where that was not
    reached. A recording that is not longer than a window, or without windows, is taken whole.
    """
    if window is None or num_frames <= window:
        return [(0, num_frames - 1)]
    last = num_frames - window
    starts = list(range(0, last + 1, stride or window))
    if starts[-1] != last:
        starts.append(last)
    return [(start, start + window - 1) for start in starts]


def in_frames(option: str, seconds: float, fps: float) -> int:
    """Whole frames in so many seconds, at least 1."""
    if not (0 < seconds < np.inf and 0 < fps < np.inf):
        raise InputError(f"{option}: {seconds:g} seconds at {fps:g} fps; expected numbers above 0")
    return max(round(seconds * fps), 1)


def cutting(window: float | None, stride: float | None, fps: float) -> Cutting:
    """How to cut recordings, from seconds; the stride is half a window unless given."""
    if stride is not None and window is None:
        raise InputError("--stride is given without --window; give both, or neither")
    if window is None:
        return Cutting()
    long = in_frames("--window", window, fps)
    step = max(long // 2, 1) if stride is None else in_frames("--stride", stride, fps)
    return Cutting(long, step)


def check_models(models: Sequence[Trained]) -> None:
    """Refuse models of other points, or that do not name the same classes in the same order."""
    for one in (part for model in models for part in model.parts):
        if one.layout.source != OPENPOSE.name:
            raise InputError(
                f"{one.path}: was trained on the points {one.layout.source}; expected "
                f"{OPENPOSE.name}, since that is what the recordings hold"
            )
    check_classes(models)


def read_video(models: Sequence[Trained]) -> bool:
    """Whether any of these models, or of those whose tokens they take, reads video.

    Raises
    ------
    InputError
        When several do that were trained on crops of other sizes or margins, or the models do not
        name the same classes in the same order.

    """
    video = [part for one in models for part in one.parts if part.config.model in VIDEO_MODELS]
    if not video:
        return False
    check_classes(models)
    made = [part.metadata["preparation"] for part in video]
    for part, own in zip(video, made, strict=True):
        if own != made[0]:
            raise InputError(
                f"{part.path}: was trained on crops made with {own}, {video[0].path} with "
                f"{made[0]}; average models of the same crops"
            )
    return True


def check_classes(models: Sequence[Trained]) -> None:
    """Refuse models that do not name the same classes in the same order."""
    first = models[0]
    for other in models[1:]:
        ours, theirs = first.metadata["classes"], other.metadata["classes"]
        if ours == theirs:
            continue
        pairs = zip(ours, theirs, strict=False)
        place = next((k for k, (a, b) in enumerate(pairs) if a != b), None)
        what = (
            f"{len(theirs)} classes, not {len(ours)}"
            if place is None
            else f"{theirs[place]!r} as class {place}, not {ours[place]!r}"
        )
        raise InputError(
            f"{other.path}: has {what} as {first.path}; average models of one list of classes"
        )


def predict_recordings(
    models: Sequence[Trained],
    recordings: Mapping[str, Place],
    read: Callable[[Place], np.ndarray],
    *,
    fps: float,
    rates: Mapping[str, float] | None = None,
    testing: Testing,
    window: float | None = None,
    stride: float | None = None,
    checked: Mapping[str, Likeness] | None = None,
    skip: bool = False,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Iterator[Window]:
    """Read recordings one by one and predict their windows; several models are averaged 1:1.

    Parameters
    ----------
    models : sequence of Trained
        At least one.
    recordings : mapping
        Where each is, such as a folder of frame files, by id.
    read : callable
        Reads one: the points of one person, float32 (T, 137, 3).
    fps : float
        Frames a second, for the windows.
    rates : mapping, optional
        By id, where a recording has another rate.
    testing : Testing
        See `predict`.
    window, stride : float, optional
        In seconds, see `cut`; the stride is half a window unless given.
    checked : mapping, optional
        What `microgesture.inference.recording_checks.check_recordings` found, by id.
    skip : bool
        Whether a recording that cannot be read gives a row that says so, or ends everything.

    """
    check_models(models)
    cutting(window, stride, fps)  # refused before any is read
    checked, rates = checked or {}, rates or {}
    for name in progress(recordings):
        rate = rates.get(name, fps)
        like = checked.get(name, Likeness())
        try:
            if like.refused:
                raise InputError(like.refused)
            points = usable(read(recordings[name]), recordings[name])
        except InputError as error:
            if not skip:
                raise
            yield Window(name, None, None, None, f"not predicted: {error}")
            continue
        spans, clips = windows_of(name, points, cutting(window, stride, rate), rate)
        said = [clip_probabilities(model, clips, testing) for model in models]
        empty = {int(number) for _, ids in said for number in ids}
        mean = np.mean([probabilities for probabilities, _ in said], axis=0, dtype=float).astype(
            np.float32
        )
        codes = "; ".join(like.warnings)
        for n, (start, end) in enumerate(spans):
            said_of = None if n in empty else mean[n]
            yield Window(name, start, end, said_of, codes, rates.get(name))


def windows_of(
    name: str, points: np.ndarray, parts: Cutting, fps: float
) -> tuple[list[tuple[int, int]], list[Clip]]:
    """First and last frame of each window of a recording, and the windows as clips."""
    spans = cut(len(points), *parts)
    return spans, [
        # nothing here depends on the picture's size: boxes are drawn around the points
        Clip(str(n), UNKNOWN, name, "test", fps, 1, 1, points[start : end + 1])
        for n, (start, end) in enumerate(spans)
    ]


def usable(points: np.ndarray, folder: object) -> np.ndarray:
    """Points of a recording as the skeleton store would hold them; refused where not finite."""
    broken = np.argwhere(~np.isfinite(points).all(axis=2))
    if len(broken):
        frame, point = broken[0]
        raise InputError(
            f"{folder}: frame {frame} of {len(points)}, point {point} holds "
            f"{points[frame, point].tolist()}, expected finite numbers; mend or remove that frame"
        )
    return clean_points(points)
