"""What a recording's gestures and motion come to in numbers: the stream that costs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from microgesture.data.boxes import far_points, own_frames
from microgesture.data.store import Clip, iter_store, read_index
from microgesture.emotion.interviews import Interview
from microgesture.evaluation.predictions import read_predictions
from microgesture.utils.files import write_text

MIDDLE, SHOULDERS, WRISTS, NOSE, NECK, EYES = (1, 8), (2, 5), (4, 7), 0, 1, (15, 16)
MOTION = (
    *("head_speed", "hand_speed", "neck_speed", "lean", "head_tilt", "shoulder_rise", "hands_seen"),
    *("hands_apart", "head_forward"),
)
"""Numbers of a skeleton, in shoulder widths and shoulder widths a second."""


@dataclass(frozen=True)
class Gestures:
    """Gestures of a recording: first and last frame, and a probability for each class (N, K)."""

    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray


def gestures_of(
    clips: pd.DataFrame, probabilities: Mapping[str, np.ndarray]
) -> dict[str, Gestures]:
    """Gestures by recording.

    Parameters
    ----------
    clips : DataFrame
        Index of the skeleton store: clip_id, recording, start, num_frames.
    probabilities : mapping
        By clip id, (K,); clips without are left out.

    """
    found: dict[str, Gestures] = {}
    kept = clips[clips["recording"].notna() & clips["clip_id"].isin(list(probabilities))]
    for name, some in kept.groupby("recording", sort=True):
        start = some["start"].to_numpy().astype(int)
        told = np.stack([probabilities[clip] for clip in some["clip_id"]])
        found[str(name)] = Gestures(start, start + some["num_frames"].to_numpy() - 1, told)
    return found


def gesture_features(
    gestures: Gestures | None, seconds: float, fps: float, classes: int, first: int, last: int
) -> np.ndarray:
    """Rate and share of time of each class, and of all together, (2 K + 3,).

    Rates are square roots of gestures a minute: so their noise, that of counts, is of one size. A
    gesture counts for a class by its probability.

    Parameters
    ----------
    gestures : Gestures or None
    seconds : float
        Length of the recording.
    fps : float
    classes : int
        K.
    first, last : int
        Frames of the recording that are looked at.

    """
    if gestures is None:
        return np.zeros(2 * classes + 3)
    inside = (gestures.start >= first) & (gestures.end <= last)
    told = gestures.probabilities[inside]
    length = (gestures.end - gestures.start + 1)[inside] / fps
    minutes = max(seconds, 1e-6) / 60
    rate = np.sqrt(told.sum(axis=0) / minutes)
    share = (told * length[:, None]).sum(axis=0) / max(seconds, 1e-6)
    whole = [
        np.sqrt(len(told) / minutes),
        length.sum() / max(seconds, 1e-6),
        length.mean() if len(length) else 0.0,
    ]
    return np.concatenate([rate, share, whole])


def motion_features(points: np.ndarray, fps: float) -> np.ndarray:
    """How a person moves and sits, by the names of `MOTION`.

    Medians over frames, of points that are found; 0 where a thing is never seen.

    Parameters
    ----------
    points : ndarray, (T, 137, 3) or in another format of at least 19 points
    fps : float

    """
    own = own_frames(points)
    found = (points[..., 2] > 0) & ~far_points(points) & own[:, None]
    places = np.where(found[..., None], points[..., :2], np.nan)
    width = np.linalg.norm(places[:, SHOULDERS[0]] - places[:, SHOULDERS[1]], axis=-1)
    unit = _median(width)
    if not unit:
        return np.zeros(len(MOTION))
    places = places / unit
    middle = 0.5 * (places[:, SHOULDERS[0]] + places[:, SHOULDERS[1]])
    hands = np.stack([places[:, joint] for joint in WRISTS])
    eyes = places[:, EYES[0]] - places[:, EYES[1]]
    level = 0.5 * (places[:, EYES[0]] + places[:, EYES[1]])
    return np.array(
        [
            _speed(places[:, NOSE], fps),
            _mean([_speed(hand, fps) for hand in hands]),
            _speed(places[:, NECK], fps),
            _median(middle[:, 0] - places[:, 8, 0]),
            _median(np.abs(eyes[:, 1])),
            _median(places[:, NECK, 1] - places[:, NOSE, 1]),
            float(np.isfinite(hands[..., 0]).mean()),
            _median(np.linalg.norm(hands[0] - hands[1], axis=-1)),
            _median(places[:, NOSE, 1] - level[:, 1]),
        ]
    )


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _speed(places: np.ndarray, fps: float) -> float:
    """Mean speed of a point (T, 2); the fastest twentieth are jumps of the detector."""
    steps = np.linalg.norm(np.diff(places, axis=0), axis=-1)
    steps = np.sort(steps[np.isfinite(steps)])
    kept = steps[: len(steps) - len(steps) // 20]
    return float(kept.mean()) * fps if len(kept) else 0.0


def feature_names(classes: Sequence[str]) -> list[str]:
    """Names of the columns that `features` gives."""
    return [
        *(f"rate: {name}" for name in classes),
        *(f"share: {name}" for name in classes),
        *("rate", "share", "duration"),
        *MOTION,
    ]


def features(
    interview: Interview, clip: Clip, gestures: Gestures | None, classes: int
) -> np.ndarray:
    """All numbers of an interview, in the order of `feature_names`."""
    fps, total = float(clip.fps), len(clip.points)
    last = total - 1 if interview.end is None else min(interview.end, total - 1)
    seconds = (last - interview.start + 1) / fps
    told = gesture_features(gestures, seconds, fps, classes, interview.start, last)
    return np.concatenate([told, motion_features(clip.points[interview.start : last + 1], fps)])


def known_gestures(
    skeletons: Path, classes: Sequence[str], predictions: Path | None
) -> dict[str, Gestures]:
    """Gestures by recording: those of the labels, or with ``predictions`` what a model says of the
    same clips.
    """
    index = read_index(skeletons)
    if predictions is None:
        ids = {name: number for number, name in enumerate(classes)}
        known = index[index["label"].notna()]
        one_hot = np.eye(len(classes))
        pairs = zip(known["clip_id"], known["label"], strict=True)
        told = {clip: one_hot[ids[label]] for clip, label in pairs}
    else:
        made = read_predictions(predictions)
        told = dict(zip(made.clip_ids, made.probabilities, strict=True))
    return gestures_of(index, told)


def write_statistics(
    path: Path,
    interviews: Sequence[Interview],
    recordings: Path,
    skeletons: Path,
    classes: Sequence[str],
    predictions: Path | None,
) -> None:
    """Write the numbers of all interviews as CSV, one row each; see `known_gestures`."""
    gestures = known_gestures(skeletons, classes, predictions)
    wanted: dict[str, list[Interview]] = {}
    for one in interviews:
        wanted.setdefault(one.recording, []).append(one)
    rows = {}
    for clip in iter_store(recordings):
        for one in wanted.get(clip.clip_id, []):
            rows[one.id] = features(one, clip, gestures.get(clip.clip_id), len(classes))
    table = pd.DataFrame(
        [rows[one.id] for one in interviews],
        index=pd.Index([one.id for one in interviews], name="id"),
        columns=feature_names(classes),
    )
    write_text(path, table.to_csv(float_format="%.6g", lineterminator="\n"))


def read_statistics(path: Path, ids: Sequence[str]) -> np.ndarray:
    """Numbers of interviews in the order of their ids, (N, P)."""
    table = pd.read_csv(path, dtype={"id": str}, keep_default_na=False).set_index("id")
    return table.loc[list(ids)].to_numpy(float)
