"""The contact sheet of faces: what an emotion model is shown, before anything is trained on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.clip_file import Clips, Records
from microgesture.utils.files import read_json
from microgesture.video.pictures import pictures_of, told_of, warnings
from microgesture.viz.emotion import ACROSS, FaceRow, plot_faces

PEOPLE, FLAT = 10, 3
"""Recordings on the sheet, and how many of these may be of little detail."""
ALT = "Aligned faces of some recordings, masked ones crossed out"
LEGEND = (
    "Aligned faces, evenly over some recordings, recordings of little detail first. Below each: "
    "the mean score of the points it is aligned by, its height in pixels of the skeletons' "
    "picture, and its detail. Crossed out are those that are masked: no or uncertain points, too "
    "small, or too blurred. Eyes and mouths should be at the same places throughout."
)


def face_sheet(records: Clips, manifest: Mapping[str, Any], path: Path) -> None:
    """Draw the contact sheet.

    Parameters
    ----------
    records, manifest
        Faces and frames of whole recordings, see `microgesture.video.pictures`.
    path
        PNG file to write.

    """
    names = records.index["clip_id"].tolist()
    flat = manifest["flat"][:FLAT]
    rest = [row for row, name in enumerate(names) if name not in flat]
    few = min(len(rest), PEOPLE - len(flat))
    even = np.linspace(0, max(len(rest) - 1, 0), few).round().astype(int)
    rows = [*(names.index(name) for name in flat), *(rest[n] for n in even)]
    plot_faces([_row(records, row, names[row] in flat) for row in rows], path)


def _row(records: Clips, row: int, flat: bool) -> FaceRow:
    told = told_of(records, row)
    faces = [pictures_of(records, row, "face", n) for n in range(len(told.start))]
    some = np.linspace(0, told.seen.size - 1, min(ACROSS, told.seen.size)).round().astype(int)
    quality = np.stack([told.score.ravel(), told.side.ravel(), told.detail.ravel()], axis=1)
    title = str(records.index["clip_id"].iloc[row])
    if flat:
        title += ": little detail, probably blurred or pixelated"
    return FaceRow(title, np.concatenate(faces)[some], told.seen.ravel()[some] > 0, quality[some])


def facts(manifest: Mapping[str, Any]) -> str:
    """How many faces can be used, in a sentence."""
    counts = manifest["recordings"].values()
    asked, seen = (sum(one[key] for one in counts) for key in ("asked", "faces"))
    return f"{seen:,} of {asked:,} faces can be used; the others are masked."


def section(path: Path, figures: Path) -> list[str]:
    """Draw ``faces.png``; the page's text, and the alt text.

    ``path`` is the manifest of faces and frames.
    """
    manifest = read_json(path)
    records = Records(path.with_suffix(".arrow"))
    face_sheet(records, manifest, figures / "faces.png")
    side = records.metadata["face"]
    notes = [f"- {note}" for note in warnings(manifest)]
    said = f"{facts(manifest)} They are {side} x {side} pixels."
    return ["\n\n".join([said, *(["\n".join(notes)] if notes else []), LEGEND]), ALT]
