"""Depthwise 3 x 3 x 3 convolutions with channels last on a CPU.

torch's forward pass is fast in that layout; its backward pass takes ten times as long, and a
hundred times in bfloat16. Here the gradient of the input is a forward pass as well, with the kernel
turned around, and that of the weights is summed up by a loop of its own.
"""

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from microgesture.models.cpu.threads import thread_map

SIDE = 3


def depthwise(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve every channel with its own kernel, with a border of one zero.

    Parameters
    ----------
    x : Tensor
        (N, T, H, W, C), contiguous.
    weight : Tensor
        (C, 1, 3, 3, 3), as of a `torch.nn.Conv3d`.
    stride : int
        Of height and width.

    Returns
    -------
    Tensor
        (N, T, H', W', C) in the type of ``x``.

    """
    weight = weight.to(x.dtype)
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return _forward(x, weight, stride)
    return _Depthwise.apply(x, weight, stride)


def _forward(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    clips = x.permute(0, 4, 1, 2, 3)
    if x.device.type != "cpu":  # kernels of GPUs for this are for channels first
        clips = clips.contiguous()
    out = functional.conv3d(clips, weight, None, (1, stride, stride), 1, 1, len(weight))
    return out.permute(0, 2, 3, 4, 1).contiguous()


class _Depthwise(torch.autograd.Function):
    """See `depthwise`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return _forward(x, weight, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        stride, gradient = ctx.stride, gradient.contiguous()
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            spread = gradient
            if stride > 1:
                spread = torch.zeros_like(x)
                spread[:, :, ::stride, ::stride] = gradient
            to_x = _forward(spread, weight.flip(2, 3, 4), 1)
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(x, gradient, stride).to(weight.dtype)
        return to_x, to_weight, None


def _weight_gradient(x: Tensor, gradient: Tensor, stride: int) -> Tensor:
    """Gradient of the kernels (C, 1, 3, 3, 3), summed in float32 or wider."""

    def summed(n: int) -> np.ndarray:
        clip, given = _numbers(x[n]), _numbers(gradient[n])
        total = np.zeros((SIDE, SIDE, SIDE, clip.shape[-1]), clip.dtype)
        _add_products(clip, given, stride, total)
        return total

    total = np.sum(thread_map(summed, range(len(x))), axis=0)
    return torch.from_numpy(total).permute(3, 0, 1, 2)[:, None]


def _numbers(clip: Tensor) -> np.ndarray:
    """One clip in a type that numpy knows."""
    return (clip.float() if clip.dtype == torch.bfloat16 else clip).numpy()


@numba.njit(cache=True, nogil=True)
def _add_products(x: np.ndarray, gradient: np.ndarray, stride: int, total: np.ndarray) -> None:
    """Add to each of the kernel's places (3, 3, 3, C) the products of a clip (T, H, W, C)."""
    frames, height, width, channels = x.shape
    rows, columns = gradient.shape[1:3]
    for t in range(frames):
        for i in range(rows):
            for a in range(max(1 - t, 0), min(SIDE, frames + 1 - t)):
                for b in range(max(1 - i * stride, 0), min(SIDE, height + 1 - i * stride)):
                    line, given = x[t + a - 1, i * stride + b - 1], gradient[t, i]
                    for c in range(SIDE):
                        products = total[a, b, c]
                        for j in range(columns):
                            place = j * stride + c - 1
                            if 0 <= place < width:
                                for k in range(channels):
                                    products[k] += line[place, k] * given[j, k]
