"""Person crops of clips as a record file: one JPEG a frame, in the order of the clip's frames.

The file is that of `microgesture.data.clip_file`; ``metadata["video"]`` states what the crops were
made with, with ``side`` their height and width in pixels.
"""

import cv2
import numpy as np

from microgesture.data.clip_file import Clips
from microgesture.preprocessing.temporal import PADDING
from microgesture.utils.errors import AGAIN, InputError

QUALITY = 90


def pack_crop(crop: np.ndarray) -> bytes:
    """A crop, uint8 RGB (H, W, 3), as JPEG."""
    _, packed = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return packed.tobytes()


def crops_of(records: Clips, row: int, indices: np.ndarray) -> np.ndarray:
    """Chosen frames of a clip's crops.

    Parameters
    ----------
    records : Clips
        The crops file, opened.
    row : int
        Of the clip in its index.
    indices : ndarray, int (T,)
        Frames of the clip; `PADDING` gives a black frame.

    Returns
    -------
    ndarray, uint8 RGB (T, side, side, 3)

    Raises
    ------
    InputError
        Where a blob is no picture of that size.

    """
    side = records.metadata["video"]["side"]
    frames = np.zeros((len(indices), side, side, 3), np.uint8)
    for place, index in enumerate(indices):
        if index == PADDING:
            continue
        packed = np.frombuffer(records.blob(row, int(index)), np.uint8)
        crop = cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)
        if crop is None or crop.shape != frames.shape[1:]:
            clip = records.index["clip_id"].iloc[row]
            raise InputError(
                f"{records.path}: clip {clip}, frame {index} is no crop of {side} x {side} pixels; "
                f"{AGAIN}"
            )
        frames[place] = crop
    return frames
