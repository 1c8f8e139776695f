"""The ablation table, as Markdown to read and as CSV to compute with."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgesture.claims import MIN_SUBJECTS, RESAMPLES, Claim, bootstrap_groups
from microgesture.evaluation import FUSION, Evaluation
from microgesture.metrics import METRICS

FIGURES = (
    ("ablation.png", "Top-1 accuracy of every row, one dot a seed"),
    ("per_class_recall.png", "Recall of each class, most frequent first"),
    ("confusion.png", "What each class is taken for"),
)

_HEADINGS = {
    "top1": "Top-1",
    "top5": "Top-5",
    "mean_class": "Mean class",
    "macro_f1": "Macro F1",
}
_SPLITS = {"test": "test", "val": "validation", "train": "training"}
_FEW_SUBJECTS = 20


def markdown(
    evaluation: Evaluation,
    claims: Sequence[Claim],
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> str:
    """Write the whole page: one line on the data, the table, claims, notes, figures and classes.

    Parameters
    ----------
    evaluation, claims
        What was measured.
    config
        ``data_name`` and ``data_format``; "synthetic" puts a warning on top.
    summary
        Summary of the skeleton stage: ``subject_overlap``, "train+val" or "train-val" -> shared
        subjects (a pair not named shares none), and ``subject_is_video``.

    """
    parts = ["# Ablation table"]
    if config.get("data_format") == "synthetic":
        parts.append("**Generated data: says nothing about iMiGUE.**")
    parts += [
        _header(evaluation, config),
        _ablation(evaluation),
        "Bold: best of its column (highest score, fewest parameters, shortest training).",
    ]
    if claims:
        parts += ["## Claims", _claims(evaluation, claims), _claims_legend(evaluation, claims)]
    notes = "\n".join(f"- {note}" for note in _notes(evaluation, summary))
    parts += ["## Notes", notes, "## Figures"]
    parts += [f"![{caption}](figures/{name})" for name, caption in FIGURES]
    parts += ["## Classes", _classes(evaluation)]
    return "\n\n".join(parts) + "\n"


def csv_text(evaluation: Evaluation) -> str:
    """One line a row: scores in percent, training time in seconds, each with mean and std.

    The standard deviation is that of a sample (ddof = 1); a single seed leaves it empty.
    """
    columns = [f"{name}_{what}" for name in METRICS for what in ("mean", "std")]
    head = ["variant", "title", "model", "split", "clips", "seeds", *columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, "parameters", "train_seconds_mean", "train_seconds_std"])
    for row in evaluation.rows:
        values = [part for name in METRICS for part in _mean_std(row.scores[name], 4)]
        about = [row.name, row.title, row.model, evaluation.split, len(evaluation.labels)]
        seconds = _mean_std(np.array(row.seconds), 2)
        writer.writerow([*about, len(evaluation.seeds), *values, row.parameters, *seconds])
    return out.getvalue()


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """Draw a table whose columns also line up in the raw text.

    Parameters
    ----------
    head
        Headings.
    rows
        Cells; a "|" in them is escaped.
    align
        One of "l" and "r" a column.

    """
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (head, *rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(head))]

    def draw(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, width, side in zip(cells, widths, align, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if side == "l" else "-" * (width - 1) + ":"
        for width, side in zip(widths, align, strict=True)
    ]
    return "\n".join([draw(lines[0]), draw(rule), *map(draw, lines[1:])])


def human_count(number: int) -> str:
    """Shorten a count: 950, 31.2 k, 0.31 M, 2.05 M."""
    if number >= 100_000:
        return f"{number / 1e6:.2f} M"
    return f"{number / 1e3:.1f} k" if number >= 1000 else str(number)


def human_time(seconds: float) -> str:
    """Write seconds as m:ss, from an hour on as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def mean_and_spread(values: np.ndarray) -> str:
    """Write ``63.4 ± 1.2``: mean and sample standard deviation; a single value has no spread."""
    if len(values) < 2:
        return f"{values[0]:.1f}"
    return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"


def _mean_std(values: np.ndarray, digits: int) -> list[str]:
    spread = f"{values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return [f"{values.mean():.{digits}f}", spread]


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def _header(evaluation: Evaluation, config: Mapping[str, Any]) -> str:
    name = config.get("data_name") or config.get("data_format") or "Data"
    seeds = ", ".join(map(str, evaluation.seeds))
    present = int((evaluation.counts > 0).sum())
    total = len(evaluation.classes)
    classes = _count(total, "class") + (f" ({present} of them present)" if present < total else "")
    facts = [
        name,
        _count(len(evaluation.labels), f"{_SPLITS[evaluation.split]} clip"),
        classes,
        _count(len(np.unique(evaluation.subjects)), "subject"),
        f"{'seed' if len(evaluation.seeds) == 1 else 'seeds'} {seeds}",
        f"chance {evaluation.chance:.1f} % (always the most frequent class)",
    ]
    return " · ".join(facts)


def _ablation(evaluation: Evaluation) -> str:
    """Draw the main table; equal in print means equally bold."""
    columns, best = [], []
    for name in METRICS:
        values = [row.scores[name] for row in evaluation.rows]
        # Five guesses among five classes are always right: no number to compare.
        empty = name == "top5" and len(evaluation.classes) <= 5
        columns.append(["–" if empty else mean_and_spread(one) for one in values])
        shown = [round(float(one.mean()), 1) for one in values]
        best.append([not empty and one == max(shown) for one in shown])
    parameters = [row.parameters for row in evaluation.rows]
    seconds = [round(float(np.mean(row.seconds))) for row in evaluation.rows]
    for numbers, shorten in ((parameters, human_count), (seconds, human_time)):
        columns.append([shorten(one) for one in numbers])
        best.append([one == min(numbers) for one in numbers])
    contest = len(evaluation.rows) > 1
    lines = [
        [
            row.title,
            *(
                f"**{cells[place]}**" if contest and marks[place] else cells[place]
                for cells, marks in zip(columns, best, strict=True)
            ),
        ]
        for place, row in enumerate(evaluation.rows)
    ]
    head = ["Variant", *(_HEADINGS[name] for name in METRICS), "Params", "Train time"]
    return markdown_table(head, lines, "l" + "r" * (len(head) - 1))


def _claims(evaluation: Evaluation, claims: Sequence[Claim]) -> str:
    """Draw one line a comparison; the claim and its verdict stand in the first of its lines."""
    lines = []
    for claim in claims:
        for place, one in enumerate(claim.comparisons):
            better, worse = evaluation.row(one.better).title, evaluation.row(one.worse).title
            interval = f"{_signed(one.low)} to {_signed(one.high)}"
            lines.append(
                [
                    "" if place else claim.text,
                    f"{better} − {worse}",
                    _signed(one.difference),
                    interval,
                    "" if place else claim.verdict,
                ]
            )
    head = ["Claim", "Compared", "Points", "95 % interval", "Verdict"]
    return markdown_table(head, lines, "llrrl")


def _signed(value: float) -> str:
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def _claims_legend(evaluation: Evaluation, claims: Sequence[Claim]) -> str:
    """Say how the intervals were made and what they leave out."""
    _, by_subject = bootstrap_groups(evaluation.subjects)
    subjects, seeds = len(np.unique(evaluation.subjects)), len(evaluation.seeds)
    split = _SPLITS[evaluation.split]
    drawn = f"{split} subjects" if by_subject else f"{split} clips"
    text = [
        "Points: difference of mean top-1 over the same seeds. Interval: paired bootstrap, "
        f"{RESAMPLES} resamples of {drawn}{' and of seeds' if seeds > 1 else ''}. Supported: "
        "wholly above 0; not supported: wholly below 0, so the reverse was measured; "
        "else within noise.",
    ]
    if any(len(claim.comparisons) > 1 for claim in claims):
        text.append("A claim over several rows must hold against each: its weakest line counts.")
    if not by_subject:
        text.append(
            f"With {_count(subjects, 'subject')} (fewer than {MIN_SUBJECTS}) clips were drawn one "
            "by one, so how far the result carries over to other people was not measured."
        )
    elif subjects < _FEW_SUBJECTS:
        text.append(f"With only {subjects} subjects the intervals are rough, rather too narrow.")
    if seeds == 1:
        text.append("With one seed the spread between seeds could not be measured.")
    elif seeds < MIN_SUBJECTS:
        text.append(f"{seeds} seeds show the spread between seeds only roughly.")
    if len(claims) > 1:
        text.append("Each interval stands for itself; none is widened for the number of claims.")
    return " ".join(text)


def _notes(evaluation: Evaluation, summary: Mapping[str, Any]) -> list[str]:
    """List what a reader must know before believing the numbers."""
    rule = {True: " (best validation top-1)", False: "", None: ""}[evaluation.epoch_by_top1]
    notes = []
    if evaluation.split == "test":
        notes.append(
            "Measured on the test clips. Each run keeps the epoch chosen on the validation "
            f"clips{rule}; the test clips had no part in that choice."
        )
    else:
        notes.append(
            "**Measured on the validation clips, because the test clips have no labels. The epoch "
            f"of each run was chosen on these very clips{rule}, so the scores are too high.**"
        )
    if evaluation.unlabelled:
        notes.append(f"{_count(evaluation.unlabelled, 'clip')} without a label left out.")
    if len(evaluation.seeds) == 1:
        notes.append("One seed: no spread (±) is shown, and small differences mean little.")
    else:
        notes.append(
            f"Mean ± sample standard deviation over {len(evaluation.seeds)} seeds, in percent."
        )
    notes += _overlap_notes(evaluation, summary)
    notes.append(
        "Mean class and macro F1 are over the classes present among these clips; a class never "
        "predicted has F1 = 0."
    )
    if len(evaluation.classes) <= 5:
        notes.append(f"Top-5 says nothing with {len(evaluation.classes)} classes.")
    if evaluation.devices:
        notes.append(f"Training time is that of one seed, on {' and '.join(evaluation.devices)}.")
    if any(row.model == FUSION for row in evaluation.rows):
        notes.append("Parameters and training time of a fusion are the sums of its members.")
    if any(row.model.startswith("posec3d") for row in evaluation.rows):
        notes.append(
            "PoseC3D: crops, resizing and flips in training work on the drawn (cached) heatmap "
            "volumes; the reference changes the key points before drawing, which is not the same."
        )
    return notes


def _overlap_notes(evaluation: Evaluation, summary: Mapping[str, Any]) -> list[str]:
    """Say for validation and test whether their subjects also occur in training."""
    if "subject_overlap" not in summary:
        return ["Not recorded whether validation or test subjects occur in training."]
    overlap = {
        pair.replace("+", "-"): shared for pair, shared in summary["subject_overlap"].items()
    }
    notes = []
    for split in ("val", "test"):
        shared = overlap.get(f"train-{split}", [])
        name = _SPLITS[split].capitalize()
        if shared:
            some = ", ".join(map(str, shared[:5])) + (", ..." if len(shared) > 5 else "")
            whose = "scores" if split == evaluation.split else f"{_SPLITS[split]} scores"
            notes.append(
                f"**{name} subjects also occur in training: {len(shared)} ({some})**; "
                f"{whose} are higher than they would be on new people."
            )
        else:
            notes.append(f"{name} subjects do not occur in training.")
    if summary.get("subject_is_video"):
        video = (
            "**Every video counts as a subject of its own, because the data do not say who is in "
            "it: a person in two videos counts as two, so overlap cannot be seen and the intervals "
            "of the claims are rather too narrow.**"
        )
        # What cannot be seen must not be claimed: only overlaps that were found stay.
        notes = [note for note in notes if note.startswith("**")] + [video]
    return notes


def _classes(evaluation: Evaluation) -> str:
    """Draw the list of classes with their clips."""
    lines = [
        [str(number), name, f"{count:,}"]
        for number, (name, count) in enumerate(
            zip(evaluation.classes, evaluation.counts, strict=True)
        )
    ]
    return markdown_table(["Id", "Class", "Clips"], lines, "rlr")
