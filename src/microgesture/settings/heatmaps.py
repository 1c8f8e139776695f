"""What a config says about boxes, heatmaps and their random geometry."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, NotNegative, Positive, Share, UpToOne


class Box(Entry):
    """The square around a clip's visible points."""

    padding: NotNegative
    """Share of its side by which it grows."""


class Heatmaps(Entry):
    """Drawn heatmaps."""

    size: Annotated[int, Field(ge=8)]
    """Heatmap resolution: height and width in cells."""
    sigma: Positive
    """Of the Gaussians, in cells."""
    short_limbs: Literal["min", "start"] = "min"
    """Score of a limb shorter than a cell: the smaller one of its ends, as of longer limbs, or the
    start's, as in PySKL."""


class DrawnHeatmaps(Heatmaps):
    """What heatmaps are drawn with, and the share by which their box grows."""

    padding: NotNegative


class Augment(Entry):
    """Random geometry in training."""

    crop_area: Annotated[list[Share], Field(min_length=2, max_length=2)]
    """Smallest and largest share of the box's area that a crop holds."""
    flip: UpToOne
    """Probability of a mirror image."""
