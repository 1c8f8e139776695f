"""How the making of two results folders differs: config, code and versions, by their records."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from microgesture.data import paths
from microgesture.provenance.explain import changed_keys
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json

Records = Mapping[str, Mapping[str, Any]]


def read_records(results: Path) -> dict[str, dict[str, Any]]:
    """The records of a results folder by name; damaged ones are left out, which `verify` names."""
    folder, records = results / paths.RECORDS, {}
    for path in sorted(folder.rglob("*.json")):
        try:
            record = read_json(path)
        except (OSError, InputError):
            continue
        if isinstance(record, dict) and {"config", "code", "script"} <= set(record):
            records[path.relative_to(folder).as_posix().removesuffix(".json")] = record
    return records


def config_differences(first: Records, second: Records) -> Iterator[str]:
    """Each key that differs, with the steps that it differs in, one line a change."""
    steps: dict[str, list[str]] = {}
    for name in [name for name in first if name in second]:
        before, now = first[name], second[name]
        for line in changed_keys(before["config"], now["config"]):
            steps.setdefault(line, []).append(name)
        if before.get("seed") != now.get("seed"):
            steps.setdefault(f"seed: {before.get('seed')} -> {now.get('seed')}", []).append(name)
    for line, names in steps.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{line} ({names[0]}{more})"


def one_sided(first: Records, second: Records) -> tuple[list[str], list[str]]:
    """Names of the steps that are in one of both alone."""
    return [one for one in first if one not in second], [one for one in second if one not in first]


def code_differences(first: Records, second: Records) -> Iterator[str]:
    """Each script whose code differs, with the commits that it is from."""
    scripts: dict[str, str] = {}
    for name in [name for name in first if name in second]:
        before, now = first[name], second[name]
        if before["code"] != now["code"]:
            commits = f"{_commit(before)} -> {_commit(now)}"
            scripts.setdefault(
                f"scripts/{now['script']} or a module that it imports: {commits}", name
            )
    yield from scripts


def version_differences(first: Records, second: Records) -> Iterator[str]:
    """Each package, and Python itself, of another version."""
    lines: dict[str, None] = {}
    for name in [name for name in first if name in second]:
        before, now = (
            {"python": one.get("python"), **one.get("packages", {})}
            for one in (first[name], second[name])
        )
        lines |= dict.fromkeys(changed_keys(before, now, "versions"))
    for line in lines:
        yield line.removeprefix("versions.")


def _commit(record: Mapping[str, Any]) -> str:
    git = record.get("git") or {}
    dirty = " with changes" if git.get("dirty") is True else ""
    return f"{str(git.get('commit', 'unknown'))[:8]}{dirty}"
