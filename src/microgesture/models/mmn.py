"""A motion-guided modulation network after Gu et al. 2025 (MMN), for subtle movements.

What is known of it: four stages of three blocks of 96 channels, in which a graph, a temporal and an
attention branch are modulated by differences in time, at the joints and at the frames, and motion
is gathered from the features of all stages. What it leaves open here is an interpretation: that
each branch takes a quarter of the channels (the attention two, over joints and over time), that
stages halve the frames by averaging, that embeddings are learned of every frame and every joint,
and how the stages' features and their mean differences are joined. For 64 frames of 22 points the
stated 1.23 M parameters and 0.68 GMAC are 1.23 M and 0.79 GMAC here.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.models.base import Backbone, DropPath, Recognizer
from microgesture.models.skeleton_transformer import EMBEDDING_STD, attend
from microgesture.utils.errors import InputError

BRANCHES = 4
"""Graph, temporal, attention over joints and over time; each takes as many channels."""


def differences(x: Tensor) -> Tensor:
    """What is added from the frame before, (N, T, V, C); 0 in the first."""
    return functional.pad(x[:, 1:] - x[:, :-1], (0, 0, 0, 0, 1, 0))


def modulate(x: Tensor, control: Tensor) -> Tensor:
    """Scale and shift features (..., C) by a control signal (..., 2 C) (Perez et al. 2018, FiLM).

    The scale is 1 plus what is given, so that no motion changes nothing.
    """
    scale, shift = control.chunk(2, dim=-1)
    return x * (1 + scale) + shift


class GraphBranch(nn.Module):
    """Graph convolution, modulated at every joint by how its neighbours move."""

    A: Tensor

    def __init__(self, channels: int, adjacency: Tensor) -> None:
        super().__init__()
        self.register_buffer("A", adjacency.clone())
        self.PA = nn.Parameter(torch.ones_like(adjacency))
        self.value = nn.Linear(channels, len(adjacency) * channels)
        self.control = nn.Linear(channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, T, V, C) to (N, T, V, C)."""
        graph = self.A * self.PA
        values = self.value(x).unflatten(3, (len(graph), -1))
        gathered = torch.einsum("ntvkc,kvw->ntwc", values, graph)
        moved = torch.einsum("ntvc,vw->ntwc", differences(x), graph.sum(dim=0))
        return modulate(gathered, self.control(moved))


class TemporalBranch(nn.Module):
    """Convolution over time, modulated in every frame by how the whole body moves."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.value = nn.Conv2d(channels, channels, (kernel, 1), padding=(kernel // 2, 0))
        self.control = nn.Linear(channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, T, V, C) to (N, T, V, C)."""
        values = self.value(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        moved = differences(x).mean(dim=2, keepdim=True)
        return modulate(values, self.control(moved))


class AttentionBranch(nn.Module):
    """Self-attention over the joints of a frame, or over the frames of a joint."""

    def __init__(self, channels: int, heads: int, over_time: bool) -> None:
        super().__init__()
        self.heads, self.over_time = heads, over_time
        self.qkv = nn.Linear(channels, 3 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, T, V, C) to (N, T, V, C)."""
        x = x.transpose(1, 2) if self.over_time else x
        heads = self.qkv(x).unflatten(3, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        out = attend(*heads.unbind(0))
        out = out.transpose(2, 3).flatten(3)
        return out.transpose(1, 2) if self.over_time else out


class Block(nn.Module):
    """The branches side by side on their channels, then a perceptron, each added to its input."""

    def __init__(
        self,
        channels: int,
        adjacency: Tensor,
        kernel: int,
        heads: int,
        mlp_ratio: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        part = channels // BRANCHES
        self.norm1 = nn.LayerNorm(channels)
        self.branches = nn.ModuleList(
            [
                GraphBranch(part, adjacency),
                TemporalBranch(part, kernel),
                AttentionBranch(part, heads, over_time=False),
                AttentionBranch(part, heads, over_time=True),
            ]
        )
        self.proj = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        hidden = mlp_ratio * channels
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels)
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, T, V, C) to (N, T, V, C)."""
        parts = self.norm1(x).chunk(BRANCHES, dim=3)
        mixed = [branch(own) for branch, own in zip(self.branches, parts, strict=True)]
        x = x + self.drop_path(self.proj(torch.cat(mixed, dim=3)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class MMN(Backbone):
    """Embedding, stages of blocks, and what all of them hold on average; see `build_mmn`."""

    def __init__(
        self,
        adjacency: Tensor,
        frames: int,
        in_channels: int,
        channels: int,
        stages: int,
        stage_blocks: int,
        kernel: int,
        heads: int,
        mlp_ratio: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(in_channels, channels)
        self.time = nn.Parameter(torch.empty(frames, 1, channels))
        self.joint = nn.Parameter(torch.empty(1, adjacency.shape[-1], channels))
        for embedding in (self.time, self.joint):
            nn.init.trunc_normal_(embedding, std=EMBEDDING_STD)
        total = stages * stage_blocks
        rates = [drop_path * n / max(total - 1, 1) for n in range(total)]
        self.blocks = nn.ModuleList(
            Block(channels, adjacency, kernel, heads, mlp_ratio, rate) for rate in rates
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(stages))
        self.motion = nn.Linear(stages * channels, channels)
        self.stage_blocks = stage_blocks
        self.num_features = channels

    def forward(self, x: Tensor) -> Tensor:
        """From skeletons (N, M, T, V, C) to features (N, F): mean over T and V, then over M."""
        n, m = x.shape[:2]
        x = self.embed(x.flatten(0, 1)) + self.time + self.joint
        pooled, moved = [], []
        for number, block in enumerate(self.blocks):
            stage, place = divmod(number, self.stage_blocks)
            if stage and not place:
                x = x.unflatten(1, (-1, 2)).mean(dim=2)
            x = block(x)
            if place == self.stage_blocks - 1:
                whole = self.norms[stage](x)
                pooled.append(whole.mean(dim=(1, 2)))
                moved.append(differences(whole).abs().mean(dim=(1, 2)))
        features = torch.stack(pooled).mean(dim=0) + self.motion(torch.cat(moved, dim=1))
        return features.unflatten(0, (n, m)).mean(dim=1)


def build_mmn(
    adjacency: np.ndarray,
    frames: int,
    num_classes: int,
    embedding_size: int | None = None,
    *,
    in_channels: int = 3,
    channels: int = 96,
    stages: int = 4,
    stage_blocks: int = 3,
    temporal_kernel: int = 9,
    heads: int = 4,
    mlp_ratio: int = 4,
    drop_path: float = 0.3,
    dropout: float = 0.0,
) -> Recognizer:
    """Build the network for skeletons (N, M, T, V, C).

    Parameters
    ----------
    adjacency : ndarray, float (3, V, V)
        Normalised: root, centripetal and centrifugal neighbours.
    frames : int
        T.
    num_classes, embedding_size : int
        Length of the logits, and of the label embeddings (None: no semantic head).
    in_channels : int
        C, the numbers of a point: x, y, score.
    channels, stages, stage_blocks : int
        Numbers of a joint in a frame; stages, each with half the frames of the one before; blocks
        of a stage.
    temporal_kernel : int
        Frames that a temporal convolution spans, odd.
    heads, mlp_ratio : int
        Of an attention; width of a perceptron, in times of the channels.
    drop_path : float
        Probability with which the last block's branches are left out; it falls to 0 at the first.
    dropout : float
        Before the classification layer.

    Raises
    ------
    InputError
        For frames that cannot be halved so often, an even kernel, and channels that branches and
        heads cannot share.

    """
    if frames % 2 ** (stages - 1):
        raise InputError(f"length is {frames}, expected a multiple of {2 ** (stages - 1)}")
    if temporal_kernel % 2 == 0:
        raise InputError(f"temporal_kernel is {temporal_kernel}, expected an odd number")
    if channels % (BRANCHES * heads):
        raise InputError(
            f"channels is {channels}, expected a multiple of {BRANCHES} x {heads} heads"
        )
    backbone = MMN(
        torch.as_tensor(adjacency, dtype=torch.float32),
        frames,
        in_channels,
        channels,
        stages,
        stage_blocks,
        temporal_kernel,
        heads,
        mlp_ratio,
        drop_path,
    )
    return Recognizer(backbone, num_classes, dropout, embedding_size)
