"""The workflow's config, cut into the part that each step depends on.

A step sees only its own part, so editing one variant reruns one training job and what follows it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microgesture.data import paths
from microgesture.data.keypoint_formats import resolve_points
from microgesture.readers.folders import places
from microgesture.settings.base import listed
from microgesture.settings.config import Config
from microgesture.settings.data import Data, Miga2025, PoseStep, Recordings, Synthetic, Videos
from microgesture.settings.data_report import DataReportStep
from microgesture.settings.emotion import (
    EmotionReportStep,
    EncodeStep,
    EvaluateStep,
    InterviewStep,
    MaterialStep,
)
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
from microgesture.settings.online import (
    DetectionStep,
    OnlineTableStep,
    ScoresStep,
    Segments,
    ShownDetector,
    TemporalDetector,
    TemporalStep,
    WindowsDetector,
)
from microgesture.settings.preparation import PersonRule, Preparation
from microgesture.settings.pretraining import PretrainingStep
from microgesture.settings.probing import OcclusionStep, RobustnessStep, Testing
from microgesture.settings.pseudo_labels import PseudoLabelStep
from microgesture.settings.results import CardsStep, FiguresStep, PageStep, ShownVariant, TableStep
from microgesture.settings.rows import FusionRecipe
from microgesture.settings.tokens import Tokens, TokenStep
from microgesture.settings.training_step import TrainingStep, TreesStep
from microgesture.settings.video import Crops
from microgesture.synthetic.release import OUTCOMES
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json
from microgesture.workflow.variants import WholeVariant, sources_of, whole_variant


def check_files(config: Config, source: str) -> None:
    """Refuse a config that names a file or folder which is not there.

    Snakemake would keep older results of other files without a word. Results that were made from
    the very files that are named may be used where these are not, as on another machine.

    Raises
    ------
    InputError

    """
    for place, path, record, made_of in _named_files(config):
        if not Path(path).exists() and recorded(record) != made_of:
            raise InputError(f"{source}: {place}: there is no {path}")


def _named_files(config: Config) -> Iterator[tuple[str, str, Path, dict[str, Any]]]:
    """Place, path, record of the step that reads it and that step's config."""
    results = Path(config.results)
    data = config.data.given()
    if (pose := pose_step(config)) is not None:
        for key in ("root", "subjects"):
            for path in places(data.pop(key, None)):
                yield f"data.{key}", path, results / paths.record("pose"), pose.given()
    for key in ("root", "path", "paths", "labels", "subjects", "video_splits", "segments"):
        for path in places(data.get(key)):
            record = results / paths.record("skeletons")
            yield f"data.{key}", path, record, reader_step(config).reading()
    if config.video is not None and (crops := crops_step(config)) is not None:
        for key in ("root", "table"):
            for path in places(config.video.given().get(key)):
                yield f"video.{key}", path, results / paths.record("crops"), crops.given()
    if (own := interview_step(config)) is not None and config.emotion and config.emotion.labels:
        for path in own.labels:
            record = results / paths.record("emotion_interviews")
            yield "emotion.labels", path, record, own.given()
    if (encode := encode_step(config)) is not None:
        for key in ("face_encoder", "context_encoder"):
            if (path := getattr(encode, key).weights) is not None:
                tokens = results / paths.record("emotion_tokens", paths.EMOTION_ALL)
                stated = {"part": paths.EMOTION_ALL, **encode.given()}
                yield f"emotion.{key}.weights", path, tokens, stated
    if isinstance(config.semantic, Glove) and any(one.semantic for one in config.variants.values()):
        record = results / paths.record("label_embeddings")
        yield "semantic.path", config.semantic.path, record, words_step(config).given()


def recorded(record: Path) -> Any:
    """The config that a step's record states; None without a record."""
    try:
        return read_json(record)["config"]
    except (OSError, InputError, KeyError, TypeError):
        return None


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


def interview_step(config: Config) -> InterviewStep | None:
    """What interviews and their folds depend on, besides recordings."""
    own = config.emotion
    if own is None:
        return None
    labels = listed(own.labels)
    if not labels:  # generated data state their outcomes
        labels = [f"{config.results}/{paths.RELEASE}/{name}" for name in OUTCOMES.values()]
    return InterviewStep(
        labels=labels, protocol=own.protocol, folds=own.folds, seed=min(config.seeds)
    )


def material_step(config: Config) -> MaterialStep | None:
    """What faces and frames depend on, besides recordings and videos."""
    own, video = config.emotion, crops_step(config)
    if own is None or video is None:
        return None
    return MaterialStep(windows=own.windows, face=own.face, context=own.context, video=video)


def encode_step(config: Config) -> EncodeStep | None:
    """What tokens of recordings depend on, besides pictures and folds."""
    own = config.emotion
    if own is None:
        return None
    return EncodeStep(
        face_encoder=own.face_encoder,
        context_encoder=own.context_encoder,
        seed=min(config.seeds),
    )


def evaluate_step(config: Config) -> EvaluateStep | None:
    """What the emotion models depend on, besides tokens, statistics and folds."""
    own = config.emotion
    if own is None:
        return None
    return EvaluateStep(
        protocol=own.protocol, inner_folds=own.inner_folds, model=own.model, seeds=config.seeds
    )


def emotion_report_step(config: Config) -> EmotionReportStep | None:
    """What table, page and submission of the emotion models show of the config."""
    own = config.emotion
    if own is None:
        return None
    kept = ("prior", "protocol", "gestures", "permutations", "shown", "submission")
    published = own.face_encoder.weights and own.context_encoder.weights
    return EmotionReportStep(
        data_name=config.data.name,
        encoders="published" if published else "fold" if own.encoder_per_fold else "once",
        generated=isinstance(config.data, Synthetic),
        **{key: getattr(own, key) for key in kept},
    )


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
        return {"temporal": "views", "sources": own.sources}
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


def recordings_step(config: Config, cleaning: str) -> Preparation:
    """What prepared recordings depend on, besides layout and data."""
    return Preparation(cleaning=config.cleaning[cleaning], length=None, on_bad_clip="skip")


def detector_step(config: Config, name: str) -> TemporalStep:
    """What training a detector depends on, besides its recordings, classes and seed."""
    own = config.detectors[name]
    assert isinstance(own, TemporalDetector)
    kept = {
        key: value
        for key, value in own.given().items()
        if key not in ("title", "model", "thresholds", "cleaning")
    }
    return TemporalStep(**kept, name=name, flip=config.augment.flip)


def scores_step(config: Config, scored: str) -> ScoresStep:
    """What the scores of windows depend on, besides model and recordings."""
    _, lengths, stride = paths.scored_parts(scored)
    return ScoresStep(lengths=lengths, stride=stride, flip=config.testing.flip)


def scored_by(config: Config, name: str) -> str:
    """Name of the scores that a detector on windows starts from."""
    own = config.detectors[name]
    assert isinstance(own, WindowsDetector)
    return paths.scored(own.classifier, own.lengths, own.stride)


def detection_step(config: Config, name: str) -> DetectionStep:
    """What a detector's segments depend on, besides its scores or model."""
    own = config.detectors[name]
    more: dict[str, Any] = {"flip": config.testing.flip}
    if isinstance(own, WindowsDetector):
        more = {key: getattr(own, key) for key in ("background", "smoothing", "hysteresis")}
    return DetectionStep(name=name, model=own.model, thresholds=own.thresholds, **more)


def online_table_step(config: Config) -> OnlineTableStep:
    """What the table and the page of detectors show of the config."""
    return OnlineTableStep(
        data_name=config.data.name,
        data_format=config.data.format,
        seeds=config.seeds,
        detectors={
            name: ShownDetector(title=own.title, model=own.model)
            for name, own in config.detectors.items()
        },
        columns=(config.segments or Segments()).columns,
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
        "data_name": config.data.name,
    }
