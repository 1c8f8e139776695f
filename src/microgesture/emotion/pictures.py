"""Faces and context frames of all recordings as one record file, each video read once.

See `microgesture.video.pictures`.
"""

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import write_records
from microgesture.data.store import POINTS, Clip, iter_store
from microgesture.emotion.windows import spread, window_starts
from microgesture.readers.common import ordered_map
from microgesture.settings.emotion import PicturesStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256
from microgesture.video.boxes import person_square
from microgesture.video.crops import pack_crop
from microgesture.video.cut import Wanted
from microgesture.video.faces import FACE, SIDE, FaceTrack, track_faces
from microgesture.video.make import PICTURE
from microgesture.video.parts import part_name, read_part, seal_part, video_state
from microgesture.video.pictures import BODY, FLAT, MARKS, Told, packed, warnings
from microgesture.video.sources import find_sources
from microgesture.video.whole import Pictures, cut_whole

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


@dataclass(frozen=True)
class Job:
    """A recording, its video or why it has none."""

    clip: Clip
    path: Path | None
    first: int
    settings: PicturesStep


def make_pictures(
    store: Path,
    config: PicturesStep,
    path: Path,
    parts: Path,
    code: Mapping[str, Any],
    workers: int = 1,
    progress: Progress = lambda items, unit, total: items,
) -> dict[str, Any]:
    """Write faces and frames of every recording of a recordings store, and return a manifest.

    Parameters
    ----------
    store, config
    path
        Record file to write.
    parts
        Folder for recordings that are cut, from which a killed run goes on; it is removed when all
        are done.
    code
        Version of the code; parts of another one are not used.
    workers
        Processes. The file does not depend on it.
    progress

    Raises
    ------
    InputError
        For a recording without a usable video, unless ``on_bad_clip`` is ``skip``: its pictures are
        black and its faces masked then.

    """
    stated = {"windows": config.windows.given(), "face": config.face.side}
    stated |= {"context": config.context.side}
    notes: dict[str, Any] = {"missing": {}, "notes": {}, "flat": [], "recordings": {}}
    jobs = _jobs(store, config, parts, code)
    kept = 0
    with write_records(path, stated, batch=4) as writer:
        for row, one in progress(ordered_map(_cut_or_kept, jobs, workers), "recordings", 0):
            writer.append(row)
            kept += one["kept"]
            name = row["clip_id"]
            if one["bad"]:
                if config.video.on_bad_clip == "stop":
                    raise InputError(
                        f"{one['path']}: recording {name}: {one['bad']}; mend it, or set "
                        "on_bad_clip: skip"
                    )
                notes["missing"][name] = one["bad"]
            if one["notes"]:
                notes["notes"][name] = one["notes"]
            if one["flat"]:
                notes["flat"].append(name)
            notes["recordings"][name] = one["counts"]
    if kept:
        print(f"{kept} recordings of an earlier run are kept", file=sys.stderr)
    shutil.rmtree(parts, ignore_errors=True)
    return {**stated, **notes, "sha256": sha256(path)}


def _jobs(
    store: Path, config: PicturesStep, parts: Path, code: Mapping[str, Any]
) -> Iterator[tuple[Job, Path]]:
    """One job a recording, with the video that is named after it, and where it is kept then."""
    sources = find_sources(config.video)
    for clip in iter_store(store):
        found = sources.find(clip.clip_id, clip.clip_id)
        path, first = (found[0].path, found[0].start) if found else (None, 0)
        part = parts / f"{_key(clip, path, first, config, code)}.arrow"
        yield Job(clip, path, first, config), part


def _key(
    clip: Clip, path: Path | None, first: int, config: PicturesStep, code: Mapping[str, Any]
) -> str:
    """Hash of all that a recording's pictures depend on."""
    own = {key: value for key, value in vars(clip).items() if key != "points"}
    film = None if path is None else [*video_state(path), first]
    video = {key: value for key, value in config.video.given().items() if key in PICTURE}
    settings = {**config.given(), "video": video}
    points = hashlib.sha256(clip.points.tobytes()).hexdigest()
    return part_name(settings, code, film, own, points)


def _cut_or_kept(planned: tuple[Job, Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `cut_recording` gives, from an earlier run where that has it."""
    job, part = planned
    if found := read_part(part, {"row", "about", "blobs"}):
        noted, records = found
        blobs = [bytes(records.blob(0, n)) for n in range(noted["blobs"])]
        return {**noted["row"], "blobs": blobs}, {**noted["about"], "kept": 1}
    row, about = cut_recording(job)
    if not about["bad"]:
        with write_records(part, {}) as writer:
            writer.append(row)
        said = {key: value for key, value in row.items() if key != "blobs"}
        seal_part(part, {"row": said, "about": about, "blobs": len(row["blobs"])})
    return row, {**about, "kept": 0}


def cut_recording(job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row of the record file, and what is to be noted of it."""
    clip, config = job.clip, job.settings
    points, fps, windows = clip.points, float(clip.fps), config.windows
    starts, length = window_starts(len(points), fps, windows)
    faces, frames = (spread(starts, length, n) for n in (windows.faces, windows.frames))
    square = person_square(points, clip.height, clip.width, float(config.context.padding))
    own = config.face
    if points.shape[1] == POINTS:
        track = track_faces(points, fps, float(own.min_score), float(own.smooth))
    else:
        zero = np.zeros(len(points))
        track = FaceTrack(np.zeros((len(points), 2, 3)), zero, zero)
    pictures, bad = Pictures(), "there is no video of it"
    if job.path is not None:
        size = (clip.height, clip.width, fps, job.first + len(points))
        wanted = Wanted(clip.clip_id, job.first, len(points), square, *size)
        pictures = cut_whole(job.path, wanted, track, faces.ravel(), frames.ravel(), config)
        bad = pictures.notes.bad.get(clip.clip_id, "")
    told = _told(clip, config, track, pictures, square, (starts, faces, frames), not bad)
    black = {
        side: pack_crop(np.zeros((side, side, 3), np.uint8))
        for side in (own.side, config.context.side)
    }
    blobs = [pictures.faces.get(int(n), black[own.side]) for n in faces.ravel()]
    blobs += [pictures.frames.get(int(n), black[config.context.side]) for n in frames.ravel()]
    row = {"clip_id": clip.clip_id, "label": UNKNOWN, "subject": clip.subject, "split": clip.split}
    row |= {"num_frames": len(starts), "blobs": [*blobs, packed(told)]}
    about = pictures.notes
    seen, known = told.seen > 0, told.detail[told.detail > 0]
    counts: dict[str, float] = {
        "windows": len(starts),
        "faces": int(seen.sum()),
        "asked": int(seen.size),
    }
    counts |= {"fps": fps, "frames": len(points)}
    return row, {
        "path": str(job.path or config.video.root or config.video.table),
        "bad": bad,
        "notes": about.notes,
        "flat": bool(len(known) and np.median(known) < FLAT),
        "counts": counts,
    }


def _told(
    clip: Clip,
    config: PicturesStep,
    track: FaceTrack,
    pictures: Pictures,
    square: tuple[int, int, int],
    looked: tuple[np.ndarray, np.ndarray, np.ndarray],
    there: bool,
) -> Told:
    """Masks and points of what was cut."""
    starts, faces, frames = looked
    points, own = clip.points, config.face
    fine = np.array([[pictures.detail.get(int(n), 0.0) for n in row] for row in faces])
    # sizes are told in pixels of the skeletons' frame, which a video may have another number of
    seen = (track.score[faces] > 0) & (track.side[faces] >= float(own.min_side))
    seen &= (fine >= float(own.min_detail)) & np.isin(faces, list(pictures.faces))
    marks = np.zeros((*faces.shape, MARKS, 3), np.float32)
    if points.shape[1] == POINTS:
        marks[:] = points[faces][..., FACE : FACE + MARKS, :]
        matrix = track.matrix[faces][:, :, None]
        places = (matrix[..., :2] * marks[..., None, :2]).sum(-1) + matrix[..., 2]
        marks[..., :2] = places / SIDE
    body = np.zeros((*frames.shape, len(BODY), 3), np.float32)
    kept = [n for n in BODY if n < points.shape[1]]
    body[..., : len(kept), :] = points[frames][..., kept, :]
    left, top, side = square
    body[..., :2] = (body[..., :2] - (left, top)) / side
    score, side = track.score[faces], track.side[faces]
    return Told(seen.astype(np.float32), fine, score, side, marks, body, starts, there)


def tell(manifest: Mapping[str, Any]) -> None:
    """Say the warnings on stderr."""
    for line in warnings(manifest):
        print(f"note: {line}", file=sys.stderr)
