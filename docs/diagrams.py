"""Diagrams of the site, drawn from what they show: the layers of the library, and the rules."""

import ast
import re
import subprocess
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as MplPath

ROOT = Path(__file__).parents[1]
INK, LINE, FILL = "#1d2733", "#5b7083", "#e8f0f8"
Place = tuple[float, float]


def floors() -> list[set[str]]:
    """The layers, from the top, as the test of imports has them."""
    tree = ast.parse((ROOT / "tests/test_layers.py").read_text())
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FLOORS"
    ]
    return ast.literal_eval(values[0])


def write_layers(path: Path) -> None:
    """Draw the layers as rows of packages, the uppermost on top."""
    rows = [sorted(packages) for packages in floors()]
    figure, axes = _canvas(9, 0.85 * len(rows))
    for y, packages in enumerate(reversed(rows)):
        for n, name in enumerate(packages):
            _box(axes, ((n + 0.5) * 10 / len(packages), y), name, 10 / len(packages) - 0.3, 0.62)
    axes.set(xlim=(-0.1, 10.1), ylim=(-0.5, len(rows) - 0.5))
    _save(figure, path)


def rule_graph() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Names of the rules by number, and which one's outputs another reads."""
    done = subprocess.run(
        ["snakemake", "--rulegraph", "--quiet", "all", "--forceall"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = dict(re.findall(r'^\s*(\d+)\[label = "([^"]+)"', done.stdout, re.M))
    edges = re.findall(r"^\s*(\d+) -> (\d+)", done.stdout, re.M)
    if not names or not edges:
        raise RuntimeError(f"snakemake --rulegraph gave no graph: {done.stdout}{done.stderr}")
    return names, edges


def write_rules(path: Path) -> None:
    """Draw the rules from top to bottom, each below all that it reads from."""
    names, edges = rule_graph()
    # `all` only collects what is made
    names = {number: name for number, name in names.items() if name != "all"}
    edges = [edge for edge in edges if set(edge) <= set(names)]
    ways = _ways(names, [edge for edge in edges if not _around(edge, edges)])
    places = _places(names, ways)
    depth = max(y for _, y in places.values())
    figure, axes = _canvas(9, 0.85 * (depth + 1))
    for way in ways:
        _arrow(axes, [places[step] for step in way])
    for number, name in names.items():
        x, y = places[number]
        _box(axes, (x, -y), name.replace("_", " "), 1.7, 0.46)
    axes.set(xlim=(-0.1, 10.1), ylim=(-depth - 0.5, 0.5))
    _save(figure, path)


def _arrow(axes: Axes, steps: list[Place]) -> None:
    """A smooth line that leaves and enters boxes from above."""
    points = [(x, -y) for x, y in steps]
    points[0] = (points[0][0], points[0][1] - 0.24)
    points[-1] = (points[-1][0], points[-1][1] + 0.26)
    vertices, codes = [points[0]], [MplPath.MOVETO]
    for (x, y), (x2, y2) in pairwise(points):
        middle = (y + y2) / 2
        vertices += [(x, middle), (x2, middle), (x2, y2)]
        codes += [MplPath.CURVE4] * 3
    line = MplPath(vertices, codes)
    axes.add_patch(FancyArrowPatch(path=line, arrowstyle="-|>", mutation_scale=9, color=LINE, lw=1))


def _ways(names: dict[str, str], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Each arrow by what it passes in every row between; what is no rule is a place to pass."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in edges:
            depth[target] = max(depth[target], depth[source] + 1)
    between = {
        edge: [f"{'-'.join(edge)}@{level}" for level in range(depth[edge[0]] + 1, depth[edge[1]])]
        for edge in edges
    }
    return [[source, *between[source, target], target] for source, target in edges]


def _around(edge: tuple[str, str], edges: list[tuple[str, str]]) -> bool:
    """Whether a longer way leads to where an edge does, which says as much."""
    waiting, seen = [b for a, b in edges if a == edge[0] and b != edge[1]], set[str]()
    while waiting:
        here = waiting.pop()
        if here == edge[1]:
            return True
        if here not in seen:
            seen.add(here)
            waiting += [b for a, b in edges if a == here]
    return False


def _places(names: dict[str, str], ways: list[list[str]]) -> dict[str, Place]:
    """Rows by depth; in a row, near the mean of what is above."""
    above = defaultdict(set)
    for way in ways:
        for upper, lower in pairwise(way):
            above[lower].add(upper)
    depth: dict[str, int] = {}
    waiting = [*names, *(step for way in ways for step in way[1:-1])]
    while waiting:
        step = waiting.pop(0)
        if above[step] <= depth.keys():
            depth[step] = 1 + max((depth[one] for one in above[step]), default=-1)
        else:
            waiting.append(step)
    rows = defaultdict(list)
    for step, level in depth.items():
        rows[level].append(step)
    across: dict[str, float] = {}
    for level in sorted(rows):
        means = {n: sum(across[a] for a in above[n]) / max(len(above[n]), 1) for n in rows[level]}
        row = sorted(rows[level], key=lambda n: (means[n], names.get(n, n)))
        widths = [1.8 if step in names else 0.4 for step in row]
        gap = (10 - sum(widths)) / (len(row) + 1)
        for place, step in enumerate(row):
            across[step] = sum(widths[:place]) + widths[place] / 2 + (place + 1) * gap
    return {step: (across[step], depth[step]) for step in depth}


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    return figure, axes


def _box(axes: Axes, place: Place, text: str, width: float, height: float) -> None:
    x, y = place
    box = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=FILL,
        edgecolor=LINE,
        lw=1,
    )
    axes.add_patch(box)
    axes.text(x, y, text, ha="center", va="center", color=INK, fontsize=10.5)


def _save(figure: Figure, path: Path) -> None:
    # no date, and the same names of parts: the same picture is the same file
    with matplotlib.rc_context({"svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None}, facecolor="white")
