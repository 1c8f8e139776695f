"""Readers: from what lies on a user's disk to a stream of clips.

A reader is a function ``read(data, class_names, workers)`` that yields a `Clip`, or a `BadClip`
where one cannot be used. ``data`` is the ``data:`` section of the config. What is wrong with a
whole file is an `InputError`, whatever ``on_bad_clip`` says.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from microgesture.errors import InputError
from microgesture.readers import miga, plain
from microgesture.store import BadClip, Clip

Reader = Callable[[Mapping[str, Any], list[str], int], Iterator[Clip | BadClip]]

FORMATS: dict[str, Reader] = {"miga2025": miga.read, "parquet": plain.read}


def read_clips(
    data: Mapping[str, Any], class_names: list[str], workers: int = 1
) -> Iterator[Clip | BadClip]:
    """Read the data set that ``data`` describes, with the reader that ``data["format"]`` names."""
    name = data.get("format")
    if name not in FORMATS:
        raise InputError(f"data.format is {name!r}, expected one of {', '.join(FORMATS)}")
    return FORMATS[name](data, class_names, workers)
