"""What the networks are fed: clips from a clip file or a heatmap cache, sampled and augmented.

Frames are sampled clip by clip; geometry is changed for a whole batch on the training device.
"Missing" is a point with score 0; it never takes part in a place, a vector or a drawing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.data.clip_file import Records, prepared_points
from microgesture.data.layouts import Layout
from microgesture.heatmaps.cache import cached_pieces
from microgesture.heatmaps.codec import cells_of, resample
from microgesture.heatmaps.draw import clip_box, draw_torch, strokes
from microgesture.heatmaps.kernels import paint
from microgesture.preprocessing.temporal import PADDING
from microgesture.settings.streams import HeatmapStream, PointStream
from microgesture.utils.errors import InputError

ASPECT = (3 / 4, 4 / 3)
CROP_CELLS = 64
"""PySKL cuts whole pixels out of pictures with so many a side."""
CROP_TRIES = 10


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


def full_frame(count: int, mirrored: bool = False) -> Geometry:
    """The whole box of every clip, mirrored or not."""
    return Geometry(np.tile([0.0, 0.0, 1.0, 1.0], (count, 1)), np.full(count, mirrored))


def random_geometry(count: int, config: Mapping[str, Any], rng: np.random.Generator) -> Geometry:
    """Random resized crops and mirror images, as PoseC3D trains with.

    An area and an aspect ratio are drawn together until both sides fit into the box; after ten that
    do not, the whole box is taken. Sides and corners are whole `CROP_CELLS` of the box.
    Source: RandomResizedCrop and Flip of PySKL (Duan et al. 2022).

    Parameters
    ----------
    config : mapping
        ``crop_area``: smallest and largest share of the box's area; ``flip``: probability.

    """
    smallest, largest = config["crop_area"]
    area = rng.uniform(smallest, largest, (count, CROP_TRIES))
    aspect = np.exp(rng.uniform(np.log(ASPECT[0]), np.log(ASPECT[1]), (count, CROP_TRIES)))
    sides = np.round(CROP_CELLS * np.sqrt(np.stack([area * aspect, area / aspect], axis=2)))
    fits: np.ndarray = np.all(sides <= CROP_CELLS, axis=2)
    first = sides[np.arange(count), fits.argmax(axis=1)]
    fitting: np.ndarray = np.any(fits, axis=1)
    size = np.where(fitting[:, None], first, CROP_CELLS)
    corner = rng.integers(CROP_CELLS - size.astype(int) + 1)
    return Geometry(
        np.concatenate([corner, size], axis=1) / CROP_CELLS,
        rng.uniform(size=count) < config["flip"],
    )


def to_device(values: np.ndarray | torch.Tensor, device: torch.device) -> torch.Tensor:
    """Values on a device; a GPU is not waited for, since pinned memory is copied in its turn."""
    tensor = torch.as_tensor(values)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class Input(ABC):
    """One variant's input: its clips' records and how a batch of them becomes a tensor.

    Attributes
    ----------
    records : Records
    device : torch.device
        Where `assemble` leaves what the network takes; the one that trains or predicts sets it.

    """

    records: Records
    device = torch.device("cpu")

    @abstractmethod
    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Chosen frames of one clip, as stored."""

    @abstractmethod
    def assemble(self, batch: torch.Tensor, geometry: Geometry, training: bool) -> torch.Tensor:
        """Turn stacked samples, in the computer's memory, into what the network takes."""


class _Places:
    """Points of a clip file in shares of their clip's box, which is looked for only once."""

    def __init__(self, records: Records, padding: float) -> None:
        self._records, self._padding = records, padding
        self._boxes: dict[int, tuple[float, float, float]] = {}

    def at(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Float64 (T, V, 3); 0 where a point is missing or the index is `PADDING`."""
        points = prepared_points(self._records, row)
        if row not in self._boxes:
            self._boxes[row] = clip_box(points, self._padding)
        left, top, side = self._boxes[row]
        chosen = np.where((indices == PADDING)[:, None, None], 0, points[indices])
        shares = (chosen - [left, top, 0]) / [side, side, 1]
        return np.where(chosen[..., 2:] > 0, shares, 0)

    def after(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Indices of the file's next frames; `PADDING` after the last frame and after itself."""
        count = len(prepared_points(self._records, row))
        return np.where((indices == PADDING) | (indices + 1 >= count), PADDING, indices + 1)


def vectors(points: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """From each origin to its point, (..., 3) with the smaller score; 0 where either is missing."""
    score = np.minimum(points[..., 2:], origins[..., 2:])
    moved = np.concatenate([points[..., :2] - origins[..., :2], score], axis=-1)
    return np.where(score > 0, moved, 0)


class PointInput(Input):
    """Key points for graph networks, (N, 1, T, V, 3): two numbers and the score.

    The numbers are, by stream, in units of half the window:

    - ``joint``: x and y from -1 to 1 over the window;
    - ``bone``: the vector to the joint from its neighbour on the way to the layout's center, and 0
      at the center;
    - ``joint_motion``, ``bone_motion``: what is added to these until the file's next frame.

    A vector's score is the smaller of both ends'. Source: Shi et al. 2019, two-stream adaptive
    graph convolution, and PySKL's multi-stream ST-GCN++.
    """

    def __init__(
        self, path: Path, layout: Layout, padding: float, stream: PointStream = "joint"
    ) -> None:
        self.records = Records(path)
        self._flip = torch.from_numpy(layout.flip)
        self._places, self._stream = _Places(self.records, padding), stream
        self._parents = layout.parents()
        mirrored = layout.flip[self._parents]
        self._bones = stream.startswith("bone")
        if self._bones and (mirrored != self._parents[layout.flip]).any():
            raise InputError(
                f"layout {layout.name}: its center {layout.joints[layout.center]} has a mirror "
                "image, so mirrored bones are no bones; choose a center on the midline"
            )

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Points or vectors in shares of the clip's box, float32 (T, V, 3); empty where missing."""
        values = self._values(row, indices)
        if self._stream.endswith("motion"):
            values = vectors(self._values(row, self._places.after(row, indices)), values)
        return values.astype(np.float32)

    def _values(self, row: int, indices: np.ndarray) -> np.ndarray:
        points = self._places.at(row, indices)
        return vectors(points, points[:, self._parents]) if self._bones else points

    def assemble(self, batch: torch.Tensor, geometry: Geometry, training: bool) -> torch.Tensor:
        """See `Input.assemble`; what is missing stays 0, for points at the window's middle."""
        window = to_device(torch.as_tensor(geometry.windows, dtype=batch.dtype), self.device)
        mirrored = to_device(geometry.mirrored, self.device)[:, None, None, None]
        self._flip, batch = self._flip.to(self.device), to_device(batch, self.device)
        corner, size = window[:, None, None, :2], window[:, None, None, 2:]
        found = batch[..., 2:] > 0
        if self._stream == "joint":
            place = torch.where(found, (batch[..., :2] - corner) / size * 2 - 1, 0)
        else:  # a vector is only stretched
            place = batch[..., :2] / size * 2
        points = torch.cat([place, batch[..., 2:]], dim=-1)
        turned = points[:, :, self._flip]
        turned[..., 0].neg_()
        return torch.where(mirrored, turned, points)[:, None]


class DrawnInput(Input):
    """Heatmap volumes for PoseC3D, float32 (N, C, T, H, W), drawn from points already moved.

    The points of every clip are moved into its window and mirrored; then the batch is drawn on its
    device. As in the references the Gaussians keep their width in cells, whatever the window.

    Parameters
    ----------
    path : Path
        Clip file.
    layout : Layout
    stream : {'joint', 'limb', 'joint_motion'}
    heatmaps : mapping
        ``size`` (cells a side in testing), ``sigma`` (cells), ``padding`` (see `clip_box`) and,
        unless it is ``min``, ``short_limbs`` (see `microgesture.heatmaps.draw.ShortLimbs`).
    size : int
        Cells a side in training.

    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        stream: HeatmapStream,
        heatmaps: Mapping[str, Any],
        size: int,
    ) -> None:
        self.records = Records(path)
        self._stream, self._edges, self._flip = stream, layout.edges, layout.flip
        self._whole_size, self._sigma = heatmaps["size"], heatmaps["sigma"]
        self._short_limbs = heatmaps.get("short_limbs", "min")
        self._places, self._size = _Places(self.records, heatmaps["padding"]), size

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Points in shares of the clip's box, float64 (T, V, 3).

        For joint_motion (T, 2 V, 3): those of the frame, and those of the file's next one.
        """
        points = self._places.at(row, indices)
        if self._stream == "joint_motion":
            after = self._places.after(row, indices)
            following = self._places.at(row, np.where(after == PADDING, indices, after))
            points = np.concatenate([points, following], axis=1)
        # scores above 1 are cut, as in `to_grid`
        points[..., 2] = np.minimum(points[..., 2], 1)
        return points

    def assemble(self, batch: torch.Tensor, geometry: Geometry, training: bool) -> torch.Tensor:
        """See `Input.assemble`; the memory is in channels-last order on a CPU."""
        size = self._size if training else self._whole_size
        drawn = self.strokes(batch.numpy(), geometry, size)
        if self.device.type != "cpu":
            return draw_torch(
                to_device(drawn, self.device), self._sigma, size, self._stream == "joint"
            )
        return draw_batch(drawn, self._sigma, size)

    def strokes(self, points: np.ndarray, geometry: Geometry, size: int) -> np.ndarray:
        """What is drawn of stacked samples, float32 (N, T, C, 5), in cells of the window."""
        window = geometry.windows[:, None, None]
        cells = (points[..., :2] - window[..., :2]) / window[..., 2:] * size - 0.5
        mirrored = geometry.mirrored[:, None, None]
        cells[..., 0] = np.where(mirrored, size - 1 - cells[..., 0], cells[..., 0])
        moved = np.concatenate([cells, points[..., 2:]], axis=-1).astype(np.float32)
        flip = self._flip
        if self._stream == "joint_motion":
            flip = np.concatenate([flip, len(flip) + flip])
        moved = np.where(mirrored[..., None], moved[:, :, flip], moved)
        if self._stream == "joint_motion":
            here, following = np.split(moved, 2, axis=2)
            return strokes(here, self._stream, self._edges, following)
        return strokes(moved, self._stream, self._edges, None, self._short_limbs)


def draw_batch(drawn: np.ndarray, sigma: float, size: int) -> torch.Tensor:
    """Draw a batch of strokes on a CPU, one person each; the volume is channels-last in memory.

    Parameters
    ----------
    drawn : ndarray, float32 (N, T, C, 5)
        See `microgesture.heatmaps.draw.strokes`.
    sigma : float
    size : int
        Cells a side.

    Returns
    -------
    Tensor, float32 (N, C, T, size, size)

    """
    count, frames, channels = drawn.shape[:3]
    memory = torch.zeros((count, frames, size, size, channels))
    volume = memory.numpy().transpose(0, 1, 4, 2, 3)
    nothing = np.zeros((frames, channels, 4), np.int32)
    for n in range(count):
        nothing[:] = 0  # the memory is fresh
        paint(drawn[n : n + 1], sigma, volume[n], nothing)
    return memory.permute(0, 4, 1, 2, 3)


class HeatmapInput(Input):
    """Heatmap volumes for PoseC3D, float32 (N, V, T, H, W), from a cache of whole boxes.

    The geometry changes volumes that are already drawn, by bilinear resampling. The references
    change the points and draw afterwards, which keeps the width of the Gaussians; this does not.
    """

    def __init__(self, path: Path, layout: Layout, size: int) -> None:
        self.records = Records(path)
        self._flip = layout.channel_flip(self.records.metadata["stream"])
        self._size = size

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Which clip and frames to look up: the row and the indices, int64 (1 + T,).

        Compact frames differ in size and cannot be stacked; they are unpacked in `assemble`.
        """
        return np.concatenate([[row], indices])

    def assemble(self, batch: torch.Tensor, geometry: Geometry, training: bool) -> torch.Tensor:
        """See `Input.assemble`; in testing the whole volume at the size it was drawn in."""
        channels, cells, _ = self.records.metadata["shape"]
        size = self._size if training else cells
        shape = (len(batch), batch.shape[1] - 1, channels)
        if self.device.type != "cpu":
            return self._on_device(batch, geometry, (*shape, cells, cells), size)
        memory = torch.zeros((*shape[:2], size, size, channels))
        unturned = np.arange(channels)
        for n, chosen in enumerate(batch.numpy()):
            mirrored = bool(geometry.mirrored[n])
            targets = self._flip if mirrored else unturned
            for piece, frames in cached_pieces(self.records, chosen[0], chosen[1:]):
                resample(piece, frames, geometry.windows[n], targets, mirrored, memory[n].numpy())
        return memory.permute(0, 4, 1, 2, 3)

    def _on_device(
        self, batch: torch.Tensor, geometry: Geometry, shape: tuple[int, ...], size: int
    ) -> torch.Tensor:
        """The same with matrix products on an accelerator, given only the cells that are not 0."""
        device, cells = self.device, shape[-1]
        unturned = np.zeros_like(geometry.mirrored)
        across = resampling(geometry.windows[:, [0, 2]], geometry.mirrored, cells, size)
        down = resampling(geometry.windows[:, [1, 3]], unturned, cells, size) / 255
        across, down = to_device(across, device), to_device(down, device)
        flip = to_device(self._flip, device)
        inputs = torch.empty((shape[0], shape[2], shape[1], size, size), device=device)
        for n, chosen in enumerate(batch.numpy()):
            volume = torch.zeros(shape[1:], device=device)
            pieces = cached_pieces(self.records, chosen[0], chosen[1:])
            if parts := [cells_of(piece, frames) for piece, frames in pieces]:
                places, levels = map(np.concatenate, zip(*parts, strict=True))
                volume.view(-1)[to_device(places, device)] = to_device(levels, device).float()
            turned = volume[:, flip] if geometry.mirrored[n] else volume
            inputs[n] = (down[n] @ (turned @ across[n].T)).transpose(0, 1)
        return inputs


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
