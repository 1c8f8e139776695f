"""Batch norm whose sums are exact enough over channels-last memory.

On a CPU, torch adds up float32 volumes with channels last one number after the other: over a
million cells statistics and gradients are off by 1e-3 to 1e-2, in contiguous memory by 1e-6.
"""

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from microgesture.models.cpu.threads import thread_map

BLOCK = 64
"""Rows that are added up in float32 before their sum is added to the float64 one."""


class BatchNorm(nn.BatchNorm3d):
    """`torch.nn.BatchNorm3d`; in training on a CPU it has its own sums for channels-last float32.

    They are the same on any number of threads. Other precisions are torch's: in bfloat16 what is
    normalised is rounded to 4e-3 itself.
    """

    def forward(self, x: Tensor) -> Tensor:
        """From and to (N, C, T, H, W)."""
        own = (
            self.training
            and x.device.type == "cpu"
            and x.dtype == torch.float32
            and x.is_contiguous(memory_format=torch.channels_last_3d)
            and x.numel() > x.shape[1]  # torch refuses a single value a channel
            and not torch.compiler.is_compiling()
        )
        if not own:
            return super().forward(x)
        out, mean, variance = _Normalised.apply(x, self.weight, self.bias, self.eps)
        count = x.numel() // x.shape[1]
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None and self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            self.num_batches_tracked.add_(1)
        return out


class _Normalised(torch.autograd.Function):
    """Normalised values, and mean and variance of each channel, float32 (C,)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        clips = _clips(x)
        count = x.numel() // x.shape[1]
        zero = np.zeros(x.shape[1], np.float32)
        plain, squared = ([(clip, flag) for clip in clips] for flag in (False, True))
        mean = (_total(_sum, plain, zero)[0] / count).astype(np.float32)
        variance = _total(_sum, squared, mean)[0] / count
        scale = (1 / np.sqrt(variance + eps)).astype(np.float32)
        out = torch.empty_like(x)
        rows = _clips(out)
        factor, offset = scale * weight.detach().numpy(), bias.detach().numpy()
        thread_map(lambda n: _scale(clips[n], mean, factor, offset, rows[n]), range(len(clips)))
        statistics = torch.from_numpy(mean), torch.from_numpy(variance.astype(np.float32))
        ctx.save_for_backward(x, weight, statistics[0], torch.from_numpy(scale))
        ctx.mark_non_differentiable(*statistics)
        return out, *statistics

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, scale = ctx.saved_tensors
        clips, count = _clips(x), x.numel() // x.shape[1]
        given = _clips(gradient.contiguous(memory_format=torch.channels_last_3d))
        pairs = list(zip(clips, given, strict=True))
        total, along = _total(_sum_gradients, pairs, mean.numpy())
        own = scale.numpy().astype(float)
        factor = (own * weight.detach().numpy()).astype(np.float32)
        even = (total / count).astype(np.float32)
        slope = (own**2 * along / count).astype(np.float32)
        out = torch.empty_like(x)
        rows = _clips(out)

        def returned(n: int) -> None:
            _return(clips[n], given[n], mean.numpy(), factor, even, slope, rows[n])

        thread_map(returned, range(len(clips)))
        return out, torch.from_numpy(along * own).float(), torch.from_numpy(total).float(), None


def _clips(x: Tensor) -> list[np.ndarray]:
    """Clips of channels-last memory as (T H W, C), without a copy."""
    rows = x.detach().permute(0, 2, 3, 4, 1).flatten(1, 3)
    return [clip.numpy() for clip in rows]


def _total(sums: Any, items: list[tuple[Any, Any]], mean: np.ndarray) -> np.ndarray:
    """Sums of all clips, float64 (2, C), each clip's added in order."""

    def one(item: tuple[Any, Any]) -> np.ndarray:
        total = np.zeros((2, len(mean)))
        sums(*item, mean, total)
        return total

    return np.sum(thread_map(one, items), axis=0)


@numba.njit(cache=True, nogil=True)
def _sum(x: np.ndarray, squared: bool, mean: np.ndarray, total: np.ndarray) -> None:
    """Add up the distances of rows (R, C) from each channel's mean, or their squares."""
    count, channels = x.shape
    part = np.zeros(channels, np.float32)
    for start in range(0, count, BLOCK):
        part[:] = 0
        for r in range(start, min(start + BLOCK, count)):
            for c in range(channels):
                gap = x[r, c] - mean[c]
                part[c] += gap * gap if squared else gap
        for c in range(channels):
            total[0, c] += part[c]


@numba.njit(cache=True, nogil=True)
def _sum_gradients(
    x: np.ndarray, gradient: np.ndarray, mean: np.ndarray, total: np.ndarray
) -> None:
    """Add up the gradient, and the gradient times the distance from the mean."""
    count, channels = x.shape
    part = np.zeros((2, channels), np.float32)
    for start in range(0, count, BLOCK):
        part[:] = 0
        for r in range(start, min(start + BLOCK, count)):
            for c in range(channels):
                part[0, c] += gradient[r, c]
                part[1, c] += gradient[r, c] * (x[r, c] - mean[c])
        for c in range(channels):
            total[0, c] += part[0, c]
            total[1, c] += part[1, c]


@numba.njit(cache=True, nogil=True)
def _scale(
    x: np.ndarray, mean: np.ndarray, factor: np.ndarray, offset: np.ndarray, out: np.ndarray
) -> None:
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            out[r, c] = (x[r, c] - mean[c]) * factor[c] + offset[c]


@numba.njit(cache=True, nogil=True)
def _return(
    x: np.ndarray,
    gradient: np.ndarray,
    mean: np.ndarray,
    factor: np.ndarray,
    even: np.ndarray,
    slope: np.ndarray,
    out: np.ndarray,
) -> None:
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            own = gradient[r, c] - even[c] - (x[r, c] - mean[c]) * slope[c]
            out[r, c] = factor[c] * own
