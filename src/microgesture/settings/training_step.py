"""What the training of one variant is given; a checkpoint states it as its config."""

from typing import Literal

from microgesture.settings.base import Count, Entry, NotNegative
from microgesture.settings.heatmaps import Augment, DrawnHeatmaps
from microgesture.settings.networks import GraphNetwork, HeatmapNetwork
from microgesture.settings.streams import HeatmapStream, PointStream
from microgesture.settings.training import Training


class AnyTraining(Entry):
    """What the trainings of all networks are given."""

    variant: str
    layout: str
    temporal: Literal["align", "crop_pad", "segment_sample"]
    length: Count
    training: Training
    semantic_weight: NotNegative
    augment: Augment
    imbalance: NotNegative | None
    pretrained: str | None = None


class GraphTraining(AnyTraining):
    """A graph network's training on points."""

    model: Literal["stgcn", "agcn"]
    stream: PointStream
    network: GraphNetwork
    padding: NotNegative


class HeatmapTraining(AnyTraining):
    """PoseC3D's training on heatmaps."""

    model: Literal["posec3d"]
    stream: HeatmapStream
    network: HeatmapNetwork
    source: Literal["drawn", "cached"]
    input_size: Count
    heatmaps: DrawnHeatmaps | None = None
    """Where they are drawn in training; a cache says it of itself."""
