"""Prediction on new recordings, which nobody has labelled, with trained variants alone.

A recording goes the way of the workflow: the same functions write its clip file and, for a
variant that reads one, its heatmap cache, into a temporary folder, so that nothing can differ.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from microgesture.data.keypoints import OPENPOSE
from microgesture.data.store import Clip, clean_points
from microgesture.heatmaps.cache import build_cache
from microgesture.inference.build import Trained, is_cached, open_input
from microgesture.inference.likeness import Likeness
from microgesture.inference.predict import predict
from microgesture.inputs.inputs import Input
from microgesture.preprocessing.prepare import prepare_clips
from microgesture.readers.common import unreadable
from microgesture.readers.folders import FRAME, folders_below
from microgesture.utils.errors import InputError
from microgesture.utils.files import growing_path, unwritable

TOP = 5


@dataclass(frozen=True)
class Window:
    """Part of a recording and what the models say about it.

    Attributes
    ----------
    recording : str
    start, end : int or None
        First and last frame, counted from 0 among the frames that are there; None for a recording
        that is not predicted.
    probabilities : ndarray, float32 (K,), or None
        Class probabilities; None where no point that a model uses was found.
    warnings : str
        In what the recording is unlike the training data, as short codes, or why it is not
        predicted.

    """

    recording: str
    start: int | None
    end: int | None
    probabilities: np.ndarray | None
    warnings: str = ""


class Cutting(NamedTuple):
    """Frames of a window and from one to the next; None for whole recordings."""

    window: int | None = None
    stride: int | None = None


class Written(NamedTuple):
    """Rows of a table, those of empty windows, and recordings that are not predicted."""

    rows: int
    empty: int
    refused: list[str]


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
        raise InputError(f"{folder}: there is no such folder; give one with OpenPose JSON files")
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
    first = models[0]
    for one in models:
        if one.layout.source != OPENPOSE.name:
            raise InputError(
                f"{one.path}: was trained on the points {one.layout.source}; expected "
                f"{OPENPOSE.name}, since that is what the recordings hold"
            )
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


def clip_probabilities(
    trained: Trained, clips: Iterable[Clip], testing: Mapping[str, Any]
) -> tuple[np.ndarray, list[str]]:
    """Class probabilities of clips, float32 (N, K), and the ids of those without visible points.

    Parameters
    ----------
    trained : Trained
    clips : iterable of Clip
        With different ids; labels are not looked at.
    testing : mapping
        ``views`` and ``flip``, see `predict`.

    """
    with TemporaryDirectory(prefix="microgesture-") as folder:
        path = Path(folder, "points.arrow")
        manifest = prepare_for(trained, clips, path)
        return prepared_probabilities(trained, path, testing), manifest["empty"]


def prepare_for(trained: Trained, clips: Iterable[Clip], path: Path) -> dict[str, Any]:
    """Write clips to a clip file as those were that a variant was trained on; its manifest.

    A clip without visible points is kept, empty, and named in the manifest.
    """
    made = trained.metadata["preparation"]
    keys = [key for key in ("cleaning", "length", "max_gap") if key in made]
    settings = {**{key: made[key] for key in keys}, "on_bad_clip": "skip"}
    layout, names = trained.layout, trained.metadata["classes"]
    return prepare_clips(clips, layout, names, settings, path, layout.source)


def prepared_probabilities(trained: Trained, path: Path, testing: Mapping[str, Any]) -> np.ndarray:
    """Class probabilities of all clips of a clip file, float32 (N, K); see `clip_probabilities`."""
    config = trained.metadata["config"]
    with TemporaryDirectory(prefix="microgesture-") as folder:
        source = prepared_input(trained, path, Path(folder))
        return predict(
            trained.model,
            source,
            np.arange(len(source.records)),
            temporal=config["temporal"],
            length=config["length"],
            views=testing["views"],
            flip=testing["flip"],
            batch=config["training"]["batch"],
        )


def prepared_input(trained: Trained, path: Path, folder: Path) -> Input:
    """What a variant reads of a clip file; a heatmap cache that it needs goes into ``folder``."""
    config, made = trained.metadata["config"], trained.metadata["preparation"]
    if is_cached(config):
        keys = ("size", "sigma", "padding", "short_limbs")  # the last only where it was given
        drawing = {key: made[key] for key in keys if key in made}
        volumes = folder / "heatmaps.arrow"
        build_cache(path, trained.layout, made["stream"], drawing, volumes)
        path = volumes
    return open_input(config, trained.layout, path)


def predict_recordings(
    models: Sequence[Trained],
    recordings: Mapping[str, Path],
    read: Callable[[Path], np.ndarray],
    *,
    fps: float,
    testing: Mapping[str, Any],
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
        Folder of frame files by id.
    read : callable
        Reads such a folder: the points of one person, float32 (T, 137, 3).
    fps : float
        Frames a second, for the windows.
    testing : mapping
        ``views`` and ``flip``, see `predict`.
    window, stride : float, optional
        In seconds, see `cut`; the stride is half a window unless given.
    checked : mapping, optional
        What `microgesture.inference.recording_checks.check_recordings` found, by id.
    skip : bool
        Whether a recording that cannot be read gives a row that says so, or ends everything.

    """
    check_models(models)
    parts, checked = cutting(window, stride, fps), checked or {}
    for name in progress(recordings):
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
        spans, clips = windows_of(name, points, parts, fps)
        said = [clip_probabilities(model, clips, testing) for model in models]
        empty = {int(number) for _, ids in said for number in ids}
        mean = np.mean([probabilities for probabilities, _ in said], axis=0, dtype=float).astype(
            np.float32
        )
        codes = "; ".join(like.warnings)
        for n, (start, end) in enumerate(spans):
            yield Window(name, start, end, None if n in empty else mean[n], codes)


def windows_of(
    name: str, points: np.ndarray, parts: Cutting, fps: float
) -> tuple[list[tuple[int, int]], list[Clip]]:
    """First and last frame of each window of a recording, and the windows as clips."""
    spans = cut(len(points), *parts)
    return spans, [
        # nothing here depends on the picture's size: boxes are drawn around the points
        Clip(str(n), None, name, "test", fps, 1, 1, points[start : end + 1])
        for n, (start, end) in enumerate(spans)
    ]


def usable(points: np.ndarray, folder: Path) -> np.ndarray:
    """Points of a recording as the skeleton store would hold them; refused where not finite."""
    broken = np.argwhere(~np.isfinite(points).all(axis=2))
    if len(broken):
        frame, point = broken[0]
        raise InputError(
            f"{folder}: frame {frame} of {len(points)}, point {point} holds "
            f"{points[frame, point].tolist()}, expected finite numbers; mend or remove that frame"
        )
    return clean_points(points)


def write_table(
    path: Path, windows: Iterable[Window], class_names: Sequence[str], fps: float
) -> Written:
    """Write one row a window with its five likeliest classes; the cells of an empty one stay free.

    Rows are written as they come, into a file of another name until all are there; see
    `microgesture.utils.files.growing_path`.
    """
    top = min(TOP, len(class_names))
    ranked = [f"{key}_{n}" for n in range(1, top + 1) for key in ("class", "name", "probability")]
    spans = ["start_frame", "end_frame", "start_seconds", "end_seconds"]
    written = Written(0, 0, [])
    with growing_path(path) as growing, _text(growing) as write:
        write(["recording", *spans, *ranked, "warnings"])
        for one in windows:
            write([one.recording, *_span(one, fps), *_ranked(one, class_names, top), one.warnings])
            refused = [one.recording] if one.start is None else []
            empty = one.probabilities is None and not refused
            written = Written(written.rows + 1, written.empty + empty, written.refused + refused)
    return written


@contextmanager
def _text(path: Path) -> Iterator[Callable[[list[Any]], None]]:
    """Open a CSV file and yield what writes a row, which is there at once whatever follows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")

        def write(cells: list[Any]) -> None:
            try:
                writer.writerow(cells)
                file.flush()
            except OSError as error:
                raise unwritable(path, error) from error

        yield write


def _span(one: Window, fps: float) -> list[Any]:
    if one.start is None or one.end is None:
        return [""] * 4
    return [one.start, one.end, f"{one.start / fps:.3f}", f"{(one.end + 1) / fps:.3f}"]


def _ranked(one: Window, class_names: Sequence[str], top: int) -> list[Any]:
    if one.probabilities is None:
        return [""] * (3 * top)
    best = np.argsort(-one.probabilities, kind="stable")[:top]
    return [v for k in best for v in (k, class_names[k], f"{one.probabilities[k]:.6f}")]
