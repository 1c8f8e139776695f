"""A bound on the memory that reading one file may take, derived from the size of the file.

A small file can describe a huge table. On Linux the kernel holds a reader to its allowance
(RLIMIT_DATA, which counts memory that is a process's own and no mapped files); elsewhere the checks
of the readers alone do.
"""

import faulthandler
import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from microgesture.utils.errors import InputError

FLOOR, FACTOR = 1 << 30, 128
"""Bytes that any file may take when it is read, and how many more for each of its own."""

LIMITED = sys.platform == "linux"
"""Whether the kernel holds a process to its limit."""


def allowance(path: str | Path) -> int:
    """Bytes of memory that reading a file may take beyond what the process has."""
    return FLOOR + FACTOR * _size(path)


def _size(path: str | Path) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:  # which reading it will tell
        return 0


def too_large(path: str | Path) -> InputError:
    """What to tell about a file whose reading takes more than its `allowance`."""
    size, allowed = _size(path), allowance(path)
    return InputError(
        f"{path}: has {size:,} bytes, but reading it takes more than {allowed / 1e9:.1f} GB of "
        "memory, or more than there is; the file is damaged or holds far more than it needs to: "
        "write it again, or in several parts"
    )


@contextmanager
def bounded(path: str | Path) -> Iterator[None]:
    """Hold this process to what reading ``path`` may take, and say so where that is not enough.

    Raises
    ------
    InputError
        On a `MemoryError` in the block, which libraries raise when they get no memory.

    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    _limit(path, before)
    try:
        yield
    except MemoryError as error:
        raise too_large(path) from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _limit(path: str | Path, before: tuple[int, int]) -> None:
    if not LIMITED:
        return
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    limit = pages * resource.getpagesize() + allowance(path)
    # a limit that the user set stays
    limit = min([limit, *(one for one in before if one != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))


def in_child(read: Callable[[], bytes | memoryview], path: str | Path) -> bytes:
    """What ``read`` gives, run in a forked child that is held to what reading ``path`` may take.

    For libraries that end the process when they get no memory. The child does nothing but read, so
    no lock that another thread holds at the fork can stop it.

    Raises
    ------
    InputError
        That of ``read``, or that the child ended for want of memory.

    """
    if not LIMITED:
        return bytes(read())
    out, into = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(out)
        _run(read, path, into)
    os.close(into)
    try:
        with open(out, "rb") as file:
            kind, content = file.read(1), file.read()
    finally:
        _, status = os.waitpid(child, 0)
    if kind == b"e":
        raise InputError(content.decode("utf-8", "surrogateescape"))
    if kind == b"x":
        raise RuntimeError(f"{path}: {content.decode('utf-8', 'replace')}")
    if kind != b"v" or status:
        raise too_large(path)
    return content


def _run(read: Callable[[], bytes | memoryview], path: str | Path, into: int) -> None:
    """The child's life; it never returns."""
    try:
        # a library that gives up writes to stderr, and Python where it did
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with open(into, "wb") as file:
            try:
                with bounded(path):
                    content = read()
                file.write(b"v")
                file.write(content)
            except InputError as error:
                file.write(b"e" + str(error).encode("utf-8", "surrogateescape"))
            except Exception as error:
                file.write(b"x" + f"{type(error).__name__}: {error}".encode(errors="replace"))
        os._exit(0)
    finally:
        os._exit(1)
