"""Top-k accuracy, mean class accuracy, macro F1, recall per class and confusion matrix.

All results are fractions of 1. Each function wants the class id of every clip: an unknown label
(-1) is refused, never counted as wrong or skipped.
"""

import numpy as np

from microgesture.errors import InputError

METRICS = ("top1", "top5", "mean_class", "macro_f1")


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Most probable class of each clip, (N, K) -> int64 (N,); of equal ones the lowest id."""
    return np.argmax(probabilities, axis=1)


def correct_at(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> np.ndarray:
    """Whether the true class is among the k most probable, bool (N,).

    A class of equal probability and lower id comes first, so that ties do not depend on a sort.
    With k >= K every clip is correct.
    """
    num_classes = probabilities.shape[1]
    _check_labels(labels, num_classes)
    true = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)
    ahead = probabilities > true
    ahead |= (probabilities == true) & (np.arange(num_classes) < labels[:, None])
    return ahead.sum(axis=1) < k


def top_k_accuracy(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> float:
    """Share of the N clips whose true class is among the k most probable; see `correct_at`."""
    return float(correct_at(probabilities, labels, k).mean())


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Count clips, int64 (K, K): row = true class, column = predicted class."""
    _check_labels(labels, num_classes)
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


def summarise(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """All of `METRICS` for probabilities (N, K) and labels (N,)."""
    confusion = confusion_matrix(labels, predicted_classes(probabilities), probabilities.shape[1])
    return {
        "top1": top_k_accuracy(probabilities, labels, 1),
        "top5": top_k_accuracy(probabilities, labels, 5),
        "mean_class": mean_class_accuracy(confusion),
        "macro_f1": macro_f1(confusion),
    }


def _check_labels(labels: np.ndarray, num_classes: int) -> None:
    """Refuse an empty set and any label that is no class id."""
    if not len(labels):
        raise InputError("there are no clips to measure on; check the split")
    bad = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(bad):
        raise InputError(
            f"{len(bad)} of {len(labels)} clips have no usable label (first: row {bad[0]}, label "
            f"{labels[bad[0]]}), expected class ids 0 to {num_classes - 1}; "
            "measure on labelled clips only"
        )
