"""What a config says about the embedded data set."""

from typing import Annotated

from pydantic import Field, WrapValidator

from microgesture.settings.base import Count, Entry, NotNegative, Positive, Share, as_written


class PerSplit(Entry):
    """A number for each split."""

    train: Count
    val: Count
    test: Count

    def of(self, split: str) -> int:
        """The number of one split."""
        return {"train": self.train, "val": self.val, "test": self.test}[split]


class Film(Entry):
    """How a generated person is filmed."""

    fps: Positive
    height: Count
    width: Count
    mean_seconds: Annotated[float, Field(gt=0.3), WrapValidator(as_written)]
    """Mean length of a clip."""
    noise: NotNegative
    """Of the detector, in shoulder widths."""
    variety: Share = 1.0
    """How much clips of a class differ from each other, and people move besides; 1: as much as
    people do."""
    amplitude: Positive = 1.0
    """Size of the movements, in times of what people do."""


Even = Annotated[int, Field(ge=32, multiple_of=2)]


class Rendering(Entry):
    """Video of the generated people, in H.264; pictures need not have the size of the film."""

    height: Even
    width: Even
    crf: Annotated[int, Field(ge=0, le=51)]
    """Constant rate factor: how much is lost, 0 nothing; recordings differ by up to 2."""


class Wins(Entry):
    """The share of won recordings in each split."""

    train: Share
    val: Share
    test: Share

    def of(self, split: str) -> float:
        """The share of one split."""
        return {"train": self.train, "val": self.val, "test": self.test}[split]


class Feelings(Entry):
    """Outcomes that move face, posture and gestures of the generated people, weakly."""

    recordings: Count
    """Recordings of each subject; won or lost each by itself."""
    wins: Wins
    strength: NotNegative = 1.0
    """How far the outcome moves people, in times of how much they differ from each other and from
    one recording to the next."""
    zoom: Positive = 1.0
    """How much closer the camera is, so that faces are seen."""


class Generate(Film):
    """The embedded data set."""

    nullable = frozenset({"video", "emotion"})

    seed: Annotated[int, Field(ge=0)]
    subjects: PerSplit
    """People; nobody is in two splits."""
    clips: PerSplit
    """Clips, in iMiGUE's long-tailed proportions."""
    class_minimum: PerSplit
    """Clips that each class has at least."""
    video: Rendering | None = None
    """Without it there are skeletons only."""
    emotion: Feelings | None = None
    """Without it behaviour depends on no outcome."""
