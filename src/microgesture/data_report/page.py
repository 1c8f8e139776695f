"""The data report: what a skeleton store holds and what is probably wrong with it, on one page."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data.layouts import Layout, load_layout
from microgesture.data.store import SPLITS, Clip, iter_store, read_index, read_metadata
from microgesture.data_report.checks import Finding, find_faults
from microgesture.data_report.figures import (
    CLASSES_PER_PAGE,
    CLIPS_PER_CLASS,
    SheetRow,
    plot_classes,
    plot_lengths,
    plot_missing,
    plot_sheet,
)
from microgesture.data_report.scan import Scan, scan
from microgesture.data_report.strangest import (
    OutlierLists,
    outlier_lists,
    outlier_rows,
    outlier_section,
)
from microgesture.settings.data_report import DataReportStep
from microgesture.utils.files import write_text
from microgesture.utils.text import markdown_table

QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
MOST_SKIPPED = 50
_UNLABELLED = "(no label)"


@dataclass(frozen=True)
class Report:
    """All that the page shows; ``sheets`` are the file names of the drawn skeletons.

    ``video`` is what the page says of the crops, and what their picture shows, if there are any;
    ``faces`` the same of the faces.
    """

    name: str
    generated: bool
    metadata: Mapping[str, Any]
    index: pd.DataFrame
    summary: Mapping[str, Any]
    layout: Layout
    found: Scan
    findings: Sequence[Finding]
    figures: str
    sheets: Sequence[str]
    outliers: OutlierLists
    video: Sequence[str]
    faces: Sequence[str]


def largest_layout(paths: Sequence[str | Path]) -> Layout:
    """Of several layout files, the layout with the most joints."""
    return max((load_layout(path) for path in paths), key=lambda layout: len(layout.joints))


def write_report(
    store: str | Path,
    summary: Mapping[str, Any],
    layout: Layout,
    out: str | Path,
    figures: str | Path,
    about: DataReportStep,
    crops: Path | None = None,
    pictures: Path | None = None,
) -> list[Finding]:
    """Read a store once, write the page and its figures, and return the warnings.

    Parameters
    ----------
    store
        Skeleton store (Parquet).
    summary
        What `microgesture.data.summary.summarise` gave for it.
    layout
        Its joints are counted and drawn.
    out
        Markdown file to write.
    figures
        Folder for the PNG files, best below that of ``out``.
    about
        A ``data_format`` of "synthetic" puts a warning on top. ``folds``: how many take the place
        of the data's splits.
    crops
        Manifest of the crops of video, where there is any.
    pictures
        Manifest of faces and frames of whole recordings, where emotion is told from them.

    """
    figures = Path(figures)
    metadata, index = read_metadata(store), read_index(store)
    chosen = choose_clips(index, metadata["classes"])
    clips, filmed = iter_store(store), dict[str, Clip]()
    if crops is not None:
        # with packages of the extra `video`
        from microgesture.data_report import video

        film = video.open_film(crops, index)
        clips = video.kept(clips, film.candidates, filmed)
    found = scan(clips, layout, about.cleaning)
    outliers = outlier_lists(found, layout)
    plot_classes(index, metadata["classes"], figures / "classes.png")
    plot_lengths(index, figures / "lengths.png")
    plot_missing(found, layout, figures / "missing.png")
    rows = sheet_rows(index, metadata["classes"], chosen, found)
    pages = split_pages(rows)
    sheets = [f"skeletons-{number}.png" for number in range(1, len(pages) + 1)]
    for name, page in zip(sheets, pages, strict=True):
        plot_sheet(page, layout, figures / name)
    strange = outlier_rows(outliers, found.shown)
    if strange:
        plot_sheet(strange, layout, figures / "strangest.png")
    told = [] if crops is None else video.section(film, filmed, layout, figures)
    shown: list[str] = []
    if pictures is not None:
        from microgesture.data_report import faces

        shown = faces.section(pictures, figures)
    report = Report(
        name=Path(store).stem if about.data_name is None else about.data_name,
        generated=about.data_format == "synthetic",
        metadata=metadata,
        index=index,
        summary=summary,
        layout=layout,
        found=found,
        findings=find_faults(index, found, layout, summary, about.folds),
        figures=Path(os.path.relpath(figures, Path(out).parent)).as_posix(),
        sheets=sheets,
        outliers=outliers,
        video=told,
        faces=shown,
    )
    write_text(out, markdown(report))
    return list(report.findings)


def choose_clips(index: pd.DataFrame, class_names: Sequence[str]) -> dict[str, list[str]]:
    """Up to `CLIPS_PER_CLASS` clip ids of each class, of as many subjects as possible.

    Clips without a label come last, under a name of their own, when there are any.
    """
    labels = index.label.fillna(_UNLABELLED)
    names = [*class_names, *([_UNLABELLED] if index.label.isna().any() else [])]
    chosen = {}
    for name in names:
        rows = index[labels == name]
        by_subject = rows.groupby("subject").clip_id
        turn = (by_subject.cumcount() - by_subject.transform("size") // 2).abs()
        rows = rows.loc[
            turn.sort_values(kind="stable").index
        ]  # the middle one of each subject first
        pool = rows[: max(int((turn == 0).sum()), CLIPS_PER_CLASS)]
        few = min(len(pool), CLIPS_PER_CLASS)
        places = np.linspace(0, max(len(pool) - 1, 0), few).round().astype(int)
        chosen[name] = pool.clip_id.iloc[places].tolist()
    return chosen


def sheet_rows(
    index: pd.DataFrame,
    class_names: Sequence[str],
    chosen: Mapping[str, Sequence[str]],
    found: Scan,
) -> list[SheetRow]:
    """What is drawn of each class, titled with its id, name and number of clips."""
    counts = index.label.value_counts()
    titles = {
        name: f"{number}  {name}  ({counts.get(name, 0):,})"
        for number, name in enumerate(class_names)
    }
    titles[_UNLABELLED] = f"no label  ({index.label.isna().sum():,})"
    return [
        SheetRow(titles[name], [(clip, found.shown[clip]) for clip in clips])
        for name, clips in chosen.items()
    ]


def split_pages(rows: Sequence[SheetRow]) -> list[list[SheetRow]]:
    """Pages of at most `CLASSES_PER_PAGE` rows, about equally full."""
    pages = -(-len(rows) // CLASSES_PER_PAGE)
    return [[rows[n] for n in part] for part in np.array_split(np.arange(len(rows)), pages)]


def markdown(report: Report) -> str:
    """The page: warnings first, then what the set holds."""
    parts = [f"# Data report: {report.name}"]
    if report.generated:
        parts.append("**Generated data: says nothing about iMiGUE.**")
    parts += [_header(report), "## Warnings", _warnings(report.findings)]
    parts += ["## Splits", _splits(report), _overlap(report.summary)]
    parts += ["## Classes", _figure(report, "Clips of each class", "classes.png")]
    parts += ["## Clip lengths", _lengths(report.index)]
    parts += [_figure(report, "Distribution of clip lengths", "lengths.png")]
    parts += ["## Missing points", _missing(report)]
    parts += [_figure(report, "Share of frames in which a joint is not found", "missing.png")]
    parts += ["## Resolution", _sizes(report.found)]
    parts += ["## Drawn skeletons", _SHEET_LEGEND]
    parts += [_figure(report, "Some clips of each class", name) for name in report.sheets]
    if report.video:
        said, *shown = report.video
        parts += ["## Video", said, *(_figure(report, alt, "video.png") for alt in shown)]
    if report.faces:
        said, alt = report.faces
        parts += ["## Faces", said, _figure(report, alt, "faces.png")]
    parts += ["## Strangest people and clips", *outlier_section(report.outliers)]
    if any(report.outliers.values()):
        parts += [_figure(report, "The strangest people and clips", "strangest.png")]
    if report.found.near_copies:
        parts += ["## Nearly identical clips in two splits", _near_copies(report.found)]
    if report.found.emptied:
        parts += ["## Frames taken for somebody else", _emptied(report.found)]
    parts += ["## Skipped clips", _skipped(report.summary)]
    return "\n\n".join(parts) + "\n"


_SHEET_LEGEND = (
    "One frame of a few clips of each class, that with the most points near the middle, each cut "
    "out around its points. Somebody who faces the camera has the right side of the body (orange) "
    "on the left of the picture. Look for limbs that cross the whole picture (a wrong layout), "
    "fingers that hang on the other wrist (exchanged hands), and people who lie on their side (x "
    "and y exchanged), are stretched (scaled by exchanged height and width) or stand on their "
    "heads (y upwards)."
)


def _header(report: Report) -> str:
    index = report.index
    facts = [
        f"{len(index):,} clips",
        f"{index.num_frames.sum():,} frames",
        f"{len(report.metadata['classes'])} classes",
        f"{index.subject.nunique():,} subjects",
        f"read as `{report.metadata['format']}`",
        f"points `{report.metadata['points']}`",
        f"shown in layout `{report.layout.name}` ({len(report.layout.joints)} joints)",
    ]
    return " · ".join(facts)


def _warnings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Nothing to warn about."
    return "\n".join(f"- **{one.found}**{one.place}. {one.do}." for one in findings)


def _splits(report: Report) -> str:
    lines = []
    for split in SPLITS:
        rows = report.index[report.index.split == split]
        present = rows.label.nunique()
        lines.append(
            [
                split,
                f"{len(rows):,}",
                f"{rows.num_frames.sum():,}",
                f"{rows.subject.nunique():,}",
                f"{present} of {len(report.metadata['classes'])}",
                f"{rows.label.notna().mean():.0%}" if len(rows) else "–",
            ]
        )
    head = ["Split", "Clips", "Frames", "Subjects", "Classes present", "Labelled"]
    return markdown_table(head, lines, "lrrrrr")


def _overlap(summary: Mapping[str, Any]) -> str:
    if summary["subject_is_video"]:
        return "Whether subjects overlap is not known: every video counts as a subject of its own."
    if not summary["subject_overlap"]:
        return "No subject is in two splits."
    pairs = [
        f"{pair.replace('+', ' and ')} share {len(shared)}"
        for pair, shared in summary["subject_overlap"].items()
    ]
    return f"Subjects overlap: {'; '.join(pairs)}."


def _lengths(index: pd.DataFrame) -> str:
    values = {"Frames": index.num_frames, "Seconds": index.num_frames / index.fps}
    lines = [
        [name, *(f"{q:.0f}" if name == "Frames" else f"{q:.2f}" for q in of.quantile(QUANTILES))]
        for name, of in values.items()
    ]
    head = ["Quantile", *("min" if not q else "max" if q == 1 else f"{q:.0%}" for q in QUANTILES)]
    return markdown_table(head, lines, "l" + "r" * len(QUANTILES))


def _missing(report: Report) -> str:
    found = report.found
    frames = max(sum(found.frames.values()), 1)
    share = np.sum(list(found.missing.values()), axis=0) / frames
    worst = np.argsort(-share, kind="stable")[:5]
    names = ", ".join(
        f"{report.layout.joints[v].replace('_', ' ')} {share[v]:.0%}" for v in worst if share[v] > 0
    )
    most = f" Most often missing: {names}." if names else ""
    return (
        f"Of the layout's joints {share.mean():.1%} are not found (score 0), before any cleaning; "
        f"{found.empty_frames.count:,} of {frames:,} frames show none.{most}"
    )


def _sizes(found: Scan) -> str:
    lines = [
        [
            f"{height} x {width}",
            f"{fps:g}",
            f"{size.clips:,}",
            f"{size.outside / max(size.visible, 1):.1%}",
        ]
        for (height, width, fps), size in sorted(found.sizes.items())
    ]
    head = ["Height x width", "Frames a second", "Clips", "Points right of or below the picture"]
    return markdown_table(head, lines, "lrrr")


def _near_copies(found: Scan) -> str:
    pairs = found.near_copies
    lines = [
        [one.first, one.splits[0], one.second, one.splits[1], str(one.frames), str(one.shift),
         f"{one.rate:.2f}", f"{one.unlike:.2f}"]
        for one in pairs[:MOST_SKIPPED]
    ]  # fmt: skip
    head = ["Clip", "Split", "Clip", "Split", "Shared frames", "Shift", "Frames a frame", "Unlike"]
    table = markdown_table(head, lines, "llllrrrr")
    rest = len(pairs) - len(lines)
    return (
        "Frames of both clips differ by less than a frame from the middle of its neighbours, which "
        f"is how a detector trembles (1 in the last column; 0: they are the same).\n\n{table}"
        + (f"\n\n{rest:,} more are not listed." if rest > 0 else "")
    )


def _emptied(found: Scan) -> str:
    lines = []
    for name, one in found.emptied.items():
        worst = sorted(one.worst, key=lambda clip: -clip[1] / clip[2])[:10]
        clips = ", ".join(f"{clip} {lost} of {of}" for clip, lost, of in worst)
        share = f"{one.emptied / max(one.frames, 1):.2%}"
        count = f"{len(one.worst):,} of {one.clips:,}"
        lines.append([name, f"{one.emptied:,}", share, count, clips or "–"])
    head = ["Cleaning", "Frames", "Share", "Clips", "Most in"]
    return (
        "What `max_jump` of each cleaning empties, as frames that show another person.\n\n"
        + markdown_table(head, lines, "lrrrl")
    )


def _skipped(summary: Mapping[str, Any]) -> str:
    bad = summary["skipped"]
    if not bad:
        return "No clip was skipped."
    lines = [
        [one["clip_id"], one["split"], one["place"], one["reason"]] for one in bad[:MOST_SKIPPED]
    ]
    table = markdown_table(["Clip", "Split", "Place", "Reason"], lines, "llll")
    rest = len(bad) - len(lines)
    return table + (f"\n\n{rest:,} more are listed in the store's summary." if rest else "")


def _figure(report: Report, caption: str, name: str) -> str:
    return f"![{caption}]({report.figures}/{name})"
