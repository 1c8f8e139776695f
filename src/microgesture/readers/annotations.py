"""Files of annotations, as PySKL, MMAction2 and MMN write them, brought to one form.

One pickle for all splits, or one for each; one a clip; labels in the annotations or in a file
beside them; points frame by frame, or the persons of all frames in one list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.store import SPLITS
from microgesture.readers.common import plain_text, shown
from microgesture.readers.folders import label_file, pickle_files, places
from microgesture.readers.safe_pickle import load
from microgesture.settings.data import PySkl
from microgesture.utils.errors import InputError

SPLIT_NAMES = {**{name: name for name in SPLITS}, "valid": "val", "validation": "val"}
KEYS = ("frame_dir", "label", "img_shape", "keypoint")
LARGEST = 20_000_000
"""Points that a compressed clip may unfold to: its size is not that of what the file holds."""


@dataclass(frozen=True)
class Source:
    """One pickle.

    Attributes
    ----------
    path
        Of the annotations.
    split
        That of all its clips, as the config says, or as the name does of a file with labels beside
        it; None where the file or the config says it otherwise.
    labels
        A pickle with the labels of its clips, or None.

    """

    path: Path
    split: str | None = None
    labels: Path | None = None


def find_sources(data: PySkl) -> list[Source]:
    """The pickles at ``data.path``, a file, a folder or a list of them, or at ``data.paths``.

    Raises
    ------
    InputError
        If there is none.

    """
    sources = []
    for split, path in pickle_files(data):
        labels = label_file(path)
        named = SPLIT_NAMES.get(path.name.partition("_")[0]) if labels else None
        sources.append(Source(path, split or named, labels))
    if not sources:
        looked = ", ".join(places(data.path or (data.paths and data.paths.given())))
        raise InputError(f"{looked}: holds no pickle, expected files *.pkl; check the path")
    return sources


def read_annotations(
    source: Source, sized: bool = False
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Annotations of a file, checked for what identifies them, and its splits.

    Parameters
    ----------
    source
        Where they are.
    sized
        Whether the picture's size is known, so that ``img_shape`` may be missing.

    Returns
    -------
    annotations : list of dict
        With the keys of PySKL; ``label`` is None where it is not known.
    splits : dict or None
        For each split that the file names, its clips; None where it names none.

    """
    path, content = source.path, load(source.path)
    splits = None
    annotations = content
    if isinstance(content, dict):
        content = _text_keys(content)
        annotations, splits = content.get("annotations"), content.get("split")
        if "keypoint" in content or "frame_dir" in content:
            annotations = [content]  # a file of one clip
    if not isinstance(annotations, list) or not (splits is None or isinstance(splits, dict)):
        raise InputError(
            f"{path}: holds a {type(content).__name__} without 'split' and 'annotations', "
            "expected what PySKL reads: those two, or a list of annotations, or one annotation"
        )
    labels = None if source.labels is None else _read_labels(source.labels)
    checked = [
        _annotation(f"{path}, annotation {row}", entry, labels, sized)
        for row, entry in enumerate(annotations)
    ]
    if splits is not None:
        splits = {plain_text(name): _members(value) for name, value in splits.items()}
    return checked, splits


def _annotation(
    place: str, entry: Any, labels: Mapping[str, Any] | None, sized: bool
) -> dict[str, Any]:
    """One annotation with text keys, its name a text, and its label."""
    if not isinstance(entry, dict):
        raise InputError(f"{place}: is a {type(entry).__name__}, expected a dict")
    annotation = _text_keys(entry)
    missing = [key for key in KEYS if key not in annotation]
    if "keypoint" in missing and "raw_file" in annotation:
        raise InputError(
            f"{place}: its points are in another file, {shown(annotation['raw_file'])}, which is "
            "not read; put them into the annotations as 'keypoint'"
        )
    # a test clip may be without a label; the config may say the size
    optional = {"label", "img_shape"} if sized else {"label"}
    if set(missing) - optional:
        found = shown(", ".join(map(str, list(annotation)[:8])))
        hint = "" if missing[-1] != "img_shape" else "; or give data.height and data.width"
        raise InputError(f"{place}: has no {', '.join(missing)}; it has {found}{hint}")
    name = plain_text(annotation["frame_dir"])
    if not isinstance(name, str) or not name:
        raise InputError(f"{place}: frame_dir is {shown(name)}, expected text")
    annotation["frame_dir"] = str(name)
    if labels is not None and (beside := labels.get(name)) is not None:
        own = annotation.get("label")
        if own is not None and not np.array_equal(own, beside):
            raise InputError(
                f"{place}: its label is {shown(own)}, but {shown(beside)} in the file of labels "
                "beside it; keep one"
            )
        annotation["label"] = beside
    return annotation


def _read_labels(path: Path) -> dict[str, Any]:
    """Labels by clip, from a dict of them or from a list of dicts ``file_name`` and ``label``."""
    content = load(path)
    if isinstance(content, dict):
        return {plain_text(name): label for name, label in content.items()}
    labels = {}
    for row, entry in enumerate(content if isinstance(content, list) else [content]):
        entry = _text_keys(entry) if isinstance(entry, dict) else {}
        name = plain_text(entry.get("file_name", entry.get("frame_dir")))
        if not isinstance(name, str) or "label" not in entry:
            raise InputError(
                f"{path}, entry {row}: expected a dict {{clip: label}}, or a list of dicts with "
                "file_name and label"
            )
        labels[name] = entry["label"]
    return labels


def _text_keys(entry: Mapping[Any, Any]) -> dict[Any, Any]:
    return {plain_text(key): value for key, value in entry.items()}


def _members(value: Any) -> Any:
    """The clips of a split as a list, where it is one."""
    if isinstance(value, np.ndarray) and value.ndim:
        value = value.tolist()
    listed = isinstance(value, list | tuple | set | frozenset)
    return [plain_text(name) for name in value] if listed else value


def decompress(annotation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Unfold points that are stored as one list of persons over all frames.

    PySKL's ``--compress`` and its Kinetics files hold ``keypoint`` (N, V, 3) with x, y and score,
    and ``frame_inds`` (N,), the frame of each; ``anno_inds``, where it is there, says which of the
    N count. Unlike in PySKL, a frame that shows nobody stays, and is empty.

    Returns
    -------
    mapping
        With ``keypoint`` (M, T, V, 2) and ``keypoint_score`` (M, T, V), M being the most persons in
        a frame; an annotation without ``frame_inds`` as it is.

    Raises
    ------
    InputError
        If the arrays do not fit each other.

    """
    if annotation.get("frame_inds") is None:
        return annotation
    points, frames = annotation["keypoint"], _array(annotation["frame_inds"], "frame_inds")
    shape: tuple[int, ...] = points.shape if isinstance(points, np.ndarray) else ()
    if len(shape) != 3 or shape[2] != 3 or points.dtype.kind not in "fiu":
        raise InputError(
            f"keypoint has shape {shape} beside frame_inds, expected (persons of all frames, "
            "points, 3)"
        )
    if frames.shape != shape[:1] or frames.dtype.kind not in "iu":
        raise InputError(f"frame_inds has shape {frames.shape}, expected {shape[:1]} whole numbers")
    frames = frames.astype(np.int64)  # small types have no room for what is computed below
    if annotation.get("anno_inds") is not None:
        points, frames = _counted(annotation["anno_inds"], points, frames)
    total = annotation.get("total_frames", int(frames.max(initial=-1)) + 1)
    whole = isinstance(total, int | np.integer) and not isinstance(total, bool)
    if not whole or not len(frames) or not 0 <= frames.min() <= frames.max() < total:
        raise InputError(
            f"frame_inds has numbers from {frames.min(initial=0)} to {frames.max(initial=0)}, "
            f"expected those of at least one person, below total_frames, {shown(total)}"
        )
    # which person of its frame each one is, in the order of the file
    order = np.argsort(frames, kind="stable")
    ordered = frames[order]
    number = np.empty(len(frames), int)
    number[order] = np.arange(len(frames)) - np.searchsorted(ordered, ordered)
    persons = int(number.max()) + 1
    if persons * int(total) * shape[1] > LARGEST:
        raise InputError(
            f"holds {persons} persons in a frame and {total} frames of {shape[1]} points, more "
            f"than {LARGEST} points in all; cut the clip"
        )
    unfolded = np.zeros((persons, int(total), shape[1], 3), np.float32)
    with np.errstate(over="ignore"):
        unfolded[number, frames] = points
    return {**annotation, "keypoint": unfolded[..., :2], "keypoint_score": unfolded[..., 2]}


def _array(value: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise InputError(f"{name} is {shown(value)}, expected whole numbers") from error


def _counted(chosen: Any, points: np.ndarray, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of the persons that ``anno_inds``, numbers or a mask, names."""
    numbers = _array(chosen, "anno_inds")
    mask = numbers.dtype.kind == "b" and numbers.shape == frames.shape
    places = numbers.ndim == 1 and numbers.dtype.kind in "iu" and len(set(numbers)) == len(numbers)
    if not mask and not (places and ((numbers >= 0) & (numbers < len(frames))).all()):
        raise InputError(
            f"anno_inds is {shown(chosen)}, expected different numbers below {len(frames)}, or one "
            "yes or no for each"
        )
    return points[numbers], frames[numbers]
