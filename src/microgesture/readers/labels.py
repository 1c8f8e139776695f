"""The small tables beside the skeletons: which frames are a clip, of what class and of whom."""

import codecs
import csv
import io
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import BadClip
from microgesture.readers.common import read_bytes, shown
from microgesture.settings.data import Split
from microgesture.utils.errors import InputError

# Half a million rows; a Python object for each field takes up to a hundred bytes.
MOST_BYTES, MOST_FIELDS = 32 << 20, 5_000_000
SAVE_AS = "save it as 'CSV UTF-8'"
# What programs write where nobody is known; taken for a name, it would be one person.
NOBODY = frozenset(("null", "NULL", "None", "nan", "NaN", "NA", "N/A", "#N/A", "<NA>"))
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")


@dataclass(frozen=True)
class LabelRow:
    """One row of a label file: ``line`` as an editor counts, frames 0-based, ``end`` inclusive."""

    line: int
    label: int
    start: int
    end: int


@dataclass(frozen=True)
class RawClasses:
    """What the class column of a release may hold: class ids by raw number, and that in words."""

    ids: Mapping[int, int]
    expected: str


def class_id(name: str | None, class_names: Sequence[str]) -> int:
    """The id of a class by its name; -1 for None and empty text, which are not known.

    Raises
    ------
    InputError
        If it is no class.

    """
    if not name:
        return UNKNOWN
    if name not in class_names:
        hint = mangled(name, class_names)
        raise InputError(f"its label {shown(name)} is not in the classes file{hint}")
    return class_names.index(name)


def csv_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Rows that are not blank, each with its 1-based line number.

    As spreadsheet programs write them, too: fields are separated by commas, or by semicolons or
    tabs where the first line has those (numbers may then have a decimal comma), or by what a line
    ``sep=;`` says; columns that are empty from top to bottom at the end are left out.

    Raises
    ------
    InputError
        If the file cannot be read, is no CSV file in UTF-8, or is larger than such tables are.

    """
    text = _decoded(path, read_bytes(path, MOST_BYTES))
    stated, delimiter = csv_dialect(text)
    rows, count = [], 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for row in reader:
            count += len(row) or 1
            if count > MOST_FIELDS:
                raise csv.Error(f"it has more than {MOST_FIELDS:,} fields and empty lines")
            if any(fields := [_field(field) for field in row]):
                rows.append((reader.line_num, fields))
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as a CSV file: {error}") from error
    rows = rows[1:] if stated else rows
    if delimiter != ",":
        rows = [(line, [_decimal(path, line, one) for one in fields]) for line, fields in rows]
    width = max((max(n for n, f in enumerate(fields) if f) for _, fields in rows), default=0) + 1
    return [(line, fields[:width]) for line, fields in rows]


def _decoded(path: Path, content: bytes) -> str:
    """Text of a CSV file, without the byte order mark that spreadsheet programs put in front."""
    if fault := csv_encoding_fault(content):
        raise InputError(f"{path}: cannot be read as a CSV file: {fault}")
    return content.decode("utf-8-sig")


def csv_encoding_fault(content: bytes) -> str | None:
    """What is wrong with text that is not UTF-8, and what to do."""
    start = content[:200]
    two_bytes = max(start[::2].count(0), start[1::2].count(0)) > len(start) / 4
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or two_bytes:
        return f"it is UTF-16, expected UTF-8; {SAVE_AS}"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start : error.start + 1]
        letter = byte.decode("cp1252", "replace")
        return (
            f"line {line} holds the byte 0x{byte.hex()}, which is no UTF-8 (it is {letter!r} in "
            f"Windows-1252); {SAVE_AS}"
        )
    return None


def csv_dialect(text: str) -> tuple[bool, str]:
    """Whether the first line says what separates fields (``sep=;``), and what does."""
    lines = (line for line in io.StringIO(text) if line.strip())
    first = next(lines, "")
    if stated := re.fullmatch(r"\"?sep=(.)\"?[,;\t]*\s*", first, re.IGNORECASE):
        return True, stated[1]
    bare = re.sub(r'"[^"]*"', "", first)
    if ";" in bare:
        return False, ";"
    return False, "\t" if "\t" in bare and "," not in bare else ","


def _field(text: str) -> str:
    """A cell; ``="0001"`` is how a text of digits is kept from becoming a number."""
    text = text.strip()
    return text[2:-1] if text.startswith('="') and text.endswith('"') else text


def _decimal(path: Path, line: int, text: str) -> str:
    """A cell of a file without commas between cells, its decimal comma as a point."""
    if re.fullmatch(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+", text):
        raise InputError(
            f"{path}, row {line}: {shown(text)} may be a whole number or have three decimals; "
            "write it without points between thousands, or all of the file with commas between "
            "fields"
        )
    return text.replace(",", ".") if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text) else text


def mangled(text: str, names: Iterable[str] = ()) -> str:
    """What a spreadsheet program may have done to a cell that does not fit, or nothing.

    Parameters
    ----------
    text
        The cell.
    names
        Those that would fit.

    """
    if re.fullmatch(r"[+-]?[0-9](\.[0-9]+)?E[+-]?[0-9]+", text, re.IGNORECASE):
        return "; a spreadsheet program shortened the number: format the column as text"
    names = list(names)
    if text.isascii() and text.isdigit():
        for name in names:
            if name != text and name.lstrip("0") == text.lstrip("0"):
                return (
                    f"; {name} is there: a spreadsheet program took its zeros away: format the "
                    "column as text"
                )
    alike = _folded(text)
    for name in names:
        if name != text and _folded(name) == alike:
            return f"; {name!a} is there, not {text!a}: write it in the same letters"
    return ""


def _folded(text: str) -> str:
    """A text without what the eye may miss: case, and how letters with accents are written."""
    return unicodedata.normalize("NFKC", text).casefold()


def whole_number(text: str) -> int | None:
    """The integer that a cell holds, also as a spreadsheet program writes it (``4.0``)."""
    return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None


def is_number(text: str) -> bool:
    """Whether a text can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_subjects(path: Path) -> dict[str, str]:
    """Read a CSV with the columns ``video,subject`` into a mapping."""
    rows = csv_rows(path)
    if not rows or rows[0][1] != ["video", "subject"]:
        raise InputError(f"{path}: expected the header row 'video,subject'")
    subjects: dict[str, str] = {}
    for line, fields in rows[1:]:
        if len(fields) != 2 or not all(fields):
            raise InputError(f"{path}, row {line}: found {shown(fields)}, expected video,subject")
        video, subject = fields
        if subject in NOBODY:
            raise InputError(
                f"{path}, row {line}: subject is {shown(subject)}, expected who is seen"
            )
        if subjects.setdefault(video, subject) != subject:
            raise InputError(
                f"{path}, row {line}: video {shown(video)} has subject {shown(subject)}, but "
                f"{shown(subjects[video])} in an earlier row; keep one"
            )
    return subjects


def subject_of(video: str, subjects: Mapping[str, str] | None, path: object) -> str:
    """Who is seen in a video: itself without a table, or what the table ``path`` says."""
    if subjects is None:
        return video
    if video not in subjects:
        short = next((name for name in subjects if mangled(name, [video])), "")
        hint = mangled(short, [video])
        raise InputError(f"{path}: has no row for video {video}; add '{video},<subject>'{hint}")
    return subjects[video]


def read_labels(
    path: Path, split: str, video: str, classes: RawClasses | None
) -> list[LabelRow | BadClip]:
    """Read ``class,start,end`` rows; a header row, one without any number, is skipped.

    Parameters
    ----------
    path
        The label file of one video.
    split, video
        Of that video; a clip's id is ``{video}_{row}``, rows counted from 0.
    classes
        What the class column means, or None where it is a placeholder and not read.

    """
    rows = csv_rows(path)
    header = rows[:1] if rows and not any(map(is_number, rows[0][1])) else []
    rows = rows[len(header) :]
    if not rows:
        only = f"only {shown(','.join(header[0][1]))}" if header else "no rows"
        raise InputError(
            f"{path}: holds {only}, expected class,start,end; mend or remove the folder"
        )
    return [
        _label_row(path, line, f"{video}_{i}", split, fields, classes)
        for i, (line, fields) in enumerate(rows)
    ]


def _label_row(
    path: Path,
    line: int,
    clip_id: str,
    split: str,
    fields: list[str],
    classes: RawClasses | None,
) -> LabelRow | BadClip:
    def bad(reason: str) -> BadClip:
        return BadClip(clip_id, split, f"{path}, row {line}", reason)

    # a placeholder class may be anything, so only what is used must be a number
    used = fields[1:] if classes is None else fields
    whole = [number for number in map(whole_number, used) if number is not None]
    if len(fields) != 3 or len(whole) != len(used):
        found = shown(",".join(fields))
        hint = next(filter(None, map(mangled, fields)), "")
        return bad(f"found {found}, expected three integers class,start,end{hint}")
    start, end = whole[-2], whole[-1]
    if not 0 <= start <= end:
        return bad(f"frames {start}..{end}, expected 0 <= start <= end")
    if classes is None:
        return LabelRow(line, UNKNOWN, start, end)
    if whole[0] not in classes.ids:
        return bad(f"class {whole[0]}, expected {classes.expected}")
    return LabelRow(line, classes.ids[whole[0]], start, end)


def tell_overlaps(clips: Iterable[tuple[Path, int, int, str]]) -> None:
    """Say on stderr where clips of a recording share frames: that is legal, but may be a slip.

    Parameters
    ----------
    clips
        Recording, first and last frame, and file and row of each.

    """
    found = []
    last: dict[Path, tuple[int, str]] = {}  # of each recording, the last frame so far and its clip
    for recording, start, end, place in sorted(clips):
        last_end, other = last.get(recording, (-1, ""))
        if start <= last_end:
            found.append(f"{place}, with {other}")
        last[recording] = max((end, place), (last_end, other))
    if found:
        print(
            f"note: {len(found)} clips share frames with another of the same recording, the first "
            f"is {found[0]}; all are used",
            file=sys.stderr,
        )


def splits_by_subject(path: str, subjects: Collection[str], assigned: Split) -> dict[str, str]:
    """Splits of the subjects that ``data.split`` names; all others are for training.

    Parameters
    ----------
    path
        Where the subjects were found, for messages.
    subjects
        All subjects of the data set.
    assigned
        The subjects of val and test.

    Raises
    ------
    InputError
        If it names a subject that is not there or twice, or leaves none for training.

    """
    splits: dict[str, str] = {}
    for split in ("val", "test"):
        for subject in getattr(assigned, split):
            if subject not in subjects:
                raise InputError(
                    f"data.split.{split} names subject {subject!r}, which {path} does not have; "
                    f"it has {', '.join(sorted(subjects)[:20])}"
                )
            if subject in splits:
                raise InputError(
                    f"data.split names subject {subject!r} twice, in {splits[subject]} and "
                    f"{split}; name it once"
                )
            splits[subject] = split
    if set(subjects) <= set(splits):
        raise InputError(f"data.split leaves no subject of {path} for train; name fewer")
    return splits
