"""The strangest people, recordings and clips of a data set, as a table and as rows of pictures."""

from collections.abc import Mapping, Sequence

import numpy as np

from microgesture.data.layouts import Layout
from microgesture.data_report.figures import CLIPS_PER_CLASS, SheetRow
from microgesture.data_report.outliers import Outlier, outlying, strangest_clips
from microgesture.data_report.scan import Scan
from microgesture.utils.text import markdown_table

OutlierLists = Mapping[str, Sequence[Outlier]]
"""By kind (subject, recording, clip), the strangest first."""

MOST_LISTED, MOST_DRAWN = 12, 3
_LONGEST_TITLE = 100
_LEGEND = (
    "Figure size, motion, and how far parts of the body are from where they belong, compared with "
    "the medians of all others. A subject or recording is listed when it is far off; of the clips "
    "those are listed that differ most, whether or not that is much: strangeness 1 and more is "
    "unusual."
)


def outlier_lists(found: Scan, layout: Layout) -> OutlierLists:
    """The outlying subjects and recordings of a scan, and the strangest clips of all others."""
    people, recordings = outlying(found.facts, layout.joints)
    shown = {clip for one in (*people, *recordings) for clip in one.clips}
    rest = [one for one in found.facts if one.clip_id not in shown]
    clips = strangest_clips(rest, CLIPS_PER_CLASS)
    return {"subject": people, "recording": recordings, "clip": clips}


def outlier_rows(outliers: OutlierLists, shown: Mapping[str, np.ndarray]) -> list[SheetRow]:
    """A row of pictures of each of the first few subjects and recordings, and one of clips."""
    rows = []
    for kind in ("subject", "recording"):
        for one in outliers[kind][:MOST_DRAWN]:
            title = f"{kind} {one.name}: {one.reasons[0]}"
            clips = [(clip, shown[clip]) for clip in one.clips[:CLIPS_PER_CLASS]]
            rows.append(SheetRow(_cut(title), clips))
    if outliers["clip"]:
        others = "the strangest of all other clips" if rows else "the strangest clips"
        clips = [(one.name, shown[one.name]) for one in outliers["clip"]]
        rows.append(SheetRow(others, clips))
    return rows


def outlier_section(outliers: OutlierLists) -> list[str]:
    """What the page says of them."""
    lines = [
        [kind, one.name, f"{one.score:.1f}", "; ".join(one.reasons)]
        for kind, found in outliers.items()
        for one in found[:MOST_LISTED]
    ]
    if not lines:
        return ["There are too few clips to compare any of them with the others."]
    table = markdown_table(["Kind", "Name", "Strangeness", "What is unusual"], lines, "llrl")
    rest = sum(max(len(found) - MOST_LISTED, 0) for found in outliers.values())
    return [_LEGEND, table, *([f"{rest:,} more are not listed."] if rest else [])]


def _cut(title: str) -> str:
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1].rstrip()}…"
