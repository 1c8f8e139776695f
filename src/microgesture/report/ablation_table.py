"""The ablation table, as Markdown to read and as CSV to compute with."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgesture.evaluation.claims import Claim
from microgesture.evaluation.metrics import METRICS
from microgesture.evaluation.rows import HEADINGS, SPLITS, Evaluation, Row
from microgesture.report.findings import findings
from microgesture.report.notes import claims_legend, notes, tail_legend
from microgesture.report.render import render
from microgesture.settings.results import TableStep
from microgesture.utils.text import (
    human_count,
    human_time,
    mean_and_spread,
    p_text,
    signed,
)

FIGURES = (
    ("ablation.png", "Top-1 accuracy of every row, one dot a seed"),
    ("per_class_recall.png", "Recall of each class, most frequent first"),
    ("confusion.png", "What each class is taken for"),
)

_LEAST_BEST = ("ece", "nll")
_DIGITS = {"nll": 2}
_TAIL_COLUMNS = ("head", "middle", "tail", "ece", "nll")


def markdown(
    evaluation: Evaluation,
    claims: Sequence[Claim],
    config: TableStep,
    summary: Mapping[str, Any],
) -> str:
    """Write the whole page: what was found, the data, the table, claims, notes and figures.

    Parameters
    ----------
    evaluation, claims
        What was measured.
    config
        A ``data_format`` of "synthetic" puts a warning on top.
    summary
        Summary of the skeleton stage: ``subject_overlap``, "train+val" or "train-val" -> shared
        subjects (a pair not named shares none), and ``subject_is_video``.

    """
    return render(
        "ablation_table.md",
        generated=config.generated,
        findings=findings(evaluation, claims, config, summary),
        measured=_measured_on(evaluation, config),
        scores=_rows_table(evaluation, score_table(evaluation)),
        claims=_claims(evaluation, claims),
        claims_legend=claims_legend(evaluation, claims) if claims else "",
        tail=_rows_table(evaluation, tail_table(evaluation)),
        tail_legend=tail_legend(evaluation),
        fusions=_fusions(evaluation),
        notes=notes(evaluation, config, summary),
        figures=FIGURES,
        classes=_classes(evaluation),
    )


def csv_text(evaluation: Evaluation) -> str:
    """One line a row: scores and calibration error in percent, likelihood, time in seconds.

    Each has a mean and a standard deviation, that of a sample (ddof = 1); a single seed leaves the
    latter empty. Recall of head, middle and tail is empty where there is no such class. Of the
    seeds' mean probabilities there is one top-1.
    """
    numbers = [*METRICS, *_TAIL_COLUMNS]
    columns = [f"{name}_{what}" for name in numbers for what in ("mean", "std")]
    head = ["variant", "title", "model", "split", "clips", "seeds", "folds", *columns]
    head += ["top1_ensemble", "parameters"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, "train_seconds_mean", "train_seconds_std"])
    for row in evaluation.rows:
        scores = _values(evaluation, row)
        values = [part for name in numbers for part in _mean_std(scores[name], 4)]
        about = [row.name, row.title, row.model, evaluation.split, len(evaluation.labels)]
        seconds = _mean_std(np.array(row.seconds), 2)
        runs = [len(evaluation.seeds), evaluation.folds]
        ensemble = f"{row.ensemble:.4f}"
        writer.writerow([*about, *runs, *values, ensemble, row.parameters, *seconds])
    return out.getvalue()


def claims_csv(evaluation: Evaluation, claims: Sequence[Claim]) -> str:
    """One line a comparison and seed: interval and verdict, and what McNemar's test counted.

    What is not of a seed stands in each of a comparison's lines; the verdict is the claim's.
    ``p_interval`` and ``p_holm`` belong to the interval, ``p`` and ``p_of_seed`` are McNemar's.
    """
    head = ["claim", "better", "worse", "metric", "points", "low", "high", "p_interval", "p_holm"]
    head += ["lacking", "p", "comparison", "verdict", "seed", "only_better", "only_worse"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, "p_of_seed"])
    for claim in claims:
        for one in claim.comparisons:
            points = [f"{value:.4f}" for value in (one.difference, one.low, one.high)]
            p_values = [
                "" if p is None else f"{p:.6g}" for p in (one.p_interval, one.p_holm, one.p)
            ]
            about = [claim.text, one.better, one.worse, one.metric, *points, *p_values[:2]]
            about += [" and ".join(one.lacking), p_values[2], one.verdict]
            for place, seed in enumerate(evaluation.seeds):
                tested = ["", "", ""]
                if one.p_values:
                    counts = map(str, one.discordant[place])
                    tested = [*counts, f"{one.p_values[place]:.6g}"]
                writer.writerow([*about, claim.verdict, seed, *tested])
    return out.getvalue()


def _mean_std(values: np.ndarray, digits: int) -> list[str]:
    if np.isnan(values).any():
        return ["", ""]
    spread = f"{values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return [f"{values.mean():.{digits}f}", spread]


def _measured_on(evaluation: Evaluation, config: TableStep) -> dict[str, Any]:
    """What the line on the data states."""
    return {
        "name": config.data_name or config.data_format,
        "clips": len(evaluation.labels),
        "split": SPLITS[evaluation.split],
        "classes": len(evaluation.classes),
        "present": int((evaluation.counts > 0).sum()),
        "subjects": len(np.unique(evaluation.subjects)),
        "folds": evaluation.folds,
        "seeds": evaluation.seeds,
        "chance": f"{evaluation.chance:.1f}",
    }


def _values(evaluation: Evaluation, row: Row) -> dict[str, np.ndarray]:
    """Everything that is measured on a row's predictions, by column -> S values."""
    # A group's recall is NaN, and its cell empty, where no class belongs to it.
    none = np.full(len(evaluation.seeds), np.nan)
    groups = dict.fromkeys(("head", "middle", "tail"), none) | evaluation.group_recalls(row)
    return {**row.scores, **groups, **row.calibration}


def _score_columns(
    evaluation: Evaluation, names: Sequence[str]
) -> tuple[list[list[str]], list[list[bool]]]:
    """Cells of each column and whether they are its best; equal in print means equally good."""
    columns, best = [], []
    every = [_values(evaluation, row) for row in evaluation.rows]
    for name in names:
        digits, choose = _DIGITS.get(name, 1), min if name in _LEAST_BEST else max
        values = [of_row[name] for of_row in every]
        empty = bool(np.isnan(values).any())
        columns.append(["–" if empty else mean_and_spread(one, digits) for one in values])
        shown = [round(float(one.mean()), digits) for one in values]
        best.append(_stand_out([not empty and one == choose(shown) for one in shown]))
    return columns, best


def _stand_out(best: list[bool]) -> list[bool]:
    """Which rows are best of a column; none where all are alike, or there is only one."""
    return [one and not all(best) for one in best]


@dataclass(frozen=True)
class Columns:
    """A table of one line a row of the ablation: headings, cells and whether these are best.

    ``cells`` and ``best`` are lists by column, then row; where all rows of a column are equal in
    print, none is best.
    """

    head: list[str]
    cells: list[list[str]]
    best: list[list[bool]]


def score_table(evaluation: Evaluation) -> Columns:
    """Accuracy of every row, its parameters and training time."""
    # Five guesses among five classes are always right: no column of its own.
    names = [name for name in METRICS if name != "top5" or len(evaluation.classes) > 5]
    columns, best = _score_columns(evaluation, names)
    head = [HEADINGS[name] for name in names]
    if len(evaluation.seeds) > 1:
        shown = [f"{row.ensemble:.1f}" for row in evaluation.rows]
        columns.append(shown)
        best.append(_stand_out([float(one) == max(map(float, shown)) for one in shown]))
        head.append("Ensemble")
    parameters = [row.parameters for row in evaluation.rows]
    seconds = [round(float(np.mean(row.seconds))) for row in evaluation.rows]
    for numbers, shorten in ((parameters, human_count), (seconds, human_time)):
        shown = [shorten(one) for one in numbers]
        columns.append(shown)
        best.append(_stand_out([one == shown[int(np.argmin(numbers))] for one in shown]))
    return Columns([*head, "Params", "Train time"], columns, best)


def tail_table(evaluation: Evaluation) -> Columns:
    """Recall of head, middle and tail, and calibration of every row."""
    names = [name for name in _TAIL_COLUMNS if name in evaluation.groups or name in _LEAST_BEST]
    return Columns([HEADINGS[name] for name in names], *_score_columns(evaluation, names))


@dataclass(frozen=True)
class ClaimLine:
    """A comparison in words; ``first`` of its claim, whose text and verdict it bears."""

    first: bool
    text: str
    verdict: str
    pair: str
    score: str
    points: str
    interval: str
    p_holm: str
    p: str
    needed: str


def claim_lines(evaluation: Evaluation, claims: Sequence[Claim]) -> list[ClaimLine]:
    """One line a comparison, those of a claim together."""
    return [
        ClaimLine(
            first=not place,
            text=claim.text,
            verdict=claim.verdict,
            pair=f"{evaluation.row(one.better).title} − {evaluation.row(one.worse).title}",
            score=HEADINGS[one.metric],
            points=signed(one.difference),
            interval=f"{signed(one.low)} to {signed(one.high)}",
            p_holm=p_text(one.p_holm),
            p=p_text(one.p),
            needed=f"more {' and '.join(one.lacking)}" if one.lacking else "",
        )
        for claim in claims
        for place, one in enumerate(claim.comparisons)
    ]


def _rows_table(evaluation: Evaluation, table: Columns) -> dict[str, Any]:
    """Headings, and one line a row of the ablation, the best in bold."""
    lines = [
        [
            row.title,
            *(
                f"**{cells[place]}**" if marks[place] else cells[place]
                for cells, marks in zip(table.cells, table.best, strict=True)
            ),
        ]
        for place, row in enumerate(evaluation.rows)
    ]
    return {"head": ["Variant", *table.head], "lines": lines, "align": "l" + "r" * len(table.head)}


def _claims(evaluation: Evaluation, claims: Sequence[Claim]) -> list[list[str]]:
    """Cells of every comparison; its claim and verdict stand in the first line of several."""
    return [
        [
            one.text if one.first else "",
            one.pair,
            one.score,
            one.points,
            one.interval,
            one.p_holm,
            one.p,
            one.verdict if one.first else "",
            one.needed,
        ]
        for one in claim_lines(evaluation, claims)
    ]


def _fusions(evaluation: Evaluation) -> list[list[str]]:
    """Cells of each fusion that found weights or temperatures on validation, a line a member."""
    return [
        [
            "" if place else row.title,
            evaluation.row(one.name).title,
            f"{one.weights[0]:.2f} (given)" if one.given else mean_and_spread(one.weights, 2),
            "–" if one.temperatures is None else mean_and_spread(one.temperatures, 2),
        ]
        for row in evaluation.rows
        for place, one in enumerate(row.members)
    ]


def _classes(evaluation: Evaluation) -> list[list[str]]:
    """Number, name and clips of each class."""
    named = zip(evaluation.classes, evaluation.counts, strict=True)
    return [[str(number), name, f"{count:,}"] for number, (name, count) in enumerate(named)]
