"""Checks of a whole config: its keys and values, and its names against each other."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from microgesture.data.keypoint_formats import resolve_points
from microgesture.settings.config import Config as Settings
from microgesture.settings.models import GRAPH_MODELS, HEATMAP_MODELS
from microgesture.settings.networks import GraphNetwork, HeatmapNetwork
from microgesture.utils.errors import InputError
from microgesture.workflow.config import Config, layout_file, variant_config
from microgesture.workflow.messages import explain, why_unquoted


def check_config(config: Config, source: str) -> None:
    """Check a config's keys and values, and its names against each other.

    Raises
    ------
    InputError
        Naming the config file, the entry, what was found and what was expected.

    """
    _check_names(source, config, "")
    try:
        Settings.model_validate(dict(config))
    except ValidationError as error:
        raise InputError(f"{source}: {explain(error, config)}") from None
    _check_data(config, source)
    _check_fusions(config, source)
    _check_claims(config, source)
    _check_titles(config, source)
    _check_choices(config, source)
    for name, variant in config["variants"].items():
        place = f"variants.{name}"
        _known(source, f"{place}.model", variant["model"], config["models"])
        _check_variant(variant_config(config, name), config, f"{source}: {place}")


def _check_data(config: Config, source: str) -> None:
    data = config["data"]
    if data["format"] == "pyskl" and ("path" in data) == ("paths" in data):
        raise InputError(
            f"{source}: data: expected one of path and paths, which format pyskl reads"
        )
    try:
        resolve_points(data.get("points"))
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    for name, cleaning in config["cleaning"].items():
        smooth = cleaning.get("smooth") or {}
        if smooth.get("order", 0) >= smooth.get("frames", math.inf):
            raise InputError(
                f"{source}: cleaning.{name}.smooth: order is {smooth['order']}; expected one below "
                f"the {smooth['frames']} frames"
            )


def _check_fusions(config: Config, source: str) -> None:
    variants, fusions = config["variants"], config["fusions"]
    if both := sorted(set(variants) & set(fusions)):
        raise InputError(f"{source}: {both[0]} is a variant and a fusion; rename one of them")
    for name, fusion in fusions.items():
        members = fusion["members"]
        for member in members:
            _known(source, f"fusions.{name}.members", member, variants)
        if isinstance(members, list) != ("weights" in fusion):
            raise InputError(
                f"{source}: fusions.{name}: give every member a weight, or list the members and "
                "set weights: validation"
            )


def _check_claims(config: Config, source: str) -> None:
    rows = {*config["variants"], *config["fusions"]}
    for number, claim in enumerate(config["claims"]):
        worse = claim["worse"]
        worse = worse if isinstance(worse, list) else [worse]
        for row in [claim["better"], *worse]:
            _known(source, f"claims[{number}]", row, rows)
        if claim["better"] in worse:
            raise InputError(
                f"{source}: claims[{number}] compares {claim['better']} with itself; name another"
            )


def _check_titles(config: Config, source: str) -> None:
    titles: dict[str, str] = {}
    for name, row in [*config["variants"].items(), *config["fusions"].items()]:
        other = titles.setdefault(row["title"], name)
        if other != name:
            raise InputError(
                f"{source}: {other} and {name} have the same title {row['title']!r}; nobody could "
                "tell their rows apart"
            )


def _check_choices(config: Config, source: str) -> None:
    """Check what is submitted, cropped and tested."""
    variants = config["variants"]
    if config["submission"] is not None:
        _known(source, "submission", config["submission"], {*variants, *config["fusions"]})
    low, high = config["augment"]["crop_area"]
    if low > high:
        raise InputError(
            f"{source}: augment.crop_area is [{low}, {high}]; expected the smaller share first"
        )
    if config["folds"] is not None and config["submission"] is not None:
        raise InputError(
            f"{source}: folds is {config['folds']} and submission is {config['submission']!r}; a "
            "challenge's test clips are no fold's, so set one of both to null"
        )
    for name in (config.get("occlusion") or {}).get("variants", []):
        _known(source, "occlusion.variants", name, variants)


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


def _check_variant(variant: Mapping[str, Any], config: Config, place: str) -> None:
    """Check one variant, its model's settings included, against the rest of the config."""
    network = variant["network"]
    if variant["model"] in GRAPH_MODELS:
        whole = GraphNetwork(**network).model_dump()
        for key in ("inflate_stages", "down_stages"):
            if beyond := [stage for stage in whole[key] if stage > whole["num_stages"]]:
                unless = "" if key in network else ", which it is unless given"
                raise InputError(
                    f"{place}: network.{key} is {list(whole[key])}{unless}, but there is no stage "
                    f"{beyond[0]}; num_stages is {whole['num_stages']}"
                )
    if variant["model"] in HEATMAP_MODELS:
        stages = len(HeatmapNetwork(**network).stage_blocks)
        for key in ("inflate", "temporal_strides"):
            if key in network and len(network[key]) != stages:
                raise InputError(
                    f"{place}: network.{key} has {len(network[key])} entries; expected {stages}, "
                    "one for each of stage_blocks"
                )
    if variant["cleaning"] not in config["cleaning"]:
        known = ", ".join(config["cleaning"])
        raise InputError(f"{place}: cleaning is {variant['cleaning']!r}; expected one of {known}")
    if variant.get("input_size", 0) > config["heatmaps"]["size"]:
        raise InputError(
            f"{place}: input_size {variant['input_size']} is larger than heatmaps.size "
            f"{config['heatmaps']['size']}, which is tested on, and cropped where it is cached"
        )
    given = [variant["pretrained"]] if "pretrained" in variant else []
    for path in (layout_file(variant["layout"]), config["classes"], *given):
        if not Path(path).is_file():
            raise InputError(f"{place}: there is no file {path}")


def _known(source: str, place: str, name: str, names: Any) -> None:
    if name not in names:
        raise InputError(f"{source}: {place} names {name!r}; expected one of {', '.join(names)}")
