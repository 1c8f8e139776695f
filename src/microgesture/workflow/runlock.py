"""One run at a time in a results folder, by a lock that the kernel lets go when a run dies.

Snakemake's own lock is a file that a killed run leaves behind; this one needs no unlocking. A run
and each of its jobs hold a shared lock on one file, and a run starts by locking it for itself
alone: it is refused while another run, or a job that a killed run left at work, still lives.
"""

import fcntl
import json
import os
import shlex
import shutil
import socket
from pathlib import Path
from typing import IO

from microgesture.utils.errors import InputError
from microgesture.utils.files import unwritable

NAME = ".run.lock"
# kept open, and so locked, until this process ends
_held: list[IO[bytes]] = []


def last_run(results: str | Path) -> str:
    """What the lock file says of the last run; to be asked before anything is planned."""
    try:
        return Path(results, NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def hold(results: str | Path, before: str) -> None:
    """Lock a results folder for this run until its process ends, however it ends.

    Parameters
    ----------
    results : str or Path
        The results folder; made when it is not there.
    before : str
        What `last_run` said when this run was planned.

    Raises
    ------
    InputError
        When another run or one of its jobs is at work there, when another ran since this one was
        planned, when nothing can be written there, or when the file system knows no locks.

    """
    path = Path(results, NAME)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab+", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        _lock(path, file, fcntl.LOCK_EX)
        if last_run(results) != before:
            raise InputError(f"{results}: another run ended there in the meantime; run again")
        this = {"process": os.getpid(), "host": socket.gethostname(), "token": os.urandom(8).hex()}
        try:
            file.truncate(0)
            file.write(f"{json.dumps(this)}\n".encode())
        except OSError as error:
            raise unwritable(path, error) from error
        # shared from here on, so that the jobs can hold it too
        _lock(path, file, fcntl.LOCK_SH)
    except BaseException:
        file.close()
        raise
    _held.append(file)


def _lock(path: Path, file: IO[bytes], kind: int) -> None:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{path.parent}: {_who(path)}; wait until it ends, or end it") from None
    except OSError as error:
        raise InputError(
            f"{path}: this file system takes no locks ({error.strerror}); "
            "put the results folder on another one"
        ) from error


def _who(path: Path) -> str:
    """Who holds the lock, as far as the lock file tells."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        process, host = int(stated["process"]), str(stated["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another run is at work there"
    alive = host != socket.gethostname() or Path(f"/proc/{process}").exists()
    run = f"process {process} on {host}"
    if alive:
        return f"another run is at work there ({run})"
    return f"a job of a run that was killed ({run}) is still at work there"


def job_prefix(results: str | Path) -> str:
    """Shell text by which a job holds the lock for its life, and its children with it.

    Opened to read and write: NFS gives a shared lock only on a file that can be read.
    """
    if shutil.which("flock") is None:
        return ""
    path = Path(results, NAME).absolute()
    return f"exec 9<>{shlex.quote(str(path))} && flock --shared 9; "
