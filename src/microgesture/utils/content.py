"""What lies in the place of a file: a pointer to it, or a file of another kind under its name."""

from pathlib import Path

from microgesture.utils.errors import InputError

STARTS = {
    b"version https://git-lfs": "it is a pointer of Git LFS to the file; run git lfs pull",
    b"\x1f\x8b": "it is compressed with gzip; unpack it",
    b"BZh": "it is compressed with bzip2; unpack it",
    b"\xfd7zXZ": "it is compressed with xz; unpack it",
    b"\x28\xb5\x2f\xfd": "it is compressed with Zstandard; unpack it",
    b"PK\x03\x04": (
        "it is a ZIP archive, as are spreadsheets (.xlsx), .npz and what torch.save writes; unpack "
        "or export it"
    ),
    b"\xd0\xcf\x11\xe0": (
        "it is a spreadsheet of the old kind (.xls) or with a password; save it as .xlsx without"
    ),
    b"\x93NUMPY": "it is a numpy array (.npy)",
    b"\x89HDF": "it is an HDF5 file",
    b"PAR1": "it is a Parquet file",
    b"ARROW1": "it is an Arrow (Feather) file",
}
"""What no text, JSON or pickle begins with, and what it means."""


def check_start(path: str | Path, start: bytes, own: bytes = b"-") -> None:
    """Refuse a file whose first bytes say that it is another one than its name does.

    Parameters
    ----------
    path
        For the message.
    start
        Its first bytes, at least 32 of them where it has so many.
    own
        The key of `STARTS` that is right.

    Raises
    ------
    InputError
        With what the file is and what to do.

    """
    for letters, what in STARTS.items():
        if letters != own and start.startswith(letters):
            raise InputError(f"{path}: is not what its name says: {what}")


def check_file(path: str | Path, own: bytes = b"-") -> None:
    """`check_start` of a file; one that cannot be read is for its reader to tell.

    A missing file that DVC versions is told as that.
    """
    check_fetched(path)
    if not Path(path).is_file():  # a pipe would be waited for
        return
    try:
        with open(path, "rb") as file:
            start = file.read(32)
    except OSError:
        return
    check_start(path, start, own)


def check_fetched(path: str | Path) -> None:
    """Refuse a file of which only DVC's note lies there."""
    note = Path(f"{path}.dvc")
    if not Path(path).exists() and note.is_file():
        raise InputError(f"{path}: does not exist, but {note.name} does; run dvc pull")
