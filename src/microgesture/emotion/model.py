"""A trained emotion model as one file, and its predictions of later recordings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microgesture.data.clip_file import MemoryRecords
from microgesture.data.store import Clip
from microgesture.emotion import networks
from microgesture.emotion.encode import encode
from microgesture.emotion.encoders import Encoders, read_encoders, restored
from microgesture.emotion.fit import KINDS
from microgesture.emotion.gesture_models import boosted_logits, linear_logits
from microgesture.emotion.interviews import UNKNOWN, Interview
from microgesture.emotion.pictures import Job, cut_recording
from microgesture.emotion.rows import (
    BOOSTED,
    BOTH,
    FITTED,
    LATE,
    LINEAR,
    ROWS,
    STREAMS,
    fitted_logits,
    mean_logits,
)
from microgesture.emotion.scores import adjusted, sigmoid
from microgesture.emotion.statistics import Gestures, features
from microgesture.inference.checkpoints import load_checkpoint, save_checkpoint
from microgesture.settings.emotion import EmotionModelStep, PicturesStep, WindowModel
from microgesture.settings.parse import parse
from microgesture.settings.video import Crops
from microgesture.utils.errors import InputError
from microgesture.video.pictures import told_of

KIND = "emotion"
ROWS_KIND = "emotion rows"
PREFERRED = ("interfusion", "context")
"""Rows that stand in, in this order, where the submitted one lacks a stream."""


def write_rows(path: Path, learned: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write what the rows of a part learned, see `microgesture.emotion.fit.fit_part`."""
    save_checkpoint(path, learned, {"kind": ROWS_KIND, **about})


def write_model(
    path: Path, encoders: Path, rows: Path, classes: list[str], config: EmotionModelStep
) -> None:
    """Join encoders and rows of a part to a model that needs no other file."""
    weights, made_of = read_encoders(encoders)
    learned, about = load_checkpoint(rows)
    if about.get("kind") != ROWS_KIND:
        raise InputError(f"{rows}: holds no rows of emotion models; run the step before")
    state = {f"encoders.{name}": value for name, value in weights.items()}
    state |= {f"rows.{name}": value for name, value in learned.items()}
    save_checkpoint(
        path,
        state,
        {**made_of, **about, "kind": KIND, "classes": classes, "stated": config.given()},
    )


@dataclass(frozen=True)
class EmotionModel:
    """A model that is ready to predict recordings.

    Attributes
    ----------
    path
    encoders
    learned
        Tensors of the rows, see `microgesture.emotion.fit.Fitted`.
    about
        The file's metadata.
    stated
        Windows, sizes and the prior.
    pictures
        How faces and frames are cut out.

    """

    path: Path
    encoders: Encoders
    learned: Mapping[str, Tensor]
    about: Mapping[str, Any]
    stated: EmotionModelStep
    pictures: PicturesStep
    device: torch.device

    @property
    def classes(self) -> list[str]:
        """Names of the gestures that it counts."""
        return self.about["classes"]

    def arrays(self, row: str) -> dict[str, np.ndarray]:
        """What a row on numbers learned."""
        mine = under(self.learned, f"{row}.")
        return {name: value.numpy() for name, value in mine.items()}


def under(state: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """Tensors whose name has this start, named by the rest."""
    return {
        name.removeprefix(start): value for name, value in state.items() if name.startswith(start)
    }


def load_model(path: Path, device: torch.device) -> EmotionModel:
    """Read what `write_model` wrote.

    Raises
    ------
    InputError
        When it is something else.

    """
    state, about = load_checkpoint(path)
    if about.get("kind") != KIND:
        raise InputError(f"{path}: is no emotion model; expected emotion/model.safetensors")
    stated: EmotionModelStep = parse(EmotionModelStep, about["stated"], str(path))
    made = restored(under(state, "encoders."), about, path)
    made.face.to(device)
    made.context.to(device)
    crops = Crops(side=stated.context.side, on_bad_clip="stop", resolution="scale")
    own = {key: getattr(stated, key) for key in ("windows", "face", "context")}
    pictures = PicturesStep(**own, video=crops)
    return EmotionModel(path, made, under(state, "rows."), about, stated, pictures, device)


@dataclass(frozen=True)
class Prediction:
    """What a model says of a recording.

    Attributes
    ----------
    row
        The row that decides.
    logits
        Of a win as trained, by row; rows that lack a stream are not in it.
    attention
        How much each window counted, (W,), by kind of network.
    start : ndarray, int (W,)
        First frame of each window.
    length
        Frames of a window.
    seen : ndarray, int (W,)
        Faces of each window that can be used.
    fps
    notes
        What the user should know.

    """

    row: str
    logits: Mapping[str, float]
    attention: Mapping[str, np.ndarray]
    start: np.ndarray
    length: int
    seen: np.ndarray
    fps: float
    notes: list[str]


def predict_recording(
    model: EmotionModel,
    clip: Clip,
    video: Path,
    first: int,
    gestures: Gestures | None,
    counted: bool,
    row: str | None = None,
) -> Prediction:
    """Predict a recording from its skeletons, its video and its gestures.

    Parameters
    ----------
    model
    clip
        Its skeletons, in pixels of the video.
    video, first
        Its video, and the frame of it that the skeletons begin with.
    gestures, counted
        Its gestures, and whether they are known; None of known ones says that it has none.
    row
        The row that decides; by default the one that the config submits, or where a stream is
        missing another one, which is noted.

    Raises
    ------
    InputError
        When video and skeletons do not fit, no point was found, or ``row`` lacks a stream.

    """
    if not (clip.points[..., 2] > 0).any():
        raise InputError("its skeletons hold no point of anybody; nothing can be cut out by them")
    entry, found = cut_recording(Job(clip, video, first, model.pictures))
    if found["bad"]:
        raise InputError(f"{video}: {found['bad']}")
    windows = model.stated.windows
    sizes = {"face": model.stated.face.side, "context": model.stated.context.side}
    records = MemoryRecords({"windows": windows.given(), **sizes}, [entry])
    told, notes = told_of(records, 0), list(found["notes"].values())
    streams = {"context"}
    streams |= {"face"} if told.seen.any() else set()
    streams |= {"gestures"} if counted else set()
    notes += _missing(streams, bool(found["flat"]))
    whole = min(round(float(windows.seconds) * clip.fps), len(clip.points))
    if len(clip.points) < round(float(windows.seconds) * clip.fps):
        notes.append(f"is shorter than a window of {float(windows.seconds):g} seconds")
    decides = _deciding(model, streams, row, notes)
    logits, attention = _networks(model, records, streams)
    if counted:
        one = Interview(clip.clip_id, clip.clip_id, clip.subject, "test", UNKNOWN)
        numbers = features(one, clip, gestures, len(model.classes))[None]
        trees = model.about["rows"][BOOSTED]["choice"]["setting"]
        logits[LINEAR] = linear_logits(model.arrays(LINEAR), numbers)
        logits[BOOSTED] = boosted_logits(model.arrays(BOOSTED), numbers, trees)
    if streams == {"face", "context", "gestures"}:
        logits |= {joined: mean_logits(logits, joined) for joined in (LATE, BOTH)}
        logits[FITTED] = fitted_logits(logits, model.arrays(FITTED))
    plain = {name: float(logits[name][0]) for name in ROWS if name in logits}
    seen = (told.seen > 0).sum(axis=1)
    return Prediction(decides, plain, attention, told.start, whole, seen, float(clip.fps), notes)


def _missing(streams: set[str], flat: bool) -> list[str]:
    """What is said of streams that are missing."""
    said = []
    if "face" not in streams:
        said.append("no face can be used; rows that use faces are left empty")
    elif flat:
        said.append("faces have little detail; they are probably blurred or pixelated")
    if "gestures" not in streams:
        said.append("no gestures are given; rows that count them are left empty")
    return said


def _deciding(model: EmotionModel, streams: set[str], row: str | None, notes: list[str]) -> str:
    """The row that decides."""
    can = [name for name in ROWS if streams >= STREAMS[name]]
    if row is not None and row not in can:
        lacks = " and ".join(sorted(STREAMS[row] - streams))
        raise InputError(
            f"row {row} needs {lacks}, which this recording does not have; use one of "
            f"{', '.join(can)}"
        )
    if row is not None:
        return row
    submitted = model.stated.row
    if submitted in can:
        return submitted
    chosen = next(name for name in PREFERRED if name in can)
    notes.append(f"row {chosen} decides, since {submitted} lacks a stream")
    return chosen


@torch.no_grad()
def _networks(
    model: EmotionModel, records: MemoryRecords, streams: set[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Logits (1,) and attention (W,) of each kind of network, means over seeds."""
    tokens = encode(records, model.encoders, model.device)
    own: WindowModel = parse(WindowModel, model.about["model"], str(model.path))
    by_face, by_context = (
        networks.Standard(**under(model.learned, f"standard.{name}."))
        for name in ("face", "context")
    )
    windows, unknown = [np.arange(len(tokens.start))], np.array([np.nan], np.float32)
    data = networks.standardised(tokens, by_face, by_context, windows, unknown, model.device)
    logits: dict[str, np.ndarray] = {}
    attention: dict[str, np.ndarray] = {}
    face, context = model.about["features"]
    for kind in KINDS:
        if not streams >= STREAMS[kind]:
            continue
        said, counted = [], []
        for seed in model.about["seeds"]:
            network = networks.build_network(kind, (face, context), own)
            network.load_state_dict(under(model.learned, f"{kind}.seed{seed}."))
            one, weights = networks.predict(network.to(model.device), data, np.array([0]))
            said.append(one)
            counted.append(weights[0])
        logits[kind], attention[kind] = np.mean(said, axis=0), np.mean(counted, axis=0)
    return logits, attention


def probabilities(
    model: EmotionModel, prediction: Prediction, prior: float | None = None
) -> dict[str, tuple[float, float]]:
    """Of a win by row: adjusted to the share of wins that is stated, and as trained."""
    share = float(model.stated.prior) if prior is None else prior
    found = {}
    for row, logit in prediction.logits.items():
        plain = np.array([logit])
        moved = adjusted(plain, model.about["rows"][row]["prior"], share)
        found[row] = (float(sigmoid(moved)[0]), float(sigmoid(plain)[0]))
    return found
