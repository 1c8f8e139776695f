"""Submission files: the two formats, the order of the rows, the choice of the seed."""

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from microgesture.evaluation.predictions import read_predictions, write_predictions
from microgesture.evaluation.submission import (
    choose_seed,
    make_submission,
    natural_key,
    write_codalab,
    write_kaggle,
)
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json

SCRIPT = Path(__file__).parents[2] / "scripts" / "submission.py"
IDS = ["0054_10", "0054_2", "0004_0"]


def one_hot(classes, num_classes=4):
    return np.eye(num_classes)[list(classes)]


def store(path, classes, ids=IDS, labels=None, **metadata):
    labels = [None] * len(ids) if labels is None else labels
    write_predictions(path, ids, labels, ["s"] * len(ids), one_hot(classes), metadata)
    return path


def about(folder, skipped=()):
    """Options that name the classes and the summary of a data set."""
    classes, summary = folder / "classes.yaml", folder / "summary.json"
    classes.write_text("classes: [nod, wave, blink, rest]\n")
    counts = {"nod": 1, "wave": 5, "blink": 0, "rest": 5}
    write_json(summary, {"splits": {"train": {"clips_per_class": counts}}, "skipped": skipped})
    return ["--classes", classes, "--summary", summary]


def test_rows_are_in_natural_order():
    ids = ["0054_10", "0054_2", "0004_0", "0054_2b", "a1", "01_1", "1_1", "0054_2"]
    assert sorted(ids, key=natural_key) == [
        "01_1", "1_1", "0004_0", "0054_2", "0054_2", "0054_2b", "0054_10", "a1",
    ]  # fmt: skip


def test_kaggle_has_a_header(tmp_path):
    predictions = read_predictions(store(tmp_path / "p", [3, 2, 0]))
    write_kaggle(tmp_path / "k.csv", predictions)
    assert (tmp_path / "k.csv").read_bytes() == b"Id,Target\n0004_0,0\n0054_2,2\n0054_10,3\n"


def test_codalab_is_a_zip_of_one_csv_without_header(tmp_path):
    predictions = read_predictions(store(tmp_path / "p", [3, 2, 0]))
    for name in ("one.zip", "two.zip"):
        write_codalab(tmp_path / name, predictions)
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["Submission.csv"]
        assert archive.read("Submission.csv") == b"0004_0,0\n0054_2,2\n0054_10,3\n"
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_any_clip_id_can_be_read_back(tmp_path):
    ids = ["a,b", "a b", 'a"']
    predictions = read_predictions(store(tmp_path / "p", [3, 2, 0], ids=ids))
    write_kaggle(tmp_path / "k.csv", predictions)
    with open(tmp_path / "k.csv", newline="") as file:
        assert sorted(csv.reader(file)) == [
            ["Id", "Target"],
            ["a b", "2"],
            ['a"', "0"],
            ["a,b", "3"],
        ]


def validation(tmp_path, by_seed, labels=(0, 1, 2)):
    paths = {
        seed: store(tmp_path / f"val{seed}", classes, labels=labels, seed=seed, split="val")
        for seed, classes in by_seed.items()
    }
    return paths, {seed: read_predictions(path) for seed, path in paths.items()}


def test_the_best_seed_on_validation_is_chosen(tmp_path):
    _, read = validation(tmp_path, {0: [0, 0, 0], 7: [0, 1, 2], 3: [0, 1, 0]})
    seed, scores, why = choose_seed(read)
    assert seed == 7
    assert scores == {0: pytest.approx(1 / 3), 7: 1.0, 3: pytest.approx(2 / 3)}
    assert "100.00 %" in why


def test_of_equal_seeds_the_lowest_is_chosen(tmp_path):
    _, read = validation(tmp_path, {5: [0, 1, 0], 2: [0, 0, 2], 1: [3, 3, 3]})
    seed, _, why = choose_seed(read)
    assert seed == 2
    assert "seeds 2, 5 are equal" in why


def test_without_labels_the_lowest_seed_is_taken_and_said_so(tmp_path):
    _, read = validation(tmp_path, {5: [0, 1, 0], 2: [0, 0, 2]}, labels=None)
    assert choose_seed(read) == (2, {}, "no validation clip has a label: the lowest seed")


def test_labelled_clips_alone_decide(tmp_path):
    _, read = validation(tmp_path, {0: [3, 3, 2], 1: [0, 3, 3]}, labels=(0, None, None))
    assert choose_seed(read)[:2] == (1, {0: 0.0, 1: 1.0})


def test_the_script_writes_the_three_files_of_the_chosen_seed(tmp_path):
    val, _ = validation(tmp_path, {0: [0, 0, 0], 1: [0, 1, 2]})
    test = {seed: store(tmp_path / f"test{seed}", [seed] * 3, split="test") for seed in (0, 1)}
    for out in ("one", "two"):
        command = [sys.executable, SCRIPT, "--seeds", "0", "1", "--val", *val.values()]
        command += ["--test", *test.values(), *about(tmp_path), "--out-dir", tmp_path / out]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for name in ("kaggle2025.csv", "Submission.zip", "submission.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one/kaggle2025.csv").read_text().splitlines()[1:] == [
        "0004_0,1", "0054_2,1", "0054_10,1",
    ]  # fmt: skip
    report = json.loads((tmp_path / "one/submission.json").read_text())
    assert report["seeds"] == [1]
    assert report["why"] == "best validation top-1 (100.00 %) of 2 seeds"
    assert report["test_clips"] == 3
    assert report["predicted_per_class"] == [0, 3, 0, 0]


def test_an_ensemble_submits_the_mean_of_the_seeds(tmp_path):
    val, _ = validation(tmp_path, {0: [0, 0, 0], 1: [0, 1, 2]})
    shares = {
        0: [[0.6, 0.4, 0, 0], [0.5, 0.5, 0, 0], [0.1, 0, 0.9, 0]],
        1: [[0.3, 0.7, 0, 0], [0, 0.2, 0.8, 0], [0.2, 0.8, 0, 0]],
    }
    test = {}
    for seed, rows in shares.items():
        test[seed] = tmp_path / f"test{seed}"
        write_predictions(test[seed], IDS, [None] * 3, ["s"] * 3, np.array(rows), {"split": "test"})
    command = [sys.executable, SCRIPT, "--seeds", "0", "1", "--submit", "ensemble"]
    command += ["--val", *val.values(), "--test", *test.values(), *about(tmp_path)]
    command += ["--out-dir", tmp_path / "out"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = dict(
        line.split(",") for line in (tmp_path / "out/kaggle2025.csv").read_text().splitlines()[1:]
    )
    assert told == dict(zip(IDS, ["1", "2", "2"], strict=True))
    report = json.loads((tmp_path / "out/submission.json").read_text())
    assert report["seeds"] == [0, 1] and len(report["test_files"]) == 2
    assert report["why"] == "mean of the probabilities of 2 seeds"


def test_seeds_that_saw_other_clips_are_no_ensemble(tmp_path):
    val, _ = validation(tmp_path, {0: [0, 1, 2], 1: [0, 1, 2]})
    test = {0: store(tmp_path / "t0", [0, 1, 2]), 1: store(tmp_path / "t1", [0], ids=IDS[:1])}
    with pytest.raises(InputError, match="not about the same clips"):
        make_submission(val, test, tmp_path / "out", ensemble=True)


def test_clips_that_could_not_be_read_get_the_most_frequent_class(tmp_path):
    skipped = [
        {"clip_id": "0054_3", "split": "test"},
        {"clip_id": "0054_2", "split": "test"},  # of another time: it was predicted
        {"clip_id": "0001_1", "split": "train"},
    ]
    val, _ = validation(tmp_path, {0: [0, 1, 2]})
    test = store(tmp_path / "test", [3, 2, 0], split="test")
    command = [sys.executable, SCRIPT, "--seeds", "0", "--val", val[0], "--test", test]
    command += [*about(tmp_path, skipped), "--out-dir", tmp_path / "out"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "note: 1 test clips could not be read" in done.stderr and "0054_3" in done.stderr
    text = (tmp_path / "out/kaggle2025.csv").read_text()
    assert text.splitlines()[1:] == ["0004_0,0", "0054_2,2", "0054_3,1", "0054_10,3"]
    report = json.loads((tmp_path / "out/submission.json").read_text())
    assert report["filled"] == {"0054_3": 1} and report["test_clips"] == 3


def test_files_of_another_seed_or_split_are_refused(tmp_path):
    val, _ = validation(tmp_path, {0: [0, 1, 2]})
    test = store(tmp_path / "test", [0, 0, 0], seed=1, split="test")
    with pytest.raises(InputError, match="written for seed 1, expected seed 0"):
        make_submission(val, {0: test}, tmp_path / "out")
    with pytest.raises(InputError, match="written for split val, expected split test"):
        make_submission(val, val, tmp_path / "out")
    with pytest.raises(InputError, match="expected the same seeds"):
        make_submission(val, {1: test}, tmp_path / "out")


def test_an_empty_test_split_is_refused(tmp_path):
    val, _ = validation(tmp_path, {0: [0, 1, 2]})
    empty = store(tmp_path / "test", [], ids=[])
    with pytest.raises(InputError, match="no clips"):
        make_submission(val, {0: empty}, tmp_path / "out")
