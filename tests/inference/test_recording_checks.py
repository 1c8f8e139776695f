"""The command that predicts new recordings: what it checks first, and what it writes for which."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from microgesture.cli.main import main
from microgesture.inference.recording_checks import choose_fps, parts_not_asked_for
from tests.people import changed, film, save_model, write_frames


@pytest.fixture(scope="module")
def clips():
    return [clip for seed in range(3) for clip in film(seed)]


@pytest.fixture(scope="module")
def model(clips, tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "model.safetensors", clips)


@pytest.fixture
def clip(clips):
    return next(clip for clip in clips if 30 < len(clip.points) < 60)


def command(model, folder, out, *more):
    return ["predict", "--model", model, "--input", folder, "--out", out, "--views", 1, *more]


@pytest.fixture
def predict(model, monkeypatch, capsys):
    """Run the command: exit status, rows and what it said."""

    def run(folder, out, *more):
        status = 0
        try:
            main([*map(str, command(model, folder, out, *more))])
        except SystemExit as ended:
            status = ended.code
        return status, table(out) if out.exists() else None, capsys.readouterr().err

    return run


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truncate_last_frame(folder):
    last = sorted(folder.iterdir())[-1]
    last.write_bytes(last.read_bytes()[:90])
    return last


def test_a_bad_frame_costs_the_rows_of_its_own_recording_alone(predict, clip, tmp_path):
    for name in "abc":
        write_frames(tmp_path / "in" / name, clip.points)
    last = truncate_last_frame(tmp_path / "in" / "b")
    status, rows, said = predict(tmp_path / "in", tmp_path / "p.csv")
    assert status == 1
    assert [(row["recording"], row["class_1"] != "") for row in rows] == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]
    assert rows[1]["warnings"].startswith(f"not predicted: {last}: is not valid JSON")
    assert rows[0]["warnings"] == rows[2]["warnings"] == ""
    final = said.splitlines()[-1]
    assert final.startswith("error: 1 of 3 recordings are not predicted, such as b;")


def test_on_bad_stop_says_so_before_anything_is_predicted(predict, clip, tmp_path, monkeypatch):
    monkeypatch.setattr("microgesture.inference.recordings.clip_probabilities", None)
    for name in "ab":
        write_frames(tmp_path / "in" / name, clip.points)
    last = truncate_last_frame(tmp_path / "in" / "b")
    status, rows, said = predict(tmp_path / "in", tmp_path / "p.csv", "--on-bad", "stop")
    assert status == 2 and rows is None
    assert said.splitlines()[-1].startswith(
        f"error: 1 of 2 recordings cannot be predicted, the first is b: {last}: is not valid JSON"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_recording_that_breaks_between_check_and_prediction_is_skipped(
    predict, clip, tmp_path, monkeypatch
):
    from microgesture.inference import recording_checks

    for name in "ab":
        write_frames(tmp_path / "in" / name, clip.points)
    remarks = recording_checks.remarks

    def breaking(checked):
        truncate_last_frame(tmp_path / "in" / "a")
        return remarks(checked)

    monkeypatch.setattr(recording_checks, "remarks", breaking)
    status, rows, _ = predict(tmp_path / "in", tmp_path / "p.csv")
    assert status == 1 and [row["class_1"] != "" for row in rows] == [False, True]


def test_rows_are_kept_when_the_process_is_killed_under_a_name_of_their_own(model, clip, tmp_path):
    for number in range(40):
        write_frames(tmp_path / "in" / f"{number:02d}", clip.points)
    out, growing = tmp_path / "p.csv", tmp_path / "p.unfinished.csv"
    given = [str(one) for one in command(model, tmp_path / "in", out, "--views", 1)]
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen([sys.executable, "-m", "microgesture", *given], stderr=nowhere)
    while process.poll() is None and not (growing.exists() and len(growing.read_bytes()) > 400):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists() and table(growing)[0]["recording"] == "00"


def test_each_recording_unlike_the_training_data_gets_one_line_and_a_cell(predict, clip, tmp_path):
    write_frames(tmp_path / "in" / "fine", clip.points)
    lying = changed(clip, lambda p: p[:, ::-1])
    write_frames(tmp_path / "in" / "lying", lying.points)
    write_frames(tmp_path / "in" / "scale3", changed(clip, lambda p: p / [1280, 720]).points)
    write_frames(tmp_path / "in" / "body_only", clip.points, asked=())
    status, rows, said = predict(tmp_path / "in", tmp_path / "p.csv", "--fps", 25)
    assert status == 1
    notes = [line for line in said.splitlines() if line.startswith("note: ")]
    assert [note.split(":")[1].strip() for note in notes] == ["body_only", "lying", "scale3"]
    cells = {row["recording"]: (row["class_1"] != "", row["warnings"]) for row in rows}
    assert cells["fine"] == (True, "")
    assert cells["lying"][0] and "tilted" in cells["lying"][1].split("; ")
    assert not cells["scale3"][0] and "x * width" in cells["scale3"][1]
    assert not cells["body_only"][0] and "run it with --face --hand" in cells["body_only"][1]

    status, rows, _ = predict(tmp_path / "in", tmp_path / "p.csv", "--fps", 25, "--accept-unlike")
    assert status == 0 and all(row["class_1"] for row in rows)
    cells = {row["recording"]: row["warnings"].split("; ") for row in rows}
    assert "divided" in cells["scale3"] and "parts" in cells["body_only"]


def test_only_empty_lists_say_what_openpose_was_not_asked_for(clip, tmp_path):
    write_frames(tmp_path / "asked", np.where(np.arange(137)[:, None] < 25, clip.points, 0))
    write_frames(tmp_path / "face", clip.points, asked=("face",))
    write_frames(tmp_path / "other", clip.points, asked=())
    for path in (tmp_path / "other").iterdir():
        person = json.loads(path.read_text())["people"][0]
        body = {"pose_keypoints_2d": person["pose_keypoints_2d"]}
        path.write_text(json.dumps({"people": [body]}))
    found = {path.name: parts_not_asked_for(path) for path in tmp_path.iterdir()}
    assert found == {"asked": set(), "face": {"hands"}, "other": set()}


def test_another_order_of_points_is_told_with_the_likelier_one(predict, clip, tmp_path):
    points = clip.points.copy()
    # right and left arm, then the head, as COCO has them: nose, eyes, ears, shoulders, ...
    points[:, :25] = 0
    points[:, :17] = clip.points[:, [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]]
    write_frames(tmp_path / "in", points)
    _, rows, said = predict(tmp_path / "in", tmp_path / "p.csv", "--fps", 25)
    assert "order" in rows[0]["warnings"].split("; ")
    assert "shoulder widths, expected" in said


def test_scale_does_not_matter(predict, clip, tmp_path):
    scales = {"1": 1, "tenfold": 10, "tenth": 1 / 10, "evenly": 1 / 1280}
    for name, scale in scales.items():
        write_frames(tmp_path / "in" / name, changed(clip, lambda p, s=scale: p * s).points)
    _, rows, _ = predict(tmp_path / "in", tmp_path / "p.csv", "--fps", 25)
    found = {row.pop("recording"): row for row in rows}
    for name in ("tenfold", "tenth"):
        assert found[name].pop("warnings") == "size"
        for key in ("class_1", "class_2", "class_3"):
            assert found[name][key] == found["1"][key]
        for key in ("probability_1", "probability_2", "probability_3"):
            assert float(found[name][key]) == pytest.approx(float(found["1"][key]), abs=1e-4)
    assert found["evenly"]["warnings"].startswith("not predicted: its coordinates lie from 0.")


def test_the_frame_rate_is_that_of_training_unless_given_and_stated(predict, clip, tmp_path):
    write_frames(tmp_path / "in", clip.points)
    _, rows, said = predict(tmp_path / "in", tmp_path / "p.csv")
    assert "note: --fps is not given: 25 frames a second as in training are assumed" in said
    assert rows[0]["end_seconds"] == f"{len(clip.points) / 25:.3f}" and rows[0]["warnings"] == ""
    _, rows, said = predict(tmp_path / "in", tmp_path / "p.csv", "--fps", 60)
    assert "fps" in rows[0]["warnings"].split("; ") and "--fps is not given" not in said
    assert "has more frames a second (60 fps, in training 25 to 25)" in said


def test_a_model_that_says_nothing_of_its_training_data_is_told_once(
    clip, tmp_path, monkeypatch, capsys
):
    old = save_model(tmp_path / "old.safetensors", [], profile=None)
    for name in "ab":
        write_frames(tmp_path / "in" / name, clip.points, asked=())
    given = command(old, tmp_path / "in", tmp_path / "p.csv")
    main([*map(str, given)])
    said = capsys.readouterr().err
    assert said.count("does not say what its training data looked like") == 1
    assert "25 frames a second are assumed" in said
    assert [row["warnings"] for row in table(tmp_path / "p.csv")] == ["", ""]


def test_the_first_model_that_knows_gives_the_frame_rate():
    def model(fps):
        profile = None if fps is None else {"statistics": {"fps": [fps, fps, fps]}}
        one = SimpleNamespace(path=f"m{fps}", metadata={"profile": profile})
        one.parts = [one]
        return one

    assert choose_fps(None, [model(None), model(30.0), model(50.0)])[0] == 30
    assert choose_fps(12.0, [model(30.0)]) == (12.0, [])
    assert choose_fps(None, [model(None)])[0] == 25


def test_windows_are_what_is_compared(predict, clip, tmp_path):
    long = np.concatenate([clip.points] * 40)
    write_frames(tmp_path / "in", long)
    _, rows, _ = predict(tmp_path / "in", tmp_path / "p.csv", "--fps", 25)
    assert "length" in rows[0]["warnings"].split("; ")
    _, rows, _ = predict(tmp_path / "in", tmp_path / "p.csv", "--fps", 25, "--window", 1.2)
    assert len(rows) > 40 and not any("length" in row["warnings"] for row in rows)
