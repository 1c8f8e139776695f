"""From the skeleton store and videos to the crops file, video by video, to be gone on with."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import Records, write_records
from microgesture.data.store import BadClip, Clip, iter_store
from microgesture.settings.video import Crops
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256
from microgesture.utils.process_pool import process_pool
from microgesture.video.boxes import person_square
from microgesture.video.crops import pack_crop
from microgesture.video.cut import VideoNotes, Wanted, cut_video
from microgesture.video.parts import part_name, read_part, seal_part, video_state
from microgesture.video.sources import Source, Sources, find_sources

CLIPS = 32
"""Short videos are taken together until they hold so many clips: a part is a file."""
OPEN = 64
"""Parts that are open at once when they are put together."""
PICTURE = ("side", "padding", "match", "resolution", "slack")
"""Settings that crops depend on, besides where videos lie."""
Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


@dataclass(frozen=True)
class Job:
    """Videos that are cut into one part file, each with its clips."""

    videos: tuple[tuple[Path, tuple[Wanted, ...]], ...]
    settings: Crops
    part: Path


@dataclass
class Plan:
    """What is to be cut.

    Attributes
    ----------
    rows
        Index entry of every clip, in the order of the store.
    squares
        The square around each clip's person, in pixels of the skeletons' frame.
    videos
        Clips by video, in the order of the store.
    bad
        Clips without any video.
    unused
        Videos without any clip.

    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    squares: list[tuple[int, int, int]] = field(default_factory=list)
    videos: dict[Path, list[Wanted]] = field(default_factory=dict)
    bad: list[BadClip] = field(default_factory=list)
    unused: list[Path] = field(default_factory=list)


def make_crops(
    store: Path,
    config: Crops,
    path: Path,
    parts: Path,
    code: Mapping[str, Any],
    workers: int = 1,
    progress: Progress = lambda items, unit, total: items,
) -> dict[str, Any]:
    """Write the crops file of all clips of a skeleton store, and return its manifest.

    Parameters
    ----------
    store : Path
        The skeleton store.
    config : Crops
        With ``on_bad_clip: skip``, a clip whose video cannot be used is kept with black frames and
        listed, since a submission needs every clip; else it is an error.
    path : Path
        Record file to write, see `microgesture.video.crops`.
    parts : Path
        Folder for the crops of finished videos, from which a killed run goes on; it is removed when
        all are done.
    code : mapping
        Version of the code; parts of another one are not used.
    workers : int
        Processes. The file does not depend on it.
    progress : callable
        Wraps an iterable, to show how far it is.

    Raises
    ------
    InputError
        On a bad clip under ``stop``, or when no clip is left.

    """
    plan = plan_crops(progress(iter_store(store), "clips", 0), config, find_sources(config))
    _refuse(plan.bad, config)
    jobs = _jobs(plan, config, parts, code)
    by_video = dict(progress(_run(jobs, workers, config), "videos", len(plan.videos)))
    found = {video: by_video[video] for video in plan.videos}
    missing = {clip.clip_id: f"{clip.place}: {clip.reason}" for clip in plan.bad}
    for video, one in found.items():
        missing |= {clip: f"{video}: {why}" for clip, why in one.bad.items()}
    if len(missing) == len(plan.rows):
        first = next(iter(missing.items()))
        raise InputError(f"no clip has a video that can be used; the first is {': '.join(first)}")
    stated = {key: value for key, value in config.given().items() if key in PICTURE}
    metadata = {
        "video": {**stated, "missing": sorted(missing)},
        "squares": plan.squares,
    }
    frames, stored = _join(plan, jobs, set(missing), metadata, path)
    shutil.rmtree(parts, ignore_errors=True)
    return {
        **stated,
        "clips": len(plan.rows),
        "videos": len(plan.videos),
        "frames": frames,
        "bytes": stored,
        "frames_decoded": sum(one.frames for one in found.values()),
        "frames_repeated": sum(one.repeated for one in found.values()),
        "missing": missing,
        "unused_videos": [str(one) for one in plan.unused],
        "notes": {str(video): one.notes for video, one in found.items() if one.notes},
        "sha256": sha256(path),
    }


def plan_crops(clips: Iterable[Clip], config: Crops, sources: Sources) -> Plan:
    """Join clips with their videos."""
    plan = Plan()
    used: set[Path] = set()
    for clip in clips:
        frames = len(clip.points)
        plan.rows.append(
            {
                "clip_id": clip.clip_id,
                "label": clip.label,
                "subject": clip.subject,
                "split": clip.split,
                "num_frames": frames,
            }
        )
        square = person_square(clip.points, clip.height, clip.width, config.padding)
        plan.squares.append(square)
        found = sources.find(clip.clip_id, clip.recording)
        if found is None:
            of = "" if clip.recording is None else f" nor of recording {clip.recording}"
            reason = f"there is no video of it{of}"
            plan.bad.append(BadClip(clip.clip_id, clip.split, sources.place, reason))
            continue
        source, own = found
        used.add(source.path)
        whole = frames if own else clip.recording_frames
        if reason := _misnamed(source, whole, config.slack):
            plan.bad.append(BadClip(clip.clip_id, clip.split, sources.place, reason))
            continue
        known = whole is not None and source.end is None
        wanted = Wanted(
            clip.clip_id,
            source.start + (0 if own else clip.start or 0),
            frames,
            square,
            clip.height,
            clip.width,
            clip.fps,
            source.start + whole if known and whole is not None else None,
        )
        plan.videos.setdefault(source.path, []).append(wanted)
    plan.unused = sorted(sources.paths() - used)
    return plan


def _misnamed(source: Source, frames: int | None, slack: int) -> str:
    """Why the frames that a table names cannot be those of the skeletons."""
    if source.end is None or frames is None:
        return ""
    named = source.end - source.start + 1
    if abs(named - frames) <= slack:
        return ""
    return (
        f"frames {source.start}..{source.end} of {source.path} are {named:,}, but its skeletons "
        f"have {frames:,}"
    )


def _refuse(bad: Iterable[BadClip], config: Crops) -> None:
    for clip in bad:
        if config.on_bad_clip == "stop":
            raise InputError(clip.message)


def _jobs(plan: Plan, config: Crops, parts: Path, code: Mapping[str, Any]) -> list[Job]:
    """The videos in the order of the store, short ones together."""
    jobs: list[Job] = []
    waiting: list[tuple[Path, tuple[Wanted, ...]]] = []
    settings = {key: value for key, value in config.given().items() if key in PICTURE}
    for number, (video, clips) in enumerate(plan.videos.items(), 1):
        waiting.append((video, tuple(clips)))
        if sum(len(wanted) for _, wanted in waiting) >= CLIPS or number == len(plan.videos):
            part = parts / f"{_key(waiting, settings, code)}.arrow"
            jobs.append(Job(tuple(waiting), config, part))
            waiting = []
    return jobs


def _key(
    videos: Iterable[tuple[Path, tuple[Wanted, ...]]],
    settings: Mapping[str, Any],
    code: Mapping[str, Any],
) -> str:
    """Hash of all that a part depends on."""
    told = [[video_state(video), [asdict(clip) for clip in wanted]] for video, wanted in videos]
    return part_name(settings, code, told)


def _run(jobs: list[Job], workers: int, config: Crops) -> Iterator[tuple[Path, VideoNotes]]:
    """Finish every part, those of an earlier run first; what was found in each video."""
    finished = {job.part: _finished(job) for job in jobs}
    kept = 0
    for job in jobs:
        if notes := finished[job.part]:
            kept += len(notes)
            yield from _accepted(job, notes, config)
    if kept:
        print(f"{kept} videos of an earlier run are kept", file=sys.stderr)
    left = [job for job in jobs if not finished[job.part]]
    if workers <= 1 or len(left) <= 1:
        for job in left:
            yield from _accepted(job, _cut_part(job), config)
        return
    with process_pool(min(workers, len(left))) as pool:
        running = {pool.submit(_cut_part, job): job for job in left}
        try:
            for done in as_completed(running):
                yield from _accepted(running.pop(done), done.result(), config)
        except BrokenProcessPool as error:
            raise InputError(
                "a process that cuts videos was killed, most likely for want of memory; use fewer "
                "workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _accepted(
    job: Job, notes: list[VideoNotes], config: Crops
) -> Iterator[tuple[Path, VideoNotes]]:
    """A part's videos and notes, unless a clip in it is bad under ``stop``."""
    for (video, _), one in zip(job.videos, notes, strict=True):
        _refuse((BadClip(clip, "", str(video), why) for clip, why in one.bad.items()), config)
        yield video, one


def _finished(job: Job) -> list[VideoNotes] | None:
    """Notes of a part that is there and whole."""
    found = read_part(job.part, {"videos"})
    return None if found is None else [VideoNotes(**one) for one in found[0]["videos"]]


def _cut_part(job: Job) -> list[VideoNotes]:
    """Cut the videos of a part."""
    cv2.setNumThreads(1)
    notes = []
    with write_records(job.part, {}, batch=8) as writer:
        for video, wanted in job.videos:
            seen = VideoNotes()
            for clip, blobs in cut_video(video, wanted, job.settings, seen):
                row = {"clip_id": clip.clip_id, "label": UNKNOWN, "subject": "", "split": ""}
                writer.append({**row, "num_frames": clip.frames, "blobs": blobs})
            notes.append(seen)
    seal_part(job.part, {"videos": [asdict(one) for one in notes]})
    return notes


def _join(
    plan: Plan, jobs: list[Job], missing: set[str], metadata: Mapping[str, Any], path: Path
) -> tuple[int, int]:
    """Write all crops in the order of the store; numbers of frames and bytes."""
    part_of = {
        clip.clip_id: job.part for job in jobs for _, wanted in job.videos for clip in wanted
    }
    side = metadata["video"]["side"]
    black = pack_crop(np.zeros((side, side, 3), np.uint8))
    opened = lru_cache(OPEN)(_Part)
    frames = stored = 0
    with write_records(path, metadata) as writer:
        for row in plan.rows:
            name, count = row["clip_id"], row["num_frames"]
            part = None if name in missing else opened(part_of[name])
            blobs = part.blobs(name, count) if part else [black] * count
            writer.append({**row, "blobs": blobs})
            frames, stored = frames + count, stored + sum(map(len, blobs))
    return frames, stored


class _Part:
    """A part file, its clips found by their ids."""

    def __init__(self, path: Path) -> None:
        self._records = Records(path)
        self._rows = {name: row for row, name in enumerate(self._records.index["clip_id"])}

    def blobs(self, clip_id: str, count: int) -> list[bytes]:
        row = self._rows[clip_id]
        return [bytes(self._records.blob(row, number)) for number in range(count)]
