"""Reading every variant's predictions into one checked set of rows, for the table and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data import paths
from microgesture.data.classes import UNKNOWN
from microgesture.data.long_tail import long_tailed_counts
from microgesture.evaluation.fusion import check_same_clips
from microgesture.evaluation.predictions import Predictions, read_predictions
from microgesture.evaluation.rows import FUSION, Evaluation, Member, Row
from microgesture.settings.results import Shown, ShownVariant
from microgesture.settings.rows import Fusion
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json


def load_evaluation(
    config: Shown,
    results: str | Path,
    classes: list[str],
    summary: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Read what every variant and fusion of ``config`` predicted, for all seeds.

    The test split is taken when any of its clips has a label, else the validation split.

    Parameters
    ----------
    config
        Seeds, folds, variants and fusions.
    results
        Folder with `microgesture.data.paths.predictions` of every seed and the ``metrics.json`` and
        ``timing.json`` of every training.
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
    seeds, folds = tuple(sorted(config.seeds)), config.folds
    entries = _entries(config)
    runs = {
        name: [_read_runs(results, name, seed, folds) for seed in seeds] for name in config.variants
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
        stored, trained = _cost_parts(name, entry)
        files = _read_row(results, name, seeds, split, first, folds)
        rows.append(
            Row(
                name=name,
                title=entry.title,
                model=FUSION if isinstance(entry, Fusion) else entry.model,
                labels=first.labels[known],
                probabilities=np.stack([one.probabilities[known] for one in files]),
                parameters=sum(int(runs[part][0][0]["parameters"]) for part in stored),
                seconds=tuple(
                    sum(float(run["train_seconds"]) for member in of_seed for run in member)
                    for of_seed in zip(*(runs[part] for part in trained), strict=True)
                ),
                members=_members(files),
            )
        )
    every = [run for of_variant in runs.values() for of_seed in of_variant for run in of_seed]
    by_top1 = [_kept_best_top1(run) for run in every if run.get("epochs") != []]
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
        imbalance=config.imbalance,
        clip_ids=tuple(np.array(first.clip_ids)[known].tolist()),
    )


def _cost_parts(name: str, entry: ShownVariant | Fusion) -> tuple[list[str], list[str]]:
    """Trainings whose parameters a row consists of, and those whose time it takes."""
    if isinstance(entry, Fusion):
        return [*entry.members], [*entry.members]
    sources = entry.sources or []
    return (
        [*(sources if entry.backbones == "frozen" else []), name],
        [*(sources if entry.backbones != "joint" else []), name],
    )


def files_read(config: Shown, results: str | Path) -> list[Path]:
    """The predictions, metrics and times that `load_evaluation` goes back to."""
    results = Path(results)
    rows, folds = [*config.variants, *config.fusions], config.folds
    read = []
    for seed in sorted(config.seeds):
        # what lies there of another number of folds was not read
        for split in ["test"] if folds else ["val", "test"]:
            read += [_prediction_path(results, name, seed, split) for name in rows]
    for name in config.variants:
        for run in paths.run_names(config.seeds, folds):
            files = (paths.TRAINING, paths.TIMING)
            read += [results / paths.training(name, run, file) for file in files]
    return sorted(path for path in read if path.is_file())


def _entries(config: Shown) -> dict[str, ShownVariant | Fusion]:
    """Variants, then fusions, by name; refuse a name used twice and a member that is no variant."""
    variants, fusions = config.variants, config.fusions
    for name, fusion in fusions.items():
        if name in variants:
            raise InputError(f"config: {name} names a variant and a fusion; rename one of them")
        unknown = [member for member in fusion.members if member not in variants]
        if unknown:
            raise InputError(
                f"config: fusion {name} has the member {unknown[0]}, which is no variant; "
                f"there are {', '.join(variants)}"
            )
    return {**variants, **fusions}


def _prediction_path(results: Path, name: str, seed: int, split: str) -> Path:
    return results / paths.predictions(name, paths.run_name(seed), split)


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
    """Weights and temperatures of a fusion's files, pooled or not, that state fitted ones."""
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
            given=runs[0].get("weights") == "config",
        )
        for each in of_member
    )


def _train_counts(
    summary: Mapping[str, Any], classes: Sequence[str], config: Shown
) -> np.ndarray | None:
    """Clips of each class to learn from; folds train on all splits in turn. None: not recorded."""
    splits = summary.get("splits", {})
    counts = np.zeros(len(classes), dtype=np.int64)
    for split in splits if config.folds else ["train"]:
        of_split = splits.get(split, {}).get("clips_per_class", {})
        counts += np.array([of_split.get(name, 0) for name in classes], dtype=np.int64)
    if not counts.sum():
        return None
    ratio = config.imbalance
    return counts if ratio is None else long_tailed_counts(counts, ratio)


def _read_runs(results: Path, name: str, seed: int, folds: int | None) -> list[dict[str, Any]]:
    """Metrics of the one run of a seed, or of each of its folds."""
    return [_read_metrics(results, name, run) for run in paths.run_names([seed], folds)]


def _read_metrics(results: Path, name: str, run: str) -> dict[str, Any]:
    """Read a run's ``metrics.json`` and, where time is kept apart, its ``timing.json``."""
    path = results / paths.training(name, run, paths.TRAINING)
    # Times differ from run to run; kept apart, they do not change the hash of what was learned.
    timing = results / paths.training(name, run, paths.TIMING)
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
