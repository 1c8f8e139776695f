"""What a trained classifier says of the frames of recordings, by sliding windows over them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from microgesture.data.clip_file import Records, write_records
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.store import Clip
from microgesture.inference.build import Trained
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.recordings import Cutting, windows_of
from microgesture.online.features import body_size, motion
from microgesture.online.windows import FrameScores
from microgesture.preprocessing.cleaning import clean
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

    Parameters
    ----------
    trained : Trained
    points : ndarray, float32 (T, P, 3)
        As the store holds them, not cleaned.
    fps : float
    config : ScoresStep

    """
    made = trained.metadata["preparation"]["cleaning"]
    order = KEYPOINT_FORMATS[trained.layout.source]
    cleaned = clean(points, Cleaning(**made), order, fps)[:, trained.layout.points]
    means = [_of_length(trained, points, fps, length, config) for length in config.lengths]
    return FrameScores(
        np.mean(means, axis=0).astype(np.float32), motion(cleaned, body_size(cleaned))
    )


def _of_length(
    trained: Trained, points: np.ndarray, fps: float, length: int, config: ScoresStep
) -> np.ndarray:
    testing = Testing(views=1, flip=config.flip)
    spans, clips = windows_of("recording", points, Cutting(length, config.stride), fps)
    total = np.zeros((len(points), len(trained.metadata["classes"])))
    count = np.zeros((len(points), 1))
    for first in range(0, len(clips), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        probabilities, _ = clip_probabilities(trained, clips[some], testing)
        for (start, end), one in zip(spans[some], probabilities, strict=True):
            total[start : end + 1] += one
            count[start : end + 1] += 1
    return total / count


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
                    "label": -1,
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
