"""What a new data set holds, as far as its files say it: for a first config."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from microgesture.data.store import BadClip, Clip
from microgesture.readers import annotations, imigue2021, smg
from microgesture.readers import csv as plain_csv
from microgesture.readers.formats import FORMATS, keypoint_format, read_clips
from microgesture.readers.labels import csv_rows
from microgesture.readers.look_common import (
    NOT_SAID,
    Look,
    deal_out,
    name_classes,
    need_splits,
    take_classes,
)
from microgesture.readers.look_recordings import (
    kind_of_recordings,
    look_at_detections,
    look_at_recordings,
    look_at_videos,
)
from microgesture.readers.openpose_json import REQUIRED
from microgesture.readers.sources import detect
from microgesture.settings.data import PySkl, read_section
from microgesture.utils.errors import InputError

MOST_CLIPS, MOST_SECONDS = 300, 20.0
IMIGUE = {"fps": 25, "height": 720, "width": 1280}
# of iMiGUE's releases, what all videos have
OF_IMIGUE = "of iMiGUE; the files do not say it"
SIZES = ((480, 640), (720, 1280), (1080, 1920), (1440, 2560), (2160, 3840))


def look(path: Path, given: Mapping[str, float]) -> Look:
    """Look at a folder or file: its format, what it says of itself, and some of its clips.

    Parameters
    ----------
    path : Path
    given : mapping
        ``fps``, ``height`` and ``width`` as far as the user said them.

    Raises
    ------
    InputError
        When it is no known format; the message says what was looked for. When subjects or splits
        are too few, and when nothing could be read.

    """
    kind = kind_of_recordings(path)
    if kind is None:
        path = _single_table(path)
        kind = detect(path)
    if kind not in LOOKS:
        raise InputError(
            f"{path}: is of the format {kind}, for which no config is written; copy one of config/"
        )
    location = FORMATS[kind].location if kind in FORMATS else "root"
    found = Look({"format": kind, location: str(path)})
    LOOKS[kind](found, path)
    for key, value in given.items():
        if key in found.said or (kind in ("pyskl", "smg") and key != "fps"):
            found.data[key] = value
            found.said[key] = ""
    if not len(found.seen):
        _read_some(found, sized=bool({"height", "width"} & {*given}))
    return found


def _single_table(path: Path) -> Path:
    """The one table of the plain form that a folder holds, or the path itself."""
    if not path.is_dir():
        return path
    tables = [one for one in path.iterdir() if one.suffix.lower() in (".parquet", ".csv")]
    try:
        detect(path)
    except InputError:
        if len(tables) != 1 or not _is_plain(tables[0]):
            raise
        return tables[0]
    return path


def _is_plain(table: Path) -> bool:
    if table.suffix.lower() == ".parquet":
        return True
    rows = _head(table)
    return {"clip_id", "frame", "point"} <= set(rows)


def _head(table: Path) -> list[str]:
    """Names of the columns of a CSV table, which may be too large to be read."""
    with open(table, "rb") as file:
        line = file.readline(1 << 16).decode("utf-8-sig", "replace")
    separator = max(",;\t", key=line.count)
    return [name.strip() for name in line.strip().split(separator)]


def _imigue(found: Look, path: Path) -> None:
    found.data |= {**IMIGUE, "test_labels": "real"}
    if found.data["format"] == "miga2025":
        found.data |= {"subjects": None}
        found.said["subjects"] = "a CSV video,subject, if you have one; else a video is a subject"
    found.said |= dict.fromkeys(IMIGUE, OF_IMIGUE)
    found.said["test_labels"] = "placeholder, where the release's test labels mean nothing"
    take_classes(found, "imigue")


def _imigue2021(found: Look, path: Path) -> None:
    _imigue(found, path)
    places = imigue2021.find_places(path)
    folders = [places[imigue2021.FOLDERS[split]] for split in ("train", "val")]
    if not all(folders):  # the videos, whose folders say the split, are not there
        (table,) = places[imigue2021.TABLE][:1] or [path / imigue2021.TABLE]
        deal_out(found, {row.subject for row in imigue2021.table_rows(table)}, str(table))


def _openpose(found: Look, path: Path) -> None:
    table, rows = _clip_table(path)
    head = rows[0]
    columns = {name: [row[head.index(name)] for row in rows[1:]] for name in REQUIRED}
    first = columns["folder"][0]
    inside = sorted(one for one in path.rglob("*") if one.is_dir()) if path.is_dir() else []
    roots = [one for one in (path, *inside) if (one / first).is_dir()]
    if not roots:
        raise InputError(
            f"{table}, row 2: names the folder {first}, which is not in {path} or below; give the "
            "folder that holds it"
        )
    found.data |= {"root": str(roots[0]), "labels": str(table), "fps": 25, **_largest(SIZES[-1:])}
    found.said |= dict.fromkeys(("fps", "height", "width"), NOT_SAID)
    need_splits(table, columns["split"])
    found.subjects = set(columns["subject"])
    name_classes(found, columns["label"])


def _clip_table(path: Path) -> tuple[Path, list[list[str]]]:
    """The table of clips of OpenPose's frames: in the folder, or beside it."""
    tables = [*sorted(path.glob("*.csv")), *sorted(path.parent.glob("*.csv"))]
    for table in tables:
        if set(REQUIRED) <= set(_head(table)):
            rows = [fields for _, fields in csv_rows(table)]
            if len(rows) > 1:
                return table, rows
    raise InputError(
        f"{path}: holds frames of OpenPose, but no table of clips; looked for a CSV file with the "
        f"header {','.join(REQUIRED)} in it and beside it"
    )


def _pyskl(found: Look, path: Path) -> None:
    found.data["fps"] = 30
    found.said["fps"] = NOT_SAID
    data = PySkl.model_validate({"name": "", "on_bad_clip": "skip", **found.data})
    outlines = [
        (source, *annotations.read_annotations(source, sized=True))
        for source in annotations.find_sources(data)
    ]
    every = [one for _, several, _ in outlines for one in several]
    if any("img_shape" not in one for one in every):
        found.data |= _largest(SIZES[1:2])
        found.said |= dict.fromkeys(("height", "width"), NOT_SAID)
    names = [name for _, _, splits in outlines for name in splits or ()]
    if names:
        found.data |= _chosen_splits(path, names)
    elif not all(source.split for source, _, _ in outlines):
        subjects = {one["frame_dir"].rpartition("_")[0] or one["frame_dir"] for one in every}
        deal_out(found, subjects, str(path))
    labels = [one["label"] for one in every if one.get("label") is not None]
    texts = [str(label) for label in labels if isinstance(label, str)]
    if len(texts) == len(labels):
        name_classes(found, texts)
        return
    count = max(int(label) for label in labels) + 1
    found.class_names = [f"class {number}" for number in range(max(count, 2))]


def _chosen_splits(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """What the file's splits are here; nothing where their names say it."""
    if set(names) <= set(annotations.SPLIT_NAMES):
        if not {annotations.SPLIT_NAMES[name] for name in names} >= {"train", "val"}:
            return {"splits": {"train": "train", "test": "val"}} if "test" in names else {}
        return {}
    for start in dict.fromkeys(name.partition("_")[0] for name in names if "train" in name):
        own = [name for name in names if name.startswith(start)]
        roles = {
            split: [name for name in own if part in name]
            for split, part in (("train", "train"), ("val", "val"), ("test", "test"))
        }
        roles["val"] = roles["val"] or roles.pop("test")
        if roles["train"] and roles["val"]:
            return {"splits": {each[0]: split for split, each in roles.items() if each}}
    raise InputError(
        f"{path}: has the splits {', '.join(names)}; looked for names with train and val or test"
    )


def _smg(found: Look, path: Path) -> None:
    found.data |= {"height": 1080, "width": 1920}
    found.said |= dict.fromkeys(("height", "width"), "of Kinect v2; the files do not say it")
    folders = smg.sample_folders(path)
    if any(folder.parent.name not in smg.FOLDERS for folder in folders.values()):
        deal_out(found, set(folders), str(path))
    take_classes(found, "smg")


def _parquet(found: Look, path: Path) -> None:
    columns = pq.read_schema(path).names
    wanted = [name for name in ("label", "subject", "split") if name in columns]
    table = pq.read_table(path, columns=wanted)
    _plain(found, path, {name: table.column(name).unique().to_pylist() for name in wanted})


def _csv(found: Look, path: Path) -> None:
    wanted = [name for name in ("label", "subject", "split") if name in _head(path)]
    _plain(found, path, plain_csv.distinct(str(path), dict.fromkeys(wanted, pa.string())))


def _plain(found: Look, path: Path, values: Mapping[str, Collection[Any]]) -> None:
    if missing := [name for name in ("label", "subject") if name not in values]:
        raise InputError(f"{path}: has no column {' and '.join(missing)}, of the plain form")
    if "split" in values:
        need_splits(path, [str(one) for one in values["split"]])
    else:
        deal_out(found, {str(one) for one in values["subject"] if one}, str(path))
    name_classes(found, [str(one) for one in values["label"] if one])


def _largest(sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return dict(zip(("height", "width"), sizes[-1], strict=True))


def _read_some(found: Look, sized: bool) -> None:
    """Read the first clips: which points are there, how large the picture is."""
    data = read_section({**found.data, "on_bad_clip": "skip"})
    found.source = keypoint_format(data)
    begin, frames, corner = time.monotonic(), 0, np.zeros(2)
    for number, clip in enumerate(read_clips(data, found.class_names), 1):
        if isinstance(clip, BadClip):
            found.bad = found.bad or clip.message
        else:
            there = clip.points[..., 2] > 0
            found.seen = there.sum(axis=0) + (found.seen if len(found.seen) else 0)
            frames += len(there)
            corner = np.maximum(corner, _corner(clip))
            found.splits[clip.split] += 1
        if number >= MOST_CLIPS or time.monotonic() - begin > MOST_SECONDS:
            break
    if not frames:
        raise InputError(f"no clip could be read; {found.bad or 'the data set holds none'}")
    found.seen = found.seen / frames
    if found.said.get("height") == NOT_SAID and not sized:
        fitting = [one for one in SIZES if one[1] >= corner[0] and one[0] >= corner[1]]
        found.data |= _largest(fitting[:1] or SIZES)
        found.said |= dict.fromkeys(("height", "width"), f"guessed from the points; {NOT_SAID}")


def _corner(clip: Clip) -> np.ndarray:
    """Largest x and y of the points that were found, but for the outermost hundredth."""
    points = clip.points[clip.points[..., 2] > 0]
    return np.quantile(points[:, :2], 0.99, axis=0) if len(points) else np.zeros(2)


LOOKS: dict[str, Callable[[Look, Path], None]] = {
    "miga2025": _imigue,
    "imigue2021": _imigue2021,
    "release2023": _imigue,
    "openpose_json": _openpose,
    "pyskl": _pyskl,
    "smg": _smg,
    "parquet": _parquet,
    "csv": _csv,
    "recordings": look_at_recordings,
    "detections": look_at_detections,
    "video": look_at_videos,
}
"""What is told of each format's data, beside their clips."""
