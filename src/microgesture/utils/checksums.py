"""A checksum for the footers of Parquet and Arrow files, which have none of their own.

Both formats end in a footer, its length and a few letters, and keep types, places and metadata in
the footer. A reader finds data by offsets alone, so a few bytes before the footer are allowed; they
hold its CRC-32 here. Parquet's pages have a CRC-32 each by the format, which is switched on here.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa

from microgesture.utils.errors import InputError

PARQUET, ARROW = b"PAR1", b"ARROW1"
WRITING: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
READING: dict[str, Any] = {"page_checksum_verification": True}
# sixteen bytes, so that what follows stays where Arrow wants it, on a multiple of eight
_MARK = b"footer CRC32"
_SEAL = struct.Struct("<12sI")


def seal_footer(path: Path, magic: bytes) -> None:
    """Put a checksum of the footer before the footer of a file that was just written.

    Parameters
    ----------
    path : Path
    magic : bytes
        The letters that end the file: `PARQUET` or `ARROW`.

    """
    with open(path, "rb+") as file:
        place, footer = _footer(file, magic)
        file.seek(place)
        file.write(_SEAL.pack(_MARK, crc32(footer)) + footer)


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


def footer_fits(path: str | Path, magic: bytes) -> bool | None:
    """Whether a file's footer fits its checksum; None where it has none."""
    with open(path, "rb") as file:
        place, footer = _footer(file, magic)
        if place < _SEAL.size:
            return None
        file.seek(place - _SEAL.size)
        mark, stated = _SEAL.unpack(file.read(_SEAL.size))
    return stated == crc32(footer) if mark == _MARK else None


def check_parquet(path: str | Path) -> None:
    """Refuse a Parquet file with a damaged footer; files of other programs have no checksum.

    Raises
    ------
    InputError
        When the footer does not fit its checksum, or the file cannot be read.

    """
    with readable(path):
        fits = footer_fits(path, PARQUET)
    if fits is False:
        raise InputError(f"{path}: damaged, its footer does not fit its checksum; write it anew")


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
