"""Which code and versions made an artifact, and which files a step has to be rerun for."""

import ast
import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microgesture.utils.files import sha256

PACKAGE = "microgesture"
SOURCE = Path(__file__).parents[1]
PACKAGES = ("numba", "numpy", "pyarrow", "torch")


def code_files(script: str | Path) -> list[Path]:
    """The script and every module of this package that it imports, directly or through others.

    Found by reading the import statements, so a list kept by hand can never be out of date.
    """
    waiting, found = [Path(script)], dict[Path, None]()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        waiting.extend(_imported(ast.parse(path.read_text(encoding="utf-8"))))
    return sorted(found)


def _imported(tree: ast.Module) -> list[Path]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return [path for name in sorted(names) for path in _files(name)]


def _files(name: str) -> list[Path]:
    """The files that importing a dotted name runs: the module and the packages above it."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    above = [SOURCE.joinpath(*parts[1:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    return [
        path for path in [*above, SOURCE.joinpath(*parts[1:]).with_suffix(".py")] if path.is_file()
    ]


def code_hash(script: str | Path) -> str:
    """SHA-256 over the names and contents of `code_files`, the same wherever they lie."""
    named = {_name(path): path for path in code_files(script)}
    digest = hashlib.sha256()
    for name in sorted(named):
        digest.update(f"{name} {sha256(named[name])}\n".encode())
    return digest.hexdigest()


def _name(path: Path) -> str:
    """Of a module within the package, or of the script; a script may be called like a module."""
    inside = path.is_relative_to(SOURCE)
    return f"{PACKAGE}/{path.relative_to(SOURCE).as_posix()}" if inside else path.name


def made_by(script: str | Path) -> dict[str, Any]:
    """What an artifact states about its making: a hash of the code and the versions that matter."""
    versions = {package: version(package) for package in PACKAGES}
    return {"code": code_hash(script), "python": platform.python_version(), **versions}
