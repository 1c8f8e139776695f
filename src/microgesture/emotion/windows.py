"""Windows of a recording, and the frames that are looked at in each."""

import numpy as np

from microgesture.settings.emotion import Windows


def window_starts(frames: int, fps: float, windows: Windows) -> tuple[np.ndarray, int]:
    """First frame of each window, int (W,), and how many frames a window has.

    What is left at the end is in no window; a recording shorter than one is one window.
    """
    length = max(round(float(windows.seconds) * fps), 1)
    step = max(round(float(windows.step) * fps), 1)
    if frames < length:
        return np.zeros(1, int), frames
    return np.arange(0, frames - length + 1, step), length


def spread(starts: np.ndarray, length: int, count: int) -> np.ndarray:
    """``count`` frames of each window at even distances, int (W, count)."""
    return starts[:, None] + ((np.arange(count) + 0.5) / count * length).astype(int)
