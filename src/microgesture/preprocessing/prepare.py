"""From the skeleton store to one clip file: layout chosen, cleaned, brought to a timeline."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.boxes import far_points
from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import MemoryRecords, write_records
from microgesture.data.keypoints import KEYPOINT_FORMATS, OPENPOSE
from microgesture.data.layouts import Layout
from microgesture.data.store import Clip
from microgesture.preprocessing.cleaning import MANY, REMEDY, Emptied, clean, emptied_frames, found
from microgesture.preprocessing.profile import clip_profile
from microgesture.preprocessing.temporal import align
from microgesture.settings.preparation import Cleaning, Preparation
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256


def prepare_clips(
    clips: Iterable[Clip],
    layout: Layout,
    config: Preparation,
    path: Path,
    order: str = OPENPOSE.name,
) -> dict[str, Any]:
    """Write a clip file and return its manifest.

    Parameters
    ----------
    clips : iterable of Clip
    layout : Layout
    config : Preparation
        With ``on_bad_clip: skip`` a clip without any visible point is kept, empty, since a
        submission needs every clip; else it is an error.
    path : Path
        Record file to write; a record's one blob is float32 (T, V, 3).
    order : str
        What the clips' points are, as the store's metadata says.

    Raises
    ------
    InputError
        When the layout is made for other points, or a clip has no visible point left in this
        layout and ``on_bad_clip`` is ``stop``.

    """
    seen = Seen()
    with write_records(path, _metadata(layout, config)) as writer:
        for row in _prepared(clips, layout, config, order, seen):
            writer.append(row)
    return {**_metadata(layout, config), **seen.stated(), "sha256": sha256(path)}


def prepare_in_memory(
    clips: Iterable[Clip], layout: Layout, config: Preparation, order: str = OPENPOSE.name
) -> tuple[MemoryRecords, list[str]]:
    """What `prepare_clips` writes but the labels, in memory alone; and the ids of empty clips."""
    seen = Seen()
    unlabelled = (replace(clip, label=UNKNOWN) for clip in clips)
    rows = _prepared(unlabelled, layout, config, order, seen)
    return MemoryRecords(_metadata(layout, config), rows), seen.empty


def _metadata(layout: Layout, config: Preparation) -> dict[str, Any]:
    return {"layout": layout.name, "joints": len(layout.joints), **config.given()}


@dataclass
class Seen:
    """What is counted while clips are prepared, see `stated`."""

    clips: int = 0
    frames: int = 0
    with_points: int = 0
    cleaned_away: int = 0
    far_points: int = 0
    far_clips: list[str] = field(default_factory=list)
    jumps: Emptied = field(default_factory=Emptied)
    empty: list[str] = field(default_factory=list)

    def stated(self) -> dict[str, Any]:
        """These numbers as a manifest states them."""
        return {
            "clips": self.clips,
            "frames": self.frames,
            "frames_with_points": self.with_points,
            "frames_cleaned_away": self.cleaned_away,
            "far_points": self.far_points,
            "far_clips": self.far_clips,
            "frames_of_others": self.jumps.emptied,
            "clips_with_others": {clip: [lost, of] for clip, lost, of in self.jumps.worst},
            "others_note": self.jumps.note(),
            "empty": self.empty,
        }


def _prepared(
    clips: Iterable[Clip],
    layout: Layout,
    config: Preparation,
    order: str,
    seen: Seen,
) -> Iterator[dict[str, Any]]:
    """Index entry and points of every clip; counts into ``seen``."""
    if layout.source != order:
        raise InputError(
            f"layout {layout.name} numbers the points of {layout.source}, but the skeleton store "
            f"holds {order}; give the variants a layout whose source is {order}"
        )
    for clip in clips:
        points = _cleaned(clip, layout, config.cleaning, seen)
        if config.length is not None:
            points = align(points, config.length, config.max_gap)
        if not (points[..., 2] > 0).any():
            seen.empty.append(clip.clip_id)
            if config.on_bad_clip == "stop":
                raise InputError(
                    f"clip {clip.clip_id}: none of the {len(layout.joints)} points of layout "
                    f"{layout.name} is visible after cleaning in {len(clip.points)} frames; "
                    "lower cleaning.min_score, or set data.on_bad_clip: skip"
                )
        seen.clips += 1
        seen.frames += len(points)
        yield {
            "clip_id": clip.clip_id,
            "label": clip.label,
            "subject": clip.subject,
            "split": clip.split,
            "num_frames": len(points),
            "profile": clip_profile(clip, layout, config.cleaning).tobytes(),
            "blobs": [points.tobytes()],
        }


def _cleaned(clip: Clip, layout: Layout, cleaning: Cleaning, seen: Seen) -> np.ndarray:
    """A clip's points of a layout after cleaning, float32 (T, V, 3); counts into ``seen``."""
    order = KEYPOINT_FORMATS[layout.source]
    points = clean(clip.points, cleaning, order, clip.fps)[:, layout.points]
    seen.jumps.add(clip.clip_id, *emptied_frames(clip.points, cleaning, order))
    shown = found(clip.points, cleaning)
    before = shown[:, layout.points].any(axis=1)
    away = far_points(np.where(shown[..., None], clip.points, 0))[:, layout.points]
    if away.any():
        seen.far_points += int(away.sum())
        seen.far_clips.append(_first_far(clip, layout, away))
    seen.with_points += int(before.sum())
    seen.cleaned_away += int((before & ~(points[..., 2] > 0).any(axis=1)).sum())
    return points


def _first_far(clip: Clip, layout: Layout, away: np.ndarray) -> str:
    """Name a clip's first point that is far away, of those in ``away``, bool (T, V)."""
    frame, joint = np.argwhere(away)[0]
    x, y, score = clip.points[frame, layout.points[joint]]
    place = f"({x:g}, {y:g}), score {score:g}"
    return f"clip {clip.clip_id}, frame {frame}, {layout.joints[joint]} at {place}"


def warnings(manifest: Mapping[str, Any]) -> list[str]:
    """What in a stream's manifest is legal but should be looked at, one sentence each."""
    seen, lost = manifest["frames_with_points"], manifest["frames_cleaned_away"]
    notes = []
    if manifest["others_note"]:
        notes.append(f"{manifest['others_note']}. {REMEDY}")
    elif lost > MANY * seen:
        notes.append(
            f"cleaning took every point out of {lost:,} of {seen:,} frames ({lost / seen:.0%}); "
            "lower cleaning.<name>.min_score, or check the scores"
        )
    if manifest["far_points"]:
        some = "; ".join(manifest["far_clips"][:3])
        notes.append(
            f"{manifest['far_points']:,} points in {len(manifest['far_clips']):,} clips lie so far "
            "from all others that they can be no part of the figure, and count as not found: "
            f"{some}; if they are right, the coordinates of the others are not"
        )
    if manifest["empty"]:
        some = ", ".join(manifest["empty"][:5])
        notes.append(f"{len(manifest['empty'])} clips have no visible point left: {some}")
    return notes
