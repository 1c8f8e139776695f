"""What the training of one variant is given; a checkpoint states it as its config."""

from microgesture.settings.base import NotNegative, Share
from microgesture.settings.heatmaps import Augment
from microgesture.settings.streams import Backbones
from microgesture.settings.training import Training
from microgesture.settings.variant_step import VariantStep


class LearningStep(VariantStep):
    """What a network and trees learn by alike."""

    layout: str | None = None
    """Of networks on skeletons."""
    imbalance: NotNegative | None
    """How many times fewer training clips of the last class than of the first are kept."""


class TrainingStep(LearningStep):
    """The settings of one training, those of the variant's model with its own on top."""

    training: Training
    semantic_weight: NotNegative
    augment: Augment
    pretrained: str | None = None
    label_share: Share = 1.0
    backbones: Backbones = "frozen"
    """Of fusions: how the networks of their sources are trained."""


class TreesStep(LearningStep):
    """The settings of growing trees, those of the model with the variant's own on top."""

    mirror: bool
    """Whether they learn from every clip's mirror image as well."""
