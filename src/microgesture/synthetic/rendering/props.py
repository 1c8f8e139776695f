"""What is in front of a person: legs, chair or table, a microphone, and an object to play with."""

from collections.abc import Sequence

import numpy as np

from microgesture.synthetic.kinematics import unit
from microgesture.synthetic.rendering.look import Look, Setting
from microgesture.synthetic.rendering.parts import (
    CLOTH,
    TABLE,
    THING,
    Part,
    Surface,
    add_chain,
    add_facing,
    extend,
    part,
)


def _add_board(
    made: Part, corners: Sequence[tuple[float, float, float]], setting: Setting, light: float = 0.86
) -> None:
    """Add a flat board, seen from the side on which its corners go round clockwise."""
    first = len(made.points)
    extend(made, part(np.array(corners), light * setting.wood, 0.12))
    for face in ((0, 1, 2), (0, 2, 3)):
        a, b, c = (first + k for k in face)
        made.triangles.append(((a, b, c), (TABLE, 0, 0, 0)))


def scene_part(setting: Setting, edge: float, look: Look) -> Part:
    """Legs, and the table with a microphone: what does not move."""
    trousers = Surface(0.45 * look.cloth[::-1] + 14, CLOTH, folds=0.06)
    made = part(np.zeros((0, 3)))
    for side in (-1, 1):
        leg = np.array([[side * 8, 6, 0], [side * 13, 3, 42], [side * 14, 45, 40]])
        add_chain(made, leg, (9.5, 7.4, 5.5), trousers)
    add_chain(made, np.array([[-8.0, 5, 0], [8, 5, 0]]), (9.0, 9.0), trousers)
    if edge > 0:
        _add_board(made, ((-22.0, -47, -17), (22, -47, -17), (22, 8, -14), (-22, 8, -14)), setting)
        return made
    top = edge - 1.5
    wide, near, far, deep = 110.0, 52.0, 15.0, 80.0
    top_corners = ((-wide, top, far), (wide, top, far), (wide, top, near), (-wide, top, near))
    _add_board(made, top_corners, setting, 1.08)
    down = top + deep
    front_corners = ((-wide, top, near), (wide, top, near), (wide, down, near), (-wide, down, near))
    _add_board(made, front_corners, setting)
    if setting.microphone is not None:
        _add_microphone(made, setting.microphone, top)
    return made


def _add_microphone(made: Part, x: float, top: float) -> None:
    foot = np.array([[x - 2, top, 46], [x + 2, top, 46]])
    add_chain(made, foot, (1.6, 1.6), Surface((36, 36, 40), THING))
    stalk = np.array([[x, top, 46], [x, top - 10, 45], [0.7 * x, top - 19, 40]])
    add_chain(made, stalk, (0.5, 0.45, 0.4), Surface((40, 40, 44), THING))
    grip = np.array([[0.7 * x, top - 19, 40], [0.6 * x, top - 22, 38]])
    add_chain(made, grip, (1.3, 1.5), Surface((22, 22, 26), THING, shine=0.2))


def _thing_kind(setting: Setting, edge: float) -> str:
    """What lies at hand; a bottle stands on a table only."""
    return "phone" if edge > 0 and setting.thing == "bottle" else setting.thing


def thing_part(setting: Setting, edge: float) -> Part:
    """What lies at hand, around the point where it is held; its length is along x."""
    made, colour = part(np.zeros((0, 3))), setting.thing_colour
    kind = _thing_kind(setting, edge)
    if kind == "pen":
        ends = np.array([[-5.0, 0, 0], [9.0, 0, 0]])
        add_chain(made, ends, (0.45, 0.5), Surface(colour, THING, shine=0.35))
    elif kind == "bottle":
        shape = np.array([[-8.0, 0, 0], [4.0, 0, 0], [7.0, 0, 0], [9.0, 0, 0]])
        glass = Surface(0.5 * colour + 110, THING, shine=0.35)
        add_chain(made, shape, (3.0, 3.0, 1.5, 1.4), glass)
        add_chain(made, np.array([[-6.0, 0, 0], [0, 0, 0]]), (3.1, 3.1), Surface(colour, THING))
    else:
        _add_box(made, np.array([[-5, -0.45, -3.5], [9, 0.45, 3.5]]), 0.25 * colour + 10)
    return made


def _add_box(made: Part, corners: np.ndarray, colour: np.ndarray) -> None:
    """A box between two opposite corners (2, 3)."""
    (x, y, z), (u, v, w) = corners
    points = np.array([[a, b, c] for a in (x, u) for b in (y, v) for c in (z, w)])
    box = part(points, colour, 0.3)
    sides = [[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]]
    for side in np.array(sides):
        faces = np.array([side[[0, 1, 2]], side[[0, 2, 3]]])
        outward = points[side].mean(axis=0) - points.mean(axis=0)
        add_facing(box, faces, outward, (THING, 0, 0, 0))
    extend(made, box)


def thing_frame(
    setting: Setting, edge: float, truth: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place (T, 3) and axes (T, 3, 3) of what lies on table or thigh until it is taken."""
    total = len(truth)
    standing = _thing_kind(setting, edge) == "bottle"
    if edge < 0:
        place = np.array([setting.thing_at, edge - 1.5 - (11.0 if standing else 0.6), 34.0])
    else:
        place = np.array([np.sign(setting.thing_at) * 11.0, -5.0, 28.0])
    along = np.array([0.0, -1.0, 0.0] if standing else [0.9, 0.0, 0.4])
    up = np.array([0.0, 0.0, 1.0] if standing else [0.0, -1.0, 0.0])
    origin = np.repeat(place[None], total, axis=0)
    first, second = (np.repeat(axis[None], total, axis=0) for axis in (along, up))
    for hand, block in enumerate((116, 95)):
        share = held[:, hand, None]
        tips = truth[:, [block + 4, block + 8]].mean(axis=1)
        thumb_side = unit(truth[:, block + 5] - truth[:, block + 17])
        palm = unit(np.cross(thumb_side, truth[:, block + 9] - truth[:, block]))
        origin = origin + share * (tips - origin)
        first = first + share * (thumb_side - first)
        second = second + share * (palm - second)
    first = unit(first)
    second = unit(second - np.sum(second * first, axis=-1, keepdims=True) * first)
    return origin, np.stack([first, second, np.cross(first, second)], axis=-1)
