"""The content of the page of detectors, and the files of the submission."""

import base64
import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from microgesture.data import paths
from microgesture.online.comparison import (
    LEGEND,
    Comparison,
    class_rows,
    outcome_rows,
    table_rows,
)
from microgesture.online.detection_files import write_challenge_zip, write_single_csv
from microgesture.online.matching import FOUND, found_one_to_one, outcomes
from microgesture.online.segments import Labelled, Segment
from microgesture.report.page import write_online_page
from microgesture.settings.online import SegmentField
from microgesture.utils.files import write_json

TRUTH_TOP, SAID_TOP, BAR, ROW = 4, 36, 24, 12
"""Places in a timeline: tops of the two tracks, their height, and that of overlapping bars."""
WIDTH = 1000.0
SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Steps between the ticks of a timeline."""


def colour_of(label: int) -> str:
    """Colour of a class; neighbouring ids are far apart on the circle of hues."""
    red, green, blue = colorsys.hls_to_rgb(label * 0.381966 % 1, 0.62, 0.6)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def timeline(one: Labelled, said: Sequence[Segment], classes: Sequence[str]) -> dict[str, Any]:
    """Bars and ticks of a recording's timeline."""
    became = outcomes(one.segments, said)
    seconds = one.frames / one.fps
    step = next((s for s in SECONDS if seconds / s <= 12), SECONDS[-1])
    ticks = [
        {"x": round(WIDTH * at / seconds, 2), "text": f"{at} s"}
        for at in range(0, int(seconds) + 1, step)
    ]
    bars = [
        *_bars(one, one.segments, became.true, TRUTH_TOP, classes, scored=False),
        *_bars(one, said, became.predicted, SAID_TOP, classes, scored=True),
    ]
    found = became.true.count(FOUND)
    return {
        "title": f"{one.recording} ({one.subject})",
        "summary": f"{found} of {len(one.segments)} gestures found by {len(said)} segments",
        "width": WIDTH,
        "ticks": ticks,
        "bars": bars,
    }


def _bars(
    one: Labelled,
    segments: Sequence[Segment],
    became: Sequence[str],
    top: int,
    classes: Sequence[str],
    scored: bool,
) -> list[dict[str, Any]]:
    bars, last = [], -1
    in_time = sorted(zip(segments, became, strict=True), key=lambda pair: pair[0][1:3])
    for segment, word in in_time:
        # one that overlaps those before it takes the lower half
        lower = segment.start <= last
        last = max(last, segment.end)
        score = f", score {segment.score:.2f}" if scored else ""
        where = f"frames {segment.start} to {segment.end}"
        kind = "found" if word == FOUND else ("wrong" if scored else "lost")
        width = WIDTH * (segment.end - segment.start + 1) / one.frames
        bars.append(
            {
                "x": round(WIDTH * segment.start / one.frames, 2),
                "y": top + 1 + (ROW if lower else 0),
                "width": round(width, 2),
                "height": ROW if lower else BAR,
                "colour": colour_of(segment.label),
                "opacity": round(0.25 + 0.75 * min(segment.score, 1.0), 2) if scored else 1,
                "kind": kind,
                "id": segment.label,
                "text": f"{segment.label} {classes[segment.label]}: {where}{score}, {word}",
            }
        )
    return bars


def write_page(compared: Comparison, results: Path, stretch: Path, caption: str) -> None:
    """Write the page with all that it shows.

    Parameters
    ----------
    compared : Comparison
    results : Path
        Where its figures lie.
    stretch : Path
        The animation.
    caption : str
        What it shows.

    """
    place = compared.best
    best, run = compared.test[place], compared.best_run(place)
    seed = compared.config.seeds[run]
    low, high = best.interval()
    head, lines = table_rows(compared)
    became = outcome_rows(compared)
    uri = base64.b64encode(stretch.read_bytes()).decode()
    write_online_page(
        results / paths.ONLINE_PAGE,
        name=compared.config.data_name,
        generated=compared.config.data_format == "synthetic",
        lead=f"{best.title}, best on validation, finds gestures with an F1 of "
        f"{best.scores['f1'].mean():.1f} % (95 % interval {low:.1f} to {high:.1f}) at an overlap "
        f"above 0.3, one to one.",
        scores={"head": head, "lines": lines},
        legend=LEGEND,
        outcomes={"head": became[0], "lines": became[1]},
        figures={name: results / paths.online_figure(name) for name in paths.ONLINE_FIGURES},
        shown=f"{best.title} with seed {seed}, the best on validation,",
        shown_detector=best.title,
        timelines=[
            timeline(one, best.seeds[run][one.recording], compared.classes) for one in best.labelled
        ],
        stretch={"uri": f"data:image/gif;base64,{uri}", "caption": caption},
        classes=class_rows(compared),
    )


def write_submission(
    compared: Comparison, results: Path, columns: Mapping[str, SegmentField]
) -> list[Path]:
    """Write the challenge's files from the detector and seed that are best on validation."""
    place = compared.best
    best, run = compared.test[place], compared.best_run(place)
    files = [results / paths.online_submission(name) for name in paths.ONLINE_SUBMISSION]
    write_challenge_zip(files[0], best.seeds[run])
    write_single_csv(files[1], best.seeds[run], compared.classes, columns)
    reached = {
        one.name: [round(float(value), 4) for value in one.scores["f1"]] for one in compared.val
    }
    why = "the best F1, one to one, on validation; the detector by its mean over the seeds"
    chosen = {"detector": best.name, "seed": compared.config.seeds[run], "why": why}
    write_json(files[2], {**chosen, "validation": reached})
    return files


def busiest(one: Labelled, said: Sequence[Segment], frames: int) -> int:
    """First of so many frames in which most gestures are found; of equal ones the earliest."""
    taken = found_one_to_one(one.segments, said)
    spans = [one.segments[t] for t in taken if t >= 0] or [*one.segments]
    last = max(one.frames - frames, 0)
    starts = sorted({min(max(s.start - 5, 0), last) for s in spans}) or [0]
    return max(starts, key=lambda at: sum(at <= s.start and s.end < at + frames for s in spans))
