"""What is compared: the rows of the ablation, their scores, and the clips they are measured on."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from microgesture.evaluation.calibration import expected_calibration_error, negative_log_likelihood
from microgesture.evaluation.metrics import (
    METRICS,
    confusion_matrix,
    correct_at,
    frequency_groups,
    group_recall,
    per_class_recall,
    predicted_classes,
    summarise,
)
from microgesture.utils.errors import InputError

FUSION = "fusion"

SPLITS = {"test": "test", "val": "validation", "train": "training"}
"""What the splits are called in words."""

HEADINGS = {
    "top1": "Top-1",
    "top5": "Top-5",
    "mean_class": "Mean class",
    "macro_f1": "Macro F1",
    "head": "Head",
    "middle": "Middle",
    "tail": "Tail",
    "ece": "ECE",
    "nll": "NLL",
}


def mean_of_seeds(probabilities: Iterable[np.ndarray]) -> np.ndarray:
    """Mean of S seeds' probabilities (N, K), float64: what an ensemble of them says."""
    return np.stack(list(probabilities)).mean(axis=0, dtype=np.float64)


@dataclass(frozen=True)
class Member:
    """What a fusion took of one variant, over its R runs (seeds, or seeds times folds).

    Attributes
    ----------
    name
        The variant.
    weights
        Share of the whole, (R,).
    temperatures
        (R,); None where none was applied.
    given
        Whether the weights stand in the config; else they were found on validation.

    """

    name: str
    weights: np.ndarray
    temperatures: np.ndarray | None
    given: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the ablation: a variant or a fusion, over S seeds.

    Attributes
    ----------
    name, title
        Key and wording in the configuration.
    model
        The variant's model; "fusion" for a fusion.
    labels
        int (N,), class ids of the clips.
    probabilities
        float32 (S, N, K).
    parameters
        Trained numbers: of the model, or of all members or sources and it together.
    seconds
        S training times; of all members or sources too, and of all folds where there are any.
    members
        Of a fusion that found weights or temperatures on validation; else empty.

    """

    name: str
    title: str
    model: str
    labels: np.ndarray
    probabilities: np.ndarray
    parameters: int
    seconds: tuple[float, ...]
    members: tuple[Member, ...] = ()

    @cached_property
    def predicted(self) -> np.ndarray:
        """Most probable class of each clip, int64 (S, N)."""
        return np.stack([predicted_classes(one) for one in self.probabilities])

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether the most probable class is the true one, bool (S, N)."""
        return np.stack([correct_at(one, self.labels) for one in self.probabilities])

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """Metric name -> S values, in percent."""
        each = [summarise(one, self.labels) for one in self.probabilities]
        return {name: np.array([100 * one[name] for one in each]) for name in METRICS}

    @cached_property
    def calibration(self) -> dict[str, np.ndarray]:
        """S values of ``ece``, the calibration error in percent, and of ``nll``, in nats."""
        every = [(one, self.labels) for one in self.probabilities]
        return {
            "ece": np.array([100 * expected_calibration_error(*one) for one in every]),
            "nll": np.array([negative_log_likelihood(*one) for one in every]),
        }

    @cached_property
    def confusions(self) -> np.ndarray:
        """Counts, int64 (S, K, K): true class, predicted class."""
        num_classes = self.probabilities.shape[2]
        return np.stack([confusion_matrix(self.labels, one, num_classes) for one in self.predicted])

    @cached_property
    def recalls(self) -> np.ndarray:
        """Recall of each seed and class, (S, K) fractions; NaN for a class without clips."""
        return np.stack([per_class_recall(one) for one in self.confusions])

    @property
    def recall(self) -> np.ndarray:
        """Mean recall over the seeds, (K,) fractions; NaN for a class without clips."""
        return self.recalls.mean(axis=0)

    @property
    def top1(self) -> float:
        """Mean top-1 accuracy over the seeds, in percent."""
        return float(self.scores["top1"].mean())

    @cached_property
    def ensemble(self) -> float:
        """Top-1 accuracy of the seeds' mean probabilities, in percent."""
        return 100 * float(correct_at(mean_of_seeds(self.probabilities), self.labels).mean())


@dataclass(frozen=True)
class Evaluation:
    """All rows on the same N labelled clips of one split.

    Attributes
    ----------
    split
        "test", or "val" where no test clip has a label.
    labels, subjects
        Class id and person of each clip, (N,).
    classes
        K names.
    seeds
        S seeds, in ascending order.
    rows
        Variants in the order of the configuration, then fusions.
    unlabelled
        Clips of the split left out because their label is unknown.
    epoch_by_top1
        Whether every run kept the epoch of its best validation top-1; None if not recorded.
    devices
        What the runs were trained on, as far as recorded.
    train_counts
        Clips of each class to learn from, (K,): of the training split, or of all splits under
        cross-validation; None if not recorded.
    folds
        Folds by subject that the predictions were pooled from; None without cross-validation.
    imbalance
        How many times fewer training clips were kept of the last class than of the first; None
        where all were.
    clip_ids
        N names, to find the clips in the skeleton store.

    """

    split: str
    labels: np.ndarray
    subjects: np.ndarray
    classes: list[str]
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    unlabelled: int
    epoch_by_top1: bool | None
    devices: tuple[str, ...]
    train_counts: np.ndarray | None = None
    folds: int | None = None
    imbalance: float | None = None
    clip_ids: tuple[str, ...] = ()

    @property
    def counts(self) -> np.ndarray:
        """Clips of each class, (K,)."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @property
    def chance(self) -> float:
        """Percent that always naming the split's most frequent class would score."""
        return 100 * float(self.counts.max() / self.counts.sum())

    @cached_property
    def groups(self) -> dict[str, np.ndarray]:
        """Head, middle and tail of the classes, each bool (K,); empty without training counts."""
        return {} if self.train_counts is None else frequency_groups(self.train_counts)

    def group_recalls(self, row: Row) -> dict[str, np.ndarray]:
        """Mean recall of each of `groups`, in percent, S values; NaN where no class has clips."""
        return {
            name: np.array([100 * group_recall(one, group) for one in row.recalls])
            for name, group in self.groups.items()
        }

    def shown(self, name: str | None) -> Row:
        """The row that is looked at closely: the named one, else the first fusion, else the best.

        A fusion comes first since the config named it before anything was measured.
        """
        if name:
            return self.row(name)
        fused = (row for row in self.rows if row.model == FUSION)
        return next(fused, max(self.rows, key=lambda row: row.top1))

    def row(self, name: str) -> Row:
        """Find a row by its configuration key."""
        for row in self.rows:
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.rows)
        raise InputError(f"config: no variant or fusion is named {name}; there are {known}")
