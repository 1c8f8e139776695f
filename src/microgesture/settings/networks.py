"""What a config says about the networks."""

from typing import Annotated

from pydantic import Field

from microgesture.settings.base import Count, Entry, Odd, Probability


class GraphNetwork(Entry):
    """ST-GCN and 2s-AGCN; what is not given is as in the published networks."""

    base_channels: Count = 64
    num_stages: Count = 10
    inflate_stages: list[Annotated[int, Field(ge=2)]] = Field(default=[5, 8])
    """Stages that double the channels."""
    down_stages: list[Annotated[int, Field(ge=2)]] = Field(default=[5, 8])
    """Stages that halve the frames."""
    temporal_kernel: Annotated[Odd, Field(ge=1)] = 9
    dropout: Probability = 0.0
    """Before the classifier."""
    block_dropout: Probability = 0.0
    """In each block."""


class HeatmapNetwork(Entry):
    """PoseC3D's SlowOnly ResNet; what is not given is as in the published network."""

    base_channels: Count = 32
    stage_blocks: Annotated[list[Count], Field(min_length=1, max_length=4)] = Field(
        default=[4, 6, 3]
    )
    """Bottleneck blocks of each stage."""
    stem_kernel: Annotated[Odd, Field(ge=1)] = 7
    stem_pool: bool = True
    """Max pooling of 3 x 3 at stride 1 after the stem, as PySKL has it."""
    inflate: list[bool] | None = None
    """For each stage, whether its kernels extend over time."""
    zero_init_residual: bool = True
    """Whether each block starts as the identity."""
    temporal_strides: list[Count] | None = None
    """For each stage, by how much it shortens the clip."""
    dropout: Probability = 0.5
    """Before the classifier."""


class MmnNetwork(Entry):
    """MMN; what is not given is as in the published network."""

    channels: Count = 96
    """Numbers of a joint in a frame."""
    stages: Count = 4
    """Each with half the frames of the one before."""
    stage_blocks: Count = 3
    """Blocks of a stage."""
    temporal_kernel: Annotated[Odd, Field(ge=1)] = 9
    heads: Count = 4
    """Of an attention, which has a quarter of the channels."""
    mlp_ratio: Count = 4
    """Width of a block's perceptron, in times of the channels."""
    drop_path: Probability = 0.3
    """Probability with which the last block is left out in training; it falls to 0 at the first."""
    dropout: Probability = 0.0
    """Before the classifier."""


class TransformerNetwork(Entry):
    """The skeleton transformer; what is not given is as in the published network."""

    patch: Count = 4
    """Frames of a token, which is these frames of one joint."""
    width: Count = 256
    """Numbers of a token."""
    depth: Count = 8
    """Blocks."""
    heads: Count = 8
    """Of the attention; they share the width."""
    mlp_ratio: Count = 4
    """Width of a block's perceptron, in times of the tokens'."""
    drop_path: Probability = 0.3
    """Probability with which the last block is left out in training; it falls to 0 at the first."""
    hidden: Annotated[int, Field(ge=0)] = 2048
    """Width of the layer before the classifier; 0: none."""
    dropout: Probability = 0.0
    """Before the classifier."""
