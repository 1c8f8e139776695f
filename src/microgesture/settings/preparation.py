"""What a config says about cleaning and alignment."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, NotNegative, Odd, Positive, UpToOne


class Outliers(Entry):
    """Points far from the median of their neighbours in time are taken as not found."""

    frames: Annotated[Odd, Field(ge=5)]
    """Frames of the median."""
    deviations: Positive
    """Robust standard deviations from it that are too far."""


class SavitzkyGolay(Entry):
    """A polynomial over a window."""

    method: Literal["savgol"]
    frames: Annotated[Odd, Field(ge=3)]
    """Frames of the window."""
    order: Annotated[int, Field(ge=0)]
    """Of the polynomial; below the number of frames."""


class OneEuro(Entry):
    """The One Euro filter."""

    method: Literal["one_euro"]
    min_cutoff: Positive
    """Hz."""
    beta: NotNegative
    """How much the cutoff grows with speed."""


class PersonRule(Entry):
    """Which points are taken for those of the person."""

    min_score: UpToOne
    """Points with a lower score are taken as not found."""
    max_jump: Positive | None
    """Shoulder widths from the clip's median place beyond which somebody else was detected; null
    where people turn, sit down or walk."""


class Cleaning(PersonRule):
    """A way to clean clips."""

    outliers: Outliers | None = None
    fill_gaps: Annotated[int, Field(ge=0)] = 0
    """Longest gap that is filled in, in frames."""
    smooth: Annotated[SavitzkyGolay | OneEuro, Field(discriminator="method")] | None = None


class Align(Entry):
    """The temporal alignment."""

    max_gap: Annotated[int, Field(ge=0)]
    """Frames over which a lost point is filled in."""


class Preparation(Entry):
    """What a file of prepared clips is made with."""

    cleaning: Cleaning
    length: Annotated[int, Field(ge=2)] | None
    """Frames that clips are aligned to; null leaves them as they are."""
    max_gap: Annotated[int, Field(ge=0)] = 0
    """See `Align`; given with ``length`` alone."""
    window: Annotated[int, Field(ge=2)] | None = None
    """Frames of the windows that recordings are cut into; null: clips are not cut."""
    on_bad_clip: Literal["stop", "skip"]
