"""PoseC3D: the SlowOnly ResNet for heatmap volumes, with an I3D head (Duan et al. 2022).

Layout, names, initial weights and defaults are those of PySKL's ``ResNet3dSlowOnly``.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.models.base import Backbone, Recognizer, TokenBackbone, frame_conv
from microgesture.models.cpu.batch_norm import BatchNorm
from microgesture.models.cpu.max_pool import ReluMaxPool
from microgesture.models.cpu.sparse_conv import HeatmapConv
from microgesture.utils.errors import InputError

EXPANSION = 4


class Conv(nn.Conv3d):
    """`torch.nn.Conv3d` by the routines that a CPU or a GPU is fastest with: the same numbers.

    All kernels are k x 1 x 1 or 1 x k x k here, so that two dimensions do. For one thread and few
    clips torch's own choice for k x 1 x 1 kernels in float32 takes three times as long on a CPU,
    and gives up the layout with channels last.
    """

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, T, H, W) to (N, C', T', H', W')."""
        if torch.compiler.is_compiling():
            return super().forward(x)
        pointwise = self.kernel_size[1:] == (1, 1) and self.stride == (1, 1, 1)
        if not pointwise:
            frames = self.kernel_size[0] == 1 and x.device.type != "cpu"
            return frame_conv(self, x) if frames else super().forward(x)
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


class SlowOnly(TokenBackbone):
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

    def stem(self, x: Tensor) -> Tensor:
        """From heatmaps (N, V, T, H, W) to (N, C, T, H, W)."""
        # oneDNN and a GPU's tensor cores want this layout; values are the same to rounding
        x = x.contiguous(memory_format=self.memory_format)
        return self.maxpool(self.conv1(x))

    def trunk(self, x: Tensor) -> Tensor:
        """From what a stem gives to the last stage's output (N, F, T', H', W')."""
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """From heatmaps (N, V, T, H, W) to features (N, F)."""
        return self.trunk(self.stem(x)).mean(dim=(2, 3, 4))

    def tokens(self, x: Tensor) -> Tensor:
        """From heatmaps (N, V, T, H, W) to tokens (N, T', H' W', F)."""
        return self.trunk(self.stem(x)).flatten(3).permute(0, 2, 3, 1)


class PartsSlowOnly(TokenBackbone):
    """One network over several boxes: a stem for each, and their features side by side.

    Parameters
    ----------
    channels : sequence of int
        Heatmap channels of each of the B boxes.
    shared : bool
        Whether all boxes go through the same stages, in one batch, or each through its own.
    make : callable
        Gives a network for so many channels.

    """

    def __init__(
        self, channels: Sequence[int], shared: bool, make: Callable[[int], SlowOnly]
    ) -> None:
        super().__init__()
        self.channels, self.shared = list(channels), shared
        self.boxes = nn.ModuleList([make(count) for count in channels])
        self.num_features = sum(box.num_features for box in self._each())
        if shared:
            for box in self._each()[1:]:
                for stage in box.stages:
                    delattr(box, stage)

    def _each(self) -> list[SlowOnly]:
        return [box for box in self.boxes if isinstance(box, SlowOnly)]

    def forward(self, x: Tensor) -> Tensor:
        """From heatmaps (N, sum of the channels, T, H, W) to features (N, B F)."""
        return torch.cat([one.mean(dim=(2, 3, 4)) for one in self._maps(x)], dim=1)

    def tokens(self, x: Tensor) -> Tensor:
        """From heatmaps to tokens (N, T', H' W', B F), the boxes' side by side."""
        return torch.cat(self._maps(x), dim=1).flatten(3).permute(0, 2, 3, 1)

    def _maps(self, x: Tensor) -> list[Tensor]:
        """The last stage's output of every box, (N, F, T', H', W') each."""
        boxes, volumes = self._each(), x.split(self.channels, dim=1)
        low = [box.stem(one) for box, one in zip(boxes, volumes, strict=True)]
        if not self.shared:
            return [box.trunk(one) for box, one in zip(boxes, low, strict=True)]
        high, count = boxes[0].trunk(torch.cat(low)), x.shape[0]
        # not `chunk`, whose export to ONNX knows the size of the batch
        return [high[box * count : (box + 1) * count] for box in range(len(boxes))]


def build_posec3d(
    in_channels: int | Sequence[int],
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
    part_stages: str = "shared",
    dropout: float = 0.5,
) -> Recognizer:
    """Build the network for heatmaps (N, V, T, H, W).

    Parameters
    ----------
    in_channels
        V, the heatmap channels: joints, edges, or both; of each box where there are several.
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
    part_stages : {'shared', 'own'}
        Whether several boxes go through the same stages or each through its own.
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

    def make(channels: int) -> SlowOnly:
        return SlowOnly(
            channels,
            base_channels,
            stage_blocks,
            stem_kernel,
            stem_pool,
            inflate or [stage > 0 or num_stages == 1 for stage in range(num_stages)],
            temporal_strides or [2 if stage == 2 else 1 for stage in range(num_stages)],
            zero_init_residual,
        )

    boxes = [in_channels] if isinstance(in_channels, int) else list(in_channels)
    if part_stages not in ("shared", "own"):
        raise InputError(f"posec3d: part_stages is {part_stages!r}, expected shared or own")
    backbone: Backbone = make(boxes[0])
    if len(boxes) > 1:
        backbone = PartsSlowOnly(boxes, part_stages == "shared", make)
    return Recognizer(backbone, num_classes, dropout, embedding_size)
