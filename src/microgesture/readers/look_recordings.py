"""What a new data set of long recordings holds: videos, files of detectors, or the plain form."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from microgesture.data.keypoint_formats import named_format
from microgesture.data.keypoints import MIDPOINTS, OPENPOSE
from microgesture.readers.common import shown
from microgesture.readers.detections import find_files
from microgesture.readers.detector_files import read_detections
from microgesture.readers.folders import VIDEOS, files_below, folders_below, video_paths
from microgesture.readers.labels import csv_rows, read_subjects, subject_of
from microgesture.readers.look_common import NOT_SAID, Look, deal_out, name_classes, need_splits
from microgesture.readers.recordings import HEADER, NAME, Segment, left_out, read_segments
from microgesture.readers.sources import formats_in
from microgesture.utils.errors import InputError

FOUND_BY_POSE = "mediapipe553"
A_PERSON = re.compile(r"_p\d+$")
"""What ends the name of a recording that is one of several people's of a file."""
HOLDS = {
    "video": "videos",
    "detections": "files that may be a detector's",
    "recordings": "recordings",
}


def kind_of_recordings(path: Path) -> str | None:
    """The format of a folder of recordings, which the names of its files alone do not tell.

    None where it is another place, or the names tell a known format.

    Raises
    ------
    InputError
        When it is a single video, or may be of two formats.

    """
    if path.is_file() and path.suffix.lower() in VIDEOS:
        raise InputError(
            f"{path}: is one video; give the folder that holds all videos and the table of clips"
        )
    if path.is_file() and path.suffix.lower() == ".parquet":
        return "recordings" if _is_long(path) else None
    if not path.is_dir() or formats_in(path):
        return None
    examples = {
        "recordings": next((one for one in sorted(path.glob("*.parquet")) if _is_long(one)), None),
        "video": next(video_paths(path), None),
        "detections": _detections_in(path),
    }
    found = {kind: example for kind, example in examples.items() if example is not None}
    if "recordings" in found:
        return "recordings"  # those of a folder that `microgesture pose` wrote, say
    if len(found) > 1:
        several = " and ".join(f"{HOLDS[kind]} ({one})" for kind, one in found.items())
        raise InputError(f"{path}: holds {several}; give the folder of one kind alone")
    return next(iter(found), None)


def _is_long(path: Path) -> bool:
    return NAME in pq.read_schema(path).names


def _detections_in(path: Path) -> Path | None:
    """A file that `find_files` takes for a detector's, if there is any."""
    if not any(name.lower().endswith((".json", ".npy")) for name in files_below(path)):
        return None
    try:
        return next(iter(find_files(path).values()))
    except InputError:
        return None


def look_at_videos(found: Look, path: Path) -> None:
    """Names alone: where the key points are is for the step `pose` to find."""
    table, segments = _segments(path, "video")
    root = _root(path, segments, _video_names)
    found.data |= {"root": str(root), "segments": str(table)}
    found.said["root"] = "the step pose finds the key points; see docs/pose.md"
    names = _video_names(root)
    _need_names(table, segments, names, root)
    _take_people(found, path, segments, names, table)
    numbers = [number for number in named_format(FOUND_BY_POSE) if number is not None]
    found.seen = np.zeros(OPENPOSE.count)
    found.seen[[*numbers, *MIDPOINTS]] = 1
    found.source = OPENPOSE.name


def look_at_detections(found: Look, path: Path) -> None:
    """Files of MMPose, AlphaPose or MediaPipe; the latter's numbers are shares of the picture."""
    table, segments = _segments(path, "detections")
    root = _root(path, segments, find_files)
    files = find_files(root)
    names: Iterable[str] = files
    everybody = not set(segments) <= set(files) and all(A_PERSON.search(one) for one in segments)
    if everybody:
        names = segments
    of_files = {A_PERSON.sub("", one) if everybody else one: rows for one, rows in segments.items()}
    _need_names(table, of_files, files, root)
    shares = _are_shares(next(iter(files.values())))
    height, width = (720, 1280) if shares else (2160, 3840)
    found.data |= {"root": str(root), "segments": str(table), "fps": 25}
    found.data |= {"height": height, "width": width}
    found.said["fps"] = NOT_SAID
    why = f"points are shares of it, and {NOT_SAID}" if shares else NOT_SAID
    found.said |= dict.fromkeys(("height", "width"), why)
    found.data["people"] = "all" if everybody else "subject"
    found.said["people"] = (
        "the table names recordings of one person each"
        if everybody
        else "the surest; or all: each is a recording of its own, such as talk_p0"
    )
    _take_people(found, path, segments, names, table)


def look_at_recordings(found: Look, path: Path) -> None:
    """The plain form of long recordings, such as `microgesture pose` writes."""
    folder = path.parent if path.is_file() else path
    several = [one for one in sorted(path.glob("*.parquet")) if _is_long(one)] or [path]
    if len(several) > 1:
        raise InputError(
            f"{path}: holds several files of recordings, {several[0].name} and {several[1].name}; "
            "give one of them"
        )
    (file,) = several
    table, segments = _segments(folder, "recordings")
    with pq.ParquetFile(file) as parquet:
        wanted = [one for one in (NAME, "subject", "split") if one in parquet.schema_arrow.names]
        if missing := {"subject"} - set(wanted):
            raise InputError(f"{file}: has no column {', '.join(missing)}, of the plain form")
        columns = parquet.read(columns=wanted).to_pydict()
        bad = left_out(parquet)
    found.data |= {"path": str(file), "segments": str(table)}
    subjects = dict(zip(columns[NAME], columns["subject"], strict=True))
    subjects |= {name: subject for name, (subject, _) in bad.items()}
    _need_names(table, segments, subjects, file)
    # what `microgesture pose` writes is for training as a whole
    if set(columns.get("split", ["train"])) == {"train"}:
        deal_out(found, {subjects[name] for name in segments if name not in bad}, str(file))
    else:
        need_splits(file, columns["split"])
        found.subjects = set(subjects.values())
    _name_labels(found, segments)


def _segments(path: Path, kind: str) -> tuple[Path, dict[str, list[Segment]]]:
    """The table of clips in the folder or beside it."""
    table = _table_with(path, HEADER)
    if table is None:
        more = "" if kind != "video" else "; `microgesture pose` writes one to begin with"
        raise InputError(
            f"{path}: holds {HOLDS[kind]}, but no table of clips; looked for a CSV file with the "
            f"header {','.join(HEADER)} in it and beside it{more}"
        )
    return table, read_segments(table)


def _table_with(path: Path, header: list[str]) -> Path | None:
    """The first CSV file with a header, in a folder or beside it."""
    for table in [*sorted(path.glob("*.csv")), *sorted(path.parent.glob("*.csv"))]:
        with open(table, "rb") as file:
            head = file.readline(1 << 12)
        # other tables, which may be large, are not read
        if all(name.encode() in head for name in header) and csv_rows(table)[0][1] == header:
            return table
    return None


def _root(path: Path, segments: Mapping[str, Any], names_in: Any) -> Path:
    """The folder, of this and those below, from which the first clip's recording is named."""
    first = next(iter(segments))
    for root, _ in folders_below(path, visible=True):
        try:
            names = set(names_in(root))
        except InputError:
            continue
        if first in names or A_PERSON.sub("", first) in names:
            return root
    return path


def _video_names(root: Path) -> dict[str, Path]:
    return {one.relative_to(root).with_suffix("").as_posix(): one for one in video_paths(root)}


def _need_names(
    table: Path, segments: Mapping[str, list[Segment]], names: Iterable[str], place: Path
) -> None:
    there = sorted(names)
    if unknown := [name for name in segments if name not in set(there)]:
        line = segments[unknown[0]][0][0]
        raise InputError(
            f"{table}, row {line}: names recording {shown(unknown[0])}, which {place} does not "
            f"have; it has {', '.join(there[:5])}{' ...' if len(there) > 5 else ''}: name one of "
            "those, without the ending"
        )


def _take_people(
    found: Look,
    path: Path,
    segments: Mapping[str, list[Segment]],
    names: Iterable[str],
    table: Path,
) -> None:
    """Who is seen: by a table, or else each recording is a subject."""
    people = _table_with(path, ["video", "subject"])
    known = None if people is None else read_subjects(people)
    found.data["subjects"] = None if people is None else str(people)
    if people is None:
        found.said["subjects"] = "a CSV video,subject, if you have one; else each is a subject"
    subjects = {name: subject_of(name, known, people) for name in names}
    deal_out(found, {subjects[name] for name in segments}, str(people or table))
    _name_labels(found, segments)


def _name_labels(found: Look, segments: Mapping[str, list[Segment]]) -> None:
    name_classes(found, [label for rows in segments.values() for _, label, *_ in rows])


def _are_shares(path: Path) -> bool:
    """Whether a file's coordinates are shares of the picture, which then is taken as 1 x 1."""
    people = (person for frame in read_detections(path, None, 1, 1) for person in frame)
    return all((person.points[..., :2] <= 1).all() for person in people)
