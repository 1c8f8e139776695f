"""The face of a figure: skin, eyes, brows and mouth, which move with the seventy face points."""

from collections.abc import Mapping

import numpy as np
from scipy.spatial import Delaunay

from microgesture.synthetic.body import Person
from microgesture.synthetic.face import SHAPE, move_face, neutral_face
from microgesture.synthetic.rendering.look import Look
from microgesture.synthetic.rendering.parts import (
    HAIR,
    IRIS,
    LIPS,
    MOUTH,
    SKIN,
    WHITE,
    Part,
    Surface,
    add_facing,
    add_rod,
    extend,
    part,
)

# Points of the face besides the 68: place, share of the jaw's drop, of puffed cheeks to the side
# and forward; those with x > 0 have a mirror image.
_MORE = np.array(
    [
        [4.9, 2.2, 8.1, 0.0, 0.25, 0.3],
        [2.5, 2.4, 9.2, 0.0, 0.0, 0.0],
        [4.5, 5.4, 8.1, 0.3, 0.5, 0.9],
        [6.4, 2.6, 5.9, 0.05, 0.4, 0.4],
        [5.8, 6.2, 6.0, 0.3, 0.65, 0.8],
        [2.3, 9.0, 8.9, 0.9, 0.1, 0.1],
        [4.4, 8.0, 7.3, 0.6, 0.5, 0.4],
        [7.0, -2.6, 4.4, 0.0, 0.0, 0.0],
        [5.5, -0.8, 7.2, 0.0, 0.0, 0.0],
        [3.1, -6.0, 8.6, 0.0, 0.0, 0.0],
        [5.7, -5.8, 6.6, 0.0, 0.0, 0.0],
        [3.4, -9.0, 7.0, 0.0, 0.0, 0.0],
        [6.0, -8.4, 4.6, 0.0, 0.0, 0.0],
        [0.0, 8.4, 9.0, 0.9, 0.0, 0.0],
        [0.0, 9.6, 9.2, 0.85, 0.0, 0.0],
        [0.0, -2.6, 9.2, 0.0, 0.0, 0.0],
        [0.0, -6.0, 9.0, 0.0, 0.0, 0.0],
        [0.0, -9.2, 7.5, 0.0, 0.0, 0.0],
        [0.0, 5.1, 10.1, 0.0, 0.0, 0.0],
    ]
)
_MIRRORED = _MORE[_MORE[:, 0] > 0] * [-1, 1, 1, 1, -1, 1]
_EXTRA = np.vstack([_MORE, _MIRRORED])
_BELOW = np.array([0.0, 8.0, 0.5, 0.8, 0.0, 0.0])  # under the chin, where the jaw's skin meets
_UPPER_LIP = [(48, 49, 60), (49, 61, 60), (49, 50, 61), (50, 51, 61), (51, 62, 61), (51, 63, 62)]
_UPPER_LIP += [(51, 52, 63), (52, 53, 63), (53, 64, 63), (53, 54, 64)]
_LOWER_LIP = [(54, 55, 64), (55, 65, 64), (55, 56, 65), (56, 57, 65), (57, 66, 65), (57, 67, 66)]
_LOWER_LIP += [(57, 58, 67), (58, 59, 67), (59, 60, 67), (59, 48, 60)]
_EYES = (range(36, 42), range(42, 48))
_IRIS = 0.66  # cm
_FORWARD = np.array([0.0, 0.0, 1.0])


def _rows() -> dict[str, slice]:
    """Where the points of the moving face lie, by name."""
    rows, start = {}, 0
    for name, count in (
        *(("marks", 68), ("extra", len(_EXTRA)), ("below", 1), ("eyes", 2)),
        *(("iris", 18), ("pupil", 18), ("mouth", 1), ("teeth", 5)),
    ):
        rows[name] = slice(start, start + count)
        start += count
    return rows


ROWS = _rows()
# Points of rims that two surfaces of different colours share, in the order of `face_part`.
_COPIES = [*range(17), *range(36, 48), *range(48, 68), *range(60, 68), *range(60, 65)]


def face_points(person: Person, channels: Mapping[str, np.ndarray]) -> np.ndarray:
    """Points (T, V, 3) of the moving face in the head's frame, in centimetres."""
    marks = move_face(person.neutral_face, channels)
    total = len(marks)
    shape = np.array([person.face_shape["width"], person.face_shape["length"], 1.0]) * person.head
    given = np.vstack([_EXTRA, _BELOW])
    extra = np.repeat(given[None, :, :3] * shape, total, axis=0)
    opening, puff = channels["open"][:, None], channels["puff"][:, None]
    extra[..., 1] += 0.9 * opening * given[:, 3]
    extra[..., 0] += puff * given[:, 4]
    extra[..., 2] += puff * given[:, 5]
    turn = np.linspace(0, 2 * np.pi, 9)[:8]
    ring = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=-1)
    pupils = marks[:, 68:70]
    rounds = [
        np.concatenate([pupils[:, [k]], pupils[:, [k]] + size * person.head * ring], axis=1)
        for size in (_IRIS, 0.45 * _IRIS)
        for k in range(2)
    ]
    eyes = np.stack([marks[:, list(eye)].mean(axis=1) for eye in _EYES], axis=1)
    eyes[..., 2] += 0.25
    mouth = marks[:, 60:68].mean(axis=1, keepdims=True)
    teeth = marks[:, 60:65] + [0.0, 0.5, 0.0]
    repeated = marks[:, _COPIES]
    return np.concatenate([marks[:, :68], extra, eyes, *rounds, mouth, teeth, repeated], axis=1)


def face_part(look: Look) -> Part:
    """The moving face: skin, eyes, brows, lips, the inside of the mouth."""
    count = ROWS["teeth"].stop
    made = part(np.zeros((count, 3)), look.skin, 0.09)
    mean = neutral_face(dict.fromkeys(SHAPE, 1.0))
    flat = np.vstack([mean[:68], _EXTRA[:, :3]])
    made.points[: len(flat)] = flat
    made.points[ROWS["below"]] = _BELOW[:3]
    _colour_skin(made, look, flat)
    surface = Delaunay(flat[:, :2]).simplices
    add_facing(made, surface, _FORWARD, (SKIN, 0, 0, 0))
    # the skin below has a rim of its own, or the chin would be lit as if it were round
    rim, below = len(made.points), ROWS["below"].start
    extend(made, part(flat[:17], 0.92 * look.skin))
    jaw = np.array([(rim + k, rim + k + 1, below) for k in range(16)])
    add_facing(made, jaw, np.array([0.0, 1.0, -0.2]), (SKIN, 0, 0, 0))
    _add_eyes(made, look)
    _add_mouth(made, look)
    return made


def _colour_skin(made: Part, look: Look, flat: np.ndarray) -> None:
    """Cheeks and nose a little redder; beard and its shadow on jaw and upper lip."""
    x, y = np.abs(flat[:, 0]), flat[:, 1]
    red = np.exp(-(((x - 4.6) / 2.0) ** 2) - ((y - 3.0) / 2.2) ** 2)
    red = np.maximum(red, 0.8 * np.exp(-((x / 1.8) ** 2) - ((y - 3.8) / 1.2) ** 2))
    made.paint[: len(flat), :3] *= 1 - red[:, None] * [0.0, 0.06, 0.05]
    made.paint[31:36, :3] *= 0.86  # below the nose
    socket = np.exp(-(((x - 3.2) / 2.2) ** 2) - ((y + 1.6) / 1.1) ** 2)
    made.paint[: len(flat), :3] *= 1 - 0.14 * socket[:, None]
    hairy = np.clip((y - 5.0 + 0.25 * np.maximum(0, x - 5) ** 2) / 1.5, 0, 1) * (y > 4.7)
    share = (look.beard * hairy)[:, None]
    made.paint[: len(flat), :3] = (1 - share) * made.paint[: len(flat), :3] + share * look.hair


def _add_eyes(made: Part, look: Look) -> None:
    for k, eye in enumerate(_EYES):
        centre, ring = ROWS["eyes"].start + k, list(eye)
        made.paint[centre] = [238, 234, 230, 0.2]
        white = len(made.points)
        # the rim is shared with the skin, which has another colour
        extend(made, part(made.points[ring], (226, 220, 216)))
        rim = [white + i for i in range(6)]
        fan = np.array([(rim[i], rim[(i + 1) % 6], centre) for i in range(6)])
        add_facing(made, fan, _FORWARD, (WHITE, 0, 0, 2))
    for name, colour, on in (("iris", look.iris, WHITE), ("pupil", (12, 10, 10), IRIS)):
        for k in range(2):
            first = ROWS[name].start + 9 * k
            made.paint[first : first + 9] = [*colour, 0.3]
            fan = np.array([(first, first + 1 + i, first + 1 + (i + 1) % 8) for i in range(8)])
            add_facing(made, fan, _FORWARD, (IRIS, on, 0, 3))
    _add_lines(made, look)


def _add_lines(made: Part, look: Look) -> None:
    """Lashes, lower lids, brows and nostrils."""
    lash = Surface(0.25 * look.hair + [8, 6, 6], HAIR)
    for first in (36, 42):
        for a in range(first, first + 3):
            add_rod(made, (a, a + 1), (0.17, 0.17), lash)
    for a, b in ((39, 40), (40, 41), (41, 36), (45, 46), (46, 47), (47, 42)):
        add_rod(made, (a, b), (0.1, 0.1), Surface(0.7 * look.skin, SKIN))
    for first, sizes in ((17, (0.5, 0.8, 1, 1, 0.9)), (22, (0.9, 1, 1, 0.8, 0.5))):
        for k in range(4):
            radii = (look.brows * sizes[k], look.brows * sizes[k + 1])
            add_rod(made, (first + k, first + k + 1), radii, Surface(0.9 * look.hair, HAIR))
    for a, b in ((31, 32), (34, 35)):
        add_rod(made, (a, b), (0.2, 0.2), Surface(0.45 * look.skin, SKIN))


def _add_mouth(made: Part, look: Look) -> None:
    lips = len(made.points)
    extend(made, part(made.points[48:68], look.lips, 0.12))
    made.paint[lips : lips + 7, :3] *= 0.9  # the upper lip faces down
    for ring in (_UPPER_LIP, _LOWER_LIP):
        add_facing(made, np.array(ring) - 48 + lips, _FORWARD, (LIPS, 0, 0, 2))
    centre = ROWS["mouth"].start
    inside = len(made.points)
    extend(made, part(made.points[60:68], (64, 22, 22)))
    made.paint[centre] = [46, 14, 16, 0]
    fan = np.array([(inside + i, inside + (i + 1) % 8, centre) for i in range(8)])
    add_facing(made, fan, _FORWARD, (MOUTH, 0, 0, 2))
    first = ROWS["teeth"].start
    upper = len(made.points)
    extend(made, part(made.points[60:65], (232, 226, 212)))
    made.paint[first : first + 5, :3] = (222, 214, 198)
    strip = [(upper + i, upper + i + 1, first + i) for i in range(4)]
    strip += [(upper + i + 1, first + i + 1, first + i) for i in range(4)]
    add_facing(made, np.array(strip), _FORWARD, (MOUTH, MOUTH, 0, 3))
    for a in range(60, 64):
        add_rod(made, (a, a + 1), (0.11, 0.11), Surface(0.45 * look.lips, LIPS))
