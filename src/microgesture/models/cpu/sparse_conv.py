"""The stem's convolution on a CPU, computed from the few cells of a heatmap that are not zero.

Of a heatmap volume 0.6 to 3 % of the cells are not zero, and the dense convolution is a third of
a training step. Here each of those cells adds its value times the weights to the cells around it.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from microgesture.models.base import frame_conv
from microgesture.models.cpu.threads import thread_map

MAX_SHARE = 0.1
"""Largest share of cells that are not zero; above it the dense convolution is about as fast."""


class HeatmapConv(nn.Conv3d):
    """A 1 x k x k convolution of stride 1 that skips the zeros of its input where that pays.

    That is on a CPU, for an input that needs no gradient and is sparse enough; the same numbers
    come from the dense convolution otherwise, and when the network is traced for export.
    """

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, H, W) to (N, C', T, H, W)."""
        if torch.compiler.is_compiling():
            return super().forward(x)
        if x.device.type != "cpu":
            return frame_conv(self, x)
        exact = x.dtype == self.weight.dtype and x.dtype in (torch.float32, torch.float64)
        cells = list_cells(x) if exact and not x.requires_grad else None
        if cells is None:
            return super().forward(x)
        return sparse_conv(cells, self.weight, *x.shape[-2:])


@dataclass(frozen=True)
class Cells:
    """Cells of one clip that are not zero, in the order of its frames.

    Attributes
    ----------
    starts : ndarray, int64 (T + 1,)
        Where each frame's cells begin in the other two.
    places : ndarray, int16 (cells, 3)
        Row, column and channel.
    values : ndarray, float (cells,)

    """

    starts: np.ndarray
    places: np.ndarray
    values: np.ndarray


def list_cells(x: Tensor) -> list[Cells] | None:
    """List the cells of every clip that are not zero; None when a clip has too many of them.

    Parameters
    ----------
    x
        Heatmaps (N, C, T, H, W), float32 or float64, on the CPU.

    """
    clips = x.detach().contiguous(memory_format=torch.channels_last_3d).permute(0, 2, 3, 4, 1)

    def listed(clip: np.ndarray) -> Cells | None:
        room = int(clip.size * MAX_SHARE)
        starts = np.zeros(len(clip) + 1, np.int64)
        places, values = np.empty((room, 3), np.int16), np.empty(room, clip.dtype)
        if not _list(clip, clip.view(f"i{clip.itemsize}"), starts, places, values):
            return None
        return Cells(starts, places[: starts[-1]].copy(), values[: starts[-1]].copy())

    found = [cells for cells in thread_map(listed, list(clips.numpy())) if cells is not None]
    return found if len(found) == len(clips) else None


def sparse_conv(cells: list[Cells], weight: Tensor, height: int, width: int) -> Tensor:
    """Convolve heatmaps, given as their cells that are not zero, with stride 1 and full padding.

    Equal to `torch.nn.functional.conv3d` on the volume up to rounding, for any number of threads
    to the same bits. Under autocast the result has its type, but products and sums are the
    weight's. Only the weight gets a gradient.

    Parameters
    ----------
    cells
        Of N clips, see `list_cells`.
    weight
        (O, C, 1, k, k), k odd, of the cells' type.
    height, width
        H and W of the volume.

    Returns
    -------
    Tensor
        (N, O, T, H, W), channels last in memory.

    """
    dtype = weight.dtype
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
    return _SparseConv.apply(weight, cells, height, width, dtype)


class _SparseConv(torch.autograd.Function):
    """See `sparse_conv`."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, cells: list[Cells], height: int, width: int, dtype: torch.dtype
    ) -> Tensor:
        ctx.cells, ctx.shape, ctx.dtype = cells, weight.shape, weight.dtype
        # so that the weights of a row, all output channels of each cell, lie beside each other
        turned = weight.detach()[:, :, 0].flip(2, 3).permute(1, 2, 3, 0).contiguous().numpy()
        shape = (len(cells), len(cells[0].starts) - 1, height, width, len(weight))
        out = torch.empty(shape, dtype=dtype)

        def convolved(n: int) -> None:
            clip = out[n] if dtype == weight.dtype else torch.empty(shape[1:], dtype=weight.dtype)
            _scatter(cells[n].starts, cells[n].places, cells[n].values, turned, clip.numpy())
            if dtype != weight.dtype:
                out[n].copy_(clip)

        thread_map(convolved, range(len(cells)))
        return out.permute(0, 4, 1, 2, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        out_channels, channels, _, side, _ = ctx.shape
        clips = gradient.permute(0, 2, 3, 4, 1)

        def summed(n: int) -> np.ndarray:
            turned = np.zeros((channels, side, side, out_channels), ctx.cells[n].values.dtype)
            clip = clips[n].to(ctx.dtype).contiguous().numpy()
            _gather(ctx.cells[n].starts, ctx.cells[n].places, ctx.cells[n].values, clip, turned)
            return turned

        total = torch.from_numpy(np.sum(thread_map(summed, range(len(clips))), axis=0))
        return total.permute(3, 0, 1, 2).flip(2, 3)[:, :, None], None, None, None, None


@numba.njit(cache=True, nogil=True)
def _list(
    clip: np.ndarray, bits: np.ndarray, starts: np.ndarray, places: np.ndarray, values: np.ndarray
) -> bool:
    """List what is not zero in a clip (T, H, W, C); false when there is no room for it."""
    found = 0
    for t in range(clip.shape[0]):
        for i in range(clip.shape[1]):
            for j in range(clip.shape[2]):
                seen = bits[t, i, j, 0]
                for c in range(1, clip.shape[3]):  # all channels of a cell at once
                    seen |= bits[t, i, j, c]
                if seen == 0:
                    continue
                for c in range(clip.shape[3]):
                    if clip[t, i, j, c] != 0:
                        if found == len(values):
                            return False
                        places[found, 0], places[found, 1], places[found, 2] = i, j, c
                        values[found] = clip[t, i, j, c]
                        found += 1
        starts[t + 1] = found
    return True


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _scatter(
    starts: np.ndarray, places: np.ndarray, values: np.ndarray, weight: np.ndarray, out: np.ndarray
) -> None:
    """Add each cell's value times ``weight`` (C, k, k, O), turned, around it in (T, H, W, O)."""
    frames, height, width, channels = out.shape
    side = weight.shape[1]
    reach = side // 2
    flat = weight.reshape(weight.shape[0], side, side * channels)
    for t in range(frames):
        plane = out[t].reshape(height, width * channels)
        plane[:] = 0
        for n in range(starts[t], starts[t + 1]):
            i, j, c = places[n, 0], places[n, 1], places[n, 2]
            value = values[n]
            left, right = max(j - reach, 0), min(j + reach + 1, width)
            first = (left - j + reach) * channels
            for a in range(max(reach - i, 0), min(side, height - i + reach)):
                row = plane[i + a - reach, left * channels : right * channels]
                weights = flat[c, a, first : first + len(row)]
                for o in range(len(row)):
                    row[o] += value * weights[o]


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _gather(
    starts: np.ndarray, places: np.ndarray, values: np.ndarray, out: np.ndarray, weight: np.ndarray
) -> None:
    """Add each cell's value times the gradient ``out`` (T, H, W, O) around it to ``weight``'s."""
    frames, height, width, channels = out.shape
    side = weight.shape[1]
    reach = side // 2
    flat = weight.reshape(weight.shape[0], side, side * channels)
    for t in range(frames):
        plane = out[t].reshape(height, width * channels)
        for n in range(starts[t], starts[t + 1]):
            i, j, c = places[n, 0], places[n, 1], places[n, 2]
            value = values[n]
            left, right = max(j - reach, 0), min(j + reach + 1, width)
            first = (left - j + reach) * channels
            for a in range(max(reach - i, 0), min(side, height - i + reach)):
                row = plane[i + a - reach, left * channels : right * channels]
                weights = flat[c, a, first : first + len(row)]
                for o in range(len(row)):
                    weights[o] += value * row[o]
