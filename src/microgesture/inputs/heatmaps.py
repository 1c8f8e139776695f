"""Heatmap volumes for PoseC3D, drawn inside the batch or read from a cache."""

from collections.abc import Sequence

import numpy as np
import torch

from microgesture.data.clip_file import Clips
from microgesture.data.layouts import Layout
from microgesture.data.parts import view_of
from microgesture.heatmaps.cache import cached_pieces
from microgesture.heatmaps.codec import cells_of, resample
from microgesture.heatmaps.draw import draw_torch, strokes
from microgesture.heatmaps.grid import to_cells
from microgesture.heatmaps.kernels import paint
from microgesture.inputs.base import CPU, Input, PointSource, to_device
from microgesture.inputs.geometry import Geometry, shown_places
from microgesture.inputs.movement import Movement
from microgesture.inputs.points import Places
from microgesture.preprocessing.temporal import PADDING
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.streams import HeatmapStream, Part


class DrawnInput(PointSource):
    """Heatmap volumes for PoseC3D, float32 (N, C, T, H, W), drawn from points already moved.

    The points of every clip are moved into its window and mirrored; then the batch is drawn on its
    device. As in the references the Gaussians keep their width in cells, whatever the window.

    Parameters
    ----------
    records : Clips
        Prepared clips.
    layout : Layout
    stream : {'joint', 'limb', 'joint_motion'}
    heatmaps : DrawnHeatmaps
        Its size is that of testing.
    size : int
        Cells a side in training.
    parts : sequence of str
        Seen in boxes of their own, see `microgesture.data.parts`.

    """

    def __init__(
        self,
        records: Clips,
        layout: Layout,
        stream: HeatmapStream,
        heatmaps: DrawnHeatmaps,
        size: int,
        parts: Sequence[Part] = (),
    ) -> None:
        self.records, self.layout = records, layout
        view = view_of(layout, parts)
        self._stream, self._edges, self._flip = stream, view.edges, view.flip
        self._whole_size, self._sigma = heatmaps.size, heatmaps.sigma
        self._short_limbs = heatmaps.short_limbs
        self._places, self._size = Places(self.records, heatmaps.padding, view), size

    def sample(self, row: int, indices: np.ndarray, movement: Movement | None = None) -> np.ndarray:
        """Points in shares of the clip's boxes, float64 (T, C, 3).

        For joint_motion (T, 2 C, 3): those of the frame, and those of the file's next one.
        """
        points = self._places.at(row, indices, movement)
        if self._stream == "joint_motion":
            after = self._places.after(row, indices)
            kept = np.where(after == PADDING, indices, after)
            following = self._places.at(row, kept, movement)
            points = np.concatenate([points, following], axis=1)
        return points

    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """See `Input.assemble`; the memory is in channels-last order on a CPU."""
        size = self._size if training else self._whole_size
        drawn = self.strokes(batch.numpy(), geometry, size)
        if device.type != "cpu":
            return draw_torch(to_device(drawn, device), self._sigma, size, self._stream == "joint")
        return draw_batch(drawn, self._sigma, size)

    def strokes(self, points: np.ndarray, geometry: Geometry, size: int) -> np.ndarray:
        """What is drawn of stacked samples, float32 (N, T, C, 5), in cells of the window."""
        cells = to_cells(points, geometry.windows[:, None, None], size)
        mirrored = geometry.mirrored[:, None, None]
        cells[..., 0] = np.where(mirrored, size - 1 - cells[..., 0], cells[..., 0])
        moved = cells.astype(np.float32)
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

    def __init__(self, records: Clips, layout: Layout, size: int) -> None:
        self.records = records
        view = view_of(layout, self.records.metadata.get("parts", ()))
        self._flip = view.channel_flip(self.records.metadata["stream"])
        self._size = size

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Which clip and frames to look up: the row and the indices, int64 (1 + T,).

        Compact frames differ in size and cannot be stacked; they are unpacked in `assemble`.
        """
        return np.concatenate([[row], indices])

    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """See `Input.assemble`; in testing the whole volume at the size it was drawn in."""
        channels, cells, _ = self.records.metadata["shape"]
        size = self._size if training else cells
        shape = (len(batch), batch.shape[1] - 1, channels)
        if device.type != "cpu":
            return self._on_device(batch, geometry, (*shape, cells, cells), size, device)
        memory = torch.zeros((*shape[:2], size, size, channels))
        unturned = np.arange(channels)
        for n, chosen in enumerate(batch.numpy()):
            mirrored = bool(geometry.mirrored[n])
            targets = self._flip if mirrored else unturned
            for piece, frames in cached_pieces(self.records, chosen[0], chosen[1:]):
                resample(piece, frames, geometry.windows[n], targets, mirrored, memory[n].numpy())
        return memory.permute(0, 4, 1, 2, 3)

    def _on_device(
        self,
        batch: torch.Tensor,
        geometry: Geometry,
        shape: tuple[int, ...],
        size: int,
        device: torch.device,
    ) -> torch.Tensor:
        """The same with matrix products on an accelerator, given only the cells that are not 0."""
        cells = shape[-1]
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

    The parameters are those of `shown_places`.
    """
    place = shown_places(spans, mirrored, cells, size)
    weight = 1 - np.abs(place[..., None] - np.arange(cells))
    return torch.from_numpy(np.maximum(weight, 0).astype(np.float32))
