"""A person as rods and triangles, and where their points are at each frame of a recording."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microgesture.synthetic.body import Frames, Person
from microgesture.synthetic.kinematics import rotate, unit
from microgesture.synthetic.rendering.clothes import texture_place
from microgesture.synthetic.rendering.head import face_part, face_points, head_part
from microgesture.synthetic.rendering.look import Look, Setting
from microgesture.synthetic.rendering.parts import (
    CLOTH,
    HAND,
    SKIN,
    TABLE,
    THING,
    Part,
    add_chain,
    add_facing,
    add_rod,
    extend,
    loft,
    part,
)

# Cross-sections of the torso: y below the neck, half the width, front, back (cm).
_TORSO = np.array(
    [
        [-5.0, 6.3, 4.6, -6.0],
        [-3.0, 9.0, 4.8, -6.3],
        [-0.5, 13.2, 5.6, -6.8],
        [3.0, 17.0, 7.0, -7.2],
        [8.0, 17.8, 8.8, -7.6],
        [16.0, 16.6, 10.1, -8.2],
        [26.0, 15.2, 10.5, -9.2],
        [38.0, 14.6, 10.8, -10.2],
        [46.0, 15.4, 10.6, -11.0],
        [51.5, 15.0, 8.5, -11.0],
    ]
)
_AROUND = 24
FINGERS = tuple(tuple(range(1 + 4 * k, 5 + 4 * k)) for k in range(5))
_FINGER_RADII = ((1.25, 0.98, 0.86, 0.74), (0.98, 0.84, 0.76, 0.66), (0.98, 0.86, 0.78, 0.66),
                 (0.94, 0.8, 0.72, 0.64), (0.86, 0.72, 0.64, 0.56))  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """All parts of a picture, joined; points are in the order of ``parts``."""

    parts: Mapping[str, slice]
    rest: np.ndarray  # (V, 3) cm, each in the frame of its part
    ends: np.ndarray  # (P, 2)
    radii: np.ndarray  # (P, 2) cm
    rod_paint: np.ndarray  # (P, 5)
    rod_kinds: np.ndarray  # (P,)
    casting: np.ndarray  # (P,) bool
    corners: np.ndarray  # (F, 3)
    rules: np.ndarray  # (F, 4)
    paint: np.ndarray  # (V, 4)
    places: np.ndarray  # (V, 2)


def _torso_part(person: Person, look: Look) -> Part:
    turn = 2 * np.pi * np.arange(_AROUND) / _AROUND
    across = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.8
    deep = np.cos(turn)
    grow = 1 + (look.girth - 1) * np.clip(_TORSO[:, :1] / 15, 0, 1)
    x = across * _TORSO[:, 1:2] * grow * person.shoulder / 17.5
    z = np.where(deep > 0, deep * _TORSO[:, 2:3], -deep * _TORSO[:, 3:4])
    y = np.repeat(_TORSO[:, :1], _AROUND, axis=1) * np.where(
        _TORSO[:, :1] > 0, person.torso / 50, 1
    )
    rings = np.stack([x, y, z], axis=-1)
    made = loft(rings, (255, 255, 255), (CLOTH, 0, 1, 0))
    made.places = texture_place(made.points[:, 0], made.points[:, 1])
    # where neck and shoulders begin
    extend(made, part(np.array([[0, 4.0, -1.5], [-5.0, -0.6, -1.5], [5.0, -0.6, -1.5]])))
    return made


def _body_part(person: Person, look: Look) -> Part:
    """Arms and hands, between the skeleton's own points and some on the way from one to another."""
    made = part(np.zeros((137 + len(_BETWEEN), 3)))
    sleeve = 0.96 * look.cloth
    bare = look.clothes == "tee"
    girth, folds = look.girth, 0.12
    for k, (shoulder, elbow, wrist) in enumerate(((2, 3, 4), (5, 6, 7))):
        half, cuff = 137 + 2 * k, 138 + 2 * k
        upper, lower = (5.1 * girth, 4.9 * girth, 4.3 * girth), (4.4 * girth, 3.4 * girth, 2.9)
        if bare:
            add_rod(
                made,
                (half, elbow),
                (4.3 * girth, 3.9 * girth),
                look.skin,
                SKIN,
                shine=0.06,
                shadow=True,
            )
            add_rod(
                made,
                (shoulder, half),
                (upper[0], 5.2 * girth),
                sleeve,
                CLOTH,
                folds=folds,
                shadow=True,
            )
            add_rod(
                made, (elbow, wrist), (3.9 * girth, 2.5), look.skin, SKIN, shine=0.06, shadow=True
            )
        else:
            add_rod(
                made,
                (shoulder, elbow),
                (upper[0], upper[2]),
                sleeve,
                CLOTH,
                folds=folds,
                shadow=True,
            )
            add_rod(
                made, (elbow, cuff), (lower[0], lower[1]), sleeve, CLOTH, folds=folds, shadow=True
            )
            add_rod(
                made,
                (cuff, wrist),
                (2.7, 2.5),
                look.under if look.clothes == "jacket" else look.skin,
                CLOTH,
            )
    for first in (95, 116):
        _add_hand(made, first, person.hand, look)
    return made


# Points between two of the skeleton: first, last, how far along.
_BETWEEN = ((2, 3, 0.55), (3, 4, 0.9), (5, 6, 0.55), (6, 7, 0.9))


def _add_hand(made: Part, first: int, size: float, look: Look) -> None:
    palm = 0.98 * look.skin

    def rod(a: int, b: int, radii: tuple[float, float], colour: np.ndarray) -> None:
        thick = (radii[0] * size, radii[1] * size)
        add_rod(made, (first + a, first + b), thick, colour, HAND, shine=0.08, shadow=True)

    for root, thick in ((1, 1.5), (5, 1.3), (9, 1.35), (13, 1.3), (17, 1.2)):
        rod(0, root, (1.7, thick), palm)
    for a, b in ((5, 9), (9, 13), (13, 17), (1, 5)):
        rod(a, b, (1.2, 1.2), palm)
    for finger, radii in zip(FINGERS, _FINGER_RADII, strict=True):
        for k in range(3):
            rod(finger[k], finger[k + 1], (radii[k], radii[k + 1]), look.skin * (1.0 + 0.015 * k))


def _add_board(
    made: Part, corners: Sequence[tuple[float, float, float]], setting: Setting, light: float = 0.86
) -> None:
    """Add a flat board, seen from the side on which its corners go round clockwise."""
    first = len(made.points)
    extend(made, part(np.array(corners), light * setting.wood, 0.12))
    for face in ((0, 1, 2), (0, 2, 3)):
        a, b, c = (first + k for k in face)
        made.triangles.append(((a, b, c), (TABLE, 0, 0, 0)))


def _scene_part(setting: Setting, edge: float, look: Look) -> Part:
    """Legs, and the table with a microphone: what does not move."""
    dark = 0.45 * look.cloth[::-1] + 14
    made = part(np.zeros((0, 3)))
    for side in (-1, 1):
        leg = np.array([[side * 8, 2, 0], [side * 13, -2, 42], [side * 14, 45, 40]])
        add_chain(made, leg, (9.5, 7.4, 5.5), dark, CLOTH, folds=0.06)
    add_chain(made, np.array([[-8.0, 3, 0], [8, 3, 0]]), (9.0, 9.0), dark, CLOTH)
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
        x = setting.microphone
        stalk = np.array([[x, top, 46], [x, top - 10, 45], [0.7 * x, top - 19, 40]])
        add_chain(made, stalk, (0.5, 0.45, 0.4), (40, 40, 44), THING)
        grip = np.array([[0.7 * x, top - 19, 40], [0.6 * x, top - 22, 38]])
        add_chain(made, grip, (1.3, 1.5), (22, 22, 26), THING, shine=0.2)
        add_chain(
            made, np.array([[x - 2, top, 46], [x + 2, top, 46]]), (1.6, 1.6), (36, 36, 40), THING
        )
    return made


def _thing_kind(setting: Setting, edge: float) -> str:
    """What lies at hand; a bottle stands on a table only."""
    return "phone" if edge > 0 and setting.thing == "bottle" else setting.thing


def _thing_part(setting: Setting, edge: float) -> Part:
    """What lies at hand, around the point where it is held; its length is along x."""
    made = part(np.zeros((0, 3)))
    colour = setting.thing_colour
    kind = _thing_kind(setting, edge)
    if kind == "pen":
        add_chain(
            made, np.array([[-5.0, 0, 0], [9.0, 0, 0]]), (0.45, 0.5), colour, THING, shine=0.35
        )
    elif kind == "bottle":
        shape = np.array([[-8.0, 0, 0], [4.0, 0, 0], [7.0, 0, 0], [9.0, 0, 0]])
        add_chain(made, shape, (3.0, 3.0, 1.5, 1.4), 0.5 * colour + 110, THING, shine=0.35)
        add_chain(made, np.array([[-6.0, 0, 0], [0, 0, 0]]), (3.1, 3.1), colour, THING)
    else:
        box = np.array(
            [[x, y, z] for x in (-5, 9) for y in (-0.45, 0.45) for z in (-3.5, 3.5)], float
        )
        body = part(box, 0.25 * colour + 10, 0.3)
        quads = np.array(
            [[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]]
        )
        middle = box.mean(axis=0)
        for quad in quads:
            faces = np.array([quad[[0, 1, 2]], quad[[0, 2, 3]]])
            add_facing(body, faces, box[quad].mean(axis=0) - middle, (THING, 0, 0, 0))
        extend(made, body)
    return made


def build_figure(
    person: Person, look: Look, setting: Setting, edge: float, rng: np.random.Generator
) -> Figure:
    """Put together a person, the table and what lies at hand.

    ``edge`` is the height of the table's edge below the hips, in centimetres; below 0 it is seen.
    ``rng`` decides how the hair falls.
    """
    parts = {
        "body": _body_part(person, look),
        "torso": _torso_part(person, look),
        "head": head_part(person, look, rng),
        "face": face_part(look),
        "scene": _scene_part(setting, edge, look),
        "thing": _thing_part(setting, edge),
    }
    whole, where = part(np.zeros((0, 3))), {}
    for name, one in parts.items():
        where[name] = slice(len(whole.points), len(whole.points) + len(one.points))
        extend(whole, one)
    # the neck stands in the torso and ends in the head
    neck, chin = where["torso"].stop - 3, len(whole.points)
    extend(whole, part(np.array([[0.0, 5.5, -2.2]]) * person.head))
    where["chin"] = slice(chin, chin + 1)
    for k, shoulder in enumerate((2, 5)):
        sizes = (4.6, 4.9 * look.girth)
        add_rod(whole, (neck + 1 + k, shoulder), sizes, 0.97 * look.cloth, CLOTH, folds=0.05)
    thick = 4.9 * (0.5 + 0.5 * look.girth)
    add_rod(whole, (neck, chin), (thick * 1.05, thick), 0.93 * look.skin, SKIN, shine=0.05)
    return Figure(
        parts=where,
        rest=whole.points,
        ends=np.array([(rod.first, rod.last) for rod in whole.rods]),
        radii=np.array([(rod.radius, rod.end_radius) for rod in whole.rods]),
        rod_paint=np.array([rod.paint for rod in whole.rods], np.float32),
        rod_kinds=np.array([rod.kind for rod in whole.rods], np.uint8),
        casting=np.array([rod.casting for rod in whole.rods]),
        corners=np.array([corners for corners, _ in whole.triangles], np.int32),
        rules=np.array([rule for _, rule in whole.triangles], np.uint8),
        paint=whole.paint.astype(np.float32),
        places=whole.places.astype(np.float32),
    )


def figure_points(
    figure: Figure,
    person: Person,
    setting: Setting,
    edge: float,
    truth: np.ndarray,
    frames: Frames,
    channels: Mapping[str, np.ndarray],
    held: np.ndarray,
) -> np.ndarray:
    """Where all points of a figure are, (T, V, 3) in centimetres.

    ``truth`` (T, 137, 3), ``frames`` and ``channels`` are the recorded motion, and ``held`` (T, 2)
    says how far the right and the left hand have taken what lies at hand, 0 to 1.
    """
    total = len(truth)
    points = np.empty((total, len(figure.rest), 3))
    where = figure.parts
    between = [truth[:, a] + f * (truth[:, b] - truth[:, a]) for a, b, f in _BETWEEN]
    points[:, where["body"]] = np.concatenate([truth, np.stack(between, axis=1)], axis=1)
    torso = figure.rest[where["torso"]]
    local = np.repeat(torso[None], total, axis=0)
    # clothes follow the shoulders when these are raised or drawn back
    for side in (-1, 1):
        raised = rotate(np.swapaxes(frames.torso, 1, 2), frames.shoulders[side] - frames.neck)
        raised -= [side * person.shoulder, 0, 0]
        share = np.clip(side * torso[:, 0] / person.shoulder, 0, 1) * np.clip(
            1 - torso[:, 1] / 22, 0, 1
        )
        local += share[:, None] * raised[:, None]
    points[:, where["torso"]] = frames.neck[:, None] + rotate(frames.torso, local)
    for name in ("head", "chin"):
        local = np.repeat(figure.rest[where[name]][None], total, axis=0)
        points[:, where[name]] = frames.head_centre[:, None] + rotate(frames.head, local)
    face = face_points(person, channels)
    points[:, where["face"]] = frames.head_centre[:, None] + rotate(frames.head, face)
    points[:, where["scene"]] = figure.rest[where["scene"]]
    origin, axes = _thing_frame(setting, edge, truth, held)
    local = np.repeat(figure.rest[where["thing"]][None], total, axis=0)
    points[:, where["thing"]] = origin[:, None] + rotate(axes, local)
    return points


def _thing_frame(
    setting: Setting, edge: float, truth: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place (T, 3) and axes (T, 3, 3) of what lies on table or thigh until it is taken."""
    total = len(truth)
    standing = _thing_kind(setting, edge) == "bottle"
    if edge < 0:
        place = np.array([setting.thing_at, edge - 1.5 - (11.0 if standing else 0.6), 34.0])
    else:
        place = np.array([np.sign(setting.thing_at) * 11.0, -9.6, 28.0])
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
