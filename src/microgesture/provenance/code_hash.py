"""Which code and versions made an artifact, and which files a step has to be rerun for."""

import ast
import hashlib
import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGE = "microgesture"
SOURCE = Path(__file__).parents[1]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
PACKAGES = ("numba", "numpy", "pyarrow", "torch")


@dataclass(frozen=True)
class Module:
    """A file of code or a template: what it imports of this package, and a hash of what it does."""

    imports: tuple[Path, ...]
    digest: str


def code_files(script: str | Path) -> list[Path]:
    """The script, every module that it imports, directly or through others, and their templates.

    Found by reading the import statements, so a list kept by hand can never be out of date. In the
    folder ``templates`` of a package, ``<module>.*`` and all below ``<module>/`` are those of the
    module of that name.
    """
    waiting, found = [Path(script)], dict[Path, None]()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        waiting.extend([*_module(path).imports, *_templates(path)])
    return sorted(found)


def _module(path: Path) -> Module:
    return _parsed(path, SOURCE, path.stat().st_mtime_ns)


@cache
def _parsed(path: Path, source: Path, changed: int) -> Module:
    """What is read of a file once, though many steps use it: parsing costs milliseconds."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return Module((), hashlib.sha256(text.encode()).hexdigest())
    tree = ast.parse(text, str(path))
    return Module(tuple(_imported(tree)), hashlib.sha256(_as_text(tree).encode()).hexdigest())


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


def _templates(path: Path) -> list[Path]:
    """Templates that a module of the package renders, see `code_files`."""
    folder = path.parent / "templates"
    if path.suffix != ".py" or not path.is_relative_to(SOURCE) or not folder.is_dir():
        return []
    own = [*folder.glob(f"{path.stem}.*"), *(folder / path.stem).rglob("*")]
    return [file for file in own if file.is_file()]


def code_hash(script: str | Path) -> str:
    """SHA-256 over the names and parsed code of `code_files`, the same wherever they lie.

    Comments, docstrings and layout do not count, since they change no result. Of a template every
    character does.
    """
    named = {_name(path): path for path in code_files(script)}
    digest = hashlib.sha256()
    for name in sorted(named):
        digest.update(f"{name} {_module(named[name]).digest}\n".encode())
    return digest.hexdigest()


def _as_text(node: object) -> str:
    """A syntax tree without docstrings and places, written alike by every version of Python.

    `ast.dump` is not: versions differ in the empty fields that they show.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_as_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, DOCUMENTED):
        # also the text below a constant, which documents it
        fields["body"] = [one for one in node.body if not _is_text(one)]
    shown = [
        f"{name}={_as_text(value)}" for name, value in fields.items() if value not in (None, [])
    ]
    return f"{type(node).__name__}({','.join(shown)})"


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _name(path: Path) -> str:
    """Of a module within the package, or of the script; a script may be called like a module."""
    inside = path.is_relative_to(SOURCE)
    return f"{PACKAGE}/{path.relative_to(SOURCE).as_posix()}" if inside else path.name


def code_version(script: str | Path) -> dict[str, Any]:
    """What an artifact states about its making: a hash of the code and the versions that matter."""
    versions = {package: version(package) for package in PACKAGES}
    return {"code": code_hash(script), "python": platform.python_version(), **versions}
