"""The crops of all clips of one video, in one pass over it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microgesture.settings.video import Video
from microgesture.utils.errors import InputError
from microgesture.video.boxes import Square, cut_out, scaled
from microgesture.video.crops import pack_crop
from microgesture.video.decode import Decoder, Probe, numbered, probe, timed

ASPECT = 0.01
"""Share by which a video may be wider or narrower than the skeletons' frame and still be scaled."""


@dataclass(frozen=True)
class Wanted:
    """A clip to cut out of a video.

    Attributes
    ----------
    clip_id
    first, frames
        Its first frame, counted in the video as skeletons are counted, and how many it has.
    square
        Around its person, in pixels of the skeletons' frame.
    height, width, fps
        Of the skeletons.
    expected
        Frames that the video should have; None where nothing says it.

    """

    clip_id: str
    first: int
    frames: int
    square: Square
    height: int
    width: int
    fps: float
    expected: int | None


@dataclass
class VideoNotes:
    """What was found in one video.

    Attributes
    ----------
    frames
        How many were decoded.
    repeated
        Frames that stand for ones missing at the end.
    bad
        Why a clip has no crops, by its id.
    notes
        What is legal but should be looked at: kind -> sentence.

    """

    frames: int = 0
    repeated: int = 0
    bad: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def cut_video(
    path: Path, wanted: Sequence[Wanted], settings: Video, seen: VideoNotes
) -> Iterator[tuple[Wanted, list[bytes]]]:
    """Cut clips out of a video; memory holds the packed crops of those that a frame is in.

    Parameters
    ----------
    path : Path
    wanted : sequence of Wanted
    settings : Video
    seen : VideoNotes
        What is found is put here; clips in its ``bad`` are not yielded.

    Yields
    ------
    Wanted
        A clip, in the order of their ends.
    list of bytes
        Its frames, see `microgesture.video.crops.pack_crop`.

    """
    try:
        found = probe(path)
    except InputError as error:
        seen.bad |= {clip.clip_id: str(error).removeprefix(f"{path}: ") for clip in wanted}
        return
    look(found, wanted, settings, seen)
    good = []
    for clip in wanted:
        if reason := misfit(found, clip, settings):
            seen.bad[clip.clip_id] = reason
        else:
            good.append(clip)
    decoder = Decoder(path)
    unfinished: list[_Cutting] = []
    yield from _pass(decoder, found, good, settings, unfinished)
    seen.frames = decoder.count
    for cutting in unfinished:
        missing = cutting.clip.frames - len(cutting.blobs)
        if cutting.blobs and missing <= settings.slack and not decoder.fault:
            seen.repeated += missing
            yield cutting.clip, cutting.blobs + cutting.blobs[-1:] * missing
        else:
            seen.bad[cutting.clip.clip_id] = too_short(cutting.clip, decoder, found)
    note_damage(decoder, seen)


@dataclass
class _Cutting:
    """A clip and its packed crops so far."""

    clip: Wanted
    square: Square
    blobs: list[bytes] = field(default_factory=list)


def _pass(
    decoder: Decoder,
    found: Probe,
    good: Iterable[Wanted],
    settings: Video,
    unfinished: list[_Cutting],
) -> Iterator[tuple[Wanted, list[bytes]]]:
    """Finished clips, in one pass over a video; those that it ends before go to ``unfinished``."""
    ordered = sorted(good, key=lambda clip: clip.first, reverse=True)
    waiting = [_Cutting(clip, scaled(clip.square, found.width / clip.width)) for clip in ordered]
    active: list[_Cutting] = []
    if not waiting:
        return
    for start, stop, frame in counted(decoder, found, waiting[0].clip.fps, settings):
        while waiting and waiting[-1].clip.first < stop:
            active.append(waiting.pop())
        if active and start < stop:
            picture = decoder.picture(frame, found.rotation)
            for one in active:
                clip = one.clip
                times = min(stop, clip.first + clip.frames) - (clip.first + len(one.blobs))
                crop = cut_out(picture, one.square, settings.side)
                one.blobs += [pack_crop(crop)] * times
            done = [one for one in active if len(one.blobs) == one.clip.frames]
            active = [one for one in active if one not in done]
            yield from ((one.clip, one.blobs) for one in done)
        if not active and not waiting:
            return
    unfinished += [*active, *waiting]


def counted(
    decoder: Decoder, found: Probe, fps: float, settings: Video
) -> Iterator[tuple[int, int, Any]]:
    """Frames as skeletons at so many a second count them: first and end number of each, and it."""
    if settings.match == "time":
        return timed(decoder, fps, found.seconds)
    return numbered(decoder)


def note_damage(decoder: Decoder, seen: VideoNotes) -> None:
    """Note damaged frames, which a decoder has patched up."""
    if decoder.corrupt:
        some = ", ".join(map(str, decoder.corrupt[:5]))
        seen.notes["damaged"] = (
            f"{len(decoder.corrupt)} damaged frames were patched up by the decoder, such as {some}"
        )


def _frames_of(found: Probe, clip: Wanted, settings: Video) -> int:
    """Frames of a video as its clips count them."""
    return found.frames if settings.match == "count" else round(found.seconds * clip.fps)


def misfit(found: Probe, clip: Wanted, settings: Video) -> str:
    """Why a clip's skeletons are not of this video; nothing where they fit."""
    if (found.height, found.width) != (clip.height, clip.width):
        sizes = (
            f"the video is {found.width} x {found.height}, but its skeletons lie in "
            f"{clip.width} x {clip.height}"
        )
        if found.rotation:
            sizes += f" (it is shown turned by {found.rotation} degrees)"
        if abs(found.width * clip.height / (found.height * clip.width) - 1) > ASPECT:
            return f"{sizes}, of another shape; give the video that the skeletons are of"
        if settings.resolution == "stop":
            return f"{sizes}; if they are of it, set video.resolution: scale"
    if settings.match == "time" and not found.seconds:
        return "the video states no times for its frames; set video.match: count"
    if clip.expected is None:
        return ""
    frames = _frames_of(found, clip, settings)
    if abs(frames - clip.expected) <= settings.slack:
        return ""
    text = f"the video has {frames:,} frames, but its skeletons {clip.expected:,}"
    if found.stated > found.frames:
        return f"{text}; its header promises {found.stated:,}, so it was cut short: copy it again"
    if settings.match == "count":
        how = f"at {found.fps:.4g} frames a second"
        if found.uneven:
            how = f"at a variable rate, {found.gaps[0] * 1000:.0f} to {found.gaps[1] * 1000:.0f} ms"
        in_time = abs(round(found.seconds * clip.fps) - clip.expected) <= settings.slack
        advice = "set video.match: time" if in_time else "give the right video"
        return f"{text} ({how}, against {clip.fps:g}); {advice}, or raise video.slack"
    return f"{text} in its {found.seconds:.1f} s; give the right video, or raise video.slack"


def look(found: Probe, wanted: Sequence[Wanted], settings: Video, seen: VideoNotes) -> None:
    """Note what is legal but should be looked at."""
    clip = wanted[0]
    if found.uneven:
        least, most = (1000 * gap for gap in found.gaps)
        seen.notes["rate"] = (
            f"has a variable frame rate, frames are {least:.0f} to {most:.0f} ms apart"
        )
    elif found.seconds and abs(found.fps / clip.fps - 1) > 0.01:
        seen.notes["rate"] = (
            f"plays {found.fps:.4g} frames a second, its skeletons are at {clip.fps:g}"
        )
    if found.rotation:
        seen.notes["rotation"] = f"is shown turned by {found.rotation} degrees, as are its crops"
    if (found.height, found.width) != (clip.height, clip.width):
        seen.notes["resolution"] = (
            f"is {found.width} x {found.height}, its skeletons lie in {clip.width} x {clip.height}"
        )
    expected = [one.expected for one in wanted if one.expected is not None]
    frames = _frames_of(found, clip, settings)
    if expected and frames != expected[0] and abs(frames - expected[0]) <= settings.slack:
        seen.notes["length"] = f"has {frames:,} frames, its skeletons {expected[0]:,}"


def too_short(clip: Wanted, decoder: Decoder, found: Probe) -> str:
    """Why a clip's last frames are not to be had, once the video is read."""
    last = clip.first + clip.frames - 1
    text = f"frames {clip.first}..{last}, but the video"
    if decoder.fault:
        return f"{text} is damaged after frame {decoder.count - 1} ({decoder.fault}); copy it again"
    cut = f", of {found.stated:,} that its header promises" if found.stated > found.frames else ""
    return f"{text} has {decoder.count:,} frames{cut}; check the rows of the clips and the file"
