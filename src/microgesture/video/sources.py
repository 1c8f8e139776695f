"""Where the video of a clip lies: by the names of the files below a folder, or by a table."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from microgesture.readers.common import shown
from microgesture.readers.folders import LEVELS, video_paths
from microgesture.readers.labels import csv_rows, whole_number
from microgesture.settings.video import Video
from microgesture.utils.errors import InputError

EXAMPLE = "0123.mp4 or 0123_4.mp4"
SIDE = 16
"""Of crops, where none are made."""


@dataclass(frozen=True)
class Source:
    """A video file, or some frames of it: ``end`` is inclusive, None where the file ends."""

    path: Path
    start: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Sources:
    """Videos by what they are named after.

    Attributes
    ----------
    place
        The folder or table that names them, for messages.
    recordings, clips
        Those that a recording or a clip may be named after; several where names meet.

    """

    place: str
    recordings: dict[str, list[Source]] = field(default_factory=dict)
    clips: dict[str, list[Source]] = field(default_factory=dict)

    def find(self, clip_id: str, recording: str | None) -> tuple[Source, bool] | None:
        """The video of a clip, and whether it is one of the clip alone; None without any.

        Raises
        ------
        InputError
            When several fit.

        """
        own = _named(self.clips, clip_id)
        whole = [] if recording is None else _named(self.recordings, recording)
        several = [*own, *(one for one in whole if one not in own)]
        if len(several) > 1:
            first, second = (one.path for one in several[:2])
            raise InputError(
                f"{self.place}: clip {clip_id} may be in {first} or {second}; remove one, or name "
                "the right ones in a table, video.table"
            )
        return (several[0], bool(own)) if several else None

    def paths(self) -> set[Path]:
        """All files."""
        every = [*self.recordings.values(), *self.clips.values()]
        return {one.path for several in every for one in several}


def _named(sources: dict[str, list[Source]], name: str) -> list[Source]:
    """Videos by a whole name, or else by the last part of one such as ``room/left``."""
    return sources.get(name) or sources.get(PurePosixPath(name).name, [])


def find_sources(config: Video) -> Sources:
    """Find the videos that a config names, without opening any.

    Raises
    ------
    InputError
        When the folder holds none, or the table cannot be read.

    """
    if config.table is not None:
        return _read_table(config)
    root = Path(config.root or "")
    sources = Sources(str(root))
    for path in video_paths(root):
        relative = path.relative_to(root).with_suffix("").as_posix()
        for name in {relative, path.stem}:
            for named in (sources.recordings, sources.clips):
                named.setdefault(name, []).append(Source(path))
    if not sources.clips:
        raise InputError(
            f"{root}: holds no video at most {LEVELS} folders below, expected files such as "
            f"{EXAMPLE}; set video.root to the folder that holds them, or give video.table"
        )
    return sources


def _read_table(config: Video) -> Sources:
    """Read a CSV of ``clip_id`` or ``recording``, ``path`` and optionally ``start,end``."""
    table = Path(str(config.table))
    base = Path(config.root) if config.root else table.parent
    rows = csv_rows(table)
    header = rows[0][1] if rows else []
    columns = set(header)
    kinds = columns & {"clip_id", "recording"}
    known = columns <= {"clip_id", "recording", "path", "start", "end"}
    if len(kinds) != 1 or "path" not in columns or not known or len(columns) != len(header):
        raise InputError(
            f"{table}, row 1: found {shown(','.join(header))}, expected a header row of the "
            "columns clip_id or recording, then path and optionally start,end"
        )
    if ("start" in columns) != ("end" in columns):
        raise InputError(f"{table}, row 1: has one of the columns start,end, expected both or none")
    kind = kinds.pop()
    sources = Sources(str(table))
    named = sources.clips if kind == "clip_id" else sources.recordings
    for line, fields in rows[1:]:
        place = f"{table}, row {line}"
        if len(fields) != len(header):
            raise InputError(f"{place}: has {len(fields)} fields, expected {len(header)}")
        cell = dict(zip(header, fields, strict=True))
        if not cell[kind] or not cell["path"]:
            raise InputError(f"{place}: {kind} or path is empty, expected both")
        if cell[kind] in named:
            raise InputError(f"{place}: {kind} {shown(cell[kind])} is in a row above; keep one")
        start, end = _frames(place, cell.get("start", ""), cell.get("end", ""))
        named[cell[kind]] = [Source(base / cell["path"], start, end)]
    if not named:
        raise InputError(f"{table}: names no video, expected one row for each below the header")
    return sources


def _frames(place: str, start: str, end: str) -> tuple[int, int | None]:
    """First and last frame of a row; where they are empty, the whole file."""
    first, last = whole_number(start or "0"), whole_number(end) if end else None
    if first is None or first < 0 or (end and (last is None or last < first)):
        raise InputError(
            f"{place}: start,end is {shown(f'{start},{end}')}, expected frames counted from 0, the "
            "end inclusive, or nothing"
        )
    return first, last


def find_videos(place: Path) -> dict[str, Source]:
    """Videos by name: a file, all below a folder, or those that a table (.csv) names.

    Raises
    ------
    InputError
        When there is none, or two have the same name.

    """
    if place.is_file() and place.suffix.lower() != ".csv":
        return {place.stem: Source(place)}
    if place.is_file():
        named = find_sources(Video(side=SIDE, table=str(place)))
        return {name: one for name, (one, *_) in {**named.recordings, **named.clips}.items()}
    videos: dict[str, Source] = {}
    for path in sorted(find_sources(Video(side=SIDE, root=str(place))).paths()):
        name = path.relative_to(place).with_suffix("").as_posix()
        if name in videos:
            raise InputError(f"{path}: has the name of {videos[name].path}; rename one of them")
        videos[name] = Source(path)
    return videos


def find_whole_videos(place: Path) -> dict[str, Path]:
    """Files of `find_videos`, of which a table may name no part.

    Raises
    ------
    InputError

    """
    found = find_videos(place)
    if parts := [name for name, one in found.items() if one.start or one.end is not None]:
        raise InputError(
            f"{place}: names frames of {shown(parts[0])}, but videos are read as a whole; leave "
            "start and end out, and cut the recording afterwards"
        )
    return {name: one.path for name, one in found.items()}


def video_files(config: Video) -> list[str]:
    """The files that the crops are made of, so that a changed one is noticed.

    A folder or table that is not there is listed itself: Snakemake then uses what was made from it
    before, as on another machine.
    """
    place = Path(config.table or config.root or "")
    if not place.exists():
        return [str(place)]
    if config.table is None:
        return videos_below(place)
    return [str(place), *sorted(map(str, find_sources(config).paths()))]


def videos_below(root: str | Path) -> list[str]:
    """All videos below a folder; the folder itself where that is not there, see `video_files`."""
    place = Path(root)
    return sorted(map(str, video_paths(place))) if place.exists() else [str(place)]
