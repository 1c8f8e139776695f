"""iMiGUE as it is given out under licence since 2021: a spreadsheet a video, one table of clips.

The spreadsheets and the classes are those of the release of 2025
(`microgesture.readers.miga2025`), but the table says who is seen, and which split a video is of is
told by the folders of the videos.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import SPLITS, BadClip, Clip
from microgesture.readers.common import ordered_map, shown
from microgesture.readers.labels import (
    LabelRow,
    RawClasses,
    csv_rows,
    splits_by_subject,
    whole_number,
)
from microgesture.readers.miga2025 import check_classes, raw_classes, read_video
from microgesture.readers.videos import Task, Video, check_labels
from microgesture.readers.xlsx import EmptySheet
from microgesture.settings.data import Imigue2021
from microgesture.utils.errors import InputError

SKELETONS, TABLE = "mg_skeleton_only", "labels_20200831.csv"
COLUMNS = ("video_id", "subject_id", "class", "start_frame", "end_frame", "win_or_lose")
FOLDERS = {"train": "imigue_rgb_train", "val": "imigue_rgb_validate", "test": "imigue_rgb_test"}
LEVELS = 4  # an archive unpacked into a folder of its name adds one


@dataclass(frozen=True)
class _Row:
    """One row of the table of clips, its numbers not read yet."""

    line: int
    video: int
    subject: str
    cells: tuple[str, str, str]


def read(
    data: Imigue2021, class_names: list[str], workers: int, whole: bool = False
) -> Iterator[Clip | BadClip]:
    """Yield the clips, sorted by split (train, val, test), then video, then row of the table.

    A clip's id is ``{video}_{row}``, rows of the video counted from 0. Frames are taken to be
    counted as in the release of 2025, from 0 and the end inclusive. Videos in no split and videos
    whose spreadsheet is empty, as 0347 and 0348 are, are named on stderr and left out.

    Parameters
    ----------
    data
        Splits come from ``split``, from ``video_splits`` or else from the folders
        ``imigue_rgb_train``, ``imigue_rgb_validate`` and ``imigue_rgb_test`` below ``root``, in
        which the videos lie.
    class_names, workers, whole
        See `microgesture.readers.miga2025.read`, and for what is raised.

    """
    check_classes("imigue2021", class_names)
    videos = scan(data)
    check_labels(videos, data.on_bad_clip)
    size = (float(data.fps), data.height, data.width)
    tasks = [Task(video, tuple(class_names), *size, whole) for video in videos]
    empty = []
    for video, clips in zip(videos, ordered_map(_cut, tasks, workers), strict=True):
        if clips is None:
            empty.append(video)
        yield from clips or []
    if empty:
        print(
            f"note: the spreadsheets of videos {', '.join(video.name for video in empty)} are "
            f"empty; their {sum(len(video.rows) for video in empty)} clips are left out",
            file=sys.stderr,
        )


def _cut(task: Task) -> list[Clip | BadClip] | None:
    """The clips of a video; None where its spreadsheet is empty."""
    try:
        return read_video(task)
    except EmptySheet:
        return None


def scan(data: Imigue2021) -> list[Video]:
    """Read the table of clips and find the videos, without opening a spreadsheet."""
    root = Path(data.root)
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; set data.root to the unpacked release")
    places = find_places(root)
    skeletons, table = (_only(root, places, name) for name in (SKELETONS, TABLE))
    rows = table_rows(table)
    subjects = _subjects(table, rows)
    splits = _splits(data, root, places, table, subjects)
    left_out = sorted(set(subjects) - set(splits))
    if left_out:
        print(
            f"note: {len(left_out)} videos of {table} are in no split, the first is "
            f"{left_out[0]:04d}; their clips are left out",
            file=sys.stderr,
        )
    folders = {int(p.name): p for p in skeletons.iterdir() if p.is_dir() and p.name.isdecimal()}
    by_video: dict[int, list[_Row]] = {}
    for row in rows:
        by_video.setdefault(row.video, []).append(row)
    classes = raw_classes()
    videos = []
    for split in SPLITS:
        hidden = split == "test" and data.test_labels == "placeholder"
        for video in sorted(v for v in subjects if splits.get(v) == split):
            folder = folders.get(video, skeletons / f"{video:04d}")
            sheet = folder / f"{folder.name}_2.xlsx"
            if not sheet.is_file():
                raise InputError(
                    f"{sheet}: does not exist, but {table} has clips of it; complete the folder, "
                    "or leave the video out of data.video_splits"
                )
            labels = tuple(
                _label_row(table, row, f"{video:04d}_{n}", split, None if hidden else classes)
                for n, row in enumerate(by_video[video])
            )
            videos.append(Video(split, f"{video:04d}", subjects[video], sheet, table, labels))
    return videos


def find_places(root: Path) -> dict[str, list[Path]]:
    """Where the folders and the table of the release lie, by name, a few levels below a folder."""
    found: dict[str, list[Path]] = {name: [] for name in (SKELETONS, TABLE, *FOLDERS.values())}
    level = [root]
    for _ in range(LEVELS):
        below = sorted(p for folder in level for p in folder.iterdir() if p.name[0] not in "._")
        for path in below:
            if path.name in found and path.is_dir() == (path.name != TABLE):
                found[path.name].append(path)
        level = [path for path in below if path.name not in found and path.is_dir()]
    return found


def _only(root: Path, places: Mapping[str, list[Path]], name: str) -> Path:
    if len(places[name]) != 1:
        found = ", ".join(map(str, places[name])) or "none"
        raise InputError(
            f"{root}: expected one {name} at most {LEVELS} levels below, found {found}; set "
            "data.root to the folder that holds mg_skeleton_only and Label"
        )
    return places[name][0]


def table_rows(table: Path) -> list[_Row]:
    """Rows of the table of clips, subjects as they stand there."""
    rows = csv_rows(table)
    header = rows[0][1] if rows else []
    if not set(COLUMNS[:5]) <= set(header) or len(set(header)) != len(header):
        raise InputError(
            f"{table}, row 1: found {shown(','.join(header))}, expected a header row of the "
            f"columns {','.join(COLUMNS)}"
        )
    result = []
    for line, fields in rows[1:]:
        if len(fields) != len(header):
            raise InputError(
                f"{table}, row {line}: has {len(fields)} fields, expected {len(header)}"
            )
        cell = dict(zip(header, fields, strict=True))
        video = whole_number(cell["video_id"])
        if video is None or not cell["subject_id"]:
            found = shown(f"{cell['video_id']},{cell['subject_id']}")
            raise InputError(
                f"{table}, row {line}: video_id,subject_id is {found}, expected a whole number and "
                "a subject"
            )
        # a spreadsheet program writes the number of a subject as 7.0
        subject = cell["subject_id"]
        subject = subject if whole_number(subject) is None else subject.partition(".")[0]
        cells = (cell["class"], cell["start_frame"], cell["end_frame"])
        result.append(_Row(line, video, subject, cells))
    if not result:
        raise InputError(f"{table}: holds no clip, expected one row for each below the header")
    return result


def _subjects(table: Path, rows: list[_Row]) -> dict[int, str]:
    """Who is seen in each video."""
    subjects: dict[int, str] = {}
    for row in rows:
        if subjects.setdefault(row.video, row.subject) != row.subject:
            raise InputError(
                f"{table}, row {row.line}: video {row.video} has subject {shown(row.subject)}, but "
                f"{shown(subjects[row.video])} in an earlier row; keep one"
            )
    return subjects


def _label_row(
    table: Path, row: _Row, clip_id: str, split: str, classes: RawClasses | None
) -> LabelRow | BadClip:
    raw, start, end = (whole_number(cell) for cell in row.cells)
    place = f"{table}, row {row.line}"
    if start is None or end is None or (raw is None and classes):
        found = shown(",".join(row.cells))
        reason = f"class,start_frame,end_frame is {found}, expected three integers"
        return BadClip(clip_id, split, place, reason)
    if not 0 <= start <= end:
        return BadClip(clip_id, split, place, f"frames {start}..{end}, expected 0 <= start <= end")
    if classes is None:
        return LabelRow(row.line, UNKNOWN, start, end)
    if (label := classes.ids.get(raw or 0)) is None:
        return BadClip(clip_id, split, place, f"class {raw}, expected {classes.expected}")
    return LabelRow(row.line, label, start, end)


def _splits(
    data: Imigue2021,
    root: Path,
    places: Mapping[str, list[Path]],
    table: Path,
    subjects: Mapping[int, str],
) -> dict[int, str]:
    """The split of every video that is in one."""
    if data.split:
        by_subject = splits_by_subject(str(table), set(subjects.values()), data.split)
        return {video: by_subject.get(who, "train") for video, who in subjects.items()}
    if data.video_splits:
        return _listed(Path(data.video_splits), subjects)
    splits: dict[int, str] = {}
    for split, name in FOLDERS.items():
        if not places[name] and split == "test":
            continue
        if len(places[name]) != 1:
            found = ", ".join(map(str, places[name])) or "none"
            raise InputError(
                f"{root}: expected one folder {name}, whose videos are split {split}, at most "
                f"{LEVELS} levels below, found {found}; or give data.video_splits, a CSV "
                "video,split, or data.split {by: subject, ...}"
            )
        for path in sorted(places[name][0].iterdir()):
            video = whole_number(path.stem)
            if video is not None and splits.setdefault(video, split) != split:
                raise InputError(f"{path}: the video is also in split {splits[video]}; remove one")
    return splits


def _listed(path: Path, subjects: Mapping[int, str]) -> dict[int, str]:
    rows = csv_rows(path)
    if not rows or rows[0][1] != ["video", "split"]:
        raise InputError(f"{path}: expected the header row 'video,split'")
    splits: dict[int, str] = {}
    for line, fields in rows[1:]:
        video = whole_number(fields[0])
        if video is None or video not in subjects or fields[1:] not in [[s] for s in SPLITS]:
            raise InputError(
                f"{path}, row {line}: found {shown(','.join(fields))}, expected a video of the "
                f"table of clips and one of {', '.join(SPLITS)}"
            )
        if splits.setdefault(video, fields[1]) != fields[1]:
            raise InputError(
                f"{path}, row {line}: video {video} is also in {splits[video]}; keep one"
            )
    return splits
