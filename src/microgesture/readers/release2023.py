"""iMiGUE as it was given out in 2023: one array of clips a split, already cut to 22 points."""

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import BadClip, Clip, check_clip
from microgesture.readers.common import POINTS22, place_points, plain_text, shown
from microgesture.readers.labels import read_subjects, subject_of
from microgesture.readers.safe_pickle import load
from microgesture.settings.data import Release2023
from microgesture.utils.content import check_fetched, check_file
from microgesture.utils.errors import InputError

FILES = {"train": "train", "val": "valid", "test": "test"}
CHANNELS = 3
# Over an hour; the release has 90.
MAX_FRAMES = 100_000


def read(data: Release2023, class_names: list[str], workers: int) -> Iterator[Clip | BadClip]:
    """Yield the clips of train, val and test, as far as they are there, in file order.

    Parameters
    ----------
    data
        The video of a clip, which ``subjects`` names, is its name up to the last underscore.
        Placeholders for ``test_labels`` are not read.
    class_names
        Names in id order: a label is a class id from 0, or a class name. That of a test clip may
        be None or negative: it is not known.
    workers
        Not used: the arrays are read from disk as they are.

    Notes
    -----
    Clips are padded with zero frames at the end, and their true length is not stored: it is taken
    to end with the last frame in which anything is not zero. A clip of more than 90 frames had all
    but its last 90 cut off.

    """
    root = Path(data.root)
    subjects = read_subjects(Path(data.subjects)) if data.subjects else None
    found = {s: name for s, name in FILES.items() if (root / f"{name}_data.npy").is_file()}
    for name in set(FILES.values()) - set(found.values()):
        check_fetched(root / f"{name}_data.npy")
        if found and (root / f"{name}_label.pkl").is_file():
            raise InputError(
                f"{root}: holds {name}_label.pkl without {name}_data.npy; unpack the release "
                "again, or remove the labels"
            )
    if "val" not in found and (other := next(root.glob("val*_data.npy"), None)):
        raise InputError(
            f"{other}: is not read, expected the validation clips in valid_data.npy and "
            "valid_label.pkl; rename both files"
        )
    if not found:
        names = ", ".join(f"{name}_data.npy" for name in FILES.values())
        raise InputError(f"{root}: holds none of {names}; set data.root to the folder that does")
    size = (float(data.fps), data.height, data.width)
    # label files are small: what is wrong in them is told before the clips are read
    labels = {split: read_names(root / f"{name}_label.pkl") for split, name in found.items()}
    _check_names({root / f"{found[split]}_label.pkl": names for split, names in labels.items()})
    for split, name in found.items():
        path = root / f"{name}_data.npy"
        clips = open_clips(path)
        if len(clips) != len(labels[split]):
            raise InputError(
                f"{path}: holds {len(clips)} clips, but {name}_label.pkl names "
                f"{len(labels[split])}; they must come from the same release"
            )
        for row, (clip_id, raw) in enumerate(labels[split]):
            place = f"{path}, clip {row}"
            try:
                label = known_label(raw, class_names, split, data.test_labels)
            except InputError as error:
                yield BadClip(clip_id, split, place, str(error))
                continue
            subject = subject_of(clip_id.rpartition("_")[0] or clip_id, subjects, data.subjects)
            points = place_points(unpadded(clips[row]), POINTS22)
            clip = Clip(clip_id, label, subject, split, *size, points)
            yield check_clip(clip, place, class_names)


def read_names(path: Path) -> list[tuple[str, Any]]:
    """Names and raw labels of a split, in the order of its array.

    Raises
    ------
    InputError
        If the pickle is not the pair (names, labels), one label a name.

    """
    content = load(path)
    pair = isinstance(content, list | tuple) and len(content) == 2
    if not pair or not all(map(_is_list, content)):
        raise InputError(
            f"{path}: holds a {type(content).__name__}, expected the pair (names, labels)"
        )
    names, labels = ([plain_text(value) for value in part] for part in content)
    if len(names) != len(labels):
        raise InputError(
            f"{path}: holds {len(names)} names and {len(labels)} labels, expected one label a name"
        )
    for row, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise InputError(f"{path}: name {row} is {shown(name)}, expected text")
    return [(str(name), label) for name, label in zip(names, labels, strict=True)]


def _check_names(files: Mapping[Path, list[tuple[str, Any]]]) -> None:
    """Refuse two clips of one name, in one file or in two."""
    seen: dict[str, str] = {}
    for path, names in files.items():
        for row, (name, _) in enumerate(names):
            place = f"{path}, name {row}"
            if name in seen:
                raise InputError(
                    f"{place}: {shown(name)} is also {seen[name]}; give every clip its own"
                )
            seen[name] = place


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)


def known_label(raw: Any, class_names: list[str], split: str, test_labels: str | None) -> int:
    """The class id of a clip, from an id or a name; -1 where that of a test clip is not known.

    Parameters
    ----------
    raw
        The label; None or a negative number says that it is not known, in test alone.
    class_names
        Names in id order.
    split
        That of the clip.
    test_labels
        "placeholder" where no label of a test clip means anything.

    Raises
    ------
    InputError
        If it is no class.

    """
    if isinstance(raw, np.ndarray) and raw.ndim == 0:
        raw = raw[()]
    raw = plain_text(raw)
    whole = isinstance(raw, int | np.integer) and not isinstance(raw, bool)
    unknown = raw is None or (whole and raw < 0) or test_labels == "placeholder"
    if split == "test" and unknown:
        return UNKNOWN
    if isinstance(raw, str) and raw in class_names:
        return class_names.index(raw)
    if whole and 0 <= raw < len(class_names):
        return int(raw)
    expected = f"0..{len(class_names) - 1} or a name of the classes file"
    raise InputError(f"its label is {shown(raw)}, expected {expected}")


def open_clips(path: Path) -> np.ndarray:
    """Map the array of a split, float (N, 3, T, 22, 1); nothing of it is read yet.

    Raises
    ------
    InputError
        If it is no such array, or states more than the file holds.

    """
    check_file(path, b"\x93NUMPY")
    try:
        with open(path, "rb") as handle:
            version = npy.read_magic(handle)
            header = {
                (1, 0): npy.read_array_header_1_0,
                (2, 0): npy.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = header(handle)
            offset, held = handle.tell(), path.stat().st_size
    except OSError:
        raise
    except Exception as error:  # a header is text that is evaluated as a literal: many ways to fail
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"{path}: cannot be read as a numpy array ({reason}); unpack the release again"
        ) from error
    if dtype.kind != "f" or len(shape) != 5 or (shape[1], *shape[3:]) != (CHANNELS, 22, 1):
        raise InputError(
            f"{path}: holds a {dtype} array of shape {shown(shape)}, expected float32 "
            "(clips, 3, frames, 22, 1)"
        )
    if shape[2] > MAX_FRAMES:
        raise InputError(
            f"{path}: states clips of {shown(shape[2])} frames, expected at most {MAX_FRAMES:,}; "
            "unpack the release again"
        )
    if not shape[0]:
        raise InputError(f"{path}: holds no clip; unpack the release again, or remove the file")
    needed = prod(shape) * dtype.itemsize
    if min(shape) < 1 or needed != held - offset:
        raise InputError(
            f"{path}: states an array of shape {shown(shape)}, but holds {held - offset} bytes of "
            "it; unpack the release again"
        )
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")


def unpadded(clip: np.ndarray) -> np.ndarray:
    """Points (T, 22, 3) of a clip (3, frames, 22, 1), without the zero frames at its end."""
    points = np.asarray(clip[..., 0]).transpose(1, 2, 0)
    used = np.flatnonzero((points != 0).any(axis=(1, 2)))
    return points[: used[-1] + 1 if len(used) else 0]
