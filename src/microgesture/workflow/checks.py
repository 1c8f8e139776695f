"""Checks of a whole config: its keys and values, and its names against each other."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from microgesture.data.keypoint_formats import resolve_points
from microgesture.readers.formats import has_recordings
from microgesture.settings.config import Config
from microgesture.settings.data import PySkl, Synthetic
from microgesture.settings.models import (
    FusedVariant,
    GraphVariant,
    SkeletonVariant,
    TransformerVariant,
    TreesVariant,
    VideoVariant,
)
from microgesture.settings.networks import (
    GraphNetwork,
    HeatmapNetwork,
    MmnNetwork,
    TokenFusionNetwork,
    TransformerNetwork,
    VideoNetwork,
)
from microgesture.settings.online import Detector, WindowsDetector
from microgesture.settings.preparation import SavitzkyGolay
from microgesture.settings.training import AugmentPoints
from microgesture.utils.errors import InputError
from microgesture.workflow.config import encoder_network, token_step
from microgesture.workflow.messages import explain, why_unquoted
from microgesture.workflow.variants import WholeVariant, layout_file, layouts, whole_variant

BLOCKS = ("skeleton_transformer", "mmn", "mvit")
"""Networks whose early blocks may learn more slowly."""


def check_config(given: Mapping[str, Any], source: str) -> Config:
    """Check a config's keys and values, and its names against each other.

    Raises
    ------
    InputError
        Naming the config file, the entry, what was found and what was expected.

    """
    _check_names(source, given, "")
    try:
        config = Config.model_validate(dict(given))
    except ValidationError as error:
        raise InputError(f"{source}: {explain(error, given)}") from None
    _check_data(config, source)
    _check_fusions(config, source)
    _check_claims(config, source)
    _check_titles(config, source)
    _check_choices(config, source)
    if not layouts(config):
        raise InputError(
            f"{source}: variants: all read video; expected at least one on skeletons, whose layout "
            "reports draw them with"
        )
    _check_pretraining(config, source)
    _check_emotion(config, source)
    for name, detector in config.detectors.items():
        _check_detector(detector, config, f"{source}: detectors.{name}")
    models = config.models.known()
    for name, variant in config.variants.items():
        place = f"variants.{name}"
        _known(source, f"{place}.model", variant.model, models)
        _check_variant(whole_variant(config, name), config, f"{source}: {place}")
    return config


def _check_sources(variant: WholeVariant, own: FusedVariant, config: Config, place: str) -> None:
    """Check a variant on tokens: whose tokens they are, and what it does with them."""
    able = [name for name, other in config.variants.items() if other.gives_tokens]
    for one in own.sources:
        if one not in able:
            known = config.variants.get(one)
            what = f", a {known.model}, which gives no tokens" if known else ""
            raise InputError(
                f"{place}.sources names {one!r}{what}; expected some of {', '.join(able)}"
            )
    network = variant.network
    if not isinstance(network, TokenFusionNetwork):
        return
    if network.width % network.heads:
        raise InputError(
            f"{place}: network.width is {network.width}; expected a multiple of network.heads, "
            f"{network.heads}"
        )
    if network.exchange and token_step(config).pool == "time":
        raise InputError(
            f"{place}: network.exchange is set, but tokens.pool is time, which leaves tokens "
            "without a time; set it to places"
        )


def _check_data(config: Config, source: str) -> None:
    data = config.data
    if isinstance(data, PySkl) and (data.path is None) == (data.paths is None):
        raise InputError(
            f"{source}: data: expected one of path and paths, which format pyskl reads"
        )
    if config.video and not (config.video.root or config.video.table):
        if not isinstance(data, Synthetic):
            raise InputError(
                f"{source}: video: expected root or table, which say where the videos lie"
            )
        if data.generate.video is None:
            raise InputError(
                f"{source}: video: data.generate.video is not set, so none is generated; set both "
                "or none"
            )
    try:
        resolve_points(getattr(data, "points", None))
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    for name, cleaning in config.cleaning.items():
        smooth = cleaning.smooth
        if isinstance(smooth, SavitzkyGolay) and smooth.order >= smooth.frames:
            raise InputError(
                f"{source}: cleaning.{name}.smooth: order is {smooth.order}; expected one below "
                f"the {smooth.frames} frames"
            )


def _check_fusions(config: Config, source: str) -> None:
    variants, fusions = config.variants, config.fusions
    if both := sorted(set(variants) & set(fusions)):
        raise InputError(f"{source}: {both[0]} is a variant and a fusion; rename one of them")
    for name, fusion in fusions.items():
        for member in fusion.members:
            _known(source, f"fusions.{name}.members", member, variants)
        if isinstance(fusion.members, list) != (fusion.weights is not None):
            raise InputError(
                f"{source}: fusions.{name}: give every member a weight, or list the members and "
                "set weights: validation"
            )


def _check_claims(config: Config, source: str) -> None:
    rows = {*config.variants, *config.fusions}
    for number, claim in enumerate(config.claims):
        for row in [claim.better, *claim.beaten]:
            _known(source, f"claims[{number}]", row, rows)
        if claim.better in claim.beaten:
            raise InputError(
                f"{source}: claims[{number}] compares {claim.better} with itself; name another"
            )


def _check_titles(config: Config, source: str) -> None:
    titles: dict[str, str] = {}
    for name, row in [*config.variants.items(), *config.fusions.items()]:
        other = titles.setdefault(row.title, name)
        if other != name:
            raise InputError(
                f"{source}: {other} and {name} have the same title {row.title!r}; nobody could "
                "tell their rows apart"
            )


def _check_choices(config: Config, source: str) -> None:
    """Check what is submitted, cropped and tested."""
    variants = config.variants
    if config.submission is not None:
        _known(source, "submission", config.submission, {*variants, *config.fusions})
    if config.robustness and config.robustness.video and config.video is None:
        raise InputError(
            f"{source}: robustness.video corrupts crops of video, and there is no section video; "
            "leave it out"
        )
    low, high = config.augment.crop_area
    if low > high:
        raise InputError(
            f"{source}: augment.crop_area is [{low}, {high}]; expected the smaller share first"
        )
    if config.folds is not None and config.submission is not None:
        raise InputError(
            f"{source}: folds is {config.folds} and submission is {config.submission!r}; a "
            "challenge's test clips are no fold's, so set one of both to null"
        )
    for name in config.occlusion.variants if config.occlusion else []:
        _known(source, "occlusion.variants", name, variants)
        if isinstance(variants[name], VideoVariant):
            raise InputError(
                f"{source}: occlusion.variants names {name!r}, which reads video; what is "
                "hidden are points of skeletons, so name variants on these"
            )
        if isinstance(variants[name], FusedVariant):
            raise InputError(
                f"{source}: occlusion.variants names {name!r}, which fuses tokens; name its sources"
            )


def _check_pretraining(config: Config, source: str) -> None:
    """Check pre-trainings against the rest of the config."""
    if not config.pretraining:
        return
    model = config.models.skeleton_transformer
    if model is None:
        raise InputError(
            f"{source}: pretraining needs models.skeleton_transformer, which says length and "
            "network; add it"
        )
    _check_transformer(model.network, model.length, f"{source}: models.skeleton_transformer")
    for name, own in config.pretraining.items():
        place = f"{source}: pretraining.{name}"
        if not Path(layout_file(own.layout)).is_file():
            raise InputError(f"{place}: there is no file {layout_file(own.layout)}")
        if own.cleaning not in config.cleaning:
            known = ", ".join(config.cleaning)
            raise InputError(f"{place}: cleaning is {own.cleaning!r}; expected one of {known}")
        if config.folds is not None and not own.transductive:
            raise InputError(
                f"{place}: folds is {config.folds}, and whoever it learns from is tested in one "
                "of them; set folds to null, or transductive: true to have its rows marked so"
            )


def _check_emotion(config: Config, source: str) -> None:
    """Check emotion from behaviour against the rest of the config."""
    own, data = config.emotion, config.data
    if own is None:
        return
    place = f"{source}: emotion"
    if config.video is None:
        raise InputError(
            f"{place} needs a section video that says where the recordings' videos lie"
        )
    if not has_recordings(data):
        raise InputError(
            f"{place} needs whole recordings, which data.format {data.format} does not have"
        )
    if isinstance(data, Synthetic):
        if own.labels is None and data.generate.emotion is None:
            raise InputError(
                f"{place}: data.generate.emotion is not set, so no outcome is generated; set both "
                "or none"
            )
    elif own.labels is None:
        raise InputError(f"{place}: expected labels, the tables of outcomes")
    if own.gestures != "labels":
        known = ["labels", *config.variants, *config.fusions]
        _known(source, "emotion.gestures", own.gestures, known)
        if config.folds is None:
            raise InputError(
                f"{place}: gestures is {own.gestures!r}, and folds is null: gestures of train "
                "would be told by a model that learned from them; set folds, or gestures: labels"
            )
    for name in ("face_encoder", "context_encoder"):
        encoder = getattr(own, name)
        if (encoder.weights is None) == (encoder.training is None):
            raise InputError(
                f"{place}.{name}: expected one of weights, a published checkpoint, and training, "
                "of a small network"
            )


def _check_detector(own: Detector, config: Config, place: str) -> None:
    """Check a detector against the rest of the config."""
    if not has_recordings(config.data):
        raise InputError(
            f"{place}: data.format is {config.data.format}, whose clips do not say where in a "
            "recording they are; detectors need a format with long recordings"
        )
    if config.folds is not None:
        raise InputError(
            f"{place}: folds is {config.folds}, but detectors go by the data's split; set folds "
            "to null"
        )
    titles = [one.title for one in config.detectors.values()]
    if titles.count(own.title) > 1:
        raise InputError(f"{place}: another detector has the same title, {own.title!r}")
    if isinstance(own, WindowsDetector):
        _known(place, "classifier", own.classifier, config.variants)
        if not isinstance(config.variants[own.classifier], SkeletonVariant):
            raise InputError(
                f"{place}: classifier is {own.classifier!r}, which reads video or tokens; expected "
                "a variant on skeletons"
            )
        return
    if not Path(layout_file(own.layout)).is_file():
        raise InputError(f"{place}: there is no file {layout_file(own.layout)}")
    if own.cleaning not in config.cleaning:
        known = ", ".join(config.cleaning)
        raise InputError(f"{place}: cleaning is {own.cleaning!r}; expected one of {known}")
    step = own.network.stride * 2 ** (own.network.levels - 1)
    if own.window % step:
        raise InputError(
            f"{place}: window is {own.window}; expected a multiple of {step}, the step of the "
            f"coarsest of {own.network.levels} levels"
        )
    if own.network.delay and not own.network.causal:
        raise InputError(
            f"{place}: network.delay is {own.network.delay}, but the network is not causal; set "
            "network.causal, or leave delay out"
        )


def _check_start(variant: WholeVariant, own: SkeletonVariant, config: Config, place: str) -> None:
    """Check that a variant fits the pre-training that it starts from."""
    name = str(own.pretrained)
    start, model = config.pretraining[name], config.models.skeleton_transformer
    if model is None or not isinstance(variant.network, TransformerNetwork):
        raise InputError(
            f"{place}: pretrained is {name!r}, from which skeleton_transformer alone can start"
        )
    pairs = {
        "layout": (own.layout, start.layout),
        "length": (variant.length, model.length),
        "network": (encoder_network(variant.network), encoder_network(model.network)),
    }
    for key, (found, expected) in pairs.items():
        if found != expected:
            raise InputError(
                f"{place}: {key} is {found}; expected {expected}, that of the pre-training "
                f"{name} that it starts from"
            )


def _check_names(source: str, entry: Any, place: str) -> None:
    """Refuse a key that YAML takes for something else than text, such as 0010 for the number 8."""
    if isinstance(entry, list):
        for number, one in enumerate(entry):
            _check_names(source, one, f"{place}[{number}]")
    elif isinstance(entry, Mapping):
        for name, one in entry.items():
            if not isinstance(name, str):
                raise InputError(
                    f"{source}: {place or 'top level'} has the name {name!r}; put it in quotes"
                    f"{why_unquoted(name)}"
                )
            _check_names(source, one, f"{place}.{name}".lstrip("."))


def _check_teacher(own: SkeletonVariant, config: Config, place: str) -> None:
    """Check whose predictions a variant's pseudo-labels are."""
    given = getattr(own, "pseudo_labels", None)
    if given is None:
        return
    able = [
        name
        for name, other in config.variants.items()
        if other is not own
        and not isinstance(other, FusedVariant | TreesVariant)
        and getattr(other, "pseudo_labels", None) is None
    ]
    if given.teacher not in able:
        raise InputError(
            f"{place}.pseudo_labels.teacher is {given.teacher!r}; expected a network with labels "
            f"alone, one of {', '.join(able)}"
        )
    if config.imbalance is not None:
        raise InputError(
            f"{place}: pseudo_labels would label the clips that imbalance leaves out; set one of "
            "both to null"
        )


def _check_samples(variant: WholeVariant, place: str) -> None:
    """Check what training changes at random against what the variant reads."""
    recipe = variant.training
    if recipe is None:
        return
    if recipe.frame_span < 1 and isinstance(variant.own, FusedVariant):
        raise InputError(
            f"{place}: training.frame_span is {recipe.frame_span}, but tokens are written of whole "
            "clips; set it for their sources"
        )
    if recipe.augment_points == AugmentPoints():
        return
    if variant.source == "cached":
        raise InputError(
            f"{place}: training.augment_points moves points, but source is cached, which draws "
            "them only once; set source: drawn"
        )
    if isinstance(variant.own, VideoVariant | FusedVariant):
        raise InputError(
            f"{place}: training.augment_points moves points, and {variant.own.model} reads none; "
            "leave it out"
        )


def _check_variant(variant: WholeVariant, config: Config, place: str) -> None:
    """Check one variant, its model's settings included, against the rest of the config."""
    own = variant.own
    _check_samples(variant, place)
    if isinstance(own, VideoVariant):
        _check_video(variant, own, config, place)
        return
    if isinstance(own, FusedVariant):
        _check_sources(variant, own, config, place)
        return
    if isinstance(own, GraphVariant) and own.relative and own.stream != "joint":
        raise InputError(
            f"{place}: relative is for the stream joint, and stream is {own.stream}; leave it out"
        )
    if isinstance(variant.network, GraphNetwork):
        _check_stages(variant.network, place)
    if isinstance(variant.network, HeatmapNetwork):
        _check_heatmaps(variant.network, place)
    if isinstance(variant.network, TransformerNetwork):
        _check_transformer(variant.network, variant.length, place)
        nearest = isinstance(own, TransformerVariant) and own.neighbours
        frozen = variant.training is not None and variant.training.frozen
        if (nearest or frozen) and variant.network.hidden:
            why = "neighbours is set" if nearest else "training.frozen is true"
            raise InputError(
                f"{place}: {why}, and the layer of network.hidden would stay as it is drawn; set "
                "network.hidden to 0"
            )
        if nearest and own.semantic:
            raise InputError(f"{place}: neighbours learn nothing; leave semantic out")
    elif isinstance(variant.network, MmnNetwork):
        _check_mmn(variant.network, variant.length, place)
    if (
        variant.training is not None
        and variant.training.layer_decay < 1
        and own.model not in BLOCKS
    ):
        raise InputError(
            f"{place}: training.layer_decay is {variant.training.layer_decay}, but {own.model} "
            f"has no blocks; only {', '.join(BLOCKS)} have"
        )
    if own.cleaning not in config.cleaning:
        known = ", ".join(config.cleaning)
        raise InputError(f"{place}: cleaning is {own.cleaning!r}; expected one of {known}")
    if variant.input_size is not None and variant.input_size > config.heatmaps.size:
        raise InputError(
            f"{place}: input_size {variant.input_size} is larger than heatmaps.size "
            f"{config.heatmaps.size}, which is tested on, and cropped where it is cached"
        )
    _check_teacher(own, config, place)
    if own.pretrained in config.pretraining:
        _check_start(variant, own, config, place)
        _check_named([layout_file(own.layout), config.classes], None, place)
    else:
        _check_named([layout_file(own.layout), config.classes], own.pretrained, place)


def _check_named(paths: list[str], pretrained: str | None, place: str) -> None:
    for path in [*paths, *([] if pretrained is None else [pretrained])]:
        if not Path(path).is_file():
            raise InputError(f"{place}: there is no file {path}")


def _check_video(variant: WholeVariant, own: VideoVariant, config: Config, place: str) -> None:
    """Check a variant on video, which reads the crops that the section ``video`` asks for."""
    network = variant.network
    assert isinstance(network, VideoNetwork)
    if config.video is None:
        raise InputError(
            f"{place}: model is {own.model}, which reads video; expected a section video that says "
            "where it lies and how persons are cropped"
        )
    if variant.input_size is not None and variant.input_size > config.video.side:
        raise InputError(
            f"{place}: input_size {variant.input_size} is larger than video.side "
            f"{config.video.side}, the size of the crops"
        )
    if own.stream == "motion" and own.temporal == "crop_pad":
        raise InputError(
            f"{place}: stream is motion and temporal crop_pad, whose black frames after a clip's "
            "end would count as motion; set temporal: segment_sample"
        )
    if network.embed % network.heads:
        raise InputError(
            f"{place}: network.embed is {network.embed}; expected a multiple of network.heads, "
            f"{network.heads}"
        )
    # pixels of a token of the stem, times by how much the coarsest tokens and keys are coarser
    cells = 4 * max(2 ** (len(network.depths) - 1), network.key_stride)
    if variant.input_size is None or variant.input_size % cells:
        raise InputError(
            f"{place}: input_size is {variant.input_size}; expected a multiple of {cells}, for "
            f"{len(network.depths)} stages and network.key_stride {network.key_stride}"
        )
    _check_named([config.classes], own.pretrained, place)


def _check_stages(network: GraphNetwork, place: str) -> None:
    for key in ("inflate_stages", "down_stages"):
        stages = getattr(network, key)
        if beyond := [stage for stage in stages if stage > network.num_stages]:
            unless = "" if key in network.given() else ", which it is unless given"
            raise InputError(
                f"{place}: network.{key} is {stages}{unless}, but there is no stage "
                f"{beyond[0]}; num_stages is {network.num_stages}"
            )


def _check_transformer(network: TransformerNetwork, length: int, place: str) -> None:
    if length % network.patch:
        raise InputError(
            f"{place}: length is {length}; expected a multiple of network.patch, {network.patch}"
        )
    if network.width % network.heads:
        raise InputError(
            f"{place}: network.width is {network.width}; expected a multiple of its "
            f"{network.heads} heads"
        )


def _check_mmn(network: MmnNetwork, length: int, place: str) -> None:
    halved = 2 ** (network.stages - 1)
    if length % halved:
        raise InputError(
            f"{place}: length is {length}; expected a multiple of {halved}, since each of the "
            f"{network.stages} stages has half the frames of the one before"
        )
    if network.channels % (4 * network.heads):
        raise InputError(
            f"{place}: network.channels is {network.channels}; expected a multiple of 4 branches "
            f"times {network.heads} heads"
        )


def _check_heatmaps(network: HeatmapNetwork, place: str) -> None:
    stages = len(network.stage_blocks)
    for key in ("inflate", "temporal_strides"):
        each = getattr(network, key)
        if each is not None and len(each) != stages:
            raise InputError(
                f"{place}: network.{key} has {len(each)} entries; expected {stages}, one "
                "for each of stage_blocks"
            )


def _known(source: str, place: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise InputError(f"{source}: {place} names {name!r}; expected one of {', '.join(names)}")
