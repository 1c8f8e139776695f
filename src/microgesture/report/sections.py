"""The parts of the page; each draws its figures, and is None where there is nothing to show."""

import json
from html import escape
from itertools import islice
from pathlib import Path

import numpy as np

from microgesture.data.keypoints import ORDERS
from microgesture.data.layouts import layout_points
from microgesture.data.store import SPLITS as SPLIT_NAMES
from microgesture.data.store import iter_store, read_metadata
from microgesture.evaluation.calibration import BINS
from microgesture.evaluation.rows import HEADINGS, Row
from microgesture.report.ablation_table import Columns, needed, score_table, tail_table
from microgesture.report.html import Section, bullets, paragraph, picture, table
from microgesture.report.material import Material, data_warnings, layout_for, read_clips, recorded
from microgesture.report.notes import SPLITS, claims_legend, notes, tail_legend
from microgesture.utils.errors import InputError
from microgesture.utils.text import counted, mean_and_spread, p_text, signed
from microgesture.viz import clips as pictures
from microgesture.viz import comparisons as plots

MISTAKES = 8
_MOST_PANELS = 12
_POSE_CLIPS = 200  # enough for a median; a store may hold a hundred times as many
_DATA_FIGURES = (
    ("classes.png", "Clips of each class and split, most frequent class first."),
    ("lengths.png", "How long clips are: the share of clips up to each length."),
    ("missing.png", "Share of frames in which each joint was not found by the detector."),
    ("skeletons-1.png", "One frame of a few clips of each class, right side orange, left blue."),
)


def table_section(material: Material, folder: Path) -> Section:
    """The ablation table, its figure, and what a reader must know before believing it."""
    evaluation = material.evaluation
    shown = material.shown.title
    which = " The submitted row is set off." if material.config.get("submission") else ""
    body = [
        _rows_table(material, score_table(evaluation), "Scores of every row"),
        paragraph(
            "Scores in percent, best of each column in bold: highest score, fewest parameters, "
            f"shortest training.{which}",
            "note",
        ),
        _existing(
            material,
            "ablation.png",
            f"Top-1 accuracy of all rows; {shown} reaches {material.shown.top1:.1f} percent.",
            "Top-1 of every row: large marks are means, bars standard deviations, small dots "
            "seeds. The dashed line is chance.",
        ),
        "<h3>Before believing the numbers</h3>",
        bullets(notes(evaluation, material.config, material.summary)),
    ]
    return Section("table", "Ablation", "".join(body))


def claims_section(material: Material, folder: Path) -> Section | None:
    """Every claim with its difference, interval and verdict."""
    if not material.claims:
        return None
    evaluation, rows = material.evaluation, []
    for claim in material.claims:
        for place, one in enumerate(claim.comparisons):
            pair = f"{evaluation.row(one.better).title} − {evaluation.row(one.worse).title}"
            text = "" if place else f"<strong>{escape(claim.text)}</strong><br>"
            pill = "" if place else f'<span class="pill {claim.verdict}">{claim.verdict}</span>'
            cells = [HEADINGS[one.metric], signed(one.difference)]
            cells += [f"{signed(one.low)} to {signed(one.high)}", p_text(one.p_holm), p_text(one.p)]
            pill += f'<br><span class="soft">{escape(needed(one))}</span>' if one.lacking else ""
            rows.append(
                [
                    f'<span class="claim">{text}<span class="soft">{escape(pair)}</span></span>',
                    *map(escape, cells),
                    pill,
                ]
            )
    path = folder / "claims.png"
    plots.plot_claims(evaluation, material.claims, path, material.generated)
    said = "; ".join(f"{claim.text}: {claim.verdict}" for claim in material.claims)
    head = ["Claim", "Score", "Points", "95 % interval", "p (Holm)", "McNemar p", "Verdict"]
    body = [
        picture(
            path,
            f"Forest plot of the claims. {said}.",
            "A line's colour and shape tell its own verdict, after Holm's correction for all "
            "lines; the intervals are not corrected. The weakest of its lines is a claim's "
            "verdict.",
        ),
        table(head, rows, "llrrrrl", "Claims"),
        paragraph(claims_legend(evaluation, material.claims), "note"),
    ]
    return Section("claims", "Claims", "".join(body))


def training_section(material: Material, folder: Path) -> Section:
    """Accuracy and loss of all trainings by epoch."""
    titles = {name: variant["title"] for name, variant in material.config["variants"].items()}
    runs = {titles[name]: list(of.values()) for name, of in material.runs.items()}
    body = []
    for what, say in (("top1", "Top-1"), ("loss", "Loss")):
        path = folder / f"training_{what}.png"
        plots.plot_courses(runs, what, path)
        body.append(
            picture(
                path,
                f"{say} by epoch on training and validation clips, a panel a variant.",
                f"{say} by epoch, one line a run. A wide gap between the two colours is "
                "overfitting; a line that still climbs at its end was stopped early.",
            )
        )
    return Section("training", "Training", "".join(body))


def classes_section(material: Material, folder: Path) -> Section:
    """Recall of each class, by how often it occurs in training."""
    evaluation = material.evaluation
    trained = evaluation.train_counts is not None and not evaluation.folds
    order = "training clips" if trained else "clips"
    groups = ", with head, middle and tail marked" if evaluation.groups else ""
    beside = "of all folds" if evaluation.folds else "trained on"
    body = [
        _existing(
            material,
            "per_class_recall.png",
            f"Recall of each of {len(evaluation.classes)} classes, by {order}.",
            f"Recall of each class, most {order} on top{groups}. Numbers on the right: clips "
            f"measured on and {beside}. A recall that falls towards the foot of the figure says "
            "that rare classes are not learned.",
        ),
        _rows_table(material, tail_table(evaluation), "Recall of head, middle and tail"),
        paragraph(tail_legend(evaluation), "note"),
        _recall_table(material),
    ]
    return Section("classes", "Classes, frequent to rare", "".join(body))


def confusion_section(material: Material, folder: Path) -> Section:
    """What each class is taken for."""
    pairs = _confused_pairs(material.shown, material.evaluation.classes)
    body = [
        _existing(
            material,
            "confusion.png",
            f"Confusion matrix of {material.shown.title}.",
            f"{material.shown.title}: each line is a true class, each column what it was taken "
            "for, in percent of the line. Off the framed diagonal is wrong.",
        )
    ]
    if pairs:
        body += ["<h3>Most often confused</h3>", bullets(pairs)]
    return Section("confusion", "Confusion", "".join(body))


def calibration_section(material: Material, folder: Path) -> Section:
    """Whether a probability may be believed."""
    rows = [material.shown, *material.members]
    if len(material.evaluation.rows) <= _MOST_PANELS:
        rows = list(material.evaluation.rows)
    path = folder / "reliability.png"
    plots.plot_reliability(material.evaluation, rows, path, material.generated)
    error = mean_and_spread(material.shown.calibration["ece"])
    body = [
        picture(
            path,
            f"Reliability diagrams of {len(rows)} rows; {material.shown.title} has a calibration "
            f"error of {error} percent.",
            "How often a prediction is right, against the probability it was given. On the dashed "
            "line confidence can be believed; below it the model is too sure, above it too "
            "modest. Grey bars: share of the clips at each confidence. ECE: mean distance from "
            f"the line over {BINS} bins, in points; drawn are {plots.DRAWN_BINS}.",
        )
    ]
    return Section("calibration", "Calibration", "".join(body))


def robustness_section(material: Material, folder: Path) -> Section | None:
    """Accuracy under damage."""
    if material.robustness is None or (material.robustness.kind == "none").all():
        return None
    titles = {name: variant["title"] for name, variant in material.config["variants"].items()}
    path = folder / "robustness.png"
    plots.plot_robustness(material.robustness, titles, path, material.generated)
    runs = material.robustness.groupby("variant").run.nunique().max()
    body = picture(
        path,
        "Top-1 accuracy of every variant when points are lost, moved or hidden at test time.",
        "The same clips, damaged more and more; the left end of each line is the untouched clip, "
        "predicted once and not mirrored, so it may differ from the table. Flat is robust. "
        f"{counted(int(runs), 'run')} a variant.",
    )
    return Section("robustness", "Robustness", body)


def mistakes_section(material: Material, folder: Path) -> Section | None:
    """The errors that the shown row was surest of, drawn."""
    mistakes = pictures.surest_mistakes(material.shown, MISTAKES)
    if not mistakes:
        return None
    evaluation, layout = material.evaluation, layout_for(material)
    clips = read_clips(material, [evaluation.clip_ids[one.row] for one in mistakes])
    seeds = ", averaged over the seeds" if len(evaluation.seeds) > 1 else ""
    body = [
        paragraph(
            f"The clips that {material.shown.title} got wrong with the highest confidence{seeds}, "
            "one of each pair of classes. Frames run from left to right; the person's right side "
            "is orange, the left blue, and what the detector doubted is pale."
        )
    ]
    for number, one in enumerate(mistakes, start=1):
        clip = clips[evaluation.clip_ids[one.row]]
        path = folder / f"mistake_{number}.png"
        pictures.plot_strip(layout_points(clip, layout), clip.fps, layout, path)
        true, taken = evaluation.classes[one.true], evaluation.classes[one.taken]
        caption = (
            f"{number}. **{true}** taken for **{taken}** with {one.confidence:.0%} "
            f"({one.of_true:.0%} for the truth) · clip {clip.clip_id}, subject {clip.subject}"
        )
        alt = f"Frames of clip {clip.clip_id}: {true}, taken for {taken}."
        body.append(picture(path, alt, caption, "strip"))
    return Section("mistakes", "Surest mistakes", "".join(body))


def occlusion_section(material: Material, folder: Path) -> Section | None:
    """Which joints, and when, the predictions hang on."""
    if not material.occlusion:
        return None
    body = [
        paragraph(
            "Each joint was hidden for a part of the clip and the clip predicted again. Red: "
            "without it the true class loses probability, so the model looks there. Blue: the "
            "model does better without."
        )
    ]
    source, body_pose = _pose(material)
    for variant, seen in material.occlusion.items():
        title = material.evaluation.row(variant).title
        layout = pictures.layout_of(seen, material.layouts)
        pose = body_pose[layout.points] if layout and layout.source == source else None
        path = folder / f"occlusion_{variant}.png"
        pictures.plot_occlusion(seen, layout if pose is not None else None, pose, path,
                                material.generated)  # fmt: skip
        worst = seen.joints[int(seen.fall.mean(axis=1).argmax())].replace("_", " ")
        note = f"{counted(seen.clips, 'clip')}, {counted(seen.runs, 'run')}."
        body += [
            f"<h3>{escape(title)}</h3>",
            picture(
                path,
                f"Map of joints and time for {title}; hiding the {worst} costs most.",
                f"Left: fall for each joint (or part) and time. Right: its mean over time, as size "
                f"and colour. {note} Hiding the {worst} costs most."
                if pose is not None
                else f"Fall for each part and time. {note} Hiding the {worst} costs most.",
            ),
        ]
        if layout and pose is not None and seen.by_class:
            path = folder / f"occlusion_{variant}_classes.png"
            pictures.plot_class_bodies(seen, layout, pose, path, material.generated)
            names = ", ".join(seen.by_class)
            body.append(picture(path, f"Bodies for {names}.", "The same for single classes."))
    return Section("occlusion", "What the model looks at", "".join(body))


def cost_section(material: Material, folder: Path) -> Section:
    """Accuracy against parameters and training time."""
    path = folder / "cost.png"
    plots.plot_cost(material.evaluation, path, material.generated)
    devices = material.evaluation.devices
    where = f" Trained on {' and '.join(devices)}." if devices else ""
    body = picture(
        path,
        "Top-1 accuracy against number of parameters and training time of every row.",
        "Up and to the left is better: more accurate and cheaper. Numbers are those of the table; "
        f"a fusion costs as much as its members together.{where}",
    )
    return Section("cost", "Cost", body)


def data_section(material: Material, folder: Path) -> Section:
    """What the data set holds."""
    summary, rows = material.summary, []
    for split in SPLIT_NAMES:
        of = summary.get("splits", {}).get(split)
        if of is None:
            continue
        present = sum(count > 0 for count in of["clips_per_class"].values())
        cells = [f"{of['clips']:,}", f"{of['frames']:,}", f"{of['mean_frames']:.1f}"]
        cells += [f"{len(of['subjects']):,}", f"{present} of {len(of['clips_per_class'])}"]
        rows.append([escape(SPLITS[split].capitalize()), *cells])
    head = ["Split", "Clips", "Frames", "Mean frames", "Subjects", "Classes present"]
    body = [table(head, rows, "lrrrrr", "The splits")] if rows else []
    found = data_warnings(material.results / "data_report.md")
    if found:
        body += ["<h3>Warnings of the data report</h3>", bullets(found)]
    elif found is not None:
        body.append(paragraph("The data report has nothing to warn about.", "note"))
    for name, caption in _DATA_FIGURES:
        path = material.results / "figures" / "data" / name
        if path.is_file():
            body.append(picture(path, caption, caption))
    return Section("data", "Data", "".join(body))


def repeat_section(material: Material, folder: Path) -> Section:
    """Config, seeds, code and versions."""
    config = json.dumps(dict(material.config), indent=2, ensure_ascii=False)
    runs = [one for of in material.runs.values() for one in of.values()]
    facts: dict[str, list[str]] = {"Seeds": [", ".join(map(str, material.evaluation.seeds))]}
    if material.evaluation.folds:
        facts["Folds"] = [f"{material.evaluation.folds}, by subject"]
    for name, label in (("precision", "Precision"), ("data", "Data (SHA-256)")):
        facts[label] = sorted({str(one[name]) for one in runs if one.get(name)})
    versions = {
        f"{name} {version}"
        for one in runs
        for name, version in one.get("made_by", {}).items()
        if name != "code"
    }
    commits, packages = recorded(material)
    facts["Commit"] = commits
    facts["Versions"] = [", ".join(sorted(versions | packages))] if versions | packages else []
    facts["Training code (SHA-256)"] = sorted(
        {one["made_by"]["code"] for one in runs if one.get("made_by", {}).get("code")}
    )
    entries = "".join(
        f"<dt>{escape(label)}</dt><dd>{'<br>'.join(map(escape, values))}</dd>"
        for label, values in facts.items()
        if values
    )
    body = (
        paragraph(
            "The workflow's config file, config/config.yaml where none is named, says all that the "
            "numbers depend on. With the same file, code, packages, data and kind of machine this "
            "gives the same files again:"
        )
        + "<pre>snakemake --cores all --configfile &lt;config file&gt;</pre>"
        + f"<dl>{entries}</dl>"
        + "<details><summary>What this comparison takes of the config</summary>"
        + f"<pre>{escape(config)}</pre></details>"
    )
    return Section("repeat", "How to repeat", body)


def _rows_table(material: Material, columns: Columns, label: str) -> str:
    """One line a row of the ablation, numbered as in the figure of cost."""
    rows, chosen = [], []
    for place, row in enumerate(material.evaluation.rows):
        cells = [
            f"<b>{escape(cell[place])}</b>" if best[place] else escape(cell[place])
            for cell, best in zip(columns.cells, columns.best, strict=True)
        ]
        submitted = row.name == material.config.get("submission")
        title = escape(row.title) + (" (submitted)" if submitted else "")
        rows.append([str(place + 1), title, *cells])
        if submitted:
            chosen.append(place)
    head = ["#", "Variant", *columns.head]
    return table(head, rows, "rl" + "r" * len(columns.head), label, chosen)


def _recall_table(material: Material) -> str:
    """Recall of the shown row by class, for those who do not see the figure."""
    evaluation, shown = material.evaluation, material.shown
    trained = evaluation.train_counts
    rows = [
        [
            escape(name),
            str(trained[k]) if trained is not None else "not recorded",
            str(evaluation.counts[k]),
            f"{100 * shown.recall[k]:.1f}" if evaluation.counts[k] else "no clip",
        ]
        for k, name in enumerate(evaluation.classes)
    ]
    learnt = "Clips of all folds" if evaluation.folds else "Clips trained on"
    head = ["Class", learnt, "Clips measured on", "Recall (%)"]
    label = f"Recall of each class, {shown.title}"
    inside = table(head, rows, "lrrr", label)
    return f"<details><summary>{escape(label)}, as a table</summary>{inside}</details>"


def _existing(material: Material, name: str, alt: str, caption: str) -> str:
    """Embed a figure that the figures step has drawn."""
    path = material.results / "figures" / name
    if not path.is_file():
        raise InputError(f"{path}: is not there; run scripts/figures.py first")
    return picture(path, alt, caption)


def _confused_pairs(row: Row, classes: list[str], count: int = 5) -> list[str]:
    """The pairs of classes with most errors over all seeds, as sentences."""
    total = row.confusions.sum(axis=0)
    clips = total.sum(axis=1)
    wrong = total * (1 - np.eye(len(total), dtype=int))
    said = []
    for cell in np.argsort(-wrong, axis=None, kind="stable")[:count]:
        true, taken = divmod(int(cell), len(total))
        if wrong[true, taken]:
            share = wrong[true, taken] / clips[true]
            said.append(f"{classes[true]} taken for {classes[taken]}: {share:.0%} of its clips")
    return said


def _pose(material: Material) -> tuple[str, np.ndarray]:
    """The pose to draw bodies in, (P, 3), and the order that its points are in."""
    order = ORDERS[read_metadata(material.skeletons)["points"]]
    clips = islice(iter_store(material.skeletons), _POSE_CLIPS)
    return order.name, pictures.typical_pose((clip.points for clip in clips), order)
