"""Files and folders of a data set on disk, in a fixed order; what several readers look for."""

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from microgesture.settings.data import PySkl

LEVELS = 5
FRAME = "_keypoints.json"
# What a folder of the MiGA release may hold of its video, the fullest first.
FULLEST = ("_openpose.xlsx", "_light_hand.csv", "_light.csv")
# not hidden, nor in a hidden folder, where Jupyter and trash cans keep copies
PICKLE = re.compile(r"((?!\.)[^/]*/)*(?!\.)[^/]*\.(pkl|pickle)", re.IGNORECASE | re.DOTALL)
DATA, LABELS = "_data.pkl", "_label.pkl"
VIDEOS = frozenset(
    ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv".split()  # noqa: SIM905
)
"""Endings of the names of videos."""


def files_below(root: Path) -> Iterator[str]:
    """Relative paths of the files below a folder, a few levels deep."""
    for folder, names in folders_below(root, LEVELS):
        prefix = prefix_of(folder, root)
        yield from (prefix + name for name in names)


def video_paths(root: Path) -> Iterator[Path]:
    """Videos below a folder, a few levels deep, in a fixed order; no hidden ones."""
    for folder, names in folders_below(root, LEVELS, visible=True):
        for name in names:
            if name[0] != "." and Path(name).suffix.lower() in VIDEOS:
                yield folder / name


def prefix_of(folder: Path, root: Path) -> str:
    """What stands before a file's name in its path relative to ``root``."""
    inside = folder.relative_to(root).as_posix()
    return "" if inside == "." else f"{inside}/"


def folders_below(
    root: Path,
    levels: float = math.inf,
    stay: bool = False,
    onerror: Callable[[OSError], None] | None = None,
    visible: bool = False,
) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those below it, in a fixed order, each with the names of its files.

    Links are followed, as by the readers, but none to a folder that it lies in, and if ``stay``
    none that leads out of ``root``. If ``visible``, no hidden folder, and none that macOS puts into
    archives. ``onerror`` is told of folders that may not be read.
    """
    for place, below, names in os.walk(root, onerror=onerror, followlinks=True):
        folder = Path(place)
        if visible:
            below[:] = [name for name in below if name[0] != "." and name != "__MACOSX"]
        yield folder, sorted(names)
        if len(folder.relative_to(root).parts) >= levels:
            below.clear()
        targets = {
            name: Path(os.path.realpath(folder / name))
            for name in below
            if (folder / name).is_symlink()
        }
        if targets:
            base, *above = (Path(os.path.realpath(one)) for one in (root, folder, *folder.parents))
            for name, target in targets.items():
                leaves = stay and not target.is_relative_to(base)
                if leaves or any(one.is_relative_to(target) for one in above):
                    below.remove(name)
        below.sort()


def places(value: Any) -> list[str]:
    """The paths that a key of the config names: one, a list, or one or a list for each split."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return [path for one in value for path in places(one)]
    return [] if value is None else [str(value)]


def pickle_files(data: PySkl) -> list[tuple[str | None, Path]]:
    """Pickles of annotations, each with the split that ``data.paths`` gives it.

    A folder stands for the pickles in it, but for those that hold the labels of another.
    """
    given: Iterable[tuple[str | None, Any]] = [(None, data.path)]
    if data.paths:
        given = data.paths.given().items()
    found = []
    for split, value in given:
        for place in map(Path, places(value)):
            names = files_below(place) if place.is_dir() else ()
            inside = [place / name for name in names if PICKLE.fullmatch(name)]
            own = [path for path in inside if not _holds_labels(path)]
            found += [(split, path) for path in (own if place.is_dir() else [place])]
    return found


def label_file(path: Path) -> Path | None:
    """The pickle of the labels of another: ``train_label.pkl`` beside ``train_data.pkl``."""
    beside = path.with_name(path.name.removesuffix(DATA) + LABELS)
    return beside if path.name.endswith(DATA) and beside.is_file() else None


def _holds_labels(path: Path) -> bool:
    return (
        path.name.endswith(LABELS)
        and path.with_name(path.name.removesuffix(LABELS) + DATA).is_file()
    )


def frames_below(root: Path, below: bool = True) -> Iterator[tuple[Path, list[str]]]:
    """Folders in a fixed order, each with the names of the frames in it."""
    for folder, names in folders_below(root, math.inf if below else 0, stay=True):
        yield folder, [n for n in names if n.endswith(FRAME) and not n.startswith(".")]


def frame_files(root: Path, below: bool = True) -> Iterator[Path]:
    """Frames of OpenPose in a folder, and in those below it, folder by folder in a fixed order.

    Links to folders are followed within ``root``, which the reader may not leave.
    """
    for folder, names in frames_below(root, below):
        yield from (folder / name for name in names)
