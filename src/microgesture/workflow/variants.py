"""The variants of a config as a whole: settings with those of their model, and what they read."""

from dataclasses import dataclass, replace
from typing import Any

from microgesture.data import paths
from microgesture.preprocessing.temporal import timeline
from microgesture.settings.config import Config
from microgesture.settings.models import (
    FusedVariant,
    HeatmapModel,
    HeatmapVariant,
    SkeletonVariant,
    Source,
    TreesModel,
    TreesVariant,
    Variant,
    VideoModel,
    VideoVariant,
)
from microgesture.settings.networks import Network, TreesNetwork
from microgesture.settings.online import TemporalDetector
from microgesture.settings.pretraining import Pretraining
from microgesture.settings.training import Training


def layout_file(name: str) -> str:
    """The file of a layout."""
    return f"config/layouts/{name}.yaml"


@dataclass(frozen=True)
class WholeVariant:
    """A variant with the settings of its model, over which its own win.

    Attributes
    ----------
    own
        The variant alone.
    length, network
        Of the variant where it says them, else of its model. The length of networks on tokens is 1,
        a view.
    training
        The same, of networks; None of trees.
    source
        The same, of networks on heatmaps; None of others.
    input_size
        The same, of networks on heatmaps and on video.
    jitter
        The same, of networks on video.

    """

    own: Variant
    length: int
    network: Network
    training: Training | None = None
    source: Source | None = None
    input_size: int | None = None
    jitter: float | None = None


def whole_variant(config: Config, name: str) -> WholeVariant:
    """A variant with the settings of its model."""
    variant = config.variants[name]
    if isinstance(variant, TreesVariant):
        return _whole_trees(variant, config.models.trees or TreesModel())
    shared = getattr(config.models, variant.model)
    network = {**shared.network.given(), **(variant.network.given() if variant.network else {})}
    training = variant.training.given() if variant.training else {}
    whole = WholeVariant(
        own=variant,
        length=1 if isinstance(variant, FusedVariant) else variant.length or shared.length,
        network=type(shared.network)(**network),
        training=Training(**{**shared.training.model_dump(), **training}),
    )
    if isinstance(shared, HeatmapModel) and isinstance(variant, HeatmapVariant):
        size = variant.input_size or shared.input_size
        return replace(whole, source=variant.source or shared.source, input_size=size)
    if isinstance(shared, VideoModel) and isinstance(variant, VideoVariant):
        jitter = shared.jitter if variant.jitter is None else variant.jitter
        return replace(whole, input_size=variant.input_size or shared.input_size, jitter=jitter)
    return whole


def _whole_trees(variant: TreesVariant, shared: TreesModel) -> WholeVariant:
    network: dict[str, Any] = {}
    for one in filter(None, (shared.network, variant.network)):
        network |= one.given()
    return WholeVariant(variant, variant.length or shared.length, TreesNetwork(**network))


def layouts(config: Config) -> list[str]:
    """Names of the layouts that skeletons are read in, sorted."""
    users = [*config.variants.values(), *config.pretraining.values(), *config.detectors.values()]
    on_skeletons = SkeletonVariant | Pretraining | TemporalDetector
    return sorted({one.layout for one in users if isinstance(one, on_skeletons)})


def manifest_names(config: Config, name: str, run: str) -> list[str]:
    """What a variant reads: key points, drawn heatmaps, person crops, or its sources' tokens.

    A fusion that holds the networks of its sources reads what these read.
    """
    if inside := networks_of(config, name):
        return [one for source in inside for one in manifest_names(config, source, run)]
    variant = whole_variant(config, name)
    if isinstance(variant.own, FusedVariant):
        return [paths.tokens(source, run) for source in variant.own.sources]
    if isinstance(variant.own, VideoVariant):
        return [paths.crops()]
    own = variant.own
    clips = paths.clips_name(own.layout, own.cleaning, timeline(own.temporal, variant.length))
    if isinstance(own, HeatmapVariant) and variant.source == "cached":
        return [paths.cache(paths.drawn(own.stream, own.parts), clips)]
    return [paths.prepared(clips)]


def teacher_of(config: Config, name: str) -> str | None:
    """The variant that labels clips for another one; None where that has labels alone."""
    given = getattr(config.variants[name], "pseudo_labels", None)
    return None if given is None else str(given.teacher)


def sources_of(config: Config, name: str) -> list[str]:
    """The variants that a variant fuses; none of others."""
    variant = config.variants[name]
    return variant.sources if isinstance(variant, FusedVariant) else []


def networks_of(config: Config, name: str) -> list[str]:
    """Those of them whose networks it holds; none where it takes their tokens."""
    variant = config.variants[name]
    inside = isinstance(variant, FusedVariant) and variant.backbones != "frozen"
    return sources_of(config, name) if inside else []


def tokens_of(config: Config, name: str) -> list[str]:
    """Those of them whose tokens it takes from files."""
    return [] if networks_of(config, name) else sources_of(config, name)


def backbones_of(config: Config, name: str, run: str) -> dict[str, str]:
    """Weights that networks inside a fusion start from, by source; results by their full path."""
    tuned = getattr(config.variants[name], "backbones", None) == "finetuned"
    found = {}
    for source in networks_of(config, name):
        if tuned:
            found[source] = f"{config.results}/{paths.training(source, run, paths.MODEL)}"
        elif start := start_of(config, source):
            found[source] = start
    return found


def start_of(config: Config, name: str) -> str | None:
    """Weights that a variant starts from; results by their full path."""
    start = getattr(config.variants[name], "pretrained", None)
    if start in config.pretraining:
        return f"{config.results}/{paths.pretraining(start, paths.MODEL)}"
    return start


def layout_files(config: Config, name: str) -> list[str]:
    """Layouts of what a variant reads, each once; none of video and of tokens."""
    names = networks_of(config, name) or [name]
    found = [getattr(config.variants[one], "layout", None) for one in names]
    return [layout_file(one) for one in dict.fromkeys(found) if one is not None]


def on_video(config: Config) -> list[str]:
    """The variants that see video, themselves or by a source."""
    seen = [name for name, own in config.variants.items() if isinstance(own, VideoVariant)]
    return [
        name for name in config.variants if {name, *sources_of(config, name)}.intersection(seen)
    ]
