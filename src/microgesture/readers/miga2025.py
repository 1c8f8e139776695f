"""iMiGUE as the MiGA challenge released it on Kaggle in 2025: spreadsheets of OpenPose points.

A folder holds one long video; the clips are the rows of its label file. Its ``_light_hand.csv``, 35
points a frame, and ``_light.csv``, 25 of them, are read only where there is no spreadsheet, which
holds all points.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from microgesture.data.store import BadClip, Clip
from microgesture.readers.common import ordered_map, subfolders
from microgesture.readers.folders import FULLEST
from microgesture.readers.labels import (
    RawClasses,
    read_labels,
    read_subjects,
    subject_of,
)
from microgesture.readers.light import read_light
from microgesture.readers.videos import Task, Video, check_labels, cut
from microgesture.readers.xlsx import read_sheet
from microgesture.settings.data import Miga2025
from microgesture.utils.errors import InputError

FOLDERS = {
    "train": "imigue_skeleton_train",
    "val": "imigue_skeleton_validate",
    "test": "imigue_skeleton_test",
}
CLASSES = 32
NON_MICRO_GESTURE = 99
LEVELS = 4  # an archive unpacked into a folder of its name adds one


def read(
    data: Miga2025, class_names: list[str], workers: int, whole: bool = False
) -> Iterator[Clip | BadClip]:
    """Yield the clips of the release, sorted by split (train, val, test), then video, then row.

    Without the folder of the test videos, which are given out later, no clip is in split test.

    Parameters
    ----------
    data
        Without ``subjects``, every video is its own subject; with placeholders for ``test_labels``,
        test clips get no label.
    class_names
        The 32 names in id order; id = raw class - 1, and 31 for raw class 99.
    workers
        Processes; at most this many videos are in memory at once.
    whole
        Whether the videos are yielded as well, as a `Recording` after their clips.

    Raises
    ------
    InputError
        If a folder, a file, a column or a cell is not as it must be.

    """
    check_classes("miga2025", class_names)
    videos = scan(data)
    check_labels(videos, data.on_bad_clip)
    light = [video for video in videos if video.file.suffix == ".csv"]
    if light:
        print(
            f"note: {len(light)} videos have no spreadsheet, the first is {light[0].name}; of them "
            f"{light[0].file.name} and the like are read, which have no face and at most the tips "
            "of the fingers",
            file=sys.stderr,
        )
    size = (float(data.fps), data.height, data.width)
    tasks = [Task(video, tuple(class_names), *size, whole) for video in videos]
    for clips in ordered_map(read_video, tasks, workers):
        yield from clips


def check_classes(name: str, class_names: list[str]) -> None:
    """Refuse classes that are not the 32 of iMiGUE."""
    if len(class_names) != CLASSES:
        raise InputError(
            f"the classes file has {len(class_names)} names, but format {name} has {CLASSES} "
            "classes; use config/classes/imigue.yaml"
        )


def scan(data: Miga2025) -> list[Video]:
    """Find the videos and read their label files, without opening a spreadsheet."""
    root = Path(data.root)
    subjects = read_subjects(Path(data.subjects)) if data.subjects else None
    classes = raw_classes()
    videos: list[Video] = []
    seen: dict[str, Path] = {}
    for split, folder in _split_folders(root).items():
        hide_label = split == "test" and data.test_labels == "placeholder"
        names = [path for path in subfolders(folder) if path.name[0] not in "._"]
        if not names:
            raise InputError(f"{folder}: holds no video folder, expected folders such as 0001")
        for path in names:
            video = path.name
            if video in seen:
                raise InputError(f"{path}: video {video} is also in {seen[video]}; remove one")
            seen[video] = path
            labels, *sheets = (path / f"{video}{end}" for end in ("_label.csv", *FULLEST))
            sheet = next((file for file in sheets if file.is_file()), sheets[0])
            for file in (sheet, labels):
                if not file.is_file():
                    raise InputError(f"{file}: does not exist; complete or remove the folder")
            subject = subject_of(video, subjects, data.subjects)
            rows = read_labels(labels, split, video, None if hide_label else classes)
            videos.append(Video(split, video, subject, sheet, labels, tuple(rows)))
    return videos


def raw_classes() -> RawClasses:
    """What the release's class column means: 1 to 31, and 99 for what is no micro-gesture."""
    ids = {number: number - 1 for number in range(1, CLASSES)} | {NON_MICRO_GESTURE: CLASSES - 1}
    return RawClasses(ids, f"1..{CLASSES - 1} or {NON_MICRO_GESTURE}")


def _split_folders(root: Path) -> dict[str, Path]:
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; set data.root to the unpacked release")
    found: dict[str, list[Path]] = {split: [] for split in FOLDERS}
    splits = {name: split for split, name in FOLDERS.items()}
    level = [root]
    for _ in range(LEVELS):
        below = sorted(p for folder in level for p in folder.iterdir() if p.is_dir())
        for path in below:
            if path.name in splits:
                found[splits[path.name]].append(path)
        level = [path for path in below if path.name not in splits]
    for split, name in FOLDERS.items():
        if len(found[split]) > 1 or (not found[split] and split != "test"):
            places = ", ".join(map(str, found[split])) or "none"
            raise InputError(
                f"{root}: expected one folder {name} at most {LEVELS} levels below, found "
                f"{places}; set data.root to the folder that holds the phases"
            )
    return {split: paths[0] for split, paths in found.items() if paths}


def read_video(task: Task) -> list[Clip | BadClip]:
    """Read one video's spreadsheet and cut it at the rows of its label file."""
    file = task.video.file
    return cut(task, read_light(file) if file.suffix == ".csv" else read_sheet(file))
