"""What a skeleton store holds, in numbers a person checks before training."""

from dataclasses import asdict
from itertools import combinations
from typing import Any

import pandas as pd

from microgesture.data.store import SPLITS, Written

# On real data with the right size it is below 0.003; swapped, on 16:9 footage, far above this.
SWAPPED_SHARE = 0.05


def summarise(
    index: pd.DataFrame, written: Written, class_names: list[str], by_video: bool = False
) -> dict[str, Any]:
    """Count clips, frames and subjects of each split, and name subjects that occur in two.

    Parameters
    ----------
    index
        N rows, what `microgesture.data.store.read_index` gives.
    written
        What `microgesture.data.store.write_store` returned.
    class_names
        K names in id order.
    by_video
        Whether the data do not say who is in which video (`microgesture.readers.formats.by_video`).

    Returns
    -------
    dict
        ``splits``: for each split ``clips``, ``frames``, ``mean_frames``, ``subjects``,
        ``labelled_share`` (0 to 1) and ``clips_per_class`` (every class, 0 included);
        ``subject_overlap``: for each pair of splits that shares subjects, which;
        ``subject_is_video``: ``by_video``;
        ``right_of_frame_share``: visible points with x > width;
        ``skipped``: id, split, place and reason of each.

    """
    subjects = {
        split: sorted(set(rows.subject))
        for split, rows in ((s, index[index.split == s]) for s in SPLITS)
    }
    overlap = {
        f"{a}+{b}": sorted(set(subjects[a]) & set(subjects[b])) for a, b in combinations(SPLITS, 2)
    }
    return {
        "clips": len(index),
        "frames": int(index.num_frames.sum()),
        "splits": {s: _split(index[index.split == s], subjects[s], class_names) for s in SPLITS},
        "subject_overlap": {pair: shared for pair, shared in overlap.items() if shared},
        "subject_is_video": by_video,
        "right_of_frame_share": round(written.right_of_frame / max(written.visible, 1), 5),
        "skipped_clips": len(written.skipped),
        "skipped": [asdict(bad) for bad in written.skipped],
    }


def _split(rows: pd.DataFrame, subjects: list[str], class_names: list[str]) -> dict[str, Any]:
    counts = rows.label.value_counts()
    return {
        "clips": len(rows),
        "frames": int(rows.num_frames.sum()),
        "mean_frames": round(float(rows.num_frames.mean()), 2) if len(rows) else 0.0,
        "subjects": subjects,
        "labelled_share": round(float(rows.label.notna().mean()), 4) if len(rows) else 0.0,
        "clips_per_class": {name: int(counts.get(name, 0)) for name in class_names},
    }


def warnings(summary: dict[str, Any]) -> list[str]:
    """What in a summary is legal but should be looked at, one sentence each."""
    notes = [
        f"{len(shared)} subjects occur in both splits {pair}: {', '.join(shared[:10])}"
        for pair, shared in summary["subject_overlap"].items()
    ]
    if summary["subject_is_video"]:
        notes.append(
            "every video counts as a subject of its own, so persons who occur in two splits "
            "cannot be seen; give data.subjects"
        )
    for split in (name for name, of in summary["splits"].items() if not of["clips"]):
        then = "submission must be null" if split == "test" else "training needs it, or folds"
        notes.append(f"no clip is in split {split}: {then}")
    if summary["right_of_frame_share"] > SWAPPED_SHARE:
        notes.append(
            f"{summary['right_of_frame_share']:.0%} of the visible points lie right of the frame "
            "(x > width); are height and width swapped?"
        )
    if summary["skipped_clips"]:
        notes.append(f"{summary['skipped_clips']} clips were skipped; the summary says why")
    return notes
