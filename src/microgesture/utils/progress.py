"""Progress on stderr: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(
    items: Iterable[Item], unit: str, total: int | None = None, seconds: float = 30
) -> Iterator[Item]:
    """Yield ``items`` and say how many have passed.

    Parameters
    ----------
    items
        Anything to iterate over.
    unit
        What is counted, such as "clips".
    total
        How many there will be, where known.
    seconds
        Time between two lines where stderr is not a terminal.

    """
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, unit=f" {unit}")
        return
    start = said = time.monotonic()
    count = 0
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said >= seconds:
            said = now
            of = f" of {total}" if total else ""
            print(f"{count}{of} {unit}, {now - start:.0f} s", file=sys.stderr, flush=True)
    print(f"{count} {unit} in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
