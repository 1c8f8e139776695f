"""What turns with a head as one piece: skull, ears, hair, cap and glasses."""

import numpy as np

from microgesture.synthetic.body import Person
from microgesture.synthetic.face import EAR
from microgesture.synthetic.rendering.look import Look
from microgesture.synthetic.rendering.parts import (
    CLOTH,
    HAIR,
    SKIN,
    UNSEEN,
    Part,
    Surface,
    add_chain,
    add_facing,
    add_rod,
    ball,
    extend,
    loft,
    part,
    sphere,
)

SKULL, SKULL_AT = np.array([7.3, 9.7, 9.1]), np.array([0.0, -3.1, -0.4])  # radii, middle
_AROUND = 36  # points of a ring of hair


def head_part(person: Person, look: Look, rng: np.random.Generator) -> Part:
    """What turns with the head as one piece: skull, ears, hair, cap, glasses."""
    wide, long = person.face_shape["width"], person.face_shape["length"]
    scale = np.array([wide, long, 1.0])
    made = ball(SKULL * scale, SKULL_AT * scale, look.skin, SKIN, 12, 18)
    for side in (-1, 1):
        ear = EAR * np.array([side * wide, 1, 1])
        rim = ear + np.array([[0, -2.0, -0.6], [side * 0.5, 0, -0.6], [0, 2.0, 0.2]])
        add_chain(made, rim, (1.0, 1.2, 0.7), Surface(0.96 * look.skin, SKIN))
    # inside the jaw, for its shadow on the neck
    inner = len(made.points)
    extend(made, part(np.array([[-3.6, 7.0, 3.0], [3.6, 7.0, 3.0]])))
    add_rod(made, (inner, inner + 1), (2.4, 2.4), Surface(look.skin, UNSEEN, casting=True))
    if look.style != "bald":
        extend(made, _hair(look, scale, rng))
    if look.cap is not None:
        extend(made, _cap(look.cap, scale))
    if look.glasses:
        extend(made, _glasses(3.2 * person.face_shape["eyes"] * wide, 7.7 * wide))
    made.points *= person.head
    made.rods = [
        rod._replace(radius=rod.radius * person.head, end_radius=rod.end_radius * person.head)
        for rod in made.rods
    ]
    return made


def _glasses(eyes: float, ears: float) -> Part:
    """Glasses before eyes and on ears so far from the middle, in centimetres."""
    made, frame = part(np.zeros((0, 3))), Surface((30, 28, 30), CLOTH)
    turn = np.linspace(0, 2 * np.pi, 11)
    for side in (-1, 1):
        loop = np.stack([2.3 * np.cos(turn), 1.8 * np.sin(turn), 0 * turn], axis=-1)
        add_chain(made, loop + np.array([side * eyes, -0.6, 9.6]), [0.16] * 11, frame)
        arm = np.array([[side * (eyes + 2.3), -1.0, 9.2], [side * ears, -0.8, 0.5]])
        add_chain(made, arm, (0.16, 0.16), frame)
    add_chain(made, np.array([[-0.9, -0.8, 9.9], [0.9, -0.8, 9.9]]), (0.16, 0.16), frame)
    return made


def _shell(
    scale: np.ndarray, grow: np.ndarray, colour: np.ndarray, kind: int, line: tuple[float, float]
) -> Part:
    """The part of a larger skull above a line that falls from the brow to the nape.

    ``line`` is its height in front, in radii below the middle, and by how much it falls to the
    sides; at the back it ends at the nape.
    """
    rings = 11
    turn = 2 * np.pi * np.arange(_AROUND) / _AROUND
    rim = np.minimum(line[0] + line[1] * (1 - np.cos(turn)), 0.66)
    polar = np.linspace(0.03, 1, rings)[:, None] * np.arccos(-rim)
    # the rim lies close to the skin
    swell = grow * np.sqrt(np.linspace(1, 0.04, rings))[:, None, None]
    rings_at = sphere(polar, turn) * (SKULL + swell) + SKULL_AT
    return loft(rings_at * scale, colour, (kind, 0, 0, 0))


def _hair(look: Look, scale: np.ndarray, rng: np.random.Generator) -> Part:
    volume = {"short": 0.5, "full": 1.5, "bob": 1.1, "long": 1.0}[look.style]
    grow = volume * rng.uniform(0.8, 1.2) * np.array([0.9, 1.1, 0.7])
    line = (rng.uniform(-0.68, -0.5), rng.uniform(0.68, 0.85))
    made = _shell(scale, grow, look.hair, HAIR, line)
    strands = 1 + 0.07 * rng.standard_normal(_AROUND)
    made.paint[:, :3] *= np.tile(strands, len(made.points) // _AROUND)[:, None]
    made.paint[:, 3] = 0.1
    length = {"bob": 9.0, "long": rng.uniform(16, 26)}.get(look.style, 0.0)
    if length:
        _add_locks(made, look, scale, length, rng)
    return made


def _add_locks(
    made: Part, look: Look, scale: np.ndarray, length: float, rng: np.random.Generator
) -> None:
    """Hair that hangs down at the sides and at the back."""
    for side in (-1, 1):
        for z in (-6.0, -3.5, -1.2, 1.0):
            reach = length * rng.uniform(0.85, 1.05)
            end = z - 0.2 * reach if reach > 12 else z
            lock = np.array(
                [[5.6, -8.0, z], [7.6, -2.5, z], [8.0, 3.0, z], [7.8, 0, 0], [7.2, 0, end]]
            )
            lock[3:, 1], lock[3, 2] = (3 + reach / 2, 3 + reach), z - 0.5
            lock[2:, 0] += rng.uniform(-0.6, 0.6, 3)
            shade = Surface(look.hair * rng.uniform(0.85, 1.15), HAIR, shine=0.08)
            add_chain(made, lock * [side, 1, 1] * scale, (1.6, 1.9, 1.9, 1.8, 0.9), shade)
    for x in (-5.0, -1.7, 1.7, 5.0):
        lock = np.array([[x, -4, -8.5], [1.15 * x, 4, -8.5], [1.2 * x, 3 + length, -7.5]])
        add_chain(made, lock, (2.6, 2.8, 2.0), Surface(0.8 * look.hair, HAIR))


def _cap(colour: np.ndarray, scale: np.ndarray) -> Part:
    made = _shell(scale, np.array([0.9, 1.6, 1.2]), colour, CLOTH, (-0.46, 0.28))
    turn = np.linspace(-1.25, 1.25, 9)
    inner = np.stack([7.2 * np.sin(turn), np.full(9, -7.6), 8.6 * np.cos(turn) - 0.2], axis=-1)
    outer = np.stack(
        [7.0 * np.sin(turn), -7.0 + 0 * turn, 8.6 * np.cos(turn) + 5.0 * np.cos(turn)], axis=-1
    )
    outer[:, 1] += 0.9 * np.abs(np.sin(turn)) ** 2
    brim = part(np.concatenate([inner, outer]) * scale, 0.8 * colour)
    strip = np.array(
        [(i, i + 1, 9 + i) for i in range(8)] + [(i + 1, 10 + i, 9 + i) for i in range(8)]
    )
    add_facing(brim, strip, np.array([0.0, -1.0, 0.0]), (CLOTH, 0, 0, 0))
    under = part(brim.points, 0.45 * colour)
    add_facing(under, strip, np.array([0.0, 1.0, 0.0]), (CLOTH, 0, 0, 0))
    extend(made, brim)
    extend(made, under)
    return made
