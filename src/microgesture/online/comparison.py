"""All detectors of a config on the same recordings: rows of the table, choices by validation."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data import paths
from microgesture.online.detection_files import read_table
from microgesture.online.matching import (
    CONFUSED,
    DOUBLED,
    FOUND,
    INVENTED,
    MISSED,
    SHIFTED,
    outcomes,
)
from microgesture.online.metrics import OVERLAPS, Detections
from microgesture.online.segments import Labelled
from microgesture.settings.online import OnlineTableStep
from microgesture.utils.files import read_json
from microgesture.utils.text import human_time, markdown_table, mean_and_spread

HEADINGS = {
    "f1": "F1",
    "official": "F1, official",
    "precision": "Precision",
    "recall": "Recall",
    "map": "mAP",
    "map50": "mAP at 0.5",
    "edit": "Order",
    "start": "Start off by",
    "end": "End off by",
}
"""Columns of the table; errors of borders are frames, all else percent."""
TRUE_OUTCOMES = (FOUND, CONFUSED, SHIFTED, MISSED)
SAID_OUTCOMES = (FOUND, DOUBLED, CONFUSED, SHIFTED, INVENTED)
LEGEND = (
    "F1 counts a gesture as found where a segment of its class overlaps it by more than 0.3, one "
    "to one; the official rule of the challenge lets one segment find several gestures. Overlaps "
    "are counted from first to last frame. 95 % intervals are over people and seeds, ± is the "
    "sample standard deviation over seeds. mAP is the mean over overlaps 0.3 to 0.7. Order is 1 "
    "less the edit distance of the order of classes, in shares of the longer. Starts and ends are "
    "mean absolute errors of what was found, in frames. All thresholds are chosen on validation."
)


@dataclass(frozen=True)
class Comparison:
    """All detectors on the test recordings, and on validation, where choices are made.

    Attributes
    ----------
    test, val : list of Detections
    config : OnlineTableStep
    classes : list of str

    """

    test: list[Detections]
    val: list[Detections]
    config: OnlineTableStep
    classes: list[str]

    @property
    def best(self) -> int:
        """Place of the detector with the best mean F1 on validation; of equal ones the first."""
        return int(np.argmax([one.scores["f1"].mean() for one in self.val]))

    def best_run(self, place: int) -> int:
        """Place of a detector's seed with the best F1 on validation; of equal ones the first."""
        return int(np.argmax(self.val[place].scores["f1"]))


def load_comparison(
    config: OnlineTableStep, results: Path, labelled: Sequence[Labelled], classes: list[str]
) -> Comparison:
    """Read every detector's segments of validation and test recordings."""
    whole = {
        split: tuple(one for one in labelled if one.split == split) for split in ("val", "test")
    }

    def load(split: str) -> list[Detections]:
        names = [one.recording for one in whole[split]]
        return [
            Detections(
                name,
                shown.title,
                shown.model,
                whole[split],
                tuple(read_table(path, names) for path in _tables(results, name, config, split)),
            )
            for name, shown in config.detectors.items()
        ]

    return Comparison(load("test"), load("val"), config, classes)


def _tables(results: Path, name: str, config: OnlineTableStep, split: str) -> list[Path]:
    return [
        results / paths.detections(name, paths.run_name(seed), f"{split}.csv")
        for seed in config.seeds
    ]


def files_read(config: OnlineTableStep, results: Path) -> list[Path]:
    """Every file of `load_comparison`."""
    splits = [_tables(results, n, config, s) for n in config.detectors for s in ("val", "test")]
    return [path for each in splits for path in each]


def timing_files(config: OnlineTableStep, results: Path) -> dict[str, list[Path]]:
    """Times of the trained detectors' trainings."""
    return {
        name: [
            results / paths.detector(name, paths.run_name(seed), paths.TIMING)
            for seed in config.seeds
        ]
        for name, shown in config.detectors.items()
        if shown.model == "temporal"
    }


def training_times(config: OnlineTableStep, results: Path) -> dict[str, float]:
    """Mean seconds that each trained detector was trained for."""
    return {
        name: float(np.mean([read_json(path)["train_seconds"] for path in files]))
        for name, files in timing_files(config, results).items()
    }


def table_rows(compared: Comparison) -> tuple[list[str], list[list[str]]]:
    """Heading and cells of the table of scores."""
    lines = []
    for one in compared.test:
        low, high = one.interval()
        cells = [mean_and_spread(one.scores[name]) for name in HEADINGS]
        lines.append([one.title, cells[0], f"{low:.1f} to {high:.1f}", *cells[1:]])
    columns = [*HEADINGS.values()]
    return ["Detector", columns[0], "95 % interval", *columns[1:]], lines


def outcome_rows(compared: Comparison) -> tuple[list[str], list[list[str]]]:
    """What became of true gestures and of predicted segments, mean counts over the seeds."""
    lines = []
    for one in compared.test:
        true, said = dict.fromkeys(TRUE_OUTCOMES, 0), dict.fromkeys(SAID_OUTCOMES, 0)
        for run in one.seeds:
            for whole in one.labelled:
                became = outcomes(whole.segments, run[whole.recording])
                for word in became.true:
                    true[word] += 1
                for word in became.predicted:
                    said[word] += 1
        counts = [*true.values(), *said.values()]
        lines.append([one.title, *(f"{count / len(one.seeds):.1f}" for count in counts)])
    heads = [*(f"true, {word}" for word in true), *(f"told, {word}" for word in said)]
    return ["Detector", *heads], lines


def class_rows(compared: Comparison) -> list[list[str]]:
    """Gestures of each class, and how many of them the best detector finds and tells."""
    counts = compared.test[compared.best].by_class(len(compared.classes))
    return [
        [name, f"{true:.0f}", f"{found:.1f}", f"{said:.1f}",
         f"{200 * found / (true + said):.0f}" if true + said else "–"]
        for name, (found, true, said) in zip(compared.classes, counts, strict=True)
    ]  # fmt: skip


def markdown(compared: Comparison, times: dict[str, float]) -> str:
    """The table as a page to read."""
    config, best = compared.config, compared.test[compared.best]
    labelled = compared.test[0].labelled
    gestures = sum(len(one.segments) for one in labelled)
    frames = sum(one.frames for one in labelled)
    idle = sum(int(one.background.sum()) for one in labelled) / frames
    head, lines = table_rows(compared)
    became = outcome_rows(compared)
    curve = [
        [one.title, *(f"{value:.1f}" for value in one.curve.mean(axis=0))] for one in compared.test
    ]
    low, high = best.interval()
    parts = [
        "# Detection in long recordings",
        "**Generated data: says nothing about iMiGUE.**"
        if config.data_format == "synthetic"
        else "",
        f"{best.title}, best on validation, finds gestures with an F1 of "
        f"{best.scores['f1'].mean():.1f} % (95 % interval {low:.1f} to {high:.1f}).",
        f"{config.data_name} · {len(labelled)} test recordings of "
        f"{len({one.subject for one in labelled})} people · {gestures} gestures in "
        f"{frames:,} frames, {idle:.0%} background · seeds "
        f"{', '.join(map(str, config.seeds))}",
        markdown_table(head, lines, "l" + "r" * (len(head) - 1)),
        LEGEND,
        "## F1 by overlap",
        markdown_table(["Detector", *(f"{at:.1f}" for at in OVERLAPS)], curve, "l" + "r" * 9),
        "## What became of gestures and segments",
        markdown_table(became[0], became[1], "l" + "r" * (len(became[0]) - 1)),
        "Mean counts over the seeds. Confused: overlaps one of another class; shifted: overlaps "
        "one of its class, too little; doubled: finds what another segment finds; invented: none "
        "of these.",
        f"## Classes, {best.title}",
        markdown_table(["Class", "Gestures", "Found", "Told", "F1"], class_rows(compared), "lrrrr"),
        "## Training",
        markdown_table(
            ["Detector", "Time"],
            [[config.detectors[name].title, human_time(spent)] for name, spent in times.items()],
            "lr",
        )
        if times
        else "No detector is trained.",
        "## Figures",
        *(f"![{name}]({paths.online_figure(name)})" for name in paths.ONLINE_FIGURES),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def csv_text(compared: Comparison) -> str:
    """Scores of every detector and seed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [*compared.test[0].scores]
    writer.writerow(["detector", "split", "seed", *names])
    for split, rows in (("val", compared.val), ("test", compared.test)):
        for one in rows:
            for place, seed in enumerate(compared.config.seeds):
                values = [f"{one.scores[name][place]:.4f}" for name in names]
                writer.writerow([one.name, split, seed, *values])
    return text.getvalue()


def metrics(compared: Comparison) -> dict[str, Any]:
    """Mean scores by detector."""
    return {
        one.name: {
            name: round(float(values.mean()), 4)
            for name, values in one.scores.items()
            if np.isfinite(values).all()
        }
        for one in compared.test
    }
