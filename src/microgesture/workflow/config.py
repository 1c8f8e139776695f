"""The workflow's config: checked once, and cut into the slice that each step depends on.

A step sees only its own slice, so editing one variant reruns one training job and what follows it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from microgesture.data.keypoint_formats import resolve_points
from microgesture.models.names import GRAPH_MODELS, GRAPH_STREAMS, HEATMAP_STREAMS
from microgesture.preprocessing.temporal import timeline
from microgesture.readers.sources import places
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json

Config = Mapping[str, Any]

GRAPH_NETWORK = {"num_stages": 10, "inflate_stages": (5, 8), "down_stages": (5, 8)}
"""What a graph network is where a config does not say it, as in the published ones."""
STAGE_BLOCKS = (4, 6, 3)
"""The same for PoseC3D."""
PLAIN_TRAINING = {
    "sampling": "natural",
    "label_smoothing": 0.0,
    "logit_adjustment": 0.0,
    "balanced_head_epochs": 0,
}
"""Training settings that a config may leave out, and what they are then."""

KINDS = ("format", "source", "model", "method")
"""Keys that say which keys may stand beside them."""

NUMBERS = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ),
    }
)
"""Unlike JSON Schema's own, 1.0 is no whole number and infinity is none at all."""


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


def _named_files(config: Config) -> Iterator[tuple[str, str, Path, Any]]:
    """Place, path, record of the step that reads it and that step's config."""
    records = Path(config["results"], "provenance")
    for key in ("root", "path", "paths", "labels", "subjects", "video_splits"):
        for path in places(config["data"].get(key)):
            yield f"data.{key}", path, records / "skeletons.json", reader_slice(config)
    words = config["semantic"].get("path")
    if words and any(variant.get("semantic") for variant in config["variants"].values()):
        yield "semantic.path", words, records / "label_vectors.json", words_slice(config)


def recorded(record: Path) -> Any:
    """The config that a step's record states; None without a record."""
    try:
        return read_json(record)["config"]
    except (OSError, InputError, KeyError, TypeError):
        return None


def check_config(config: Config, schema: Path, source: str) -> None:
    """Check a config against the schema and its names against each other.

    Raises
    ------
    InputError
        Naming the config file, the entry, what was found and what was expected.

    """
    _check_names(source, config, "")
    rules = yaml.safe_load(schema.read_text(encoding="utf-8"))
    validator = extend(Draft202012Validator, {"pattern": _whole}, type_checker=NUMBERS)(rules)
    errors = sorted(validator.iter_errors(config), key=lambda e: list(map(str, e.path)))
    if errors:
        raise InputError(f"{source}: {_explain(errors[0])}")
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
    variants, fusions = config["variants"], config["fusions"]
    rows = {*variants, *fusions}
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
    for number, claim in enumerate(config["claims"]):
        worse = claim["worse"]
        worse = worse if isinstance(worse, list) else [worse]
        for row in [claim["better"], *worse]:
            _known(source, f"claims[{number}]", row, rows)
        if claim["better"] in worse:
            raise InputError(
                f"{source}: claims[{number}] compares {claim['better']} with itself; name another"
            )
    titles: dict[str, str] = {}
    for name, row in [*variants.items(), *config["fusions"].items()]:
        other = titles.setdefault(row["title"], name)
        if other != name:
            raise InputError(
                f"{source}: {other} and {name} have the same title {row['title']!r}; nobody could "
                "tell their rows apart"
            )
    if config["submission"] is not None:
        _known(source, "submission", config["submission"], rows)
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
    for name in (config.get("explain") or {}).get("variants", []):
        _known(source, "explain.variants", name, variants)
    for name, variant in variants.items():
        place = f"variants.{name}"
        _known(source, f"{place}.model", variant["model"], config["models"])
        _check_variant(variant_config(config, name), config, f"{source}: {place}")


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
                    f"{_read(name)}"
                )
            _check_names(source, one, f"{place}.{name}".lstrip("."))


def _read(value: Any) -> str:
    """Why YAML gives this where text was written."""
    if isinstance(value, bool):
        return ", since YAML takes yes, no, on and off for true and false"
    if isinstance(value, int):
        return ", since YAML takes digits for a number, an octal one after a leading 0"
    return ""


def _whole(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    """The schema's `pattern` for all of a text; jsonschema's own lets a line break follow it."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _check_variant(variant: Mapping[str, Any], config: Config, place: str) -> None:
    """Check one variant, its model's settings included, against the rest of the config."""
    streams = GRAPH_STREAMS if variant["model"] in GRAPH_MODELS else HEATMAP_STREAMS
    if variant["stream"] not in streams:
        raise InputError(
            f"{place}: stream is {variant['stream']!r}; {variant['model']} takes "
            f"{', '.join(streams)}"
        )
    network = variant["network"]
    stages = len(network.get("stage_blocks", STAGE_BLOCKS))
    if variant["model"] in GRAPH_MODELS:
        whole: dict[str, Any] = {**GRAPH_NETWORK, **network}
        for key in ("inflate_stages", "down_stages"):
            if beyond := [stage for stage in whole[key] if stage > whole["num_stages"]]:
                unless = "" if key in network else ", which it is unless given"
                raise InputError(
                    f"{place}: network.{key} is {list(whole[key])}{unless}, but there is no stage "
                    f"{beyond[0]}; num_stages is {whole['num_stages']}"
                )
    for key in ("inflate", "temporal_strides"):
        if key in network and len(network[key]) != stages:
            raise InputError(
                f"{place}: network.{key} has {len(network[key])} entries; expected {stages}, one "
                "for each of stage_blocks"
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


def _explain(error: ValidationError) -> str:
    """One line for what jsonschema found, in the words of the config file."""
    if error.validator == "oneOf" and error.context:
        # of the alternatives, report on the one that was chosen
        unchosen = {e.message for e in error.context if e.validator == "required"}
        for kind in KINDS:
            if (message := f"{kind!r} is a required property") in unchosen:
                return f"{'.'.join(map(str, error.absolute_path))}: {message}"
        chosen = [e for e in error.context if not _wrong_kind(e)]
        wrong = {e.schema_path[0]: e for e in error.context if _wrong_kind(e)}
        alternatives: Any = error.validator_value
        if len(wrong) == len(alternatives):
            kinds = ", ".join(", ".join(_kinds(e)) for e in wrong.values())
            first = next(iter(wrong.values()))
            place = ".".join(map(str, first.absolute_path))
            return f"{place} is {first.instance!r}; expected one of {kinds}"
        chosen = [e for e in chosen if e.schema_path[0] not in wrong] or list(error.context)
        # of a text or a list of texts, the one that is there
        inner = [e for e in chosen if e.validator != "type" or e.relative_path]
        return _explain((inner or chosen)[0])
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)[1:]
    place = place or "top level"
    if error.validator == "additionalProperties":
        schema: Any = error.schema
        entry: Any = error.instance
        known = list(schema["properties"])
        unknown = [key for key in entry if key not in known]
        return f"{place}: unknown key {unknown[0]!r}; known keys: {', '.join(known)}"
    if error.validator == "not":  # the one thing that the schema excludes
        return f"{place} is {error.instance}; expected an odd number"
    if error.validator == "const":
        return f"{place} is {error.instance!r}; expected {error.validator_value!r}"
    if _is_unquoted(error):
        return f"{place} is {error.instance!s}; put it in quotes{_read(error.instance)}"
    hint = ""
    if error.validator == "type" and _is_power(error.instance):
        hint = "; YAML takes it for text: write it with a point, such as 1.0e-3"
    return f"{place}: {error.message}{hint}"


def _is_unquoted(error: ValidationError) -> bool:
    """Whether text is expected where YAML found a number, a truth value or a date."""
    expected: Any = error.validator_value
    if error.validator in ("enum", "const"):
        choices = expected if isinstance(expected, list) else [expected]
        wanted = all(isinstance(choice, str) for choice in choices)
    else:
        kinds = [expected] if isinstance(expected, str) else expected
        wanted = error.validator == "type" and "string" in kinds
    return wanted and isinstance(error.instance, bool | int | float | date)


def _is_power(value: Any) -> bool:
    """Whether a text is a number such as 1e-3."""
    try:
        return isinstance(value, str) and "e" in value.lower() and math.isfinite(float(value))
    except ValueError:
        return False


def _wrong_kind(error: ValidationError) -> bool:
    """Whether an alternative is out because another one was chosen by its key of `KINDS`."""
    return error.validator in ("const", "enum") and error.absolute_path[-1] in KINDS


def _kinds(error: ValidationError) -> list[str]:
    value: Any = error.validator_value
    return [str(kind) for kind in (value if isinstance(value, list) else [value])]


def layout_file(name: str) -> str:
    """The file of a layout."""
    return f"config/layouts/{name}.yaml"


def variant_config(config: Config, name: str) -> dict[str, Any]:
    """A variant's settings: those of its model, with the variant's own on top."""
    variant = dict(config["variants"][name])
    shared = config["models"][variant["model"]]
    merged = {"stream": "joint", "cleaning": "standard", **shared, **variant}
    merged["network"] = {**shared["network"], **variant.get("network", {})}
    merged["training"] = {**PLAIN_TRAINING, **shared["training"], **variant.get("training", {})}
    return merged


def points_name(config: Config, name: str) -> str:
    """Name of the stream file that a variant reads, such as ``openpose41-standard-align16``."""
    variant = variant_config(config, name)
    return "-".join(
        [variant["layout"], variant["cleaning"], timeline(variant["temporal"], variant["length"])]
    )


def reader_slice(config: Config) -> dict[str, Any]:
    """What the reader depends on; generated data is read like any other release."""
    data = config["data"]
    if data["format"] != "synthetic":
        own = {key: value for key, value in data.items() if key != "name"}
        # the numbers themselves, so that a changed format file is noticed
        points = {"points": list(resolve_points(own["points"]) or ())} if "points" in own else {}
        return {**own, **points}
    release = f"{config['results']}/release"
    return {
        "format": "miga2025",
        "root": release,
        "subjects": f"{release}/subjects.csv",
        "test_labels": "real",
        "on_bad_clip": data["on_bad_clip"],
        **{key: data["generate"][key] for key in ("fps", "height", "width")},
    }


def stream_slice(config: Config, cleaning: str, timeline_name: str) -> dict[str, Any]:
    """What a stream file depends on, besides layout and data."""
    aligned = timeline_name.removeprefix("align")
    length = None if aligned == timeline_name else int(aligned)
    gap = {} if length is None else {"max_gap": config["align"]["max_gap"]}
    policy = config["data"]["on_bad_clip"]
    settings = dict(config["cleaning"][cleaning])
    return {"cleaning": settings, "length": length, **gap, "on_bad_clip": policy}


def words_slice(config: Config) -> dict[str, Any]:
    """What the label vectors depend on, besides the classes."""
    return {key: value for key, value in config["semantic"].items() if key != "weight"}


def heatmap_slice(config: Config, stream: str) -> dict[str, Any]:
    """What drawn heatmaps of a stream depend on, besides their points."""
    own = {k: v for k, v in config["heatmaps"].items() if stream == "limb" or k != "short_limbs"}
    return {**own, "padding": config["box"]["padding"]}


def train_slice(config: Config, name: str) -> dict[str, Any]:
    """What training a variant depends on, besides its input, seed, folds and label vectors."""
    variant = variant_config(config, name)
    keys = ["model", "layout", "stream", "temporal", "length", "network", "training"]
    weight = config["semantic"]["weight"] if variant.get("semantic") else 0
    own: dict[str, Any]
    if variant["model"] in GRAPH_MODELS:
        own = {"padding": config["box"]["padding"]}
    else:
        own = {key: variant[key] for key in ("source", "input_size")}
        if variant["source"] == "drawn":  # a cache says it of itself
            own["heatmaps"] = heatmap_slice(config, variant["stream"])
    if "pretrained" in variant:
        own["pretrained"] = variant["pretrained"]
    return {
        "variant": name,
        **{key: variant[key] for key in keys},
        **own,
        "semantic_weight": weight,
        "augment": dict(config["augment"]),
        "imbalance": config["imbalance"],
    }


def robustness_slice(config: Config) -> dict[str, Any]:
    """What the measurement of robustness depends on, besides the model and the clips.

    One view without mirror images is enough to compare levels of noise, and ten times cheaper.
    """
    levels = config["robustness"] or {}
    kinds = {key: value for key, value in levels.items() if key != "runs"}
    return {**kinds, "seed": 0, "testing": {"views": 1, "flip": False}}


def explain_slice(config: Config) -> dict[str, Any]:
    """What occlusion maps depend on, besides the model and the clips."""
    return {"clips": (config["explain"] or {}).get("clips"), "groups": "joint"}


def table_slice(config: Config) -> dict[str, Any]:
    """What the ablation table shows of the config."""
    titles = {}
    for name in config["variants"]:
        variant = variant_config(config, name)
        keys = [key for key in ("title", "model", "source", "pretrained") if key in variant]
        titles[name] = {key: variant[key] for key in keys}
    return {
        "seeds": list(config["seeds"]),
        "folds": config["folds"],
        "imbalance": config["imbalance"],
        "variants": titles,
        "fusions": config["fusions"],
        "claims": config["claims"],
        "data_name": config["data"]["name"],
        "data_format": config["data"]["format"],
    }


def figures_slice(config: Config) -> dict[str, Any]:
    """What the figures beside the table show of the config; one is of the submitted row."""
    keys = ("seeds", "folds", "imbalance", "variants", "fusions", "data_format")
    shown = table_slice(config)
    return {**{key: shown[key] for key in keys}, "submission": config["submission"]}


def page_slice(config: Config) -> dict[str, Any]:
    """What the page of results shows of the config."""
    more = ("submission", "robustness", "explain")
    return {**table_slice(config), **{key: config[key] for key in more}}
