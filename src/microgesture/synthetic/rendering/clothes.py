"""The texture of the clothes' front: rows from the neck down, columns from right to left hip."""

from collections.abc import Sequence

import cv2
import numpy as np

from microgesture.synthetic.rendering.look import Look

SIZE = 256
TOP, BOTTOM, WIDE = -6.0, 56.0, 20.0  # centimetres below the neck, and to both sides


def texture_place(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row and column (..., 2) in the texture of places on the torso's front, in centimetres."""
    row = (y - TOP) / (BOTTOM - TOP) * SIZE
    return np.stack([row, (x + WIDE) / (2 * WIDE) * SIZE], axis=-1)


Corners = Sequence[tuple[float, float]]
Patch = tuple[Corners, np.ndarray]  # a polygon of (x, y) in centimetres, and its colour


def _both(corners: Corners, colour: np.ndarray) -> list[Patch]:
    """A patch and its mirror image."""
    return [(corners, colour), ([(-x, y) for x, y in corners], colour)]


def _round(wide: float, deep: float) -> Corners:
    """A round neckline: half its width at the shoulders, and its depth in front."""
    half = [(wide + 1.5, -8.0), (wide, -1.5), (0.56 * wide, 0.65 * deep), (0.0, deep)]
    return [*half, *[(-x, y) for x, y in reversed(half)]]


def _tee(look: Look, rng: np.random.Generator) -> list[Patch]:
    patches: list[Patch] = [
        (_round(7.2, 4.6), 0.8 * look.cloth),
        (_round(6.2, 3.4), 0.95 * look.skin),
    ]
    if rng.uniform() < 0.5:  # a print on the chest
        x, y, a = rng.uniform(-3, 3), rng.uniform(12, 20), rng.uniform(2, 5)
        corners = [(x - a, y - a / 2), (x + a, y - a / 2), (x + a, y + a / 2), (x - a, y + a / 2)]
        patches.append((corners, 255 - look.cloth))
    return patches


def _sweater(look: Look) -> list[Patch]:
    return [(_round(6.6, 2.8), 0.75 * look.cloth), (_round(5.4, 1.2), look.under)]


def _shirt(look: Look) -> list[Patch]:
    patches: list[Patch] = [([(-1.2, 2), (1.2, 2), (1.2, 60), (-1.2, 60)], 0.9 * look.cloth)]
    for y in range(9, 56, 9):
        button = [(0.5, y), (0.0, y + 0.6), (-0.5, y), (0.0, y - 0.6)]
        patches.append((button, np.array([235.0, 235, 230])))
    patches.append(([(-5, -8), (5, -8), (3.6, 0), (0, 7.5), (-3.6, 0)], 0.95 * look.skin))
    flap = [(5.0, -6.5), (8.5, -2.0), (5.0, 6.0), (0.6, 7.0), (3.4, 0.5)]
    return patches + _both(flap, 1.12 * look.cloth)


def _jacket(look: Look) -> list[Patch]:
    patches: list[Patch] = [([(-6.5, -8), (6.5, -8), (5.4, 4), (0, 25), (-5.4, 4)], look.under)]
    if look.tie is None:
        patches.append(([(-4, -8), (4, -8), (0, 6)], 0.95 * look.skin))
    else:
        tie = [(-1.5, 0.0), (1.5, 0.0), (1.9, 12.0), (2.3, 25.0), (-2.3, 25.0), (-1.9, 12.0)]
        knot = [(-2.0, -1.5), (2.0, -1.5), (1.2, 2.4), (-1.2, 2.4)]
        patches += [(tie, look.tie), (knot, 0.8 * look.tie)]
    flap = [(4.2, -6.5), (6.2, -2.0), (4.4, 4.5), (1.6, 4.0), (3.0, 0)]
    lapel = [(6.8, -7), (10.5, 3), (9.5, 8), (8.2, 8.6), (0.4, 26.5), (0.2, 24), (5.2, 5)]
    seam = ([(-0.35, 25), (0.35, 25), (0.35, 60), (-0.35, 60)], 0.6 * look.cloth)
    return [*patches, *_both(flap, 0.93 * look.under), *_both(lapel, 1.25 * look.cloth + 6), seam]


def draw_texture(look: Look, rng: np.random.Generator) -> np.ndarray:
    """Colours of the clothes as factors of 255, float32 (R, S, 3)."""
    image = np.empty((SIZE, SIZE, 3), np.float32)
    image[:] = look.cloth
    if look.stripes and look.clothes != "jacket":
        count = rng.integers(8, 22)
        wave = np.sin(2 * np.pi * count * np.arange(SIZE) / SIZE) > 0.2
        wave = wave[:, None] if rng.uniform() < 0.5 else wave[None]
        image *= 1 - look.stripes * np.broadcast_to(wave, (SIZE, SIZE))[..., None]
    make = {"sweater": _sweater, "shirt": _shirt, "jacket": _jacket}
    patches = _tee(look, rng) if look.clothes == "tee" else make[look.clothes](look)
    for corners, colour in patches:
        x, y = np.array(corners, float).T
        place = np.rint(texture_place(x, y)[:, ::-1]).astype(np.int32)
        cv2.fillPoly(image, [place], tuple(float(c) for c in colour))
    noise = rng.standard_normal((SIZE, SIZE)).astype(np.float32)
    folds = cv2.GaussianBlur(noise, (0, 0), 9, sigmaY=16)
    image *= 1 + 0.07 * (folds / folds.std())[..., None]
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.8), 0, 255) / np.float32(255)
