"""Crops of video with the skeletons drawn over them: a shift by some frames is seen at a glance."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data.boxes import far_points, own_frames
from microgesture.data.clip_file import Records
from microgesture.data.layouts import Layout
from microgesture.data.store import SPLITS, Clip
from microgesture.utils.files import read_json
from microgesture.video.crops import crops_of
from microgesture.video.manifest import warnings
from microgesture.viz.skeletons import SkeletonArt, side_handles
from microgesture.viz.style import SOFT, open_figure

CLIPS, FRAMES, STEP = 3, 6, 4
"""Clips drawn of each split, frames of each, and frames between them."""
CANDIDATES = 12
"""Clips of each split of which those that move most are drawn: a still one shows nothing."""
ALT = "Crops of video with the skeletons drawn over them, a few clips of each split"
LEGEND = (
    "Frames around the fastest movement of a few clips of each split, with the skeletons of the "
    "same frames drawn over them. Look for limbs that run ahead of the picture or lag behind it "
    "(another frame rate, frames missing at the start, another cut), that are moved or stretched "
    "(another resolution), or that belong to somebody else (another recording)."
)


@dataclass(frozen=True)
class Film:
    """The crops of a set, opened, with its manifest and the clips that may be drawn."""

    records: Records
    manifest: Mapping[str, Any]
    candidates: frozenset[str]


def open_film(manifest: Path, index: pd.DataFrame) -> Film:
    """Open the crops file beside a manifest and choose clips, evenly over those of each split."""
    about = read_json(manifest)
    usable = index[~index.clip_id.isin(about["missing"]) & (index.num_frames > 2 * STEP)]
    chosen: list[str] = []
    for split in SPLITS:
        names = usable.clip_id[usable.split == split].to_numpy()
        few = min(len(names), CANDIDATES)
        chosen += names[np.linspace(0, max(len(names) - 1, 0), few).round().astype(int)].tolist()
    return Film(Records(manifest.with_suffix(".arrow")), about, frozenset(chosen))


def kept(clips: Iterable[Clip], names: frozenset[str], into: dict[str, Clip]) -> Iterator[Clip]:
    """Pass clips on, and keep those of some names."""
    for clip in clips:
        if clip.clip_id in names:
            into[clip.clip_id] = clip
        yield clip


def speed(points: np.ndarray) -> np.ndarray:
    """How fast the fastest quarter of the joints moves around each frame, (T,), in pixels a frame.

    Parameters
    ----------
    points : ndarray, (T, V, 3)

    """
    found = (points[..., 2] > 0) & ~far_points(points) & own_frames(points)[:, None]
    before, after = np.arange(len(points)) - 1, np.arange(len(points)) + 1
    before, after = np.maximum(before, 0), np.minimum(after, len(points) - 1)
    moved = np.linalg.norm(points[after, :, :2] - points[before, :, :2], axis=-1)
    moved = (
        np.where(found[before] & found[after], moved, 0) / np.maximum(after - before, 1)[:, None]
    )
    fastest = np.sort(moved, axis=1)[:, -max(points.shape[1] // 4, 1) :]
    return fastest.mean(axis=1)


def drawn_frames(speeds: np.ndarray) -> np.ndarray:
    """Frames around the fastest movement, at most `FRAMES` of them."""
    step = max(min(STEP, (len(speeds) - 1) // (FRAMES - 1)), 1)
    whole = step * (FRAMES - 1)
    first = int(np.clip(int(speeds.argmax()) - whole // 2, 0, max(len(speeds) - 1 - whole, 0)))
    return np.arange(first, min(first + whole + 1, len(speeds)), step)


def drawn_clips(clips: Sequence[Clip], layout: Layout) -> list[Clip]:
    """Of each split those that move most, of different subjects as far as there are any."""

    def most(clip: Clip) -> float:
        points = clip.points[:, layout.points]
        seen = points[(points[..., 2] > 0) & own_frames(points)[:, None]]
        size = float(np.ptp(seen[:, :2], axis=0).max()) if len(seen) else 0.0
        return float(speed(points).max()) / size if size else 0.0

    chosen = []
    for split in SPLITS:
        ranked = sorted((c for c in clips if c.split == split), key=lambda c: (-most(c), c.clip_id))
        firsts = {clip.subject: clip for clip in reversed(ranked)}
        ranked.sort(key=lambda clip: firsts[clip.subject] is not clip)
        chosen += ranked[:CLIPS]
    return chosen


def plot_video(film: Film, clips: Sequence[Clip], layout: Layout, path: str | Path) -> None:
    """Draw a row of frames of each clip."""
    rows = {name: row for row, name in enumerate(film.records.index["clip_id"])}
    inch, head = 1.2, 0.18
    with open_figure(path, inch * FRAMES + 0.1, inch * len(clips) * (1 + head) + 0.4) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(0, FRAMES)
        axes.set_ylim(len(clips) * (1 + head), 0)
        axes.set_aspect("equal")
        for number, clip in enumerate(clips):
            points = clip.points[:, layout.points]
            points = np.where(far_points(points)[..., None], 0, points)
            frames, top = drawn_frames(speed(points)), number * (1 + head) + head
            row = rows[clip.clip_id]
            left, upper, side = film.records.metadata["squares"][row]
            title = f"{clip.split}  {clip.clip_id}  frames {', '.join(map(str, frames))}"
            axes.text(0.01, top - 0.04, title, fontsize=7, color=SOFT)
            for place, picture in enumerate(crops_of(film.records, row, frames)):
                extent = (place, place + 0.98, top + 0.98, top)
                axes.imshow(picture, extent=extent, aspect="equal", interpolation="bilinear")
                moved = points[frames[place]].copy()
                moved[:, :2] = (moved[:, :2] - (left, upper)) / side * 0.98 + (place, top)
                SkeletonArt(axes, layout, line=1.0, dot=1.8).show(moved)
        axes.set_xlim(0, FRAMES)
        axes.set_ylim(len(clips) * (1 + head), 0)
        figure.legend(handles=side_handles(), loc="outside upper left", ncols=3)


def section(film: Film, clips: Mapping[str, Clip], layout: Layout, figures: Path) -> list[str]:
    """Draw ``video.png`` where there is something to draw; the page's text, and the alt text."""
    chosen = drawn_clips(list(clips.values()), layout)
    if not chosen:
        return [_facts(film.manifest)]
    plot_video(film, chosen, layout, figures / "video.png")
    return [f"{_facts(film.manifest)}\n\n{LEGEND}", ALT]


def _facts(manifest: Mapping[str, Any]) -> str:
    """What the page says of the crops before it shows them."""
    notes = [f"- {note}" for note in warnings(manifest)]
    said = (
        f"{manifest['clips'] - len(manifest['missing']):,} of {manifest['clips']:,} clips have "
        f"video, in {manifest['videos']:,} files; {manifest['frames']:,} crops of "
        f"{manifest['side']} x {manifest['side']} pixels, {manifest['bytes'] / 1e6:,.1f} MB."
    )
    return "\n\n".join([said, *(["\n".join(notes)] if notes else [])])
