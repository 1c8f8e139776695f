"""The workflow's config, cut into the slice that each step depends on.

A step sees only its own slice, so editing one variant reruns one training job and what follows it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from microgesture.data.keypoint_formats import resolve_points
from microgesture.models.names import GRAPH_MODELS
from microgesture.preprocessing.temporal import timeline
from microgesture.readers.sources import places
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json

Config = Mapping[str, Any]

PLAIN_TRAINING = {
    "optimizer": "sgd",
    "schedule": "cosine",
    "ema": 0.0,
    "validate_from": 0.0,
    "sampling": "natural",
    "label_smoothing": 0.0,
    "logit_adjustment": 0.0,
    "balanced_head_epochs": 0,
}
"""Training settings that a config may leave out, and what they are then."""


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
        yield "semantic.path", words, records / "label_embeddings.json", words_slice(config)


def recorded(record: Path) -> Any:
    """The config that a step's record states; None without a record."""
    try:
        return read_json(record)["config"]
    except (OSError, InputError, KeyError, TypeError):
        return None


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
    """Name of the clip file that a variant reads, such as ``openpose41-standard-align16``."""
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


def preparation_slice(config: Config, cleaning: str, timeline_name: str) -> dict[str, Any]:
    """What a clip file depends on, besides layout and data."""
    aligned = timeline_name.removeprefix("align")
    length = None if aligned == timeline_name else int(aligned)
    gap = {} if length is None else {"max_gap": config["align"]["max_gap"]}
    policy = config["data"]["on_bad_clip"]
    settings = dict(config["cleaning"][cleaning])
    return {"cleaning": settings, "length": length, **gap, "on_bad_clip": policy}


def words_slice(config: Config) -> dict[str, Any]:
    """What the label embeddings depend on, besides the classes."""
    return {key: value for key, value in config["semantic"].items() if key != "weight"}


def heatmap_slice(config: Config, stream: str) -> dict[str, Any]:
    """What drawn heatmaps of a stream depend on, besides their points."""
    own = {k: v for k, v in config["heatmaps"].items() if stream == "limb" or k != "short_limbs"}
    return {**own, "padding": config["box"]["padding"]}


def train_slice(config: Config, name: str) -> dict[str, Any]:
    """What training a variant depends on, besides its input, seed, folds and label embeddings."""
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


def occlusion_slice(config: Config) -> dict[str, Any]:
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
