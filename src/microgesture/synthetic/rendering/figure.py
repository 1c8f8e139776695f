"""A person as rods and triangles, and where their points are at each frame of a recording."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from microgesture.synthetic.body import Frames, Person
from microgesture.synthetic.kinematics import rotate
from microgesture.synthetic.rendering.clothes import texture_place
from microgesture.synthetic.rendering.face import face_part, face_points
from microgesture.synthetic.rendering.head import head_part
from microgesture.synthetic.rendering.look import Look, Setting
from microgesture.synthetic.rendering.parts import (
    CLOTH,
    HAND,
    SKIN,
    Part,
    Surface,
    add_rod,
    extend,
    loft,
    part,
)
from microgesture.synthetic.rendering.props import scene_part, thing_frame, thing_part

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
_FINGERS = tuple(tuple(range(1 + 4 * k, 5 + 4 * k)) for k in range(5))
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
    girth = look.girth
    sleeve = Surface(0.96 * look.cloth, CLOTH, folds=0.12, casting=True)
    skin = Surface(look.skin, SKIN, shine=0.06, casting=True)
    cuff = Surface(look.under, CLOTH) if look.clothes == "jacket" else skin
    for k, (shoulder, elbow, wrist) in enumerate(((2, 3, 4), (5, 6, 7))):
        half, end = 137 + 2 * k, 138 + 2 * k
        if look.clothes == "tee":
            add_rod(made, (half, elbow), (4.3 * girth, 3.9 * girth), skin)
            add_rod(made, (shoulder, half), (5.1 * girth, 5.2 * girth), sleeve)
            add_rod(made, (elbow, wrist), (3.9 * girth, 2.5), skin)
        else:
            add_rod(made, (shoulder, elbow), (5.1 * girth, 4.3 * girth), sleeve)
            add_rod(made, (elbow, end), (4.4 * girth, 3.4 * girth), sleeve)
            add_rod(made, (end, wrist), (2.7, 2.5), cuff)
    for first in (95, 116):
        _add_hand(made, first, person.hand, look)
    return made


# Points between two of the skeleton: first, last, how far along.
_BETWEEN = ((2, 3, 0.55), (3, 4, 0.9), (5, 6, 0.55), (6, 7, 0.9))


def _add_hand(made: Part, first: int, size: float, look: Look) -> None:
    def rod(a: int, b: int, radii: tuple[float, float], light: float = 0.98) -> None:
        thick = (radii[0] * size, radii[1] * size)
        skin = Surface(light * look.skin, HAND, shine=0.08, casting=True)
        add_rod(made, (first + a, first + b), thick, skin)

    for root, thick in ((1, 1.5), (5, 1.3), (9, 1.35), (13, 1.3), (17, 1.2)):
        rod(0, root, (1.7, thick))
    for a, b in ((5, 9), (9, 13), (13, 17), (1, 5)):
        rod(a, b, (1.2, 1.2))
    for finger, radii in zip(_FINGERS, _FINGER_RADII, strict=True):
        for k in range(3):
            rod(finger[k], finger[k + 1], (radii[k], radii[k + 1]), 1 + 0.015 * k)


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
        "scene": scene_part(setting, edge, look),
        "thing": thing_part(setting, edge),
    }
    whole, where = part(np.zeros((0, 3))), {}
    for name, one in parts.items():
        where[name] = slice(len(whole.points), len(whole.points) + len(one.points))
        extend(whole, one)
    # the neck stands in the torso and ends in the head
    neck, chin = where["torso"].stop - 3, len(whole.points)
    extend(whole, part(np.array([[0.0, 5.5, -2.2]]) * person.head))
    where["chin"] = slice(chin, chin + 1)
    yoke = Surface(0.97 * look.cloth, CLOTH, folds=0.05)
    for k, shoulder in enumerate((2, 5)):
        add_rod(whole, (neck + 1 + k, shoulder), (4.6, 4.9 * look.girth), yoke)
    thick = 4.9 * (0.5 + 0.5 * look.girth)
    add_rod(whole, (neck, chin), (thick * 1.05, thick), Surface(0.93 * look.skin, SKIN, shine=0.05))
    surfaces = [rod.surface for rod in whole.rods]
    return Figure(
        parts=where,
        rest=whole.points,
        ends=np.array([(rod.first, rod.last) for rod in whole.rods]),
        radii=np.array([(rod.radius, rod.end_radius) for rod in whole.rods]),
        rod_paint=np.array([(*s.colour, s.shine, s.folds) for s in surfaces], np.float32),
        rod_kinds=np.array([surface.kind for surface in surfaces], np.uint8),
        casting=np.array([surface.casting for surface in surfaces]),
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
    origin, axes = thing_frame(setting, edge, truth, held)
    local = np.repeat(figure.rest[where["thing"]][None], total, axis=0)
    points[:, where["thing"]] = origin[:, None] + rotate(axes, local)
    return points
