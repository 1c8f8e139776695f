"""Twenty-one points of a hand from finger poses.

Local frame, centimetres from the wrist: along the fingers, towards the thumb, out of the palm.
"""

import numpy as np

from microgesture.synthetic.kinematics import unit

# Thumb, index, middle, ring, little: where the finger leaves the palm, and its three bones.
_BASE = np.array(
    [[2.4, 2.2, 1.0], [8.8, 2.5, 0.0], [9.1, 0.4, 0.0], [8.5, -1.5, 0.0], [7.7, -3.2, 0.0]]
)
_BONES = np.array(
    [[4.2, 3.2, 2.6], [4.3, 2.6, 2.1], [4.8, 3.0, 2.3], [4.4, 2.9, 2.2], [3.4, 2.1, 1.9]]
)
_FAN = np.array([0.0, 0.16, 0.0, -0.14, -0.3])  # radians at spread 1
_BEND = np.array([1.3, 1.75, 1.1])  # radians of the three joints at curl 1
_TIPS = slice(4, 21, 4)

# What touches: weights over the 21 points.
CONTACT = {
    "index": [8],
    "thumb": [4],
    "pinch": [4, 8],
    "fingers": [8, 12, 16],
    "tips": [4, 8, 12, 16, 20],
    "pads": [7, 11, 15],
    "knuckles": [6, 10, 14],
    "palm": [0, 5, 9, 17],
    "roots": [5, 9, 13, 17],
    "heel": [0, 0, 1, 9],
    "wrist": [0],
}

# Finger poses: curl of thumb, index, middle, ring, little, then the spread.
POSES = {
    "flat": (0.1, 0.05, 0.05, 0.05, 0.08, 0.3),
    "relaxed": (0.3, 0.25, 0.32, 0.38, 0.42, 0.4),
    "loose": (0.35, 0.45, 0.5, 0.55, 0.6, 0.3),
    "fist": (0.7, 0.9, 0.95, 0.95, 0.95, 0.0),
    "point": (0.5, 0.08, 0.75, 0.85, 0.85, 0.2),
    "pinch": (0.35, 0.5, 0.55, 0.6, 0.62, 0.3),
    "claw": (0.2, 0.42, 0.45, 0.45, 0.45, 0.9),
    "wide": (0.0, 0.05, 0.05, 0.08, 0.1, 1.3),
    "steeple": (0.1, 0.15, 0.15, 0.18, 0.2, 0.8),
    "clasp": (0.45, 0.55, 0.58, 0.58, 0.55, 0.7),
    "grip": (0.45, 0.4, 0.45, 0.5, 0.5, 0.3),
    "two": (0.6, 0.05, 0.08, 0.85, 0.9, 1.0),
    "nails": (0.35, 0.55, 0.7, 0.75, 0.75, 0.1),
}


def hand_points(
    curl: np.ndarray, spread: np.ndarray, size: float, fingers: np.ndarray
) -> np.ndarray:
    """The 21 points in the hand's own frame.

    Parameters
    ----------
    curl : ndarray, shape (T, 5)
        0 straight to 1 folded, thumb to little finger.
    spread : ndarray, shape (T,)
        0 closed to about 1.3 wide open.
    size : float
        Scale of the whole hand.
    fingers : ndarray, shape (5,)
        Scale of each finger's length.

    Returns
    -------
    ndarray, shape (T, 21, 3)
        Wrist, then four points each of thumb, index, middle, ring and little finger.

    """
    frames = len(curl)
    points = np.zeros((frames, 21, 3))
    bend = np.cumsum(curl[:, :, None] * _BEND, axis=2)  # (T, 5, 3)
    fan = spread[:, None] * _FAN
    step = np.stack(
        [
            np.cos(bend) * np.cos(fan)[..., None],
            np.cos(bend) * np.sin(fan)[..., None],
            np.sin(bend),
        ],
        axis=-1,
    )
    # The thumb leaves sideways and folds across the palm instead of into it.
    out = 0.75 + 0.25 * spread[:, None] - 1.0 * curl[:, :1] * np.array([0.5, 1.0, 1.6])
    step[:, 0, :, 0] = np.cos(out)
    step[:, 0, :, 1] = np.sin(out)
    step[:, 0, :, 2] = 0.25 + 0.45 * curl[:, :1]
    step[:, 0] = unit(step[:, 0])
    joints = np.cumsum(step * (_BONES * fingers[:, None])[..., None], axis=2)
    chain = np.concatenate([np.zeros((frames, 5, 1, 3)), joints], axis=2) + _BASE[:, None]
    points[:, 1:] = chain.reshape(frames, 20, 3)
    return points * size


def hand_basis(direction: np.ndarray, normal: np.ndarray, side: int) -> np.ndarray:
    """Matrices (T, 3, 3) whose columns are the local axes of a hand.

    ``direction`` (T, 3) is where the fingers point, ``normal`` (T, 3) roughly out of the palm.
    """
    along = unit(direction)
    palm = unit(normal - np.sum(normal * along, axis=-1, keepdims=True) * along)
    return np.stack([along, side * np.cross(along, palm), palm], axis=-1)


def contact_point(points: np.ndarray, contact: str) -> np.ndarray:
    """The touching part of a hand (T, 21, 3): the mean (T, 3) of the points it is made of."""
    return points[:, CONTACT[contact]].mean(axis=1)
