"""What several readers share: files and folders that may be anything, and work in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from reprlib import Repr
from typing import Any, TypeVar

import numpy as np

from microgesture.data.keypoints import OPENPOSE
from microgesture.utils.content import check_fetched, check_start
from microgesture.utils.errors import InputError
from microgesture.utils.process_pool import process_pool

Job = TypeVar("Job")
Result = TypeVar("Result")

NECK, SHOULDERS = 1, (2, 5)
# Positions of COCO's points, as OpenPose writes 18 of them, among the 137.
COCO18 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
# The 22 of iMiGUE: upper body, right and left eye and ear, tips of left and right fingers.
POINTS22 = (*range(8), 15, 16, 17, 18, 99, 103, 107, 111, 115, 120, 124, 128, 132, 136)


def place_points(points: np.ndarray, numbers: Sequence[int | None]) -> np.ndarray:
    """Put V points at their numbers among the 137; the rest was not found.

    Parameters
    ----------
    points
        (T, V, 3).
    numbers
        V different numbers; None: a point that has no place is left out.

    Returns
    -------
    ndarray
        float32 (T, 137, 3).

    """
    placed = np.zeros((len(points), OPENPOSE.count, 3), np.float32)
    # a number that does not fit becomes infinite here, which the check of the clip names
    with np.errstate(over="ignore"):
        chosen = [number for number in numbers if number is not None]
        placed[:, chosen] = points[:, [number is not None for number in numbers]]
    return placed


# A list may hold itself many times over: what is shown of containers ends after a few members.
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxlong = 4, 100
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = _SHORT.maxfrozenset = 8
_SHORT.maxstring = _SHORT.maxother = 1000


def shown(value: Any) -> str:
    """A value as an error message may show it: one line, and never long."""
    try:
        text = _SHORT.repr(value)
    except (ValueError, RecursionError):
        # an integer of thousands of digits is not written out
        return f"a {type(value).__name__}"
    text = " ".join(text.split()) if "\n" in text else text  # of an array
    return text if len(text) <= 60 else f"{text[:57]}..."


def plain_text(value: Any) -> Any:
    """A text that Python 2 left as bytes, as text; anything else as it is."""
    try:
        return value.decode("utf-8") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """Content of a file that a user names; waits for no pipe and reads no device.

    Parameters
    ----------
    path
        The file.
    most
        Bytes that it may have.

    Raises
    ------
    InputError
        If it is not there (any more), is not a regular file, is too large, may not be read or is
        no text but an archive or a pointer.

    """
    try:
        if not path.is_file():
            check_fetched(path)
            missing = not os.path.lexists(path)
            what = "does not exist" if missing else "is not a regular file"
            raise InputError(f"{path}: {what}; check the path")
        if most is not None and path.stat().st_size > most:
            raise InputError(
                f"{path}: has more than {most / 1e6:.0f} MB, which no such file needs; check that "
                "it is the right one"
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(unreadable(path, error)) from error
    check_start(path, content[:32])
    return content


def unreadable(path: object, error: Exception) -> str:
    """One line for a file that the operating system does not give, or that a library gives up."""
    reason = " ".join((getattr(error, "strerror", None) or str(error)).split())[:200]
    advice = (
        "check that it is there and that you may read it, and do not change the data while it is "
        "read"
        if getattr(error, "errno", None)
        else "the file is damaged: copy or write it again"
    )
    name = str(path) if len(str(path)) <= 1000 else f"{str(path)[:1000]}..."
    return f"{name}: cannot be read ({reason}); {advice}"


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, sorted, links to folders included.

    Raises
    ------
    InputError
        If a link leads to nothing, as to a disk that is not mounted: what it stands for would be
        left out unseen.

    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_symlink() and not path.exists() and path.name[0] not in "._":
            raise InputError(
                f"{path}: is a link to {os.readlink(path)}, which is not there; mount or copy it, "  # noqa: PTH115
                "or remove the link"
            )
        if path.is_dir():
            found.append(path)
    return found


def inside(root: Path, name: str, place: str) -> Path:
    """The path of ``name`` below ``root``, which no link and no ``..`` may lead out of.

    Parameters
    ----------
    root
        The data folder.
    name
        As a data file gives it.
    place
        File and row, for the message.

    Raises
    ------
    InputError
        If the path leaves the folder or its links form a loop.

    """
    try:
        base = root.resolve()
        path = (base / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError is what Python 3.11 raises for links that form a loop
        raise InputError(
            f"{place}: {shown(name)} cannot be followed ({error}); name a folder in {root}"
        ) from error
    if path != base and base not in path.parents:
        raise InputError(
            f"{place}: {shown(name)} leads to {path}, which is outside of {root}; name a folder in "
            "it, without links that leave it"
        )
    return path


def ordered_map(
    function: Callable[[Job], Result], jobs: Iterable[Job], workers: int
) -> Iterator[Result]:
    """Map over ``jobs`` in order, with at most ``workers`` results running or waiting at once."""
    if workers <= 1:
        yield from map(function, jobs)
        return
    remaining = iter(jobs)
    pending: deque[Future[Result]] = deque()
    with process_pool(workers) as pool:
        try:
            while True:
                while len(pending) < workers and (job := next(remaining, None)) is not None:
                    pending.append(pool.submit(function, job))
                if not pending:
                    return
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                "a reader process was killed, most likely for want of memory; use fewer workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
