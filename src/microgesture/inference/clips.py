"""Prediction of clips in memory, prepared as those were that a variant was trained on."""

from collections.abc import Iterable

import numpy as np

from microgesture.data.clip_file import Clips, MemoryRecords
from microgesture.data.store import Clip
from microgesture.heatmaps.cache import cache_in_memory
from microgesture.inference.build import Trained, is_cached, open_input
from microgesture.inference.predict import predict
from microgesture.inputs.base import Input
from microgesture.preprocessing.prepare import prepare_in_memory
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.parse import parse
from microgesture.settings.preparation import Preparation
from microgesture.settings.probing import Testing


def clip_probabilities(
    trained: Trained, clips: Iterable[Clip], testing: Testing
) -> tuple[np.ndarray, list[str]]:
    """Class probabilities of clips, float32 (N, K), and the ids of those without visible points.

    Parameters
    ----------
    trained : Trained
    clips : iterable of Clip
        With different ids; labels are not looked at.
    testing : Testing
        See `predict`.

    """
    records, empty = prepare_for(trained, clips)
    return prepared_probabilities(trained, records, testing), empty


def prepare_for(trained: Trained, clips: Iterable[Clip]) -> tuple[MemoryRecords, list[str]]:
    """Clips prepared as those that a variant was trained on, and the ids of empty ones.

    A clip without visible points is kept, empty.
    """
    made = trained.metadata["preparation"]
    keys = [key for key in ("cleaning", "length", "max_gap") if key in made]
    settings = Preparation(**{key: made[key] for key in keys}, on_bad_clip="skip")
    return prepare_in_memory(clips, trained.layout, settings, trained.layout.source)


def prepared_probabilities(trained: Trained, records: Clips, testing: Testing) -> np.ndarray:
    """Class probabilities of prepared clips, float32 (N, K); see `clip_probabilities`."""
    config = trained.config
    return predict(
        trained.model,
        prepared_input(trained, records),
        np.arange(len(records)),
        temporal=config.temporal,
        length=config.length,
        views=testing.views,
        flip=testing.flip,
        batch=config.batch,
    )


def prepared_input(trained: Trained, records: Clips) -> Input:
    """What a variant reads of prepared clips; they are drawn into a cache where it reads one."""
    config, made = trained.config, trained.metadata["preparation"]
    if is_cached(config):
        keys = ("size", "sigma", "padding", "short_limbs")  # the last only where it was given
        own = {key: made[key] for key in keys if key in made}
        drawing: DrawnHeatmaps = parse(DrawnHeatmaps, own, f"{trained.path}: preparation")
        records = cache_in_memory(records, trained.layout, made["stream"], drawing, config.parts)
    return open_input(config, trained.layout, records)
