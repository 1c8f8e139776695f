"""Recordings as a detector is trained on them: windows, drawn anew in every epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.data.clip_file import Clips, Records, prepared_points
from microgesture.data.layouts import Layout
from microgesture.online.features import body_size, features, mirrored, turned_by
from microgesture.online.segments import Labelled, Segment
from microgesture.settings.online import TemporalStep
from microgesture.utils.errors import InputError


@dataclass(frozen=True)
class Window:
    """Part of a recording as a network is shown it.

    Attributes
    ----------
    features : ndarray, float32 (T, V, C)
        See `microgesture.online.features.features`; 0 after the recording's last frame.
    counts : ndarray, bool (T,)
        Where there are frames.
    segments : list of Segment
        In the window's frames; they may begin before it and end after it.

    """

    features: np.ndarray
    counts: np.ndarray
    segments: list[Segment]


class RecordingSource:
    """Prepared recordings with what happens in them.

    Parameters
    ----------
    records : Clips
        One row a recording.
    layout : Layout
    labelled : sequence of Labelled
        Rows of other recordings are not used.

    Attributes
    ----------
    rows : dict
        The rows of each split.

    """

    def __init__(self, records: Clips, layout: Layout, labelled: Sequence[Labelled]) -> None:
        self.records, self.layout = records, layout
        known = {one.recording: one for one in labelled}
        names = records.index["clip_id"].tolist()
        self.labelled = [known.get(name) for name in names]
        if missing := sorted(set(known) - set(names)):
            raise InputError(
                f"{records.path}: lacks recording {missing[0]}, whose segments are known; prepare "
                "the recordings again"
            )
        splits = [one.split if one else "" for one in self.labelled]
        self.rows = {
            split: [row for row, other in enumerate(splits) if other == split]
            for split in ("train", "val", "test")
        }
        self._sizes: dict[int, float] = {}

    def frames(self, row: int) -> int:
        """Frames of a recording."""
        return int(self.records.index["num_frames"].iloc[row])

    def size(self, row: int) -> float:
        """`body_size` of a recording."""
        if row not in self._sizes:
            self._sizes[row] = body_size(prepared_points(self.records, row))
        return self._sizes[row]

    def window(self, row: int, start: int, length: int, speed: float = 1.0) -> Window:
        """Every ``speed``-th frame from one on; the rest of the recording is not read."""
        first, last = max(start - 1, 0), self.frames(row) - 1
        places = np.round(start + speed * np.arange(-1, length)).astype(int)
        counts = (places >= 0) & (places <= last)
        kept = np.clip(places, first, last)
        # the frame before the first tells how its joints have moved; before frame 0 is nothing
        points = prepared_points(self.records, row)[kept]
        points[~counts] = 0
        seen = features(points, self.layout, self.size(row))[1:]
        told = self.labelled[row]
        segments = [
            Segment(one.label, round((one.start - start) / speed), round((one.end - start) / speed))
            for one in (told.segments if told else ())
        ]
        kept_segments = [one for one in segments if one.end >= 0 and one.start < length]
        return Window(seen, counts[1:], kept_segments)

    def drawn(self, row: int, config: TemporalStep, rng: np.random.Generator) -> Window:
        """A random window, played faster or slower, turned, mirrored, and without some joints."""
        speed = float(config.speed ** rng.uniform(-1, 1))
        spare = self.frames(row) - config.window * speed
        start = int(rng.uniform(min(spare, 0) / 2, max(spare, 0) + 1))
        window = self.window(row, start, config.window, speed)
        seen = turned_by(window.features, rng.uniform(-config.rotation, config.rotation))
        if rng.uniform() < config.flip:
            seen = mirrored(seen, self.layout)
        hidden = rng.uniform(size=seen.shape[1]) < config.lost
        seen[:, hidden] = 0
        return Window(seen, window.counts, window.segments)

    def keys(self, rows: Sequence[int], length: int) -> list[tuple[int, int]]:
        """Row and number of the windows of an epoch: about two for every window of frames."""
        return [
            (row, number)
            for row in rows
            for number in range(max(round(2 * self.frames(row) / length), 1))
        ]


def open_recordings(
    manifest: Path, layout: Layout, labelled: Sequence[Labelled]
) -> RecordingSource:
    """Prepared recordings by the manifest beside them.

    Raises
    ------
    InputError
        When there is none, or they are of another layout.

    """
    if manifest.suffix != ".json" or not manifest.is_file():
        raise InputError(f"--input {manifest}: expected the manifest (.json) of recordings")
    records = Records(manifest.with_suffix(".arrow"))
    if (made := records.metadata["layout"]) != layout.name:
        raise InputError(f"--input {manifest}: holds layout {made}, expected {layout.name}")
    return RecordingSource(records, layout, labelled)
