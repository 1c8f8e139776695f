"""SMG: long recordings of Kinect v2 as CSV files, of which the 2-D points are read."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from microgesture.data.keypoints import KINECT
from microgesture.data.store import BadClip, Clip
from microgesture.readers.common import ordered_map, read_bytes, shown, subfolders
from microgesture.readers.labels import (
    RawClasses,
    csv_rows,
    is_number,
    read_labels,
    read_subjects,
    splits_by_subject,
    subject_of,
)
from microgesture.readers.videos import Task, Video, check_labels, cut
from microgesture.settings.data import Smg
from microgesture.utils.content import check_fetched
from microgesture.utils.errors import InputError

FOLDERS = {
    "smg_skeleton_train": "train",
    "smg_skeleton_validate": "val",
    "smg_skeleton_test": "test",
}
LEVELS = 3
# Of a joint: x, y, z, an orientation of four numbers, 2-D x and y, and two that are not read.
PER_JOINT, FIRST_2D = 11, 7
COLUMNS = PER_JOINT * KINECT.count


def read(
    data: Smg, class_names: list[str], workers: int, whole: bool = False
) -> Iterator[Clip | BadClip]:
    """Yield the clips sorted by sample and row; their points are Kinect's 25, not OpenPose's 137.

    Parameters
    ----------
    data
        ``root`` holds the samples, or the release's folders that hold them. Without ``split``,
        the folders ``smg_skeleton_train``, ``_validate`` and ``_test`` say it; without
        ``subjects``, every sample is its own subject. ``height`` and ``width`` are those of the
        colour picture that the 2-D points lie in.
    class_names
        K names; raw class 1 is the first.
    workers
        Processes; at most this many recordings are in memory at once.
    whole
        Whether the samples are yielded as well, as a `Recording` after their clips.

    Notes
    -----
    Frames of a label row count from 0, the end inclusive. Kinect gives no score: a point has
    score 1, and (0, 0) is one that was not found.

    """
    samples = scan(data, class_names)
    check_labels([video for video, _ in samples], data.on_bad_clip)
    size = (data.height, data.width)
    tasks = [Task(video, tuple(class_names), fps, *size, whole) for video, fps in samples]
    for clips in ordered_map(_read_video, tasks, workers):
        yield from clips


def scan(data: Smg, class_names: list[str]) -> list[tuple[Video, float]]:
    """Samples and their frames a second, from their small files; no skeleton file is opened."""
    root = Path(data.root)
    table = read_subjects(Path(data.subjects)) if data.subjects else None
    folders = sample_folders(root)
    subjects = {name: subject_of(name, table, data.subjects) for name in folders}
    everybody = set(subjects.values())
    splits = splits_by_subject(str(root), everybody, data.split) if data.split else None
    classes = RawClasses({n + 1: n for n in range(len(class_names))}, f"1..{len(class_names)}")
    samples = []
    for name, folder in folders.items():
        if splits is not None:
            split = splits.get(subjects[name], "train")
        elif folder.parent.name in FOLDERS:
            split = FOLDERS[folder.parent.name]
        else:
            raise InputError(
                f"{folder}: is not in one of the folders {', '.join(FOLDERS)}; give data.split "
                "{by: subject, val: [...], test: [...]}"
            )
        labels = folder / f"{name}_finelabels.csv"
        rows = read_labels(labels, split, name, classes)
        fps = read_fps(folder / f"{name}_data.csv")
        file = folder / f"{name}_skeleton.csv"
        samples.append((Video(split, name, subjects[name], file, labels, tuple(rows)), fps))
    return samples


def sample_folders(root: Path) -> dict[str, Path]:
    """Folder of each sample, by its name, a few levels below a folder."""
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; set data.root to the one with the samples")
    found: dict[str, Path] = {}
    level = [root]
    for _ in range(LEVELS + 1):
        below = sorted(p for folder in level for p in subfolders(folder))
        level = []
        for path in below:
            name = path.name
            skeleton = path / f"{name}_skeleton.csv"
            if not skeleton.is_file():
                check_fetched(skeleton)
                if (path / f"{name}_finelabels.csv").is_file():
                    raise InputError(f"{skeleton}: does not exist; complete or remove the folder")
                level.append(path)
            elif name in found:
                raise InputError(f"{path}: sample {name} is also in {found[name]}; remove one")
            else:
                found[name] = path
    if not found:
        raise InputError(
            f"{root}: holds no sample, expected folders such as Sample0001 with "
            "Sample0001_skeleton.csv in them"
        )
    return dict(sorted(found.items()))


def read_fps(path: Path) -> float:
    """Frames a second, from the row ``numFrames,fps,maxDepth`` of a sample."""
    rows = csv_rows(path)
    if len(rows) > 1 and not any(map(is_number, rows[0][1])):
        rows = rows[1:]  # a header
    try:
        fps = float(rows[0][1][1])
    except (IndexError, ValueError):
        fps = 0.0
    if not 0 < fps < np.inf:
        found = shown(",".join(rows[0][1])) if rows else "nothing"
        raise InputError(f"{path}: found {found}, expected the row numFrames,fps,maxDepth")
    return fps


def _read_video(task: Task) -> list[Clip | BadClip]:
    return cut(task, read_skeleton(task.video.file), KINECT.count)


def read_skeleton(path: Path) -> np.ndarray:
    """Read a skeleton file: no header, one row a frame, 25 joints x 11 numbers.

    Returns
    -------
    ndarray
        float32 (T, 25, 3): 2-D x, y in pixels of the colour picture, and score 0 or 1.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, a row is not 275 numbers, or the first row counts
        the columns, as pandas writes it.

    """
    content = read_bytes(path)
    names = [str(column) for column in range(COLUMNS)]
    wanted = [
        str(joint * PER_JOINT + FIRST_2D + axis) for joint in range(KINECT.count) for axis in (0, 1)
    ]
    try:
        table = csv.read_csv(
            io.BytesIO(content),
            csv.ReadOptions(column_names=names, use_threads=False),
            csv.ParseOptions(ignore_empty_lines=True),
            csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.float32()),
                include_columns=wanted,
                null_values=[],
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path}: cannot be read ({reason}), expected rows of {COLUMNS} numbers "
            f"({KINECT.count} joints x {PER_JOINT}) without a header"
        ) from error
    if not table.num_rows:
        raise InputError(f"{path}: is empty, expected one row a frame")
    flat = np.stack([column.to_numpy() for column in table.columns], axis=1)
    if (flat[0] == np.array(wanted, float)).all():
        raise InputError(
            f"{path}, row 1: found 0, 1, 2, ... {COLUMNS - 1}, which number the columns, expected "
            "the first frame; remove this header row"
        )
    places = flat.reshape(-1, KINECT.count, 2)
    score = (places != 0).any(axis=2, keepdims=True)
    return np.concatenate([places, score], axis=2, dtype=np.float32)
