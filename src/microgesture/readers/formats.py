"""Readers: from what lies on a user's disk to a stream of clips.

A reader is a function ``read(data, class_names, workers)`` that yields a `Clip`, or a `BadClip`
where one cannot be used. ``data`` is the section of the config, a model of
`microgesture.settings.data`. What is wrong with a whole file is an `InputError`, whatever
``on_bad_clip`` says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pyarrow as pa

from microgesture.data.keypoints import KINECT, OPENPOSE
from microgesture.data.store import BadClip, Clip
from microgesture.readers import csv as plain_csv
from microgesture.readers import (
    detections,
    imigue2021,
    miga2025,
    openpose_json,
    pyskl,
    recordings,
    release2023,
    smg,
)
from microgesture.readers import parquet as plain_parquet
from microgesture.readers.common import unreadable
from microgesture.settings.data import Data
from microgesture.utils.errors import InputError

Reader = Callable[..., Iterator[Clip | BadClip]]


@dataclass(frozen=True)
class Format:
    """A format of data sets: its reader, and how its files are found.

    Attributes
    ----------
    read : callable
    location : {'root', 'path'}
        The key of the config that says where the data are.
    suffixes : tuple of str
        Endings of a single file that is told to be of this format.
    pattern : str
        Regular expression for the path of a file, below the root, that tells the format.
    example : str
        Such a file, as a message names it.
    reads : str
        Regular expression for the paths, below the root, of all files that the reader reads.
    names_videos : bool
        Whether the data say which video a clip is of, and not who is seen in it.
    recordings : bool
        Whether clips are parts of long recordings, which the reader yields as well if its argument
        ``whole`` is true.
    keypoints : str
        Name of the `microgesture.data.keypoints.KeypointFormat` of what the reader yields.

    """

    read: Reader
    location: Literal["root", "path"] = "root"
    suffixes: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""
    reads: str = ""
    names_videos: bool = False
    recordings: bool = False
    keypoints: str = OPENPOSE.name


FORMATS: dict[str, Format] = {
    "miga2025": Format(
        miga2025.read,
        pattern=r"(.*/)?imigue_skeleton_\w+/[^/]+/[^/]+_(openpose\.xlsx|light(_hand)?\.csv)",
        example="0001_openpose.xlsx",
        reads=r"(.*/)?imigue_skeleton_(train|validate|test)/([^/._][^/]*)/"
        r"\3_(openpose\.xlsx|light(_hand)?\.csv|label\.csv)",
        names_videos=True,
        recordings=True,
    ),
    "imigue2021": Format(
        imigue2021.read,
        pattern=r"(.*/)?mg_skeleton_only/[^/]+/[^/]+_2\.xlsx",
        example="0001_2.xlsx",
        reads=r"(.*/)?(mg_skeleton_only/([^/._][^/]*)/\3_2\.xlsx|labels_20200831\.csv)",
        recordings=True,
    ),
    "openpose_json": Format(
        openpose_json.read,
        pattern=r"(.*/)?(?!\.)[^/]*[0-9]_keypoints\.json",
        example="clip_000000000000_keypoints.json",
        recordings=True,
    ),
    "release2023": Format(
        release2023.read,
        pattern=r"(train|valid|test)_data\.npy",
        example="train_data.npy",
        reads=r"(train|valid|test)_(data\.npy|label\.pkl)",
        names_videos=True,
    ),
    "pyskl": Format(pyskl.read, location="path", suffixes=(".pkl", ".pickle"), names_videos=True),
    "smg": Format(
        smg.read,
        pattern=r"(.*/)?([^/]+)/\2_skeleton\.csv",
        example="Sample0001/Sample0001_skeleton.csv",
        reads=r"(.*/)?([^/]+)/\2_(skeleton|data|finelabels)\.csv",
        names_videos=True,
        recordings=True,
        keypoints=KINECT.name,
    ),
    "parquet": Format(plain_parquet.read, location="path", suffixes=(".parquet",)),
    "recordings": Format(recordings.read, location="path", recordings=True),
    "detections": Format(
        detections.read,
        reads=r"((?!\.)[^/]+/)*(?!\.)[^/]+(?<!_keypoints)\.(json|npy)",
        names_videos=True,
        recordings=True,
    ),
    "csv": Format(plain_csv.read, location="path", suffixes=(".csv",)),
}


def read_clips(
    data: Data, class_names: list[str], workers: int = 1, whole: bool = False
) -> Iterator[Clip | BadClip]:
    """Read the data set that ``data`` describes, with the reader of its format.

    With ``whole``, which is for formats with long recordings, these are among what it yields.
    """
    more = {"whole": True} if whole else {}
    return _read(partial(FORMATS[data.format].read, data, class_names, workers, **more), data)


def _read(reader: Callable[[], Iterator[Clip | BadClip]], data: Data) -> Iterator[Clip | BadClip]:
    try:
        yield from reader()
    except (OSError, pa.ArrowException, UnicodeError) as error:
        # a file that vanishes, is damaged, may not be read or is a loop of links, wherever it shows
        given = getattr(data, "path", None) or getattr(data, "root", None)
        place = getattr(error, "filename", None) or given
        raise InputError(unreadable(place, error)) from error


def by_video(data: Data) -> bool:
    """Whether each video counts as a subject, since the data do not say who is in it."""
    return FORMATS[data.format].names_videos and not getattr(data, "subjects", None)


def has_recordings(data: Data) -> bool:
    """Whether the clips of ``data`` are parts of long recordings."""
    return data.format in ("synthetic", "video") or FORMATS[data.format].recordings


def keypoint_format(data: Data) -> str:
    """Name of the `microgesture.data.keypoints.KeypointFormat` of what the reader yields."""
    return FORMATS[data.format].keypoints
