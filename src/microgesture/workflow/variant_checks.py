"""Checks of a variant, its model's settings included, against the rest of the config."""

from microgesture.settings.config import Config
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
from microgesture.settings.training import AugmentPoints, Training
from microgesture.utils.errors import InputError
from microgesture.workflow.config import encoder_network, token_step
from microgesture.workflow.known import need_cleaning, need_files
from microgesture.workflow.variants import WholeVariant, layout_file

BLOCKS = ("skeleton_transformer", "mmn", "mvit")
"""Networks whose early blocks may learn more slowly."""


def check_variant(variant: WholeVariant, config: Config, place: str) -> None:
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
        check_transformer(variant.network, variant.length, place)
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
    need_cleaning(place, own.cleaning, config)
    if variant.input_size is not None and variant.input_size > config.heatmaps.size:
        raise InputError(
            f"{place}: input_size {variant.input_size} is larger than heatmaps.size "
            f"{config.heatmaps.size}, which is tested on, and cropped where it is cached"
        )
    _check_teacher(own, config, place)
    if own.pretrained in config.pretraining:
        _check_start(variant, own, config, place)
        need_files(place, [layout_file(own.layout), config.classes])
    else:
        need_files(place, [layout_file(own.layout), config.classes, own.pretrained])


def _check_samples(variant: WholeVariant, place: str) -> None:
    """Check what training changes at random against what the variant reads."""
    recipe = variant.training
    if recipe is None:
        return
    if recipe.layer_decay < 1 and variant.own.model not in BLOCKS:
        raise InputError(
            f"{place}: training.layer_decay is {recipe.layer_decay}, but {variant.own.model} "
            f"has no blocks; only {', '.join(BLOCKS)} have"
        )
    _check_frozen(variant, recipe, place)
    fused = isinstance(variant.own, FusedVariant) and variant.own.backbones != "frozen"
    if recipe.backbone_rate != 1 and not fused:
        raise InputError(
            f"{place}: training.backbone_rate is {recipe.backbone_rate}, but no networks of "
            "sources are trained here; leave it out, or set backbones of a fused variant to "
            "finetuned or joint"
        )
    if recipe.frame_span < 1 and isinstance(variant.own, FusedVariant):
        raise InputError(
            f"{place}: training.frame_span is {recipe.frame_span}, but it is for networks that "
            "are shown clips; set it for their sources"
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


def _check_frozen(variant: WholeVariant, recipe: Training, place: str) -> None:
    """Check the blocks that stay as they are; those with batch norm would not."""
    count, network = recipe.frozen_blocks, variant.network
    if not count:
        return
    blocks = 0
    if isinstance(network, VideoNetwork):
        blocks = sum(network.depths)
    elif isinstance(network, TransformerNetwork):
        blocks = network.depth
    if count > blocks:
        has = f"has {blocks}" if blocks else "has none that could stay as they are"
        raise InputError(
            f"{place}: training.frozen_blocks is {count}, but {variant.own.model} {has}; lower it "
            "or leave it out"
        )


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
    need_files(place, [config.classes, own.pretrained])


def _check_stages(network: GraphNetwork, place: str) -> None:
    for key in ("inflate_stages", "down_stages"):
        stages = getattr(network, key)
        if beyond := [stage for stage in stages if stage > network.num_stages]:
            unless = "" if key in network.given() else ", which it is unless given"
            raise InputError(
                f"{place}: network.{key} is {stages}{unless}, but there is no stage "
                f"{beyond[0]}; num_stages is {network.num_stages}"
            )


def check_transformer(network: TransformerNetwork, length: int, place: str) -> None:
    """Check sizes of the skeleton transformer, of a variant or of the shared settings."""
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
