"""What a config says about models and variants: what is trained."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from microgesture.settings.base import Entry, Name, Share, Text
from microgesture.settings.networks import (
    GraphNetwork,
    HeatmapNetwork,
    MmnNetwork,
    TransformerNetwork,
)
from microgesture.settings.streams import HeatmapStream, PointStream
from microgesture.settings.training import Training, TrainingChanges

Length = Annotated[int, Field(ge=2)]
InputSize = Annotated[int, Field(ge=8)]
Source = Literal["drawn", "cached"]
GraphName = Literal["stgcn", "agcn"]
HeatmapName = Literal["posec3d"]
GRAPH_MODELS: tuple[str, ...] = get_args(GraphName)
HEATMAP_MODELS: tuple[str, ...] = get_args(HeatmapName)


class GraphModel(Entry):
    """What the graph networks' variants share."""

    length: Length
    """Frames that the network takes."""
    network: GraphNetwork
    training: Training


class HeatmapModel(Entry):
    """What PoseC3D's variants share."""

    length: Length
    """Frames that the network takes."""
    source: Source
    """``drawn``: points are cropped and mirrored, then drawn inside the batch; ``cached``: heatmaps
    are drawn once and the volumes are changed."""
    input_size: InputSize
    """Height and width that the network is trained with, in cells."""
    network: HeatmapNetwork
    training: Training


class MmnModel(Entry):
    """What MMN's variants share."""

    length: Length
    """Frames that the network takes."""
    network: MmnNetwork
    training: Training


class TransformerModel(Entry):
    """What the skeleton transformer's variants share."""

    length: Length
    """Frames that the network takes."""
    network: TransformerNetwork
    training: Training


class Models(Entry):
    """Settings that all variants of a network share."""

    stgcn: GraphModel | None = None
    agcn: GraphModel | None = None
    posec3d: HeatmapModel | None = None
    mmn: MmnModel | None = None
    skeleton_transformer: TransformerModel | None = None


class _Variant(Entry):
    title: Text
    """Its row's name in tables and figures."""
    layout: Name
    """The joints: a file of ``config/layouts``."""
    cleaning: str = "standard"
    """One of ``cleaning``."""
    temporal: Literal["align", "crop_pad", "segment_sample"]
    """How clips are brought to ``length`` frames."""
    semantic: bool = False
    """Whether the semantic loss is added."""
    pretrained: str | None = None
    """A checkpoint to start from, or the name of one of ``pretraining``."""
    label_share: Share = 1.0
    """Share of each class's training clips that are learned from, drawn anew with each seed."""
    length: Length | None = None
    """Frames that the network takes, instead of the model's."""
    training: TrainingChanges | None = None
    """Instead of the model's."""


class GraphVariant(_Variant):
    """A graph network on points."""

    model: GraphName
    stream: PointStream = "joint"
    network: GraphNetwork | None = None
    """Instead of the model's."""


class HeatmapVariant(_Variant):
    """PoseC3D on heatmaps."""

    model: HeatmapName
    stream: HeatmapStream
    source: Source | None = None
    """Instead of the model's."""
    input_size: InputSize | None = None
    """Instead of the model's."""
    network: HeatmapNetwork | None = None
    """Instead of the model's."""


class TransformerVariant(_Variant):
    """The skeleton transformer on points."""

    model: Literal["skeleton_transformer"]
    stream: PointStream = "joint"
    network: TransformerNetwork | None = None
    """Instead of the model's."""


class MmnVariant(_Variant):
    """MMN on points."""

    model: Literal["mmn"]
    stream: PointStream = "joint"
    network: MmnNetwork | None = None
    """Instead of the model's."""


Variant = Annotated[
    GraphVariant | HeatmapVariant | MmnVariant | TransformerVariant,
    Field(discriminator="model"),
]
