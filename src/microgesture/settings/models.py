"""What a config says about models and variants: what is trained."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from microgesture.settings.base import Count, Entry, Name, Probability, Share, Text, unique
from microgesture.settings.networks import (
    ConcatNetwork,
    GraphNetwork,
    HeatmapNetwork,
    MmnNetwork,
    TokenFusionNetwork,
    TransformerNetwork,
    TreesNetwork,
    VideoNetwork,
)
from microgesture.settings.pseudo_labels import PseudoLabelling
from microgesture.settings.streams import Backbones, HeatmapStream, Part, PointStream, VideoStream
from microgesture.settings.training import Training, TrainingChanges

Length = Annotated[int, Field(ge=2)]
InputSize = Annotated[int, Field(ge=8)]
Source = Literal["drawn", "cached"]
GraphName = Literal["stgcn", "agcn"]
HeatmapName = Literal["posec3d"]
VideoName = Literal["mvit"]
GRAPH_MODELS: tuple[str, ...] = get_args(GraphName)
HEATMAP_MODELS: tuple[str, ...] = get_args(HeatmapName)
VIDEO_MODELS: tuple[str, ...] = get_args(VideoName)
FUSED_MODELS: tuple[str, ...] = ("token_fusion", "concat_mlp")
"""Networks on the tokens of other networks."""
MODEL_NAMES = {
    "stgcn": "ST-GCN",
    "agcn": "AGCN",
    "mmn": "MMN",
    "posec3d": "PoseC3D",
    "skeleton_transformer": "skeleton transformer",
    "mvit": "MViT",
    "token_fusion": "token fusion",
    "concat_mlp": "concatenation",
    "trees": "extra trees",
}
"""What models are called in texts and figures; one that is not here by its name in the config."""


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


class VideoModel(Entry):
    """What MViT's variants share."""

    length: Length
    """Frames that the network takes."""
    input_size: InputSize
    """Height and width that the network takes, in pixels."""
    jitter: Probability = 0.0
    """Share by which brightness and contrast of a clip change at most, in training."""
    network: VideoNetwork
    training: Training


class TokenFusionModel(Entry):
    """What the token fusions share."""

    network: TokenFusionNetwork
    training: Training


class ConcatModel(Entry):
    """What the concatenations share."""

    network: ConcatNetwork
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
    mmn: MmnModel | None = None
    skeleton_transformer: TransformerModel | None = None
    mvit: VideoModel | None = None
    token_fusion: TokenFusionModel | None = None
    concat_mlp: ConcatModel | None = None
    trees: TreesModel | None = None
    """Not needed: trees without a word about them are as below."""

    def known(self) -> list[str]:
        """Models that variants may name."""
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        return list(dict.fromkeys([*given, "trees"]))


class _Row(Entry):
    gives_tokens: ClassVar[bool] = False
    """Whether the network may be a source of a fusion."""
    title: Text
    """Its row's name in tables and figures."""


class _Network(_Row):
    semantic: bool = False
    """Whether the semantic loss is added."""
    training: TrainingChanges | None = None
    """Instead of the model's."""


class _OnSkeletons(_Row):
    layout: Name
    """The joints: a file of ``config/layouts``."""
    cleaning: str = "standard"
    """One of ``cleaning``."""
    length: Length | None = None
    """Frames that a clip is brought to, instead of the model's."""


class _Variant(_OnSkeletons, _Network):
    temporal: Literal["align", "crop_pad", "segment_sample"]
    """How clips are brought to ``length`` frames."""
    pretrained: str | None = None
    """A checkpoint to start from, or the name of one of ``pretraining``."""
    label_share: Share = 1.0
    """Share of each class's training clips that are learned from, drawn anew with each seed."""
    pseudo_labels: PseudoLabelling | None = None
    """Another variant labels the training clips without a label; else these are left out."""


class GraphVariant(_Variant):
    """A graph network on points."""

    gives_tokens = True
    model: GraphName
    stream: PointStream = "joint"
    relative: bool = False
    """Whether joints of hands and head are also told from wrist and nose; of the stream joint."""
    network: GraphNetwork | None = None
    """Instead of the model's."""


class HeatmapVariant(_Variant):
    """PoseC3D on heatmaps."""

    gives_tokens = True
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


class TransformerVariant(_Variant):
    """The skeleton transformer on points."""

    gives_tokens = True
    model: Literal["skeleton_transformer"]
    stream: PointStream = "joint"
    neighbours: Count | None = None
    """So many of the nearest training clips vote, by features that stay as they are; else a
    classifier is trained."""
    network: TransformerNetwork | None = None
    """Instead of the model's."""


class MmnVariant(_Variant):
    """MMN on points."""

    model: Literal["mmn"]
    stream: PointStream = "joint"
    network: MmnNetwork | None = None
    """Instead of the model's."""


class VideoVariant(_Network):
    """MViT on person crops."""

    gives_tokens = True
    model: VideoName
    stream: VideoStream = "rgb"
    """``motion``: what every frame differs by from the mean of those that are shown, so that
    neither the background nor who is seen is left."""
    temporal: Literal["crop_pad", "segment_sample"] = "segment_sample"
    """How ``length`` frames of a clip are chosen."""
    pretrained: str | None = None
    """A checkpoint to start from."""
    length: Length | None = None
    """Frames that the network takes, instead of the model's."""
    input_size: InputSize | None = None
    """Instead of the model's."""
    jitter: Probability | None = None
    """Instead of the model's."""
    network: VideoNetwork | None = None
    """Instead of the model's."""


class _FusedVariant(_Network):
    sources: Annotated[list[str], Field(min_length=2), BeforeValidator(unique)]
    """Variants whose tokens are fused."""
    backbones: Backbones = "frozen"
    """Their networks: ``frozen``: trained before, and their tokens are written once; ``finetuned``:
    trained before, and further with the fusion; ``joint``: trained with the fusion alone."""


class TokenFusionVariant(_FusedVariant):
    """A transformer over the tokens of other variants."""

    model: Literal["token_fusion"]
    network: TokenFusionNetwork | None = None
    """Instead of the model's."""


class ConcatVariant(_FusedVariant):
    """An MLP on the mean tokens of other variants."""

    model: Literal["concat_mlp"]
    network: ConcatNetwork | None = None
    """Instead of the model's."""


FusedVariant = TokenFusionVariant | ConcatVariant


class TreesVariant(_OnSkeletons):
    """Extra trees on the places of joints over time: what networks must beat."""

    model: Literal["trees"]
    temporal: Literal["align"] = "align"
    network: TreesNetwork | None = None
    """Instead of the model's."""
    semantic: ClassVar[bool] = False
    pretrained: ClassVar[str | None] = None
    stream: ClassVar[None] = None


SkeletonVariant = GraphVariant | HeatmapVariant | MmnVariant | TransformerVariant | TreesVariant
Variant = Annotated[SkeletonVariant | VideoVariant | FusedVariant, Field(discriminator="model")]
