"""A whole config.

The reference page of the docs and the schema for editors are made from this model.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, WrapValidator

from microgesture.settings.base import Entry, Name, as_written, unique
from microgesture.settings.data import Data
from microgesture.settings.emotion import Emotion
from microgesture.settings.heatmaps import Augment, Box, Heatmaps
from microgesture.settings.label_embeddings import Semantic
from microgesture.settings.models import Models, Variant
from microgesture.settings.online import Detector, Segments
from microgesture.settings.preparation import Align, Cleaning
from microgesture.settings.pretraining import Pretraining
from microgesture.settings.probing import Occlusion, Robustness, Testing
from microgesture.settings.rows import ClaimEntry, Fusion
from microgesture.settings.tokens import Tokens
from microgesture.settings.video import Video

LARGEST_SEED = 2**64 - 1


class Config(Entry):
    """A whole config."""

    renamed: ClassVar[Mapping[str, str]] = {"explain": "occlusion"}
    nullable = frozenset({"video", "emotion"})
    results: str
    """The folder of all results; each config needs its own."""
    data: Data
    """The data set."""
    video: Video | None = None
    """Video beside the skeletons; null: there is none."""
    emotion: Emotion | None = None
    """Win or lose from whole recordings; null leaves it out."""
    classes: str
    """The file of class names, in the order of their ids."""
    seeds: Annotated[
        list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]],
        Field(min_length=1),
        BeforeValidator(unique),
    ]
    """Seeds; every variant is trained once with each."""
    folds: Annotated[int, Field(ge=3)] | None
    """Folds of a cross-validation by subject; null: the split of the data."""
    imbalance: Annotated[float, Field(gt=1), WrapValidator(as_written)] | None
    """How many times fewer training clips of the last class than of the first are kept; null: all
    are."""
    cleaning: dict[Name, Cleaning]
    """Ways to clean; a variant takes ``standard`` unless it names another."""
    align: Align
    box: Box
    heatmaps: Heatmaps
    augment: Augment
    semantic: Semantic
    """Word vectors of the semantic loss."""
    models: Models
    tokens: Tokens | None = None
    """Tokens of the networks that ``sources`` of variants name; left out: their defaults."""
    pretraining: dict[Name, Pretraining] = Field(default={})
    """Trainings without labels, from which variants may start."""
    detectors: dict[Name, Detector] = Field(default={})
    """Which gestures happen in long recordings, and when; none unless given."""
    segments: Segments | None = None
    """The file of detected segments; left out: its defaults."""
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    """Rows that are trained."""
    fusions: dict[Name, Fusion]
    """Rows that are fused of others."""
    claims: list[ClaimEntry]
    """Rows that are compared."""
    testing: Testing
    submission: str | None
    """The row whose probabilities are submitted; null writes no submission."""
    submission_seeds: Literal["best", "ensemble"] = "best"
    """Of the seed that is best on the validation clips, or the mean over all seeds."""
    robustness: Robustness | None
    """Accuracy on corrupted test clips; null leaves it out."""
    occlusion: Occlusion | None
    """What models look at; null leaves it out."""
