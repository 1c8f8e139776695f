"""Faces and context frames of a whole recording, in one pass over its video."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from microgesture.settings.emotion import PicturesStep
from microgesture.utils.errors import InputError
from microgesture.video.boxes import cut_out, scaled
from microgesture.video.crops import pack_crop
from microgesture.video.cut import (
    VideoNotes,
    Wanted,
    counted,
    look,
    misfit,
    note_damage,
    too_short,
)
from microgesture.video.decode import Decoder, Probe, probe
from microgesture.video.faces import FaceTrack, aligned, detail


@dataclass
class Pictures:
    """What was cut out of a recording.

    Attributes
    ----------
    faces, frames
        JPEGs by frame number.
    detail
        Fine structure of a face by frame number, see `microgesture.video.faces.detail`.
    notes

    """

    faces: dict[int, bytes] = field(default_factory=dict)
    frames: dict[int, bytes] = field(default_factory=dict)
    detail: dict[int, float] = field(default_factory=dict)
    notes: VideoNotes = field(default_factory=VideoNotes)


def cut_whole(
    path: Path,
    wanted: Wanted,
    track: FaceTrack,
    faces: np.ndarray,
    frames: np.ndarray,
    settings: PicturesStep,
) -> Pictures:
    """Cut faces and frames out of a video.

    Parameters
    ----------
    path : Path
    wanted : Wanted
        The whole recording, with the square around its person.
    track : FaceTrack
        Where its face is.
    faces, frames : ndarray, int
        The frames of which the face, and the square, are wanted.
    settings : PicturesStep

    Returns
    -------
    Pictures
        Without a face where the track has none; for frames missing at the end of the video the
        last one stands. In its notes' ``bad`` stands why nothing could be cut.

    """
    made = Pictures()
    try:
        found = probe(path)
    except InputError as error:
        made.notes.bad[wanted.clip_id] = str(error).removeprefix(f"{path}: ")
        return made
    look(found, [wanted], settings.video, made.notes)
    if reason := misfit(found, wanted, settings.video):
        made.notes.bad[wanted.clip_id] = reason
        return made
    zoom = found.width / wanted.width
    square = scaled(wanted.square, zoom)
    steps = np.diag([1 / zoom, 1 / zoom, 1])
    asked = {int(n) for n in frames} | {int(n) for n in faces if track.score[n] > 0}
    face_set, frame_set = {int(n) for n in faces}, {int(n) for n in frames}
    for number, picture in _pictures(path, wanted, asked, found, settings, made.notes):
        if number in face_set and track.score[number] > 0:
            side = float(track.side[number]) * zoom
            crop = aligned(picture, track.matrix[number] @ steps, settings.face.side)
            made.faces[number] = pack_crop(crop)
            made.detail[number] = detail(crop, side)
        if number in frame_set:
            made.frames[number] = pack_crop(cut_out(picture, square, settings.context.side))
    return made


def _pictures(
    path: Path,
    wanted: Wanted,
    asked: set[int],
    found: Probe,
    settings: PicturesStep,
    notes: VideoNotes,
) -> Iterator[tuple[int, np.ndarray]]:
    """The asked frames in order, decoded forwards; they count from the recording's start."""
    cv2.setNumThreads(1)
    decoder, left = Decoder(path), sorted(asked, reverse=True)
    picture = None
    for start, stop, frame in counted(decoder, found, wanted.fps, settings.video):
        if not left:
            break
        if left[-1] + wanted.first < stop and start < stop:
            picture = decoder.picture(frame, found.rotation)
            while left and left[-1] + wanted.first < stop:
                yield left.pop(), picture
    notes.frames = decoder.count
    note_damage(decoder, notes)
    if not left:
        return
    missing = wanted.first + wanted.frames - decoder.count
    if picture is None or missing > settings.video.slack or decoder.fault:
        notes.bad[wanted.clip_id] = too_short(wanted, decoder, found)
        return
    notes.repeated += len(left)
    for number in reversed(left):
        yield number, picture
