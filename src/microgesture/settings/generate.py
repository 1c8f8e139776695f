"""What a config says about the embedded data set."""

from typing import Annotated

from pydantic import Field

from microgesture.settings.base import Count, Entry, Positive


class PerSplit(Entry):
    """A number for each split."""

    train: Count
    val: Count
    test: Count


class Generate(Entry):
    """The embedded data set."""

    seed: Annotated[int, Field(ge=0)]
    fps: Positive
    height: Count
    width: Count
    subjects: PerSplit
    """People; nobody is in two splits."""
    clips: PerSplit
    """Clips, in iMiGUE's long-tailed proportions."""
    class_minimum: PerSplit
    """Clips that each class has at least."""
    mean_seconds: Annotated[float, Field(gt=0.3)]
    """Mean length of a clip."""
    noise: Annotated[float, Field(ge=0)]
    """Of the detector, in shoulder widths."""
