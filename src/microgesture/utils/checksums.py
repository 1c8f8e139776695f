"""How the files that this package writes say of themselves that they are whole.

Parquet and Arrow files end in a footer, its length and a few letters. A reader finds data by
offsets alone, so bytes before the footer are allowed; they hold a seal here: the CRC-32 of parts of
the content, as many as the writer gives, and one over these numbers and the footer. Parquet's pages
have a CRC-32 each by the format, which is switched on here, so its seal needs no parts. JSON has an
entry ``seal``, the SHA-256 of the rest. What does not fit is told by `damaged`, whatever the file.
"""

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from microgesture.utils.errors import AGAIN, InputError
from microgesture.utils.files import json_text

PARQUET, ARROW = b"PAR1", b"ARROW1"
WRITING: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
READING: dict[str, Any] = {"page_checksum_verification": True}
SEAL = "seal"
"""The entry of sealed JSON."""
# sixteen bytes, and parts in pairs: what follows stays where Arrow wants it, on a multiple of eight
_MARK = b"sealCRC"
_SEAL = struct.Struct("<II8s")


def damaged(path: str | Path, what: str, advice: str = AGAIN) -> InputError:
    """What to tell of a file whose content is not what was written."""
    return InputError(f"{path}: damaged, {what}; {advice}")


def seal_file(path: Path, magic: bytes, parts: Sequence[int] = ()) -> None:
    """Put a seal before the footer of a file that was just written.

    Parameters
    ----------
    path : Path
    magic : bytes
        The letters that end the file: `PARQUET` or `ARROW`.
    parts : sequence of int
        CRC-32 of parts of the content, which `read_seal` gives back.

    """
    numbers = np.zeros(len(parts) + len(parts) % 2, "<u4")
    numbers[: len(parts)] = parts
    with open(path, "rb+") as file:
        place, footer = _footer(file, magic)
        file.seek(place)
        checksum = crc32(footer, crc32(numbers.tobytes()))
        file.write(numbers.tobytes() + _SEAL.pack(len(parts), checksum, _MARK) + footer)


def read_seal(path: str | Path, magic: bytes) -> list[int] | None:
    """The CRC-32 of a file's parts; None where it has no seal.

    Raises
    ------
    InputError
        When seal and footer do not fit each other.

    """
    with open(path, "rb") as file:
        place, footer = _footer(file, magic)
        if place < _SEAL.size:
            return None
        file.seek(place - _SEAL.size)
        count, checksum, mark = _SEAL.unpack(file.read(_SEAL.size))
        if mark.rstrip(b"\0") != _MARK:
            return None
        start = place - _SEAL.size - 4 * (count + count % 2)
        file.seek(max(start, 0))
        numbers = file.read(max(place - _SEAL.size - start, 0)) if start >= 0 else b""
    if start < 0 or checksum != crc32(footer, crc32(numbers)):
        raise damaged(path, "its footer does not fit its checksum")
    return np.frombuffer(numbers, "<u4")[:count].tolist()


def _footer(file: Any, magic: bytes) -> tuple[int, bytes]:
    """Where the footer starts, and all from there on; place 0 where there is no footer."""
    end = struct.Struct(f"<i{len(magic)}s")
    size = file.seek(0, 2)
    if size < end.size:
        return 0, b""
    file.seek(size - end.size)
    length, letters = end.unpack(file.read())
    place = size - end.size - length
    if letters != magic or not 0 <= length <= size - end.size:
        return 0, b""
    file.seek(place)
    return place, file.read()


def check_parquet(path: str | Path) -> None:
    """Refuse a Parquet file with a damaged footer; files of other programs have no seal.

    Raises
    ------
    InputError
        When the footer does not fit its checksum, or the file cannot be read.

    """
    with readable(path):
        read_seal(path, PARQUET)


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Turn what reading a damaged or missing Parquet file raises into one line that names it."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist; check the path") from None
    except (pa.ArrowException, OSError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be read as a Parquet file: {reason}; write it anew"
        ) from error


def json_seal(value: Mapping[str, Any]) -> str:
    """SHA-256 over a JSON object without its seal."""
    bare = {key: entry for key, entry in value.items() if key != SEAL}
    return hashlib.sha256(json_text(bare).encode()).hexdigest()


def sealed_json(value: Mapping[str, Any]) -> str:
    """A JSON object's text with its seal: an edited or damaged one is told from a whole."""
    return json_text({**value, SEAL: json_seal(json.loads(json_text(value)))})


def json_fault(text: bytes, keys: set[str]) -> tuple[str, str] | None:
    """What is found in place of what is expected, where a text is not as `sealed_json` wrote it.

    Parameters
    ----------
    text : bytes
    keys : set of str
        What the object has at least, besides its seal.

    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"unreadable JSON ({error})", "a step's record"
    if not isinstance(value, dict) or not {SEAL, *keys} <= set(value):
        return "JSON of another kind", "a step's record"
    if value[SEAL] != (own := json_seal(value)):
        return f"content with seal {own}", f"seal {value[SEAL]}"
    if text != json_text(value).encode():
        return "another spelling of its content", "the bytes that the step wrote"
    return None
