"""Prediction files: one row a clip with its label, its subject and one probability a class."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from microgesture.data.classes import UNKNOWN
from microgesture.utils.checksums import PARQUET, READING, WRITING, check_parquet, seal_file
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path

SUM_TOLERANCE = 1e-3

_METADATA_KEY = b"microgesture"
# Kept apart from the caller's metadata: an empty file has no row to read K from.
_CLASSES_KEY = b"microgesture.num_classes"
_COLUMNS = {
    "clip_id": pa.string(),
    "label": pa.int32(),
    "subject": pa.string(),
    "probabilities": pa.list_(pa.float32()),
}


@dataclass(frozen=True)
class Predictions:
    """What one model says about N clips and K classes, in the order of the clip ids.

    Attributes
    ----------
    path
        The file it was read from, for messages.
    clip_ids
        N different names, sorted.
    labels
        int32 (N,), class ids; -1 where the label is unknown.
    subjects
        N names of the persons seen.
    probabilities
        float32 (N, K); every row sums to 1.
    metadata
        Whatever the writer had to say (variant, seed, split, ...).

    """

    path: Path
    clip_ids: list[str]
    labels: np.ndarray
    subjects: list[str]
    probabilities: np.ndarray
    metadata: dict[str, Any]

    def __post_init__(self) -> None:
        """Insist on the order that lets two sets be joined by id row by row."""
        if any(a >= b for a, b in pairwise(self.clip_ids)):
            raise ValueError("clip ids must be sorted and all different")


def write_predictions(
    path: str | Path,
    clip_ids: Sequence[str],
    labels: Sequence[int | None] | np.ndarray,
    subjects: Sequence[str],
    probabilities: np.ndarray,
    metadata: dict[str, Any],
) -> None:
    """Write a prediction file, sorted by clip id; the same content gives the same bytes.

    Parameters
    ----------
    path
        The Parquet file to write.
    clip_ids, subjects
        N names each.
    labels
        N class ids; None or -1 where the label is unknown.
    probabilities
        (N, K), each row summing to 1.
    metadata
        Anything JSON can hold.

    Raises
    ------
    InputError
        Where `read_predictions` would refuse the file.

    """
    path = Path(path)
    probabilities = np.asarray(probabilities, dtype=np.float32)
    ids = np.array([UNKNOWN if label is None else int(label) for label in labels], dtype=np.int32)
    if probabilities.ndim != 2 or not (
        len(clip_ids) == len(ids) == len(subjects) == len(probabilities)
    ):
        raise ValueError(
            f"{len(clip_ids)} clip ids, {len(ids)} labels and {len(subjects)} subjects do not "
            f"belong to probabilities of shape {probabilities.shape}, expected (N, K)"
        )
    order = sorted(range(len(clip_ids)), key=lambda row: clip_ids[row])
    sorted_ids = [str(clip_ids[row]) for row in order]
    ids, probabilities = ids[order], probabilities[order]
    _check(path, sorted_ids, ids, probabilities)
    num_clips, num_classes = probabilities.shape
    offsets = np.arange(num_clips + 1, dtype=np.int32) * num_classes
    columns = [
        pa.array(sorted_ids, pa.string()),
        pa.array(ids, pa.int32(), mask=ids == UNKNOWN),
        pa.array([str(subjects[row]) for row in order], pa.string()),
        pa.ListArray.from_arrays(pa.array(offsets), pa.array(probabilities.ravel())),
    ]
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    schema = pa.schema(
        _COLUMNS.items(),
        metadata={_METADATA_KEY: text.encode(), _CLASSES_KEY: str(num_classes).encode()},
    )
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), temporary, **WRITING)
        seal_file(temporary, PARQUET)


def read_predictions(path: str | Path) -> Predictions:
    """Read a prediction file and check everything that a later step relies on.

    Raises
    ------
    InputError
        For a file that is not there or is no Parquet, a missing column or clip id, a clip id given
        twice, a label that is no class id, rows of different lengths, and probabilities that are
        not finite, are negative or do not sum to 1 (tolerance 0.001).

    """
    path = Path(path)
    table = _read_table(path)
    clip_ids = table["clip_id"].to_pylist()
    if None in clip_ids:
        raise InputError(f"{path}: row {clip_ids.index(None)} has no clip_id; give each clip one")
    metadata = table.schema.metadata or {}
    probabilities = _probability_matrix(
        path, clip_ids, table["probabilities"].combine_chunks(), metadata.get(_CLASSES_KEY)
    )
    labels = table["label"].combine_chunks().fill_null(UNKNOWN).to_numpy(zero_copy_only=False)
    subjects = ["" if name is None else name for name in table["subject"].to_pylist()]
    order = sorted(range(len(clip_ids)), key=clip_ids.__getitem__)
    clip_ids = [clip_ids[row] for row in order]
    labels, probabilities = labels[order].astype(np.int32), probabilities[order]
    _check(path, clip_ids, labels, probabilities)
    return Predictions(
        path=path,
        clip_ids=clip_ids,
        labels=labels,
        subjects=[subjects[row] for row in order],
        probabilities=probabilities,
        metadata=json.loads(metadata.get(_METADATA_KEY, b"{}")),
    )


def shared_metadata(files: Sequence[Predictions], keys: Sequence[str]) -> dict[str, Any]:
    """Those of ``keys`` which every file states, and states alike: they hold for all together."""
    first = files[0].metadata
    return {
        key: first[key]
        for key in keys
        if key in first and all(one.metadata.get(key) == first[key] for one in files)
    }


def variant_of(predictions: Predictions) -> str | None:
    """Name of the variant whose training config the file states; None if it states none."""
    return predictions.metadata.get("config", {}).get("variant")


def _read_table(path: Path) -> pa.Table:
    """Read the four columns, cast to their types."""
    if not path.exists():
        raise InputError(f"{path}: no such prediction file; run the step that writes it")
    check_parquet(path)
    try:
        table = pq.read_table(path, **READING)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); write it anew") from None
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)} among {', '.join(table.column_names)}; "
            f"a prediction file has {', '.join(_COLUMNS)}"
        )
    schema = pa.schema(_COLUMNS.items(), metadata=table.schema.metadata)
    try:
        return table.select(list(_COLUMNS)).cast(schema)
    except pa.ArrowException as error:
        wanted = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        raise InputError(f"{path}: columns of another type ({error}); expected {wanted}") from None


def _probability_matrix(
    path: Path, clip_ids: list[str], column: pa.ListArray, stated: bytes | None
) -> np.ndarray:
    """Turn the list column into (N, K) float32; refuse missing and ragged rows."""
    if not len(column):
        return np.zeros((0, int(stated or 0)), dtype=np.float32)
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    num_classes = int(stated) if stated else int(lengths[0])
    wrong = np.flatnonzero(lengths != num_classes)
    if len(wrong) or num_classes == 0:
        row = int(wrong[0]) if len(wrong) else 0
        raise InputError(
            f"{path}: clip {clip_ids[row]} has {lengths[row]} probabilities, expected one for each "
            f"of {num_classes} classes; write the file anew"
        )
    values = column.flatten().to_numpy(zero_copy_only=False)  # a null becomes NaN, refused below
    return values.reshape(len(column), num_classes).astype(np.float32)


def _check(path: Path, clip_ids: list[str], labels: np.ndarray, probabilities: np.ndarray) -> None:
    """Refuse what no later step could make sense of; rows are sorted by clip id."""
    for before, after in pairwise(clip_ids):
        if before == after:
            raise InputError(f"{path}: clip {after} occurs twice; each clip has one row")
    num_classes = probabilities.shape[1]
    bad = np.flatnonzero((labels < UNKNOWN) | (labels >= num_classes))
    if len(bad):
        raise InputError(
            f"{path}: clip {clip_ids[bad[0]]} has label {labels[bad[0]]}, expected a class id of "
            f"0 to {num_classes - 1}, or none; check the list of classes"
        )
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1) | (probabilities < 0).any(axis=1))
    if len(bad):
        row = probabilities[bad[0]]
        value = row[~np.isfinite(row) | (row < 0)][0]
        raise InputError(
            f"{path}: clip {clip_ids[bad[0]]} has probability {value}, expected 0 to 1 "
            f"({len(bad)} such clips); check that the training did not diverge"
        )
    sums = probabilities.sum(axis=1, dtype=np.float64)
    bad = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(bad):
        raise InputError(
            f"{path}: the probabilities of clip {clip_ids[bad[0]]} sum to {sums[bad[0]]:.4f}, "
            f"expected 1 within {SUM_TOLERANCE} ({len(bad)} such clips); "
            "store probabilities, not scores"
        )
