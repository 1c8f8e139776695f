"""Prediction of clips in memory, prepared as those were that a variant was trained on."""

from collections.abc import Iterable, Sequence

import numpy as np

from microgesture.data.clip_file import Clips, MemoryRecords
from microgesture.data.store import Clip
from microgesture.heatmaps.cache import cache_in_memory
from microgesture.inference.build import Trained, is_cached, open_input
from microgesture.inference.predict import predict
from microgesture.inference.tokens import tokens_in_memory
from microgesture.inputs.base import Input
from microgesture.inputs.joint import JoinedSource, JointInput
from microgesture.inputs.tokens import TokenInput
from microgesture.preprocessing.prepare import prepare_in_memory
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.parse import parse
from microgesture.settings.preparation import Preparation
from microgesture.settings.probing import Testing
from microgesture.settings.tokens import TokenStep


def clip_probabilities(
    trained: Trained, clips: Iterable[Clip], testing: Testing, crops: Clips | None = None
) -> tuple[np.ndarray, list[str]]:
    """Class probabilities of clips, float32 (N, K), and the ids of those without visible points.

    Parameters
    ----------
    trained : Trained
    clips : iterable of Clip
        With different ids; labels are not looked at.
    testing : Testing
        See `predict`.
    crops : Clips, optional
        Person crops of the same clips in the same order, for networks that read video.

    """
    if trained.sources:
        source, empty = joined_tokens(trained, [*clips], testing, crops)
        return _probabilities(trained, source, testing), empty
    if trained.joined:
        joint, empty = joined_inputs(trained, [*clips], crops)
        return _probabilities(trained, joint, testing), empty
    if trained.skeleton is None and crops is not None:
        return _probabilities(trained, open_input(trained.config, None, crops), testing), []
    records, empty = prepare_for(trained, clips)
    return prepared_probabilities(trained, records, testing), empty


def joined_tokens(
    trained: Trained, clips: Sequence[Clip], testing: Testing, crops: Clips | None = None
) -> tuple[TokenInput, list[str]]:
    """Tokens of clips as a network on tokens takes them, and the ids of those without points.

    A clip counts as empty where no source has a visible point of it; crops always show something.
    """
    device = next(trained.model.parameters()).device
    stated = trained.metadata["preparation"]["sources"]
    every, empty = _each_shown(trained, clips, crops)
    tokens = []
    for one, source, shown in zip(stated, trained.sources, every, strict=True):
        source.model.to(device)
        written = {key: one[key] for key in TokenStep.model_fields}
        step: TokenStep = parse(TokenStep, written, f"{trained.path}: preparation")
        step = step.model_copy(update={"testing": testing})
        tokens.append(tokens_in_memory(source, shown, step))
    return TokenInput(tokens), empty


def joined_inputs(
    trained: Trained, clips: Sequence[Clip], crops: Clips | None = None
) -> tuple[JointInput, list[str]]:
    """Clips as a fusion takes them that holds its sources' networks; see `joined_tokens`."""
    every, empty = _each_shown(trained, clips, crops)
    each = zip(trained.config.networks, trained.joined, every, strict=True)
    sources = [JoinedSource(step, one.skeleton, shown) for step, one, shown in each]
    return JointInput(sources), empty


def _each_shown(
    trained: Trained, clips: Sequence[Clip], crops: Clips | None
) -> tuple[list[Input], list[str]]:
    """What each of its parts is shown of clips, and the ids of those that show none anything."""
    every, empty = [], {clip.clip_id: 0 for clip in clips}
    for part in trained.parts:
        if part.skeleton is None and crops is not None:
            shown, unseen = open_input(part.config, None, crops), list[str]()
        else:
            records, unseen = prepare_for(part, clips)
            shown = prepared_input(part, records)
        # whatever their split, they are looked at as in testing
        shown.records.index["split"] = "test"
        every.append(shown)
        for name in unseen:
            empty[name] += 1
    return every, [name for name, count in empty.items() if count == len(every)]


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
    return _probabilities(trained, prepared_input(trained, records), testing)


def _probabilities(trained: Trained, source: Input, testing: Testing) -> np.ndarray:
    config = trained.config
    return predict(
        trained.model,
        source,
        np.arange(len(source.records)),
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
