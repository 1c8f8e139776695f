"""Annotations of PySKL and MMAction2: lists of clips, and which of them a split takes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.keypoint_formats import BY_COUNT, Numbers, format_of_count, resolve_points
from microgesture.data.keypoints import fill_midpoints
from microgesture.data.store import BadClip, Clip, check_clip
from microgesture.readers.annotations import (
    SPLIT_NAMES,
    Source,
    decompress,
    find_sources,
    read_annotations,
)
from microgesture.readers.common import ordered_map, place_points, shown
from microgesture.readers.folders import DATA, LABELS
from microgesture.readers.labels import read_subjects, splits_by_subject, subject_of
from microgesture.readers.release2023 import known_label
from microgesture.readers.tracker import follow_surest, sighting
from microgesture.settings.data import PySkl
from microgesture.utils.errors import InputError

# Pickles up to this size, as those of one clip or video, are read by several processes.
SMALL = 1 << 22
# More persons than this, and than four times the frames, are taken for frames.
MOST_PERSONS = 20


@dataclass(frozen=True)
class _Outline:
    """What a file names: its clips and, for each of its splits, which of them."""

    source: Source
    ids: list[str]
    splits: dict[str, Any] | None


@dataclass(frozen=True)
class _Task:
    """One file and what is known of its clips: split and subject of those that are wanted."""

    source: Source
    known: dict[str, tuple[str, str]]
    data: PySkl
    class_names: list[str]


def read(data: PySkl, class_names: list[str], workers: int) -> Iterator[Clip | BadClip]:
    """Yield the clips in the order of the files and of their annotations.

    Parameters
    ----------
    data
        Those of ``paths`` are the splits of the clips of files that name none. Of the files' own
        splits, those that ``splits`` does not name are left out; ``split`` is needed where there
        are none. The video of a clip, which ``subjects`` names, is its ``frame_dir`` up to the
        last underscore. Placeholders for ``test_labels`` are not read. Without ``points``, the
        keypoint format is told by the number of points.
    class_names
        Names in id order: a label is a class id from 0, or a class name. That of a test clip may
        be missing, None or negative: it is not known.
    workers
        Processes, where there are several small files; one larger file is in memory at a time.

    Raises
    ------
    InputError
        If a file is no such pickle, or the splits are not known.

    """
    sources = find_sources(data)
    numbers = resolve_points(data.points)
    table = read_subjects(Path(data.subjects)) if data.subjects else None
    sized = _sized(data)
    whole = read_annotations(sources[0], sized) if len(sources) == 1 else None
    if whole:
        outlines = [_outline(sources[0], *whole)]
    else:
        jobs = [(source, sized) for source in sources]
        small = all(source.path.stat().st_size <= SMALL for source in sources)
        workers = workers if small else 1
        outlines = list(ordered_map(_read_outline, jobs, workers))
    _check_ids(outlines)
    subjects = {
        clip_id: subject_of(_video(clip_id), table, data.subjects)
        for outline in outlines
        for clip_id in outline.ids
    }
    if data.split:
        place = str(sources[0].path)
        by_subject = splits_by_subject(place, set(subjects.values()), data.split)
        taken = {clip_id: by_subject.get(who, "train") for clip_id, who in subjects.items()}
    else:
        taken = _taken(outlines, set(subjects), data.splits)
    # of splits that the config chooses, the clips of the others are left out
    wanted = set(taken) if data.splits else set(subjects)
    tasks = [
        _Task(
            outline.source,
            {i: (taken.get(i, "none"), subjects[i]) for i in outline.ids if i in wanted},
            data,
            class_names,
        )
        for outline in outlines
    ]
    if whole:
        yield from _clips(tasks[0], whole[0], numbers)
    elif workers > 1:
        for clips in ordered_map(_read_clips, tasks, workers):
            yield from clips
    else:
        for task in tasks:
            yield from _clips(task, read_annotations(task.source, sized)[0], numbers)


def _sized(data: PySkl) -> bool:
    return bool(data.height and data.width)


def _outline(source: Source, annotations: list[dict[str, Any]], splits: Any) -> _Outline:
    return _Outline(source, [annotation["frame_dir"] for annotation in annotations], splits)


def _read_outline(job: tuple[Source, bool]) -> _Outline:
    return _outline(job[0], *read_annotations(*job))


def _read_clips(task: _Task) -> list[Clip | BadClip]:
    annotations, _ = read_annotations(task.source, _sized(task.data))
    return list(_clips(task, annotations, resolve_points(task.data.points)))


def _clips(
    task: _Task, annotations: list[dict[str, Any]], numbers: Numbers | None
) -> Iterator[Clip | BadClip]:
    data = task.data
    for row, annotation in enumerate(annotations):
        place, clip_id = f"{task.source.path}, annotation {row}", annotation["frame_dir"]
        if clip_id not in task.known:
            continue
        split, subject = task.known[clip_id]
        try:
            if split == "none":
                raise InputError("no split of the file names it")
            raw = annotation.get("label")
            label = known_label(raw, task.class_names, split, data.test_labels)
            height, width = _size(annotation.get("img_shape", (data.height, data.width)))
            points = _points(decompress(annotation), numbers)
        except InputError as error:
            yield BadClip(clip_id, split, place, str(error))
            continue
        clip = Clip(clip_id, label, subject, split, float(data.fps), height, width, points)
        yield check_clip(clip, place, task.class_names)


def _video(frame_dir: str) -> str:
    return frame_dir.rpartition("_")[0] or frame_dir


def _check_ids(outlines: list[_Outline]) -> None:
    """Refuse two clips of one name, in one file or in two."""
    files: set[Path] = set()
    seen: dict[str, tuple[Path, int]] = {}
    for outline in outlines:
        path = outline.source.path
        if path in files:
            raise InputError(f"{path}: is named twice in data.path or data.paths; name it once")
        files.add(path)
        for row, name in enumerate(outline.ids):
            other, number = seen.setdefault(name, (path, row))
            if (other, number) != (path, row):
                of = f"annotation {number}" if other == path else f"{other}, annotation {number}"
                raise InputError(
                    f"{path}, annotation {row}: frame_dir {shown(name)} is also that of {of}; "
                    "give every clip its own"
                )


def _taken(
    outlines: list[_Outline], ids: set[str], wanted: Mapping[str, str] | None
) -> dict[str, str]:
    """The split of every clip that one names."""
    known = wanted or SPLIT_NAMES
    named = {name: outline for outline in outlines for name in outline.splits or ()}
    for name in wanted or ():
        if name not in named:
            raise _unknown_split(outlines[0], f"has no split {name!r}", named)
    taken: dict[str, str] = {}
    for outline in outlines:
        given = outline.source.split
        if outline.splits is not None:
            for name, members in outline.splits.items():
                if name in known:
                    _take(taken, outline, name, known[name], members, ids)
                elif not wanted:
                    raise _unknown_split(outline, f"has a split {shown(name)}", outline.splits)
        elif given:
            _take(taken, outline, given, given, outline.ids, ids)
        else:
            path = outline.source.path
            labels = path.name.replace(DATA, LABELS)
            beside = f", or put its labels in {labels} beside it" if labels != path.name else ""
            raise InputError(
                f"{path}: has no splits; give data.split {{by: subject, val: [...], test: [...]}}, "
                f"or data.paths {{train: ..., val: ...}} with the files of each{beside}"
            )
    for outline in outlines:
        given = outline.source.split
        strange = [i for i in outline.ids if given and taken.get(i, given) != given]
        if strange:
            raise InputError(
                f"{outline.source.path}: clip {shown(strange[0])} is in split {taken[strange[0]]} "
                f"of the file, but {given} by data.paths or the file's name; give data.path "
                "instead of data.paths, or rename the file"
            )
    return taken


def _unknown_split(outline: _Outline, wrong: str, named: Iterable[str]) -> InputError:
    return InputError(
        f"{outline.source.path}: {wrong}; it has {shown(', '.join(map(str, named)))}: say in "
        "data.splits which of them is train, val and test"
    )


def _take(
    taken: dict[str, str], outline: _Outline, name: str, split: str, members: Any, ids: set[str]
) -> None:
    """Add the members of one split of a file."""
    path = outline.source.path
    if not isinstance(members, list):
        raise InputError(f"{path}: split {shown(name)} is no list of clips")
    for member in members:
        if not isinstance(member, str) or member not in ids:
            raise InputError(
                f"{path}: split {shown(name)} names {shown(member)}, which has no annotation"
            )
        if taken.setdefault(str(member), split) != split:
            raise InputError(
                f"{path}: clip {shown(member)} is in {taken[member]} and in {split}; "
                "leave one of the splits out with data.splits"
            )


def _size(raw: Any) -> tuple[int, int]:
    sides = raw.tolist() if isinstance(raw, np.ndarray) else raw
    pair = isinstance(sides, list | tuple) and len(sides) == 2
    if not pair or not all(isinstance(n, int | np.integer) and 0 < n < 2**31 for n in sides):
        raise InputError(f"img_shape is {shown(raw)}, expected (height, width) in pixels")
    return int(sides[0]), int(sides[1])


def _points(annotation: Mapping[str, Any], numbers: Numbers | None) -> np.ndarray:
    """Points of the person with the highest mean score, float32 (T, 137, 3).

    A frame in which it is not found is all zero.
    """
    keypoint = annotation["keypoint"]
    shape = np.shape(keypoint) if isinstance(keypoint, np.ndarray) else ()
    if len(shape) != 4 or shape[3] != 2 or keypoint.dtype.kind not in "fiu":
        raise InputError(_wrong_array(keypoint, shape))
    if 0 in shape[:3]:
        raise InputError(f"keypoint has shape {shape}, expected at least one person and frame")
    frames = annotation.get("total_frames", shape[1])
    if not isinstance(frames, int | np.integer) or frames != shape[1]:
        raise InputError(f"total_frames is {shown(frames)}, but keypoint has {shape[1]} frames")
    if shape[0] > max(MOST_PERSONS, 4 * shape[1]) and "frame_inds" not in annotation:
        raise InputError(
            f"keypoint has {shape[0]} persons in {shape[1]} frames, expected (persons, frames, "
            "points, 2); exchange the first two axes of keypoint and keypoint_score"
        )
    score = annotation.get("keypoint_score")
    if score is None:
        # without scores, (0, 0) says that a point was not found
        score = (keypoint != 0).any(axis=3)
    elif not isinstance(score, np.ndarray) or score.shape != shape[:3]:
        found = f"shape {score.shape}" if isinstance(score, np.ndarray) else "no array"
        raise InputError(f"keypoint_score has {found}, expected float {shape[:3]}")
    elif score.dtype.kind not in "fiub":  # flags say what is visible
        raise InputError(f"keypoint_score has the type {score.dtype}, expected float")
    expected = numbers or format_of_count(shape[2])
    if expected is None or len(expected) != shape[2]:
        known = ", ".join(map(str, sorted(BY_COUNT)))
        raise InputError(
            f"keypoint has {shape[2]} points, expected "
            + (f"the {len(numbers)} of data.points" if numbers else f"137 or one of {known}")
            + "; say in data.points which of the 137 they are"
        )

    def placed(person: int) -> np.ndarray:
        both = np.concatenate(
            [keypoint[person], score[person][..., None]], axis=2, dtype=np.float64
        )
        return fill_midpoints(place_points(both, expected))

    return _followed(placed, np.asarray(score).mean(axis=2, dtype=float), (score != 0).any(axis=2))


def _wrong_array(keypoint: Any, shape: tuple[int, ...]) -> str:
    found = f"shape {shape}" if shape else f"type {type(keypoint).__name__}"
    hint = ""
    if shape and keypoint.dtype.kind not in "fiu":
        found, hint = f"{found} and type {keypoint.dtype}", "; write it as float32"
    elif isinstance(keypoint, list):
        hint = "; write numpy arrays"
    elif len(shape) == 4 and shape[3] == 3:
        hint = (
            "; where the third number is the score, give it as keypoint_score, and where it is a "
            "depth, leave it out"
        )
    elif len(shape) == 3 and shape[2] in (2, 3):
        hint = "; put the axis of persons in front, of length 1 where there is one"
    return f"keypoint has {found}, expected an array (persons, frames, points, 2){hint}"


def _followed(
    placed: Callable[[int], np.ndarray], scores: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Points of one person, wherever along the persons' axis it is in each frame.

    Parameters
    ----------
    placed
        Gives the points (T, 137, 3) of an entry of that axis.
    scores
        (M, T), mean scores.
    seen
        bool (M, T), where an entry is somebody.

    """
    surest = int(scores.mean(axis=1).argmax())  # one that is no number comes first, and is told
    people = np.flatnonzero(seen.any(axis=1)).tolist()
    if len(people) <= 1 or not np.isfinite(scores[surest]).all():
        return placed(surest)
    # summed up person by person: all of them, with 137 points each, might not fit
    sightings = []
    for person in people:
        points = placed(person)
        sightings.append(
            [sighting(p) if there else None for p, there in zip(points, seen[person], strict=True)]
        )
    path = follow_surest(list(zip(*sightings, strict=True)), scores[people])
    followed = np.zeros_like(points)
    for entry in sorted({number for number in path if number is not None}):
        frames = [t for t, number in enumerate(path) if number == entry]
        followed[frames] = placed(people[entry])[frames]
    return followed
