"""Whole recordings with an outcome, and the tables that state it."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from microgesture.readers.common import shown
from microgesture.readers.labels import csv_rows, whole_number
from microgesture.settings.emotion import SMG_TABLES
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_text

UNKNOWN, LOSE, WIN = -1, 0, 1
NAMES = {LOSE: "Lose", WIN: "Win", UNKNOWN: ""}
_SPELLED = {"win": WIN, "won": WIN, "w": WIN, "1": WIN, "1.0": WIN, "": UNKNOWN}
_SPELLED |= {"lose": LOSE, "lost": LOSE, "loss": LOSE, "l": LOSE, "0": LOSE, "0.0": LOSE}
RECORDING = ("video_id", "video", "recording", "recording_id")
OUTCOME = ("win_or_lose", "label", "emotion", "outcome")
SUBJECT = ("subject_id", "subject")


@dataclass(frozen=True)
class Stated:
    """What a row of a table says: ``outcome`` of frames ``start`` to ``end``, None for all."""

    place: str
    name: str
    recording: str
    outcome: int
    subject: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Interview:
    """A recording, or frames of one, whose outcome is to be told.

    ``label`` is `WIN`, `LOSE` or `UNKNOWN`; ``fold`` is the one that it is tested in, None for
    those of split test; ``end`` is inclusive, None where the recording ends.
    """

    id: str
    recording: str
    subject: str
    split: str
    label: int
    start: int = 0
    end: int | None = None
    fold: int | None = None


def read_stated(path: Path) -> list[Stated]:
    """Read a table of outcomes, or the tables of a folder of SMG's samples.

    Raises
    ------
    InputError
        If a column is missing, or a cell is not what it must be.

    """
    if path.is_dir():
        tables = sorted(path.rglob(SMG_TABLES))
        if not tables:
            raise InputError(f"{path}: holds no {SMG_TABLES}; name a table, or SMG's folder")
        return [one for table in tables for one in _read_smg(table)]
    rows = csv_rows(path)
    header = [field.strip().lower() for field in rows[0][1]] if rows else []
    if len(header) == 2 and not set(header) & {*RECORDING, *OUTCOME} and header[1] in _SPELLED:
        header, body = ["video_id", "label"], rows
    else:
        body = rows[1:]
    columns = [
        next((header.index(name) for name in names if name in header), None)
        for names in (RECORDING, OUTCOME, SUBJECT, ("start",), ("end",))
    ]
    if columns[0] is None or columns[1] is None:
        raise InputError(
            f"{path}, row 1: found {shown(','.join(header))}, expected a header row with one of "
            f"{', '.join(RECORDING)} and one of {', '.join(OUTCOME)}"
        )
    return [_stated(path, line, fields, columns) for line, fields in body]


def _stated(path: Path, line: int, fields: list[str], columns: Sequence[int | None]) -> Stated:
    cells = ["" if n is None or n >= len(fields) else fields[n].strip() for n in columns]
    recording, outcome, subject, start, end = cells
    place = f"{path}, row {line}"
    if not recording:
        raise InputError(f"{place}: names no recording; expected one in each row")
    if outcome.lower() not in _SPELLED:
        raise InputError(
            f"{place}: the outcome is {shown(outcome)}, expected Win or Lose, 1 or 0, or nothing "
            "where it is not known"
        )
    first, last = whole_number(start) if start else None, whole_number(end) if end else None
    name = recording if first is None else f"{recording}_{first}"
    known = _SPELLED[outcome.lower()]
    return Stated(place, name, recording, known, subject or None, first, last)


def _read_smg(path: Path) -> list[Stated]:
    """Rows ``emo_id,startf,endf,emo_label``; relaxed counts as a win, stressed as a defeat."""
    sample, stated = path.name.partition("_")[0], []
    for line, fields in csv_rows(path):
        numbers = [whole_number(field) for field in fields]
        if line == 1 and numbers.count(None) == len(numbers):
            continue
        place = f"{path}, row {line}"
        if len(numbers) != 4 or None in numbers:
            found = shown(",".join(fields))
            raise InputError(
                f"{place}: found {found}, expected four integers emo_id,start,end,label"
            )
        emotion, start, end, label = (int(number or 0) for number in numbers)
        if label % 10 not in (1, 2) or not 0 <= start <= end:
            raise InputError(
                f"{place}: found {shown(','.join(fields))}, expected 0 <= start <= end and a label "
                "that ends with 1 (relaxed) or 2 (stressed)"
            )
        outcome = WIN if label % 10 == 1 else LOSE
        stated.append(Stated(place, f"{sample}_{emotion}", sample, outcome, None, start, end))
    return stated


def join(recordings: Mapping[str, tuple[str, str]], stated: Iterable[Stated]) -> list[Interview]:
    """Interviews of recordings, in the order of these.

    Parameters
    ----------
    recordings
        Subject and split by id.
    stated
        Rows of all tables. Ids are compared as they are, and as numbers: 7 is 0007.

    Raises
    ------
    InputError
        Where rows contradict each other, or no recording has an outcome.

    """
    by_number = {whole_number(name): name for name in recordings if whole_number(name) is not None}
    found: dict[str, Stated] = {}
    lost: dict[str, str] = {}
    for row in stated:
        number = whole_number(row.recording)
        name = row.recording if row.recording in recordings else by_number.get(number, "")
        if not name or (name != row.recording and number is None):
            lost.setdefault(row.recording, row.place)
            continue
        id_ = name if row.start is None else row.name.replace(row.recording, name, 1)
        _keep(found, id_, row)
    if lost:
        first = next(iter(lost))
        print(
            f"note: {len(lost)} recordings with an outcome have no skeletons (an empty sheet, or "
            f"none at all) and are left out, the first is {first} ({lost[first]})",
            file=sys.stderr,
        )
    made, silent = [], []
    ids: dict[str, list[str]] = {}
    for id_, row in found.items():
        number = whole_number(row.recording)
        name = row.recording if row.recording in recordings else by_number[number]
        ids.setdefault(name, []).append(id_)
    for name, (subject, split) in recordings.items():
        mine = ids.get(name, [])
        if not mine and split == "test":
            made.append(Interview(name, name, subject, split, UNKNOWN))
        elif not mine:
            silent.append(name)
        for id_ in mine:
            row = found[id_]
            if row.outcome == UNKNOWN and split != "test":
                silent.append(id_)
                continue
            who = row.subject or subject
            made.append(Interview(id_, name, who, split, row.outcome, row.start or 0, row.end))
    if silent:
        print(
            f"note: {len(silent)} recordings of train and val have no outcome and are left out, "
            f"the first is {silent[0]}",
            file=sys.stderr,
        )
    return made


def _keep(found: dict[str, Stated], id_: str, row: Stated) -> None:
    """Keep a row; a second one of the same recording must say the same."""
    before = found.setdefault(id_, row)
    for what in ("outcome", "subject"):
        old, new = getattr(before, what), getattr(row, what)
        if old != new:
            raise InputError(
                f"{row.place}: {what} of recording {row.recording} is {shown(_word(new))}, but "
                f"{shown(_word(old))} in {before.place}; keep one"
            )


def _word(value: int | str | None) -> str:
    return NAMES.get(value, "") if isinstance(value, int) else str(value)


def write_interviews(path: Path, interviews: Sequence[Interview]) -> None:
    """Write a CSV, one row an interview."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(Interview.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    for one in interviews:
        row = asdict(one)
        writer.writerow({key: "" if value is None else value for key, value in row.items()})
    write_text(path, out.getvalue())


def read_interviews(path: Path) -> list[Interview]:
    """Read what `write_interviews` wrote."""
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [
        Interview(
            row["id"],
            row["recording"],
            row["subject"],
            row["split"],
            int(row["label"]),
            int(row["start"]),
            int(row["end"]) if row["end"] else None,
            int(row["fold"]) if row["fold"] else None,
        )
        for row in rows
    ]
