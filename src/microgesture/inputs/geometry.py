"""How a clip of a batch is looked at: which part of its box, mirrored or not."""

from dataclasses import dataclass

import numpy as np

from microgesture.settings.heatmaps import Augment

ASPECT = (3 / 4, 4 / 3)
CROP_CELLS = 64
"""PySKL cuts whole pixels out of pictures with so many a side."""
CROP_TRIES = 10


@dataclass(frozen=True)
class Geometry:
    """How each clip of a batch is looked at.

    Attributes
    ----------
    windows : ndarray, float (N, 4)
        Left, top, width and height of the window in shares of the clip's box.
    mirrored : ndarray, bool (N,)
    light : ndarray, float (N, 2), optional
        From -1 to 1: how brightness and contrast of pictures change, in shares of the most that
        they may; None leaves them.

    """

    windows: np.ndarray
    mirrored: np.ndarray
    light: np.ndarray | None = None

    def part(self, share: slice) -> "Geometry":
        """Some of the clips."""
        light = None if self.light is None else self.light[share]
        return Geometry(self.windows[share], self.mirrored[share], light)


def full_frame(count: int, mirrored: bool = False) -> Geometry:
    """The whole box of every clip, mirrored or not."""
    return Geometry(np.tile([0.0, 0.0, 1.0, 1.0], (count, 1)), np.full(count, mirrored))


def random_geometry(count: int, config: Augment, rng: np.random.Generator) -> Geometry:
    """Random resized crops and mirror images, as PoseC3D trains with.

    An area and an aspect ratio are drawn together until both sides fit into the box; after ten that
    do not, the whole box is taken. Sides and corners are whole `CROP_CELLS` of the box.
    Source: RandomResizedCrop and Flip of PySKL (Duan et al. 2022).

    """
    smallest, largest = config.crop_area
    area = rng.uniform(smallest, largest, (count, CROP_TRIES))
    aspect = np.exp(rng.uniform(np.log(ASPECT[0]), np.log(ASPECT[1]), (count, CROP_TRIES)))
    sides = np.round(CROP_CELLS * np.sqrt(np.stack([area * aspect, area / aspect], axis=2)))
    fits: np.ndarray = np.all(sides <= CROP_CELLS, axis=2)
    first = sides[np.arange(count), fits.argmax(axis=1)]
    fitting: np.ndarray = np.any(fits, axis=1)
    size = np.where(fitting[:, None], first, CROP_CELLS)
    corner = rng.integers(CROP_CELLS - size.astype(int) + 1)
    return Geometry(
        np.concatenate([corner, size], axis=1) / CROP_CELLS,
        rng.uniform(size=count) < config.flip,
        rng.uniform(-1, 1, (count, 2)),
    )


def shown_places(spans: np.ndarray, mirrored: np.ndarray, cells: int, size: int) -> np.ndarray:
    """Where the centers of ``size`` new cells lie along an axis of old ones, float (N, size).

    Parameters
    ----------
    spans : ndarray, float (N, 2)
        Start and length of what is shown, in shares of the axis.
    mirrored : ndarray, bool (N,)
        Where true, the new cells run backwards.
    cells, size : int
        Old and new cells along the axis.

    """
    step = (np.arange(size) + 0.5) / size
    step = np.where(mirrored[:, None], 1 - step, step)
    return (spans[:, :1] + spans[:, 1:] * step) * cells - 0.5
