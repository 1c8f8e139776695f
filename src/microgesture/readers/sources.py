"""Where a data set's files are: which format lies at a place, and what a change of it changes."""

import hashlib
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from microgesture.settings.data import (
    Csv,
    Data,
    Imigue2021,
    Miga2025,
    OpenPoseJson,
    Parquet,
    PySkl,
    Synthetic,
)
from microgesture.utils.errors import InputError

LEVELS = 5
SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".pkl": "pyskl",
    ".pickle": "pyskl",
}
# The format of a folder, by the path of a file in it and by what a person would look for.
PATTERNS = {
    "miga2025": (
        r"(.*/)?imigue_skeleton_\w+/[^/]+/[^/]+_(openpose\.xlsx|light(_hand)?\.csv)",
        "0001_openpose.xlsx",
    ),
    "imigue2021": (r"(.*/)?mg_skeleton_only/[^/]+/[^/]+_2\.xlsx", "0001_2.xlsx"),
    "release2023": (r"(train|valid|test)_data\.npy", "train_data.npy"),
    "smg": (r"(.*/)?([^/]+)/\2_skeleton\.csv", "Sample0001/Sample0001_skeleton.csv"),
    "openpose_json": (
        r"(.*/)?(?!\.)[^/]*[0-9]_keypoints\.json",
        "clip_000000000000_keypoints.json",
    ),
}
# What a reader reads below data.root.
READ = {
    "miga2025": r"(.*/)?imigue_skeleton_(train|validate|test)/([^/._][^/]*)/"
    r"\3_(openpose\.xlsx|light(_hand)?\.csv|label\.csv)",
    "imigue2021": r"(.*/)?(mg_skeleton_only/([^/._][^/]*)/\3_2\.xlsx|labels_20200831\.csv)",
    "release2023": r"(train|valid|test)_(data\.npy|label\.pkl)",
    "smg": r"(.*/)?([^/]+)/\2_(skeleton|data|finelabels)\.csv",
}
FRAME = "_keypoints.json"
LOCATIONS = {"parquet": "path", "csv": "path", "pyskl": "path"}
# What a folder of the MiGA release may hold of its video, the fullest first.
FULLEST = ("_openpose.xlsx", "_light_hand.csv", "_light.csv")
# not hidden, nor in a hidden folder, where Jupyter and trash cans keep copies
PICKLE = re.compile(r"((?!\.)[^/]*/)*(?!\.)[^/]*\.(pkl|pickle)", re.IGNORECASE | re.DOTALL)
DATA, LABELS = "_data.pkl", "_label.pkl"


def _files(root: Path) -> Iterator[str]:
    """Relative paths of the files below a folder, a few levels deep."""
    for folder, names in folders_below(root, LEVELS):
        prefix = _prefix(folder, root)
        yield from (prefix + name for name in names)


def _prefix(folder: Path, root: Path) -> str:
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


def detect(path: str | Path) -> str:
    """The format of what lies at a place, by the names of its files alone.

    Raises
    ------
    InputError
        When nothing is there, or nothing that is known, or the files of several formats.

    """
    path = Path(path)
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return SUFFIXES[path.suffix.lower()]
        raise InputError(
            f"{path}: its format cannot be told from its name, expected one of "
            f"{', '.join(SUFFIXES)}; name it in data.format"
        )
    if not path.is_dir():
        raise InputError(f"{path}: there is no such file or folder; check data.root or data.path")
    found: dict[str, str] = {}
    pickles = ""
    for name in _files(path):
        pickles = pickles or (name if PICKLE.fullmatch(name) else "")
        # frames are counted by the million, and one of them is enough
        if "openpose_json" in found and name.endswith(FRAME):
            continue
        for kind, (pattern, _) in PATTERNS.items():
            if kind not in found and re.fullmatch(pattern, name):
                found[kind] = name
    if len(found) == 1:
        return next(iter(found))
    if pickles and not found:  # the release of 2023 has its labels in pickles
        return "pyskl"
    if found:
        seen = ", ".join(f"{kind} ({name})" for kind, name in found.items())
        raise InputError(f"{path}: holds several formats: {seen}; name one in data.format")
    looked = ", ".join(f"{example} ({kind})" for kind, (_, example) in PATTERNS.items())
    raise InputError(
        f"{path}: no known format was found; looked for {looked}, or a file that ends in "
        f"{', '.join(SUFFIXES)}"
    )


def with_format(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with ``data.format: auto`` replaced by what lies at ``data.root`` or ``.path``."""
    data = config.get("data")
    if not isinstance(data, Mapping) or data.get("format") != "auto":
        return dict(config)
    several = [data[key] for key in ("path", "paths") if isinstance(data.get(key), list | dict)]
    if len(several) == 1 and not any(isinstance(data.get(k), str) for k in ("root", "path")):
        for place in places(several):
            if detect(place) != "pyskl":
                raise InputError(
                    f"{place}: is one of several in data, which only pickles (pyskl) may be; give "
                    "one data.path"
                )
        return {**config, "data": {**data, "format": "pyskl"}}
    places_given = [data[key] for key in ("root", "path") if isinstance(data.get(key), str)]
    if len(places_given) != 1:
        raise InputError("data.format is auto, which needs one of data.root and data.path")
    kind = detect(places_given[0])
    rest = {key: value for key, value in data.items() if key not in ("root", "path")}
    return {
        **config,
        "data": {**rest, "format": kind, LOCATIONS.get(kind, "root"): places_given[0]},
    }


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
            names = _files(place) if place.is_dir() else ()
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


def raw_files(data: Data) -> list[str]:
    """The files that the reader of ``data`` reads, so that a changed one is noticed.

    Frames of OpenPose are too many to be listed; see `frames_digest`. A folder that is not there
    is listed itself: Snakemake then uses what was made from it before, as on another machine.
    """
    given = (getattr(data, key, None) for key in ("subjects", "labels", "video_splits"))
    tables = [str(table) for table in given if table]
    if isinstance(data, PySkl):
        pickles = [path for _, path in pickle_files(data)]
        files = [file for path in pickles for file in (path, label_file(path)) if file]
        return [*map(str, files), *tables]
    if isinstance(data, Parquet | Csv):
        return [data.path, *tables]
    if isinstance(data, Synthetic):
        return []  # another step makes them
    if not Path(data.root).is_dir():
        return [data.root, *tables]
    pattern, root = READ.get(data.format), Path(data.root)
    found = [root / name for name in _files(root) if re.fullmatch(pattern, name)] if pattern else []
    if isinstance(data, Miga2025):
        found = _fullest(found)
    return sorted(map(str, found)) + tables


def _fullest(files: list[Path]) -> list[Path]:
    """Files of the MiGA release without the tables that a fuller one beside them replaces."""
    there = set(map(str, files))

    def needed(path: Path) -> bool:
        place = next((n for n, end in enumerate(FULLEST) if path.name.endswith(end)), 0)
        stem = str(path).removesuffix(FULLEST[place])
        return not any(stem + fuller in there for fuller in FULLEST[:place])

    return [path for path in files if needed(path)]


def frames_digest(data: Data) -> str | None:
    """SHA-256 over the names and sizes of all frames of OpenPose; None for other formats.

    A frame that was added, removed, renamed or changed in size changes it; one whose content
    changed at the same size does not. Times are left out: those of a versioned data set differ on
    every machine. Every frame is asked for its size: call it once a run, not in every job.
    """
    if isinstance(data, Imigue2021):
        return _videos_digest(Path(data.root))
    if not isinstance(data, OpenPoseJson):
        return None
    digest = hashlib.sha256()
    root = Path(data.root)
    for folder, names in _frames(root):
        prefix, place = _prefix(folder, root), os.fspath(folder)
        lines = [f"{prefix}{name} {_size(f'{place}/{name}')}\n" for name in names]
        digest.update("".join(lines).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _videos_digest(root: Path) -> str:
    """SHA-256 over where the videos of iMiGUE lie, which says the split of each."""
    found = (name for name in _files(root) if re.search(r"(^|/)imigue_rgb_\w+/", name))
    return hashlib.sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()


def _size(path: str) -> int:
    """Size of a file, or of what a link leads to, if it is there."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return os.lstat(path).st_size


def _frames(root: Path, below: bool = True) -> Iterator[tuple[Path, list[str]]]:
    """Folders in a fixed order, each with the names of the frames in it."""
    for folder, names in folders_below(root, math.inf if below else 0, stay=True):
        yield folder, [n for n in names if n.endswith(FRAME) and not n.startswith(".")]


def frame_files(root: Path, below: bool = True) -> Iterator[Path]:
    """Frames of OpenPose in a folder, and in those below it, folder by folder in a fixed order.

    Links to folders are followed within ``root``, which the reader may not leave.
    """
    for folder, names in _frames(root, below):
        yield from (folder / name for name in names)
