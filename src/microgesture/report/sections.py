"""The parts of the page; each draws its figures, and is None where there is nothing to show.

A part's template is ``templates/page/<anchor>.html``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data import paths
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import layout_points
from microgesture.data.store import SPLITS as SPLIT_NAMES
from microgesture.data.store import iter_store, read_metadata
from microgesture.evaluation.calibration import BINS
from microgesture.evaluation.rows import SPLITS, Row
from microgesture.report import alt_texts
from microgesture.report.ablation_table import Columns, claim_lines, score_table, tail_table
from microgesture.report.material import (
    Material,
    data_warnings,
    layout_for,
    read_clips,
    read_crops,
    recorded,
)
from microgesture.report.notes import claims_legend, notes, tail_legend
from microgesture.utils.errors import InputError
from microgesture.utils.text import mean_and_spread
from microgesture.viz import clips as pictures
from microgesture.viz import comparisons as plots

ERRORS = 8
_LISTED = 300  # errors in words, of which a large test split has thousands
_MOST_PANELS = 12
_POSE_CLIPS = 200  # enough for a median; a store may hold a hundred times as many
_DATA_FIGURES = ("classes.png", "lengths.png", "missing.png", "skeletons-1.png", "video.png")


@dataclass(frozen=True)
class Section:
    """A part of the page: anchor, title, and what its template shows."""

    anchor: str
    title: str
    content: Mapping[str, Any]


def table_section(material: Material, folder: Path) -> Section:
    """The ablation table, its figure, and what a reader must know before believing it."""
    evaluation = material.evaluation
    content = {
        "scores": _ablation(material, score_table(evaluation)),
        "submission": material.config.submission,
        "several": len(material.evaluation.seeds) > 1,
        "figure": _existing(material, "ablation.png"),
        "alt": alt_texts.ablation(evaluation),
        "notes": notes(evaluation, material.config, material.summary),
    }
    return Section("table", "Ablation", content)


def claims_section(material: Material, folder: Path) -> Section | None:
    """Every claim with its difference, interval and verdict."""
    if not material.claims:
        return None
    path = folder / "claims.png"
    plots.plot_claims(material.evaluation, material.claims, path, material.generated)
    content = {
        "figure": path,
        "verdicts": [(claim.text, claim.verdict) for claim in material.claims],
        "lines": claim_lines(material.evaluation, material.claims),
        "legend": claims_legend(material.evaluation, material.claims),
    }
    return Section("claims", "Claims", content)


def training_section(material: Material, folder: Path) -> Section | None:
    """Accuracy and loss of all networks' trainings by epoch."""
    titles = {name: variant.title for name, variant in material.config.variants.items()}
    runs = {
        titles[name]: list(of.values())
        for name, of in material.runs.items()
        if all(one["epochs"] for one in of.values())
    }
    if not runs:
        return None
    figures = []
    for what, name in (("top1", "Top-1"), ("loss", "Loss")):
        path = folder / f"training_{what}.png"
        plots.plot_courses(runs, what, path, material.generated)
        figures.append((name, path, alt_texts.courses(runs, what)))
    return Section("training", "Training", {"figures": figures})


def classes_section(material: Material, folder: Path) -> Section:
    """Recall of each class, by how often it occurs in training."""
    evaluation = material.evaluation
    by_training_clips = evaluation.train_counts is not None and not evaluation.folds
    order = "training clips" if by_training_clips else "clips"
    content = {
        "figure": _existing(material, "per_class_recall.png"),
        "alt": alt_texts.recalls(evaluation, material.shown, order),
        "order": order,
        "grouped": bool(evaluation.groups),
        "folds": evaluation.folds,
        "tail": _ablation(material, tail_table(evaluation)),
        "legend": tail_legend(evaluation),
        "shown": material.shown.title,
        "recalls": _recalls(material),
    }
    return Section("classes", "Classes, frequent to rare", content)


def confusion_section(material: Material, folder: Path) -> Section:
    """What each class is taken for."""
    pairs = _confused_pairs(material.shown, material.evaluation.classes)
    content = {
        "figure": _existing(material, "confusion.png"),
        "alt": alt_texts.confusion(material.shown, pairs),
        "shown": material.shown.title,
        "pairs": pairs,
    }
    return Section("confusion", "Confusion", content)


def calibration_section(material: Material, folder: Path) -> Section:
    """Whether a probability may be believed."""
    rows = [material.shown, *material.members]
    if len(material.evaluation.rows) <= _MOST_PANELS:
        rows = list(material.evaluation.rows)
    path = folder / "reliability.png"
    plots.plot_reliability(material.evaluation, rows, path, material.generated)
    content = {
        "figure": path,
        "rows": len(rows),
        "shown": material.shown.title,
        "error": mean_and_spread(material.shown.calibration["ece"]),
        "bins": BINS,
        "drawn_bins": plots.DRAWN_BINS,
    }
    return Section("calibration", "Calibration", content)


def robustness_section(material: Material, folder: Path) -> Section | None:
    """Accuracy under damage."""
    if material.robustness is None or (material.robustness.kind == "none").all():
        return None
    titles = {name: variant.title for name, variant in material.config.variants.items()}
    path = folder / "robustness.png"
    plots.plot_robustness(material.robustness, titles, path, material.generated)
    runs = int(material.robustness.groupby("variant").run.nunique().max())
    alt = alt_texts.robustness(material.robustness, titles)
    return Section("robustness", "Robustness", {"figure": path, "alt": alt, "runs": runs})


def missing_section(material: Material, folder: Path) -> Section | None:
    """Accuracy of fused variants without one of their sources."""
    measured, variants = material.missing_sources, material.config.variants
    if measured is None:
        return None
    lines = []
    for (variant, missing), of in measured.groupby(["variant", "missing"], sort=False):
        without = variants[str(missing)].title if missing else "nothing"
        scores = [mean_and_spread(100 * pooled) for pooled in _pooled(of)]
        lines.append([variants[str(variant)].title, without, *scores])
    runs = int(measured["run"].nunique())
    return Section("missing", "Missing sources", {"lines": lines, "runs": runs})


def _pooled(measured: pd.DataFrame) -> list[np.ndarray]:
    """Top-1 and mean-class accuracy by seed; those of a seed's folds are averaged by clips."""
    seeds = measured["run"].map(lambda run: paths.run_parts(run)[0])
    return [
        np.array(
            [np.average(one[score], weights=one["clips"]) for _, one in measured.groupby(seeds)]
        )
        for score in ("top1", "mean_class")
    ]


def errors_section(material: Material, folder: Path) -> Section | None:
    """Clips that the shown row got wrong, the most confident first; some of them are drawn."""
    every = pictures.confident_errors(material.shown)
    if not every:
        return None
    evaluation, layout = material.evaluation, layout_for(material)
    drawn = []
    chosen = pictures.one_of_each_pair(every, ERRORS)
    clips = read_clips(material, [evaluation.clip_ids[one.row] for one in chosen])
    for number, one in enumerate(chosen, start=1):
        clip = clips[evaluation.clip_ids[one.row]]
        path = folder / f"error_{number}.png"
        points, crops = layout_points(clip, layout), read_crops(material, clip)
        pictures.plot_strip(points, clip.fps, layout, path, crops)
        drawn.append({"figure": path, **_error(material, one)})
    content = {
        "shown": material.shown.title,
        "seeds": len(evaluation.seeds),
        "total": len(every),
        "classes": sorted({evaluation.classes[k] for one in every for k in (one.true, one.taken)}),
        "errors": drawn,
        "listed": [_error(material, one) for one in every[:_LISTED]],
    }
    return Section("errors", "Most confident errors", content)


def occlusion_section(material: Material, folder: Path) -> Section | None:
    """Which joints, and when, the predictions hang on."""
    if not material.occlusion:
        return None
    source, body_pose = _pose(material)
    variants = []
    for variant, seen in material.occlusion.items():
        layout = pictures.layout_of(seen, material.layouts)
        pose = body_pose[layout.points] if layout and layout.source == source else None
        path = folder / f"occlusion_{variant}.png"
        pictures.plot_occlusion(seen, layout if pose is not None else None, pose, path,
                                material.generated)  # fmt: skip
        classes_path = None
        if layout and pose is not None and seen.by_class:
            classes_path = folder / f"occlusion_{variant}_classes.png"
            pictures.plot_class_bodies(seen, layout, pose, classes_path, material.generated)
        variants.append(
            {
                "title": material.evaluation.row(variant).title,
                "figure": path,
                "body": pose is not None,
                "clips": seen.clips,
                "runs": seen.runs,
                "worst": seen.joints[int(seen.fall.mean(axis=1).argmax())].replace("_", " "),
                "classes_figure": classes_path,
                "classes": list(seen.by_class),
            }
        )
    return Section("occlusion", "What the model looks at", {"variants": variants})


def models_section(material: Material, folder: Path) -> Section:
    """The trained models, each with its card."""
    lines = [
        (row.title, [(run, paths.training(row.name, run, "card.md")) for run in runs])
        for row in material.evaluation.rows
        if (runs := material.runs.get(row.name))
    ]
    return Section("models", "Trained models", {"lines": lines})


def cost_section(material: Material, folder: Path) -> Section:
    """Accuracy against parameters and training time."""
    path = folder / "cost.png"
    plots.plot_cost(material.evaluation, path, material.generated)
    alt = alt_texts.cost(material.evaluation)
    content = {"figure": path, "alt": alt, "devices": material.evaluation.devices}
    return Section("cost", "Cost", content)


def data_section(material: Material, folder: Path) -> Section:
    """What the data set holds."""
    splits = []
    for split in SPLIT_NAMES:
        of = material.summary.get("splits", {}).get(split)
        if of is None:
            continue
        present = sum(count > 0 for count in of["clips_per_class"].values())
        cells = [f"{of['clips']:,}", f"{of['frames']:,}", f"{of['mean_frames']:.1f}"]
        cells += [f"{len(of['subjects']):,}", f"{present} of {len(of['clips_per_class'])}"]
        splits.append([SPLITS[split].capitalize(), *cells])
    drawn = [material.results / paths.DATA_FIGURES / name for name in _DATA_FIGURES]
    content = {
        "splits": splits,
        "warnings": data_warnings(material.results / paths.DATA_REPORT),
        "figures": {path.name: path for path in drawn if path.is_file()},
    }
    return Section("data", "Data", content)


def repeat_section(material: Material, folder: Path) -> Section:
    """Config, seeds, code and versions."""
    config = json.dumps(material.config.given(), indent=2, ensure_ascii=False)
    runs = [one for of in material.runs.values() for one in of.values()]
    facts: dict[str, list[str]] = {"Seeds": [", ".join(map(str, material.evaluation.seeds))]}
    if material.evaluation.folds:
        facts["Folds"] = [f"{material.evaluation.folds}, by subject"]
    for name, label in (("precision", "Precision"), ("data", "Data (SHA-256)")):
        facts[label] = sorted({str(one[name]) for one in runs if one.get(name)})
    versions = {
        f"{name} {version}"
        for one in runs
        for name, version in one.get("code_version", {}).items()
        if name != "code"
    }
    commits, packages = recorded(material)
    facts["Commit"] = commits
    facts["Versions"] = [", ".join(sorted(versions | packages))] if versions | packages else []
    facts["Training code (SHA-256)"] = sorted(
        {one["code_version"]["code"] for one in runs if one.get("code_version", {}).get("code")}
    )
    return Section("repeat", "How to repeat", {"facts": list(facts.items()), "config": config})


def _ablation(material: Material, columns: Columns) -> dict[str, Any]:
    """A table of one line a row of the ablation; each cell with whether it is best."""
    submission = material.config.submission
    lines = [
        {
            "title": row.title,
            "submitted": row.name == submission,
            "cells": [
                (cells[place], best[place])
                for cells, best in zip(columns.cells, columns.best, strict=True)
            ],
        }
        for place, row in enumerate(material.evaluation.rows)
    ]
    return {"head": columns.head, "lines": lines}


def _recalls(material: Material) -> list[list[str]]:
    """Recall of the shown row by class, for those who do not see the figure."""
    evaluation, shown = material.evaluation, material.shown
    trained = evaluation.train_counts
    return [
        [
            name,
            str(trained[k]) if trained is not None else "not recorded",
            str(evaluation.counts[k]),
            f"{100 * shown.recall[k]:.1f}" if evaluation.counts[k] else "no clip",
        ]
        for k, name in enumerate(evaluation.classes)
    ]


def _error(material: Material, one: pictures.ConfidentError) -> dict[str, str]:
    """An error in words."""
    evaluation = material.evaluation
    return {
        "true": evaluation.classes[one.true],
        "taken": evaluation.classes[one.taken],
        "confidence": f"{one.confidence:.0%}",
        "of_true": f"{one.of_true:.0%}",
        "clip": evaluation.clip_ids[one.row],
        "subject": str(evaluation.subjects[one.row]),
    }


def _existing(material: Material, name: str) -> Path:
    """A figure that the figures step has drawn."""
    path = material.results / "figures" / name
    if not path.is_file():
        raise InputError(f"{path}: is not there; run scripts/figures.py first")
    return path


def _confused_pairs(row: Row, classes: list[str], count: int = 5) -> list[dict[str, str]]:
    """The pairs of classes with most errors over all seeds; shares are of the true one's clips."""
    total = row.confusions.sum(axis=0)
    clips = total.sum(axis=1)
    wrong = total * (1 - np.eye(len(total), dtype=int))
    said = []
    for cell in np.argsort(-wrong, axis=None, kind="stable")[:count]:
        true, taken = divmod(int(cell), len(total))
        if wrong[true, taken]:
            share = f"{wrong[true, taken] / clips[true]:.0%}"
            said.append({"true": classes[true], "taken": classes[taken], "share": share})
    return said


def _pose(material: Material) -> tuple[str, np.ndarray]:
    """The pose to draw bodies in, (P, 3), and the order that its points are in."""
    order = KEYPOINT_FORMATS[read_metadata(material.skeletons)["points"]]
    clips = islice(iter_store(material.skeletons), _POSE_CLIPS)
    return order.name, pictures.typical_pose((clip.points for clip in clips), order)
