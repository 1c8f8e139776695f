"""Detection in new recordings with a trained detector, from its files alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.keypoints import KEYPOINT_FORMATS, OPENPOSE
from microgesture.data.layouts import Layout
from microgesture.data.store import iter_store, read_metadata
from microgesture.inference.build import Trained, load_trained
from microgesture.inference.checkpoints import load_checkpoint
from microgesture.inference.recordings import find_recordings, usable
from microgesture.online.classify import frame_scores
from microgesture.online.inference import TrainedDetector, candidates, load_detector
from microgesture.online.postprocessing import above
from microgesture.online.segments import Segment
from microgesture.online.windows import Chosen, decode
from microgesture.preprocessing.cleaning import clean
from microgesture.readers.openpose_frames import read_recording
from microgesture.settings.online import DetectionStep, ScoresStep
from microgesture.settings.parse import parse
from microgesture.settings.preparation import Cleaning
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json

Find = Callable[[np.ndarray, float], list[Segment]]
"""Segments of points (T, P, 3), as a reader gives them, at so many frames a second."""
FPS = 25.0
"""Frames a second where nobody says."""


@dataclass(frozen=True)
class Loaded:
    """A detector as it is used.

    Attributes
    ----------
    find : callable
        See `Find`.
    classes : list of str
    layout : Layout
    delay : int or None
        Frames after which a causal network has told of a frame; None of others.

    """

    find: Find
    classes: list[str]
    layout: Layout
    delay: int | None = None


def load_any(model: Path, chosen: Path, device: Any = "cpu") -> Loaded:
    """Load a detector: its model, and the file ``chosen.json`` of what validation chose.

    Parameters
    ----------
    model : Path
        Of a trained detector, or of the classifier that sees windows.
    chosen : Path
    device : torch.device or str

    Raises
    ------
    InputError
        When one is not what it should be, or they do not belong together.

    """
    stated = read_chosen(chosen)
    config: DetectionStep = parse(DetectionStep, stated["config"], f"{chosen}: config")
    _, metadata = load_checkpoint(model)
    is_detector = "window" in metadata.get("config", {})
    if is_detector != (config.model == "temporal"):
        what = "a trained detector" if is_detector else "a classifier"
        raise InputError(
            f"{model}: is {what}, but {chosen} is of a detector on {config.model}; give the two "
            "files of one detector"
        )
    if is_detector:
        detector = load_detector(model)
        detector.model.to(device)
        return _temporal(detector, stated, chosen, config.flip)
    trained = load_trained(model)
    trained.model.to(device)
    return _windows(trained, stated, chosen)


def read_chosen(path: Path) -> dict[str, Any]:
    """What validation chose of a detector.

    Raises
    ------
    InputError
        When the file is not there, or not such a file.

    """
    try:
        stated = read_json(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give chosen.json") from None
    if not isinstance(stated, dict) or not {"config", "chosen"} <= set(stated):
        raise InputError(
            f"{path}: does not say what was chosen of a detector; expected chosen.json of a folder "
            "results/online/detect"
        )
    return stated


def _check_thresholds(stated: dict[str, Any], classes: list[str], chosen: Path) -> list[float]:
    thresholds = stated["chosen"].get("thresholds", [])
    if len(thresholds) != len(classes):
        raise InputError(
            f"{chosen}: has {len(thresholds)} thresholds, but the model {len(classes)} classes; "
            "give the two files of one detector"
        )
    return [float(one) for one in thresholds]


def _temporal(
    detector: TrainedDetector, stated: dict[str, Any], chosen: Path, flip: bool
) -> Loaded:
    classes, layout = detector.metadata["classes"], detector.layout
    thresholds = _check_thresholds(stated, classes, chosen)
    cleaning = Cleaning(**detector.metadata["preparation"]["cleaning"])
    soft = detector.config.nms == "soft"

    def find(points: np.ndarray, fps: float) -> list[Segment]:
        cleaned = clean(points, cleaning, KEYPOINT_FORMATS[layout.source], fps)
        own = cleaned[:, layout.points]
        every = candidates(detector.model, layout, own, soft=soft, flip=flip)
        return above(every, thresholds)

    causal = detector.config.network.causal
    return Loaded(find, classes, layout, detector.delay if causal else None)


def _windows(trained: Trained, stated: dict[str, Any], chosen: Path) -> Loaded:
    classes = trained.metadata["classes"]
    _check_thresholds(stated, classes, chosen)
    if "windows" not in stated:
        raise InputError(f"{chosen}: does not say which windows are shown; detect again")
    shown: ScoresStep = parse(ScoresStep, stated["windows"], f"{chosen}: windows")
    how = Chosen(**stated["chosen"])

    def find(points: np.ndarray, fps: float) -> list[Segment]:
        return decode(frame_scores(trained, points, fps, shown), how)

    return Loaded(find, classes, trained.layout)


@dataclass(frozen=True)
class Given:
    """A recording to look at: its id, points (T, P, 3), and frames a second where it says them."""

    name: str
    points: np.ndarray
    fps: float | None = None


def given_recordings(path: Path, loaded: Loaded) -> Iterator[Given]:
    """Recordings one by one: of a folder of OpenPose frames, of folders below, or of a store.

    Raises
    ------
    InputError
        When there is none, or a store's points are others than the detector's.

    """
    if path.suffix == ".parquet":
        if (found := read_metadata(path)["points"]) != loaded.layout.source:
            raise InputError(
                f"{path}: holds points in the format {found}, but the detector was trained on "
                f"{loaded.layout.source}"
            )
        for clip in iter_store(path):
            yield Given(clip.clip_id, clip.points, clip.fps)
        return
    need_openpose(loaded, path)
    for name, folder in find_recordings(path).items():
        yield Given(name, usable(read_recording(folder), folder))


def need_openpose(loaded: Loaded, path: Path) -> None:
    """Refuse frames of OpenPose where the detector was trained on other points."""
    if loaded.layout.source != OPENPOSE.name:
        raise InputError(
            f"{path}: holds frames of OpenPose, but the detector was trained on "
            f"{loaded.layout.source}"
        )
