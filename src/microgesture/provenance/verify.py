"""Following the steps' records from the ablation table back to the raw files, hashing as it goes.

The records are those of `microgesture.provenance.record`. What is found is in the order of the
steps, the earliest first, since what is wrong early explains what is wrong later.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from microgesture.data.paths import RECORDS, TABLE
from microgesture.provenance import record as steps
from microgesture.provenance.code_hash import SOURCE, code_hash
from microgesture.provenance.raw_data import frames_entry
from microgesture.utils.checksums import json_fault
from microgesture.utils.errors import AGAIN, InputError
from microgesture.utils.files import read_json, sha256

SUBMISSION = "submission.json"
FOR_OTHERS = ("crops.json", "folds.json", "label_embeddings.json")
"""Steps that run once, for others: of an earlier config, nothing goes back to their records."""
OTHERS = ("tokens.py", "pseudo_labels.py")
"""Scripts of steps that, with those before them, are of another variant than those after them."""
# Settings that a step shares with those before it, where both state them.
SHARED = ("variant", "layout", "stream", "padding", "length")
Record = dict[str, Any]
Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class Finding:
    """One thing that does not match.

    Attributes
    ----------
    kind
        "record", "output", "input", "raw", "config" or "code".
    record
        Name of the record that says otherwise, relative to ``results/provenance``.
    file
        What does not match.
    expected, found
    advice
        What to do.

    """

    kind: str
    record: str
    file: str
    expected: str
    found: str
    advice: str

    @property
    def line(self) -> str:
        """The finding for the user."""
        return (
            f"{self.file}: {self.kind} does not match: found {self.found}, expected "
            f"{self.expected} (record {self.record}); {self.advice}"
        )


@dataclass
class Verified:
    """What `verify` looked at, and what it found.

    Attributes
    ----------
    findings
        Earliest step first; of one step, damage before other code.
    records, artifacts, files, raw
        Numbers of records followed, and of results, other inputs and raw files hashed.
    left_over
        Records that nothing of today's results goes back to.

    """

    findings: list[Finding] = field(default_factory=list)
    records: int = 0
    artifacts: int = 0
    files: int = 0
    raw: int = 0
    left_over: list[str] = field(default_factory=list)


def find_scripts() -> Path | None:
    """Folder of the steps' scripts: of the checkout that this code is in, or of this folder."""
    for above in (SOURCE.parents[1], Path.cwd()):
        if (above / "Snakefile").is_file() and (above / "scripts").is_dir():
            return above / "scripts"
    return None


def verify(
    results: Path,
    scripts: Path | None,
    raw: bool = False,
    progress: Progress = lambda items, total: items,
) -> Verified:
    """Check every result against its record, and every record against those before it.

    Parameters
    ----------
    results : Path
        The results folder.
    scripts : Path or None
        Folder of the steps' scripts, for the hash of today's code; None compares no code.
    raw : bool
        Hash the raw data set too.
    progress : callable
        Wraps the iterable of hashed files and their number, to show how far it is.

    Raises
    ------
    InputError
        When there are no records at all.

    """
    folder = results / RECORDS
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.json"))]
    if not names:
        raise InputError(f"{folder}: holds no records; run the workflow first")
    done = Verified()
    records = {name: _read(folder, name, done.findings) for name in names}
    owners = _owners(records, results, done.findings)
    order = _in_order(records, owners, done.findings)
    done.left_over = sorted(set(names) - set(order))
    done.records = len(order)
    followed = {name: records[name] for name in order}
    hashes = _hashes(results, followed, raw, progress)
    for name in order:
        done.findings += _step_findings(name, followed, owners, hashes, raw)
        done.findings += _config_findings(name, followed, owners, results)
        if scripts is not None:
            done.findings += _code_findings(name, followed[name], scripts)
    _count(done, followed, raw)
    return done


def _read(folder: Path, name: str, findings: list[Finding]) -> Record:
    """A record, empty where it is damaged."""
    file = f"{RECORDS}/{name}"

    text = (folder / name).read_bytes()
    if fault := json_fault(text, {"outputs", "artifacts"}):
        found, expected = fault
        advice = f"restore it, or {AGAIN}"
        findings.append(Finding("record", name, file, expected, found, advice))
        return {}
    return json.loads(text)


def _owners(
    records: Mapping[str, Record], results: Path, findings: list[Finding]
) -> dict[str, str]:
    """Artifact -> name of the record that states it as output.

    With another number of folds, another step writes a file of the same name. The record of the
    step before it stays; it does not state what the file holds.
    """
    stating: dict[str, list[str]] = {}
    for name, record in records.items():
        for file in record.get("outputs", {}):
            stating.setdefault(file, []).append(name)
    owners: dict[str, str] = {}
    for file, names in stating.items():
        if len(names) > 1:
            found = _hash(results / file)
            fitting = [n for n in names if records[n]["outputs"][file]["sha256"] == found]
            if len(fitting) > 1:
                advice = "delete the record of a step that is no more"
                also = f"it in {fitting[0]} as well"
                wrong = Finding("record", fitting[1], file, "one record a file", also, advice)
                findings.append(wrong)
            names = fitting or names
        owners[file] = names[0]
    return owners


def _hash(path: Path) -> str:
    """Hash of a file, or why there is none."""
    try:
        return sha256(path)
    except OSError as error:
        return "no file" if isinstance(error, FileNotFoundError) else str(error)


def _in_order(
    records: Mapping[str, Record], owners: Mapping[str, str], findings: list[Finding]
) -> list[str]:
    """The records that today's results go back to, each after those before it.

    A step that runs once is where the chain starts; of steps that run for many wildcards, those
    count that a later one has read, since a variant that was dropped leaves its records behind.
    So do folds, label embeddings and a submission that are no longer asked for.
    """
    if TABLE not in owners and all(records.values()):
        advice = "run the workflow to its end"
        findings.append(
            Finding("record", "ablation_table.json", TABLE, "a record of it", "none", advice)
        )
    table = records.get(owners.get(TABLE, ""), {}).get("config") or {}
    left = {*FOR_OTHERS, *([SUBMISSION] if table.get("submission", True) is None else [])}
    once = [name for name, record in records.items() if "/" not in name and record]
    waiting = [name for name in once if name not in left]
    before: dict[str, list[str]] = {}
    while waiting:
        name = waiting.pop()
        if name in before:
            continue
        upstream = {owners[file] for file in records[name]["artifacts"] if file in owners}
        before[name] = sorted(upstream)
        waiting.extend(upstream)
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise InputError(f"the records {circle} go round in a circle; delete the results") from None


def _hashes(
    results: Path, records: Mapping[str, Record], raw: bool, progress: Progress
) -> dict[tuple[str, str], str]:
    """Hash of everything on disk that a record speaks of, by section and name."""
    wanted: dict[tuple[str, str], Path] = {}
    frames = dict[tuple[str, str], Path]()
    for record in records.values():
        wanted |= {("outputs", name): results / name for name in record["outputs"]}
        wanted |= {("files", name): Path(name) for name in record["files"]}
        if raw:
            wanted |= {("raw", name): Path(name) for name in record["raw"]["files"]}
            frames |= {("frames", name): Path(name) for name in record["raw"]["frames"]}

    def hashed(path: Path) -> str:
        try:
            return frames_entry(path)["sha256"] if path in folders else _hash(path)
        except OSError as error:
            return str(error)

    folders = set(frames.values())
    keys = {**wanted, **frames}
    digests = progress(steps.parallel(hashed, keys.values()), len(keys))
    return dict(zip(keys, digests, strict=True))


def _step_findings(
    name: str,
    records: Mapping[str, Record],
    owners: Mapping[str, str],
    hashes: Mapping[tuple[str, str], str],
    raw: bool,
) -> Iterator[Finding]:
    """Compare a step's inputs, then its outputs, with what is on disk and with earlier records."""
    record = records[name]
    sections = {
        "files": (record["files"], "input", "restore it, or run the workflow again"),
        "raw": (record["raw"]["files"], "raw", "restore the raw file, or run the workflow again"),
        "frames": (record["raw"]["frames"], "raw", "restore its frames, or run the workflow again"),
    }
    for section, (stated, kind, advice) in sections.items():
        if section == "files" or raw:
            for file, about in stated.items():
                found = hashes[section, file]
                if found != about["sha256"]:
                    yield Finding(kind, name, file, about["sha256"], found, advice)
    for file, about in record["artifacts"].items():
        if file not in owners:
            advice = "run the step that makes it again"
            yield Finding("input", name, file, "a record of the step that made it", "none", advice)
            continue
        made = records[owners[file]]["outputs"][file]["sha256"]
        if made != about["sha256"]:
            advice = f"it was made anew after it was read: run the step of {name} again"
            yield Finding("input", name, file, about["sha256"], made, advice)
    for file, about in record["outputs"].items():
        found = hashes["outputs", file]
        if found != about["sha256"]:
            yield Finding("output", name, file, about["sha256"], found, AGAIN)


def _config_findings(
    name: str, records: Mapping[str, Record], owners: Mapping[str, str], results: Path
) -> Iterator[Finding]:
    """Compare a step's config slice with what its own files and the steps before it state."""
    record = records[name]
    config = record["config"] or {}
    for file in record["outputs"]:
        if file.endswith(".json"):
            yield from _stated_findings(name, record, file, results)
    upstream = _upstream(name, records, owners)
    for other in sorted(_upstream(name, records, owners, until=OTHERS)):
        before = records[other]["config"] or {}
        own = _of_source(config, before)
        for key in SHARED:
            ours, theirs = own.get(key), before.get(key)
            if ours is not None and theirs is not None and ours != theirs:
                advice = f"run the step of {name} again"
                what = f"{key} {theirs!r}, as in {other}"
                yield Finding("config", name, f"config.{key}", what, repr(ours), advice)
    trained = {
        (records[other]["config"].get("variant"), records[other]["seed"])
        for other in upstream
        if isinstance(records[other]["config"], dict)
    }
    if any(file == TABLE for file in record["outputs"]):
        for variant in config.get("variants", {}):
            for seed in config.get("seeds", []):
                if (variant, seed) not in trained:
                    what = f"a training of {variant} with seed {seed}"
                    advice = "run the workflow again"
                    yield Finding("config", name, TABLE, what, "none", advice)


def _of_source(config: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a config says of the variant of a step before it, where it holds the networks of others.

    Of their clips, which are of several, it says nothing.
    """
    networks = config.get("networks")
    if not networks:
        return config
    return next((one for one in networks if one["variant"] == before.get("variant")), {})


def _upstream(
    name: str, records: Mapping[str, Record], owners: Mapping[str, str], until: Collection[str] = ()
) -> set[str]:
    """All records before one, the direct ones and theirs.

    Where ``until`` names scripts, none of these and of those before, and none before a training
    that holds the networks of other variants.
    """
    found, waiting = set[str](), [name]
    while waiting:
        artifacts = records[waiting.pop()]["artifacts"]
        new = {owners[file] for file in artifacts if file in owners} - found
        new -= {other for other in new if records[other]["script"] in until}
        found |= new
        waiting.extend(
            one for one in new if not (until and (records[one]["config"] or {}).get("networks"))
        )
    return found


def _stated_findings(name: str, record: Record, file: str, results: Path) -> Iterator[Finding]:
    """A JSON output that states its config or seed states those of the record."""
    try:
        stated = read_json(results / file)
    except (OSError, InputError):
        return  # missing or damaged, which its hash says already
    if not isinstance(stated, dict):
        return
    for key in ("config", "seed"):
        ours, theirs = record[key], stated.get(key)
        if ours is not None and isinstance(theirs, type(ours)) and ours != theirs:
            yield Finding("config", name, file, f"{key} {ours}", str(theirs), AGAIN)


def _code_findings(name: str, record: Record, scripts: Path) -> Iterator[Finding]:
    today = _today(scripts / record["script"])
    if today != record["code"]:
        commit = record["git"]["commit"]
        dirty = ", then changed" if record["git"]["dirty"] is True else ""
        advice = f"run the workflow again, or check out the code that made it: {commit}{dirty}"
        yield Finding("code", name, f"scripts/{record['script']}", record["code"], today, advice)


@cache
def _today(script: Path) -> str:
    return code_hash(script) if script.is_file() else "no file"


def _count(done: Verified, records: Mapping[str, Record], raw: bool) -> None:
    done.artifacts = sum(len(record["outputs"]) for record in records.values())
    done.files = len({file for record in records.values() for file in record["files"]})
    if raw:
        for record in records.values():
            done.raw += len(record["raw"]["files"])
            done.raw += sum(one["frames"] for one in record["raw"]["frames"].values())
