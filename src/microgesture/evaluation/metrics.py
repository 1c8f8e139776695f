"""Top-k accuracy, mean class accuracy, macro F1, recall per class or group, confusion matrix.

All results are fractions of 1. Each function wants the class id of every clip: an unknown label
(-1) is refused, never counted as wrong or skipped.
"""

import numpy as np

from microgesture.utils.errors import InputError

METRICS = ("top1", "top5", "mean_class", "macro_f1")
HEAD_SHARE, TAIL_SHARE = 0.5, 0.1


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Most probable class of each clip, (N, K) -> int64 (N,); of equal ones the lowest id."""
    return np.argmax(probabilities, axis=1)


def correct_at(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> np.ndarray:
    """Whether the true class is among the k most probable, bool (N,).

    A class of equal probability and lower id comes first, so that ties do not depend on a sort.
    With k >= K every clip is correct.
    """
    num_classes = probabilities.shape[1]
    check_labels(labels, num_classes)
    true = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)
    ahead = probabilities > true
    ahead |= (probabilities == true) & (np.arange(num_classes) < labels[:, None])
    return ahead.sum(axis=1) < k


def top_k_accuracy(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> float:
    """Share of the N clips whose true class is among the k most probable; see `correct_at`."""
    return float(correct_at(probabilities, labels, k).mean())


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Count clips, int64 (K, K): row = true class, column = predicted class."""
    check_labels(labels, num_classes)
    cells = labels.astype(np.int64) * num_classes + predicted
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_recall(confusion: np.ndarray) -> np.ndarray:
    """Share of each class's clips that were recognised, (K,); NaN for a class without clips."""
    counts = confusion.sum(axis=1)
    return np.divide(np.diag(confusion), counts, out=np.full(len(counts), np.nan), where=counts > 0)


def mean_class_accuracy(confusion: np.ndarray) -> float:
    """Mean of `per_class_recall` over the classes that occur among the labels."""
    return float(np.nanmean(per_class_recall(confusion)))


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 over the classes that occur among the labels.

    F1 = 2 TP / (2 TP + FP + FN), so that a class which is never predicted counts 0. A class that
    is predicted but does not occur among the labels has no F1 of its own; its false positives
    lower the recall, and so the F1, of the classes they were taken from.
    """
    actual, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    present = actual > 0
    return float(np.mean(2 * np.diag(confusion)[present] / (actual + predicted)[present]))


def frequency_groups(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Sort classes by how often they occur in training: head, middle and tail, each bool (K,).

    The head is the most frequent classes that hold at least half of the clips; the tail the rarest
    ones that together hold at most a tenth, classes without clips among them. Classes of equal
    size are never parted, so a balanced set is all head. The fixed bounds of Liu et al. 2019
    (OLTR: above 100, 20 to 100, below 20 clips) say nothing about a small set; shares always do.

    Parameters
    ----------
    counts
        Training clips of each class, int (K,).

    """
    total = counts.sum()
    held_from = np.array([counts[counts >= one].sum() for one in counts])
    held_to = np.array([counts[counts <= one].sum() for one in counts])
    head = counts >= counts[held_from >= HEAD_SHARE * total].max()
    tail = held_to <= TAIL_SHARE * total
    return {"head": head, "middle": ~head & ~tail, "tail": tail}


def group_recall(recall: np.ndarray, group: np.ndarray) -> float:
    """Mean of `per_class_recall` over a group's classes that have clips; NaN where none has."""
    found = recall[group & ~np.isnan(recall)]
    return float(found.mean()) if len(found) else float("nan")


def summarise(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """All of `METRICS` for probabilities (N, K) and labels (N,)."""
    confusion = confusion_matrix(labels, predicted_classes(probabilities), probabilities.shape[1])
    return {
        "top1": top_k_accuracy(probabilities, labels, 1),
        "top5": top_k_accuracy(probabilities, labels, 5),
        "mean_class": mean_class_accuracy(confusion),
        "macro_f1": macro_f1(confusion),
    }


def check_labels(labels: np.ndarray, num_classes: int) -> None:
    """Refuse an empty set and any label that is no class id (`InputError`)."""
    if not len(labels):
        raise InputError("there are no clips to measure on; check the split")
    bad = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(bad):
        raise InputError(
            f"{len(bad)} of {len(labels)} clips have no usable label (first: row {bad[0]}, label "
            f"{labels[bad[0]]}), expected class ids 0 to {num_classes - 1}; "
            "measure on labelled clips only"
        )
