"""Files of variable-length binary records with random access through a memory map.

Arrow IPC holds the records, so that a loader reads one clip of thousands without reading the others
and memory does not grow with the file.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from microgesture.errors import InputError
from microgesture.files import atomic_path

METADATA_KEY = b"microgesture"
INDEX_FIELDS = [
    pa.field("clip_id", pa.string()),
    pa.field("label", pa.int32()),
    pa.field("subject", pa.string()),
    pa.field("split", pa.string()),
    pa.field("num_frames", pa.int32()),
]


class RecordWriter:
    """Appends one clip at a time; rows are flushed in batches so that memory stays flat."""

    def __init__(self, sink: pa.NativeFile, schema: pa.Schema, batch: int) -> None:
        self._file = pa.ipc.new_file(sink, schema)
        self._schema = schema
        self._batch = batch
        self._rows: list[dict[str, Any]] = []

    def append(self, row: dict[str, Any]) -> None:
        """Add one clip: the index fields and ``blobs``, a list of bytes."""
        self._rows.append(row)
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
    blobs = pa.field("blobs", pa.list_(pa.large_binary()))
    stated = {METADATA_KEY: json.dumps(metadata, sort_keys=True).encode()}
    schema = pa.schema([*INDEX_FIELDS, blobs], metadata=stated)
    with atomic_path(path) as temporary, pa.OSFile(str(temporary), "wb") as sink:
        writer = RecordWriter(sink, schema, batch)
        yield writer
        writer.close()


class Records:
    """A record file opened for reading.

    Attributes
    ----------
    metadata : dict
        What the writer stated about all records.
    index : DataFrame
        One row a clip: clip_id, label (-1 where unknown), subject, split, num_frames.

    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._open()

    def _open(self) -> None:
        try:
            table = pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"{self.path}: not a readable record file ({error}); delete it and run again"
            ) from None
        self.metadata: dict[str, Any] = json.loads(table.schema.metadata[METADATA_KEY])
        self.index: pd.DataFrame = table.drop(["blobs"]).to_pandas()
        self.index["label"] = self.index["label"].fillna(-1).astype("int32")
        self._chunks = [chunk.values for chunk in table["blobs"].chunks]
        self._offsets = [chunk.offsets.to_numpy() for chunk in table["blobs"].chunks]
        lengths = [len(chunk) for chunk in table["blobs"].chunks]
        self._first = np.concatenate([[0], np.cumsum(lengths)]).astype(int)

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
        start = self._offsets[chunk][row - self._first[chunk]]
        return self._chunks[chunk][int(start) + number].as_buffer()
