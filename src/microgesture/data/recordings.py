"""The recordings store: a skeleton store with one row a long recording, background included.

Its rows are those of `microgesture.data.store`, without a label: ``clip_id`` is the recording's.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import METADATA_KEY, SCHEMA, BadClip, Clip, record_batch
from microgesture.utils.checksums import PARQUET, WRITING, seal_file
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path


@dataclass(frozen=True)
class Recording(Clip):
    """A whole recording, of which clips are parts; its id is that of no clip and it has no label.

    ``split`` is that of its clips.
    """


def keep_recordings(
    items: Iterable[Clip | BadClip],
    path: Path | None,
    class_names: list[str],
    source_format: str,
    order: str,
) -> Iterator[Clip | BadClip]:
    """Pass on what a reader yields but its recordings, which are written as they come.

    Only one is in memory at once. The file appears under its name when all has been passed on.

    Parameters
    ----------
    items
        Of `microgesture.readers.formats.read_clips`.
    path
        The Parquet file to write; None: there are no recordings.
    class_names, source_format, order
        Kept in the file's metadata, see `microgesture.data.store.write_store`.

    Raises
    ------
    InputError
        When a recording's id occurs twice, or no recording came.

    """
    if path is None:
        yield from items
        return
    metadata = {"classes": class_names, "format": source_format, "points": order}
    schema = SCHEMA.with_metadata({METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    seen: set[str] = set()
    with atomic_path(path) as temporary:
        with pq.ParquetWriter(temporary, schema, **WRITING) as writer:
            for item in items:
                if not isinstance(item, Recording):
                    yield item
                    continue
                if item.clip_id in seen:
                    raise InputError(
                        f"{source_format}: recording {item.clip_id!r} occurs twice; keep one"
                    )
                seen.add(item.clip_id)
                writer.write_batch(record_batch([item], schema, {UNKNOWN: None}))
        if not seen:
            raise InputError(f"{source_format}: no recording is left to write")
        seal_file(temporary, PARQUET)


def keep_splits(clips: Iterable[Clip], splits: Collection[str]) -> Iterator[Clip]:
    """Those of some splits."""
    return (one for one in clips if one.split in splits)
