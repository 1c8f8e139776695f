"""Files of detected segments: a table, subtitles, ELAN's annotations, and the challenge's forms."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

from microgesture.online.metrics import Predicted
from microgesture.online.segments import Segment, in_order
from microgesture.settings.online import SegmentField
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path, write_text

HEADER = ("recording", "class", "name", "start", "end", "start_seconds", "end_seconds", "score")
FIELDS: tuple[SegmentField, ...] = get_args(SegmentField)
"""What the columns of one CSV for all recordings may hold."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_TIER = "gestures"


def table(predicted: Predicted, class_names: Sequence[str], fps: Mapping[str, float]) -> str:
    """All segments as CSV: frames from 0, the last one inclusive, and seconds from 0."""
    rows: list[list[object]] = [[*HEADER]]
    for name in predicted:
        for one in in_order(predicted[name]):
            seconds = [f"{at / fps[name]:.3f}" for at in (one.start, one.end + 1)]
            rows.append(
                [name, one.label, class_names[one.label], one.start, one.end, *seconds,
                 f"{one.score:.6f}"]
            )  # fmt: skip
    return _csv(rows)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read_table(path: Path, recordings: Sequence[str]) -> dict[str, list[Segment]]:
    """Segments of recordings out of what `table` wrote; those that it does not name have none."""
    found: dict[str, list[Segment]] = {name: [] for name in recordings}
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); write it again") from None
    if not rows or tuple(rows[0]) != HEADER:
        raise InputError(f"{path}: expected the header row {','.join(HEADER)}; write it again")
    for line, row in enumerate(rows[1:], 2):
        try:
            name, label, _, start, end, _, _, score = row
            found[name].append(Segment(int(label), int(start), int(end), float(score)))
        except (ValueError, KeyError):
            raise InputError(
                f"{path}, row {line}: found {','.join(row)[:100]}, expected a segment of one of "
                f"the {len(recordings)} recordings; write it again"
            ) from None
    return found


def _stamp(seconds: float) -> str:
    """Seconds as WebVTT writes them."""
    thousandths = round(1000 * seconds)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def vtt(segments: Sequence[Segment], class_names: Sequence[str], fps: float) -> str:
    """Segments of a recording as WebVTT subtitles, which players show on the video."""
    cues = [
        f"{_stamp(one.start / fps)} --> {_stamp((one.end + 1) / fps)}\n"
        f"{_cue(class_names[one.label])} ({one.score:.2f})\n"
        for one in in_order(segments)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _cue(name: str) -> str:
    """A name as the text of a cue."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def eaf(
    segments: Sequence[Segment], class_names: Sequence[str], fps: float, video: str | None = None
) -> str:
    """Segments of a recording as an annotation document of ELAN, one tier, times in milliseconds.

    Segments of a tier must not overlap, so those that do go to further tiers.
    """
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {"AUTHOR": "", "DATE": "1980-01-01T00:00:00+00:00", "FORMAT": "3.0", "VERSION": "3.0"},
    )
    header = ElementTree.SubElement(
        root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    )
    if video is not None:
        link = {"MEDIA_URL": video, "MIME_TYPE": "video/mp4"}
        ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", link)
    order = ElementTree.SubElement(root, "TIME_ORDER")
    tiers: list[list[tuple[int, Segment]]] = []
    for number, one in enumerate(in_order(segments)):
        for place, at in ((2 * number, one.start), (2 * number + 1, one.end + 1)):
            slot = {"TIME_SLOT_ID": f"ts{place + 1}", "TIME_VALUE": str(round(1000 * at / fps))}
            ElementTree.SubElement(order, "TIME_SLOT", slot)
        free = next((tier for tier in tiers if tier[-1][1].end < one.start), None)
        if free is None:
            tiers.append(free := [])
        free.append((number, one))
    for place, tier in enumerate(tiers or [[]]):
        named = _TIER if not place else f"{_TIER} {place + 1}"
        about = {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": named}
        node = ElementTree.SubElement(root, "TIER", about)
        for number, one in tier:
            holder = ElementTree.SubElement(node, "ANNOTATION")
            marks = {
                "ANNOTATION_ID": f"a{number + 1}",
                "TIME_SLOT_REF1": f"ts{2 * number + 1}",
                "TIME_SLOT_REF2": f"ts{2 * number + 2}",
            }
            annotation = ElementTree.SubElement(holder, "ALIGNABLE_ANNOTATION", marks)
            value = ElementTree.SubElement(annotation, "ANNOTATION_VALUE")
            value.text = class_names[one.label]
    kind = {
        "GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true"
    }  # fmt: skip
    ElementTree.SubElement(root, "LINGUISTIC_TYPE", kind)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def write_challenge_zip(path: Path, predicted: Predicted) -> None:
    """Write the submission of 2023: one ``<recording>_prediction.csv`` each, without a header.

    A row is the gesture's id, its first and its last frame. The same segments give the same bytes.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(predicted):
            info = zipfile.ZipInfo(f"{name}_prediction.csv", _ZIP_TIME)
            info.create_system, info.external_attr = 3, 0o644 << 16
            rows = [(one.label, one.start, one.end) for one in in_order(predicted[name])]
            archive.writestr(info, _csv(rows).encode())


def write_single_csv(
    path: Path,
    predicted: Predicted,
    class_names: Sequence[str],
    columns: Mapping[str, SegmentField],
) -> None:
    """Write all segments as one CSV with a header of one's own.

    Parameters
    ----------
    columns : mapping
        Heading -> one of `FIELDS`, in the order of the file.

    """
    rows: list[Sequence[object]] = [[*columns]]
    for name in sorted(predicted):
        for one in in_order(predicted[name]):
            values = (name, one.label, class_names[one.label], one.start, one.end,
                      f"{one.score:.6f}")  # fmt: skip
            told = dict(zip(FIELDS, values, strict=True))
            rows.append([told[field] for field in columns.values()])
    write_text(path, _csv(rows))


def parse_columns(text: str) -> dict[str, SegmentField]:
    """Columns as an option gives them: ``heading=field,heading=field``.

    Raises
    ------
    InputError
        When a field is none of `FIELDS`, or a heading stands twice.

    """
    columns: dict[str, SegmentField] = {}
    for part in text.split(","):
        heading, _, given = part.partition("=")
        field = next((one for one in FIELDS if one == given), None)
        if field is None or not heading or heading in columns:
            raise InputError(
                f"--columns: found {part!r}, expected heading=what with what one of "
                f"{', '.join(FIELDS)}, and every heading once"
            )
        columns[heading] = field
    return columns
