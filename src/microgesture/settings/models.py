"""What a config says about models and variants: what is trained."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from microgesture.settings.base import Entry, Name, Text, unique
from microgesture.settings.networks import GraphNetwork, HeatmapNetwork, TreesNetwork
from microgesture.settings.streams import HeatmapStream, Part, PointStream
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


class TreesModel(Entry):
    """What the trees' variants share."""

    length: Length = 24
    """Frames that a clip is brought to."""
    network: TreesNetwork | None = None


class Models(Entry):
    """Settings that all variants of a network share."""

    stgcn: GraphModel | None = None
    agcn: GraphModel | None = None
    posec3d: HeatmapModel | None = None
    trees: TreesModel | None = None
    """Not needed: trees without a word about them are as below."""

    def known(self) -> list[str]:
        """Models that variants may name."""
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        return list(dict.fromkeys([*given, "trees"]))


class _Row(Entry):
    title: Text
    """Its row's name in tables and figures."""
    layout: Name
    """The joints: a file of ``config/layouts``."""
    cleaning: str = "standard"
    """One of ``cleaning``."""
    length: Length | None = None
    """Frames that a clip is brought to, instead of the model's."""


class _Variant(_Row):
    temporal: Literal["align", "crop_pad", "segment_sample"]
    """How clips are brought to ``length`` frames."""
    semantic: bool = False
    """Whether the semantic loss is added."""
    pretrained: str | None = None
    """A checkpoint to start from."""
    training: TrainingChanges | None = None
    """Instead of the model's."""


class GraphVariant(_Variant):
    """A graph network on points."""

    model: GraphName
    stream: PointStream = "joint"
    relative: bool = False
    """Whether joints of hands and head are also told from wrist and nose; of the stream joint."""
    network: GraphNetwork | None = None
    """Instead of the model's."""


class HeatmapVariant(_Variant):
    """PoseC3D on heatmaps."""

    model: HeatmapName
    stream: HeatmapStream
    parts: Annotated[list[Part], Field(min_length=1), BeforeValidator(unique)] | None = None
    """Parts of the body that are drawn in boxes of their own, features fused before the classifier;
    else all joints are in one box."""
    source: Source | None = None
    """Instead of the model's."""
    input_size: InputSize | None = None
    """Instead of the model's."""
    network: HeatmapNetwork | None = None
    """Instead of the model's."""


class TreesVariant(_Row):
    """Extra trees on the places of joints over time: what networks must beat."""

    model: Literal["trees"]
    temporal: Literal["align"] = "align"
    network: TreesNetwork | None = None
    """Instead of the model's."""
    semantic: ClassVar[bool] = False
    pretrained: ClassVar[str | None] = None
    stream: ClassVar[None] = None


Variant = Annotated[GraphVariant | HeatmapVariant | TreesVariant, Field(discriminator="model")]
