"""A detector of segments: frames of a skeleton, scales in time, class scores and distances.

After ActionFormer (Zhang et al. 2022): every position of a pyramid in time tells of each class
whether it happens there, and how far it is to both of its ends. Here a graph convolution makes the
frames' features and convolutions take the place of attention, so that a recording of any length is
one pass, in parts where memory asks for it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.settings.online import TemporalNetwork

PRIOR = 0.01
"""Class scores that a fresh network gives."""
HEAD_KERNEL = 3


class Norm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, T)."""

    def forward(self, x: Tensor) -> Tensor:
        """From (B, C, T) to the same shape."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class TimeConv(nn.Module):
    """A convolution over time that keeps the length; a causal one looks back alone."""

    def __init__(self, channels: int, out: int, kernel: int, causal: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, out, kernel)
        self.padding = (kernel - 1, 0) if causal else (kernel // 2, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """From (B, C, T) to (B, C', T)."""
        return self.conv(functional.pad(x, self.padding))


class Block(nn.Module):
    """Two convolutions over time, added to what they were given."""

    def __init__(self, width: int, kernel: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.norm = Norm(width)
        self.first = TimeConv(width, width, kernel, causal)
        self.second = TimeConv(width, width, kernel, causal)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        """From (B, W, T) to the same; frames where ``counts`` (B, 1, T) is 0 stay 0."""
        inner = functional.relu(self.first(self.norm(x) * counts)) * counts
        return (x + self.drop(self.second(inner))) * counts


class Gather(nn.Module):
    """One graph convolution on single frames, as one matrix from all joints to all joints.

    As in `microgesture.models.stgcn.GraphConv`, joint w receives from joint v with the weight
    ``A[k, v, w] * PA[k, v, w]``; a product of small matrices for each frame would take longer.
    """

    A: Tensor

    def __init__(self, adjacency: Tensor, channels: int, width: int) -> None:
        super().__init__()
        self.register_buffer("A", adjacency.clone())
        self.PA = nn.Parameter(torch.ones_like(adjacency))
        self.weight = nn.Parameter(torch.empty(len(adjacency), width, channels))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.weight, std=(len(adjacency) * channels) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """From joints (..., V C) to (..., V C')."""
        whole = torch.einsum("kvw,koc->wovc", self.A * self.PA, self.weight)
        joints = whole.shape[0]
        gathered = functional.linear(x, whole.flatten(2).flatten(0, 1), self.bias.repeat(joints))
        return functional.relu(gathered)


class FrameEncoder(nn.Module):
    """Features of the joints to a vector for each frame."""

    def __init__(self, adjacency: Tensor, channels: int, network: TemporalNetwork) -> None:
        super().__init__()
        joints = adjacency.shape[1]
        self.norm = nn.BatchNorm1d(joints * channels)
        width = network.joint_width if network.graph else channels
        self.graph = Gather(adjacency, channels, width) if network.graph else nn.Identity()
        self.project = nn.Linear(joints * width, network.width)
        self.drop = nn.Dropout(network.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """From (B, T, V, C) to (B, W, T)."""
        frames = self.norm(x.flatten(0, 1).flatten(1))
        frames = self.drop(self.project(self.graph(frames)))
        return frames.unflatten(0, x.shape[:2]).transpose(1, 2)


class Head(nn.Module):
    """Two convolutions, shared by all scales."""

    def __init__(self, width: int, out: int, causal: bool) -> None:
        super().__init__()
        self.first = TimeConv(width, width, HEAD_KERNEL, causal)
        self.norm = Norm(width)
        self.last = TimeConv(width, out, HEAD_KERNEL, causal)

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        """From (B, W, T) to (B, out, T)."""
        return self.last(functional.relu(self.norm(self.first(x))) * counts)


@dataclass(frozen=True)
class Told:
    """What the network tells of the P positions of all scales, the finest first.

    Attributes
    ----------
    logits : Tensor, float (B, P, K)
    distances : Tensor, float (B, P, 2)
        Frames back to the first edge and on to the last one, at least 0.

    """

    logits: Tensor
    distances: Tensor


class TemporalDetector(nn.Module):
    """Frames, blocks, scales and heads; see `microgesture.settings.online.TemporalNetwork`.

    Parameters
    ----------
    adjacency : ndarray, float (3, V, V)
    channels : int
        Numbers of a joint.
    num_classes : int
    network : TemporalNetwork

    """

    def __init__(
        self, adjacency: np.ndarray, channels: int, num_classes: int, network: TemporalNetwork
    ) -> None:
        super().__init__()
        graph = torch.as_tensor(adjacency, dtype=torch.float32)
        width, causal = network.width, network.causal
        self.network = network
        self.encoder = FrameEncoder(graph, channels, network)

        def block() -> Block:
            return Block(width, network.kernel, network.dropout, causal)

        self.stem = nn.ModuleList(block() for _ in range(network.blocks))
        self.scales = nn.ModuleList(block() for _ in range(network.levels - 1))
        self.norms = nn.ModuleList(Norm(width) for _ in range(network.levels))
        self.classes = Head(width, num_classes, causal)
        self.ends = Head(width, 2, causal)
        self.stretch = nn.Parameter(torch.ones(network.levels))
        nn.init.constant_(self.classes.last.conv.bias, -np.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    @property
    def step(self) -> int:
        """Frames of a position of the coarsest scale; what is shown is a multiple of it."""
        return steps(self.network)[-1]

    @property
    def reach(self) -> int:
        """Frames to either side that what is told of a frame may depend on, at most."""
        inner = 2 * (self.network.kernel - 1)  # of a causal block, all to one side
        fine, *coarser = steps(self.network)
        blocks = self.network.blocks * inner * fine + sum(inner * step for step in coarser)
        # two convolutions of a head, the cell itself, and the frame before
        return blocks + (2 * (HEAD_KERNEL - 1) + 1) * self.step + 1

    def forward(self, x: Tensor, counts: Tensor) -> Told:
        """Tell of features (B, T, V, C) and where there are frames, ``counts``, bool (B, T)."""
        there = counts[:, None].to(x.dtype)
        fine = self.network.stride
        x = functional.max_pool1d(self.encoder(x) * there, fine)
        there = functional.max_pool1d(there, fine)
        for block in self.stem:
            x = block(x, there)
        logits, distances = [], []
        for level, norm in enumerate(self.norms):
            if level:
                x, there = functional.max_pool1d(x, 2), functional.max_pool1d(there, 2)
                x = self.scales[level - 1](x, there)
            shown = norm(x) * there
            logits.append(self.classes(shown, there))
            away = functional.softplus(self.ends(shown, there) * self.stretch[level])
            distances.append(away * fine * 2**level)
        return Told(
            torch.cat(logits, dim=2).transpose(1, 2), torch.cat(distances, dim=2).transpose(1, 2)
        )


def steps(network: TemporalNetwork) -> list[int]:
    """Frames of a position of each scale."""
    return [network.stride * 2**level for level in range(network.levels)]


def positions(frames: int, network: TemporalNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Frame that each position of so many frames tells of, float (P,), and its scale, int (P,).

    Without causality it is the middle of the position's frames; else the last of them less the
    delay, which may lie before the first frame.
    """
    times, levels = [], []
    for level, step in enumerate(steps(network)):
        cells = np.arange(frames // step)
        last = (cells + 1) * step - 1.0
        times.append(last - network.delay if network.causal else last - (step - 1) / 2)
        levels.append(np.full(len(cells), level))
    return np.concatenate(times), np.concatenate(levels)
