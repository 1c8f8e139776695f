"""What a config says about the networks."""

from typing import Annotated, Literal

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
