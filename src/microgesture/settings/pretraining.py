"""What a config says about pre-training without labels."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from microgesture.settings.base import (
    Count,
    Entry,
    Name,
    NotNegative,
    Positive,
    Probability,
    Share,
    unique,
)
from microgesture.settings.heatmaps import Augment

Split = Literal["train", "val"]


class PretrainingRecipe(Entry):
    """The settings of a training without labels."""

    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    """Windows of a step."""
    learning_rate: Positive
    """The highest."""
    final_rate: Share = 0.5
    """Share of it that the cosine falls to."""
    warm_up: Probability = 0.05
    """Share of the steps in which it rises from 0."""
    weight_decay: NotNegative = 0.05
    max_gradient_norm: Positive = 40
    """Gradients that are longer are shortened to this."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """``auto``: bfloat16 where the hardware multiplies it natively."""


class Masking(Entry):
    """What is hidden, and what is to be told of it."""

    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Share of the tokens with a found point that is hidden."""
    by: Literal["motion", "uniform"] = "motion"
    """``motion``: what moves is hidden more often; ``uniform``: everything alike."""
    temperature: Positive = 0.75
    """Of the softmax over motion; the higher, the more alike."""
    target: Literal["motion", "position"] = "motion"
    """What is told of a hidden token: how its points go on to the next frame, or where they are."""
    normalise: bool = True
    """Whether it is told relative to the mean and spread of the token's values."""


class Pretraining(Entry):
    """A pre-training of the skeleton transformer on recordings, or on clips where there are none.

    Length and network are those of ``models.skeleton_transformer``.
    """

    layout: Name
    """The joints: a file of ``config/layouts``."""
    cleaning: str = "standard"
    """One of ``cleaning``."""
    window: Annotated[int, Field(ge=2)]
    """Frames of a window of a recording; windows overlap by half."""
    shortest: Share = 0.5
    """Share of a window that is shown at least; the part is drawn anew each time and brought to the
    network's length."""
    rotation: NotNegative = 10
    """Degrees by which a window is turned at most, to either side."""
    splits: Annotated[list[Split], Field(min_length=1), BeforeValidator(unique)] = Field(
        default=["train"]
    )
    """Whose recordings are learned from. With ``val``, validation is of people who were seen."""
    transductive: bool = False
    """Whether the recordings of the people who are tested are learned from as well; rows that start
    from it are marked."""
    masking: Masking
    decoder_depth: Count = 4
    """Blocks of the decoder, which only pre-training has."""
    seed: Annotated[int, Field(ge=0)] = 0
    training: PretrainingRecipe


class PretrainingStep(Entry):
    """What one pre-training depends on, besides its windows."""

    name: str
    layout: str
    length: Count
    network: dict[str, Any]
    """Keywords of the encoder."""
    padding: NotNegative
    augment: Augment
    shortest: Share
    rotation: NotNegative
    splits: list[Literal["train", "val", "test"]]
    masking: Masking
    decoder_depth: Count
    seed: int
    training: PretrainingRecipe
