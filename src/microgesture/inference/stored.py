"""Recordings for prediction: folders of OpenPose's frame files, or rows of the plain form."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.data.store import POINTS, open_parquet
from microgesture.inference.recordings import find_recordings
from microgesture.readers.openpose_frames import read_recording
from microgesture.readers.parquet import check_columns, check_index
from microgesture.readers.recordings import NAME, left_out
from microgesture.utils.checksums import readable
from microgesture.utils.errors import InputError

SUFFIX = ".parquet"


@dataclass(frozen=True)
class Row:
    """A recording in a file of the plain form, see `microgesture.readers.recordings`."""

    path: Path
    number: int
    fps: float
    fault: str = ""
    """Why the file names the recording but does not hold it."""
    size: tuple[int, int] | None = None
    """Height and width of the picture in whose pixels the points are."""

    def __str__(self) -> str:
        return f"{self.path}, row {self.number + 1}"


# a folder of frame files, or a row of a Parquet file
Recorded = Path | Row


def find_recorded(place: Path) -> Mapping[str, Recorded]:
    """Recordings by id: rows of a Parquet file, or else folders of frame files.

    Raises
    ------
    InputError
        When it is neither.

    """
    if place.suffix.lower() != SUFFIX or not place.is_file():
        return find_recordings(place)
    with open_parquet(place) as parquet, readable(place):
        names = parquet.schema_arrow.names
        # a store of the workflow names its recordings as it does clips
        own = "clip_id" if "clip_id" in names and NAME not in names else NAME
        columns = check_columns(str(place), parquet.schema_arrow, False, own)
        index = parquet.read(columns=[name for name in columns if name != "points"]).to_pandas()
        bad = left_out(parquet)
    check_index(str(place), index.rename(columns={own: "clip_id"}))
    rows = enumerate(zip(*(index[one] for one in (own, "fps", "height", "width")), strict=True))
    found: dict[str, Recorded] = {
        name: Row(place, n, float(fps), size=(int(height), int(width)))
        for n, (name, fps, height, width) in rows
    }
    return found | {name: Row(place, -1, 0, fault) for name, (_, fault) in bad.items()}


def read_recorded(one: Recorded) -> np.ndarray:
    """The points of one person, float32 (T, 137, 3)."""
    if isinstance(one, Path):
        return read_recording(one)
    if one.fault:
        raise InputError(one.fault)
    first = 0
    with open_parquet(one.path) as parquet, readable(one.path):
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if one.number < first + rows:
                table = parquet.read_row_group(group, columns=["num_frames", "points"])
                break
            first += rows
        cells = table.slice(one.number - first, 1)
        frames = cells["num_frames"][0].as_py()
        points = cells["points"].chunk(0).flatten().to_numpy(zero_copy_only=False)
    if len(points) != frames * POINTS * 3 or not frames:
        raise InputError(
            f"{one}: num_frames is {frames} and points holds {len(points)} numbers, expected "
            f"num_frames >= 1 and num_frames x {POINTS} x 3 numbers; write the row again"
        )
    return points.astype(np.float32).reshape(frames, POINTS, 3)


def rates(recordings: Mapping[str, Recorded], fps: float | None) -> dict[str, float]:
    """Frames a second of those recordings that state them, unless a number is given for all."""
    if fps is not None:
        return {}
    return {name: one.fps for name, one in recordings.items() if isinstance(one, Row) and one.fps}
