"""The workflow's config, cut into the part that each step depends on.

A step sees only its own part, so editing one variant reruns one training job and what follows it.
"""

from typing import Any

from microgesture.data import paths
from microgesture.data.keypoint_formats import resolve_points
from microgesture.settings.config import Config
from microgesture.settings.data import Data, Miga2025, PoseStep, Recordings, Synthetic, Videos
from microgesture.settings.data_report import DataReportStep
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.label_embeddings import Glove, GloveVectors, WordLlamaVectors
from microgesture.settings.models import (
    FusedVariant,
    GraphVariant,
    HeatmapVariant,
    TransformerVariant,
    TreesVariant,
    VideoVariant,
)
from microgesture.settings.networks import (
    TransformerNetwork,
)
from microgesture.settings.preparation import PersonRule, Preparation
from microgesture.settings.pretraining import PretrainingStep
from microgesture.settings.probing import OcclusionStep, RobustnessStep, Testing
from microgesture.settings.pseudo_labels import PseudoLabelStep
from microgesture.settings.results import CardsStep, FiguresStep, PageStep, ShownVariant, TableStep
from microgesture.settings.rows import FusionRecipe
from microgesture.settings.tokens import Tokens, TokenStep
from microgesture.settings.training_step import TrainingStep, TreesStep
from microgesture.settings.variant_step import SourceStep
from microgesture.settings.video import Crops
from microgesture.workflow.variants import WholeVariant, sources_of, whole_variant


def reader_step(config: Config) -> Data:
    """What the reader depends on; generated data is read like any other release,
    and the key points of videos like other recordings.
    """
    data = config.data
    if isinstance(data, Synthetic):
        release = f"{config.results}/{paths.RELEASE}"
        made = data.generate
        return Miga2025(
            name=data.name,
            format="miga2025",
            root=release,
            subjects=f"{release}/subjects.csv",
            test_labels="real",
            on_bad_clip=data.on_bad_clip,
            fps=made.fps,
            height=made.height,
            width=made.width,
        )
    own = data.given()
    if isinstance(data, Videos):
        del own["root"]
        own.pop("subjects", None)
        found = f"{config.results}/{paths.POSE}"
        return Recordings.model_validate({**own, "format": "recordings", "path": found})
    if "points" in own:
        # the numbers themselves, so that a changed format file is noticed
        own["points"] = list(resolve_points(own["points"]) or ())
    return type(data).model_validate(own)


def pose_step(config: Config) -> PoseStep | None:
    """What the key points of videos depend on, where they are the data."""
    if not isinstance(config.data, Videos):
        return None
    own = config.data.given()
    return PoseStep(**{key: own[key] for key in PoseStep.model_fields if key in own})


def preparation_step(config: Config, cleaning: str, timeline_name: str) -> Preparation:
    """What a clip file depends on, besides layout and data."""
    aligned = timeline_name.removeprefix("align")
    length = None if aligned == timeline_name else int(aligned)
    gap = {} if length is None else {"max_gap": config.align.max_gap}
    return Preparation(
        cleaning=config.cleaning[cleaning],
        length=length,
        on_bad_clip=config.data.on_bad_clip,
        **gap,
    )


def crops_step(config: Config) -> Crops | None:
    """What the crops of video depend on, besides skeletons and videos."""
    if config.video is None:
        return None
    own = config.video.given()
    if isinstance(config.data, Synthetic) and not {"root", "table"} & set(own):
        # the config itself says at which size it is rendered
        own = {"resolution": "scale", **own, "root": f"{config.results}/{paths.RELEASE}"}
    return Crops(**own, on_bad_clip=config.data.on_bad_clip)


def words_step(config: Config) -> WordLlamaVectors | GloveVectors:
    """What the label embeddings depend on, besides the classes."""
    if isinstance(config.semantic, Glove):
        return GloveVectors(source="glove", path=config.semantic.path)
    return WordLlamaVectors(source="wordllama")


def heatmap_step(config: Config, stream: str) -> DrawnHeatmaps:
    """What drawn heatmaps of a stream depend on, besides their points."""
    own = config.heatmaps.given()
    if stream != "limb":
        own.pop("short_limbs", None)
    return DrawnHeatmaps(**own, padding=config.box.padding)


def trees_step(config: Config, name: str) -> TreesStep:
    """What growing a variant's trees depends on, besides its clips, seed and folds."""
    variant = whole_variant(config, name)
    own = variant.own
    assert isinstance(own, TreesVariant)
    return TreesStep(
        variant=name,
        model=own.model,
        layout=own.layout,
        temporal=own.temporal,
        length=variant.length,
        network=variant.network.given(),
        mirror=config.augment.flip > 0,
        imbalance=config.imbalance,
    )


def training_step(config: Config, name: str) -> TrainingStep:
    """What training a variant depends on, besides its input, seed, folds and label embeddings."""
    variant = whole_variant(config, name)
    own = variant.own
    assert not isinstance(own, TreesVariant) and variant.training is not None
    return TrainingStep(
        variant=name,
        model=own.model,
        length=variant.length,
        network=variant.network.given(),
        training=variant.training,
        semantic_weight=config.semantic.weight if own.semantic else 0,
        augment=config.augment,
        imbalance=config.imbalance,
        **_input_settings(config, variant),
    )


def _input_settings(config: Config, variant: WholeVariant) -> dict[str, Any]:
    """What a variant's input is made with."""
    own = variant.own
    if isinstance(own, FusedVariant):
        if own.backbones == "frozen":
            return {"temporal": "views", "sources": own.sources}
        return {
            "temporal": "sources",
            "sources": own.sources,
            "backbones": own.backbones,
            "pool": token_step(config).pool,
            "networks": [_source_step(config, name) for name in own.sources],
        }
    more: dict[str, Any] = {"stream": own.stream, "temporal": own.temporal}
    if own.pretrained is not None:
        more["pretrained"] = own.pretrained
    if isinstance(own, VideoVariant):
        return {**more, "input_size": variant.input_size, "jitter": variant.jitter}
    if isinstance(own, TreesVariant):
        raise ValueError(f"{own.title}: trees are not trained in steps")
    if own.label_share < 1:
        more["label_share"] = own.label_share
    more["layout"] = own.layout
    if isinstance(own, GraphVariant) and own.relative:
        more["relative"] = True
    if isinstance(own, TransformerVariant) and own.neighbours:
        more["neighbours"] = own.neighbours
    if not isinstance(own, HeatmapVariant):
        return {**more, "padding": config.box.padding}
    more |= {"source": variant.source, "input_size": variant.input_size}
    if own.parts:
        more["parts"] = own.parts
    if variant.source == "drawn":  # a cache says it of itself
        more["heatmaps"] = heatmap_step(config, own.stream)
    return more


def _source_step(config: Config, name: str) -> SourceStep:
    """How a network inside a fusion is built and fed."""
    variant = whole_variant(config, name)
    recipe = variant.training
    assert recipe is not None
    settings = _input_settings(config, variant)
    for key in ("pretrained", "label_share", "neighbours"):  # of its own training alone
        settings.pop(key, None)
    if isinstance(variant.own, HeatmapVariant):
        # one size for training and testing
        settings["input_size"] = config.heatmaps.size
    return SourceStep(
        variant=name,
        model=variant.own.model,
        length=variant.length,
        network=variant.network.given(),
        augment_points=recipe.augment_points,
        frame_span=recipe.frame_span,
        **settings,
    )


def pseudo_label_step(config: Config, name: str) -> PseudoLabelStep:
    """What a variant's pseudo-labels depend on, besides its teacher and its clips."""
    own = config.variants[name]
    given = getattr(own, "pseudo_labels", None)
    assert given is not None and not isinstance(own, FusedVariant | TreesVariant | VideoVariant)
    return PseudoLabelStep(
        precision=given.precision, label_share=own.label_share, testing=config.testing
    )


def token_step(config: Config) -> TokenStep:
    """What tokens depend on, besides the network and its clips."""
    written = (config.tokens or Tokens()).model_dump()
    return TokenStep(**written, augment=config.augment, testing=config.testing)


def encoder_network(network: TransformerNetwork) -> dict[str, Any]:
    """The part of a transformer's network that pre-training trains."""
    own = network.given()
    return {
        key: own[key] for key in ("patch", "width", "depth", "heads", "mlp_ratio") if key in own
    }


def window_step(config: Config, cleaning: str, window: int) -> Preparation:
    """What prepared windows of recordings depend on, besides layout and data."""
    return Preparation(
        cleaning=config.cleaning[cleaning], length=None, window=window, on_bad_clip="skip"
    )


def pretraining_step(config: Config, name: str) -> PretrainingStep:
    """What a pre-training depends on, besides its windows."""
    own, model = config.pretraining[name], config.models.skeleton_transformer
    if model is None:
        raise ValueError("pre-training without the transformer's settings")
    kept = ("layout", "shortest", "rotation", "masking", "decoder_depth", "seed", "training")
    return PretrainingStep(
        **{key: getattr(own, key) for key in kept},
        splits=[*own.splits, "test"] if own.transductive else [*own.splits],
        name=name,
        length=model.length,
        network=encoder_network(model.network),
        padding=config.box.padding,
        augment=config.augment,
    )


def fusion_step(config: Config, name: str) -> FusionRecipe:
    """What a fusion depends on, besides its members' predictions."""
    fusion = config.fusions[name].given()
    del fusion["title"]
    return FusionRecipe(**fusion)


def robustness_step(config: Config) -> RobustnessStep | None:
    """What the measurement of robustness depends on, besides the model and the clips.

    One view without mirror images is enough to compare levels of noise, and ten times cheaper.
    """
    if config.robustness is None:
        return None
    levels = config.robustness.given()
    del levels["runs"]
    return RobustnessStep(**levels, seed=0, testing=Testing(views=1, flip=False))


def occlusion_step(config: Config) -> OcclusionStep | None:
    """What occlusion maps depend on, besides the model and the clips."""
    if config.occlusion is None:
        return None
    return OcclusionStep(clips=config.occlusion.clips, groups="joint")


def data_report_step(config: Config) -> DataReportStep:
    """What the data report shows of the config."""
    return DataReportStep(
        data_name=config.data.name,
        data_format=config.data.format,
        folds=config.folds,
        cleaning={
            name: PersonRule(min_score=how.min_score, max_jump=how.max_jump)
            for name, how in config.cleaning.items()
        },
    )


def table_step(config: Config) -> TableStep:
    """What the ablation table shows of the config."""
    return TableStep(**_shown(config), **_compared(config))


def figures_step(config: Config) -> FiguresStep:
    """What the figures beside the table show of the config; one is of the submitted row."""
    return FiguresStep(**_shown(config), submission=config.submission)


def page_step(config: Config) -> PageStep:
    """What the page of results shows of the config."""
    return PageStep(
        **_shown(config),
        **_compared(config),
        robustness=config.robustness,
        occlusion=config.occlusion,
    )


def _shown(config: Config) -> dict[str, Any]:
    return {**_trained(config), "fusions": config.fusions}


def _trained(config: Config) -> dict[str, Any]:
    return {
        "seeds": config.seeds,
        "folds": config.folds,
        "imbalance": config.imbalance,
        "variants": {name: _shown_variant(config, name) for name in config.variants},
        "data_format": config.data.format,
    }


def _shown_variant(config: Config, name: str) -> ShownVariant:
    variant = whole_variant(config, name)
    own = variant.own
    more: dict[str, Any] = {
        "source": variant.source,
        "pretrained": getattr(own, "pretrained", None),
        "sources": sources_of(config, name) or None,
        "backbones": own.backbones if isinstance(own, FusedVariant) else None,
    }
    title = own.title
    if more["pretrained"] in config.pretraining:
        splits = pretraining_step(config, more["pretrained"]).splits
        more |= {"pretrained": None, "unlabelled": splits}
        title += " (transductive)" if "test" in splits else ""
    said: dict[str, Any] = {key: value for key, value in more.items() if value is not None}
    return ShownVariant(title=title, model=own.model, **said)


def cards_step(config: Config) -> CardsStep:
    """What the cards of the trained models say of the config."""
    return CardsStep(
        **_trained(config),
        data_name=config.data.name,
        data_licence=config.data.licence,
        robustness=config.robustness,
    )


def _compared(config: Config) -> dict[str, Any]:
    return {
        "claims": config.claims,
        "submission": config.submission,
        "submission_seeds": config.submission_seeds,
        "data_name": config.data.name,
    }
