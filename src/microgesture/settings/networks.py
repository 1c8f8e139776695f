"""What a config says about the networks."""

from typing import Annotated, Literal

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


class TreesNetwork(Entry):
    """Extra trees (Geurts et al. 2006)."""

    trees: Count = 300
    """How many vote."""
    smallest_leaf: Count = 1
    """Training clips that a leaf holds at least."""
    class_weight: Literal["natural", "balanced"] = "natural"
    """``balanced``: clips count more, the fewer their class has."""


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
    part_stages: Literal["shared", "own"] = "shared"
    """Whether the boxes of ``parts`` go through the same stages, or each through its own."""
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


class VideoNetwork(Entry):
    """MViTv2; what is not given is as in the published MViTv2-S."""

    embed: Count = 96
    """Channels of the first stage; every further one has twice as many, and half the height and
    width."""
    heads: Count = 1
    """Of the first stage; every further one has twice as many."""
    depths: Annotated[list[Count], Field(min_length=1, max_length=4)] = Field(default=[1, 2, 11, 2])
    """Blocks of each stage."""
    key_stride: Literal[1, 2, 4, 8] = 8
    """By how much keys and values are coarser than the first stage's tokens; half as much in every
    further stage."""
    drop_path: Probability = 0.2
    """Probability that the last block is left out of a clip in training; it rises from 0 in the
    first (stochastic depth)."""
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


Network = (
    GraphNetwork
    | HeatmapNetwork
    | TransformerNetwork
    | MmnNetwork
    | VideoNetwork
    | TokenFusionNetwork
    | ConcatNetwork
    | TreesNetwork
)
