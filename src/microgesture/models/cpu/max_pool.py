"""ReLU and the stem's max pooling as one step.

On a CPU, torch pools volumes with channels last by way of several copies and an index of eight
bytes a cell: a fifth of the training step. Here the index takes one byte. On a GPU, torch adds up
gradients in no fixed order; here in that of the window.
"""

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from microgesture.models.cpu.threads import thread_map

SIDE = 3
NONE = SIDE * SIDE
"""Index of a window without a positive value: ReLU lets no gradient through."""


class ReluMaxPool(nn.Module):
    """ReLU, then a 1 x 3 x 3 max pooling of stride 1 that keeps the size."""

    def forward(self, x: Tensor) -> Tensor:
        """From and to (N, C, T, H, W)."""
        if torch.compiler.is_compiling():
            return _pooled(x)
        if x.device.type != "cpu":
            return _RepeatableReluMaxPool.apply(x)
        last = x.is_contiguous(memory_format=torch.channels_last_3d)
        return _ReluMaxPool.apply(x) if last else _pooled(x)


def _pooled(x: Tensor) -> Tensor:
    return functional.max_pool3d(x.relu(), (1, SIDE, SIDE), stride=1, padding=(0, 1, 1))


def _shifts(length: int) -> list[tuple[slice, slice]]:
    """For each place in a window along an axis, the windows that have it, and those cells."""
    ends = [(max(1 - place, 0), length - max(place - 1, 0), place - 1) for place in range(SIDE)]
    return [(slice(a, b), slice(a + shift, b + shift)) for a, b, shift in ends]


class _RepeatableReluMaxPool(torch.autograd.Function):
    """See `ReluMaxPool`; the gradient goes where `_ReluMaxPool` gives it, by plain torch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = _pooled(x)
        ctx.save_for_backward(x, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, out = ctx.saved_tensors
        left = out > 0  # windows whose gradient is still to be given
        total = torch.zeros_like(x, dtype=torch.float32)
        for row_windows, row_cells in _shifts(x.shape[-2]):
            for column_windows, column_cells in _shifts(x.shape[-1]):
                windows, cells = (..., row_windows, column_windows), (..., row_cells, column_cells)
                chosen = left[windows] & (x[cells] == out[windows])
                left[windows] &= ~chosen
                total[cells] += torch.where(chosen, gradient[windows], 0)
        return total.to(gradient.dtype)


class _ReluMaxPool(torch.autograd.Function):
    """See `ReluMaxPool`; of equal values the first in the window's rows gets the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        clips = x.detach().permute(0, 2, 3, 4, 1)
        chosen, out = torch.empty(clips.shape, dtype=torch.uint8), torch.empty_like(clips)

        def pooled(n: int) -> None:
            clip = _numbers(clips[n])
            best = np.empty_like(clip)
            _pool(clip, best, chosen[n].numpy())
            out[n].copy_(torch.from_numpy(best))

        thread_map(pooled, range(len(clips)))
        ctx.save_for_backward(chosen)
        return out.permute(0, 4, 1, 2, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (chosen,) = ctx.saved_tensors
        clips = gradient.permute(0, 2, 3, 4, 1)
        out = torch.empty(clips.shape, dtype=gradient.dtype)

        def returned(n: int) -> None:
            clip = _numbers(clips[n])
            total = np.empty_like(clip)
            _return(clip, chosen[n].numpy(), total)
            out[n].copy_(torch.from_numpy(total))

        thread_map(returned, range(len(clips)))
        return out.permute(0, 4, 1, 2, 3)


def _numbers(clip: Tensor) -> np.ndarray:
    """One clip (T, H, W, C) in a type that numpy knows."""
    return (clip.float() if clip.dtype == torch.bfloat16 else clip).contiguous().numpy()


@numba.njit(cache=True, nogil=True)
def _pool(x: np.ndarray, best: np.ndarray, chosen: np.ndarray) -> None:
    """Largest positive value of each window and its place 0-8 in it, of (T, H, W, C)."""
    frames, height, width, channels = x.shape
    rows = x.reshape(frames, height, width * channels)
    best[...], chosen[...] = 0, NONE
    for t in range(frames):
        for i in range(height):
            for a in range(max(1 - i, 0), min(SIDE, height - i + 1)):
                for b in range(SIDE):
                    first, last = max(1 - b, 0), min(width, width + 1 - b)
                    top = best[t, i, first:last].reshape(-1)
                    place = chosen[t, i, first:last].reshape(-1)
                    shift = (first + b - 1) * channels
                    values = rows[t, i + a - 1, shift : shift + len(top)]
                    code = np.uint8(SIDE * a + b)
                    for k in range(len(top)):
                        # as in torch, what is not a number wins
                        better = (values[k] > top[k]) | (values[k] != values[k])
                        top[k] = values[k] if better else top[k]
                        place[k] = code if better else place[k]


@numba.njit(cache=True, nogil=True)
def _return(gradient: np.ndarray, chosen: np.ndarray, total: np.ndarray) -> None:
    """Add each window's gradient to the cell that was chosen in it, of (T, H, W, C)."""
    frames, height, width, channels = gradient.shape
    rows = total.reshape(frames, height, width * channels)
    total[...] = 0
    for t in range(frames):
        for i in range(height):
            for a in range(max(1 - i, 0), min(SIDE, height - i + 1)):
                for b in range(SIDE):
                    first, last = max(1 - b, 0), min(width, width + 1 - b)
                    given = gradient[t, i, first:last].reshape(-1)
                    place = chosen[t, i, first:last].reshape(-1)
                    shift = (first + b - 1) * channels
                    values = rows[t, i + a - 1, shift : shift + len(given)]
                    code = np.uint8(SIDE * a + b)
                    for k in range(len(given)):
                        values[k] += given[k] if place[k] == code else 0
