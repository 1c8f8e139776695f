"""What the training of one variant is given; a checkpoint states it as its config."""

from typing import Any, Literal

from microgesture.settings.base import Count, Entry, NotNegative
from microgesture.settings.heatmaps import Augment, DrawnHeatmaps
from microgesture.settings.training import Training


class TrainingStep(Entry):
    """The settings of one training, those of the variant's model with its own on top."""

    variant: str
    model: str
    layout: str
    stream: str
    temporal: Literal["align", "crop_pad", "segment_sample"]
    length: Count
    network: dict[str, Any]
    """Keywords of the network's builder."""
    training: Training
    semantic_weight: NotNegative
    augment: Augment
    imbalance: NotNegative | None
    pretrained: str | None = None
    padding: NotNegative | None = None
    """Of networks on points; heatmaps say it of themselves."""
    source: Literal["drawn", "cached"] | None = None
    """Of networks on heatmaps, as ``input_size``."""
    input_size: Count | None = None
    heatmaps: DrawnHeatmaps | None = None
    """Where they are drawn in training; a cache says it of itself."""
