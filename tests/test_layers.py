"""The library's packages as floors of a house: imports lead down, never up or across."""

import ast

from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src/microgesture"

# from the top: a package imports packages of lower floors, and nothing of its own floor but itself
FLOORS = [
    {"cli"},
    {"online", "emotion"},
    {"training", "probing"},
    {"report", "data_report", "inference"},
    {"viz", "provenance", "workflow", "inputs"},
    {"pose"},
    {"video"},
    {"evaluation", "readers", "preprocessing", "heatmaps"},
    {"data", "models", "synthetic"},
    {"settings"},
    {"utils"},
]


def modules():
    return sorted(SOURCE.rglob("*.py"))


def package_of(path):
    return path.relative_to(SOURCE).parts[0]


def imported(path):
    """Packages of the library that a module imports anything of."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("microgesture.")}
    return found


def test_imports_lead_down():
    floor = {package: n for n, packages in enumerate(FLOORS) for package in packages}
    assert set(floor) == {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    wrong = [
        f"{path.relative_to(SOURCE)} imports {other}"
        for path in modules()
        if (own := package_of(path)) in floor
        for other in sorted(imported(path))
        if other in floor and other != own and floor[other] <= floor[own]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_root_holds_packages_and_their_init_files_are_empty():
    assert len(list(SOURCE.glob("*.py"))) <= 3
    filled = [path for path in SOURCE.rglob("*/__init__.py") if path.read_text()]
    assert filled == []


def test_no_torch_below_the_networks():
    """What only reads, cleans or scores starts quickly: torch is imported where it is used."""
    free = {
        "utils",
        "settings",
        "data",
        "readers",
        "preprocessing",
        "evaluation",
        "synthetic",
        "workflow",
    }
    wrong = [
        str(path.relative_to(SOURCE))
        for path in modules()
        if package_of(path) in free
        and any(
            name.split(".")[0] == "torch"
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        )
    ]
    assert wrong == []
