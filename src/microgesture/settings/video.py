"""What a config says about video beside the skeletons."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, NotNegative, Text


class Video(Entry):
    """Video beside the skeletons; of every clip the person is cut out."""

    root: Text | None = None
    """The folder below which the videos lie, each named as a recording or as a clip; left out with
    generated data, whose release holds them."""
    table: Text | None = None
    """A CSV of ``clip_id`` or ``recording``, ``path`` and where needed ``start,end``, instead of
    the names of the files; paths start at ``root``, else at the folder of the table."""
    side: Annotated[int, Field(ge=16)]
    """Height and width of the stored crops, in pixels."""
    padding: NotNegative = 0.25
    """Share of its side by which the square around the person grows."""
    match: Literal["count", "time"] = "count"
    """Which frame of a video a frame of skeletons is: the one of the same number, or the one shown
    at its time, for videos at another or a variable rate."""
    resolution: Literal["stop", "scale"] = "stop"
    """Where a video has another resolution than the skeletons' coordinates: a bad clip, or the
    coordinates are scaled to it."""
    slack: Annotated[int, Field(ge=0)] = 2
    """Frames that a video may have more or less than its skeletons; for frames missing at its end
    the last one stands. Beyond, its clips are bad ones."""


class Crops(Video):
    """What the crops file is made with, besides skeletons and videos."""

    on_bad_clip: Literal["stop", "skip"]
