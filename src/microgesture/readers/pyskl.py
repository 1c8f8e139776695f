"""Annotation pickles of PySKL and MMAction2: a list of clips, and which of them a split takes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import InputError
from microgesture.keypoint_formats import BY_COUNT, Numbers, format_of_count, resolve_points
from microgesture.readers.common import place_points, shown
from microgesture.readers.release2023 import known_label
from microgesture.readers.tables import read_subjects, splits_by_subject, subject_of
from microgesture.store import SPLITS, BadClip, Clip, check_clip
from microgesture.unpickle import load

SPLIT_NAMES = {**{name: name for name in SPLITS}, "valid": "val", "validation": "val"}
KEYS = ("frame_dir", "label", "img_shape", "keypoint")


def read(data: Mapping[str, Any], class_names: list[str], workers: int) -> Iterator[Clip | BadClip]:
    """Yield the clips in the order of the file's annotations.

    Parameters
    ----------
    data
        ``path``: the pickle; ``fps``; optionally ``splits``: for names of the file's splits the
        one of train, val and test that they are (the others are left out); ``split``:
        ``{by: subject, val: [...], test: [...]}``, needed where the file has no splits;
        ``subjects``: a CSV ``video,subject`` or None, the video of a clip being its ``frame_dir``
        up to the last underscore; ``test_labels`` ("real", the default, or "placeholder": they are
        not read); ``points``: what the file's points are, see
        `microgesture.keypoint_formats.resolve_points`; they are told by their number otherwise.
    class_names
        Names in id order: a label is a class id from 0, or a class name. That of a test clip may
        be missing, None or negative: it is not known.
    workers
        Not used: the file is read at once.

    Raises
    ------
    InputError
        If the file is no such pickle, or its splits are not known.

    """
    path = Path(data["path"])
    annotations, splits = _parts(path, load(path))
    numbers = resolve_points(data.get("points"))
    table = read_subjects(Path(data["subjects"])) if data.get("subjects") else None
    subjects = [
        subject_of(_video(annotation["frame_dir"]), table, data.get("subjects"))
        for annotation in annotations
    ]
    if data.get("split"):
        by_subject = splits_by_subject(str(path), set(subjects), data["split"])
        ids = [annotation["frame_dir"] for annotation in annotations]
        taken = {i: by_subject.get(s, "train") for i, s in zip(ids, subjects, strict=True)}
    else:
        taken = _taken(path, annotations, splits, data.get("splits"))
    names = set(class_names)
    for row, (annotation, subject) in enumerate(zip(annotations, subjects, strict=True)):
        place, clip_id = f"{path}, annotation {row}", annotation["frame_dir"]
        if clip_id not in taken and data.get("splits"):
            continue
        split = taken.get(clip_id, "none")
        try:
            if split == "none":
                raise InputError("no split of the file names it")
            raw = annotation.get("label")
            label = known_label(raw, class_names, split, data.get("test_labels"))
            height, width = _size(annotation["img_shape"])
            points = _points(annotation, numbers)
        except InputError as error:
            yield BadClip(clip_id, split, place, str(error))
            continue
        clip = Clip(clip_id, label, subject, split, float(data["fps"]), height, width, points)
        yield check_clip(clip, place, names)


def _video(frame_dir: str) -> str:
    return frame_dir.rpartition("_")[0] or frame_dir


def _parts(path: Path, content: Any) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The annotations, checked for what identifies them, and the splits where there are any."""
    splits = None
    annotations = content
    if isinstance(content, dict):
        annotations, splits = content.get("annotations"), content.get("split")
    if not isinstance(annotations, list) or not (splits is None or isinstance(splits, dict)):
        raise InputError(
            f"{path}: holds a {type(content).__name__} without 'split' and 'annotations', "
            "expected what PySKL reads: those two, or a list of annotations"
        )
    seen: dict[str, int] = {}
    for row, annotation in enumerate(annotations):
        place = f"{path}, annotation {row}"
        if not isinstance(annotation, dict):
            raise InputError(f"{place}: is a {type(annotation).__name__}, expected a dict")
        missing = [key for key in KEYS if key not in annotation]
        if missing and missing != ["label"]:  # which a test clip may be without
            found = shown(", ".join(map(str, list(annotation)[:8])))
            raise InputError(f"{place}: has no {', '.join(missing)}; it has {found}")
        name = annotation["frame_dir"]
        if not isinstance(name, str) or not name:
            raise InputError(f"{place}: frame_dir is {shown(name)}, expected text")
        if name in seen:
            raise InputError(
                f"{place}: frame_dir {shown(name)} is also that of annotation {seen[name]}; "
                "give every clip its own"
            )
        seen[name] = row
    return annotations, splits


def _taken(
    path: Path,
    annotations: Sequence[Mapping[str, Any]],
    splits: Mapping[str, Any] | None,
    wanted: Mapping[str, str] | None,
) -> dict[str, str]:
    """The split of every clip that one names."""
    if splits is None:
        raise InputError(
            f"{path}: has no splits; give data.split {{by: subject, val: [...], test: [...]}}"
        )
    known = wanted or SPLIT_NAMES
    strange = [name for name in splits if name not in known] if not wanted else []
    absent = [name for name in wanted or {} if name not in splits]
    if strange or absent:
        wrong = f"has a split {shown(strange[0])}" if strange else f"has no split {absent[0]!r}"
        raise InputError(
            f"{path}: {wrong}; it has {shown(', '.join(map(str, splits)))}: say in data.splits "
            "which of them is train, val and test"
        )
    ids = {annotation["frame_dir"] for annotation in annotations}
    taken: dict[str, str] = {}
    for name in splits:
        members = splits[name] if name in known else []
        if not isinstance(members, list | tuple | np.ndarray):
            raise InputError(f"{path}: split {shown(name)} is no list of clips")
        for member in members:
            if not isinstance(member, str) or member not in ids:
                raise InputError(
                    f"{path}: split {shown(name)} names {shown(member)}, which has no annotation"
                )
            if taken.setdefault(str(member), known[name]) != known[name]:
                raise InputError(
                    f"{path}: clip {shown(member)} is in {taken[member]} and in {known[name]}; "
                    "leave one of the splits out with data.splits"
                )
    return taken


def _size(raw: Any) -> tuple[int, int]:
    sides = raw.tolist() if isinstance(raw, np.ndarray) else raw
    pair = isinstance(sides, list | tuple) and len(sides) == 2
    if not pair or not all(isinstance(n, int | np.integer) and 0 < n < 2**31 for n in sides):
        raise InputError(f"img_shape is {shown(raw)}, expected (height, width) in pixels")
    return int(sides[0]), int(sides[1])


def _points(annotation: Mapping[str, Any], numbers: Numbers | None) -> np.ndarray:
    """Points of the person with the highest mean score, float32 (T, 137, 3)."""
    keypoint = annotation["keypoint"]
    shape = np.shape(keypoint) if isinstance(keypoint, np.ndarray) else ()
    if len(shape) != 4 or shape[3] != 2 or keypoint.dtype.kind not in "fiu":
        found = f"shape {shape}" if shape else f"type {type(keypoint).__name__}"
        raise InputError(f"keypoint has {found}, expected an array (persons, frames, points, 2)")
    if 0 in shape[:3]:
        raise InputError(f"keypoint has shape {shape}, expected at least one person and frame")
    frames = annotation.get("total_frames", shape[1])
    if not isinstance(frames, int | np.integer) or frames != shape[1]:
        raise InputError(f"total_frames is {shown(frames)}, but keypoint has {shape[1]} frames")
    score = annotation.get("keypoint_score")
    if score is None:
        # without scores, (0, 0) says that a point was not found
        score = (keypoint != 0).any(axis=3)
    elif not isinstance(score, np.ndarray) or score.shape != shape[:3] or score.dtype.kind != "f":
        found = f"shape {score.shape}" if isinstance(score, np.ndarray) else "no array"
        raise InputError(f"keypoint_score has {found}, expected float {shape[:3]}")
    expected = numbers or format_of_count(shape[2])
    if expected is None or len(expected) != shape[2]:
        known = ", ".join(map(str, sorted(BY_COUNT)))
        raise InputError(
            f"keypoint has {shape[2]} points, expected "
            + (f"the {len(numbers)} of data.points" if numbers else f"137 or one of {known}")
            + "; say in data.points which of the 137 they are"
        )
    person = int(score.mean(axis=(1, 2), dtype=float).argmax())
    both = np.concatenate([keypoint[person], score[person][..., None]], axis=2, dtype=np.float64)
    return place_points(both, expected)
