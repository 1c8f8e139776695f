"""Checks of a whole config: its keys and values, and its names against each other."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from microgesture.data.keypoint_formats import resolve_points
from microgesture.settings.config import Config
from microgesture.settings.data import PySkl, Synthetic
from microgesture.settings.models import (
    FusedVariant,
    VideoVariant,
)
from microgesture.settings.preparation import SavitzkyGolay
from microgesture.utils.errors import InputError
from microgesture.workflow.emotion import check_emotion
from microgesture.workflow.known import need_cleaning, need_known, need_layout
from microgesture.workflow.messages import explain, why_unquoted
from microgesture.workflow.online import check_detector
from microgesture.workflow.variant_checks import check_transformer, check_variant
from microgesture.workflow.variants import layouts, whole_variant


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
    check_emotion(config, source)
    for name, detector in config.detectors.items():
        check_detector(detector, config, f"{source}: detectors.{name}")
    models = config.models.known()
    for name, variant in config.variants.items():
        place = f"variants.{name}"
        need_known(source, f"{place}.model", variant.model, models)
        check_variant(whole_variant(config, name), config, f"{source}: {place}")
    return config


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
            need_known(source, f"fusions.{name}.members", member, variants)
        if isinstance(fusion.members, list) != (fusion.weights is not None):
            raise InputError(
                f"{source}: fusions.{name}: give every member a weight, or list the members and "
                "set weights: validation"
            )


def _check_claims(config: Config, source: str) -> None:
    rows = {*config.variants, *config.fusions}
    for number, claim in enumerate(config.claims):
        for row in [claim.better, *claim.beaten]:
            need_known(source, f"claims[{number}]", row, rows)
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
        need_known(source, "submission", config.submission, {*variants, *config.fusions})
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
        need_known(source, "occlusion.variants", name, variants)
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
    check_transformer(model.network, model.length, f"{source}: models.skeleton_transformer")
    for name, own in config.pretraining.items():
        place = f"{source}: pretraining.{name}"
        need_layout(place, own.layout)
        need_cleaning(place, own.cleaning, config)
        if config.folds is not None and not own.transductive:
            raise InputError(
                f"{place}: folds is {config.folds}, and whoever it learns from is tested in one "
                "of them; set folds to null, or transductive: true to have its rows marked so"
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
