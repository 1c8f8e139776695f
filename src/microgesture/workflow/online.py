"""The detectors of a config: what each of their steps depends on, and what does not fit."""

from typing import Any

from microgesture.data import paths
from microgesture.readers.formats import has_recordings
from microgesture.settings.config import Config
from microgesture.settings.models import SkeletonVariant
from microgesture.settings.online import (
    DetectionStep,
    Detector,
    OnlineTableStep,
    ScoresStep,
    Segments,
    ShownDetector,
    TemporalDetector,
    TemporalStep,
    WindowsDetector,
)
from microgesture.settings.preparation import Preparation
from microgesture.utils.errors import InputError
from microgesture.workflow.known import need_cleaning, need_known, need_layout


def check_detector(own: Detector, config: Config, place: str) -> None:
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
        need_known(place, "classifier", own.classifier, config.variants)
        if not isinstance(config.variants[own.classifier], SkeletonVariant):
            raise InputError(
                f"{place}: classifier is {own.classifier!r}, which reads video or tokens; expected "
                "a variant on skeletons"
            )
        return
    need_layout(place, own.layout)
    need_cleaning(place, own.cleaning, config)
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
