"""Table, page, figures and submission of the emotion part."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data import paths
from microgesture.data.clip_file import Records
from microgesture.data_report import faces
from microgesture.emotion.interviews import NAMES, UNKNOWN, Interview
from microgesture.emotion.results import (
    Judged,
    Said,
    check_leak,
    judge,
    predictions_table,
    said_of,
)
from microgesture.emotion.rows import ROWS
from microgesture.emotion.scores import adjusted, calibration_bins, sigmoid
from microgesture.emotion.statistics import Gestures
from microgesture.emotion.tables import (
    balanced,
    choices,
    findings,
    legend,
    pair_table,
    prior_table,
    score_table,
)
from microgesture.report.emotion import write_table
from microgesture.report.page import write_emotion_page
from microgesture.settings.emotion import EmotionReportStep
from microgesture.utils.files import write_text
from microgesture.video.pictures import pictures_of, told_of, warnings
from microgesture.viz import emotion as plots

FRAMES = 5
"""Windows of a timeline whose frames are shown."""
RELIABLE = ("face", "context", "gestures_linear", "late_fitted", "concat", "interfusion")


@dataclass(frozen=True)
class Found:
    """All that the report is made of."""

    config: EmotionReportStep
    interviews: list[Interview]
    fits: Mapping[str, Mapping[str, Any]]
    records: Records
    manifest: Mapping[str, Any]
    gestures: Mapping[str, Gestures]
    classes: Sequence[str]


def content(found: Found, figures: Path) -> tuple[dict[str, Any], list[Judged]]:
    """What table and page show, and the scores; figures are drawn into a folder."""
    config = found.config
    across = [one for one in found.interviews if one.fold is not None]
    test = [one for one in found.interviews if one.fold is None]
    judged = []
    titles = {"Cross-validation": across, "Split test": test}
    for title, some in titles.items():
        one = judge(found.fits, some, title, float(config.prior), config.permutations)
        if one is not None:
            judged.append(one)
    leak = check_leak(found.interviews)
    made = {
        "name": config.data_name,
        "generated": config.generated,
        "findings": findings(judged, leak, config, found.interviews),
        "parts": [_part(one, config, figures) for one in judged],
        "legend": legend(config),
        "choices": choices(found.fits),
        "gestures": "labelled" if config.gestures == "labels" else "recognised",
        "timelines": _timelines(found, figures),
        "faces": _faces(found, figures),
    }
    return made, judged


def _part(judged: Judged, config: EmotionReportStep, figures: Path) -> dict[str, Any]:
    """Tables and figures over one set of recordings."""
    labels, people = judged.labels, {one.subject for one in judged.interviews}
    about = (
        f"{len(labels)} recordings of {len(people)} people, {int(labels.sum())} won and "
        f"{int((1 - labels).sum())} lost."
    )
    key = judged.title.split()[-1].lower()
    lines = [
        plots.Line(ROWS[row], *(100 * value for value in (balanced(judged, row), *both)))
        for row in ROWS
        for both in [judged.intervals[row]["balanced_prior"]]
    ]
    plots.plot_scores(lines, figures / f"scores-{key}.png", "balanced accuracy, %")
    plots.plot_reliability(
        {ROWS[row]: _bins(judged.said[row], labels, float(config.prior)) for row in RELIABLE},
        figures / f"reliability-{key}.png",
    )
    return {
        "title": judged.title,
        "about": about,
        "scores": score_table(judged),
        "prior": prior_table(judged),
        "pairs": pair_table(judged),
        "figures": [
            {
                "path": figures / f"scores-{key}.png",
                "alt": f"Balanced accuracy of every row, {judged.title}",
                "caption": "Balanced accuracy after the adjustment, with 95 % intervals over "
                "people. The dashed line is chance.",
            },
            {
                "path": figures / f"reliability-{key}.png",
                "alt": f"Reliability diagrams, {judged.title}",
                "caption": "How many were won of those with a probability, after the adjustment, "
                "in bins of as many recordings. On the dashed line it can be believed.",
            },
        ],
    }


def _bins(
    said: Said, labels: np.ndarray, prior: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bins = calibration_bins(sigmoid(adjusted(said.logits, said.priors, prior)), labels)
    return bins.told, bins.won, bins.count


def _timelines(found: Found, figures: Path) -> list[dict[str, Any]]:
    """The recordings that InterFusion is surest of, right and wrong ones in turn."""
    said = said_of(found.fits, "interfusion", found.interviews)
    logits = adjusted(said.logits, said.priors, float(found.config.prior))
    known = [n for n, one in enumerate(found.interviews) if one.label != UNKNOWN]
    right = [n for n in known if (logits[n] > 0) == (found.interviews[n].label == 1)]
    wrong = [n for n in known if n not in set(right)]
    ranked = [sorted(some, key=lambda n: -abs(logits[n])) for some in (right, wrong)]
    chosen = [n for pair in zip(*ranked, strict=False) for n in pair][: found.config.shown]
    chosen += [n for n in ranked[0] if n not in chosen][: found.config.shown - len(chosen)]
    made = []
    for n in chosen:
        one = found.interviews[n]
        path = figures / f"timeline-{one.id}.png"
        probability = float(sigmoid(logits[n : n + 1])[0])
        title = (
            f"{one.id}, {one.subject}: {NAMES[one.label].lower()}, told {probability:.2f} for a win"
        )
        plots.plot_timeline(_timeline(found, one, title), path)
        made.append({"path": path, "alt": f"Timeline of recording {one.id}", "caption": title})
    return made


def _timeline(found: Found, one: Interview, title: str) -> plots.Timeline:
    part = "all" if one.fold is None else f"fold{one.fold}"
    attention = np.array(found.fits[part]["interfusion"]["attention"][one.id])
    row = found.records.index["clip_id"].tolist().index(one.recording)
    told, about = told_of(found.records, row), found.manifest["recordings"][one.recording]
    fps, length = about["fps"], float(found.manifest["windows"]["seconds"])
    windows = np.flatnonzero(
        (told.start >= one.start) & (told.start <= (np.inf if one.end is None else one.end))
    )
    most = np.sort(np.argsort(-attention, kind="stable")[:FRAMES])
    frames = []
    for place in most:
        shown = pictures_of(found.records, row, "context", int(windows[place]))
        frames.append((float(told.start[windows[place]] / fps), shown[len(shown) // 2]))
    seen = found.gestures.get(one.recording)
    spans = []
    if seen is not None:
        for start, end, probabilities in zip(seen.start, seen.end, seen.probabilities, strict=True):
            spans.append((start / fps, end / fps, found.classes[int(probabilities.argmax())]))
    seconds = about["frames"] / fps
    return plots.Timeline(
        title, seconds, told.start[windows] / fps, length, attention, frames, spans
    )


def _faces(found: Found, figures: Path) -> dict[str, Any]:
    """The contact sheet and what is to be said of it."""
    path = figures / "faces.png"
    faces.face_sheet(found.records, found.manifest, path)
    about = f"{faces.facts(found.manifest)} {faces.LEGEND}"
    return {"path": path, "about": about, "notes": warnings(found.manifest)}


def submission(found: Found) -> str:
    """The challenge's file: one line for each recording of split test."""
    own = found.config.submission
    test = [one for one in found.interviews if one.split == "test"]
    said = said_of(found.fits, own.row, test) if test else None
    lines = [",".join(own.header)]
    if said is not None:
        probabilities = sigmoid(adjusted(said.logits, said.priors, float(found.config.prior)))
        for one, p in zip(test, probabilities, strict=True):
            told = f"{p:.6f}" if own.probability else (own.win if p > 0.5 else own.lose)
            lines.append(f"{one.id},{told}")
    return "\n".join(lines) + "\n"


def write_results(found: Found, out: Path) -> None:
    """Write everything into a results folder; the folder of figures is made anew."""
    figures = out / paths.EMOTION_FIGURES
    shutil.rmtree(figures, ignore_errors=True)
    made, judged = content(found, figures)
    write_table(out / paths.EMOTION_TABLE, made)
    write_emotion_page(out / paths.EMOTION_PAGE, **made)
    rows = [
        {"set": one.title, "row": row, **one.scores[row], "p": one.p[row]}
        for one in judged
        for row in ROWS
    ]
    options: dict[str, Any] = {"index": False, "lineterminator": "\n"}
    table = pd.DataFrame(rows).to_csv(float_format="%.6f", **options)
    write_text(out / paths.EMOTION_TABLE_CSV, table)
    told = predictions_table(found.fits, found.interviews, float(found.config.prior))
    text = told.to_csv(float_format="%.6f", **options)
    write_text(out / paths.EMOTION_PREDICTIONS, text)
    write_text(out / paths.EMOTION_SUBMISSION, submission(found))
