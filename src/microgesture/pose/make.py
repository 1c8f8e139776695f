"""From videos to the plain form of long recordings, video by video, to be gone on with."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import METADATA_KEY, SCHEMA, Clip, record_batch
from microgesture.pose.estimate import Estimate, Progress, estimate
from microgesture.readers.common import ordered_map
from microgesture.readers.labels import subject_of
from microgesture.readers.recordings import BAD, HEADER, NAME
from microgesture.utils.checksums import PARQUET, WRITING, readable, seal_file
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path, quick_hash, write_text

LEFT_OUT = ("clip_id", "label", "recording", "start", "recording_frames")
COLUMNS = [NAME, *(name for name in SCHEMA.names if name not in LEFT_OUT)]
SPLIT = "train"
"""Of all recordings: which people validate and test is for `data.split` to say."""
NOTES = b"notes"
RECORDINGS, SEGMENTS, PARTS = "recordings.parquet", "clips.csv", "videos"
"""Files of a folder of key points, and the folder of those of each video in it."""


@dataclass(frozen=True)
class Job:
    """A video, and the file of its key points."""

    name: str
    subject: str
    video: Path
    part: Path
    python: Path


@dataclass(frozen=True)
class Done:
    """What became of a video: its notes, or why there are no key points of it."""

    job: Job
    notes: tuple[str, ...] = ()
    fault: str = ""


def make_recordings(
    videos: Mapping[str, Path],
    subjects: tuple[Mapping[str, str], Path] | None,
    out: Path,
    parts: Path,
    python: Path,
    code: Mapping[str, Any],
    *,
    stop: bool = False,
    workers: int = 1,
    progress: Progress = lambda items, unit, total: items,
) -> list[Done]:
    """Find the key points in videos and write them as recordings, a row each.

    Parameters
    ----------
    videos : mapping
        By name, which becomes the recording's.
    subjects : tuple of mapping and Path
        Who is seen in each, and the table that says so; None: each video is a subject.
    out : Path
        The Parquet file to write, see `microgesture.readers.recordings`.
    parts : Path
        Folder for a file a video, which is not made again for the same video and code.
    python : Path
        See `microgesture.pose.estimate.pose_python`.
    code : mapping
        Version of the code.
    stop : bool
        Whether a video that cannot be used is an error; it is left out and named in the file's
        metadata otherwise.
    workers : int
        Processes, each of which runs one MediaPipe. The file does not depend on it.
    progress : callable
        Wraps an iterable, to show how far it is: videos, or the frames of a single one.

    Returns
    -------
    list of Done
        What became of each video.

    Raises
    ------
    InputError
        When no video can be used, or one cannot under ``stop``.

    """
    jobs = []
    for name, video in videos.items():
        subject = name if subjects is None else subject_of(name, *subjects)
        part = parts / f"{_key(video, name, subject, code)}.parquet"
        jobs.append(Job(name, subject, video, part, python))
    done = []
    for one in _run(jobs, workers, progress):
        if one.fault and stop:
            raise InputError(f"{one.fault}; or set on_bad_clip: skip")
        done.append(one)
    if all(one.fault for one in done):
        raise InputError(f"no video can be used; the first: {done[0].fault}")
    _join(done, out)
    return done


def _run(jobs: list[Job], workers: int, progress: Progress) -> Iterable[Done]:
    if len(jobs) == 1:
        return [_find(jobs[0], progress)]
    return progress(ordered_map(_find, jobs, workers), "videos", len(jobs))


def _key(video: Path, name: str, subject: str, code: Mapping[str, Any]) -> str:
    """Hash of all that a part depends on; MediaPipe's version is a part of the code."""
    text = json.dumps([name, subject, quick_hash([video]), code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _find(job: Job, progress: Progress = lambda items, unit, total: items) -> Done:
    """Find the key points of a video, unless a run before has."""
    try:
        if (notes := _finished(job.part)) is not None:
            return Done(job, notes)
        found = estimate(job.video, job.python, progress)
        _write(job, found)
    except InputError as error:
        return Done(job, fault=str(error))
    return Done(job, tuple(found.notes))


def _finished(part: Path) -> tuple[str, ...] | None:
    """Notes of a part that is there and whole."""
    try:
        with readable(part):
            return tuple(json.loads(pq.read_schema(part).metadata[NOTES]))
    except InputError:
        return None


def _write(job: Job, found: Estimate) -> None:
    about = (job.subject, SPLIT, found.fps, found.height, found.width)
    clip = Clip(job.name, UNKNOWN, *about, found.points)
    batch = record_batch([clip], SCHEMA, {UNKNOWN: None})
    table = pa.Table.from_batches([batch]).rename_columns(
        [NAME if name == "clip_id" else name for name in SCHEMA.names]
    )
    table = table.select(COLUMNS).replace_schema_metadata({NOTES: json.dumps(found.notes)})
    with atomic_path(job.part) as temporary:
        pq.write_table(table, temporary, **WRITING)


def _join(done: list[Done], out: Path) -> None:
    """One file of all parts; a single recording is in memory at once."""
    bad = {one.job.name: [one.job.subject, one.fault] for one in done if one.fault}
    good = [one.job for one in done if not one.fault]
    schema = pq.read_schema(good[0].part).with_metadata(
        {METADATA_KEY: json.dumps({BAD: bad}, sort_keys=True)}
    )
    with atomic_path(out) as temporary:
        with pq.ParquetWriter(temporary, schema, **WRITING) as writer:
            for job in good:
                with readable(job.part):
                    table = pq.read_table(job.part, partitioning=None)
                writer.write_table(table.replace_schema_metadata(schema.metadata))
        seal_file(temporary, PARQUET)


def write_segments(done: Iterable[Done], out: Path) -> None:
    """A table of clips to begin with: each recording as a whole, without a label.

    One that is there already is kept: it holds work of people.
    """
    if os.path.lexists(out):
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for job in (one.job for one in done if not one.fault):
        frames = pq.read_table(job.part, columns=["num_frames"], partitioning=None)
        writer.writerow([job.name, "", 0, frames["num_frames"][0].as_py() - 1])
    write_text(out, text.getvalue())


def remarks(done: Iterable[Done]) -> Iterator[str]:
    """A line for each thing to know of a video."""
    for one in done:
        yield from (f"{one.job.video}: {note}" for note in one.notes)
        if one.fault:
            yield f"{one.fault}; it is left out"
