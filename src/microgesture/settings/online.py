"""What a config says about detectors: which gestures happen in long recordings, and when."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from microgesture.settings.base import (
    Count,
    Entry,
    Name,
    NotNegative,
    Odd,
    Probability,
    Text,
    UpToOne,
    unique,
)
from microgesture.settings.pretraining import PretrainingRecipe

Thresholds = Literal["class", "common"]
SegmentField = Literal["recording", "class", "name", "start", "end", "score"]


class Segments(Entry):
    """The CSV file with the test recordings' segments of the detector that is best on validation.

    The challenge's header since 2024 is not known here, so it may be given.
    """

    columns: Annotated[dict[Text, SegmentField], Field(min_length=1)] = Field(
        default={"id": "recording", "class": "class", "start": "start", "end": "end"}
    )
    """Headings in their order, and what stands below each; frames count from 0, the last one
    inclusive."""


class _Detector(Entry):
    title: Text
    """Its row's name in tables and figures."""
    thresholds: Thresholds = "class"
    """Scores from which on a segment counts, chosen on validation: one for each ``class``, or one
    ``common`` to all."""


class WindowsDetector(_Detector):
    """A trained variant on sliding windows; what makes segments of it is chosen on validation."""

    model: Literal["windows"]
    classifier: Name
    """The variant, which must read skeletons."""
    lengths: Annotated[
        list[Annotated[int, Field(ge=2)]], Field(min_length=1), BeforeValidator(unique)
    ]
    """Frames of the windows; the probabilities of several lengths are averaged."""
    stride: Count = 4
    """Frames from one window to the next."""
    background: bool = True
    """Whether a logistic regression on confidence and motion, fitted on the validation recordings,
    tells gestures from background; else the thresholds alone do."""
    smoothing: bool = True
    """Whether probabilities may be smoothed over time."""
    hysteresis: bool = True
    """Whether a segment may end at a lower score than it begins with."""


class TemporalNetwork(Entry):
    """The network of a trained detector."""

    graph: bool = True
    """Whether joints are gathered along the skeleton first; else a frame is a plain vector."""
    joint_width: Count = 24
    """Numbers of a joint after the graph layer."""
    width: Count = 64
    """Numbers of a frame."""
    stride: Literal[1, 2, 4] = 2
    """Frames of a position of the finest scale."""
    levels: Count = 4
    """Scales in time, each half as fine as the one before."""
    blocks: Count = 1
    """Convolution blocks before the first halving."""
    kernel: Annotated[Odd, Field(ge=3)] = 5
    """Frames of a convolution in time."""
    dropout: Probability = 0.1
    causal: bool = False
    """Whether nothing of the frames to come is looked at, but for the ``delay``."""
    delay: Annotated[int, Field(ge=0)] = 0
    """Frames by which a causal network may wait before it tells of a frame."""


class _Temporal(Entry):
    window: Annotated[int, Field(ge=16)] = 192
    """Frames of a training window."""
    rotation: NotNegative = 10
    """Degrees by which a window is turned at most, to either side, in training."""
    speed: Annotated[float, Field(ge=1)] = 1.25
    """Times by which a window is played faster or slower at most, in training."""
    lost: UpToOne = 0.1
    """Probability with which a joint is hidden for a whole window, in training."""
    nms: Literal["soft", "hard"] = "soft"
    """Whether a segment loses score by what it overlaps of better ones of its class, or goes."""
    network: TemporalNetwork
    training: PretrainingRecipe


class TemporalDetector(_Detector, _Temporal):
    """A trained network: class scores and distances to both ends, at several scales in time."""

    model: Literal["temporal"]
    layout: Name
    """The joints: a file of ``config/layouts``."""
    cleaning: str = "standard"
    """One of ``cleaning``."""


Detector = Annotated[WindowsDetector | TemporalDetector, Field(discriminator="model")]


class TemporalStep(_Temporal):
    """What the training of a detector depends on, besides its recordings and the seed."""

    name: str
    layout: str
    flip: UpToOne
    """Probability of a mirror image in training."""


class ScoresStep(Entry):
    """How a trained variant is shown the windows of recordings."""

    lengths: list[int]
    stride: Count
    flip: bool


class DetectionStep(Entry):
    """How the scores of recordings become segments."""

    name: str
    model: Literal["windows", "temporal"]
    thresholds: Thresholds
    background: bool = False
    smoothing: bool = False
    hysteresis: bool = False
    flip: bool = False
    """Whether a trained detector is also shown mirror images."""


class ShownDetector(Entry):
    """A detector as the table shows it."""

    title: str
    model: Literal["windows", "temporal"]


class OnlineTableStep(Entry):
    """What the table and the page of detectors show of the config."""

    data_name: str
    data_format: str
    seeds: list[int]
    detectors: dict[str, ShownDetector]
    columns: dict[str, SegmentField]
