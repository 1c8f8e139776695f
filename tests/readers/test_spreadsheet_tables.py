"""Tables as spreadsheet programs save them: what is read, and what is refused with the remedy."""

import numpy as np
import pytest

from microgesture.readers.labels import csv_rows, read_labels, read_subjects, subject_of
from microgesture.utils.errors import InputError
from tests import formats
from tests.refusals import NAMES, bad, fails, read

TABLE = "folder,label,subject,split,start,end\n0000_0,wave,s1,train,0,3\n0001_0,nod,é2,val,,\n"
ROWS = [
    ["folder", "label", "subject", "split", "start", "end"],
    ["0000_0", "wave", "s1", "train", "0", "3"],
    ["0001_0", "nod", "é2", "val", "", ""],
]
READ = {
    "a byte order mark": b"\xef\xbb\xbf" + TABLE.encode(),
    "line ends of Windows": TABLE.replace("\n", "\r\n").encode(),
    "line ends of old Macs": TABLE.replace("\n", "\r").encode(),
    "semicolons": TABLE.replace(",", ";").encode(),
    "tabs": TABLE.replace(",", "\t").encode(),
    "a line that says what separates": b"sep=;\r\n" + TABLE.replace(",", ";").encode(),
    "that line filled up": b"sep=,;;;;;\n" + TABLE.encode(),
    "a mark and that line": b"\xef\xbb\xbfsep=|\n" + TABLE.replace(",", "|").encode(),
    "empty rows at the end": (TABLE + ",,,,,\n" * 3).encode(),
    "empty columns at the end": TABLE.replace("\n", ",,\n").encode(),
    "quoted fields": TABLE.replace("0,3", '"0","3"').replace("wave", '"wave"').encode(),
    "digits kept as text": TABLE.replace("0,3", '="0","3"').encode(),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_what_a_spreadsheet_program_saves_is_read(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    assert [fields for _, fields in csv_rows(tmp_path / "a.csv")] == ROWS


def test_rows_are_counted_as_an_editor_counts_below_a_line_that_says_what_separates(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;\nvideo;subject\n\n1;a\n1;b\n")
    with pytest.raises(InputError, match=r"a\.csv, row 5: video '1' has subject 'b'"):
        read_subjects(tmp_path / "a.csv")


def test_a_decimal_comma_is_read_where_no_comma_separates(tmp_path):
    (tmp_path / "a.csv").write_text("1,0;0,0;10,0\n")
    assert [fields for _, fields in csv_rows(tmp_path / "a.csv")] == [["1.0", "0.0", "10.0"]]
    row = read_labels(tmp_path / "a.csv", "train", "v", None)[0]
    assert (row.start, row.end) == (0, 10)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TABLE.encode("utf-16"), ["is UTF-16", "save it as 'CSV UTF-8'"]),
        (TABLE.encode("utf-16-le"), ["is UTF-16", "save it as 'CSV UTF-8'"]),
        (TABLE.encode("utf-16-be"), ["is UTF-16"]),
        (TABLE.encode("cp1252"), ["line 3", "0xe9", "'é' in Windows-1252", "save it as"]),
        (TABLE.replace(",", ";").replace("3", "1.003").encode(), ["row 2", "'1.003'", "thousands"]),
        (b"a" * 40_000_000, ["more than 34 MB", "the right one"]),
        (b"," * 6_000_000, ["more than 5,000,000 fields"]),
        (b'"' + b"x" * 200_000, ["field larger than"]),
    ],
    ids=["bom16", "le16", "be16", "cp1252", "thousands", "large", "fields", "field"],
)
def test_what_is_refused_says_what_to_do(tmp_path, content, words):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        csv_rows(tmp_path / "a.csv")
    for word in ["a.csv", *words]:
        assert word in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.fixture
def frames(tmp_path):
    clips = formats.some_clips()[:2]
    data = formats.write_openpose_json(tmp_path, clips, NAMES)
    (tmp_path / "json/0000_0").rename(tmp_path / "json/0003")

    def table(*rows, header="folder,label,subject,split,start,end"):
        (tmp_path / "labels.csv").write_text("\n".join([header, *rows, "0001_0,nod,s2,val,,", ""]))
        return data

    return table


def test_ids_that_lost_their_zeros_or_digits_are_told_with_the_remedy(frames, tmp_path):
    bad(frames("3,wave,s,train,,"), "row 2", "0003 is there", "format the column as text")
    bad(frames("1E+3,wave,s,train,,"), "row 2", "is not a folder", "format the column as text")
    bad(frames("0003,wave,s,train,0,1.0E+03"), "row 2", "'0,1.0E+03'", "as text")
    with pytest.raises(InputError, match=r"no row for video 0003; .*0003 is there: .* as text"):
        subject_of("0003", {"3": "s1"}, "subjects.csv")
    (tmp_path / "a.csv").write_text("1,0,1E+03\n")
    reason = read_labels(tmp_path / "a.csv", "train", "v", None)[0].reason
    assert "three integers" in reason and "format the column as text" in reason


@pytest.mark.parametrize("nobody", ["NULL", "null", "NaN", "NA", "None"])
def test_a_subject_that_names_nobody_is_no_person(frames, tmp_path, nobody):
    words = [f"subject is '{nobody}'", "expected who is seen"]
    fails(frames(f"0003,wave,{nobody},train,,"), "labels.csv, row 2", *words)
    (tmp_path / "s.csv").write_text(f"video,subject\n0001,{nobody}\n")
    with pytest.raises(InputError, match=r"s\.csv, row 2: subject is .* expected who is seen"):
        read_subjects(tmp_path / "s.csv")
    clips = [*formats.some_clips()]
    object.__setattr__(clips[0], "subject", nobody)
    fails(formats.write_parquet(tmp_path, clips, NAMES), "row 1", *words)
    bad(formats.write_csv(tmp_path, clips, NAMES), "row 2", *words)


POINTS = "clip_id,label,subject,split,fps,height,width,frame,point,x,y,score\n" + "".join(
    f"{clip},{label},{clip},{split},25,720,1280,{frame},{point},{10 + point},{20 + frame},1\n"
    for clip, label, split in (("a", "wave", "train"), ("b", "nod", "val"))
    for frame in range(3)
    for point in range(137)
)


def points_csv(tmp_path, content):
    (tmp_path / "p.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return {"format": "csv", "path": str(tmp_path / "p.csv")}


def german(text):
    return text.replace(",", ";").replace(";25;", ";25,0;")


@pytest.mark.parametrize(
    "content",
    [
        POINTS.replace("720,1280", "720.0,1280.0"),
        POINTS.replace(",720,1280,2,136", ",720.0,1280,2.0,136.0"),  # late in the file
        POINTS.replace(",", ";"),
        "sep=;\n" + POINTS.replace(",", ";"),
        german(POINTS),
        "\ufeff" + POINTS,
        POINTS.replace("\n", "\r\n"),
        POINTS.replace("\n", "\r"),
        POINTS + ",,,,,,,,,,,\n" * 3,
        POINTS.replace("\n", ",,\n"),
        POINTS.replace("720", '"720"'),
    ],
    ids=[
        "decimal",
        "late",
        "semicolons",
        "sep",
        "comma",
        "bom",
        "crlf",
        "cr",
        "rows",
        "columns",
        "quoted",
    ],
)
def test_the_plain_form_as_a_spreadsheet_program_saves_it(tmp_path, monkeypatch, content):
    from pyarrow import csv as arrow

    options = arrow.ReadOptions
    monkeypatch.setattr(arrow, "ReadOptions", lambda **k: options(**k, block_size=4000))
    right, found = (read(points_csv(tmp_path, text)) for text in (POINTS, content))
    assert [clip.clip_id for clip in found] == ["a", "b"]
    for one, other in zip(right, found, strict=True):
        assert (one.height, one.width, one.fps) == (other.height, other.width, other.fps)
        np.testing.assert_array_equal(one.points, other.points)


def test_a_number_that_is_not_whole_is_still_refused(tmp_path):
    late = POINTS.replace(",720,1280,2,136", ",720.5,1280,2,136")
    fails(points_csv(tmp_path, late), "'720.5'", "p.csv")
    fails(points_csv(tmp_path, POINTS.encode("utf-16")), "UTF-16", "save it as")
    fails(points_csv(tmp_path, POINTS.replace("wave", "é").encode("cp1252")), "Windows-1252")
    far = ",99999,136,".join(POINTS.rsplit(",2,136,", 1))
    bad(points_csv(tmp_path, far), "last frame is 99999", "411 rows", number=1)
