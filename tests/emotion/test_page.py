"""Table, page and submission from invented fits: complete, and the same bytes again."""

import csv
import re

import numpy as np
import pytest

from microgesture.data import paths
from microgesture.data.clip_file import Records, write_records
from microgesture.emotion.interviews import UNKNOWN, Interview
from microgesture.emotion.page import Found, submission, write_results
from microgesture.emotion.rows import ROWS
from microgesture.emotion.statistics import Gestures
from microgesture.settings.emotion import EmotionReportStep
from microgesture.settings.parse import parse
from microgesture.video.crops import pack_crop
from microgesture.video.pictures import BODY, MARKS, Told, packed

CONFIG = {
    "data_name": "five people & more",
    "generated": True,
    "prior": 0.54,
    "protocol": "subject",
    "gestures": "labels",
    "encoders": "once",
    "permutations": 50,
    "shown": 2,
    "submission": {"row": "late"},
}
WINDOWS = {"seconds": 2.0, "step": 2.0, "faces": 2, "frames": 2}


def invented(folder, protocol="subject", **submitted):
    """Ten recordings in two folds, four in split test of which two have an outcome."""
    rng = np.random.default_rng(0)
    interviews = [
        Interview(f"{n:04d}", f"{n:04d}", f"p{n // 2}", "train", n % 2, fold=n // 2 % 2)
        for n in range(10)
    ]
    interviews += [
        Interview(f"01{n:02d}", f"01{n:02d}", f"t{n}", "test", (1, 0, UNKNOWN, UNKNOWN)[n])
        for n in range(4)
    ]
    picture = pack_crop(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8))
    told = Told(
        *(np.ones((3, 2)) for _ in range(4)), np.zeros((3, 2, MARKS, 3)),
        np.zeros((3, 2, len(BODY), 3)), np.array([0, 25, 50]), True,
    )  # fmt: skip
    stated = {"windows": WINDOWS, "face": 16, "context": 16}
    with write_records(folder / "x.arrow", stated) as writer:
        for one in interviews:
            row = {"clip_id": one.id, "label": -1, "subject": one.subject, "split": one.split}
            writer.append({**row, "num_frames": 3, "blobs": [*[picture] * 12, packed(told)]})
    counts = {"windows": 3, "frames": 80, "fps": 12.5, "faces": 6, "asked": 6}
    manifest = {**stated, "missing": {}, "notes": {}, "flat": ["0003"]}
    manifest["recordings"] = {one.id: counts for one in interviews}
    fits = {}
    for part, fold in (("fold0", 0), ("fold1", 1), ("all", None)):
        mine = [one for one in interviews if one.fold == fold]
        rows = {}
        for row in ROWS:
            logits = {one.id: float(rng.normal() + 2 * (one.label == 1) - 1) for one in mine}
            weights = {one.id: [0.2, 0.5, 0.3] for one in mine}
            choice = {"weights": {"face": 1.0}} if row == "late_fitted" else {"epochs": 3}
            rows[row] = {"logits": logits, "prior": 0.6, "threshold": 0.1, "choice": choice}
            rows[row]["attention"] = weights
        fits[part] = rows
    gestures = {"0000": Gestures(np.array([5]), np.array([20]), np.array([[0.1, 0.9]]))}
    config: EmotionReportStep = parse(
        EmotionReportStep,
        {**CONFIG, "protocol": protocol, "submission": {**CONFIG["submission"], **submitted}},
        "emotion",
    )
    records = Records(folder / "x.arrow")
    return Found(config, interviews, fits, records, manifest, gestures, ["one", "two"])


def test_everything_is_written_and_the_same_again(tmp_path):
    for out in ("a", "b"):
        write_results(invented(tmp_path), tmp_path / out)
    written = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert {path.name for path in written} >= {"faces.png", "scores-test.png", "emotion.html"}
    for path in written:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path
    table = (tmp_path / "a" / paths.EMOTION_TABLE).read_text()
    page = (tmp_path / "a" / paths.EMOTION_PAGE).read_text()
    words = re.sub(r"data:image/png;base64,[^\"]+", "", page)
    for text in (table, words):
        assert "{{" not in text and not re.search(r"\bnan\b", text, re.IGNORECASE)
        for title in ROWS.values():
            assert title in text
    assert "five people &amp; more" in page and "five people & more" in table
    assert "10 recordings of 5 people, 5 won and 5 lost" in table
    assert "2 recordings of 2 people" in table and "Leak check: nobody is trained" in table
    assert "faces of 1 recordings have little detail, such as 0003" in page
    assert len(re.findall(r"<figure", page)) == 2 * 2 + 2 + 1
    with (tmp_path / "a" / paths.EMOTION_PREDICTIONS).open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 14 * len(ROWS) and {row["fold"] for row in rows} == {"0", "1", ""}
    assert "0100" in {row["id"] for row in rows}


@pytest.mark.parametrize(
    ("options", "first", "allowed"),
    [
        ({}, "video_id,label", {"0", "1"}),
        (
            {"header": ["id", "how"], "win": "Win", "lose": "Lose"},
            "id,how",
            {"Win", "Lose"},
        ),
    ],
)
def test_the_submission_is_spelled_as_is_asked_for(tmp_path, options, first, allowed):
    lines = submission(invented(tmp_path, **options)).splitlines()
    assert lines[0] == first and [line.split(",")[0] for line in lines[1:]] == [
        "0100", "0101", "0102", "0103"
    ]  # fmt: skip
    assert {line.split(",")[1] for line in lines[1:]} <= allowed
    told = submission(invented(tmp_path, probability=True)).splitlines()[1:]
    assert all(0 < float(line.split(",")[1]) < 1 for line in told)


def test_people_in_two_folds_are_warned_of(tmp_path):
    found = invented(tmp_path, protocol="recording")
    for n in (0, 4):
        one = found.interviews[n]
        found.interviews[n] = Interview(
            one.id, one.recording, one.subject, one.split, one.label, fold=1
        )
        for row in ROWS:
            mine = found.fits["fold0"][row]
            for what in ("logits", "attention"):
                found.fits["fold1"][row][what][one.id] = mine[what][one.id]
    write_results(found, tmp_path / "out")
    table = (tmp_path / "out" / paths.EMOTION_TABLE).read_text()
    assert "Warning: 2 of 5 people are trained and tested on in the same fold" in table
    assert "Folds keep recordings apart, not people" in table
