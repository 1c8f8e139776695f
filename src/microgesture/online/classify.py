"""What a trained classifier says of the frames of recordings, by sliding windows over them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import MemoryRecords, Records, write_records
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.store import Clip
from microgesture.inference.build import Trained
from microgesture.inference.clips import prepared_probabilities
from microgesture.inference.recordings import cut
from microgesture.online.features import body_size, motion
from microgesture.online.windows import FrameScores
from microgesture.preprocessing.cleaning import clean
from microgesture.preprocessing.temporal import align
from microgesture.settings.online import ScoresStep
from microgesture.settings.preparation import Cleaning
from microgesture.settings.probing import Testing
from microgesture.utils.errors import InputError

AT_ONCE = 512
"""Windows that are predicted at once."""


def frame_scores(
    trained: Trained, points: np.ndarray, fps: float, config: ScoresStep
) -> FrameScores:
    """Probabilities of every frame: the mean over the windows that hold it, of each length alike.

    The recording is cleaned once and not window by window: each frame is in many windows.

    Parameters
    ----------
    trained : Trained
    points : ndarray, float32 (T, P, 3)
        As the store holds them, not cleaned.
    fps : float
    config : ScoresStep

    """
    made = trained.metadata["preparation"]
    order = KEYPOINT_FORMATS[trained.layout.source]
    cleaned = clean(points, Cleaning(**made["cleaning"]), order, fps)[:, trained.layout.points]
    means = [_of_length(trained, cleaned, length, config) for length in config.lengths]
    return FrameScores(
        np.mean(means, axis=0).astype(np.float32), motion(cleaned, body_size(cleaned))
    )


def _of_length(
    trained: Trained, cleaned: np.ndarray, length: int, config: ScoresStep
) -> np.ndarray:
    """Mean probabilities (T, K) over the windows of one length; 0 where none shows a point."""
    testing = Testing(views=1, flip=config.flip)
    spans = cut(len(cleaned), length, config.stride)
    total = np.zeros((len(cleaned), len(trained.metadata["classes"])))
    count = np.zeros((len(cleaned), 1))
    for first in range(0, len(spans), AT_ONCE):
        some = spans[first : first + AT_ONCE]
        records = _windows(trained, cleaned, some)
        probabilities = prepared_probabilities(trained, records, testing)
        for (start, end), one in zip(some, probabilities, strict=True):
            if (cleaned[start : end + 1, :, 2] > 0).any():
                total[start : end + 1] += one
            count[start : end + 1] += 1
    return total / count


def _windows(
    trained: Trained, cleaned: np.ndarray, spans: Sequence[tuple[int, int]]
) -> MemoryRecords:
    """Windows on the timeline that the classifier was trained on."""
    made = trained.metadata["preparation"]
    rows = []
    for number, (start, end) in enumerate(spans):
        shown = cleaned[start : end + 1]
        if made.get("length"):
            shown = align(shown, made["length"], made.get("max_gap", 0))
        blobs = [np.ascontiguousarray(shown, np.float32).tobytes()]
        about = {"clip_id": str(number), "label": UNKNOWN, "subject": "", "split": "test"}
        rows.append({**about, "num_frames": len(shown), "blobs": blobs})
    return MemoryRecords({**made, "joints": len(trained.layout.joints)}, rows)


def write_scores(
    path: Path,
    trained: Trained,
    recordings: Iterable[Clip],
    config: ScoresStep,
) -> None:
    """Write the scores of recordings as they come; of one without any point they are all 0."""
    about = {"classes": len(trained.metadata["classes"]), **config.given()}
    with write_records(path, about, batch=1) as writer:
        for one in recordings:
            scores = frame_scores(trained, one.points, one.fps, config)
            writer.append(
                {
                    "clip_id": one.clip_id,
                    "label": UNKNOWN,
                    "subject": one.subject,
                    "split": one.split,
                    "num_frames": len(one.points),
                    "blobs": [scores.probabilities.tobytes(), scores.motion.tobytes()],
                }
            )


def read_scores(path: Path, names: Sequence[str]) -> list[FrameScores]:
    """Scores of recordings, which `write_scores` wrote, by their ids."""
    records = Records(path)
    places = {name: row for row, name in enumerate(records.index["clip_id"])}
    if missing := [name for name in names if name not in places]:
        raise InputError(f"{path}: has no scores of recording {missing[0]}; write it again")
    classes = records.metadata["classes"]
    return [
        FrameScores(
            np.frombuffer(records.blob(places[name], 0), np.float32).reshape(-1, classes),
            np.frombuffer(records.blob(places[name], 1), np.float32).reshape(-1, 2),
        )
        for name in names
    ]
