"""Model cards: what a trained model is, what it was trained on, how good it is, and its limits."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data import paths
from microgesture.data.classes import UNKNOWN
from microgesture.data.long_tail import long_tailed_counts
from microgesture.evaluation.claims import MIN_SUBJECTS, sampled_groups
from microgesture.evaluation.metrics import METRICS
from microgesture.evaluation.paired import left_out_scores, variance_parts
from microgesture.evaluation.predictions import Predictions, read_predictions
from microgesture.evaluation.rows import HEADINGS, SPLITS, Row
from microgesture.report.render import render
from microgesture.settings.models import MODEL_NAMES
from microgesture.settings.results import CardsStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json, sha256, write_text
from microgesture.utils.text import human_count

_MEASURED = ("val", "test")
_DAMAGE = {
    "none": "none",
    "drop": "points lost, share of all",
    "jitter": "points moved, std in shoulder widths",
    "occlude": "a body part hidden, share of the frames",
    "detector": "another detector, simulated, severity",
    "video_drop": "frames of video lost, share of all",
    "video_blur": "video blurred, std in sides of the crop",
    "video_darken": "video darkened, share of the light",
    "video_occlude": "a square of the picture hidden, share of its area",
    "video_shift": "video ahead of the skeletons, frames",
}


@dataclass(frozen=True)
class _Split:
    """Clips of a split and, as a row of one run, what the model says of those with a label."""

    clips: int
    subjects: frozenset[str]
    row: Row | None
    subject_of: np.ndarray


def card_paths(config: CardsStep, results: Path) -> list[Path]:
    """Where the cards of all trained models go."""
    runs = paths.run_names(config.seeds, config.folds)
    return [
        results / paths.training(variant, run, "card.md")
        for variant in config.variants
        for run in runs
    ]


def files_read(config: CardsStep, results: Path) -> list[Path]:
    """What `write_cards` reads below the results folder."""
    read = []
    for folder in (path.parent for path in card_paths(config, results)):
        variant, run = folder.parts[-2:]
        read += [folder / name for name in ("model.safetensors", "metrics.json")]
        read += [_predicted(results, variant, run, split) for split in _MEASURED]
        read += filter(Path.is_file, [_damaged(config, results, variant, run)])
    return read


def write_cards(
    config: CardsStep, results: Path, classes: list[str], summary: Mapping[str, Any]
) -> list[Path]:
    """Write a card beside every trained model.

    Parameters
    ----------
    config : CardsStep
    results : Path
        Folder with ``train/``, ``predict/`` and, where it is asked for, ``robustness/``.
    classes : list of str
        K names.
    summary : mapping
        Summary of the skeleton step.

    Returns
    -------
    list of Path
        The cards, each ``train/<variant>/<run>/card.md``.

    Raises
    ------
    InputError
        When a model or its predictions are missing.

    """
    written = card_paths(config, results)
    for path in written:
        write_text(path, card(config, results, path.parent, classes, summary))
    return written


def card(
    config: CardsStep,
    results: Path,
    folder: Path,
    classes: list[str],
    summary: Mapping[str, Any],
) -> str:
    """The card of the model in ``folder``, in Markdown; see `write_cards`."""
    variant, run = folder.parts[-2:]
    for name in ("model.safetensors", "metrics.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: is not there; train the variant")
    metrics = read_json(folder / "metrics.json")
    splits = {
        split: _read(_predicted(results, variant, run, split), variant, classes)
        for split in _MEASURED
    }
    measured = {split: one for split, one in splits.items() if one.row is not None}
    trained = _trained_on(config, summary, splits, classes)
    return render(
        "cards/card.md",
        title=" ".join(config.variants[variant].title.split()),
        run=run,
        file=f"train/{variant}/{run}/model.safetensors",
        sha256=sha256(folder / "model.safetensors"),
        network=MODEL_NAMES.get(metrics["config"]["model"], metrics["config"]["model"]),
        parameters=human_count(metrics["parameters"]),
        settings=metrics["config"],
        best_epoch=metrics["best_epoch"],
        precision=metrics.get("precision"),
        pretrained=metrics.get("pretrained"),
        unlabelled=[SPLITS[split] for split in config.variants[variant].unlabelled],
        versions=metrics.get("code_version") or {},
        recipe=_recipe(metrics["config"]),
        data=metrics.get("data"),
        data_name=config.data_name,
        generated=config.generated,
        licence=config.data_licence,
        people=[[SPLITS[split], *counts] for split, counts in trained["people"].items()],
        by_video=bool(summary.get("subject_is_video")),
        folds=config.folds,
        imbalance=config.imbalance,
        shared=trained["shared"],
        classes=classes,
        scores=[[SPLITS[split], *_scores(one)] for split, one in measured.items()],
        score_names=[HEADINGS[name] for name in METRICS],
        few={SPLITS[split]: len(one.subjects) for split, one in measured.items()
             if len(one.subjects) < MIN_SUBJECTS},
        min_subjects=MIN_SUBJECTS,
        measured=[SPLITS[split] for split in measured],
        recalls=_recalls(measured, trained["clips"], classes),
        never=_never(measured, classes),
        damage=_robustness(config, results, variant, run),
    )  # fmt: skip


def _predicted(results: Path, variant: str, run: str, split: str) -> Path:
    return results / paths.predictions(variant, run, split)


def _damaged(config: CardsStep, results: Path, variant: str, run: str) -> Path:
    """Robustness of a run; of those that are not asked for it may lie there from before."""
    asked = config.robustness
    measured = paths.run_names(sorted(config.seeds)[:1], config.folds)
    if asked and (asked.runs == "all" or run in measured):
        return results / paths.robustness(variant, run)
    return results / "robustness" / "not measured"


def _read(path: Path, variant: str, classes: list[str]) -> _Split:
    """Predictions of one split as a row of one run."""
    if not path.is_file():
        raise InputError(f"{path}: is not there; predict the clips first")
    read: Predictions = read_predictions(path)
    if read.probabilities.shape[1] != len(classes):
        raise InputError(
            f"{path}: has {read.probabilities.shape[1]} classes, the list of classes has "
            f"{len(classes)}; use the list that the model was trained with"
        )
    known = read.labels != UNKNOWN
    subjects = np.array(read.subjects)
    row = None
    if known.any():
        shares = read.probabilities[known][None]
        row = Row(variant, variant, "", read.labels[known], shares, 0, (0.0,))
    return _Split(len(known), frozenset(read.subjects), row, subjects[known])


def _trained_on(
    config: CardsStep,
    summary: Mapping[str, Any],
    splits: Mapping[str, _Split],
    classes: list[str],
) -> dict[str, Any]:
    """People and clips of each split, training clips of each class, and people in two splits."""
    stated = summary["splits"]
    if config.folds:
        everybody = {one for of in stated.values() for one in of["subjects"]}
        others = everybody - splits["val"].subjects - splits["test"].subjects
        total = sum(of["clips"] for of in stated.values())
        clips = {"train": total - splits["val"].clips - splits["test"].clips}
        people = {"train": len(others)}
        per_class = None  # of one fold they are not recorded
        shared: list[str] = []
    else:
        counts = np.array([stated["train"]["clips_per_class"].get(one, 0) for one in classes])
        ratio = config.imbalance
        per_class = counts if ratio is None else long_tailed_counts(counts, ratio)
        clips = {"train": int(per_class.sum())}
        people = {"train": len(stated["train"]["subjects"])}
        trained = set(stated["train"]["subjects"])
        shared = [SPLITS[split] for split, one in splits.items() if trained & one.subjects]
    clips |= {split: one.clips for split, one in splits.items()}
    people |= {split: len(one.subjects) for split, one in splits.items()}
    return {
        "people": {split: [f"{people[split]:,}", f"{clips[split]:,}"] for split in clips},
        "clips": per_class,
        "shared": shared,
    }


def _recipe(settings: Mapping[str, Any]) -> list[list[str]]:
    """Settings of network and training, one a line."""
    lines = [[f"network.{key}", str(value)] for key, value in settings["network"].items()]
    for section in ("training", "augment"):  # trees have neither
        of = settings.get(section, {})
        lines += [[f"{section}.{key}", str(value)] for key, value in of.items()]
    return lines


def _scores(split: _Split) -> list[str]:
    """Each score with its interval over people, then calibration error and likelihood."""
    row = split.row
    assert row is not None
    groups, _ = sampled_groups(split.subject_of)
    sizes = np.bincount(groups)
    cells = []
    for name in METRICS:
        score = row.scores[name]
        # top-5 is a share of clips as top-1 is, but is not worked out by groups
        half = np.nan
        if name != "top5" and len(sizes) > 1:
            left_out = left_out_scores(row, name, groups)
            half = float(variance_parts(score, left_out, sizes).half_width())
        if np.isnan(half):
            cells.append(f"{score[0]:.1f}")
        else:
            low, high = max(score[0] - half, 0.0), min(score[0] + half, 100.0)
            cells.append(f"{score[0]:.1f} ({low:.1f} to {high:.1f})")
    calibration = row.calibration
    return [*cells, f"{calibration['ece'][0]:.1f}", f"{calibration['nll'][0]:.2f}"]


def _recalls(
    measured: Mapping[str, _Split], trained: np.ndarray | None, classes: list[str]
) -> list[list[str]]:
    """Training clips of each class and, of each measured split, its clips and recall."""
    lines = []
    for k, name in enumerate(classes):
        line = [name, "–" if trained is None else f"{trained[k]:,}"]
        for split in measured.values():
            row = split.row
            assert row is not None
            clips = int((row.labels == k).sum())
            line += [f"{clips:,}", f"{100 * row.recall[k]:.1f}" if clips else "–"]
        lines.append(line)
    return lines


def _never(measured: Mapping[str, _Split], classes: list[str]) -> list[str]:
    """Classes that the last of the splits has clips of, none of which is recognised."""
    rows = [split.row for split in measured.values() if split.row is not None]
    if not rows:
        return []
    recall = rows[-1].recall
    return [name for k, name in enumerate(classes) if recall[k] == 0]


def _robustness(config: CardsStep, results: Path, variant: str, run: str) -> list[list[str]] | None:
    """Top-1 and mean class accuracy by damage; None where it was not measured for this run."""
    path = _damaged(config, results, variant, run)
    if not path.is_file():
        return None
    with open(path, encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    return [
        [
            _DAMAGE.get(one["kind"], one["kind"]),
            "" if one["kind"] == "none" else f"{float(one['level']):g}",
            *(f"{100 * float(one[name]):.1f}" for name in ("top1", "mean_class")),
        ]
        for one in lines
    ]
