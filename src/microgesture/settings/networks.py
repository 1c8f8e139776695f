"""What a config says about the networks."""

from typing import Annotated

from pydantic import Field

from microgesture.settings.base import Count, Entry, NotNegative, Odd, Probability


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


class TokenFusionNetwork(Entry):
    """A class token and the sources' tokens through a transformer."""

    width: Count = 128
    """Numbers of a token inside."""
    layers: Count = 1
    heads: Count = 4
    positions: Count = 8
    """Learned embeddings of time at even distances over a clip, between which is interpolated."""
    dropout: Probability = 0.1
    modality_dropout: Probability = 0.0
    """Probability in training that a source of a clip is missing; one always stays."""
    exchange: bool = False
    """Whether tokens of a low score are replaced by the other sources' at the same time."""
    exchange_threshold: Probability = 0.02
    """The score below which they are."""
    exchange_weight: NotNegative = 1e-4
    """Of the scores' sum in the loss, which makes them low."""


class ConcatNetwork(Entry):
    """Mean token of each source, side by side through one hidden layer."""

    width: Count = 128
    """Of the hidden layer."""
    dropout: Probability = 0.5
    """After the hidden layer."""
    modality_dropout: Probability = 0.0
    """Probability in training that a source of a clip is missing; one always stays."""
