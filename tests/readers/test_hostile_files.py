"""Small files that describe huge data: refused in one line, within bounds on memory and time."""

import json
import os
import pickle
import pickletools
import re
import resource
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microgesture.data.store import ORIGIN, SCHEMA, write_store
from microgesture.utils import memory
from microgesture.utils.errors import InputError
from tests import formats
from tests.refusals import NAMES
from tests.sections import read_clips

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel sets the bound")
MEGABYTE = 1 << 20
# The bound is shrunk, so that it is reached soon; and what writing clips may take beside it.
FLOOR, FACTOR, ROOM, SECONDS = 192 * MEGABYTE, 32, 448 * MEGABYTE, 20
CEILING = 2000 * MEGABYTE
"""Beside what the process of the tests holds."""
NAMES32 = [*NAMES, *(f"c{n}" for n in range(29))]


@pytest.fixture(autouse=True)
def small_bound(monkeypatch):
    monkeypatch.setattr(memory, "FLOOR", FLOOR)
    monkeypatch.setattr(memory, "FACTOR", FACTOR)


def outcome(data, names, out):
    """What reading into a store says: of an error its text, of others the clips."""
    try:
        write_store(out, read_clips(data, names, 1), names, "x", "stop")
    except InputError as error:
        return str(error)
    return ""


def data_held():
    """Bytes of data of this process, which other tests may have made large."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmData:\s+(\d+) kB", status, re.M)[1]) * 1024


def measured(data, names, out):
    """What is said, and the most memory and the processor time that it took, in a child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            resource.setrlimit(resource.RLIMIT_DATA, (data_held() + CEILING, hard))
            resource.setrlimit(resource.RLIMIT_CPU, (2 * SECONDS, 2 * SECONDS))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            said = outcome(data, names, out)
            with open(write, "w") as file:
                json.dump([said, before * 1024], file)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write)
    with open(read) as file:
        content = file.read()
    _, status, used = os.wait4(child, 0)
    assert status == 0, "the reader did not end by itself"
    said, before = json.loads(content)
    return said, used.ru_maxrss * 1024 - before, used.ru_utime + used.ru_stime


def annotations(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    return {"format": "pyskl", "path": str(tmp_path / "a.pkl"), "fps": 25.0}


def nested_label(tmp_path):
    """A list that holds another twice, which holds another twice, 30 levels deep."""
    nested = b"]\x94" + b"".join(
        b"](h" + bytes([n]) + b"h" + bytes([n]) + b"e\x94" for n in range(30)
    )
    (clip,) = formats.annotations(formats.some_clips()[:1])
    content = {"split": {"train": [clip["frame_dir"]]}, "annotations": [{**clip, "label": 77}]}
    whole = pickle.dumps(content, 2)
    return annotations(tmp_path, b"\x80\x04" + nested + b"0" + relabelled(whole, b"h\x1e"))


def relabelled(content, label):
    """A pickle of protocol 2 whose memo starts at 100, with the label 77 put otherwise."""
    made = b""
    steps = list(pickletools.genops(content))
    for (op, argument, place), (_, _, end) in zip(
        steps, [*steps[1:], (0, 0, len(content))], strict=True
    ):
        raw = content[place:end]
        if op.name in ("BINPUT", "BINGET"):
            code = b"r" if op.name == "BINPUT" else b"j"
            raw = code + struct.pack("<I", argument + 100)
        made += label if raw == b"K\x4d" else b"" if op.name == "PROTO" else raw
    return made


TEXT = b"X" + struct.pack("<I", 4 * MEGABYTE) + b"a" * (4 * MEGABYTE) + b"\x94"
LATIN = b"c_codecs\nencode\n\x94\x8c\x06latin1\x94"


def encoded_again_and_again(tmp_path):
    many = b"(h\x01h\x00h\x02\x86R" + b"h\x01h\x00h\x02\x86R" * 999 + b"l."
    return annotations(tmp_path, b"\x80\x04" + TEXT + LATIN + b"00" + many)


def byte_arrays_again_and_again(tmp_path):
    many = b"cbuiltins\nbytearray\n\x94(" + b"h\x01h\x00\x8c\x06latin1\x86R" * 1000 + b"l."
    return annotations(tmp_path, b"\x80\x04" + TEXT + many)


def sets(tmp_path):
    return annotations(tmp_path, b"\x80\x04(" + b"\x8f" * (2 * MEGABYTE) + b"l.")


def colliding_keys(tmp_path):
    keys = (pickle.dumps(n * (2**61 - 1), 2)[2:-1] for n in range(1, 60_000))
    return annotations(tmp_path, b"\x80\x04}(" + b"".join(key + b"N" for key in keys) + b"u.")


def terabyte(tmp_path):
    return annotations(tmp_path, b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.")


def release(tmp_path, change):
    """A MiGA release whose first spreadsheet has its members changed."""
    names = formats.some_clips()
    data = formats.write_miga2025(tmp_path, names)
    sheet = next(tmp_path.rglob("*train/*/*.xlsx"))
    with zipfile.ZipFile(sheet) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(sheet, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return {**data, "subjects": None}


BOMB = 128 * MEGABYTE + 7
SHEET = "xl/worksheets/sheet1.xml"
HEAD, FOOT = b"<worksheet><sheetData>", b"</sheetData></worksheet>"


def padded_with_rows(tmp_path):
    rows = b"".join(b'<row r="%d"/>' % n for n in range(2, 1_048_576))
    last = b'<row r="1048576"><c r="OU1048576"><v>1</v></c></row>'
    first = b'<row r="1"><c r="A1"><v>1</v></c></row>'
    return release(tmp_path, lambda m: m.update({SHEET: HEAD + first + rows + last + FOOT}))


def a_sheet_elsewhere(tmp_path):
    def move(members):
        rows = [b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (n, n) for n in (1, 900_000)]
        members["xl/other.xml"] = HEAD + b"".join(rows).replace(b"A9", b"OU9") + FOOT
        del members[SHEET]
        for name in ("[Content_Types].xml", "xl/_rels/workbook.xml.rels"):
            members[name] = members[name].replace(b"worksheets/sheet1.xml", b"other.xml")

    return release(tmp_path, move)


def giant_shared_strings(tmp_path):
    def fill(members):
        row = b"".join(b'<c t="s"><v>0</v></c>' for _ in range(411))
        members[SHEET] = HEAD + b"".join(b"<row>" + row + b"</row>" for _ in range(20)) + FOOT
        members["xl/sharedStrings.xml"] = b"<sst><si><t>" + b"a" * MEGABYTE + b"</t></si></sst>"
        types = members["[Content_Types].xml"]
        kind = (
            b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxml'
            b'formats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
        )
        members["[Content_Types].xml"] = types.replace(b"</Types>", kind)

    return release(tmp_path, fill)


def zip_bomb(tmp_path):
    return release(tmp_path, lambda m: m.update({"xl/media/a.bin": bytes(BOMB)}))


def zip_bomb_that_lies(tmp_path):
    """The directory states a few bytes, with their checksum, of a member of 128 MB."""
    data = release(tmp_path, lambda m: m.update({"xl/sharedStrings.xml": b" " * BOMB}))
    sheet = next(tmp_path.rglob("*train/*/*.xlsx"))
    content = bytearray(sheet.read_bytes())
    size, checksum = struct.pack("<I", BOMB), zlib.crc32(b" " * BOMB)
    assert content.count(size) == 2
    content = content.replace(size, struct.pack("<I", 10))
    content = content.replace(struct.pack("<I", checksum), struct.pack("<I", zlib.crc32(b" " * 10)))
    sheet.write_bytes(content)
    return data


def many_cells(tmp_path):
    rows = b"<row>" + b"<c><v>1</v></c>" * 411 + b"</row>"
    return release(tmp_path, lambda m: m.update({SHEET: HEAD + rows * 10_000 + FOOT}))


def parquet(tmp_path, types=None, **columns):
    clips = formats.some_clips()
    base = {
        n: [getattr(c, n) for c in clips] for n in SCHEMA.names if n not in ("points", "num_frames")
    }
    base |= {
        "label": [NAMES[c.label] for c in clips],
        "num_frames": [len(c.points) for c in clips],
        "points": [c.points.ravel() for c in clips],
    }
    schema = pa.schema([(f.name, (types or {}).get(f.name, f.type)) for f in SCHEMA])
    table = pa.table({n: columns.get(n, base[n]) for n in SCHEMA.names}, schema=schema)
    pq.write_table(table, tmp_path / "a.parquet")
    return {"format": "parquet", "path": str(tmp_path / "a.parquet")}


def dictionary(tmp_path):
    """One text of a megabyte, in every one of a million rows."""
    count = 1_000_000
    data = parquet(tmp_path)
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), ["a" * MEGABYTE])
    flat = {
        "clip_id": pa.array([str(n) for n in range(count)]),
        "label": pa.nulls(count, pa.string()),
        "subject": text,
        "split": pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), ["train"]),
        "fps": pa.array(np.full(count, 25, np.float32)),
        "height": pa.array(np.full(count, 720, np.int32)),
        "width": pa.array(np.full(count, 720, np.int32)),
        "num_frames": pa.array(np.full(count, 1, np.int32)),
        "points": pa.array([[]] * 1, pa.list_(pa.float32())).take(np.zeros(count, np.int64)),
    }
    pq.write_table(pa.table(flat), tmp_path / "a.parquet", store_schema=False)
    return data


def long_lists(tmp_path):
    """Points of 16 megabytes a row, which pack to nothing."""
    numbers = 10_000 * 411
    with pq.ParquetWriter(tmp_path / "a.parquet", SCHEMA, compression="zstd") as writer:
        for n in range(24):
            head = [
                [f"c{n}"],
                ["wave"],
                ["s"],
                ["train"],
                [25.0],
                [720],
                [1280],
                [3 * (n == 23) or 10_000],
                *[pa.nulls(1, SCHEMA.field(name).type) for name in ORIGIN],
            ]
            points = pa.ListArray.from_arrays([0, numbers], pa.array(np.ones(numbers, np.float32)))
            columns = [pa.array(v, f.type) for v, f in zip(head, SCHEMA, strict=False)]
            writer.write_table(pa.Table.from_arrays([*columns, points], schema=SCHEMA))
    return {"format": "parquet", "path": str(tmp_path / "a.parquet")}


def array(tmp_path, shape, body=b"\0" * 100, header=None):
    data = formats.write_release2023(tmp_path, formats.some_clips())
    text = header or str({"descr": "<f4", "fortran_order": False, "shape": shape})
    text = text.encode() + b"\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    (tmp_path / "train_data.npy").write_bytes(start + body)
    return data


def sparse_array(tmp_path):
    """A file of a hundred gigabytes that takes no place on the disk."""
    frames = 400_000_000
    data = array(tmp_path, (1, 3, frames, 22, 1), b"")
    path = tmp_path / "train_data.npy"
    os.truncate(path, path.stat().st_size + 3 * frames * 22 * 4)
    return data


def frame(tmp_path, content):
    data = formats.write_openpose_json(tmp_path, formats.some_clips(), NAMES)
    next((tmp_path / "json/0000_0").iterdir()).write_bytes(content)
    return data


def label_table(tmp_path, content):
    data = formats.write_openpose_json(tmp_path, formats.some_clips(), NAMES)
    (tmp_path / "labels.csv").write_bytes(content)
    return data


HEADER = b"clip_id,label,subject,split,fps,height,width,frame,point,x,y,score\n"


def points(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    return {"format": "csv", "path": str(tmp_path / "a.csv")}


def far_frames(tmp_path):
    rows = (b"c%d,wave,s,train,25,720,1280,99999,1,1,1,1\n" % n for n in range(64))
    return points(tmp_path, HEADER + b"".join(rows))


I64 = {"height": pa.int64(), "num_frames": pa.int64(), "fps": pa.float64()}
HOSTILE = {
    "a label of nested lists": (nested_label, ["its label is [", "..."]),
    "one text encoded a thousand times": (encoded_again_and_again, ["makes more bytes than"]),
    "one text as a thousand byte arrays": (byte_arrays_again_and_again, ["makes more bytes than"]),
    # of which a process that has freed much memory may hold all; then their place is wrong
    "millions of sets": (sets, [".pkl"]),
    "keys with one hash": (colliding_keys, ["int of more than 64 bits"]),
    "bytes of a terabyte": (terabyte, ["not a complete pickle"]),
    "empty rows": (padded_with_rows, ["takes more than", "of memory"]),
    "a far cell of a sheet elsewhere": (a_sheet_elsewhere, ["takes more than", "of memory"]),
    "giant shared strings": (giant_shared_strings, ["takes more than", "of memory"]),
    "a zip bomb": (zip_bomb, ["unpacks to more than 200 times"]),
    "a zip bomb that lies": (zip_bomb_that_lies, ["unpacks to more than 200 times"]),
    "four million cells": (many_cells, ["takes more than", "of memory"]),
    "a height beyond 32 bits": (
        lambda p: parquet(p, types=I64, height=[2**31, 720, 720]),
        ["row 1", "height 2147483648", "at most 1,000,000"],
    ),
    "1e300 frames a second": (
        lambda p: parquet(p, types=I64, fps=[25, 1e300, 25]),
        ["row 2", "fps 1e+300", "expected 0.01 to 10,000"],
    ),
    "1e-300 frames a second": (
        lambda p: parquet(p, types=I64, fps=[25, 1e-300, 25]),
        ["row 2", "fps 1e-300"],
    ),
    "NaN frames a second": (
        lambda p: parquet(p, types=I64, fps=pa.array([25, float("nan"), 25])),
        ["row 2", "fps"],
    ),
    "a million million frames": (
        lambda p: parquet(p, types=I64, num_frames=[2**62, 3, 4]),
        ["row 1", f"num_frames is {2**62}"],
    ),
    "one text in a million rows": (dictionary, ["takes more than", "of memory"]),
    "points that pack to nothing": (long_lists, ["row 24", "num_frames is 3"]),
    "an array of 10^18 clips": (
        lambda p: array(p, (10**18, 3, 90, 22, 1)),
        ["states an array of shape"],
    ),
    "a nested array header": (lambda p: array(p, 0, header="(" * 9000), ["as a numpy array"]),
    "a sparse array": (sparse_array, ["clips of 400000000 frames", "at most 100,000"]),
    "nested JSON": (lambda p: frame(p, b'{"people":' + b"[" * 3_000_000), ["not valid JSON"]),
    "a long number": (lambda p: frame(p, b'{"people":[1' + b"0" * 3_000_000 + b"]}"), ["JSON"]),
    "JSON of 100 MB": (lambda p: frame(p, b" " * 100 * MEGABYTE), ["more than 4 MB"]),
    "a crowd": (
        lambda p: frame(p, b'{"people":[' + b'{"pose_keypoints_2d":[]},' * 160_000 + b"7]}"),
        ["person 160000", "found 'int'"],
    ),
    "a table of one line": (lambda p: label_table(p, b"a" * 30_000_000), ["field larger than"]),
    "a table of line ends": (lambda p: label_table(p, b"\n" * 30_000_000), ["empty lines"]),
    "a table of commas": (lambda p: label_table(p, b"," * 30_000_000), ["more than 5,000,000"]),
    "a huge table": (lambda p: label_table(p, b"a,b\n" * 30_000_000), ["more than 34 MB"]),
    "points of one line": (lambda p: points(p, HEADER + b"a" * 30_000_000), ["cannot be read"]),
    "points of commas": (lambda p: points(p, HEADER + b"," * 30_000_000), ["cannot be read"]),
    "points of a million columns": (
        lambda p: points(p, b",".join(b"%d" % n for n in range(200_000)) + b"\n1,2\n"),
        ["row 1", "expected", "clip_id"],
    ),
    "far frames": (far_frames, ["last frame is 99999, but it has 1 rows"]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_file_does_not_take_all_memory(tmp_path, name):
    make, words = HOSTILE[name]
    data = make(tmp_path)
    names = NAMES32 if data["format"] == "miga2025" else NAMES
    said, grown, seconds = measured(data, names, tmp_path / "out.parquet")
    for word in words:
        assert word in said
    assert "\n" not in said and len(said) < 1000
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    largest = max(min(path.stat().st_size, 100 * MEGABYTE) for path in files)
    assert grown < FLOOR + FACTOR * largest + ROOM
    assert seconds < SECONDS
