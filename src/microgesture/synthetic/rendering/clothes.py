"""The texture of the clothes' front: rows from the neck down, columns from right to left hip."""

import cv2
import numpy as np

from microgesture.synthetic.rendering.look import Look

SIZE = 256
TOP, BOTTOM, WIDE = -6.0, 56.0, 20.0  # centimetres below the neck, and to both sides


def texture_place(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row and column (..., 2) in the texture of places on the torso's front, in centimetres."""
    row = (y - TOP) / (BOTTOM - TOP) * SIZE
    return np.stack([row, (x + WIDE) / (2 * WIDE) * SIZE], axis=-1)


def _fill(image: np.ndarray, corners: list[tuple[float, float]], colour: np.ndarray) -> None:
    """Fill a polygon of (x, y) corners in centimetres."""
    x, y = np.array(corners, float).T
    place = texture_place(x, y)[:, ::-1]
    cv2.fillPoly(image, [np.rint(place).astype(np.int32)], tuple(float(c) for c in colour))


def _mirror(corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(-x, y) for x, y in corners]


def draw_texture(look: Look, rng: np.random.Generator) -> np.ndarray:
    """Colours of the clothes as factors of 255, float32 (R, S, 3)."""
    image = np.empty((SIZE, SIZE, 3), np.float32)
    image[:] = look.cloth
    if look.stripes and look.clothes != "jacket":
        count = rng.integers(8, 22)
        wave = np.sin(2 * np.pi * count * np.arange(SIZE) / SIZE) > 0.2
        wave = wave[:, None] if rng.uniform() < 0.5 else wave[None]
        image *= 1 - look.stripes * np.broadcast_to(wave, (SIZE, SIZE))[..., None]
    cloth, skin = look.cloth, look.skin * 0.95
    if look.clothes == "tee":
        if rng.uniform() < 0.5:  # a print on the chest
            x, y = rng.uniform(-3, 3), rng.uniform(12, 20)
            size = rng.uniform(2, 5)
            _fill(
                image,
                [
                    (x - size, y - size / 2),
                    (x + size, y - size / 2),
                    (x + size, y + size / 2),
                    (x - size, y + size / 2),
                ],
                255 - cloth,
            )
        _fill(
            image,
            [(-9, -8), (9, -8), (7, -1), (4, 3.2), (0, 4.6), (-4, 3.2), (-7, -1)],
            0.8 * cloth,
        )
        _fill(
            image,
            [(-8, -8), (8, -8), (6, -1.5), (3.4, 2.2), (0, 3.4), (-3.4, 2.2), (-6, -1.5)],
            skin,
        )
    elif look.clothes == "sweater":
        _fill(
            image,
            [(-8, -8), (8, -8), (6.4, -1.5), (3.6, 1.6), (0, 2.8), (-3.6, 1.6), (-6.4, -1.5)],
            0.75 * cloth,
        )
        _fill(
            image,
            [(-7, -8), (7, -8), (5.4, -2.4), (3, 0.2), (0, 1.2), (-3, 0.2), (-5.4, -2.4)],
            look.under,
        )
    elif look.clothes == "shirt":
        _fill(image, [(-1.2, 2), (1.2, 2), (1.2, 60), (-1.2, 60)], 0.9 * cloth)
        for y in range(9, 56, 9):
            cv2.circle(
                image,
                tuple(int(v) for v in texture_place(np.array(0.0), np.array(y + 0.0))[::-1]),
                3,
                (235.0, 235.0, 230.0),
                -1,
            )
        _fill(image, [(-5, -8), (5, -8), (3.6, 0), (0, 7.5), (-3.6, 0)], skin)
        flap = [(5.0, -6.5), (8.5, -2.0), (5.0, 6.0), (0.6, 7.0), (3.4, 0.5)]
        for corners in (flap, _mirror(flap)):
            _fill(image, corners, 1.12 * cloth)
    else:
        _fill(image, [(-6.5, -8), (6.5, -8), (5.4, 4), (0, 25), (-5.4, 4)], look.under)
        if look.tie is not None:
            _fill(
                image, [(-1.5, 0), (1.5, 0), (1.9, 12), (2.3, 25), (-2.3, 25), (-1.9, 12)], look.tie
            )
            _fill(image, [(-2.0, -1.5), (2.0, -1.5), (1.2, 2.4), (-1.2, 2.4)], 0.8 * look.tie)
        else:
            _fill(image, [(-4, -8), (4, -8), (0, 6)], skin)
        flap = [(4.2, -6.5), (6.2, -2.0), (4.4, 4.5), (1.6, 4.0), (3.0, 0)]
        lapel = [(6.8, -7), (10.5, 3), (9.5, 8), (8.2, 8.6), (0.4, 26.5), (0.2, 24), (5.2, 5)]
        for corners in (flap, _mirror(flap)):
            _fill(image, corners, 0.93 * look.under)
        for corners in (lapel, _mirror(lapel)):
            _fill(image, corners, 1.25 * cloth + 6)
        _fill(image, [(-0.35, 25), (0.35, 25), (0.35, 60), (-0.35, 60)], 0.6 * cloth)
    folds = cv2.GaussianBlur(
        rng.standard_normal((SIZE, SIZE)).astype(np.float32), (0, 0), 9, sigmaY=16
    )
    image *= 1 + 0.07 * (folds / folds.std())[..., None]
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.8), 0, 255) / np.float32(255)
