"""Files whose time lies in the future, from which no step can make anything newer."""

import os
import shlex
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from microgesture.utils.errors import InputError

SLACK = 10.0
"""Seconds that the clock of a file server may be ahead."""


def refuse_future_times(paths: Iterable[str | Path], now: float | None = None) -> None:
    """Refuse files whose time is later than now; those that are not there are left out.

    Snakemake would let the step run and then remove its results as older than what they were
    made from.

    Raises
    ------
    InputError
        Naming a file, its time, and the command that sets it.

    """
    limit = (time.time() if now is None else now) + SLACK
    late = []
    for path in dict.fromkeys(map(Path, paths)):
        try:
            changed = path.stat().st_mtime
        except OSError:
            continue
        if changed > limit:
            late.append((path, changed))
    if not late:
        return
    path, changed = late[0]
    found = f"{datetime.fromtimestamp(changed):%Y-%m-%d %H:%M}"
    if len(late) > 1:
        found += f", and those of {len(late) - 1} more files"
    folder = os.path.commonpath([one.absolute().parent for one, _ in late])
    remedy = f"touch {shlex.quote(str(path))}"
    if len(late) > 1:
        below = shlex.quote(os.path.relpath(folder))
        remedy = f"find {below} -newermt now -exec touch {{}} +"
    raise InputError(
        f"{path}: its time lies in the future ({found}); results have to be newer than what they "
        f"are made from, so set it to now: {remedy}"
    )
