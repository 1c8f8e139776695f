"""What the networks are fed: clips from a stream file or a heatmap cache, sampled and augmented.

Frames are sampled clip by clip; geometry is changed for a whole batch on the training device.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.cache import cached_frames
from microgesture.heatmaps import clip_box
from microgesture.layouts import Layout
from microgesture.records import Records
from microgesture.streams import stream_points
from microgesture.temporal import PADDING

ASPECT = (3 / 4, 4 / 3)


@dataclass(frozen=True)
class Geometry:
    """How each clip of a batch is looked at.

    Attributes
    ----------
    windows : ndarray, float (N, 4)
        Left, top, width and height of the window in shares of the clip's box.
    mirrored : ndarray, bool (N,)
    """

    windows: np.ndarray
    mirrored: np.ndarray


def whole(count: int, mirrored: bool = False) -> Geometry:
    """The whole box of every clip, mirrored or not."""
    return Geometry(np.tile([0.0, 0.0, 1.0, 1.0], (count, 1)), np.full(count, mirrored))


def random_geometry(count: int, config: Mapping[str, Any], rng: np.random.Generator) -> Geometry:
    """Random resized crops and mirror images, as PoseC3D trains with.

    Parameters
    ----------
    config : mapping
        ``crop_area``: smallest and largest share of the box's area; ``flip``: probability.
    """
    area = rng.uniform(*config["crop_area"], count)
    aspect = np.exp(rng.uniform(*np.log(ASPECT), count))
    size = np.minimum(np.sqrt(np.stack([area * aspect, area / aspect], axis=1)), 1)
    corner = rng.uniform(size=(count, 2)) * (1 - size)
    return Geometry(np.concatenate([corner, size], axis=1), rng.uniform(size=count) < config["flip"])


class Input(ABC):
    """One variant's input: its clips' records and how a batch of them becomes a tensor."""

    records: Records

    @abstractmethod
    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Chosen frames of one clip, as stored."""

    @abstractmethod
    def assemble(self, batch: torch.Tensor, geometry: Geometry, training: bool) -> torch.Tensor:
        """Turn stacked samples, on their device, into what the network takes."""


class PointInput(Input):
    """Key points for ST-GCN: x and y in -1 to 1 over the window, score; (N, 1, T, V, 3)."""

    def __init__(self, path: Path, layout: Layout, padding: float) -> None:
        self.records = Records(path)
        self._flip = torch.from_numpy(layout.flip)
        self._padding = padding

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Points in shares of the clip's box, float32 (T, V, 3); empty where not found."""
        points = stream_points(self.records, row)
        left, top, side = clip_box(points, self._padding)
        chosen = np.where((indices == PADDING)[:, None, None], 0, points[indices])
        scaled = (chosen - [left, top, 0]) / [side, side, 1]
        return np.where(chosen[..., 2:] > 0, scaled, 0).astype(np.float32)

    def assemble(self, batch: torch.Tensor, geometry: Geometry, training: bool) -> torch.Tensor:
        """See `Input.assemble`; points that were not found stay at the window's middle, score 0."""
        window = torch.as_tensor(geometry.windows, dtype=batch.dtype, device=batch.device)
        mirrored = torch.as_tensor(geometry.mirrored, device=batch.device)[:, None, None, None]
        corner, size = window[:, None, None, :2], window[:, None, None, 2:]
        found = batch[..., 2:] > 0
        place = torch.where(found, (batch[..., :2] - corner) / size * 2 - 1, 0)
        points = torch.cat([place, batch[..., 2:]], dim=-1)
        turned = points[:, :, self._flip.to(batch.device)] * points.new_tensor([-1, 1, 1])
        return torch.where(mirrored, turned, points)[:, None]


class HeatmapInput(Input):
    """Heatmap volumes for PoseC3D, float32 (N, V, T, H, W).

    The geometry changes volumes that are already drawn, by bilinear resampling. The references
    change the points and draw afterwards, which keeps the width of the Gaussians; this does not.
    """

    def __init__(self, path: Path, layout: Layout, size: int) -> None:
        self.records = Records(path)
        self._flip = torch.from_numpy(layout.channel_flip(self.records.metadata["stream"]))
        self._size = size

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Frames as cached, uint8 (V, T, H, W)."""
        return cached_frames(self.records, row, indices)

    def assemble(self, batch: torch.Tensor, geometry: Geometry, training: bool) -> torch.Tensor:
        """See `Input.assemble`; in testing the whole volume at the size it was drawn in."""
        cells = batch.shape[-1]
        size = self._size if training else cells
        values = batch.float() / 255
        across = resampling(geometry.windows[:, [0, 2]], geometry.mirrored, cells, size)
        down = resampling(
            geometry.windows[:, [1, 3]], np.zeros_like(geometry.mirrored), cells, size
        )
        across, down = across.to(batch.device), down.to(batch.device)
        channels = values.shape[1] * values.shape[2]
        flat = values.reshape(len(batch), channels * cells, cells) @ across.transpose(1, 2)
        flat = flat.reshape(len(batch), channels, cells, size)
        moved = (down[:, None] @ flat).reshape(*values.shape[:3], size, size)
        mirrored = torch.as_tensor(geometry.mirrored, device=batch.device)
        return torch.where(
            mirrored[:, None, None, None, None], moved[:, self._flip.to(batch.device)], moved
        )


def resampling(spans: np.ndarray, mirrored: np.ndarray, cells: int, size: int) -> torch.Tensor:
    """Bilinear resampling along one axis as matrices, float32 (N, size, cells).

    Parameters
    ----------
    spans : ndarray, float (N, 2)
        Start and length of what is shown, in shares of the axis.
    mirrored : ndarray, bool (N,)
        Where true, the result runs backwards.
    """
    step = (np.arange(size) + 0.5) / size
    step = np.where(mirrored[:, None], 1 - step, step)
    place = (spans[:, :1] + spans[:, 1:] * step) * cells - 0.5
    weight = 1 - np.abs(place[..., None] - np.arange(cells))
    return torch.from_numpy(np.maximum(weight, 0).astype(np.float32))
