"""Which clips a training learns from and is checked on, and how epochs deal them out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from microgesture.data.clip_file import Clips
from microgesture.data.label_share import labelled_share
from microgesture.data.long_tail import long_tailed
from microgesture.inputs.loader import LABELS, ORDER, epoch_order, rng_for
from microgesture.settings.training_step import LearningStep, TrainingStep
from microgesture.training.distributed import Processes
from microgesture.utils.errors import AGAIN, InputError


@dataclass(frozen=True)
class ClipChoice:
    """The clips of one training.

    Attributes
    ----------
    labels : ndarray, int (N,)
        Of all clips, -1 where unknown.
    train, val : ndarray, int
        Rows that are trained on, and that epochs are compared on.
    batch : int
        Clips in a step, of all processes together.
    share : slice
        Those of a batch that this process takes.

    """

    labels: np.ndarray
    train: np.ndarray
    val: np.ndarray
    batch: int
    share: slice

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        # the remainder is left out: batch norm is unsteady on a few clips; other epochs have it
        return len(self.train) // self.batch

    def epoch(self, seed: int, epoch: int, sampling: str, done: int) -> list[list[tuple[int, ...]]]:
        """Row, epoch and place of this process's samples, for every step after ``done``."""
        order = epoch_order(
            self.train, self.labels[self.train], sampling, rng_for(ORDER, seed, epoch)
        )
        keys = [(int(row), epoch, place) for place, row in enumerate(order)]
        starts = range(done * self.batch, self.steps * self.batch, self.batch)
        return [[*keys[start : start + self.batch][self.share]] for start in starts]


def labelled_clips(
    records: Clips, config: LearningStep
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class of every clip, -1 where unknown, and the labelled rows of ``train`` and ``val``.

    Clips whose video is missing have black crops, from which nothing is learned or chosen.

    Raises
    ------
    InputError
        Where a split has none.

    """
    index = records.index
    labels = index["label"].to_numpy()
    black = records.metadata.get("video", {}).get("missing", [])
    usable = (labels >= 0) & ~index["clip_id"].isin(black).to_numpy()
    train, val = (np.flatnonzero((index["split"] == s) & usable) for s in ("train", "val"))
    for split, chosen in (("train", train), ("val", val)):
        if not len(chosen):
            raise InputError(f"{records.path}: no labelled clip in the split {split!r}")
    if config.imbalance is not None:
        train = long_tailed(train, labels[train], config.imbalance)
    return labels, train, val


def choose_clips(
    records: Clips,
    config: TrainingStep,
    processes: Processes,
    seed: int,
    pseudo: Mapping[str, int] | None = None,
) -> ClipChoice:
    """The labelled clips of the splits ``train`` and ``val``; the seed draws a ``label_share``.

    Training clips without a label, or whose label is not to be seen, are learned from as well where
    ``pseudo`` has a class for their id.

    Raises
    ------
    InputError
        Where a split has none, or the batch is larger than the clips to train on or cannot be
        shared by the processes.

    """
    size = config.training.batch
    labels, train, val = labelled_clips(records, config)
    if config.label_share < 1:
        drawn = rng_for(LABELS, seed)
        train = labelled_share(train, labels[train], config.label_share, drawn)
    if pseudo is not None:
        labels, train = _pseudo_labelled(records, labels, train, pseudo)
    if size > len(train):
        raise InputError(
            f"{config.variant}: training.batch is {size}, but there are {len(train)} clips to "
            "train on; lower it to at most that"
        )
    return ClipChoice(labels, train, val, size, processes.local_slice(size, config.variant))


def _pseudo_labelled(
    records: Clips, labels: np.ndarray, train: np.ndarray, pseudo: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and training rows with those of pseudo-labels."""
    row_of = {str(name): row for row, name in enumerate(records.index["clip_id"])}
    splits, labels, own = records.index["split"].to_numpy(), labels.copy(), set(train.tolist())
    for name, label in pseudo.items():
        row = row_of.get(name, -1)
        if row < 0 or splits[row] != "train" or row in own:
            what = "is not there" if row < 0 else "is no training clip without a label"
            raise InputError(f"pseudo-labels: clip {name} {what} in {records.path}; {AGAIN}")
        labels[row] = label
        own.add(row)
    return labels, np.array(sorted(own))
