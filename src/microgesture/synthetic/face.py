"""Seventy face points in 3-D, and how lips, cheeks, brows and lids move them.

Head frame, centimetres from the middle between the ears: x to the image's right, y down, z out
of the face. The order is OpenPose's: jaw 0-16 from the image's left, brows, nose, eyes, lips,
pupils.
"""

from collections.abc import Mapping

import numpy as np

JAW, BROWS = slice(0, 17), slice(17, 27)
UPPER_OUTER, LOWER_OUTER = [49, 50, 51, 52, 53], [55, 56, 57, 58, 59]
UPPER_INNER, LOWER_INNER = [61, 62, 63], [65, 66, 67]
UPPER_LIDS = [37, 38, 43, 44]
_LID_PARTNERS = [41, 40, 47, 46]

# Fractions of how a subject's face differs from the mean one.
SHAPE = ("width", "length", "eyes", "mouth", "lips", "nose", "brow")

EAR = np.array([7.6, 0.8, -0.8])


def neutral_face(shape: Mapping[str, float]) -> np.ndarray:
    """The resting face (70, 3) of a subject; ``shape`` holds a factor for each name in SHAPE."""
    face = np.zeros((70, 3))
    angle = np.pi * np.arange(17) / 16
    face[JAW, 0] = -7.2 * np.cos(angle) * (1 - 0.12 * np.sin(angle) ** 4)
    face[JAW, 1] = 0.3 + 10.4 * np.sin(angle) ** 0.85
    face[JAW, 2] = 0.5 + 8.0 * np.sin(angle) ** 1.4
    brow = np.array([[-6.0, -2.6, 6.6], [-5.1, -3.7, 7.8], [-4.0, -4.1, 8.6]])
    brow = np.vstack([brow, [[-2.9, -3.9, 9.2], [-1.7, -3.4, 9.6]]])
    face[17:22] = brow + np.array([0, 1.6 * (shape["brow"] - 1), 0])
    face[22:27] = (face[17:22] * [-1, 1, 1])[::-1]
    face[27:31, 1] = [-1.0, 0.4, 1.8, 3.2 * shape["nose"]]
    face[27:31, 2] = [9.4, 10.1, 10.9, 11.7]
    face[31:36, 0] = np.array([-1.7, -0.9, 0, 0.9, 1.7]) * shape["nose"]
    face[31:36, 1] = np.array([4.0, 4.3, 4.5, 4.3, 4.0]) * shape["nose"]
    face[31:36, 2] = [9.6, 10.1, 10.5, 10.1, 9.6]
    eye = np.array([[-1.5, 0, 0], [-0.6, -0.55, 0.3], [0.5, -0.55, 0.4], [1.4, 0.1, 0.2]])
    eye = np.vstack([eye, [[0.5, 0.45, 0.4], [-0.6, 0.45, 0.3]]])
    face[36:42] = eye + np.array([-3.2 * shape["eyes"], -0.8, 8.3])
    face[42:48] = (eye * [-1, 1, 1] + [3.2 * shape["eyes"], -0.8, 8.3])[[3, 2, 1, 0, 5, 4]]
    face[68:70] = [[-3.2 * shape["eyes"], -0.8, 8.7], [3.2 * shape["eyes"], -0.8, 8.7]]
    _place_lips(face, shape)
    return face * [shape["width"], shape["length"], 1]


def _place_lips(face: np.ndarray, shape: Mapping[str, float]) -> None:
    """Fill the twenty lip points, closed and at rest."""
    wide, thick = 2.6 * shape["mouth"], shape["lips"]
    x = np.array([-1, -0.66, -0.25, 0, 0.25, 0.66, 1])
    face[48:55, 0], face[55:60, 0] = x * wide, x[5:0:-1] * wide * [0.95, 1, 1, 1, 0.95]
    face[48:55, 1] = np.array([0, -0.7, -1.1, -0.95, -1.1, -0.7, 0]) * thick
    face[55:60, 1] = np.array([0.85, 1.25, 1.35, 1.25, 0.85]) * thick
    face[60:65, 0], face[65:68, 0] = np.array([-0.85, -0.3, 0, 0.3, 0.85]) * wide, x[[4, 3, 2]]
    face[65:68, 0] *= wide
    face[60:65, 1] = [0, -0.08, -0.05, -0.08, 0]
    face[65:68, 1] = [0.1, 0.12, 0.1]
    face[48:68, 1] += 6.4
    face[48:68, 2] = 9.9 - 0.22 * face[48:68, 0] ** 2


def move_face(face: np.ndarray, track: Mapping[str, np.ndarray]) -> np.ndarray:
    """Faces (T, 70, 3) of a neutral face (70, 3) that talks, presses its lips, blinks...

    ``track`` holds series (T,), 0 at rest: ``open`` (jaw, cm), ``press`` (0 to 1: lips tucked in),
    ``wide`` (mouth corners, cm outward), ``puff`` (cheeks, cm), ``brow`` (cm up),
    ``blink`` (0 to 1), ``corner`` (mouth corners, cm up).
    """
    frames = len(track["open"])
    moved = np.repeat(face[None], frames, axis=0)
    opening, press = track["open"][:, None], track["press"][:, None]
    puff, wide = track["puff"][:, None], track["wide"][:, None]
    # The chin and the lower lip follow the jaw; the upper lip gives a little.
    hinge = np.sin(np.pi * np.arange(17) / 16) ** 3
    moved[:, JAW, 1] += 0.8 * opening * hinge - 0.6 * press * hinge
    moved[:, JAW, 0] += puff * np.sign(face[JAW, 0]) * np.sin(np.pi * np.arange(17) / 8) ** 2
    moved[:, LOWER_OUTER + LOWER_INNER, 1] += opening
    moved[:, UPPER_OUTER + UPPER_INNER, 1] -= 0.12 * opening
    moved[:, [48, 54, 60, 64], 1] += 0.4 * opening
    middle = face[[60, 64], 1].mean()
    tucked = 1 - 0.8 * press
    for group in (UPPER_OUTER, LOWER_OUTER, UPPER_INNER, LOWER_INNER):
        moved[:, group, 1] = middle + (moved[:, group, 1] - middle) * tucked
    corner = face[48:68, 0] / np.abs(face[48:68, 0]).max()
    stretch = wide + 0.45 * press - 0.3 * np.minimum(opening, 1) - 0.2 * puff
    moved[:, 48:68, 0] += stretch * corner
    moved[:, 48:68, 1] += 0.35 * press * np.abs(corner) - 0.35 * wide * np.abs(corner)
    moved[:, 48:68, 1] -= track["corner"][:, None] * np.abs(corner) ** 2
    moved[:, 48:68, 2] += 0.3 * puff
    moved[:, BROWS, 1] -= track["brow"][:, None]
    lids = track["blink"][:, None]
    down = face[_LID_PARTNERS, 1] - face[UPPER_LIDS, 1]
    moved[:, UPPER_LIDS, 1] += 0.85 * lids * down
    return moved
