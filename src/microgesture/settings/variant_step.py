"""What a variant's input and network are built from, and what a checkpoint states of it."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from microgesture.settings.base import Count, Entry, NotNegative, Probability, Share
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.parse import parse
from microgesture.settings.streams import HeatmapStream, Part, PointStream, VideoStream
from microgesture.settings.training import AugmentPoints

TREES_BATCH = 64
"""Clips that trees, which learn from all at once, predict at once."""


class VariantStep(Entry):
    """What a variant's input and network are built from."""

    variant: str
    model: str
    stream: PointStream | HeatmapStream | VideoStream | None = None
    """Of networks on points ``joint`` where it is not given."""
    parts: list[Part] = Field(default=[])
    """Of networks on heatmaps: what is seen in boxes of their own."""
    relative: bool = False
    """Of networks on points: whether hands and head are told from their roots as well."""
    temporal: Literal["align", "crop_pad", "segment_sample", "views", "sources"]
    """Of networks on tokens ``views``, one of those that were written, or ``sources``, where every
    source chooses its own frames."""
    length: Count
    network: dict[str, Any]
    """Keywords of the network's builder."""
    padding: NotNegative | None = None
    """Of networks on points; heatmaps say it of themselves."""
    source: Literal["drawn", "cached"] | None = None
    """Of networks on heatmaps; ``cached`` where it is not given."""
    input_size: Count | None = None
    """Of networks on heatmaps in cells, on video in pixels."""
    jitter: Probability | None = None
    """Of networks on video."""
    heatmaps: DrawnHeatmaps | None = None
    """Where they are drawn in training; a cache says it of itself."""
    neighbours: Count | None = None
    """Of transformers: the nearest training clips, which vote in place of a trained classifier."""
    sources: list[str] | None = None
    """Of networks on tokens: the variants that these are of."""
    networks: list["SourceStep"] = Field(default=[])
    """Of fusions that hold the networks of their sources: how each is built and fed."""
    pool: Literal["places", "time"] = "places"
    """Of these: what is averaged of tokens."""


class SourceStep(VariantStep):
    """How a network inside a fusion is built and fed."""

    layout: str | None = None
    """Of networks on skeletons."""
    augment_points: AugmentPoints = AugmentPoints()
    frame_span: Share = 1.0


VariantStep.model_rebuild()


class StatedStep(VariantStep):
    """What prediction needs of the config that a checkpoint states."""

    batch: Count
    """Clips that are predicted at once: as many as in a step of the training."""


def read_stated(given: Mapping[str, Any], place: str) -> StatedStep:
    """The config of a checkpoint, which another version may have written.

    How it was trained does not matter here: settings of a training may be missing, or unknown.

    Raises
    ------
    InputError
        Naming the key that is missing or wrong.

    """
    kept = {key: value for key, value in given.items() if key in VariantStep.model_fields}
    training = given.get("training")
    if isinstance(training, Mapping) and "batch" in training:
        kept["batch"] = training["batch"]
    elif kept.get("model") == "trees":
        kept["batch"] = TREES_BATCH
    stated: StatedStep = parse(StatedStep, kept, place)
    return stated
