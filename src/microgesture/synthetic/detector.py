"""What a key-point detector makes of the true points: noise, confidence, and points it loses."""

from dataclasses import dataclass

import numpy as np

from microgesture.synthetic.kinematics import wander

BODY, FACE, LEFT_HAND, RIGHT_HAND = (
    slice(0, 25),
    slice(25, 95),
    slice(95, 116),
    slice(116, 137),
)
_HANDS = ((LEFT_HAND, 7, 6), (RIGHT_HAND, 4, 3))  # block, wrist, elbow


@dataclass(frozen=True)
class Scene:
    """True points of one person as the camera would see them.

    ``pixels`` (T, 137, 2), ``depth`` (T, 137) in cm towards the camera, ``hidden`` (T, 2) in 0..1:
    how surely the left and the right hand are behind the body or under the table.
    """

    pixels: np.ndarray
    depth: np.ndarray
    hidden: np.ndarray
    visibility: float


def bursts(
    rng: np.random.Generator, frames: int, rate: float, length: float, columns: int
) -> np.ndarray:
    """Random stretches (T, columns) of True that begin at ``rate`` a frame and last ``length``."""
    begins = rng.uniform(size=(frames, columns)) < rate
    lasts = rng.geometric(1 / length, size=(frames, columns))
    ends = np.where(begins, np.arange(frames)[:, None] + lasts, 0)
    return np.maximum.accumulate(ends, axis=0) > np.arange(frames)[:, None]


def _near(points: np.ndarray, centres: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """How much (T, V) points (T, V, 2) lie within soft discs (T, C, 2) of a radius in pixels."""
    gap = np.linalg.norm(points[:, :, None] - centres[:, None], axis=-1).min(axis=2)
    return np.clip(1.5 - gap / radius, 0, 1)


def _occlusion(scene: Scene, unit: float) -> np.ndarray:
    """How much (T, 137) each point is covered by hands or by the head, 0 to 1."""
    covered = np.zeros(scene.depth.shape)
    head_depth = scene.depth[:, 0:1]
    for block, _, _ in _HANDS:
        first = block.start
        middle = scene.pixels[:, [first + 9, first + 12, first + 8, first + 5]]
        front = (scene.depth[:, first + 9 : first + 10] > head_depth - 8).astype(float)
        near = _near(scene.pixels[:, FACE], middle, np.array(0.13 * unit))
        covered[:, FACE] = np.maximum(covered[:, FACE], near * front)
        for joint in (0, 15, 16, 17, 18):
            one = _near(scene.pixels[:, [joint]], middle, np.array(0.13 * unit))
            covered[:, [joint]] = np.maximum(covered[:, [joint]], 0.7 * one * front)
        # A hand behind the head is seen in parts only.
        behind = (scene.depth[:, first + 9] < head_depth[:, 0] - 12).astype(float)
        face = scene.pixels[:, 25:42].mean(axis=1, keepdims=True)
        over = _near(scene.pixels[:, [first + 9]], face, np.array(0.35 * unit))[:, 0] * behind
        covered[:, block] = np.maximum(covered[:, block], over[:, None])
    left, right = scene.pixels[:, LEFT_HAND], scene.pixels[:, RIGHT_HAND]
    clash = _near(left[:, [9]], right[:, [9]], np.array(0.22 * unit))
    for block in (LEFT_HAND, RIGHT_HAND):
        covered[:, block] = np.maximum(covered[:, block], 0.45 * clash)
    return covered


def _jitter(rng: np.random.Generator, frames: int, noise: float, unit: float) -> np.ndarray:
    """Localisation error (T, 137, 2) in pixels: white, slow, and common to a block."""
    size = np.full(137, 1.0)
    size[FACE], size[95:] = 0.28, 0.6
    error = rng.standard_normal((frames, 137, 2)) * 0.7
    error += 0.7 * wander(rng, frames, 6.0, 274).reshape(frames, 137, 2)
    error *= size[:, None]
    for block, weight in ((FACE, 0.45), (LEFT_HAND, 0.8), (RIGHT_HAND, 0.8)):
        error[:, block] += weight * wander(rng, frames, 4.0, 2)[:, None]
    return error * noise * unit


def detect(
    rng: np.random.Generator, scene: Scene, noise: float, height: int, width: int
) -> np.ndarray:
    """Detected points (T, 137, 3): x, y in pixels and score; all zero where not found.

    ``noise`` is the localisation error as a fraction of the shoulder width.
    """
    frames = len(scene.pixels)
    unit = float(np.median(np.linalg.norm(scene.pixels[:, 2] - scene.pixels[:, 5], axis=-1)))
    covered = _occlusion(scene, unit)
    step = np.diff(scene.pixels, axis=0, prepend=scene.pixels[:1])
    speed = np.linalg.norm(step, axis=-1) / unit
    score = np.full((frames, 137), 0.83 + scene.visibility)
    score[:, FACE] = 0.8 + scene.visibility
    score[:, 95:] = 0.68 + scene.visibility
    score += 0.05 * wander(rng, frames, 10.0, 137) + 0.03 * rng.standard_normal((frames, 137))
    score *= (1 - 0.65 * covered) * np.exp(-2.2 * speed)
    error = _jitter(rng, frames, noise, unit) * (1 + 1.5 * covered + 4 * speed)[..., None]
    # Fast points also lag behind: exposure smears them along their path.
    pixels = scene.pixels + error - 0.3 * rng.uniform(size=(frames, 1, 1)) * step
    lost = rng.uniform(size=score.shape) < 0.004 + 0.25 * np.clip(covered - 0.6, 0, 1)
    lost |= bursts(rng, frames, 0.0006, 5.0, 137)
    lost[:, 9:15] = True
    lost[:, 19:25] = True
    hips = bursts(rng, frames, 0.02, 60.0, 1)
    lost[:, [8]] |= ~hips
    lost[:, [9, 12]] |= ~(hips & bursts(rng, frames, 0.02, 20.0, 1))
    _lose_hands(rng, scene, score, lost, covered, speed)
    outside = (pixels < 0).any(axis=-1) | (pixels > [width - 1, height - 1]).any(axis=-1)
    # OpenPose gives a hand as a whole or not at all.
    for block, _, _ in _HANDS:
        outside[:, block] = outside[:, block].mean(axis=1, keepdims=True) > 0.3
    score = np.clip(score, 0.02, 1.0)
    found = ~(lost | outside)
    points = np.concatenate([np.clip(pixels, 0, [width - 1, height - 1]), score[..., None]], -1)
    return points * found[..., None]


def _lose_hands(
    rng: np.random.Generator,
    scene: Scene,
    score: np.ndarray,
    lost: np.ndarray,
    covered: np.ndarray,
    speed: np.ndarray,
) -> None:
    """Decide, in place, where whole hands, wrists and elbows are not found."""
    frames = len(score)
    for number, (block, wrist, elbow) in enumerate(_HANDS):
        hidden = scene.hidden[:, number]
        mood = wander(rng, frames, 14.0)
        risk = -2.1 + 4.5 * hidden + 1.2 * covered[:, block].mean(axis=1)
        risk += 3.0 * speed[:, block].mean(axis=1)
        gone = mood + 0.35 * rng.standard_normal(frames) + risk > 0
        lost[:, block] = gone[:, None]
        lost[:, wrist] |= (mood + 2.6 * hidden - 1.9) > 0.2
        lost[:, elbow] |= (mood + 0.8 * hidden - 2.6) > 0.3
        score[:, [wrist]] *= 1 - 0.45 * hidden[:, None]
        score[:, block] *= 1 - 0.4 * hidden[:, None]


def disturb(
    rng: np.random.Generator, points: np.ndarray, bystander: np.ndarray, busy: np.ndarray
) -> None:
    """Add, in place, the rarer failures of a whole frame.

    Frames with nobody, frames with another person's points (``bystander``, (T, 137, 3)), and left
    and right hands taken for each other. ``busy`` (T,) holds the clip number of a frame, -1 between
    clips: another person's are at most a fifth of a clip's frames, and at least one frame of every
    clip shows somebody.
    """
    frames = len(points)
    swap = bursts(rng, frames, 0.0012, 3.0, 1)[:, 0]
    left, right = points[swap][:, LEFT_HAND].copy(), points[swap][:, RIGHT_HAND].copy()
    one = rng.uniform(size=len(left)) < 0.5
    points[swap, LEFT_HAND] = right
    points[swap, RIGHT_HAND] = np.where(one[:, None, None], left, right)
    other = bursts(rng, frames, 0.0012, 5.0, 1)[:, 0]
    nobody = bursts(rng, frames, 0.0015, 2.5, 1)[:, 0]
    for clip in range(int(busy.max(initial=-1)) + 1):
        inside = np.flatnonzero(busy == clip)
        other[inside[other[inside]][len(inside) // 5 :]] = False
        if len(inside) and (other | nobody)[inside].all():
            other[inside[0]] = nobody[inside[0]] = False
    points[other] = bystander[other]
    points[nobody] = 0
