"""Damage done to person crops on purpose, to measure how much of it a model on video stands.

What happens to a clip depends on the seed, the kind and the clip's id alone; a higher level uses
the same random numbers, see `microgesture.probing.corruption`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from microgesture.data.clip_file import Clips, MemoryRecords
from microgesture.probing.corruption import rng_of
from microgesture.video.crops import crops_of, pack_crop

GREY = 115
"""Of what hides a part of the picture: what the networks take for 0."""


def drop(crops: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Lose every frame with probability ``level``; the one before it stands for it, as players do.

    Before the first frame that is there stands that one; where all are lost, the first.
    """
    kept = rng.random(len(crops)) >= level
    if not kept.any():
        return crops[np.zeros(len(crops), int)]
    latest = np.maximum.accumulate(np.where(kept, np.arange(len(crops)), -1))
    return crops[np.where(latest < 0, kept.argmax(), latest)]


def blur(crops: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Blur every frame by a Gaussian, its standard deviation ``level`` sides of the crop."""
    sigma = level * crops.shape[1]
    return np.stack([cv2.GaussianBlur(crop, (0, 0), sigma) for crop in crops])


def darken(crops: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Take ``level`` of all light away."""
    return np.round(crops * (1 - level)).astype(np.uint8)


def occlude(crops: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Hide a square of ``level`` of the picture's area, at one place of all frames."""
    side = crops.shape[1]
    size = max(round(side * level**0.5), 1)
    top, left = (int(place * (side - size + 1)) for place in rng.random(2))
    hidden = crops.copy()
    hidden[:, top : top + size, left : left + size] = GREY
    return hidden


def shift(crops: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Show each frame what is ``level`` frames later; the last one stays at the end."""
    return crops[np.minimum(np.arange(len(crops)) + int(level), len(crops) - 1)]


KINDS: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "drop": drop,
    "blur": blur,
    "darken": darken,
    "occlude": occlude,
    "shift": shift,
}


def corrupted_crops(
    records: Clips, rows: Sequence[int], kind: str | None, level: float, seed: int
) -> MemoryRecords:
    """Some clips of a crops file, with damage of a kind; as they are where it is None.

    Parameters
    ----------
    records : Clips
    rows : sequence of int
        Of the clips in the file's index.
    kind : {'drop', 'blur', 'darken', 'occlude', 'shift'} or None
    level : float
        Share of frames, of light or of area; sides of the crop; frames: see the five functions.
    seed : int

    """
    entries = [
        {str(key): one for key, one in row.items()} for row in records.index.to_dict("records")
    ]

    def made() -> Iterator[dict[str, Any]]:
        for row in rows:
            entry = entries[row]
            frames = range(int(entry["num_frames"]))
            if kind is None:
                yield {**entry, "blobs": [bytes(records.blob(row, frame)) for frame in frames]}
                continue
            rng = rng_of(seed, f"video {kind}", str(entry["clip_id"]))
            shown = KINDS[kind](crops_of(records, row, np.array(frames)), level, rng)
            yield {**entry, "blobs": [pack_crop(crop) for crop in shown]}

    return MemoryRecords({"video": records.metadata["video"]}, made())
