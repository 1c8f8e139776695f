"""Reading every variant's predictions into one checked set of rows, for the table and figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.calibration import expected_calibration_error, negative_log_likelihood
from microgesture.errors import InputError
from microgesture.files import read_json
from microgesture.fusion import check_same_clips
from microgesture.imbalance import long_tailed_counts
from microgesture.metrics import (
    METRICS,
    confusion_matrix,
    correct_at,
    frequency_groups,
    group_recall,
    per_class_recall,
    predicted_classes,
    summarise,
)
from microgesture.predictions import UNKNOWN, Predictions, read_predictions

FUSION = "fusion"


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

    """

    name: str
    weights: np.ndarray
    temperatures: np.ndarray | None


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
        Trained numbers: of the model, or of all members together.
    seconds
        S training times; of all members together for a fusion, of all folds where there are any.
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


def parse_config(text: str) -> dict[str, Any]:
    """Read ``--config``: JSON text, or the path of a JSON file."""
    try:
        config = json.loads(text) if text.lstrip().startswith("{") else read_json(text)
    except (OSError, ValueError) as error:
        raise InputError(f"--config: neither JSON text nor a JSON file ({error})") from None
    missing = [key for key in ("seeds", "variants") if not config.get(key)]
    if missing:
        raise InputError(f"--config: {' and '.join(missing)} missing or empty; give at least one")
    return config


def load_evaluation(
    config: dict[str, Any],
    results: str | Path,
    classes: list[str],
    summary: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Read what every variant and fusion of ``config`` predicted, for all seeds.

    The test split is taken when any of its clips has a label, else the validation split.

    Parameters
    ----------
    config
        ``seeds``, ``variants`` (name -> title, model), ``fusions`` (name -> title, members),
        ``folds`` (how many, or null).
    results
        Folder with ``predict/{name}/seed{seed}/{split}.parquet`` and
        ``train/{variant}/{run}/metrics.json`` and ``timing.json``; a run is ``seed{seed}``, or
        ``seed{seed}-fold{fold}`` for each of the folds.
    classes
        K names.
    summary
        Summary of the skeleton step, of which ``clips_per_class`` of the splits is read.

    Raises
    ------
    InputError
        When a file is missing or wrong, the files are not about the same clips, or neither split
        has a labelled clip.

    """
    results = Path(results)
    seeds, folds = tuple(sorted(config["seeds"])), config.get("folds")
    entries = _entries(config)
    runs = {
        name: [_read_runs(results / "train" / name, seed, folds) for seed in seeds]
        for name in config["variants"]
    }
    split, first = _choose_split(results, next(iter(entries)), seeds[0])
    if first.probabilities.shape[1] != len(classes):
        raise InputError(
            f"{first.path} has {first.probabilities.shape[1]} classes, the list of classes has "
            f"{len(classes)}; use the list that the model was trained with"
        )
    known = first.labels != UNKNOWN
    rows = []
    for name, entry in entries.items():
        costs = [runs[member] for member in entry.get("members", [name])]
        files = _read_row(results, name, seeds, split, first, folds)
        rows.append(
            Row(
                name=name,
                title=entry.get("title", name),
                model=entry.get("model", FUSION),
                labels=first.labels[known],
                probabilities=np.stack([one.probabilities[known] for one in files]),
                parameters=sum(int(cost[0][0]["parameters"]) for cost in costs),
                seconds=tuple(
                    sum(float(run["train_seconds"]) for member in of_seed for run in member)
                    for of_seed in zip(*costs, strict=True)
                ),
                members=_members(files),
            )
        )
    every = [run for of_variant in runs.values() for of_seed in of_variant for run in of_seed]
    by_top1 = [_kept_best_top1(run) for run in every]
    return Evaluation(
        split=split,
        labels=first.labels[known],
        subjects=np.array(first.subjects)[known],
        classes=classes,
        seeds=seeds,
        rows=tuple(rows),
        unlabelled=int((~known).sum()),
        epoch_by_top1=None if None in by_top1 else all(by_top1),
        devices=tuple(sorted({run["device"] for run in every if "device" in run})),
        train_counts=None if summary is None else _train_counts(summary, classes, config),
        folds=folds,
        imbalance=config.get("imbalance"),
        clip_ids=tuple(np.array(first.clip_ids)[known].tolist()),
    )


def files_read(config: Mapping[str, Any], results: str | Path) -> list[Path]:
    """The predictions, metrics and times that `load_evaluation` goes back to."""
    results = Path(results)
    rows, runs = [*config["variants"], *(config.get("fusions") or {})], []
    for seed in sorted(config["seeds"]):
        for split in ("val", "test"):
            runs += [_prediction_path(results, name, seed, split) for name in rows]
        for name in config["variants"]:
            # a run is seed0, or seed0-fold2 and others under cross-validation
            folders = (results / "train" / name).glob(f"seed{seed}*")
            mine = [one for one in folders if one.name.split("-")[0] == f"seed{seed}"]
            runs += [one / file for one in mine for file in ("metrics.json", "timing.json")]
    return sorted(path for path in runs if path.is_file())


def _entries(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Variants, then fusions, by name; refuse a name used twice and a member that is no variant."""
    variants, fusions = config["variants"], config.get("fusions") or {}
    for name, fusion in fusions.items():
        if name in variants:
            raise InputError(f"config: {name} names a variant and a fusion; rename one of them")
        unknown = [member for member in fusion["members"] if member not in variants]
        if unknown:
            raise InputError(
                f"config: fusion {name} has the member {unknown[0]}, which is no variant; "
                f"there are {', '.join(variants)}"
            )
    return {**variants, **fusions}


def _prediction_path(results: Path, name: str, seed: int, split: str) -> Path:
    return results / "predict" / name / f"seed{seed}" / f"{split}.parquet"


def _choose_split(results: Path, name: str, seed: int) -> tuple[str, Predictions]:
    """Take test if it has labels, else val."""
    for split in ("test", "val"):
        predictions = read_predictions(_prediction_path(results, name, seed, split))
        if (predictions.labels != UNKNOWN).any():
            return split, predictions
    raise InputError(
        f"{predictions.path}: neither the test nor the validation clips have labels; "
        "there is nothing to evaluate on"
    )


def _read_row(
    results: Path,
    name: str,
    seeds: Sequence[int],
    split: str,
    first: Predictions,
    folds: int | None,
) -> list[Predictions]:
    """Predictions of all seeds, checked against the first file read and the number of folds."""
    files = []
    for seed in seeds:
        predictions = read_predictions(_prediction_path(results, name, seed, split))
        check_same_clips(first, predictions)
        pooled = predictions.metadata.get("folds")
        if pooled != folds:
            raise InputError(
                f"{predictions.path}: pooled from folds: {pooled}, the config has folds: {folds}; "
                "predict and pool again"
            )
        files.append(predictions)
    return files


def _members(files: Sequence[Predictions]) -> tuple[Member, ...]:
    """Weights and temperatures that a fusion's files, pooled or not, state as fitted."""
    runs = [
        run
        for one in files
        for run in [part["metadata"] for part in one.metadata.get("parts", [])] or [one.metadata]
        if run.get("fitted")
    ]
    if not runs:
        return ()
    of_member = zip(*(run["members"] for run in runs), strict=True)
    return tuple(
        Member(
            each[0]["name"],
            np.array([one["weight"] for one in each]),
            None
            if each[0]["temperature"] is None
            else np.array([one["temperature"] for one in each]),
        )
        for each in of_member
    )


def _train_counts(
    summary: Mapping[str, Any], classes: Sequence[str], config: Mapping[str, Any]
) -> np.ndarray | None:
    """Clips of each class to learn from; folds train on all splits in turn. None: not recorded."""
    splits = summary.get("splits", {})
    counts = np.zeros(len(classes), dtype=np.int64)
    for split in splits if config.get("folds") else ["train"]:
        of_split = splits.get(split, {}).get("clips_per_class", {})
        counts += np.array([of_split.get(name, 0) for name in classes], dtype=np.int64)
    if not counts.sum():
        return None
    ratio = config.get("imbalance")
    return counts if ratio is None else long_tailed_counts(counts, ratio)


def _read_runs(folder: Path, seed: int, folds: int | None) -> list[dict[str, Any]]:
    """Metrics of the one run of a seed, or of each of its folds."""
    if folds is None:
        return [_read_metrics(folder / f"seed{seed}")]
    return [_read_metrics(folder / f"seed{seed}-fold{fold}") for fold in range(folds)]


def _read_metrics(folder: Path) -> dict[str, Any]:
    """Read a run's ``metrics.json`` and, where time is kept apart, its ``timing.json``."""
    path = folder / "metrics.json"
    # Times differ from run to run; kept apart, they do not change the hash of what was learned.
    timing = folder / "timing.json"
    try:
        metrics = read_json(path) | (read_json(timing) if timing.exists() else {})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable ({error}); train the variant") from None
    missing = [key for key in ("parameters", "train_seconds") if key not in metrics]
    if missing:
        raise InputError(f"{path}: no {' and no '.join(missing)}; train the variant again")
    return metrics


def _kept_best_top1(metrics: dict[str, Any]) -> bool | None:
    """Whether the epoch kept has the run's best validation top-1; None where not recorded."""
    scores = {
        epoch.get("epoch"): epoch.get("val_top1")
        for epoch in metrics.get("epochs", [])
        if epoch.get("val_top1") is not None
    }
    kept = scores.get(metrics.get("best_epoch"))
    return None if kept is None else kept == max(scores.values())
