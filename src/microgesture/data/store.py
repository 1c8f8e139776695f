"""The skeleton store: one Parquet file, one row a clip, written and read as a stream.

Every reader yields `Clip` and `BadClip`, as `check_clip` gives them: a clip is checked once, where
its file and row are known. `write_store` is the one place where a bad clip stops the run or is left
out and counted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from microgesture.data.classes import UNKNOWN, class_ids
from microgesture.data.keypoints import KEYPOINT_FORMATS, OPENPOSE, fill_midpoints
from microgesture.utils.checksums import (
    PARQUET,
    READING,
    WRITING,
    check_parquet,
    readable,
    seal_file,
)
from microgesture.utils.content import check_file
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path

SPLITS = ("train", "val", "test")
POINTS = OPENPOSE.count
NUMBERS_PER_FRAME = POINTS * 3
# Numbers that are held at once, 64 MB of them, beyond those of one clip: clips may be hours long.
NUMBERS_AT_ONCE = 1 << 24
# What a clip may state, in frames a second and pixels; more is a slip.
FPS_LIMITS, LARGEST_SIDE = (0.01, 10_000), 1_000_000
METADATA_KEY = b"microgesture"

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("label", pa.string()),
        ("subject", pa.string()),
        ("split", pa.string()),
        ("fps", pa.float32()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("num_frames", pa.int32()),
        ("recording", pa.string()),
        ("start", pa.int32()),
        ("recording_frames", pa.int32()),
        ("points", pa.list_(pa.float32())),
    ]
)
ORIGIN = ("recording", "start", "recording_frames")
"""Columns that say what a clip was cut from; null where only the clip is known."""
INDEX_COLUMNS = [name for name in SCHEMA.names if name != "points"]


@dataclass(frozen=True)
class Clip:
    """One clip of one person.

    Attributes
    ----------
    clip_id
        Unique in the data set.
    label
        Class id, or -1 where it is not known; the file holds names and nulls.
    subject
        Who is seen; no subject should occur in two splits.
    split
        "train", "val" or "test".
    fps
        Frames a second.
    height, width
        Of the source frame, in pixels.
    points
        float32 (T, P, 3): x, y in pixels of the source frame (y down) and score in [0, 1];
        a point that was not found is (0, 0, 0). P is 137, or that of another
        `microgesture.data.keypoints.KeypointFormat`.
    recording, start, recording_frames
        Which recording the clip was cut from, at which of its frames, from 0, the clip begins, and
        how many it has; None where only the clip is known.

    """

    clip_id: str
    label: int
    subject: str
    split: str
    fps: float
    height: int
    width: int
    points: np.ndarray
    recording: str | None = None
    start: int | None = None
    recording_frames: int | None = None


@dataclass(frozen=True)
class BadClip:
    """A clip that cannot be used: where it was found and why.

    ``place`` names file and row, ``reason`` what was found and what was expected.
    """

    clip_id: str
    split: str
    place: str
    reason: str

    @property
    def message(self) -> str:
        """What the user is told."""
        name = self.clip_id if len(self.clip_id) <= 200 else f"{self.clip_id[:200]}..."
        text = f"{self.place}: clip {name}: {self.reason}; mend it, or set on_bad_clip: skip"
        return " ".join(text.splitlines())


def clean_points(points: np.ndarray) -> np.ndarray:
    """Set points that were not found (score <= 0) to zero and clip scores to at most 1.

    Parameters
    ----------
    points
        (T, V, 3), finite. OpenPose writes scores up to about 1.05.

    Returns
    -------
    ndarray
        float32 (T, V, 3), a copy.

    """
    cleaned = np.array(points, dtype=np.float32)
    np.clip(cleaned[..., 2], 0, 1, out=cleaned[..., 2])
    cleaned[cleaned[..., 2] == 0] = 0
    return cleaned


def check_clip(
    clip: Clip, place: str, class_names: Sequence[str], count: int = POINTS
) -> Clip | BadClip:
    """Return the clip with cleaned points, or say what is wrong with it.

    Neck and mid-hip are set from shoulders and hips where no frame has them.

    Parameters
    ----------
    clip
        Its points may still hold scores above 1 and coordinates of points not found.
    place
        File and row, for the message.
    class_names
        K names in id order; ``clip.label`` is one of their ids, or -1.
    count
        Points in a frame.

    """
    fault = _fault(clip, class_names, count)
    if fault:
        return BadClip(clip.clip_id, clip.split, place, fault)
    points = clean_points(clip.points)
    if not points[..., 2].any():
        frames = "its only frame" if len(points) == 1 else f"any of its {len(points)} frames"
        return BadClip(clip.clip_id, clip.split, place, f"it has no visible point in {frames}")
    return replace(clip, points=fill_midpoints(points) if count == POINTS else points)


def _fault(clip: Clip, class_names: Sequence[str], count: int) -> str | None:
    shape = clip.points.shape
    if len(shape) != 3 or shape[1:] != (count, 3):
        return f"its points have shape {shape}, expected (frames, {count}, 3)"
    if shape[0] < 1:
        return "it has no frames, expected at least 1"
    if clip.split not in SPLITS:
        return f"its split is {clip.split!r}, expected one of {', '.join(SPLITS)}"
    if not UNKNOWN <= clip.label < len(class_names):
        return (
            f"its label is {clip.label}, expected 0..{len(class_names) - 1}, or {UNKNOWN} where it "
            "is not known"
        )
    if not (clip.height > 0 and clip.width > 0 and 0 < clip.fps < np.inf):
        return (
            f"it has height {clip.height}, width {clip.width} and fps {clip.fps:g}, "
            "expected positive numbers"
        )
    if max(clip.height, clip.width) > LARGEST_SIDE:
        return (
            f"it has height {clip.height} and width {clip.width}, expected pixels, at most "
            f"{LARGEST_SIDE:,}"
        )
    if not FPS_LIMITS[0] <= clip.fps <= FPS_LIMITS[1]:
        return f"it has fps {clip.fps:g}, expected {FPS_LIMITS[0]} to {FPS_LIMITS[1]:,}"
    # the cast comes first: a number beyond float32 would become infinite unseen
    with np.errstate(over="ignore"):
        finite = np.isfinite(clip.points.astype(np.float32, copy=False))
    if not finite.all():
        frame, point, _ = np.argwhere(~finite)[0]
        return (
            f"frame {frame}, point {point} holds {clip.points[frame, point].tolist()}, expected "
            "finite numbers (a point that was not found has x = y = score = 0)"
        )
    return None


@dataclass
class Written:
    """What `write_store` counted on the way.

    Attributes
    ----------
    skipped
        What was left out; empty under "stop".
    visible, right_of_frame
        Points with a score above 0, and those of them with x > width. OpenPose and MediaPipe place
        few points there, so many of them mean that height and width are swapped.

    """

    skipped: list[BadClip] = field(default_factory=list)
    visible: int = 0
    right_of_frame: int = 0


def write_store(
    path: str | Path,
    items: Iterable[Clip | BadClip],
    class_names: list[str],
    source_format: str,
    on_bad_clip: str = "stop",
    row_group: int = 64,
    order: str = OPENPOSE.name,
) -> Written:
    """Write clips as they come, holding at most ``row_group`` of them in memory, fewer long ones.

    The file appears under its name only when complete, and the same clips give the same bytes.

    Parameters
    ----------
    path
        The Parquet file to write.
    items
        What a reader yields: clips that `check_clip` has passed.
    class_names
        K names in id order, kept in the file's metadata.
    source_format
        Name of the format the clips come from, kept in the file's metadata.
    on_bad_clip
        "stop" or "skip".
    row_group
        Rows in a row group, at most 64.
    order
        Name of the order that the points are in, kept in the file's metadata.

    Raises
    ------
    InputError
        On a bad clip under "stop", a clip id that occurs twice, or when no clip is left.

    """
    metadata = {"classes": class_names, "format": source_format, "points": order}
    schema = SCHEMA.with_metadata({METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    names = {label: name for name, label in class_ids(class_names).items()}
    written = Written()
    pending: list[Clip] = []
    with atomic_path(path) as temporary:
        with pq.ParquetWriter(temporary, schema, **WRITING) as writer:
            for clip in _accepted(items, source_format, on_bad_clip, written):
                pending.append(clip)
                numbers = sum(one.points.size for one in pending)
                if len(pending) == row_group or numbers >= NUMBERS_AT_ONCE:
                    writer.write_batch(record_batch(pending, schema, names))
                    pending = []
            if pending:
                writer.write_batch(record_batch(pending, schema, names))
        seal_file(temporary, PARQUET)
    return written


def _accepted(
    items: Iterable[Clip | BadClip], source: str, on_bad_clip: str, written: Written
) -> Iterator[Clip]:
    """Yield the good clips; count into ``written``, or stop."""
    seen: set[str] = set()
    for item in items:
        if isinstance(item, BadClip):
            if on_bad_clip != "skip":
                raise InputError(item.message)
            written.skipped.append(item)
            continue
        if item.clip_id in seen:
            raise InputError(
                f"{source}: clip id {item.clip_id!r} occurs twice; give every clip its own id"
            )
        seen.add(item.clip_id)
        written.visible += int(np.count_nonzero(item.points[..., 2]))
        written.right_of_frame += int(np.count_nonzero(item.points[..., 0] > item.width))
        yield item
    if not seen:
        bad = written.skipped
        why = f"all {len(bad)} were skipped, the first was {bad[0].message}" if bad else "none came"
        raise InputError(f"{source}: no clip is left to write: {why}")


def record_batch(
    clips: Sequence[Clip], schema: pa.Schema, names: Mapping[int, str | None]
) -> pa.RecordBatch:
    """Clips as rows of a store; ``names`` are those of their labels."""
    sizes = [clip.points.size for clip in clips]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    values = np.concatenate([clip.points.reshape(-1) for clip in clips])
    labels = pa.array([names[clip.label] for clip in clips], schema.field("label").type)
    columns = {
        name: pa.array([getattr(clip, name) for clip in clips], schema.field(name).type)
        for name in INDEX_COLUMNS
        if name not in ("label", "num_frames")
    }
    frames = pa.array([len(clip.points) for clip in clips], pa.int32())
    points = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
    columns |= {"label": labels, "num_frames": frames, "points": points}
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=schema)


def open_parquet(path: str | Path) -> pq.ParquetFile:
    """Open a Parquet file so that reading it in batches holds one batch, not a row group.

    Raises
    ------
    InputError
        If the file is missing or is not Parquet.

    """
    if Path(path).is_dir():
        raise InputError(f"{path}: is a folder, expected one Parquet file; name the file")
    check_file(path, PARQUET)
    with readable(path):
        return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False, **READING)


def iter_batches(
    parquet: pq.ParquetFile, columns: list[str], rows: int = 64
) -> Iterator[tuple[dict[str, list[Any]], list[np.ndarray]]]:
    """Yield (other columns as lists, flat points of each row as a view) of a few rows at a time."""
    for batch in parquet.iter_batches(min(rows, _rows_at_once(parquet)), columns=columns):
        index = {name: batch.column(name).to_pylist() for name in columns if name != "points"}
        points = batch.column("points")
        offsets = points.offsets.to_numpy()
        values = points.values.to_numpy(zero_copy_only=False)
        yield index, [values[a:b] for a, b in pairwise(offsets)]


def _rows_at_once(parquet: pq.ParquetFile) -> int:
    """How many rows hold few enough numbers, by the fullest row group."""
    names = [parquet.schema.column(n).path.split(".")[0] for n in range(len(parquet.schema))]
    column = names.index("points")
    groups = [parquet.metadata.row_group(n) for n in range(parquet.num_row_groups)]
    numbers = [group.column(column).num_values / max(group.num_rows, 1) for group in groups]
    return max(int(NUMBERS_AT_ONCE / max(*numbers, 1, 1)), 1)


def _open_store(path: str | Path) -> pq.ParquetFile:
    parquet = open_parquet(path)
    check_parquet(path)
    if METADATA_KEY not in (parquet.schema_arrow.metadata or {}):
        raise InputError(f"{path}: is not a skeleton store; write it with scripts/skeletons.py")
    found = _metadata(parquet)["points"]
    if found not in KEYPOINT_FORMATS:
        raise InputError(
            f"{path}: holds points in the format {found!r}, expected one of "
            f"{', '.join(KEYPOINT_FORMATS)}; write it again with scripts/skeletons.py"
        )
    return parquet


def _metadata(parquet: pq.ParquetFile) -> dict[str, Any]:
    return json.loads(parquet.schema_arrow.metadata[METADATA_KEY])


def iter_store(path: str | Path) -> Iterator[Clip]:
    """Yield the clips of a store in file order; each owns its points.

    Raises
    ------
    InputError
        If the file is missing or is not a skeleton store.

    """
    with _open_store(path) as parquet, readable(path):
        about = _metadata(parquet)
        count, ids = KEYPOINT_FORMATS[about["points"]].count, class_ids(about["classes"])
        for index, flat in iter_batches(parquet, SCHEMA.names):
            frames = index.pop("num_frames")
            index["label"] = [ids[name] for name in index["label"]]
            for row, points in enumerate(flat):
                fields = {name: column[row] for name, column in index.items()}
                yield Clip(**fields, points=points.reshape(frames[row], count, 3).copy())


def read_index(path: str | Path) -> pd.DataFrame:
    """All columns of a store but the points, as the file holds them and in its order."""
    with _open_store(path) as parquet, readable(path):
        index = parquet.read(columns=INDEX_COLUMNS).to_pandas()
    return index.astype({"start": "Int32", "recording_frames": "Int32"})


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What a store says of itself: ``classes`` (names), ``format`` and ``points`` (their order)."""
    with _open_store(path) as parquet:
        return _metadata(parquet)
