"""Files of variable-length binary records with random access through a memory map.

Arrow IPC holds the records, so that a loader reads one clip of thousands without reading the others
and memory does not grow with the file. Arrow keeps no checksums, so each clip carries two CRC-32:
of its index entry, checked when the file is opened, and of its blobs, checked when first read. The
file's footer, without which rows may go missing, has one too.
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

from microgesture.utils.checksums import ARROW, footer_fits, seal_footer
from microgesture.utils.errors import AGAIN, InputError
from microgesture.utils.files import atomic_path

METADATA_KEY = b"microgesture"
CHECKSUM_KEY = b"microgesture.crc32"
INDEX_FIELDS = [
    pa.field("clip_id", pa.string()),
    pa.field("label", pa.int32()),
    pa.field("subject", pa.string()),
    pa.field("split", pa.string()),
    pa.field("num_frames", pa.int32()),
    pa.field("profile", pa.binary()),
]
INDEX_NAMES = [field.name for field in INDEX_FIELDS]
CHECKSUMS = [pa.field("index_crc32", pa.uint32()), pa.field("blobs_crc32", pa.uint32())]
SCHEMA = pa.schema([*INDEX_FIELDS, *CHECKSUMS, pa.field("blobs", pa.list_(pa.large_binary()))])


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
        self._count = 0

    def append(self, row: dict[str, Any]) -> None:
        """Add one clip: index fields (``profile`` may lack) and ``blobs``, a list of bytes."""
        row = {"profile": None, **row}
        # plain numbers and texts, as they will be read: the checksum is one of their written form
        entry = [
            value if value is None or isinstance(value, str | bytes) else int(value)
            for value in (row[name] for name in INDEX_NAMES)
        ]
        checksums = {
            "index_crc32": index_checksum(self._count, entry),
            "blobs_crc32": blobs_checksum(row["blobs"]),
        }
        self._rows.append({**row, **checksums})
        self._count += 1
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
    text = json.dumps(metadata, sort_keys=True).encode()
    stated = {METADATA_KEY: text, CHECKSUM_KEY: str(crc32(text)).encode()}
    schema = SCHEMA.with_metadata(stated)
    with atomic_path(path) as temporary:
        with pa.OSFile(str(temporary), "wb") as sink:
            writer = RecordWriter(sink, schema, batch)
            yield writer
            writer.close()
        seal_footer(temporary, ARROW)


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
        table = self._table()
        stated = table.schema.metadata or {}
        text = stated.get(METADATA_KEY, b"")
        if stated.get(CHECKSUM_KEY) != str(crc32(text)).encode():
            raise self._damaged("what it says of itself does not fit its checksum")
        self.metadata: dict[str, Any] = json.loads(text)
        self.index: pd.DataFrame = self._checked_index(table)
        self._blobs_crc32 = table["blobs_crc32"].to_numpy()
        self._checked = np.zeros(len(self.index), bool)
        self._chunks = [chunk.values for chunk in table["blobs"].chunks]
        self._offsets = [chunk.offsets.to_numpy() for chunk in table["blobs"].chunks]
        lengths = [len(chunk) for chunk in table["blobs"].chunks]
        self._first = np.concatenate([[0], np.cumsum(lengths)]).astype(int)

    def _table(self) -> pa.Table:
        """The file's table over a memory map, its structure checked but no blob read."""
        try:
            if not footer_fits(self.path, ARROW):
                raise self._damaged("not a readable record file, cut short or damaged at its end")
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
            raise self._damaged(f"its columns are {columns}, not those of this version")
        return table

    def _checked_index(self, table: pa.Table) -> pd.DataFrame:
        columns = [table[name].to_pylist() for name in INDEX_NAMES]
        stated = table["index_crc32"].to_pylist()
        for row, entry in enumerate(zip(*columns, strict=True)):
            if index_checksum(row, entry) != stated[row]:
                raise self._damaged(f"row {row} (clip {entry[0]}) of its index is damaged")
        index = table.select(INDEX_NAMES).to_pandas()
        index["label"] = index["label"].fillna(-1).astype("int32")
        return index

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what}; {AGAIN}")

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
                raise self._damaged(f"clip {clip} (row {row}) does not fit its checksum")
            self._checked[row] = True
        return self._chunks[chunk][start + number].as_buffer()


def prepared_points(records: Records, row: int) -> np.ndarray:
    """Points of a clip in a clip file, read-only float32 (T, V, 3)."""
    flat = np.frombuffer(records.blob(row, 0), np.float32)
    return flat.reshape(-1, records.metadata["joints"], 3)
