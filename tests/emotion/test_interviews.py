"""Tables of outcomes in all their spellings, and recordings joined with them."""

import pytest

from microgesture.emotion.interviews import (
    LOSE,
    UNKNOWN,
    WIN,
    Interview,
    join,
    read_interviews,
    read_stated,
    write_interviews,
)
from microgesture.utils.errors import InputError

RECORDINGS = {"0001": ("a", "train"), "0002": ("b", "val"), "0007": ("c", "test")}


def stated(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read_stated(path)


@pytest.mark.parametrize(
    "text",
    [
        "video_id,label\n0001,Win\n0002,Lose\n",
        "video_id,label\n1,1\n2,0\n",
        "1,1\n2,0\n",
        "Video_ID;Label\n1;WIN\n2;lose\n",
        "recording,emotion\n0001,won\n0002,LOST\n",
        "video_id,subject_id,class,start_frame,end_frame,win_or_lose\n"
        "1,9,3,0,10,Win\n1,9,99,20,30,Win\n2,8,1,0,5,Lose\n",
    ],
)
def test_every_spelling_says_the_same(tmp_path, text):
    made = join(RECORDINGS, stated(tmp_path, text))
    assert [(one.id, one.label) for one in made] == [
        ("0001", WIN),
        ("0002", LOSE),
        ("0007", UNKNOWN),
    ]
    if "subject_id" in text:
        assert [one.subject for one in made] == ["9", "8", "c"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("video_id,label\n1,draw\n", "row 2: the outcome is 'draw', expected Win or Lose"),
        ("video_id,points\n1,3\n", "row 1: found 'video_id,points', expected a header row with"),
        ("video_id,label\n,Win\n", "row 2: names no recording"),
    ],
)
def test_a_wrong_table_is_told_in_one_line(tmp_path, text, said):
    with pytest.raises(InputError, match=said) as caught:
        stated(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_contradictions_name_both_rows(tmp_path):
    rows = stated(tmp_path, "video_id,label\n1,Win\n0001,Lose\n")
    with pytest.raises(
        InputError, match=r"row 3: outcome of recording 0001 is 'Lose', but 'Win' in"
    ):
        join(RECORDINGS, rows)


def test_what_is_left_out_is_said(tmp_path, capsys):
    made = join(RECORDINGS, stated(tmp_path, "video_id,label\n1,Win\n347,Lose\n348,Win\n"))
    assert [one.id for one in made] == ["0001", "0007"]
    said = capsys.readouterr().err
    assert "2 recordings with an outcome have no skeletons" in said and "347" in said
    assert "1 recordings of train and val have no outcome" in said and "0002" in said


def test_smg_has_several_emotions_a_sample(tmp_path):
    folder = tmp_path / "Sample0003"
    folder.mkdir()
    (folder / "Sample0003_tflabels_new.csv").write_text("1,0,99,11\n2,100,300,22\n")
    made = join({"Sample0003": ("x", "train")}, read_stated(tmp_path))
    assert made == [
        Interview("Sample0003_1", "Sample0003", "x", "train", WIN, 0, 99),
        Interview("Sample0003_2", "Sample0003", "x", "train", LOSE, 100, 300),
    ]
    (folder / "Sample0003_tflabels_new.csv").write_text("1,0,99,13\n")
    with pytest.raises(InputError, match="row 1: found '1,0,99,13', expected 0 <= start <= end"):
        read_stated(tmp_path)


def test_interviews_are_read_as_they_were_written(tmp_path):
    made = [
        Interview("a", "a", "s", "train", WIN, 0, None, 3),
        Interview("b_1", "b", "s, t", "test", UNKNOWN, 5, 9),
    ]
    write_interviews(tmp_path / "x.csv", made)
    assert read_interviews(tmp_path / "x.csv") == made
