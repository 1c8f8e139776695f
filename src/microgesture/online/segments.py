"""Segments of recordings: which gesture from which frame to which, true or predicted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from microgesture.data.classes import class_ids
from microgesture.data.store import read_index, read_metadata
from microgesture.utils.errors import InputError


class Segment(NamedTuple):
    """A gesture in a recording: class id, first and last frame (from 0), and score."""

    label: int
    start: int
    end: int
    score: float = 1.0


@dataclass(frozen=True)
class Labelled:
    """A recording and what happens in it.

    Attributes
    ----------
    recording, subject, split : str
    fps : float
    frames : int
    segments : tuple of Segment
        In the order of their starts; they may overlap, touch or be none. All other frames are
        background.

    """

    recording: str
    subject: str
    split: str
    fps: float
    frames: int
    segments: tuple[Segment, ...] = ()

    @property
    def background(self) -> np.ndarray:
        """Frames in which nothing happens, bool (T,)."""
        idle = np.ones(self.frames, bool)
        for one in self.segments:
            idle[one.start : one.end + 1] = False
        return idle


def in_order(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Segments by start, then end, then class."""
    return tuple(sorted(segments, key=lambda one: (one.start, one.end, one.label)))


def read_labelled(recordings: Path, clips: Path, split: str | None = None) -> list[Labelled]:
    """Recordings of a store with the clips of another that were cut from them.

    Parameters
    ----------
    recordings, clips : Path
        Written by one reading of the data.
    split : str, optional
        Which ones; else all.

    Raises
    ------
    InputError
        When a clip does not say where it was cut from, or lies outside of its recording, its
        recording is not there or of another split or person, or no recording has a labelled clip.

    """
    index = read_index(recordings)
    found = {
        row["clip_id"]: Labelled(
            row["clip_id"], row["subject"], row["split"], row["fps"], row["num_frames"]
        )
        for row in index.to_dict("records")
    }
    segments: dict[str, list[Segment]] = {name: [] for name in found}
    ids = class_ids(read_metadata(clips)["classes"])
    for row in read_index(clips).to_dict("records"):
        whole = _origin(clips, row, found)
        if not isinstance(row["label"], str):
            continue  # not labelled
        segment = Segment(ids[row["label"]], row["start"], row["start"] + row["num_frames"] - 1)
        place = f"{clips}: clip {row['clip_id']}"
        segments[whole.recording].append(checked(place, segment, whole.frames))
    labelled = [replace(one, segments=in_order(segments[name])) for name, one in found.items()]
    chosen = [one for one in labelled if split in (None, one.split)]
    if not any(one.segments for one in chosen):
        which = f" of the split {split}" if split else ""
        raise InputError(
            f"{clips}: none of the {len(chosen)} recordings{which} in {recordings} has a labelled "
            "clip; expected at least one, so give the table of segments"
        )
    return chosen


def _origin(clips: Path, row: Mapping[Any, Any], found: Mapping[str, Labelled]) -> Labelled:
    """The recording that a clip was cut from."""
    clip, name, start = (row[key] for key in ("clip_id", "recording", "start"))
    if not isinstance(name, str) or not isinstance(start, int):
        raise InputError(
            f"{clips}: clip {clip} does not say of which recording and frame it is; detection "
            "needs a format with long recordings"
        )
    if name not in found:
        raise InputError(
            f"{clips}: clip {clip} is of recording {name}, which the recordings store does not "
            "have; read the data again, both stores in one step"
        )
    whole = found[name]
    ours = (row["split"], row["subject"])
    if ours != (whole.split, whole.subject):
        raise InputError(
            f"{clips}: clip {clip} is of split {ours[0]} and person {ours[1]}, but its recording "
            f"{name} of {whole.split} and {whole.subject}; expected the same"
        )
    return whole


def checked(place: str, segment: Segment, frames: int) -> Segment:
    """A segment of a recording with so many frames; refused where it is reversed or outside."""
    if segment.end < segment.start:
        raise InputError(
            f"{place}: begins in frame {segment.start} and ends in frame {segment.end}; expected "
            "the first frame before the last, so exchange them"
        )
    if segment.start < 0 or segment.end >= frames:
        raise InputError(
            f"{place}: frames {segment.start}..{segment.end}, but the recording has {frames} "
            f"(0..{frames - 1}); mend or remove it"
        )
    return segment
