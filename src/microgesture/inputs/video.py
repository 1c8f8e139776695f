"""Person crops of a video for MViT."""

from typing import Any

import numpy as np
import torch

from microgesture.data.clip_file import Clips
from microgesture.inputs.base import CPU, Input, to_device
from microgesture.inputs.geometry import Geometry, shown_places
from microgesture.settings.streams import VideoStream
from microgesture.video.crops import crops_of

MEAN, DEVIATION = 0.45, 0.225
"""Of all colours, as the published networks were trained with; white is 1."""

STRONGER = 4.0
"""What differences of frames are multiplied by, which are that much smaller than frames."""


class VideoInput(Input):
    """Person crops, float32 (N, 3, T, H, W): red, green and blue.

    Of the stream ``rgb`` they are 0 at a medium grey; of ``motion`` where a frame is as the mean of
    the clip's frames.

    Parameters
    ----------
    records : Clips
        The crops.
    size : int
        H and W, in training and testing.
    stream : {'rgb', 'motion'}
    jitter : float
        Share by which brightness and contrast change at most, in training.

    """

    def __init__(
        self, records: Clips, size: int, stream: VideoStream = "rgb", jitter: float = 0.0
    ) -> None:
        self.records = records
        self._size, self._stream, self._jitter = size, stream, jitter

    @property
    def preparation(self) -> dict[str, Any]:
        """See `Input.preparation`; nothing of single clips."""
        stated = self.records.metadata["video"]
        return {"video": {key: value for key, value in stated.items() if key != "missing"}}

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Crops as stored, uint8 (T, side, side, 3)."""
        return crops_of(self.records, row, indices)

    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """See `Input.assemble`; in testing the whole crop without change of its light."""
        side, size = batch.shape[2], self._size
        upright = np.zeros_like(geometry.mirrored)
        across = resizing(geometry.windows[:, [0, 2]], geometry.mirrored, side, size)
        down = resizing(geometry.windows[:, [1, 3]], upright, side, size)
        across, down = to_device(across, device), to_device(down, device)
        pictures = to_device(batch, device).float().flatten(3)  # (N, T, side, side 3)
        rows = torch.matmul(down[:, None], pictures).unflatten(3, (side, 3))
        columns = rows.permute(0, 4, 1, 2, 3).flatten(1, 3)  # (N, 3 T H, side)
        pixels = torch.matmul(columns, across.transpose(1, 2))
        scale, shift = self._light(geometry, training)
        lit = torch.addcmul(to_device(shift, device), pixels, to_device(scale, device))
        clips = lit.unflatten(1, (3, batch.shape[1], size))
        if self._stream == "rgb":
            return clips
        return (clips - clips.mean(dim=2, keepdim=True)) * STRONGER

    def _light(self, geometry: Geometry, training: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Factor and summand from bytes to what the network takes, float32 (N, 1, 1) each."""
        change = np.zeros((len(geometry.mirrored), 2))
        if training and geometry.light is not None:
            change = self._jitter * geometry.light
        brightness, contrast = change[:, 0], 1 + change[:, 1]
        scale = contrast / (255 * DEVIATION)
        shift = (brightness - contrast * MEAN) / DEVIATION
        both = torch.from_numpy(np.stack([scale, shift]).astype(np.float32))
        return both[0, :, None, None], both[1, :, None, None]


def resizing(spans: np.ndarray, mirrored: np.ndarray, cells: int, size: int) -> torch.Tensor:
    """Resizing along one axis as matrices, float32 (N, size, cells); their rows sum to 1.

    Each new cell is a mean over the old ones around it with weights that fall linearly, from 1
    to 0 within an old cell, or within a new one where these are larger: no finer pattern is left
    that would show as another.

    The parameters are those of `shown_places`.
    """
    place = shown_places(spans, mirrored, cells, size)
    reach = np.maximum(spans[:, 1:] * cells / size, 1)[..., None]
    weight = np.maximum(1 - np.abs(place[..., None] - np.arange(cells)) / reach, 0)
    return torch.from_numpy((weight / weight.sum(axis=2, keepdims=True)).astype(np.float32))
