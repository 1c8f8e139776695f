"""Key points of one video: frames are decoded here, and handed to MediaPipe one by one."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from microgesture.data.keypoint_formats import named_format
from microgesture.pose import worker
from microgesture.readers.mediapipe import openpose_points
from microgesture.utils.errors import InputError
from microgesture.video.decode import COPY, Decoder, Probe, probe

ENVIRONMENT = Path(".venv-pose")
LANDMARKS = "mediapipe553"
AT_ONCE = 256
"""Frames whose landmarks are held before they are mapped."""
FRAME_BYTES = worker.COUNT * 3 * 4
Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


@dataclass(frozen=True)
class Estimate:
    """What was found in a video.

    Attributes
    ----------
    points
        float32 (T, 137, 3), in pixels of the frames as they are shown.
    height, width, fps
        Of the video.
    notes
        What is legal but should be looked at.

    """

    points: np.ndarray
    height: int
    width: int
    fps: float
    notes: list[str] = field(default_factory=list)


def pose_python(folder: Path = ENVIRONMENT) -> Path:
    """The python of the environment that holds MediaPipe.

    Raises
    ------
    InputError
        When there is none, with the command that sets it up.

    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.is_file():
        raise InputError(
            f"{folder}: is not the environment that finds key points in videos; run `make "
            "pose-env` in the checkout, and name its .venv-pose in --env from elsewhere"
        )
    return python.absolute()


def estimate(
    path: Path, python: Path, progress: Progress = lambda items, unit, total: items
) -> Estimate:
    """Find the key points of one person in every frame of a video, in order.

    Parameters
    ----------
    path : Path
        The video.
    python : Path
        See `pose_python`.
    progress : callable
        Wraps an iterable, to show how far it is.

    Raises
    ------
    InputError
        When it is no video that can be decoded, or MediaPipe ends early.

    """
    found = probe(path)
    if found.frames == 1:
        raise InputError(f"{path}: has one frame, expected a video of two or more")
    if not found.fps:
        raise InputError(f"{path}: states no frame rate; write it anew with ffmpeg")
    decoder = Decoder(path)
    frames = progress(decoder, "frames", found.frames)
    pictures = (decoder.picture(frame, found.rotation) for _, frame in frames)
    parts = [
        openpose_points(landmarks, named_format(LANDMARKS), found.height, found.width)
        for landmarks in _batches(_landmarks(path, python, pictures, found))
    ]
    if not parts:
        raise InputError(f"{path}: no frame of it can be decoded ({decoder.fault}); {COPY}")
    points = np.concatenate(parts)
    return Estimate(
        points, found.height, found.width, found.fps, list(_notes(points, found, decoder))
    )


def _batches(landmarks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for one in landmarks:
        batch.append(one)
        if len(batch) == AT_ONCE:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def _landmarks(
    path: Path, python: Path, pictures: Iterable[np.ndarray], found: Probe
) -> Iterator[np.ndarray]:
    """Landmarks of each picture, float32 (P, 3), from a process of its own."""
    # isolated: PYTHONPATH names packages of this environment
    command = [str(python), "-I", worker.__file__]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(np.array([found.height, found.width], np.int32).tobytes())
            for picture in pictures:
                process.stdin.write(np.ascontiguousarray(picture).data)
                process.stdin.flush()
                answer = process.stdout.read(FRAME_BYTES)
                if len(answer) != FRAME_BYTES:
                    raise _ended(path, python, said)
                yield np.frombuffer(answer, np.float32).reshape(-1, 3)
        except BrokenPipeError:
            raise _ended(path, python, said) from None
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            with suppress(BrokenPipeError):
                process.stdin.close()


def _ended(path: Path, python: Path, said: IO[bytes]) -> InputError:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    reason = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    return InputError(
        f"{path}: MediaPipe, run by {python}, ended ({reason.strip()[:200]}); set its environment "
        "up again: delete it and run `make pose-env`"
    )


def _notes(points: np.ndarray, found: Probe, decoder: Decoder) -> Iterator[str]:
    if decoder.fault:
        yield (
            f"cannot be decoded after frame {len(points) - 1} of {found.frames} ({decoder.fault}); "
            "the frames before are kept"
        )
    if decoder.corrupt:
        some = ", ".join(map(str, decoder.corrupt[:5]))
        yield f"{len(decoder.corrupt)} damaged frames were patched up, such as {some}"
    if found.uneven:
        yield (
            f"has a variable frame rate; its frames are taken as {found.fps:.2f} a second, evenly"
        )
    seen = (points[..., 2] > 0).any(axis=1)
    if not seen.any():
        yield "shows nobody: no point is found in any frame"
    elif seen.mean() < 0.5:
        yield f"shows somebody in only {seen.mean():.0%} of its frames"
