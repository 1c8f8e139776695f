"""Readers: from what lies on a user's disk to a stream of clips.

A reader is a function ``read(data, class_names, workers)`` that yields a `Clip`, or a `BadClip`
where one cannot be used. ``data`` is the section of the config, a model of
`microgesture.settings.data`. What is wrong with a whole file is an `InputError`, whatever
``on_bad_clip`` says.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from microgesture.data.keypoints import KINECT, OPENPOSE
from microgesture.data.store import BadClip, Clip
from microgesture.readers import csv as plain_csv
from microgesture.readers import imigue2021, openpose_json, pyskl, release2023, smg
from microgesture.readers import miga2025 as miga
from microgesture.readers import parquet as plain
from microgesture.readers.common import unreadable
from microgesture.settings.data import Data
from microgesture.utils.errors import InputError

Reader = Callable[[Any, list[str], int], Iterator[Clip | BadClip]]

FORMATS: dict[str, Reader] = {
    "miga2025": miga.read,
    "imigue2021": imigue2021.read,
    "openpose_json": openpose_json.read,
    "release2023": release2023.read,
    "pyskl": pyskl.read,
    "smg": smg.read,
    "parquet": plain.read,
    "csv": plain_csv.read,
}


NAME_VIDEOS = {"miga2025", "release2023", "pyskl", "smg"}
"""Formats that say which video a clip is of, and not who is seen in it."""


def read_clips(data: Data, class_names: list[str], workers: int = 1) -> Iterator[Clip | BadClip]:
    """Read the data set that ``data`` describes, with the reader of its format."""
    return _read(FORMATS[data.format], data, class_names, workers)


def _read(
    reader: Reader, data: Data, class_names: list[str], workers: int
) -> Iterator[Clip | BadClip]:
    try:
        yield from reader(data, class_names, workers)
    except (OSError, pa.ArrowException, UnicodeError) as error:
        # a file that vanishes, is damaged, may not be read or is a loop of links, wherever it shows
        given = getattr(data, "path", None) or getattr(data, "root", None)
        place = getattr(error, "filename", None) or given
        raise InputError(unreadable(place, error)) from error


def by_video(data: Data) -> bool:
    """Whether each video counts as a subject, since the data do not say who is in it."""
    return data.format in NAME_VIDEOS and not getattr(data, "subjects", None)


def keypoint_format(data: Data) -> str:
    """Name of the `microgesture.data.keypoints.KeypointFormat` of what the reader yields."""
    return KINECT.name if data.format == "smg" else OPENPOSE.name
