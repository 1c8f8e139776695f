"""What the networks are fed: clips from a stream file or a heatmap cache, sampled and augmented.

Frames are sampled clip by clip; geometry is changed for a whole batch on the training device.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
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
    smallest, largest = config["crop_area"]
    area = rng.uniform(smallest, largest, count)
    aspect = np.exp(rng.uniform(np.log(ASPECT[0]), np.log(ASPECT[1]), count))
    size = np.minimum(np.sqrt(np.stack([area * aspect, area / aspect], axis=1)), 1)
    corner = rng.uniform(size=(count, 2)) * (1 - size)
    return Geometry(
        np.concatenate([corner, size], axis=1), rng.uniform(size=count) < config["flip"]
    )


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
        windows, mirrored = geometry.windows, geometry.mirrored
        unturned = np.zeros_like(mirrored)
        across = resampling(windows[:, [0, 2]], mirrored, cells, size).to(batch.device) / 255
        down = resampling(windows[:, [1, 3]], unturned, cells, size).to(batch.device)
        flip = self._flip.to(batch.device)
        shape = (*batch.shape[:3], size, size)
        inputs = torch.empty(shape, device=batch.device, memory_format=torch.channels_last_3d)
        for n, volume in enumerate(batch):
            turned = volume[flip] if mirrored[n] else volume
            resample(turned, down[n], across[n], inputs[n])
        return inputs


def resample(
    volume: torch.Tensor, down: torch.Tensor, across: torch.Tensor, out: torch.Tensor
) -> None:
    """Write ``down @ plane @ across.T`` of every plane into ``out``.

    On a CPU only the few cells that are not empty are touched, which is ten times faster.

    Parameters
    ----------
    volume : Tensor, uint8 (V, T, H, W)
    down, across : Tensor, float32 (h, H) and (w, W)
    out : Tensor, float32 (V, T, h, w)
        In memory as (T, h, w, V).

    """
    if volume.device.type == "cpu":
        _scatter(volume.numpy(), down.numpy(), across.numpy(), out.permute(1, 2, 3, 0).numpy())
    else:
        out.copy_(down @ (volume.float() @ across.T))


@numba.njit(cache=True, nogil=True)
def _scatter(volume: np.ndarray, down: np.ndarray, across: np.ndarray, out: np.ndarray) -> None:
    """Add every cell of a volume (V, T, H, W) to those it weighs on; ``out`` is (T, h, w, V)."""
    rows, columns = _reach(down), _reach(across)
    out[...] = 0
    for v in range(volume.shape[0]):
        for t in range(volume.shape[1]):
            for i in range(volume.shape[2]):
                for j in range(volume.shape[3]):
                    level = volume[v, t, i, j]
                    if level == 0:
                        continue
                    for a in range(rows[i, 0], rows[i, 1]):
                        weight = level * down[a, i]
                        for b in range(columns[j, 0], columns[j, 1]):
                            out[t, a, b, v] += weight * across[b, j]


@numba.njit(cache=True, nogil=True)
def _reach(weights: np.ndarray) -> np.ndarray:
    """First and one past the last row in which each column is not zero, int (columns, 2)."""
    reach = np.zeros((weights.shape[1], 2), np.int64)
    for j in range(weights.shape[1]):
        for a in range(weights.shape[0]):
            if weights[a, j] != 0:
                if reach[j, 1] == 0:
                    reach[j, 0] = a
                reach[j, 1] = a + 1
    return reach


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
