"""Files of variable-length binary records with random access through a memory map.

Arrow IPC holds the records, so that a loader reads one clip of thousands without reading the others
and memory does not grow with the file. Arrow keeps no checksums, so the file's seal (see
`microgesture.utils.checksums`) has two parts a clip: the CRC-32 of its index entry, checked when
the file is opened, and of its blobs, checked when first read.

A label is a class id, and -1 where it is unknown, which only the file writes as null.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa

from microgesture.data.classes import UNKNOWN
from microgesture.utils.checksums import ARROW, damaged, read_seal, seal_file
from microgesture.utils.errors import AGAIN, InputError
from microgesture.utils.files import atomic_path

METADATA_KEY = b"microgesture"
INDEX_FIELDS = [
    pa.field("clip_id", pa.string()),
    pa.field("label", pa.int32()),
    pa.field("subject", pa.string()),
    pa.field("split", pa.string()),
    pa.field("num_frames", pa.int32()),
    pa.field("profile", pa.binary()),
]
INDEX_NAMES = [field.name for field in INDEX_FIELDS]
SCHEMA = pa.schema([*INDEX_FIELDS, pa.field("blobs", pa.list_(pa.large_binary()))])


def index_checksum(row: int, entry: Iterable[Any]) -> int:
    """CRC-32 of a clip's place in the file and its index fields."""
    # the place is part of it, so that rows that are lost or change places are noticed
    return crc32(repr((row, *entry)).encode("utf-8", "surrogatepass"))


def blobs_checksum(blobs: Iterable[Any]) -> int:
    """CRC-32 of the blobs' lengths and contents."""
    value = 0
    for blob in blobs:
        value = crc32(blob, crc32(struct.pack("<q", len(blob)), value))
    return value


class RecordWriter:
    """Appends one clip at a time; rows are flushed in batches so that memory stays flat."""

    def __init__(self, sink: pa.NativeFile, schema: pa.Schema, batch: int) -> None:
        self._file = pa.ipc.new_file(sink, schema)
        self._schema = schema
        self._batch = batch
        self._rows: list[dict[str, Any]] = []
        self.checksums: list[int] = []

    def append(self, row: dict[str, Any]) -> None:
        """Add one clip: index fields (``profile`` may lack) and ``blobs``, a list of bytes."""
        row = {"profile": None, **row}
        # plain numbers and texts, as they will be read: the checksum is one of their written form
        entry = {
            name: row[name]
            if row[name] is None or isinstance(row[name], str | bytes)
            else int(row[name])
            for name in INDEX_NAMES
        }
        if entry["label"] == UNKNOWN:
            entry["label"] = None
        place = len(self.checksums) // 2
        self.checksums += [index_checksum(place, entry.values()), blobs_checksum(row["blobs"])]
        self._rows.append({**entry, "blobs": row["blobs"]})
        if len(self._rows) >= self._batch:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_batch(pa.RecordBatch.from_pylist(self._rows, self._schema))
            self._rows = []

    def close(self) -> None:
        """Write what is left and the file's footer."""
        self._flush()
        self._file.close()


@contextmanager
def write_records(
    path: str | Path, metadata: Mapping[str, Any], batch: int = 32
) -> Iterator[RecordWriter]:
    """Open a record file for writing; it appears under its name only when the block ends well."""
    schema = SCHEMA.with_metadata({METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    with atomic_path(path) as temporary:
        with pa.OSFile(str(temporary), "wb") as sink:
            writer = RecordWriter(sink, schema, batch)
            yield writer
            writer.close()
        seal_file(temporary, ARROW, writer.checksums)


class Records:
    """A record file opened for reading.

    Attributes
    ----------
    metadata : dict
        What the writer stated about all records.
    index : DataFrame
        One row a clip: clip_id, label (-1 where unknown), subject, split, num_frames and profile
        (bytes of a `microgesture.preprocessing.profile.clip_profile`, or None).

    Raises
    ------
    InputError
        When the file is missing, cut short or damaged: on opening it, or where a clip's blobs are
        first read.

    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._open()

    def _open(self) -> None:
        table, checksums = self._sealed_table()
        self.metadata: dict[str, Any] = json.loads((table.schema.metadata or {})[METADATA_KEY])
        self.index: pd.DataFrame = self._checked_index(table, checksums[::2])
        self._blobs_crc32 = checksums[1::2]
        self._checked = np.zeros(len(self.index), bool)
        self._chunks = [chunk.values for chunk in table["blobs"].chunks]
        self._offsets = [chunk.offsets.to_numpy() for chunk in table["blobs"].chunks]
        lengths = [len(chunk) for chunk in table["blobs"].chunks]
        self._first = np.concatenate([[0], np.cumsum(lengths)]).astype(int)

    def _sealed_table(self) -> tuple[pa.Table, list[int]]:
        """The file's table over a memory map, its structure checked but no blob read; its seal."""
        try:
            checksums = read_seal(self.path, ARROW)
            if checksums is None:
                raise InputError(
                    f"{self.path}: not a readable record file, cut short or damaged at its end; "
                    f"{AGAIN}"
                )
            table = pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()
            # an offset that leads out of the file would end the process, not raise
            table.validate(full=True)
        except FileNotFoundError:
            raise InputError(f"{self.path}: no such record file; run the step before") from None
        except (OSError, pa.ArrowException, UnicodeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{self.path}: not a readable record file ({reason}); {AGAIN}"
            ) from None
        if not table.schema.equals(SCHEMA):
            columns = ", ".join(f"{field.name} {field.type}" for field in table.schema)
            raise damaged(self.path, f"its columns are {columns}, not those of this version")
        if len(checksums) != 2 * len(table):
            raise damaged(self.path, f"it has {len(table)} rows and {len(checksums)} checksums")
        return table, checksums

    def _checked_index(self, table: pa.Table, checksums: list[int]) -> pd.DataFrame:
        columns = [table[name].to_pylist() for name in INDEX_NAMES]
        for row, entry in enumerate(zip(*columns, strict=True)):
            if index_checksum(row, entry) != checksums[row]:
                raise damaged(self.path, f"row {row} (clip {entry[0]}) of its index is another")
        index = table.select(INDEX_NAMES).to_pandas()
        index["label"] = index["label"].fillna(UNKNOWN).astype("int32")
        return index

    def __len__(self) -> int:
        return len(self.index)

    def __getstate__(self) -> Path:
        # loader processes map the file anew instead of copying it
        return self.path

    def __setstate__(self, path: Path) -> None:
        self.__init__(path)  # type: ignore[misc]

    def blob(self, row: int, number: int) -> pa.Buffer:
        """Buffer ``number`` of clip ``row``, without a copy."""
        chunk = int(np.searchsorted(self._first, row, side="right")) - 1
        start, end = self._offsets[chunk][row - self._first[chunk] :][:2].tolist()
        if not 0 <= number < end - start:
            raise IndexError(f"{self.path}: row {row} has {end - start} blobs, asked for {number}")
        if not self._checked[row]:
            blobs = (self._chunks[chunk][place].as_buffer() for place in range(start, end))
            if blobs_checksum(blobs) != self._blobs_crc32[row]:
                clip = self.index["clip_id"].iloc[row]
                raise damaged(self.path, f"clip {clip} (row {row}) does not fit its checksum")
            self._checked[row] = True
        return self._chunks[chunk][start + number].as_buffer()


class MemoryRecords:
    """Clips as a record file holds them, in memory alone.

    Attributes
    ----------
    metadata, index
        See `Records`.

    """

    path = Path("clips in memory")

    def __init__(self, metadata: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
        clips = list(rows)
        # as they would be read: JSON has no tuples
        self.metadata: dict[str, Any] = json.loads(json.dumps(metadata))
        index = pd.DataFrame(clips, columns=INDEX_NAMES)
        self.index: pd.DataFrame = index.astype({"label": "int32", "num_frames": "int32"})
        self._blobs: list[list[bytes]] = [clip["blobs"] for clip in clips]

    def __len__(self) -> int:
        return len(self.index)

    def blob(self, row: int, number: int) -> bytes:
        """Buffer ``number`` of clip ``row``."""
        return self._blobs[row][number]


Clips = Records | MemoryRecords


def prepared_points(records: Clips, row: int) -> np.ndarray:
    """Points of a clip in a clip file, read-only float32 (T, V, 3)."""
    flat = np.frombuffer(records.blob(row, 0), np.float32)
    return flat.reshape(-1, records.metadata["joints"], 3)
