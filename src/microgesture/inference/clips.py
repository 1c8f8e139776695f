"""Prediction of clips in memory, prepared as those were that a variant was trained on."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from microgesture.data.store import Clip
from microgesture.heatmaps.cache import build_cache
from microgesture.inference.build import Trained, is_cached, open_input
from microgesture.inference.predict import predict
from microgesture.inputs.base import Input
from microgesture.preprocessing.prepare import prepare_clips


def clip_probabilities(
    trained: Trained, clips: Iterable[Clip], testing: Mapping[str, Any]
) -> tuple[np.ndarray, list[str]]:
    """Class probabilities of clips, float32 (N, K), and the ids of those without visible points.

    Parameters
    ----------
    trained : Trained
    clips : iterable of Clip
        With different ids; labels are not looked at.
    testing : mapping
        ``views`` and ``flip``, see `predict`.

    """
    with TemporaryDirectory(prefix="microgesture-") as folder:
        path = Path(folder, "points.arrow")
        manifest = prepare_for(trained, clips, path)
        return prepared_probabilities(trained, path, testing), manifest["empty"]


def prepare_for(trained: Trained, clips: Iterable[Clip], path: Path) -> dict[str, Any]:
    """Write clips to a clip file as those were that a variant was trained on; its manifest.

    A clip without visible points is kept, empty, and named in the manifest.
    """
    made = trained.metadata["preparation"]
    keys = [key for key in ("cleaning", "length", "max_gap") if key in made]
    settings = {**{key: made[key] for key in keys}, "on_bad_clip": "skip"}
    layout, names = trained.layout, trained.metadata["classes"]
    return prepare_clips(clips, layout, names, settings, path, layout.source)


def prepared_probabilities(trained: Trained, path: Path, testing: Mapping[str, Any]) -> np.ndarray:
    """Class probabilities of all clips of a clip file, float32 (N, K); see `clip_probabilities`."""
    config = trained.metadata["config"]
    with TemporaryDirectory(prefix="microgesture-") as folder:
        source = prepared_input(trained, path, Path(folder))
        return predict(
            trained.model,
            source,
            np.arange(len(source.records)),
            temporal=config["temporal"],
            length=config["length"],
            views=testing["views"],
            flip=testing["flip"],
            batch=config["training"]["batch"],
        )


def prepared_input(trained: Trained, path: Path, folder: Path) -> Input:
    """What a variant reads of a clip file; a heatmap cache that it needs goes into ``folder``."""
    config, made = trained.metadata["config"], trained.metadata["preparation"]
    if is_cached(config):
        keys = ("size", "sigma", "padding", "short_limbs")  # the last only where it was given
        drawing = {key: made[key] for key in keys if key in made}
        volumes = folder / "heatmaps.arrow"
        build_cache(path, trained.layout, made["stream"], drawing, volumes)
        path = volumes
    return open_input(config, trained.layout, path)
