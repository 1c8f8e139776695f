"""How well a network on the tokens of others does when one of these is missing."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.folds import check_fold, use_fold
from microgesture.evaluation.metrics import predicted_classes
from microgesture.inference.build import Trained
from microgesture.inference.joint import open_trained
from microgesture.inference.predict import predict
from microgesture.probing.robustness import accuracies
from microgesture.settings.probing import Testing
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_text

COLUMNS = ("missing", "clips", "top1", "mean_class")


@dataclass(frozen=True)
class Measured:
    """Accuracy without a source; fractions of 1. With all of them ``missing`` is empty."""

    missing: str
    clips: int
    top1: float
    mean_class: float


def measure(
    trained: Trained,
    manifests: Sequence[Path],
    testing: Testing,
    folds: Path | None = None,
    fold: int | None = None,
) -> Iterator[Measured]:
    """Accuracy on the labelled test clips with all sources, then without each of them.

    Where no test clip has a label these are the validation clips, as in the ablation table.

    Parameters
    ----------
    trained : Trained
        On the device that is to be used.
    manifests : sequence of Path
        Of the sources' token files, or of what their networks read, which lie beside them.
    testing : Testing
    folds, fold
        See `microgesture.data.folds.use_fold`.

    Raises
    ------
    InputError
        When the network takes no tokens or those of others, or no labelled clip is left.

    """
    names = trained.config.sources
    if not names:
        raise InputError(f"{trained.path}: takes no tokens of other networks; name one that does")
    whole = open_trained(trained, manifests)
    if whole.preparation != trained.metadata["preparation"]:
        raise InputError(
            f"--input: holds other tokens or clips than those that {trained.path} learned from; "
            "give these"
        )
    index = whole.records.index
    check_fold(trained.path, trained.metadata, use_fold(index.copy(), folds, fold))
    rows = _labelled(index["split"].to_numpy(), index["label"].to_numpy(), folds is not None)
    if not len(rows):
        raise InputError(f"{whole.records.path}: no labelled clip to test on")
    labels = index["label"].to_numpy()[rows]
    for missing in [(), *((number,) for number in range(len(names)))]:
        probabilities = predict(
            trained.model,
            open_trained(trained, manifests, missing),
            rows,
            temporal=trained.config.temporal,
            length=trained.config.length,
            views=testing.views,
            flip=testing.flip,
            batch=trained.config.batch,
        )
        right = predicted_classes(probabilities) == labels
        what = "".join(names[number] for number in missing)
        yield Measured(what, len(rows), *accuracies(right, labels))


def _labelled(splits: np.ndarray, labels: np.ndarray, folds: bool) -> np.ndarray:
    # a fold's validation clips are another's test clips
    for split in ("test",) if folds else ("test", "val"):
        rows = np.flatnonzero((splits == split) & (labels != UNKNOWN))
        if len(rows):
            return rows
    return np.zeros(0, int)


def write_measured(path: Path, rows: Iterable[Measured]) -> None:
    """Write a CSV file: missing, clips, top1, mean_class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([row.missing, row.clips, f"{row.top1:.6f}", f"{row.mean_class:.6f}"])
    write_text(path, text.getvalue())
