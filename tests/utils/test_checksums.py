"""Seals say what they were given, and notice whatever else is there."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microgesture.utils.checksums import (
    ARROW,
    PARQUET,
    json_fault,
    read_seal,
    seal_file,
    sealed_json,
)
from microgesture.utils.errors import InputError


def arrow(path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("a", "int8")])):
        pass
    return path


@pytest.mark.parametrize("parts", [[], [7], [7, 2**32 - 1], [1, 2, 3]])
def test_a_seal_gives_the_parts_back_and_the_file_stays_readable(tmp_path, parts):
    path = arrow(tmp_path / "a.arrow")
    assert read_seal(path, ARROW) is None
    seal_file(path, ARROW, parts)
    assert read_seal(path, ARROW) == parts
    assert pa.ipc.open_file(pa.memory_map(str(path))).read_all().num_rows == 0


def test_every_bit_of_a_seal_counts(tmp_path):
    path = arrow(tmp_path / "a.arrow")
    before = path.stat().st_size
    seal_file(path, ARROW, [1, 2, 3])
    content, added = path.read_bytes(), path.stat().st_size - before
    end = content.rindex(b"sealCRC") + 8
    for place in range(end - added, end):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            try:
                assert read_seal(path, ARROW) is None  # its mark is gone, so it has no seal
                assert place >= end - 8
            except InputError as error:
                assert str(error).startswith(f"{path}: damaged, its footer does not fit")


def test_parquet_is_sealed_as_well(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path)
    seal_file(path, PARQUET)
    assert read_seal(path, PARQUET) == [] and pq.read_table(path)["a"].to_pylist() == [1, 2]


def test_sealed_json_names_what_is_wrong():
    text = sealed_json({"a": (1, 2), "b": None})
    assert json_fault(text.encode(), {"a"}) is None
    for changed, found in {
        text.replace("2", "3"): "content with seal",
        text.replace(" ", "  ", 1): "another spelling",
        text[:-5]: "unreadable JSON",
        "[]": "JSON of another kind",
    }.items():
        said = json_fault(changed.encode(), {"a"})
        assert said is not None and said[0].startswith(found)
    assert json_fault(text.encode(), {"c"}) == ("JSON of another kind", "a step's record")
