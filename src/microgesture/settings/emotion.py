"""What a config says about emotion: was the match won or lost, from a whole recording."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import (
    Count,
    Entry,
    NotNegative,
    Positive,
    Probability,
    Share,
    Text,
    Texts,
)
from microgesture.settings.video import Crops

SMG_TABLES = "*_tflabels_new.csv"
"""Tables of emotions in a folder of SMG's samples."""
OpenShare = Annotated[float, Field(gt=0, lt=1)]


EmotionRow = Literal[
    "face",
    "context",
    "gestures_linear",
    "gestures_boosted",
    "late",
    "late_fitted",
    "concat",
    "interfusion",
    "interfusion_gestures",
]


class Windows(Entry):
    """The windows into which a recording is cut."""

    seconds: Positive
    """Length of a window."""
    step: Positive
    """Seconds from the start of a window to that of the next one."""
    faces: Count
    """Faces taken of each window, at even distances in time."""
    frames: Count
    """Frames of each window that the context network sees, at even distances in time."""


class FaceCrops(Entry):
    """Aligned faces, cut out by the keypoints of the face."""

    side: Annotated[int, Field(ge=28)]
    """Height and width of a face in pixels; 112 for the published SwinFace."""
    min_score: Share = 0.3
    """Mean score of the points that a face is aligned by; below there is no face."""
    min_side: Positive = 20
    """Height of an aligned face in pixels of the video; smaller ones are no faces."""
    min_detail: NotNegative = 0.04
    """Detail below which a face is too blurred or pixelated to tell anything, and is masked.
    0 keeps every face."""
    smooth: NotNegative = 0.2
    """Seconds over which the track of a face is smoothed."""


class ContextCrops(Entry):
    """The square around the person, one for a whole recording."""

    side: Annotated[int, Field(ge=16)]
    """Height and width in pixels."""
    padding: NotNegative = 0.1
    """Share of its side by which the square grows."""


class FaceNetwork(Entry):
    """SwinFace's backbone; the defaults are those of the published one."""

    patch: Count = 2
    embed: Count = 96
    depths: Annotated[list[Count], Field(min_length=2)] = Field(default=[2, 2, 6, 2])
    heads: Annotated[list[Count], Field(min_length=2)] = Field(default=[3, 6, 12, 24])
    embedding: Count = 512
    """Length of the embedding of a face."""


class ContextNetwork(Entry):
    """MViTv2; the defaults are those of MViTv2-S."""

    embed: Count = 96
    depths: Annotated[list[Count], Field(min_length=1)] = Field(default=[1, 2, 11, 2])
    key_stride: Literal[1, 2, 4, 8, 16] = 8
    drop_path: Probability = 0.0


class EncoderTraining(Entry):
    """Training of a small encoder without emotion labels: it is told where keypoints are."""

    epochs: Count
    batch: Count
    learning_rate: Positive
    weight_decay: NotNegative = 0.05


class FaceEncoder(Entry):
    """What turns a face into an embedding."""

    network: FaceNetwork
    weights: Text | None = None
    """The published checkpoint of SwinFace; without it the network is trained on keypoints."""
    training: EncoderTraining | None = None
    nullable = frozenset({"weights", "training"})


class ContextEncoder(Entry):
    """What turns the frames of a window into tokens."""

    network: ContextNetwork
    weights: Text | None = None
    """A published checkpoint of MViTv2-S; without it the network is trained on keypoints."""
    training: EncoderTraining | None = None
    nullable = frozenset({"weights", "training"})


class WindowModel(Entry):
    """Networks on the tokens of windows: face alone, context alone, concatenation, InterFusion."""

    width: Count = 32
    heads: Count = 4
    dropout: Probability = 0.3
    windows: Count = 32
    """Windows of a recording that a training step sees, drawn at random."""
    epochs: Count = 40
    """The most epochs; how many are trained is chosen by inner cross-validation."""
    batch: Count = 16
    learning_rate: Positive = 0.002
    weight_decay: NotNegative = 0.05


class EmotionSubmission(Entry):
    """The file for the challenge."""

    row: EmotionRow = "late_fitted"
    """The row that is submitted."""
    header: Annotated[list[Text], Field(min_length=2, max_length=2)] = Field(
        default=["video_id", "label"]
    )
    lose: Text = "0"
    win: Text = "1"
    """How the outcomes are spelled."""
    probability: bool = False
    """Whether the probability of a win stands in place of the outcome."""


class Emotion(Entry):
    """Emotion from behaviour: win or lose, from a whole recording."""

    nullable = frozenset({"labels"})
    labels: Texts | None = None
    """Tables of outcomes: ``train_label.csv`` and the like, ``labels_20200831.csv``, any CSV with a
    header that names a recording and an outcome, or the folder of SMG's samples; left out with
    generated data, which have them."""
    prior: OpenShare = 0.5
    """Share of wins that is expected where the model will be used."""
    protocol: Literal["subject", "recording"] = "subject"
    """What folds keep apart; ``recording`` lets a person be trained and tested on, which the leak
    check is there to show."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Of the cross-validation over all recordings of train and val."""
    inner_folds: Annotated[int, Field(ge=2)] = 4
    """Of the cross-validation within each fold's training recordings, by which all is chosen."""
    gestures: Text = "labels"
    """Whence gestures are known: ``labels``, or a row of the config, whose predictions are of
    subjects that it was not trained on."""
    windows: Windows
    """How a recording is cut into windows."""
    face: FaceCrops
    """How faces are cut out."""
    context: ContextCrops
    """How the person is cut out."""
    face_encoder: FaceEncoder
    """SwinFace, published or in small."""
    context_encoder: ContextEncoder
    """MViTv2, published or in small."""
    encoder_per_fold: bool = False
    """Whether small encoders are trained anew for each fold, without its people; otherwise once, on
    pictures and keypoints of everybody in train and val, never on an outcome."""
    model: WindowModel
    """The networks on tokens of windows."""
    permutations: Count = 2000
    """Of the test against chance."""
    shown: Count = 4
    """Recordings whose timelines are drawn."""
    submission: EmotionSubmission
    """The file for the challenge, of the recordings of split test."""


class InterviewStep(Entry):
    """What interviews and their folds depend on, besides recordings."""

    labels: list[Text]
    protocol: Literal["subject", "recording"]
    folds: Count
    seed: int

    def files(self) -> list[str]:
        """The tables, those of a folder one by one; one that is not there is listed itself."""
        found: list[str] = []
        for name in self.labels:
            path = Path(name)
            inside = sorted(map(str, path.rglob(SMG_TABLES))) if path.is_dir() else []
            found += inside or [name]
        return found


class PicturesStep(Entry):
    """What the faces and context frames depend on, besides recordings and videos."""

    windows: Windows
    face: FaceCrops
    context: ContextCrops
    video: Crops
    """Where the videos lie; the size of its crops has no part in this."""


class EncodeStep(Entry):
    """What the tokens of one fold depend on, besides faces, frames and folds."""

    face_encoder: FaceEncoder
    context_encoder: ContextEncoder
    seed: int

    def weights(self) -> list[str]:
        """Published checkpoints that are read."""
        return [one for one in (self.face_encoder.weights, self.context_encoder.weights) if one]

    def learns(self) -> bool:
        """Whether one of the encoders is a small one that is trained."""
        return len(self.weights()) < 2


class EvaluateStep(Entry):
    """What predictions depend on, besides tokens, gestures and folds."""

    protocol: Literal["subject", "recording"]
    inner_folds: Count
    model: WindowModel
    seeds: list[int]


class EmotionModelStep(Entry):
    """What the file of a model states, for recordings that are told later, besides what learned."""

    data_name: str
    prior: OpenShare
    row: EmotionRow
    gestures: str
    windows: Windows
    face: FaceCrops
    context: ContextCrops


class EmotionReportStep(Entry):
    """What table, page and submission depend on, besides predictions."""

    data_name: str
    generated: bool
    prior: OpenShare
    protocol: str
    gestures: str
    encoders: Literal["published", "fold", "once"]
    permutations: Count
    shown: Count
    submission: EmotionSubmission
