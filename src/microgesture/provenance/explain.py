"""Why a step runs again: which keys, code and files differ from what its record states."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from microgesture.provenance.raw_data import frame_folders
from microgesture.provenance.record import SMALL, Upstream, outside_name
from microgesture.utils.files import sha256

ADDED = ("variant", "layout", "stream", "part")
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
        other = "other files are read, or a large one was changed"
        lines += [f"{name} was changed" for name in names] or [other]
    return lines


def misfits(
    record: Mapping[str, Any], config: Any, code: str, sources: Iterable[str], results: Path
) -> list[str]:
    """What does not fit a step's record, one line each; none where its results are the right ones.

    For results of which nothing else is known: unlike `changes`, every file is compared by content.

    Parameters
    ----------
    record : mapping
        What `microgesture.provenance.record.write_record` wrote.
    config : object
        The step's part of the config now.
    code : str
        Hash of the step's code now.
    sources : iterable of str
        What it reads now that no step makes. Where any is not there, as on another machine, none
        is compared.
    results : Path
        The results folder.

    """
    differs = {"config"} if code == record["code"] else {"config", "code"}
    lines = changes(record, config, differs)
    upstream = Upstream(results)
    for name, about in {**record["artifacts"], **record["outputs"]}.items():
        path = results / name
        if not path.is_file() or upstream.entry(name, path)["sha256"] != about["sha256"]:
            lines.append(f"{path} was changed")
    now = {outside_name(Path(path)): Path(path) for path in sources}
    if all(path.exists() for path in now.values()):
        stated = {**record["files"], **record["raw"]["files"]}
        for name in sorted({**now, **stated}):
            path = now.get(name, Path(name))
            if name not in stated or not path.is_file() or sha256(path) != stated[name]["sha256"]:
                lines.append(f"{name} was changed")
        frames = record["raw"]["frames"]
        if frames and frame_folders(Path(config["root"])) != frames:
            lines.append(f"{config['root']} was changed")
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
