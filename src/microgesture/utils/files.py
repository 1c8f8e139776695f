"""Writing so that nothing half-written is ever taken for finished, and hashing what was written."""

import errno
import glob
import hashlib
import json
import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from microgesture.utils.errors import AGAIN, InputError

# What the operating system says when nothing (more) can be written, and what to do about it.
_REFUSED = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "the file grew over the limit on file sizes (ulimit -f); raise it and run again",
    errno.EROFS: "the file system is read-only; choose another results folder",
    errno.EACCES: "it may not be written; check who owns the folder and its permissions",
    errno.EPERM: "it may not be written; check who owns the folder and its permissions",
    errno.EISDIR: "it is a folder; give the name of a file",
    errno.EEXIST: "a part of its path is a file; expected a folder there",
    errno.ENOTDIR: "a part of its path is a file; expected a folder there",
    errno.ENOENT: "its folder takes no files, or was removed; choose another",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}
# libraries that report through an error of their own quote the number in words
_QUOTED = re.compile(r"os error (\d+)|errno (\d+)", re.IGNORECASE)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends without error.

    The temporary file is flushed to disk before the rename, and removed when the block raises.
    What a killed process left of the same file is removed first.

    Raises
    ------
    InputError
        When the disk is full or the folder may not be written to.

    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except Exception as error:
        if why := _refusal(error, temporary, path):
            raise _not_written(path, why) from error
        raise
    finally:
        # a read-only file system refuses even to remove what is not there
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def growing_path(path: str | Path) -> Iterator[Path]:
    """Yield ``<stem>.unfinished<suffix>`` beside ``path``, which it replaces when the block ends.

    For what is worth keeping in part: unlike that of `atomic_path`, the file stays under its own
    name when the block raises or the process is killed.

    Raises
    ------
    InputError
        When it cannot be written.

    """
    path = Path(path)
    unfinished = path.with_name(f"{path.stem}.unfinished{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        with open(unfinished, "rb+") as handle:
            os.fsync(handle.fileno())
        unfinished.replace(path)
    except OSError as error:
        if why := _refusal(error, unfinished, path):
            raise _not_written(path, why) from error
        raise


def check_output(path: Path, folder: bool = False) -> Path:
    """Give back a path that can be written, by trying; nothing is left of the trial.

    Parameters
    ----------
    path : Path
        A file, or where ``folder`` is set a folder for files. It and the folders above it need not
        be there.

    Raises
    ------
    InputError
        When it is a folder or no regular file, lies below a file, or its folder takes no files.

    """
    try:
        if os.path.lexists(path) and not (path.is_dir() if folder else _replaceable(path)):
            is_folder = "it is a folder; give the name of a file"
            why = is_folder if path.is_dir() else "it is no folder" if folder else "it is no file"
            raise InputError(f"{path}: cannot be written ({why})")
        place = path if folder else path.parent
        while not os.path.lexists(place):
            place = place.parent
        trial = _temporary(place / (path.name or "trial"))
        trial.touch()
        trial.unlink()
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or 0
        why = _REFUSED.get(number) or str(getattr(error, "strerror", None) or error)
        raise InputError(f"{path}: cannot be written ({why})") from None
    return path


def _replaceable(path: Path) -> bool:
    """Whether a file may take the place of what is there: not of a device, pipe or folder."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.stem}.partial-{_node()}-{os.getpid()}{path.suffix}")


def _not_written(path: Path, why: str) -> InputError:
    return InputError(f"{path}: cannot be written into {path.parent}: {why}")


def unwritable(path: Path, error: OSError) -> InputError:
    """What to tell about a file that the operating system does not let be written."""
    return _not_written(path, _REFUSED.get(error.errno or 0) or str(error.strerror or error))


def _refusal(error: Exception, temporary: Path, path: Path) -> str | None:
    """Why nothing can be written; None where the error is about something else."""
    number: int = getattr(error, "errno", None) or 0
    if not number and (quoted := _QUOTED.search(str(error))):
        number = int(quoted[1] or quoted[2])
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _REFUSED[number]
    # a block may also fail to read some other file, which is not for here to explain
    ours = {str(temporary), str(path), *map(str, path.parents)}
    about = getattr(error, "filename", None)
    mentioned = (about is not None and str(about) in ours) or str(temporary) in str(error)
    return _REFUSED.get(number) if mentioned else None


@cache
def _node() -> str:
    """Eight digits for this host and its process numbers: another's say nothing of ours."""
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        space = 0
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _remove_stale(path: Path) -> None:
    """Remove temporary files of ``path`` whose process, on this host, lives no more."""
    start, end = f".{path.stem}.partial-{_node()}-", path.suffix
    for left in path.parent.glob(f"{glob.escape(start)}*{glob.escape(end)}"):
        number = left.name[len(start) : len(left.name) - len(end)]
        if number.isdigit() and not _alive(int(number)):
            left.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(value: Any) -> str:
    """``value`` as readable JSON with a fixed key order."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as readable JSON with a fixed key order, atomically."""
    write_text(path, json_text(value))


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    FileNotFoundError
        When it is not there.
    InputError
        When it is damaged.

    """
    content = Path(path).read_bytes()
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); {AGAIN}") from None


def quick_hash(paths: Iterable[str | Path], small: int = 1 << 20) -> str:
    """SHA-256 over the contents of files of at most ``small`` bytes, and over a part of others.

    Of a larger file it is the size and ``small`` bytes in blocks from its start to its end, so that
    another array of the same shape is noticed. Of more than a thousand files less is read of each,
    or clips of video by the ten thousand would take minutes. A file that is not there counts as
    empty.
    """
    digest, files = hashlib.sha256(), list(map(Path, paths))
    small = min(small, max((1 << 30) // max(len(files), 1), 1 << 14))
    for path in files:
        size = path.stat().st_size if path.is_file() else 0
        told = sha256(path) if 0 < size <= small else f"{size} {_sampled(path, size, small)}"
        digest.update(f"{told}\n".encode())
    return digest.hexdigest()


def _sampled(path: Path, size: int, small: int, blocks: int = 16) -> str:
    """SHA-256 over evenly spaced blocks of a file, the first and the last bytes among them."""
    digest = hashlib.sha256()
    length = small // blocks
    if size:
        with open(path, "rb") as handle:
            for number in range(blocks):
                handle.seek(number * (size - length) // (blocks - 1))
                digest.update(handle.read(length))
    return digest.hexdigest()


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
