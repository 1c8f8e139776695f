"""What the training of one variant is given; a checkpoint states it as its config."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Count, Entry, NotNegative
from microgesture.settings.heatmaps import Augment, DrawnHeatmaps
from microgesture.settings.networks import GraphNetwork, HeatmapNetwork
from microgesture.settings.training import Training


class _TrainingStep(Entry):
    variant: str
    layout: str
    temporal: Literal["align", "crop_pad", "segment_sample"]
    length: Count
    training: Training
    semantic_weight: NotNegative
    augment: Augment
    imbalance: NotNegative | None
    pretrained: str | None = None


class GraphTraining(_TrainingStep):
    """A graph network's training on points."""

    model: Literal["stgcn", "agcn"]
    stream: Literal["joint", "bone", "joint_motion", "bone_motion"]
    network: GraphNetwork
    padding: NotNegative


class HeatmapTraining(_TrainingStep):
    """PoseC3D's training on heatmaps."""

    model: Literal["posec3d"]
    stream: Literal["joint", "limb", "joint_motion"]
    network: HeatmapNetwork
    source: Literal["drawn", "cached"]
    input_size: Count
    heatmaps: DrawnHeatmaps | None = None
    """Where they are drawn in training; a cache says it of itself."""


TrainingStep = Annotated[GraphTraining | HeatmapTraining, Field(discriminator="model")]
