"""Video files read forward, frame by frame: frames are counted, never sought.

Seeking goes by times and index tables, which files state wrongly; the detector that made the
skeletons counted frames as well.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from microgesture.utils.content import check_fetched
from microgesture.utils.errors import InputError

UNEVEN = 1.5
"""Frames so many times as far apart as the closest ones make a variable frame rate."""
COPY = "copy it again, or write it anew with ffmpeg"


@dataclass(frozen=True)
class Probe:
    """What a video file is, without decoding more than its first frame.

    Attributes
    ----------
    height, width : int
        As shown, which is after the rotation, in pixels.
    rotation : int
        Degrees by which frames are turned counterclockwise to be shown: 0, 90, 180 or 270.
    frames : int
        Frames in the file.
    stated : int
        Frames that its header promises; 0 where it promises none.
    seconds : float
        From the first frame to the end of the last one; 0 where frames have no times.
    gaps : tuple of float
        Least and largest time between two frames in seconds.

    """

    height: int
    width: int
    rotation: int
    frames: int
    stated: int
    seconds: float
    gaps: tuple[float, float]

    @property
    def fps(self) -> float:
        """Mean number of frames a second; 0 where frames have no times."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def uneven(self) -> bool:
        """Whether the frame rate is a variable one."""
        return self.gaps[1] > UNEVEN * self.gaps[0]


def probe(path: Path) -> Probe:
    """Read a file's packets and decode its first frame.

    Raises
    ------
    InputError
        When it is no video, or not one that can be read.

    """
    times: list[int] = []
    first, end = None, 0
    with _opened(path) as (container, stream):
        stated = int(stream.frames)
        try:
            for packet in container.demux(stream):
                if first is None:
                    first = next(iter(packet.decode()), None)
                if packet.size and not packet.is_discard:
                    time = packet.dts if packet.pts is None else packet.pts
                    times.append(-1 if time is None else time)
                    end = max(end, times[-1] + (packet.duration or 0))
        except av.FFmpegError as error:
            if first is None:
                raise _unreadable(path, error) from None
        tick = float(stream.time_base or 0)
    if first is None:
        raise InputError(f"{path}: holds no frame that can be decoded; {COPY}")
    rotation = first.rotation % 360
    height, width = first.height, first.width
    if rotation % 180:
        height, width = width, height
    # packets come in the order of decoding
    order = np.unique(times)
    gaps = np.diff(order) * tick
    timed = len(order) == len(times) > 1
    between = (float(gaps.min()), float(gaps.max())) if timed else (0.0, 0.0)
    last = max(end - int(order[-1]), 0) * tick or (float(np.median(gaps)) if timed else 0.0)
    seconds = float(order[-1] - order[0]) * tick + last if timed else 0.0
    return Probe(height, width, rotation, len(times), stated, seconds, between)


class Decoder:
    """The frames of one file in the order in which they are shown.

    Iterate it once; it yields each frame's time in seconds after the first, and the frame.

    Attributes
    ----------
    count : int
        Frames yielded so far.
    fault : str
        Why there are no more, where that is not the end of the file.
    corrupt : list of int
        Numbers of frames that the decoder patched up.

    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.count, self.fault = 0, ""
        self.corrupt: list[int] = []
        self._path, self._threads = path, threads
        self._reformatter = VideoReformatter()

    def __iter__(self) -> Iterator[tuple[float, Any]]:
        size: tuple[int, int] | None = None
        begin = 0.0
        with _opened(self._path) as (container, stream):
            stream.codec_context.thread_count = self._threads
            stream.codec_context.thread_type = "AUTO" if self._threads > 1 else "NONE"
            frames = container.decode(stream)
            while True:
                try:
                    frame = next(frames, None)
                except av.FFmpegError as error:
                    self.fault = _reason(error)
                    return
                if frame is None:
                    return
                if size is None:
                    size, begin = (frame.height, frame.width), frame.time or 0.0
                if (frame.height, frame.width) != size:
                    self.fault = (
                        f"its size changes from {size[1]} x {size[0]} to {frame.width} x "
                        f"{frame.height}"
                    )
                    return
                if frame.is_corrupt:
                    self.corrupt.append(self.count)
                self.count += 1
                yield (frame.time or 0.0) - begin, frame

    def picture(self, frame: Any, rotation: int) -> np.ndarray:
        """A frame as it is shown, uint8 RGB (H, W, 3)."""
        flat = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        return np.rot90(flat, rotation // 90)


def numbered(frames: Iterable[tuple[float, Any]]) -> Iterator[tuple[int, int, Any]]:
    """Frames with the number of each and the next number."""
    for number, (_, frame) in enumerate(frames):
        yield number, number + 1, frame


def timed(
    frames: Iterable[tuple[float, Any]], fps: float, seconds: float
) -> Iterator[tuple[int, int, Any]]:
    """Frames with what they are at another rate: the first number that they are shown at, and the
    first that they are not.

    A frame of skeletons is taken in the middle of its time, so that times may be off by half of it.

    Parameters
    ----------
    frames : iterable
        Of times in seconds after the first, and frames.
    fps : float
        The other rate.
    seconds : float
        Until which the last frame is shown.

    """
    before = None
    for time, frame in frames:
        if before is not None:
            yield _number(before[0], fps), _number(time, fps), before[1]
        before = time, frame
    if before is not None:
        yield _number(before[0], fps), _number(max(seconds, before[0]), fps), before[1]


def _number(time: float, fps: float) -> int:
    """The first frame whose middle is not before a time."""
    return max(int(np.ceil(time * fps - 0.5)), 0)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A container and its video stream.

    Raises
    ------
    InputError
        When there is none that can be decoded.

    """
    _check(path)
    try:
        with av.open(str(path)) as container:
            yield container, _stream(path, container)
    except av.FFmpegError as error:
        raise _unreadable(path, error) from None


def _check(path: Path) -> None:
    """Refuse what is no file with content; a pipe or device would be waited for."""
    check_fetched(path)
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "does not exist"
        raise InputError(f"{path}: {what}; check the path")
    if not path.stat().st_size:
        raise InputError(f"{path}: is empty; {COPY}")


def _stream(path: Path, container: Any) -> Any:
    """The video stream, pictures of a cover left out."""
    cover = av.stream.Disposition.attached_pic
    streams = [one for one in container.streams if one.type == "video"]
    streams = [one for one in streams if not one.disposition & cover]
    if not streams:
        kinds = sorted({one.type for one in container.streams})
        held = " and ".join(kinds) or "nothing"
        raise InputError(f"{path}: holds {held} but no video; name the file with the pictures")
    if streams[0].codec_context is None:
        if "mp4" in container.format.name and not streams[0].frames:
            raise InputError(f"{path}: its index is cut short; {COPY}")
        raise InputError(
            f"{path}: is coded in a way that this build of FFmpeg cannot decode; convert it: "
            f"ffmpeg -i {path.name} -fps_mode passthrough -c:v libx264 converted.mp4"
        )
    return streams[0]


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: cannot be read as video ({_reason(error)}); {COPY}")


def _reason(error: Exception) -> str:
    said = getattr(error, "log", None)
    text = str(getattr(error, "strerror", None) or error)
    if said and said[2]:
        text = f"{text}: {said[2]}"
    return " ".join(text.split())[:200]
