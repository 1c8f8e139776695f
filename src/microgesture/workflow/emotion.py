"""The emotion part of a config: what each of its steps depends on, and what does not fit."""

from microgesture.data import paths
from microgesture.readers.formats import has_recordings
from microgesture.settings.base import listed
from microgesture.settings.config import Config
from microgesture.settings.data import Synthetic
from microgesture.settings.emotion import (
    EmotionModelStep,
    EmotionReportStep,
    EncodeStep,
    EvaluateStep,
    InterviewStep,
    PicturesStep,
)
from microgesture.synthetic.release import OUTCOMES
from microgesture.utils.errors import InputError
from microgesture.workflow.config import crops_step
from microgesture.workflow.known import need_known


def check_emotion(config: Config, source: str) -> None:
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
        need_known(source, "emotion.gestures", own.gestures, known)
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


def pictures_step(config: Config) -> PicturesStep | None:
    """What faces and frames depend on, besides recordings and videos."""
    own, video = config.emotion, crops_step(config)
    if own is None or video is None:
        return None
    return PicturesStep(windows=own.windows, face=own.face, context=own.context, video=video)


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


def emotion_model_step(config: Config) -> EmotionModelStep | None:
    """What the file of a model states, for recordings that are told later."""
    own = config.emotion
    if own is None:
        return None
    kept = ("prior", "gestures", "windows", "face", "context")
    return EmotionModelStep(
        data_name=config.data.name,
        row=own.submission.row,
        **{key: getattr(own, key) for key in kept},
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
