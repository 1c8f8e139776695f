"""What a step leaves behind about itself: a small JSON record beside the results.

A record names the step's config slice and seed, every file that it read and wrote with its SHA-256,
the code, the versions of what the code stands on, and the machine.
`microgesture.provenance.verify` follows these records from the ablation table back to the raw
files.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from microgesture.data.paths import RECORDS
from microgesture.provenance.code_hash import code_files, code_hash
from microgesture.utils.checksums import sealed_json
from microgesture.utils.cli import output_file
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json, sha256, write_text

PACKAGES = (
    "matplotlib",
    "numba",
    "numpy",
    "orjson",
    "pandas",
    "pillow",
    "pyarrow",
    "python-calamine",
    "safetensors",
    "scikit-learn",
    "scipy",
    "torch",
    "wordllama",
)
OPTIONAL = ("av", "opencv-python-headless")
"""Packages of the extra `video`, which may lack."""
Stated = dict[str, Any]
SMALL = 1 << 20
"""Larger files are told apart by their size alone where hashing takes longer than a plan may."""


def add_record_option(parser: argparse.ArgumentParser, script: str | Path) -> None:
    """Give a script the option ``--record``; what code it runs is looked up now.

    At the end of a long step, another state may be checked out.
    """
    _origin(script)
    parser.add_argument(
        "--record",
        type=record_file,
        help=f"JSON file in results/{RECORDS} that accounts for this step",
    )


def record_file(text: str) -> Path:
    """A record to write, for ``type=``: refused at once where it cannot be, or is misplaced."""
    path = output_file(text)
    results_of(path)
    return path


def write_record(
    path: Path | None,
    script: str | Path,
    *,
    config: Mapping[str, Any] | None,
    inputs: Iterable[str | Path],
    outputs: Iterable[str | Path],
    seed: int | None = None,
    raw: Mapping[str, Any] | None = None,
    known: Mapping[Path, str] | None = None,
) -> None:
    """Write a step's record; call it last, when all outputs are in place.

    Parameters
    ----------
    path : Path, optional
        ``results/provenance/<step>.json``, or ``results/provenance/<step>/<wildcards>.json`` where
        a step runs many times; without it nothing is written.
    script : str or Path
        The step's script, ``__file__``.
    config : mapping
        The config slice that the step was given.
    inputs, outputs : iterable of str or Path
        Files, or folders, which are taken file by file. An input that another step wrote is not
        hashed again where that step's record and the file's size and time agree.
    seed : int, optional
    raw : mapping, optional
        What `microgesture.provenance.raw_data.raw_inputs` says of the raw data set.
    known : mapping of Path to str, optional
        SHA-256 of outputs that were hashed already.

    Raises
    ------
    InputError
        When ``path`` is not in a folder ``provenance``, or an output is not in the results folder.

    """
    if path is None:
        return
    results = results_of(path)
    hashed = {_absolute(one): digest for one, digest in (known or {}).items()}
    record = {
        "script": Path(script).name,
        "config": config,
        "seed": seed,
        **_inputs(results, inputs),
        "raw": raw or {"files": {}, "frames": {}},
        "outputs": dict(_outputs(results, outputs, hashed)),
        **_origin(script),
        "python": platform.python_version(),
        "packages": dict(_versions()),
        "machine": machine(),
    }
    write_text(path, sealed_json(record))


def _versions() -> Iterator[tuple[str, str]]:
    yield from ((name, version(name)) for name in PACKAGES)
    for name in OPTIONAL:
        with suppress(PackageNotFoundError):
            yield name, version(name)


@cache
def _origin(script: str | Path) -> dict[str, Any]:
    """Hash of a script's code and the commit it is from, when first asked for."""
    return {"code": code_hash(script), "git": git_state(script)}


def results_of(path: Path) -> Path:
    """The results folder that a record belongs to: the one that holds ``provenance``."""
    for folder in path.parents:
        if folder.name == RECORDS:
            return folder.parent
    raise InputError(f"--record {path}: expected a file in <results>/{RECORDS}")


def entry(path: Path, digest: str | None = None) -> Stated:
    """Size and hash of a file."""
    return {"bytes": path.stat().st_size, "sha256": digest or sha256(path)}


def files_of(path: str | Path) -> list[Path]:
    """A file itself, or the files below a folder in the order of their names."""
    path = Path(path)
    if not path.is_dir():
        return [path]
    # Snakemake marks a finished folder with a hidden file, later than its record is written
    return sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))


def _absolute(path: str | Path) -> Path:
    """The whole path, links left as they are."""
    return Path(os.path.normpath(Path(path).absolute()))


def relative_name(path: Path, folder: Path) -> str | None:
    """The name of ``path`` below ``folder``, with forward slashes; None where it is elsewhere."""
    place, root = _absolute(path), _absolute(folder)
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else None


def outside_name(path: Path) -> str:
    """How a record names a file that is no result: from the working folder where it is below it."""
    return relative_name(path, Path.cwd()) or str(_absolute(path))


def _outputs(
    results: Path, outputs: Iterable[str | Path], known: Mapping[Path, str]
) -> Iterator[tuple[str, Stated]]:
    for path in (inner for output in outputs for inner in files_of(output)):
        name = relative_name(path, results)
        if name is None:
            raise InputError(f"{path}: an output outside of {results}, the folder of its record")
        yield name, entry(path, known.get(_absolute(path)))


def _inputs(results: Path, inputs: Iterable[str | Path]) -> dict[str, Any]:
    """The sections ``artifacts`` (other steps wrote them) and ``files`` of a record."""
    owners = Upstream(results)
    artifacts, files = dict[str, Stated](), dict[str, Stated]()
    for path in (inner for one in inputs for inner in files_of(one)):
        name = relative_name(path, results)
        if name is None:
            files[outside_name(path)] = entry(path)
        else:
            artifacts[name] = owners.entry(name, path)
    return {"artifacts": artifacts, "files": files}


class Upstream:
    """What the records of a results folder state about files, read when first needed."""

    def __init__(self, results: Path) -> None:
        self._folder = results / RECORDS
        self._stated: dict[str, tuple[Stated, int]] | None = None

    def entry(self, name: str, path: Path) -> Stated:
        """Size and hash of an artifact; hashed anew only where no record can be relied on."""
        stated, written = self._of(name)
        status = path.stat()
        # a record is written after its outputs: a file that is newer is not the one it states
        if stated.get("bytes") == status.st_size and status.st_mtime_ns <= written:
            return stated
        return entry(path)

    def states(self, name: str) -> bool:
        """Whether a record says that its step wrote the artifact."""
        return bool(self._of(name)[0])

    def is_whole(self, name: str, path: Path) -> bool:
        """Whether an artifact is there and has the stated size and, where it is small, content."""
        if not path.is_file():
            return path.exists()
        stated, _ = self._of(name)
        size = path.stat().st_size
        if size != stated.get("bytes", size):
            return False
        return size > SMALL or "sha256" not in stated or sha256(path) == stated["sha256"]

    def _of(self, name: str) -> tuple[Stated, int]:
        if self._stated is None:
            self._stated = dict(self._read())
        return self._stated.get(name, ({}, 0))

    def _read(self) -> Iterator[tuple[str, tuple[Stated, int]]]:
        for path in sorted(self._folder.rglob("*.json")):
            try:
                outputs, written = read_json(path)["outputs"], path.stat().st_mtime_ns
            except (FileNotFoundError, InputError, KeyError, TypeError):
                continue  # being replaced, or damaged: its outputs are hashed anew
            stated = outputs.items() if isinstance(outputs, dict) else ()
            yield from ((name, (one, written)) for name, one in stated if isinstance(one, dict))


def parallel(function: Any, items: Iterable[Any], workers: int | None = None) -> Iterator[Any]:
    """Map in order on threads, for work that waits for the disk or hashes."""
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        yield from pool.map(function, items)


def git_state(script: str | Path) -> dict[str, Any]:
    """Commit of the checkout that a script is in, and whether that is not all of its code.

    ``dirty`` is true when tracked files were changed since, or a file that the script needs is in
    no commit.
    """
    script = Path(script).resolve()

    def git(*arguments: str) -> str:
        # without the optional locks, many jobs can ask at once
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        command = ["git", "-C", str(script.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    try:
        # a copy that lies inside of some other project's checkout is none of its commits
        git("ls-files", "--error-unmatch", script.name)
        changed = git("status", "--porcelain", "--untracked-files=no")
        code = map(str, code_files(script))
        new = git("ls-files", "--others", "--", *code)
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed or new)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "dirty": "unknown"}


def machine() -> dict[str, Any]:
    """Processor, cores, platform and, where torch used one, the GPU; no name of the host."""
    torch: Any = sys.modules.get("torch")
    used = torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "gpu": torch.cuda.get_device_name() if used else None,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
