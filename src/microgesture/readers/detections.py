"""Recordings in the files of other detectors than OpenPose, one each, and a table of clips."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.keypoint_formats import Numbers, resolve_points
from microgesture.data.recordings import Recording
from microgesture.data.store import BadClip, Clip, check_clip
from microgesture.readers.common import ordered_map, shown
from microgesture.readers.detector_files import everyone, read_detections
from microgesture.readers.folders import FRAME, files_below
from microgesture.readers.labels import read_subjects, splits_by_subject, subject_of
from microgesture.readers.openpose_frames import follow
from microgesture.readers.recordings import clips_of, read_segments
from microgesture.settings.data import Detections
from microgesture.utils.errors import InputError

SUFFIXES = (".json", ".npy")
RESULTS = "alphapose-results"
"""What AlphaPose calls all of its files: the folder is the recording then."""


@dataclass(frozen=True)
class Task:
    """A file, and how it is read."""

    name: str
    path: Path
    data: Detections
    numbers: Numbers | None


def read(
    data: Detections, class_names: list[str], workers: int, whole: bool = False
) -> Iterator[Clip | BadClip]:
    """Yield the clips of each recording in the order of the files' names, then that of the table.

    Parameters
    ----------
    data
        ``segments`` is a table as of `microgesture.readers.recordings`; a recording is named by the
        path of its file below ``root`` without the ending, and with ``people: all`` by ``_p0``,
        ``_p1`` and so on after it.
    class_names
        The names that the label column may hold; empty text is not known.
    workers
        Processes.
    whole
        Whether the recordings are yielded as well, each after its clips.

    Raises
    ------
    InputError
        If a file cannot be read, or the table names a recording that is not there.

    """
    files = find_files(Path(data.root))
    segments = read_segments(Path(data.segments))
    if data.people == "subject":
        _check_names(data, segments, set(files))
    # with everybody a recording, who there is is known only after all were read
    known = list(files if data.people == "subject" else segments)
    table = None if data.subjects is None else read_subjects(Path(data.subjects))
    subjects = {name: subject_of(name, table, data.subjects) for name in known}
    splits = splits_by_subject(data.root, set(subjects.values()), data.split)
    numbers = resolve_points(data.points)
    tasks = [Task(name, path, data, numbers) for name, path in files.items()]
    seen: set[str] = set()
    for several in ordered_map(_people, tasks, workers):
        for name, points in several:
            seen.add(name)
            subject = subjects.get(name, name)
            about = (subject, splits.get(subject, "train"), data.fps, data.height, data.width)
            recording = Recording(name, UNKNOWN, *about, points)
            yield from clips_of(data.segments, recording, segments, class_names)
            if whole:
                yield check_clip(recording, name, class_names)
    _check_names(data, segments, seen)


def find_files(root: Path) -> dict[str, Path]:
    """Files below a folder by the name of their recording."""
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; set data.root to the one that holds the files")
    found: dict[str, Path] = {}
    for inside in sorted(files_below(root)):
        path = root / inside
        if path.suffix.lower() not in SUFFIXES or path.name[0] == "." or inside.endswith(FRAME):
            continue
        own = path.stem != RESULTS or path.parent == root
        named = path.with_suffix("") if own else path.parent
        name = named.relative_to(root).as_posix()
        if name in found:
            raise InputError(f"{path}: is recording {name!r} as {found[name]} is; remove one")
        found[name] = path
    if not found:
        raise InputError(
            f"{root}: holds no file {' or '.join(SUFFIXES)}; expected one a recording, as MMPose, "
            "AlphaPose or MediaPipe's users write them"
        )
    return found


def _check_names(data: Detections, segments: Mapping[str, Any], names: set[str]) -> None:
    if unknown := sorted(set(segments) - names):
        line = segments[unknown[0]][0][0]
        raise InputError(
            f"{data.segments}, row {line}: names recording {shown(unknown[0])}, which {data.root} "
            "does not have; remove the row, or add the recording"
        )


def _people(task: Task) -> list[tuple[str, np.ndarray]]:
    """Name and points of the subject of a file, or of everybody."""
    data = task.data
    frames = read_detections(task.path, task.numbers, data.height, data.width)
    if data.people == "all":
        return [(f"{task.name}_p{n}", points) for n, points in enumerate(everyone(frames))]
    people = ([person.points for person in frame] for frame in frames)
    return [(task.name, follow(people, len(frames)))]
