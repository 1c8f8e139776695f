"""The state of an unfinished training: written so that it can be killed at any moment.

A file is a line with the SHA-256 of all that follows, a line of JSON, and safetensors bytes. It
lies outside a step's declared outputs, because Snakemake deletes those of a failed job.
"""

import argparse
import hashlib
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from microgesture.utils.cli import output_folder
from microgesture.utils.files import atomic_path

MAGIC = b"microgesture resume "
KEY_DIGITS = 16
SIGNALS = (signal.SIGTERM, signal.SIGINT)
EPOCH_SECONDS = 1.0
"""Least time between two saves at the ends of epochs ..."""
COST = 50
"""... and in times of what the last save took, so that saving costs under 2 % of a training."""

Say = Callable[[str], None]
State = tuple[dict[str, Any], dict[str, Tensor]]


class Stopped(Exception):
    """A signal ended the training after its state was saved; ``status`` is for the shell."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{message} ({signal.Signals(number).name})")
        self.status = 128 + number


@dataclass(frozen=True)
class Resuming:
    """Where the state of an unfinished training is kept, and the least seconds between saves."""

    folder: Path
    every: float


def add_resume_options(parser: argparse.ArgumentParser) -> None:
    """Options ``--resume-dir`` and ``--resume-every`` of a training."""
    parser.add_argument(
        "--resume-dir", type=output_folder, help="folder for the state while unfinished"
    )
    parser.add_argument("--resume-every", type=float, default=120, help="seconds, in an epoch")


def resuming(args: argparse.Namespace) -> Resuming | None:
    """What these options say; None where no state is to be kept."""
    return Resuming(args.resume_dir, args.resume_every) if args.resume_dir else None


def resume_key(**parts: Any) -> str:
    """Hash of all that the result of a training depends on."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def write_state(path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a state, atomically."""
    payload = json.dumps(metadata).encode() + b"\n" + save(dict(tensors))
    with atomic_path(path) as temporary:
        temporary.write_bytes(MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n")
        with open(temporary, "ab") as file:
            file.write(payload)


def read_state(path: Path) -> State:
    """Read what `write_state` wrote.

    Raises
    ------
    ValueError
        When a byte of the file is not as it was written.

    """
    head, _, payload = path.read_bytes().partition(b"\n")
    if not head.startswith(MAGIC):
        raise ValueError("it does not begin as such a file does")
    if head.removeprefix(MAGIC) != hashlib.sha256(payload).hexdigest().encode():
        raise ValueError("its checksum does not fit its content")
    metadata, _, tensors = payload.partition(b"\n")
    return json.loads(metadata), load(tensors)


def to_stderr(line: str) -> None:
    """Say a line on stderr, at once."""
    print(line, file=sys.stderr, flush=True)


class Keeper:
    """Keeps the state of one run: where, when, and when to stop.

    Used as a context, it turns SIGTERM and SIGINT into `signalled`; otherwise they end the process
    as always.

    Parameters
    ----------
    folder : Path
    variant, run : str
        Whose state it is.
    key : str
        See `resume_key`; a state with another key is never used.
    every : float
        Least seconds between two saves inside an epoch; at an epoch's end it can be sooner.
    say : callable
        Told what the user should know.

    Attributes
    ----------
    path : Path
        The file.
    signalled : int
        The signal that asks to stop; 0 while there is none.

    """

    def __init__(
        self,
        folder: Path,
        variant: str,
        run: str,
        key: str,
        every: float = 120.0,
        say: Say = to_stderr,
    ) -> None:
        self.path = folder / f"{variant}-{run}-{key}.ckpt"
        self.signalled = 0
        self._names = re.compile(
            rf"\.?{re.escape(f'{variant}-{run}-')}[0-9a-f]{{{KEY_DIGITS}}}(\.partial-[^.]+)?\.ckpt"
        )
        self._every, self._say = every, say
        self._saved, self._cost = time.monotonic(), 0.0
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> "Keeper":
        for number in SIGNALS:
            self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signalled = self.signalled or number

    def due(self, epoch_ends: bool) -> bool:
        """Whether it is time to save."""
        since = time.monotonic() - self._saved
        soonest = max(EPOCH_SECONDS, COST * self._cost)
        return since >= (min(self._every, soonest) if epoch_ends else self._every)

    def save(self, metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Write the state in place of the one before."""
        started = time.monotonic()
        write_state(self.path, metadata, tensors)
        self._saved = time.monotonic()
        self._cost = self._saved - started

    def load(self) -> State | None:
        """The last state that was saved, or None; says so when there is one that cannot be used."""
        try:
            return read_state(self.path)
        except FileNotFoundError:
            if others := [path.name for path in self._files() if path.name[0] != "."]:
                self._say(
                    f"{self.path.parent}: {', '.join(others)} belongs to other settings, data, "
                    "code or processes; training starts anew"
                )
        except (ValueError, OSError) as error:
            self._say(f"{self.path}: damaged, {error}; training starts anew")
        return None

    def _files(self) -> list[Path]:
        folder = self.path.parent
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path for path in found if self._names.fullmatch(path.name)]

    def remove(self) -> None:
        """Remove every state of the run, those with other keys and torn ones included."""
        for path in self._files():
            path.unlink(missing_ok=True)


@contextmanager
def resumable(keeper: Keeper | None, say: Say = to_stderr) -> Iterator[None]:
    """A block in which signals stop the training; the process then ends as the signal asks.

    Without a keeper they end it as always.
    """
    with keeper or nullcontext():
        try:
            yield
        except Stopped as stopped:
            say(str(stopped))
            raise SystemExit(stopped.status) from None
