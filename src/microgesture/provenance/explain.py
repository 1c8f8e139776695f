"""Why a step runs again: which keys, code and files differ from what its record states."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from microgesture.utils.files import sha256

SMALL = 1 << 20
"""Larger files are told apart by their size, as `microgesture.utils.files.quick_hash` does."""
ADDED = ("variant", "layout", "stream")
"""Keys that some steps add to their config in the record."""
LONGEST = 60


def changes(record: Mapping[str, Any], config: Any, differs: set[str]) -> list[str]:
    """What changed since a step's record was written, one line a change.

    Parameters
    ----------
    record : mapping
        What `microgesture.provenance.record.write_record` wrote.
    config : object
        The step's part of the config now.
    differs : set of str
        Which of ``code``, ``config`` and ``files`` are not those that the results were made from.

    """
    lines = []
    if "config" in differs:
        before = record.get("config")
        if isinstance(before, Mapping) and isinstance(config, Mapping):
            before = {key: one for key, one in before.items() if key in config or key not in ADDED}
        lines += list(changed_keys(before, config))
    if "code" in differs:
        lines.append(f"scripts/{record.get('script')} or a module that it imports was changed")
    if "files" in differs:
        stated = {**record.get("files", {}), **record.get("raw", {}).get("files", {})}
        names = [name for name, about in stated.items() if _is_other(Path(name), about)]
        lines += [f"{name} was changed" for name in names]
    return lines


def changed_keys(before: Any, now: Any, place: str = "config") -> Iterator[str]:
    """Each key whose value differs, as ``config.training.learning_rate: 0.01 -> 0.02``."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            if key not in before:
                yield f"{place}.{key}: not set -> {_shown(now[key])}"
            elif key not in now:
                yield f"{place}.{key}: {_shown(before[key])} -> not set"
            else:
                yield from changed_keys(before[key], now[key], f"{place}.{key}")
    elif before != now:
        yield f"{place}: {_shown(before)} -> {_shown(now)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _is_other(path: Path, about: Mapping[str, Any]) -> bool:
    if not path.is_file():
        return True
    size = path.stat().st_size
    return size != about["bytes"] or (size <= SMALL and sha256(path) != about["sha256"])
