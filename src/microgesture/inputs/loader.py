"""Which clips an epoch sees and in which order, the random numbers of each step, and loading.

Every random number depends on the seed and on where in the training it is used, never on what was
drawn before, so that a training can go on from any step.
"""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from microgesture.inputs.base import Input, PointSource
from microgesture.inputs.movement import random_movement, random_span
from microgesture.preprocessing.temporal import SAMPLERS, inference_views
from microgesture.settings.training import AugmentPoints
from microgesture.utils.errors import InputError

ORDER, FRAMES, GEOMETRY, DROPOUT, HEAD, TOKENS, MASK, LABELS, POINTS, MIXUP = range(10)
"""What random numbers are for; each purpose has a stream of its own."""

UNMOVED = AugmentPoints()
SAMPLINGS = ("natural", "class_balanced")
Batch = tuple[torch.Tensor, np.ndarray]
"""Samples, in pinned memory where a GPU is to use them, and their rows in the records."""


def rng_for(purpose: int, *place: int) -> np.random.Generator:
    """Random numbers for one purpose at one place of the training, such as (seed, epoch, step)."""
    return np.random.default_rng((purpose, *place))


def seed_torch(purpose: int, *place: int) -> None:
    """Seed torch's own random numbers likewise; they are dropout's and fresh weights'."""
    words = np.random.SeedSequence((purpose, *place)).generate_state(1, np.uint64)
    torch.manual_seed(int(words[0]))


def epoch_order(
    rows: np.ndarray, labels: np.ndarray, sampling: str, rng: np.random.Generator
) -> np.ndarray:
    """Rows in the order in which an epoch sees them, as many as there are.

    Parameters
    ----------
    rows : ndarray, int (N,)
    labels : ndarray, int (N,)
        Class of each row.
    sampling : {'natural', 'class_balanced'}
        Every row once; or each time a class, all classes equally likely, and then one of its rows,
        all equally likely, with replacement (Kang et al. 2020, class-balanced sampling).

    """
    if sampling == "natural":
        return rng.permutation(rows)
    by_class = rows[np.argsort(labels, kind="stable")]
    _, first, counts = np.unique(np.sort(labels), return_index=True, return_counts=True)
    drawn = rng.integers(len(counts), size=len(rows))
    return by_class[first[drawn] + rng.integers(counts[drawn])]


@dataclass(frozen=True)
class Sampling:
    """How a training sample of a clip is drawn.

    Attributes
    ----------
    temporal : str
        One of `SAMPLERS`, which chooses ``length`` frames.
    length : int
    augment : AugmentPoints
        How points are moved; needs a `PointSource`.
    span : float
        The smallest share of the frames that is stretched to the length.

    """

    temporal: str
    length: int
    augment: AugmentPoints = UNMOVED
    span: float = 1.0

    def draw(
        self,
        source: Input,
        row: int,
        frames: int,
        rng: np.random.Generator,
        points_rng: np.random.Generator,
    ) -> np.ndarray:
        """A sample of a clip of so many frames, by random numbers for frames and for points."""
        indices = SAMPLERS[self.temporal](frames, self.length, rng)
        if self.span < 1:
            indices = random_span(indices, self.span, rng)
        if self.augment == UNMOVED:
            return source.sample(row, indices)
        if not isinstance(source, PointSource):
            raise InputError("training.augment_points: the input has no points that could be moved")
        return source.sample(row, indices, random_movement(source.layout, self.augment, points_rng))


class TrainingClips(Dataset[tuple[torch.Tensor, int]]):
    """Samples keyed by row, epoch and place in the epoch's order; see `Sampling`."""

    def __init__(
        self,
        source: Input,
        temporal: str,
        length: int,
        seed: int,
        augment: AugmentPoints = UNMOVED,
        span: float = 1.0,
    ) -> None:
        self._source, self._seed = source, seed
        self._sampling = Sampling(temporal, length, augment, span)
        self._frames = source.records.index["num_frames"].to_numpy()

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[torch.Tensor, int]:
        row, epoch, place = key
        rngs = [rng_for(purpose, self._seed, epoch, place) for purpose in (FRAMES, POINTS)]
        sample = self._sampling.draw(self._source, row, int(self._frames[row]), *rngs)
        return torch.from_numpy(np.array(sample)), row


class ViewClips(Dataset[tuple[torch.Tensor, int]]):
    """Samples keyed by row and number of the view."""

    def __init__(self, source: Input, temporal: str, length: int, views: int) -> None:
        self._source, self._temporal, self._length, self._views = source, temporal, length, views
        self._frames = source.records.index["num_frames"].to_numpy()

    def views(self, row: int) -> list[np.ndarray]:
        """Frame indices of every view of a clip."""
        return inference_views(self._temporal, int(self._frames[row]), self._length, self._views)

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, int]:
        row, view = key
        return torch.from_numpy(np.array(self._source.sample(row, self.views(row)[view]))), row


class Loader:
    """Stacks samples into batches; its worker processes stay from one epoch to the next.

    Attributes
    ----------
    waited : float
        Seconds in which batches were waited for, in all; without workers that is their loading.

    """

    def __init__(
        self, dataset: Dataset[tuple[torch.Tensor, int]], workers: int, device: torch.device
    ) -> None:
        self.waited = 0.0
        self._groups: list[list[tuple[int, ...]]] = []
        self._loader: DataLoader[Any] | None = DataLoader(
            dataset,
            batch_sampler=self._groups,  # read anew whenever an iteration starts
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device.type == "cuda",
            worker_init_fn=_ignore_signals,
        )
        self._loaded: Iterator[Any] = iter(())

    def batches(self, groups: list[list[tuple[int, ...]]]) -> Iterator[Batch]:
        """Load one batch after the other; each group holds the keys of one."""
        if self._loader is None:
            raise ValueError("the loader is closed")
        self._groups[:] = groups
        self._loaded = iter(self._loader)
        while True:
            asked = time.perf_counter()
            batch = next(self._loaded, None)
            self.waited += time.perf_counter() - asked
            if batch is None:
                return
            samples, rows = batch
            yield samples, rows.numpy()

    def close(self) -> None:
        """End the worker processes now; torch does so when nothing refers to them any more."""
        self._loader, self._loaded = None, iter(())


def _ignore_signals(worker: int) -> None:
    """A signal to the whole process group is the main process's to answer, or a step would fail."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
