"""Parts of windows, drawn anew in every epoch, for training without labels."""

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.inputs.geometry import random_geometry
from microgesture.inputs.loader import FRAMES, GEOMETRY, rng_for
from microgesture.inputs.points import PointInput
from microgesture.settings.heatmaps import Augment


class Windows(Dataset[tuple[torch.Tensor, int]]):
    """Samples keyed by row, epoch and place in the epoch's order: a random part of a window.

    Epoch 0 is for validation, of whole windows.
    """

    def __init__(self, source: PointInput, length: int, shortest: float, seed: int) -> None:
        self._source, self._length, self._shortest, self._seed = source, length, shortest, seed
        self._frames = source.records.index["num_frames"].to_numpy()

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[torch.Tensor, int]:
        row, epoch, place = key
        first, last = 0.0, float(self._frames[row] - 1)
        if epoch:
            rng = rng_for(FRAMES, self._seed, epoch, place)
            part = last * rng.uniform(self._shortest, 1)
            first = rng.uniform(0, last - part)
            last = first + part
        times = np.linspace(first, last, self._length)
        return torch.from_numpy(resampled(self._source, row, times)), row


def resampled(source: PointInput, row: int, times: np.ndarray) -> np.ndarray:
    """Points of a window at times between its frames, float32 (len(times), V, 3).

    Between two frames a point moves in a straight line; it is not found unless it was in both.
    """
    low = np.floor(times).astype(int)
    share = (times - low).astype(np.float32)[:, None, None]
    before = source.sample(row, low)
    after = source.sample(row, np.where(share[:, 0, 0] > 0, low + 1, low))
    found = (before[..., 2:] > 0) & (after[..., 2:] > 0)
    return np.where(found, before + share * (after - before), 0)


def shown(
    source: PointInput,
    samples: torch.Tensor,
    augment: Augment,
    degrees: float,
    place: tuple[int, ...],
    device: torch.device,
) -> torch.Tensor:
    """A batch as the network is fed, (N, T, V, 3): cropped, mirrored and turned at random.

    Parameters
    ----------
    samples : Tensor, float32 (N, T, V, 3)
    augment : Augment
    degrees : float
        By which it is turned at most.
    place : tuple of int
        Seed, epoch and step.

    """
    rng = rng_for(GEOMETRY, *place)
    geometry = random_geometry(len(samples), augment, rng)
    angles = np.deg2rad(rng.uniform(-degrees, degrees, len(samples))).astype(np.float32)
    x = source.assemble(samples, geometry, training=True, device=device)[:, 0]
    return turned(x, torch.from_numpy(angles).to(device))


def turned(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Skeletons (N, T, V, 3), each turned about the middle of its window."""
    cos, sin = (f(angles)[:, None, None] for f in (torch.cos, torch.sin))
    across, down, score = x.unbind(-1)
    return torch.stack([across * cos - down * sin, across * sin + down * cos, score], dim=-1)
