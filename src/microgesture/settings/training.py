"""What a config says about a training."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Count, Entry, NotNegative, Positive, Probability, Share


class AugmentPoints(Entry):
    """Random changes of a sample's key points, of variants that read or draw points themselves."""

    rotate: NotNegative = 0.0
    """Degrees by which each box is turned at most."""
    offset: NotNegative = 0.0
    """Standard deviation of each joint's offset, steady over the clip, in shares of its box."""
    drop: Probability = 0.0
    """Of each joint not to be found in the whole clip."""
    drop_parts: Probability = 0.0
    """The same of the head and of each hand."""


class TrainingChanges(Entry):
    """Settings of a training in which a variant differs from its model."""

    epochs: Count | None = None
    batch: Annotated[int, Field(ge=2)] | None = None
    """Clips of a step, over all processes together."""
    learning_rate: Positive | None = None
    """The highest of the ``schedule``."""
    momentum: Probability | None = None
    weight_decay: NotNegative | None = None
    max_gradient_norm: Positive | None = None
    """Gradients that are longer are shortened to this."""
    precision: Literal["auto", "float32", "bfloat16"] | None = None
    """``auto``: bfloat16 where the hardware multiplies it natively."""
    sampling: Literal["natural", "class_balanced"] | None = None
    label_smoothing: Probability | None = None
    logit_adjustment: NotNegative | None = None
    """Times the logarithm of a class's share that its logit is lowered by in training."""
    balanced_head_epochs: Annotated[int, Field(ge=0)] | None = None
    """Epochs at the end in which only the classifier is trained, on balanced classes."""
    optimizer: Literal["sgd", "adamw"] | None = None
    """``adamw`` takes ``momentum`` for the gradients and 0.999 for their squares."""
    schedule: Literal["cosine", "one_cycle"] | None = None
    """``cosine``: the learning rate falls to zero along a cosine; ``one_cycle``: it rises to its
    peak before, for ``warm_up`` of the steps."""
    warm_up: Probability | None = None
    """Share of the steps in which ``one_cycle`` rises."""
    layer_decay: Share | None = None
    """What the learning rate of a transformer's block is multiplied by for each block after it."""
    backbone_rate: Positive | None = None
    """What the learning rate of the sources' networks is multiplied by, of fused variants whose
    ``backbones`` are trained."""
    frozen_blocks: Annotated[int, Field(ge=0)] | None = None
    """First blocks of a transformer that stay as they are, with what comes before them."""
    frozen: bool | None = None
    """Whether the classifier alone is trained, on features that stay as they are."""
    ema: Probability | None = None
    """Share that a moving average of the weights keeps of itself in each step; the average is
    validated and kept. 0: the weights themselves."""
    validate_from: Probability | None = None
    """Share of the epochs before the first one that is validated, and may be kept."""
    augment_points: AugmentPoints | None = None
    """Random changes of the key points; not of cached heatmaps, which are drawn once."""
    frame_span: Share | None = None
    """Smallest share of a sample's frames that is stretched to all of its length."""
    mixup: NotNegative | None = None
    """Alpha of mixup: two clips of a batch are mixed by a Beta(alpha, alpha) share. 0: none."""


class Training(TrainingChanges):
    """The settings of a training."""

    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    """Clips of a step, over all processes together."""
    learning_rate: Positive
    """The highest of the ``schedule``."""
    momentum: Probability
    weight_decay: NotNegative
    max_gradient_norm: Positive
    """Gradients that are longer are shortened to this."""
    precision: Literal["auto", "float32", "bfloat16"]
    """``auto``: bfloat16 where the hardware multiplies it natively."""
    sampling: Literal["natural", "class_balanced"] = "natural"
    label_smoothing: Probability = 0.0
    logit_adjustment: NotNegative = 0.0
    """Times the logarithm of a class's share that its logit is lowered by in training."""
    balanced_head_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs at the end in which only the classifier is trained, on balanced classes."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """``adamw`` takes ``momentum`` for the gradients and 0.999 for their squares."""
    schedule: Literal["cosine", "one_cycle"] = "cosine"
    """``cosine``: the learning rate falls to zero along a cosine; ``one_cycle``: it rises to its
    peak before, for ``warm_up`` of the steps."""
    warm_up: Probability = 0.3
    """Share of the steps in which ``one_cycle`` rises."""
    layer_decay: Share = 1.0
    """What the learning rate of a transformer's block is multiplied by for each block after it."""
    backbone_rate: Positive = 1.0
    """What the learning rate of the sources' networks is multiplied by, of fused variants whose
    ``backbones`` are trained."""
    frozen_blocks: Annotated[int, Field(ge=0)] = 0
    """First blocks of a transformer that stay as they are, with what comes before them."""
    frozen: bool = False
    """Whether the classifier alone is trained, on features that stay as they are."""
    ema: Probability = 0.0
    """Share that a moving average of the weights keeps of itself in each step; the average is
    validated and kept. 0: the weights themselves."""
    validate_from: Probability = 0.0
    """Share of the epochs before the first one that is validated, and may be kept."""
    augment_points: AugmentPoints = AugmentPoints()
    """Random changes of the key points; not of cached heatmaps, which are drawn once."""
    frame_span: Share = 1.0
    """Smallest share of a sample's frames that is stretched to all of its length."""
    mixup: NotNegative = 0.0
    """Alpha of mixup: two clips of a batch are mixed by a Beta(alpha, alpha) share. 0: none."""
