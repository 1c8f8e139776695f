"""PoseC3D: the SlowOnly ResNet for heatmap volumes, with an I3D head (Duan et al. 2022).

Layout, names, initial weights and defaults are those of PySKL's ``ResNet3dSlowOnly``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.models.base import Backbone, Recognizer
from microgesture.models.cpu.batch_norm import BatchNorm
from microgesture.models.cpu.max_pool import ReluMaxPool
from microgesture.models.cpu.sparse_conv import HeatmapConv
from microgesture.utils.errors import InputError

EXPANSION = 4


class Conv(nn.Conv3d):
    """`torch.nn.Conv3d` by the routines that a CPU is fastest with: the same numbers.

    For one thread and few clips torch's own choice for k x 1 x 1 kernels in float32 takes three
    times as long, and gives up the layout with channels last.
    """

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, H, W) to (N, C', T', H', W')."""
        pointwise = self.kernel_size[1:] == (1, 1) and self.stride == (1, 1, 1)
        if not pointwise or x.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(x)
        last = x.permute(0, 2, 3, 4, 1)
        if self.kernel_size[0] == 1:
            return functional.linear(last, self.weight.flatten(1)).permute(0, 4, 1, 2, 3)
        planes = last.flatten(2, 3).permute(0, 3, 1, 2)  # (N, C, T, H W)
        out = functional.conv2d(planes, self.weight[..., 0], padding=(self.kernel_size[0] // 2, 0))
        return out.unflatten(3, x.shape[3:])


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm and, unless ``relu`` is false, a ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int],
        stride: tuple[int, int, int] = (1, 1, 1),
        relu: bool = True,
        conv: type[nn.Conv3d] = Conv,
    ) -> None:
        super().__init__()
        padding = tuple(k // 2 for k in kernel)
        self.conv = conv(in_channels, out_channels, kernel, stride, padding, bias=False)  # type: ignore[arg-type]
        self.bn = BatchNorm(out_channels)
        self.relu = relu
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, H, W) to (N, C', T', H', W')."""
        x = self.bn(self.conv(x))
        return x.relu_() if self.relu else x


class Bottleneck(nn.Module):
    """1x1x1 (3x1x1 when inflated), 1x3x3 with the strides, 1x1x1; added to its input."""

    def __init__(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int],
        inflate: bool,
        project: bool,
        zero_init: bool,
    ) -> None:
        super().__init__()
        out_channels = planes * EXPANSION
        self.conv1 = ConvNorm(in_channels, planes, (3 if inflate else 1, 1, 1))
        self.conv2 = ConvNorm(planes, planes, (1, 3, 3), stride)
        self.conv3 = ConvNorm(planes, out_channels, (1, 1, 1), relu=False)
        self.downsample = (
            ConvNorm(in_channels, out_channels, (1, 1, 1), stride, relu=False) if project else None
        )
        if zero_init:
            nn.init.zeros_(self.conv3.bn.weight)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, H, W) to (N, 4 planes, T', H', W')."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return (self.conv3(self.conv2(self.conv1(x))) + shortcut).relu_()


class SlowOnly(Backbone):
    """Stem and bottleneck stages; see `build_posec3d` for the parameters."""

    memory_format = torch.channels_last_3d

    def __init__(
        self,
        in_channels: int,
        base_channels: int,
        stage_blocks: Sequence[int],
        stem_kernel: int,
        stem_pool: bool,
        inflate: Sequence[bool],
        temporal_strides: Sequence[int],
        zero_init_residual: bool,
    ) -> None:
        super().__init__()
        kernel = (1, stem_kernel, stem_kernel)
        self.conv1 = ConvNorm(
            in_channels, base_channels, kernel, relu=not stem_pool, conv=HeatmapConv
        )
        self.maxpool = ReluMaxPool() if stem_pool else nn.Identity()
        self.stages: list[str] = []
        channels = base_channels
        for stage, num_blocks in enumerate(stage_blocks):
            planes = base_channels * 2**stage
            blocks = []
            for block in range(num_blocks):
                first = block == 0
                stride = (temporal_strides[stage], 2, 2) if first else (1, 1, 1)
                blocks.append(
                    Bottleneck(channels, planes, stride, inflate[stage], first, zero_init_residual)
                )
                channels = planes * EXPANSION
            self.stages.append(f"layer{stage + 1}")
            self.add_module(self.stages[-1], nn.Sequential(*blocks))
        self.num_features = channels

    def _feature_map(self, x: Tensor) -> Tensor:
        """From heatmaps (N, V, T, H, W) to the last stage's output (N, F, T', H', W')."""
        # oneDNN and a GPU's tensor cores want this layout; values are the same to rounding
        x = x.contiguous(memory_format=self.memory_format)
        x = self.maxpool(self.conv1(x))
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """From heatmaps (N, V, T, H, W) to features (N, F)."""
        return self._feature_map(x).mean(dim=(2, 3, 4))

    def tokens(self, x: Tensor) -> Tensor:
        """From heatmaps (N, V, T, H, W) to tokens (N, T', H' W', F)."""
        return self._feature_map(x).flatten(3).permute(0, 2, 3, 1)


def build_posec3d(
    in_channels: int,
    num_classes: int,
    embedding_size: int | None = None,
    *,
    base_channels: int = 32,
    stage_blocks: Sequence[int] = (4, 6, 3),
    stem_kernel: int = 7,
    stem_pool: bool = True,
    inflate: Sequence[bool] | None = None,
    temporal_strides: Sequence[int] | None = None,
    zero_init_residual: bool = True,
    dropout: float = 0.5,
) -> Recognizer:
    """Build the network for heatmaps (N, V, T, H, W).

    Parameters
    ----------
    in_channels
        V, the heatmap channels: joints, edges, or both.
    num_classes, embedding_size
        Length of the logits, and of the label embeddings (None: no semantic head).
    base_channels
        Channels after the stem; stage s has ``base_channels * 2**s`` planes, times 4 at its end.
    stage_blocks
        Bottlenecks in each stage, one to four of them; every stage halves height and width.
    stem_kernel
        Side of the stem's 1 x k x k kernel, odd.
    stem_pool
        Whether a 1 x 3 x 3 max pooling of stride 1 follows the stem. PoseC3D's paper draws none,
        but PySKL's code, with which the published weights were trained, has it.
    inflate
        Whether a stage's first convolutions span three frames; by default all stages but the first
        (and the only stage, when there is one).
    temporal_strides
        Temporal stride of each stage; by default 2 in a third and 1 elsewhere.
    zero_init_residual
        Whether every block starts as its shortcut, as in PySKL. In a network of one block a stage
        the shortcuts skip three of four cells, so that little of a sparse heatmap gets through at
        first and training starts slowly.
    dropout
        Before the classification layer.

    Raises
    ------
    InputError
        For numbers that make no network.

    """
    num_stages = len(stage_blocks)
    if not 1 <= num_stages <= 4 or min(stage_blocks) < 1:
        raise InputError(f"posec3d: stage_blocks is {stage_blocks}, expected one to four counts")
    if stem_kernel % 2 == 0:
        raise InputError(f"posec3d: stem_kernel is {stem_kernel}, expected an odd number")
    for name, values in (("inflate", inflate), ("temporal_strides", temporal_strides)):
        if values is not None and len(values) != num_stages:
            raise InputError(f"posec3d: {name} has {len(values)} entries, expected {num_stages}")
    backbone = SlowOnly(
        in_channels,
        base_channels,
        stage_blocks,
        stem_kernel,
        stem_pool,
        inflate or [stage > 0 or num_stages == 1 for stage in range(num_stages)],
        temporal_strides or [2 if stage == 2 else 1 for stage in range(num_stages)],
        zero_init_residual,
    )
    return Recognizer(backbone, num_classes, dropout, embedding_size)
