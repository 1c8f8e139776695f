"""Pseudo-labels: classes of unlabelled training clips by a trained teacher, where it is sure.

How sure it has to be is found on validation clips, class by class: as sure as its predictions there
must be to be right as often as asked for (Lee 2013; a threshold for each class as in FlexMatch,
Zhang et al. 2021, but measured instead of derived from progress).
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from microgesture.utils.errors import AGAIN, InputError
from microgesture.utils.files import write_text

COLUMNS = ("clip_id", "label", "probability")
FEWEST = 3
"""Validation clips above a threshold; of fewer nobody can say how often they are right."""


def thresholds(probabilities: np.ndarray, labels: np.ndarray, precision: float) -> np.ndarray:
    """Least probability at which predictions of each class are right often enough, (K,).

    Infinite for classes of which no threshold leaves at least `FEWEST` clips and the precision.

    Parameters
    ----------
    probabilities : ndarray, float (N, K)
        Of validation clips.
    labels : ndarray, int (N,)
    precision : float
        Share of the predictions above the threshold that are right.

    """
    found = np.full(probabilities.shape[1], np.inf)
    taken, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    for label in range(len(found)):
        own = np.flatnonzero(taken == label)
        own = own[np.argsort(-sure[own], kind="stable")]
        right = np.cumsum(labels[own] == label) / np.arange(1, len(own) + 1)
        last = np.ones(len(own), bool)  # equal ones are above or below together
        last[:-1] = sure[own][:-1] > sure[own][1:]
        enough = np.flatnonzero((right >= precision) & last & (np.arange(len(own)) >= FEWEST - 1))
        if len(enough):
            found[label] = sure[own][enough[-1]]
    return found


def choose(probabilities: np.ndarray, least: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose most probable class reaches its threshold, and these classes; int (M,) both."""
    taken, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    rows = np.flatnonzero(sure >= least[taken])
    return rows, taken[rows]


def write_pseudo_labels(
    path: Path, clip_ids: Sequence[str], labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """Write a CSV file: clip_id, label (class id) and probability, sorted by clip id."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, label, sure in sorted(zip(clip_ids, labels, probabilities, strict=True)):
        writer.writerow([name, int(label), f"{sure:.6f}"])
    write_text(path, text.getvalue())


def read_pseudo_labels(path: Path, num_classes: int) -> Mapping[str, int]:
    """Class ids by clip id.

    Raises
    ------
    InputError
        When the file is not there or not as it was written.

    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise InputError(f"{path}: not readable ({error}); {AGAIN}") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}; {AGAIN}")
    found: dict[str, int] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS) or not row[1].isdecimal() or int(row[1]) >= num_classes:
            raise InputError(
                f"{path}, row {number}: {','.join(row)!r} is no clip with a class id below "
                f"{num_classes}; {AGAIN}"
            )
        if found.setdefault(row[0], int(row[1])) != int(row[1]):
            raise InputError(f"{path}, row {number}: clip {row[0]} has two classes; {AGAIN}")
    return found
