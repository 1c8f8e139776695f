"""ST-GCN: graph convolution over joints, convolution over time (Yan et al. 2018).

Layout, names, initial weights and defaults are those of PySKL's ``STGCN`` with ``unit_gcn`` and
``unit_tcn``.
"""

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor, nn

from microgesture.models.base import Recognizer, TokenBackbone
from microgesture.utils.errors import InputError


class GraphConv(nn.Module):
    """A 1x1 convolution for each neighbour set, summed over the neighbours, then norm and ReLU.

    ``A`` (K, V, V) is the fixed adjacency and ``PA`` the learned importance of its entries;
    joint w receives from joint v with the weight ``A[k, v, w] * PA[k, v, w]``.
    """

    A: Tensor

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        self.num_sets = adjacency.shape[0]
        self.register_buffer("A", adjacency.clone())
        self.PA = nn.Parameter(torch.ones_like(adjacency))
        self.conv = nn.Conv2d(in_channels, out_channels * self.num_sets, 1)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, V) to (N, C', T, V)."""
        sets = self.conv(x).unflatten(1, (self.num_sets, -1))
        x = torch.einsum("nkctv,kvw->nctw", sets, self.A * self.PA)
        return self.bn(x).relu_()


class TemporalConv(nn.Module):
    """Convolution over frames with a kernel (k, 1), batch norm, dropout."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, (kernel, 1), stride=(stride, 1), padding=(kernel // 2, 0)
        )
        self.bn = nn.BatchNorm2d(out_channels)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, V) to (N, C', T', V)."""
        return self.drop(self.bn(self.conv(x)))


class Block(nn.Module):
    """Graph convolution, temporal convolution, and a shortcut unless ``residual`` is false."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        adjacency: Tensor,
        *,
        kernel: int,
        stride: int = 1,
        residual: bool = True,
        dropout: float = 0.0,
        graph_conv: type[nn.Module] = GraphConv,
    ) -> None:
        super().__init__()
        self.gcn = graph_conv(in_channels, out_channels, adjacency)
        self.tcn = TemporalConv(out_channels, out_channels, kernel, stride, dropout)
        project = residual and (in_channels != out_channels or stride != 1)
        self.add_shortcut = residual
        self.residual = TemporalConv(in_channels, out_channels, 1, stride) if project else None

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, V) to (N, C', T', V)."""
        out = self.tcn(self.gcn(x))
        if self.add_shortcut:
            out = out + (x if self.residual is None else self.residual(x))
        return out.relu()


class STGCN(TokenBackbone):
    """Batch norm over (joint, channel) and a stack of blocks; see `build_stgcn`."""

    def __init__(
        self,
        adjacency: Tensor,
        in_channels: int,
        base_channels: int,
        num_stages: int,
        inflate_stages: Collection[int],
        down_stages: Collection[int],
        kernel: int,
        block_dropout: float,
        graph_conv: type[nn.Module],
    ) -> None:
        super().__init__()
        self.data_bn = nn.BatchNorm1d(in_channels * adjacency.shape[1])
        channels = base_channels
        blocks = [
            Block(
                in_channels,
                channels,
                adjacency,
                kernel=kernel,
                residual=False,
                graph_conv=graph_conv,
            )
        ]
        for stage in range(2, num_stages + 1):
            out_channels = channels * (2 if stage in inflate_stages else 1)
            stride = 2 if stage in down_stages else 1
            blocks.append(
                Block(
                    channels,
                    out_channels,
                    adjacency,
                    kernel=kernel,
                    stride=stride,
                    dropout=block_dropout,
                    graph_conv=graph_conv,
                )
            )
            channels = out_channels
        self.gcn = nn.ModuleList(blocks)
        self.num_features = channels

    def _last_layer(self, x: Tensor) -> Tensor:
        """From skeletons (N, M, T, V, C) to the last block's output (N M, F, T', V)."""
        n, m, t, v, c = x.shape
        x = x.permute(0, 1, 3, 4, 2).reshape(n * m, v * c, t)
        x = self.data_bn(x).view(n * m, v, c, t).permute(0, 2, 3, 1).contiguous()
        for block in self.gcn:
            x = block(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """From skeletons (N, M, T, V, C) to features (N, F): mean over T and V, then over M."""
        n, m = x.shape[:2]
        return self._last_layer(x).mean(dim=(2, 3)).view(n, m, -1).mean(dim=1)

    def tokens(self, x: Tensor) -> Tensor:
        """From skeletons (N, M, T, V, C) to tokens (N, T', V, F): mean over M."""
        n, m = x.shape[:2]
        return self._last_layer(x).unflatten(0, (n, m)).mean(dim=1).permute(0, 2, 3, 1)


def build_stgcn(
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

    Parameters
    ----------
    adjacency
        (3, V, V), normalised: root, centripetal and centrifugal neighbours.
    num_classes, embedding_size
        Length of the logits, and of the label embeddings (None: no semantic head).
    in_channels
        C, the numbers of a point: x, y, score.
    base_channels
        Channels of the first block.
    num_stages
        Number of blocks.
    inflate_stages, down_stages
        Blocks, counted from 1, that double the channels, and that halve the frames.
    temporal_kernel
        Frames that a temporal convolution spans, odd.
    dropout
        Before the classification layer.
    block_dropout
        After the temporal convolution of every block but the first.

    Raises
    ------
    InputError
        For an even ``temporal_kernel``.

    """
    return graph_recognizer(
        GraphConv,
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


def graph_recognizer(
    graph_conv: type[nn.Module],
    adjacency: np.ndarray,
    num_classes: int,
    embedding_size: int | None,
    *,
    in_channels: int,
    base_channels: int,
    num_stages: int,
    inflate_stages: Collection[int],
    down_stages: Collection[int],
    temporal_kernel: int,
    dropout: float,
    block_dropout: float,
) -> Recognizer:
    """Build ST-GCN with another graph convolution; see `build_stgcn` for the parameters."""
    if temporal_kernel % 2 == 0:
        raise InputError(f"temporal_kernel is {temporal_kernel}, expected an odd number")
    backbone = STGCN(
        torch.as_tensor(adjacency, dtype=torch.float32),
        in_channels,
        base_channels,
        num_stages,
        inflate_stages,
        down_stages,
        temporal_kernel,
        block_dropout,
        graph_conv,
    )
    return Recognizer(backbone, num_classes, dropout, embedding_size)
