"""2s-AGCN's network: ST-GCN with a graph that is learned and differs from clip to clip.

Shi et al. 2019, "Two-Stream Adaptive Graph Convolutional Networks for Skeleton-Based Action
Recognition". One network sees
one stream (joints or bones); the two streams' probabilities are fused afterwards.

Graph (`microgesture.data.layouts.Layout.directed_adjacency`) and initial weights are those of the
authors' code. Its input norm has parameters of its own for each person, which here are shared.
"""

import math
from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor, nn

from microgesture.models.base import Recognizer
from microgesture.models.stgcn import TemporalConv, graph_recognizer

EMBEDDING = 4
"""A joint's embedding has a quarter of the layer's channels."""
SMALL = 1e-6
"""Initial learned graph and norm: a layer starts as its shortcut and the given graph."""


class AdaptiveGraphConv(nn.Module):
    """A 1x1 convolution of what each neighbour set gathers, plus a shortcut (equation 3).

    Joint w receives from joint v with the weight ``A + PA + C``: ``A`` (K, V, V) is the fixed
    adjacency, ``PA`` is learned (the paper's B), and ``C`` is each clip's own: the likeness of both
    joints' embeddings over all frames, made to sum to 1 over v.
    """

    A: Tensor

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        self.num_sets = len(adjacency)
        embedded = self.num_sets * max(out_channels // EMBEDDING, 1)
        self.register_buffer("A", adjacency.clone())
        self.PA = nn.Parameter(torch.full_like(adjacency, SMALL))
        self.conv_a = nn.Conv2d(in_channels, embedded, 1)
        self.conv_b = nn.Conv2d(in_channels, embedded, 1)
        self.conv_d = nn.Conv2d(in_channels * self.num_sets, out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = None
        for conv in (self.conv_a, self.conv_b, self.conv_d):
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        for conv in (self.conv_a, self.conv_b):  # each set's convolution by itself
            nn.init.normal_(conv.weight, std=math.sqrt(2 * self.num_sets / embedded))
        spread = math.sqrt(2 / (out_channels * in_channels * self.num_sets))
        nn.init.normal_(self.conv_d.weight, std=spread)
        nn.init.constant_(self.bn.weight, SMALL)
        if in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out")
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
            self.down = nn.Sequential(conv, nn.BatchNorm2d(out_channels))

    def graph(self, x: Tensor) -> Tensor:
        """Weights (N, K, V, V) of every joint v for every joint w."""
        from_v, to_w = (  # (N, K, C T, V)
            conv(x).unflatten(1, (self.num_sets, -1)).flatten(2, 3)
            for conv in (self.conv_a, self.conv_b)
        )
        likeness = from_v.transpose(2, 3) @ to_w / from_v.shape[2]
        return self.A + self.PA + likeness.softmax(dim=2)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, V) to (N, C', T, V)."""
        gathered = torch.einsum("nctv,nkvw->nkctw", x, self.graph(x).to(x.dtype))
        shortcut = x if self.down is None else self.down(x)
        return (self.bn(self.conv_d(gathered.flatten(1, 2))) + shortcut).relu_()


def build_agcn(
    adjacency: np.ndarray,
    num_classes: int,
    embedding_size: int | None = None,
    *,
    in_channels: int = 3,
    base_channels: int = 64,
    num_stages: int = 10,
    inflate_stages: Collection[int] = (5, 8),
    down_stages: Collection[int] = (5, 8),
    temporal_kernel: int = 9,
    dropout: float = 0.0,
    block_dropout: float = 0.0,
) -> Recognizer:
    """Build the network for skeletons (N, M, T, V, C).

    Blocks, parameters and errors are `build_stgcn`'s, with `AdaptiveGraphConv` in place of its
    graph convolution and the authors' initial weights.
    """
    model = graph_recognizer(
        AdaptiveGraphConv,
        adjacency,
        num_classes,
        embedding_size,
        in_channels=in_channels,
        base_channels=base_channels,
        num_stages=num_stages,
        inflate_stages=inflate_stages,
        down_stages=down_stages,
        temporal_kernel=temporal_kernel,
        dropout=dropout,
        block_dropout=block_dropout,
    )
    for module in model.modules():
        if isinstance(module, TemporalConv):
            nn.init.kaiming_normal_(module.conv.weight, mode="fan_out")
            nn.init.zeros_(module.conv.bias)  # type: ignore[arg-type]
    classifier = model.cls_head.fc_cls
    classifier.reset_parameters()  # the bias keeps torch's own choice
    nn.init.normal_(classifier.weight, std=math.sqrt(2 / num_classes))
    return model
