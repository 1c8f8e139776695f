"""From the skeleton store to one clip file: layout chosen, cleaned, brought to a timeline."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.boxes import far_points
from microgesture.data.clip_file import write_records
from microgesture.data.keypoints import KEYPOINT_FORMATS, OPENPOSE
from microgesture.data.layouts import Layout
from microgesture.data.store import Clip
from microgesture.preprocessing.cleaning import MANY, REMEDY, Emptied, clean, emptied_frames, found
from microgesture.preprocessing.profile import clip_profile
from microgesture.preprocessing.temporal import align
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256


def prepare_clips(
    clips: Iterable[Clip],
    layout: Layout,
    class_names: Sequence[str],
    config: Mapping[str, Any],
    path: Path,
    order: str = OPENPOSE.name,
) -> dict[str, Any]:
    """Write a clip file and return its manifest.

    Parameters
    ----------
    clips : iterable of Clip
    layout : Layout
    class_names : sequence of str
        Names in id order.
    config : mapping
        ``cleaning`` (see `clean`), ``length`` (None keeps the clip's own frames, a number aligns
        to so many), ``max_gap`` (see `align`) and ``on_bad_clip``: whether a clip without any
        visible point is kept, empty (``skip``; a submission needs every clip), or an error.
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
    if layout.source != order:
        raise InputError(
            f"layout {layout.name} numbers the points of {layout.source}, but the skeleton store "
            f"holds {order}; give the variants a layout whose source is {order}"
        )
    ids = {name: number for number, name in enumerate(class_names)}
    metadata = {"layout": layout.name, "joints": len(layout.joints), **config}
    frames = count = seen = lost = far = 0
    far_clips: list[str] = []
    empty, jumps = [], Emptied()
    with write_records(path, metadata) as writer:
        for clip in clips:
            cleaned = clean(clip.points, config["cleaning"], KEYPOINT_FORMATS[order], clip.fps)
            jumps.add(
                clip.clip_id,
                *emptied_frames(clip.points, config["cleaning"], KEYPOINT_FORMATS[order]),
            )
            points = cleaned[:, layout.points]
            shown = found(clip.points, config["cleaning"])
            before = shown[:, layout.points].any(axis=1)
            seen += int(before.sum())
            away = far_points(np.where(shown[..., None], clip.points, 0))[:, layout.points]
            if away.any():
                far += int(away.sum())
                far_clips.append(_first_far(clip, layout, away))
            lost += int((before & ~(points[..., 2] > 0).any(axis=1)).sum())
            if config["length"] is not None:
                points = align(points, config["length"], config["max_gap"])
            if not (points[..., 2] > 0).any():
                empty.append(clip.clip_id)
                if config["on_bad_clip"] == "stop":
                    raise InputError(
                        f"clip {clip.clip_id}: none of the {len(layout.joints)} points of layout "
                        f"{layout.name} is visible after cleaning in {len(clip.points)} frames; "
                        "lower cleaning.min_score, or set data.on_bad_clip: skip"
                    )
            writer.append(
                {
                    "clip_id": clip.clip_id,
                    "label": None if clip.label is None else ids[clip.label],
                    "subject": clip.subject,
                    "split": clip.split,
                    "num_frames": len(points),
                    "profile": clip_profile(clip, layout, config["cleaning"]).tobytes(),
                    "blobs": [points.tobytes()],
                }
            )
            frames += len(points)
            count += 1
    return {
        **metadata,
        "clips": count,
        "frames": frames,
        "frames_with_points": seen,
        "frames_cleaned_away": lost,
        "far_points": far,
        "far_clips": far_clips,
        "frames_of_others": jumps.emptied,
        "clips_with_others": {clip: [lost, of] for clip, lost, of in jumps.worst},
        "others_note": jumps.note(),
        "empty": empty,
        "sha256": sha256(path),
    }


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
