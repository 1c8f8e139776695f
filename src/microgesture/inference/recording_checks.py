"""New recordings before any is predicted: can they be read, and are they like the training data?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.plausibility import failures, likelier_order
from microgesture.data.store import Clip
from microgesture.inference.build import Trained
from microgesture.inference.likeness import Likeness, compare
from microgesture.inference.recordings import Cutting, cutting, usable, windows_of
from microgesture.inference.stored import Recorded
from microgesture.preprocessing.profile import clip_profile, combined
from microgesture.readers.openpose_frames import unasked_parts
from microgesture.settings.preparation import Cleaning
from microgesture.utils.errors import InputError

FPS = 25.0
"""Frames a second where neither the user nor a model says."""
ENOUGH = 500
"""Frames, taken evenly from a recording, that tell whether its points are a body's."""
KEYS = {
    "face": {"face_keypoints_2d"},
    "hands": {"hand_left_keypoints_2d", "hand_right_keypoints_2d"},
}


def choose_fps(given: float | None, models: Sequence[Trained]) -> tuple[float, list[str]]:
    """Frames a second of the recordings, and what to say of models and of the choice.

    Without a number from the user it is the median of what the first model that knows was trained
    on, since frame rates differ more between sets than within.
    """
    models = _shown_clips(models)
    unknown = [model for model in models if not model.metadata.get("profile")]
    notes = [
        f"{model.path}: does not say what its training data looked like, so the recordings cannot "
        "be compared with it; a model that is trained now does"
        for model in unknown
    ]
    if given is not None:
        return given, notes
    known = [model for model in models if model not in unknown]
    if not known:
        return FPS, [*notes, f"--fps is not given: {FPS:g} frames a second are assumed"]
    fps = known[0].metadata["profile"]["statistics"]["fps"][1]
    return fps, [*notes, f"--fps is not given: {fps:g} frames a second as in training are assumed"]


def _shown_clips(models: Sequence[Trained]) -> list[Trained]:
    """Each network once that is shown clips, see `Trained.parts`."""
    return list({one.path: one for model in models for one in model.parts}.values())


def parts_not_asked_for(place: Recorded) -> frozenset[str]:
    """Face or hands, where the files of a recording say that OpenPose did not look for them."""
    if not isinstance(place, Path):
        return frozenset()
    empty = unasked_parts(place)
    return frozenset(part for part, keys in KEYS.items() if keys <= empty)


def check_recordings(
    models: Sequence[Trained],
    recordings: Mapping[str, Recorded],
    read: Callable[[Recorded], np.ndarray],
    *,
    fps: float,
    rates: Mapping[str, float] | None = None,
    window: float | None = None,
    stride: float | None = None,
    unasked: Callable[[Recorded], frozenset[str]] = parts_not_asked_for,
    accept: bool = False,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> dict[str, Likeness]:
    """Read every recording once and compare it with what each model was trained on.

    Parameters
    ----------
    models, recordings, read, fps, rates, window, stride
        See `microgesture.inference.recordings.predict_recordings`. Windows are compared where there
        are any, since they are what is predicted.
    unasked : callable
        See `parts_not_asked_for`.
    accept : bool
        Whether only what cannot be read is refused, and all else warned of.

    """
    every, found = rates or {}, {}
    for name in progress(recordings):
        rate = every.get(name, fps)
        parts = cutting(window, stride, rate)
        found[name] = _check(models, name, recordings[name], read, rate, parts, unasked, accept)
    return found


def _check(
    models: Sequence[Trained],
    name: str,
    place: Recorded,
    read: Callable[[Recorded], np.ndarray],
    fps: float,
    parts: Cutting,
    unasked: Callable[[Recorded], frozenset[str]],
    accept: bool,
) -> Likeness:
    try:
        points = usable(read(place), place)
    except InputError as error:
        return Likeness(str(error))
    _, clips = windows_of(name, points, parts, fps)
    found = [
        compare(points, _measured(model, clips), model.layout, profile, lambda: unasked(place))
        for model in _shown_clips(models)
        if (profile := model.metadata.get("profile"))
    ]
    refused = next((one.refused for one in found if one.refused), None)
    warnings = {code: text for one in found for code, text in one.warnings.items()}
    if reason := implausible(points):
        warnings["order"] = reason
    return Likeness(None if accept else refused, warnings)


def implausible(points: np.ndarray) -> str | None:
    """What is not where a body has it, and the order in which the points would be one."""
    some = points[:: max(len(points) // ENOUGH, 1)]
    failed = failures(some)
    if not failed:
        return None
    likelier = likelier_order(some)
    remedy = f"its points are likelier {likelier}" if likelier else "look at its keypoint format"
    return f"{failed[0].text}: {remedy}"


def _measured(model: Trained, clips: Sequence[Clip]) -> np.ndarray:
    cleaning = Cleaning(**model.metadata["preparation"]["cleaning"])
    return combined([clip_profile(clip, model.layout, cleaning) for clip in clips])


def remarks(checked: Mapping[str, Likeness]) -> Iterator[str]:
    """One line for each recording that is refused or unlike the training data."""
    for name, like in checked.items():
        if like.refused:
            yield f"{name}: is not predicted: {like.refused}"
        elif like.warnings:
            yield f"{name}: unlike the training data: {'; '.join(like.warnings.values())}"


def need_all(checked: Mapping[str, Likeness]) -> None:
    """Refuse to begin while a recording cannot be predicted."""
    bad = [name for name, like in checked.items() if like.refused]
    if bad:
        raise InputError(
            f"{len(bad)} of {len(checked)} recordings cannot be predicted, the first is {bad[0]}: "
            f"{checked[bad[0]].refused}; mend or remove them, or use --on-bad skip"
        )
