"""Where a data set's files are: which format lies at a place, and what a change of it changes."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microgesture.readers.folders import (
    FRAME,
    FULLEST,
    PICKLE,
    files_below,
    frames_below,
    label_file,
    pickle_files,
    places,
    prefix_of,
)
from microgesture.readers.formats import FORMATS
from microgesture.settings.data import (
    Data,
    Imigue2021,
    Miga2025,
    OpenPoseJson,
    PySkl,
    Synthetic,
)
from microgesture.utils.errors import InputError

SUFFIXES = {suffix: name for name, one in FORMATS.items() for suffix in one.suffixes}
PATTERNS = {name: (one.pattern, one.example) for name, one in FORMATS.items() if one.pattern}
"""The format of a folder, by the path of a file in it and by what a person would look for."""


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
    found = formats_in(path)
    if len(found) == 1:
        return next(iter(found))
    if found:
        seen = ", ".join(f"{kind} ({name})" for kind, name in found.items())
        raise InputError(f"{path}: holds several formats: {seen}; name one in data.format")
    looked = ", ".join(f"{example} ({kind})" for kind, (_, example) in PATTERNS.items())
    raise InputError(
        f"{path}: no known format was found; looked for {looked}, or a file that ends in "
        f"{', '.join(SUFFIXES)}"
    )


def formats_in(path: Path) -> dict[str, str]:
    """The formats that the names of files in a folder tell, each with one such file."""
    found: dict[str, str] = {}
    pickles = ""
    for name in files_below(path):
        pickles = pickles or (name if PICKLE.fullmatch(name) else "")
        # frames are counted by the million, and one of them is enough
        if "openpose_json" in found and name.endswith(FRAME):
            continue
        for kind, (pattern, _) in PATTERNS.items():
            if kind not in found and re.fullmatch(pattern, name):
                found[kind] = name
    # the release of 2023 has its labels in pickles
    return found or ({"pyskl": pickles} if pickles else {})


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
        "data": {**rest, "format": kind, FORMATS[kind].location: places_given[0]},
    }


def raw_files(data: Data) -> list[str]:
    """The files that the reader of ``data`` reads, so that a changed one is noticed.

    Frames of OpenPose are too many to be listed; see `frames_digest`. A folder that is not there
    is listed itself: Snakemake then uses what was made from it before, as on another machine.
    """
    given = (getattr(data, key, None) for key in ("subjects", "labels", "video_splits", "segments"))
    tables = [str(table) for table in given if table]
    if isinstance(data, PySkl):
        pickles = [path for _, path in pickle_files(data)]
        files = [file for path in pickles for file in (path, label_file(path)) if file]
        return [*map(str, files), *tables]
    if isinstance(data, Synthetic):
        return []  # another step makes them
    form = FORMATS[data.format]
    place = getattr(data, form.location)
    if form.location == "path":
        return [place, *tables]
    root = Path(place)
    if not root.is_dir():
        return [place, *tables]
    names = files_below(root) if form.reads else ()
    found = [root / name for name in names if re.fullmatch(form.reads, name)]
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
    for folder, names in frames_below(root):
        prefix, place = prefix_of(folder, root), os.fspath(folder)
        lines = [f"{prefix}{name} {_size(f'{place}/{name}')}\n" for name in names]
        digest.update("".join(lines).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _videos_digest(root: Path) -> str:
    """SHA-256 over where the videos of iMiGUE lie, which says the split of each."""
    found = (name for name in files_below(root) if re.search(r"(^|/)imigue_rgb_\w+/", name))
    return hashlib.sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()


def _size(path: str) -> int:
    """Size of a file, or of what a link leads to, if it is there."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return os.lstat(path).st_size
