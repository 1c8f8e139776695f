"""What is behind the person: a wall, a board of sponsors or a room, and something that moves."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from microgesture.synthetic.kinematics import wander


@dataclass(frozen=True)
class Background:
    """A still picture, uint8 (H, W, 3), and sprites that move before it.

    A sprite is a picture with opacity (h, w, 4) and its rows and columns (T, 2).
    """

    picture: np.ndarray
    sprites: list[tuple[np.ndarray, np.ndarray]]


def _tone(rng: np.random.Generator, low: float, high: float, colourful: float = 0.3) -> np.ndarray:
    grey = rng.uniform(low, high)
    return np.clip(grey * (1 + colourful * rng.uniform(-1, 1, 3)), 0, 255)


def _wall(rng: np.random.Generator, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    image[:] = _tone(rng, 60, 215)
    if rng.uniform() < 0.5:  # panels or a curtain
        count = rng.integers(5, 30)
        phase = np.arange(width) * count / width + rng.uniform()
        wave = np.sin(2 * np.pi * phase) if rng.uniform() < 0.5 else 2.0 * (phase % 1 < 0.06)
        image *= 1 - 0.1 * wave[None, :, None]
    if rng.uniform() < 0.6:  # a rail or a skirting
        row = int(height * rng.uniform(0.45, 0.8))
        image[row:] *= rng.uniform(0.6, 0.9)


def _logo(rng: np.random.Generator, step: int, ground: np.ndarray) -> np.ndarray:
    """A disc with a bar, four letters or a triangle, uint8 (h, 2 h, 3)."""
    logo = np.full((step, 2 * step, 3), ground.astype(np.uint8))
    colour = tuple(float(v) for v in _tone(rng, 20, 240, 0.9))
    kind = rng.integers(0, 3)
    if kind == 0:
        bar = tuple(float(v) for v in _tone(rng, 20, 240))
        corners = ((step // 2, int(0.42 * step)), (int(1.5 * step), int(0.56 * step)))
        cv2.circle(logo, (step, step // 2), step // 4, colour, -1)
        cv2.rectangle(logo, *corners, bar, -1)
    elif kind == 1:
        text = "".join(chr(65 + int(n)) for n in rng.integers(0, 26, 4))
        thick, at = max(1, step // 22), (step // 5, int(0.66 * step))
        cv2.putText(logo, text, at, cv2.FONT_HERSHEY_DUPLEX, step / 46, colour, thick, cv2.LINE_AA)
    else:
        triangle = rng.uniform([0.4 * step, 0.2 * step], [1.6 * step, 0.8 * step], (3, 2))
        cv2.fillConvexPoly(logo, triangle.astype(np.int32), colour, cv2.LINE_AA)
    return logo


def _board(rng: np.random.Generator, image: np.ndarray) -> None:
    """Logos in a grid."""
    height, width = image.shape[:2]
    image[:] = _tone(rng, 20, 235, 0.6)
    step = int(height * rng.uniform(0.2, 0.36))
    logos = [_logo(rng, step, image[0, 0]) for _ in range(int(rng.integers(2, 4)))]
    shift = rng.integers(0, 2 * step)
    for row in range(0, height, step):
        for column in range(-2 * step, width, 2 * step):
            number = row // step + column // (2 * step)
            logo, left = logos[number % len(logos)], column + int(shift) + (row // step) % 2 * step
            a, b = max(0, left), min(width, left + 2 * step)
            if a < b:
                image[row : row + step, a:b] = logo[: height - row, a - left : b - left]


def _room(rng: np.random.Generator, image: np.ndarray) -> None:
    """A wall with furniture: a window, shelves with things, a lamp."""
    height, width = image.shape[:2]
    _wall(rng, image)

    def box(x: float, y: float, w: float, h: float, colour: np.ndarray) -> None:
        corners = [int(v) for v in (x * width, y * height, (x + w) * width, (y + h) * height)]
        cv2.rectangle(image, corners[:2], corners[2:], tuple(float(c) for c in colour), -1)

    for side in rng.permutation([0.02, 0.68])[: int(rng.integers(1, 3))]:
        x, y, w = side + rng.uniform(0, 0.1), rng.uniform(0.02, 0.15), rng.uniform(0.16, 0.26)
        if rng.uniform() < 0.4:
            frame, sky = _tone(rng, 30, 220), _tone(rng, 190, 255, 0.08)
            box(x - 0.01, y - 0.02, w + 0.02, 0.54, frame)
            box(x, y, w, 0.5, sky)
            box(x + w / 2 - 0.005, y, 0.01, 0.5, frame)
        else:
            _shelves(rng, box, x, y, w)
    if rng.uniform() < 0.4:
        x, y = rng.uniform([0.1, 0.05], [0.8, 0.25])
        w, h = rng.uniform([0.08, 0.1], [0.2, 0.3])
        box(x, y, w, h, _tone(rng, 40, 230, 0.8))


def _shelves(
    rng: np.random.Generator, box: Callable[..., None], x: float, y: float, w: float
) -> None:
    wood = _tone(rng, 40, 150, 0.3)
    box(x, y, w, 0.8, wood)
    for level in np.arange(y + 0.02, y + 0.75, 0.16):
        box(x + 0.008, level, w - 0.016, 0.13, 0.6 * wood)
        at = x + 0.012
        while at < x + w - 0.03:
            wide, tall = rng.uniform(0.006, 0.022), rng.uniform(0.06, 0.12)
            if rng.uniform() < 0.75:
                box(at, level + 0.13 - tall, wide, tall, _tone(rng, 30, 230, 0.7))
            at += wide + 0.003


def _somebody(rng: np.random.Generator, size: int) -> np.ndarray:
    """A person out of focus, with opacity (h, w, 4)."""
    sprite: np.ndarray = np.zeros((3 * size, size, 4), np.float32)
    cloth, skin = _tone(rng, 25, 200, 0.5), _tone(rng, 80, 200, 0.15)
    for y, wide, high, colour in (
        *((1.75, 0.36, 1.2, cloth), (0.36, 0.14, 0.2, skin), (0.27, 0.15, 0.14, 0.3 * skin)),
    ):
        axes = (int(wide * size), int(high * size))
        paint = (*(float(c) for c in colour), 0.92)
        cv2.ellipse(sprite, (size // 2, int(y * size)), axes, 0, 0, 360, paint, -1)
    return _blurred(sprite, size / 22)


def _lamp(size: int) -> np.ndarray:
    """A spot of light, with opacity (h, w, 4)."""
    sprite: np.ndarray = np.zeros((2 * size, size, 4), np.float32)
    cv2.circle(sprite, (size // 2, size), size // 5, (255.0, 250.0, 225.0, 0.7), -1)
    return _blurred(sprite, size / 7)


def _blurred(sprite: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with the opacity as weight, so that no black comes in from outside."""
    sprite[..., :3] *= sprite[..., 3:]
    sprite = cv2.GaussianBlur(sprite, (0, 0), sigma)
    sprite[..., :3] = sprite[..., :3] / np.maximum(sprite[..., 3:], 1e-3)
    return sprite


def _sprites(
    rng: np.random.Generator, height: int, width: int, frames: int, fps: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """People far behind who sway a little, or a light that drifts."""
    made = []
    kind = str(rng.choice(["nothing", "people", "light"], p=[0.4, 0.35, 0.25]))
    for _ in range({"nothing": 0, "people": int(rng.integers(1, 3)), "light": 1}[kind]):
        size = int(height * rng.uniform(0.28, 0.42))
        sprite = _somebody(rng, size) if kind == "people" else _lamp(size)
        top = rng.uniform(0.1, 0.3) if kind == "people" else rng.uniform(-0.3, 0.1)
        left = rng.choice([rng.uniform(0, 0.2), rng.uniform(0.75, 0.95)])
        sway = wander(rng, frames, rng.uniform(1.0, 2.5) * fps, 2) * [0.006 * height, 0.02 * width]
        made.append((sprite, np.rint(sway + np.array([top * height, left * width])).astype(int)))
    return made


def draw_background(
    rng: np.random.Generator, height: int, width: int, frames: int, fps: float
) -> Background:
    """Draw what is behind the person, out of focus as it is far away."""
    image: np.ndarray = np.zeros((height, width, 3), np.float32)
    (_wall, _board, _room)[int(rng.choice(3, p=[0.3, 0.35, 0.35]))](rng, image)
    image = cv2.GaussianBlur(image, (0, 0), height * rng.uniform(0.004, 0.014))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    across, down, edge = rng.uniform([-0.18, -0.18, 0], [0.18, 0.18, 0.18])
    glow = 1 + across * x + down * y - edge * (x * x + y * y)
    picture = np.clip(image * glow[..., None] * rng.uniform(0.6, 1.0), 0, 255).astype(np.uint8)
    return Background(picture, _sprites(rng, height, width, frames, fps))


def at_frame(background: Background, frame: int, out: np.ndarray) -> None:
    """Fill ``out``, uint8 (H, W, 3), with the background at a frame."""
    out[:] = background.picture
    height, width = out.shape[:2]
    for sprite, path in background.sprites:
        top, left = path[frame]
        a, b = max(0, top), min(height, top + sprite.shape[0])
        c, d = max(0, left), min(width, left + sprite.shape[1])
        if a < b and c < d:
            part = sprite[a - top : b - top, c - left : d - left]
            there = out[a:b, c:d]
            there[:] = there + part[..., 3:] * (part[..., :3] - there)
