"""What a config says about models and variants: what is trained."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, Name, Text
from microgesture.settings.networks import GraphNetwork, HeatmapNetwork
from microgesture.settings.streams import HeatmapStream, PointStream
from microgesture.settings.training import Training, TrainingChanges
from microgesture.settings.training_step import GraphTraining, HeatmapTraining

Length = Annotated[int, Field(ge=2)]
InputSize = Annotated[int, Field(ge=8)]
Source = Literal["drawn", "cached"]


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


class Models(Entry):
    """Settings that all variants of a network share."""

    stgcn: GraphModel | None = None
    agcn: GraphModel | None = None
    posec3d: HeatmapModel | None = None


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
    """A checkpoint to start from."""
    length: Length | None = None
    """Frames that the network takes, instead of the model's."""
    training: TrainingChanges | None = None
    """Instead of the model's."""


class GraphVariant(_Variant):
    """A graph network on points."""

    model: Literal["stgcn", "agcn"]
    stream: PointStream = "joint"
    network: GraphNetwork | None = None
    """Instead of the model's."""


class HeatmapVariant(_Variant):
    """PoseC3D on heatmaps."""

    model: Literal["posec3d"]
    stream: HeatmapStream
    source: Source | None = None
    """Instead of the model's."""
    input_size: InputSize | None = None
    """Instead of the model's."""
    network: HeatmapNetwork | None = None
    """Instead of the model's."""


class WholeGraphVariant(GraphVariant):
    """A graph network's variant with the settings of its model."""

    length: Length
    network: GraphNetwork
    training: Training


class WholeHeatmapVariant(HeatmapVariant):
    """A variant of PoseC3D with the settings of its model."""

    length: Length
    source: Source
    input_size: InputSize
    network: HeatmapNetwork
    training: Training


Variant = Annotated[GraphVariant | HeatmapVariant, Field(discriminator="model")]
WholeVariant = WholeGraphVariant | WholeHeatmapVariant
TrainingStep = GraphTraining | HeatmapTraining
"""What the training of one variant is given; a checkpoint states it as its config."""
