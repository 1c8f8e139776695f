"""Emotion models on new recordings: their table, and what counted in each when."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import Clip
from microgesture.emotion.fit import KINDS
from microgesture.emotion.interviews import LOSE, NAMES, WIN
from microgesture.emotion.model import EmotionModel, Prediction, predict_recording, probabilities
from microgesture.emotion.rows import ROWS
from microgesture.emotion.statistics import Gestures
from microgesture.inference.recording_checks import implausible
from microgesture.inference.recordings import usable
from microgesture.inference.stored import Recorded, Row, read_recorded
from microgesture.utils.errors import InputError
from microgesture.utils.files import growing_path
from microgesture.video.decode import probe
from microgesture.video.sources import Source

HEAD = ("recording", "outcome", "probability", "probability_trained", "prior", "row")
SPAN = ("recording", "start_frame", "end_frame", "start_seconds", "end_seconds", "faces")

OUTSIDE = 0.5
"""Share of points outside of the picture beyond which they are of another one."""


@dataclass(frozen=True)
class Asked:
    """How recordings are predicted.

    Attributes
    ----------
    fps
        Frames a second; those of skeletons or video unless given.
    gestures
        By recording; None where none are known.
    prior
        Share of wins; that of the model unless given.
    row
        The row that decides; see `microgesture.emotion.model.predict_recording`.

    """

    fps: float | None = None
    gestures: Mapping[str, Gestures] | None = None
    prior: float | None = None
    row: str | None = None


def predict_video(
    model: EmotionModel, name: str, source: Source, skeletons: Mapping[str, Recorded], asked: Asked
) -> Prediction:
    """Predict one recording.

    Raises
    ------
    InputError
        When its video or skeletons cannot be used.

    """
    found = probe(source.path)
    if name not in skeletons:
        some = ", ".join(list(skeletons)[:3])
        raise InputError(f"{name}: has none of that name among the skeletons, such as {some}")
    place = skeletons[name]
    points = usable(read_recorded(place), place)
    stored = place.fps if isinstance(place, Row) else 0
    fps = asked.fps or stored or found.fps
    if not fps:
        raise InputError(f"{source.path}: states no frame rate; give --fps")
    # frame files do not say of which picture they are; of the video, then
    stated = place.size if isinstance(place, Row) else None
    height, width = stated or (found.height, found.width)
    _check_inside(points, height, width, place)
    clip = Clip(name, UNKNOWN, name, "test", float(fps), height, width, points)
    known = asked.gestures is not None
    own = asked.gestures.get(name) if asked.gestures is not None else None
    if own is not None and own.end.max() >= len(points):
        raise InputError(
            f"{name}: a gesture ends with frame {own.end.max()}, but there are {len(points)} "
            "frames, counted from 0; give the gestures of this recording"
        )
    prediction = predict_recording(model, clip, source.path, source.start, own, known, asked.row)
    if known and own is None:
        prediction.notes.append("the table of gestures does not name it; it counts as without any")
    if reason := implausible(points):
        prediction.notes.append(reason)
    return prediction


def _check_inside(points: np.ndarray, height: int, width: int, place: object) -> None:
    """Refuse points that are not those of the picture."""
    there = points[points[..., 2] > 0][:, :2]
    outside = ((there < 0) | (there > (width, height))).any(axis=1)
    if len(there) and outside.mean() > OUTSIDE:
        raise InputError(
            f"{place}: {100 * outside.mean():.0f} % of its points lie outside of a picture of "
            f"{width} x {height}; give skeletons in pixels of this video"
        )


def predict_emotion(
    model: EmotionModel,
    videos: Mapping[str, Source],
    skeletons: Mapping[str, Recorded],
    asked: Asked,
    out: Path,
    *,
    skip: bool,
    say: Callable[[str], None],
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> list[str]:
    """Write a row a recording to ``out`` and a row a window beside it; names of bad recordings.

    Parameters
    ----------
    model
    videos, skeletons
        By name.
    asked
    out
        The table; the other one is called as `windows_path` says.
    skip
        Whether a recording that cannot be predicted gets a row that says why, or ends everything.
    say
        Given a line for each recording.
    progress

    """
    bad: list[str] = []
    with (
        growing_path(out) as told,
        growing_path(windows_path(out)) as timeline,
        told.open("w", encoding="utf-8", newline="") as file,
        timeline.open("w", encoding="utf-8", newline="") as second,
    ):
        rows, spans = (csv.writer(one, lineterminator="\n") for one in (file, second))
        rows.writerow([*HEAD, *ROWS, "warnings"])
        spans.writerow([*SPAN, *(f"attention_{kind}" for kind in KINDS)])
        for name in progress(videos):
            try:
                prediction = predict_video(model, name, videos[name], skeletons, asked)
            except InputError as error:
                if not skip:
                    raise
                bad.append(name)
                empty = [""] * (len(HEAD) - 1 + len(ROWS))
                rows.writerow([name, *empty, f"not predicted: {error}"])
                continue
            line, said = _row(model, name, prediction, asked.prior)
            rows.writerow(line)
            spans.writerows(_windows(name, prediction))
            say(said)
    return bad


def windows_path(out: Path) -> Path:
    """Where the table of windows lies, ``x_windows.csv`` beside ``x.csv``."""
    return out.with_name(f"{out.stem}_windows{out.suffix}")


def _row(
    model: EmotionModel, name: str, prediction: Prediction, prior: float | None
) -> tuple[list[Any], str]:
    """A row of the table, and the same in a sentence."""
    told = probabilities(model, prediction, prior)
    share = float(model.stated.prior) if prior is None else prior
    moved, plain = told[prediction.row]
    outcome = NAMES[WIN if moved > 0.5 else LOSE]
    every = [f"{told[row][0]:.6f}" if row in told else "" for row in ROWS]
    head = [name, outcome, f"{moved:.6f}", f"{plain:.6f}", f"{share:g}", prediction.row]
    said = (
        f"{name}: {outcome.lower()}, probability of a win {moved:.2f} where {share:.2f} are won, "
        f"{plain:.2f} as trained, by row {prediction.row}"
    )
    if prediction.notes:
        said += f"; {'; '.join(prediction.notes)}"
    return [*head, *every, "; ".join(prediction.notes)], said


def _windows(name: str, prediction: Prediction) -> Iterable[list[Any]]:
    for n, start in enumerate(prediction.start.tolist()):
        end = start + prediction.length - 1
        seconds = [f"{frame / prediction.fps:.3f}" for frame in (start, end + 1)]
        counted = [
            f"{prediction.attention[kind][n]:.6f}" if kind in prediction.attention else ""
            for kind in KINDS
        ]
        yield [name, start, end, *seconds, int(prediction.seen[n]), *counted]
