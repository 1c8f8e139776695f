"""What a figure is put together from: rods and triangles between points of some moving frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# Kinds of surface; what is unseen only casts shadows.
UNSEEN, SKIN, CLOTH, HAIR, WHITE, IRIS, LIPS, MOUTH, HAND, THING, TABLE = range(11)

Vector = Sequence[float] | np.ndarray


class Surface(NamedTuple):
    """How a rod looks; colours are red, green, blue, 0 to 255."""

    colour: Vector
    kind: int
    shine: float = 0.0
    folds: float = 0.0  # depth of the folds of cloth
    casting: bool = False  # shadows on what is close


class Rod(NamedTuple):
    """A tapered rod between two points of a part."""

    first: int
    last: int
    radius: float  # cm
    end_radius: float
    surface: Surface


@dataclass
class Part:
    """Points at rest (V, 3) in centimetres, the rods and the triangles between them.

    A triangle is (three points, rule (4,)). Paint, places and rules are those of
    `microgesture.synthetic.rendering.raster.draw_mesh`.
    """

    points: np.ndarray
    paint: np.ndarray  # (V, 4) of vertices
    places: np.ndarray  # (V, 2) in the texture
    rods: list[Rod] = field(default_factory=list)
    triangles: list[tuple[tuple[int, int, int], tuple[int, int, int, int]]] = field(
        default_factory=list
    )


def part(points: np.ndarray, colour: Vector = (0, 0, 0), shine: float = 0.0) -> Part:
    """A part without rods and triangles, of one colour."""
    points = np.asarray(points, float).reshape(-1, 3)
    paint = np.tile([*colour, shine], (len(points), 1))
    return Part(points, paint, np.zeros((len(points), 2)))


def add_rod(to: Part, ends: tuple[int, int], radii: tuple[float, float], surface: Surface) -> None:
    """Add a tapered rod between two points of a part."""
    to.rods.append(Rod(*ends, *radii, surface))


def add_chain(to: Part, points: np.ndarray, radii: Sequence[float], surface: Surface) -> None:
    """Add points of its own and the rods between them."""
    first = len(to.points)
    extend(to, part(points))
    for k in range(len(points) - 1):
        add_rod(to, (first + k, first + k + 1), (radii[k], radii[k + 1]), surface)


def extend(to: Part, other: Part) -> None:
    """Append another part of the same frame, in place."""
    shift = len(to.points)
    to.points = np.vstack([to.points, other.points])
    to.paint = np.vstack([to.paint, other.paint])
    to.places = np.vstack([to.places, other.places])
    to.rods += [rod._replace(first=rod.first + shift, last=rod.last + shift) for rod in other.rods]
    to.triangles += [
        ((a + shift, b + shift, c + shift), rule) for (a, b, c), rule in other.triangles
    ]


def add_facing(
    to: Part, corners: np.ndarray, outward: np.ndarray, rule: tuple[int, int, int, int]
) -> None:
    """Add triangles (F, 3), each turned so that it faces along ``outward`` (F, 3) or (3,)."""
    a, b, c = (to.points[corners[:, k]] for k in range(3))
    facing = np.sum(np.cross(b - a, c - a) * outward, axis=1) >= 0
    turned = np.where(facing[:, None], corners, corners[:, [0, 2, 1]])
    to.triangles += [((int(i), int(j), int(k)), rule) for i, j, k in turned]


def loft(
    rings: np.ndarray,
    colour: Vector,
    rule: tuple[int, int, int, int],
    *,
    closed: bool = True,
    shine: float = 0.0,
) -> Part:
    """A surface through rings (R, S, 3) of points; ``closed`` joins the last to the first point."""
    count, around = rings.shape[:2]
    made = part(rings.reshape(-1, 3), colour, shine)
    steps = around if closed else around - 1
    i, j = (index.ravel() for index in np.mgrid[: count - 1, :steps])
    k = (j + 1) % around
    a, b, c, d = i * around + j, i * around + k, (i + 1) * around + k, (i + 1) * around + j
    corners = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    middle = rings.mean(axis=1)[i]
    out = np.concatenate([made.points[a] - middle, made.points[a] - middle])
    add_facing(made, corners, out, rule)
    return made


def ball(radii: Vector, centre: Vector, colour: Vector, kind: int, rings: int, around: int) -> Part:
    """An ellipsoid of triangles; ``rings`` from pole to pole along y."""
    polar = np.pi * (np.arange(rings) + 0.02)[:, None] / (rings - 0.96)
    turn = 2 * np.pi * np.arange(around) / around
    return loft(sphere(polar, turn) * radii + centre, colour, (kind, 0, 0, 0))


def sphere(polar: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Points (R, S, 3) of the unit sphere at angles from the top (R, 1 or S) and around y (S,)."""
    flat = np.sin(polar)
    x, y, z = np.broadcast_arrays(flat * np.sin(turn), -np.cos(polar), flat * np.cos(turn))
    return np.stack([x, y, z], axis=-1)
