"""Pages of the API reference, one a package, made from the modules that there are."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src/microgesture"


def write_api(folder: Path) -> None:
    """Write one page a package, with every module that documents something public."""
    folder.mkdir(exist_ok=True)
    pages = {package.name: list(_modules(package)) for package in _packages()}
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, modules in pages.items():
        text = f"# {name}\n" + "".join(map(_entry, modules))
        page = folder / f"{name}.md"
        if not page.is_file() or page.read_text() != text:  # the same page is not built again
            page.write_text(text)


def _packages() -> list[Path]:
    return sorted(path.parent for path in SOURCE.glob("*/__init__.py"))


def _modules(package: Path) -> Iterator[str]:
    for path in sorted(package.rglob("*.py")):
        if ast.get_docstring(ast.parse(path.read_text())) and path.name != "__init__.py":
            yield ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)


def _entry(module: str) -> str:
    return f"""
## {module.partition(".")[2].partition(".")[2]}

```{{eval-rst}}
.. automodule:: {module}
   :members:
```
"""
