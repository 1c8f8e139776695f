"""Rotations, arms of two bones, and smooth random motion; all vectorised over frames.

Space: centimetres, x to the image's right (the speaker's left), y down, z towards the camera.
"""

import numpy as np

RIGHT, LEFT = -1, 1  # the speaker's side; also the sign of x on that side


def unit(vector: np.ndarray) -> np.ndarray:
    """Scale vectors (..., 3) to length 1; a zero vector stays zero."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.maximum(length, 1e-9)


def rotation(yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Rotation matrices (T, 3, 3) from angles (T,) in radians: roll after yaw after pitch.

    Positive yaw turns towards the image's right, positive pitch nods down or leans forward,
    positive roll tilts the top towards the image's right.
    """
    yaw, pitch, roll = np.broadcast_arrays(yaw, pitch, roll)
    zero, one = np.zeros(yaw.shape), np.ones(yaw.shape)

    def stack(rows: list[list[np.ndarray]]) -> np.ndarray:
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    cos, sin = np.cos(pitch), np.sin(pitch)
    nod = stack([[one, zero, zero], [zero, cos, sin], [zero, -sin, cos]])
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = stack([[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]])
    cos, sin = np.cos(roll), np.sin(roll)
    tilt = stack([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])
    return tilt @ turn @ nod


def rotate(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Apply matrices (T, 3, 3) to vectors (3,), (T, 3) or (T, V, 3)."""
    if vector.ndim == 3:
        return vector @ np.swapaxes(matrix, -1, -2)
    return (matrix @ vector[..., None])[..., 0]


def two_bone(
    shoulder: np.ndarray, target: np.ndarray, pole: np.ndarray, upper: float, lower: float
) -> tuple[np.ndarray, np.ndarray]:
    """Inverse kinematics of an arm: the elbow and the wrist for a wanted wrist position.

    Parameters
    ----------
    shoulder, target, pole : ndarray, shape (T, 3)
        Shoulder, wanted wrist, and the direction in which the elbow should point.
    upper, lower : float
        Bone lengths.

    Returns
    -------
    elbow, wrist : ndarray, shape (T, 3)
        Bone lengths are kept exactly; the wrist is the target where that can be reached,
        otherwise the nearest point in its direction.

    """
    line = target - shoulder
    shortest, longest = abs(upper - lower) + 1e-6, upper + lower - 1e-6
    reach = np.clip(np.linalg.norm(line, axis=-1, keepdims=True), shortest, longest)
    along = unit(line)
    along = np.where(np.abs(along).sum(axis=-1, keepdims=True) > 0.5, along, [0.0, 1.0, 0.0])
    aside = pole - np.sum(pole * along, axis=-1, keepdims=True) * along
    # A pole along the arm says nothing: any direction across the arm will do.
    spare = np.cross(along, np.eye(3)[np.abs(along).argmin(axis=-1)])
    aside = unit(np.where(np.linalg.norm(aside, axis=-1, keepdims=True) > 1e-6, aside, spare))
    foot = (upper**2 - lower**2 + reach**2) / (2 * reach)
    height = np.sqrt(np.maximum(upper**2 - foot**2, 0))
    return shoulder + foot * along + height * aside, shoulder + reach * along


def limit_angle(vector: np.ndarray, axis: np.ndarray, limit: float) -> np.ndarray:
    """Turn unit vectors (T, 3) towards unit axes (T, 3) until they are within ``limit`` radians."""
    cosine = np.clip(np.sum(vector * axis, axis=-1, keepdims=True), -1, 1)
    side = unit(vector - cosine * axis)
    angle = np.minimum(np.arccos(cosine), limit)
    return np.cos(angle) * axis + np.sin(angle) * side


def smoothstep(value: np.ndarray) -> np.ndarray:
    """Ease from 0 to 1 while ``value`` goes from 0 to 1."""
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


def wander(
    rng: np.random.Generator, frames: int, period: float, columns: int | None = None
) -> np.ndarray:
    """Smooth random motion of unit spread, shape (T,) or (T, columns).

    ``period`` is the time over which it changes, in frames.
    """
    step = max(period / 2.0, 1.0)
    knots = int(np.ceil(frames / step)) + 4
    values = rng.standard_normal((knots, 1 if columns is None else columns))
    place = 1 + np.arange(frames) / step
    index = place.astype(int)
    u = (place - index)[:, None]
    # A uniform cubic B-spline has variance of about 0.48 for white knots.
    spline = (
        (1 - u) ** 3 * values[index - 1]
        + (3 * u**3 - 6 * u**2 + 4) * values[index]
        + (-3 * u**3 + 3 * u**2 + 3 * u + 1) * values[index + 1]
        + u**3 * values[index + 2]
    ) / 6
    spline /= 0.69
    return spline[:, 0] if columns is None else spline
