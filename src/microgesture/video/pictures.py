"""Faces and frames of whole recordings, as a record file holds them.

A row is a recording; its blobs are the faces of its windows, then their frames, as JPEG, then the
numbers of `Told`. ``num_frames`` is the number of windows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from microgesture.data.clip_file import Clips
from microgesture.video.manifest import grouped

MARKS = 70
"""Points of a face that an encoder is told of."""
BODY = (0, 1, 2, 3, 4, 5, 6, 7, 15, 16, 17, 18)
"""Points of the body that an encoder is told of: nose, neck, arms, eyes and ears."""
FLAT = 0.06
"""Median detail of a recording's faces below which they are probably blurred or pixelated; those of
the embedded data have 0.09 to 0.26."""


@dataclass(frozen=True)
class Told:
    """What is known of the pictures of a recording without looking at them.

    Attributes
    ----------
    seen : ndarray, (W, K)
        1 where there is a face that can be used.
    detail : ndarray, (W, K)
        Fine structure of each face.
    score : ndarray, (W, K)
        Mean score of the points that each face is aligned by; 0 where there is none.
    side : ndarray, (W, K)
        Height of each face in pixels of the skeletons' picture.
    face : ndarray, (W, K, 70, 3)
        Points of each face, x and y as shares of the picture's side, and scores.
    body : ndarray, (W, L, 12, 3)
        Points of the body in each frame, in the same way.
    start : ndarray, (W,)
        First frame of each window.
    there : bool
        Whether there is a video.

    """

    seen: np.ndarray
    detail: np.ndarray
    score: np.ndarray
    side: np.ndarray
    face: np.ndarray
    body: np.ndarray
    start: np.ndarray
    there: bool


_PARTS = ("seen", "detail", "score", "side", "face", "body", "start")


def packed(told: Told) -> bytes:
    """The last blob of a recording."""
    parts = [np.array([told.there], np.float32)]
    parts += [np.asarray(getattr(told, name), np.float32).ravel() for name in _PARTS]
    return np.concatenate(parts).tobytes()


def told_of(records: Clips, row: int) -> Told:
    """What is known of the pictures of a recording."""
    shapes = _shapes(records.metadata["windows"], int(records.index["num_frames"].iloc[row]))
    count = sum(shapes["pictures"])
    numbers = np.frombuffer(records.blob(row, count), np.float32)
    parts, at = {}, 1
    for name in _PARTS:
        size = int(np.prod(shapes[name]))
        parts[name] = numbers[at : at + size].reshape(shapes[name])
        at += size
    return Told(**{**parts, "start": parts["start"].astype(int)}, there=bool(numbers[0]))


def _shapes(windows: Mapping[str, Any], count: int) -> dict[str, tuple[int, ...]]:
    faces, frames = (count, windows["faces"]), (count, windows["frames"])
    return {
        "pictures": (count * windows["faces"], count * windows["frames"]),
        "seen": faces,
        "detail": faces,
        "score": faces,
        "side": faces,
        "face": (*faces, MARKS, 3),
        "body": (*frames, len(BODY), 3),
        "start": (count,),
    }


def pictures_of(records: Clips, row: int, what: str, window: int) -> np.ndarray:
    """Faces (``face``) or frames (``context``) of a window, uint8 RGB (K, H, W, 3)."""
    windows, count = records.metadata["windows"], int(records.index["num_frames"].iloc[row])
    faces, frames = windows["faces"], windows["frames"]
    per, first = (faces, 0) if what == "face" else (frames, count * faces)
    side = records.metadata[what]
    made = np.empty((per, side, side, 3), np.uint8)
    for place in range(per):
        packed = np.frombuffer(records.blob(row, first + window * per + place), np.uint8)
        made[place] = cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)
    return made


def warnings(manifest: Mapping[str, Any]) -> list[str]:
    """What should be looked at, one sentence each."""
    said, missing = [], manifest["missing"]
    if missing:
        first = next(iter(missing))
        said.append(
            f"{len(missing)} recordings have no pictures, such as {first}: {missing[first]}"
        )
    counts = manifest["recordings"]
    none = [name for name, one in counts.items() if not one["faces"]]
    if none:
        said.append(f"{len(none)} recordings show no face that can be used, such as {none[0]}")
    if flat := manifest["flat"]:
        said.append(
            f"faces of {len(flat)} recordings have little detail, such as {flat[0]}: they are "
            "probably blurred or pixelated, and tell little"
        )
    return said + grouped(manifest["notes"])
