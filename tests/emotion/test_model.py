"""A model as one file tells a new recording as the fit does; and what it refuses."""

import csv

import numpy as np
import pytest
import torch

from microgesture.cli.main import main
from microgesture.data.clip_file import Records
from microgesture.data.store import Clip, write_store
from microgesture.emotion import networks
from microgesture.emotion.encode import encode, learn
from microgesture.emotion.encoders import write_encoders
from microgesture.emotion.fit import fit_all
from microgesture.emotion.gesture_models import (
    boosted_logits,
    fit_boosted,
    fit_linear,
    linear_logits,
)
from microgesture.emotion.given_gestures import read_gestures
from microgesture.emotion.interviews import Interview
from microgesture.emotion.model import write_model, write_rows
from microgesture.emotion.rows import ROWS, STREAMS
from microgesture.emotion.scores import adjusted, sigmoid
from microgesture.emotion.statistics import features
from microgesture.inference.checkpoints import checkpoint_kind
from microgesture.settings.emotion import EmotionModelStep, EncodeStep, EvaluateStep
from microgesture.settings.parse import parse
from microgesture.utils.errors import InputError
from tests.emotion.test_pictures import STEP, film, make, recording, step
from tests.formats import write_frames

CPU = torch.device("cpu")
CLASSES = ["none", "any"]
TRAINING = {"epochs": 1, "batch": 4, "learning_rate": 0.001}
ENCODE = {
    "face_encoder": {
        "network": {"patch": 2, "embed": 4, "depths": [1, 1], "heads": [1, 2], "embedding": 6},
        "training": TRAINING,
    },
    "context_encoder": {
        "network": {"embed": 4, "depths": [1, 1], "key_stride": 2},
        "training": TRAINING,
    },
    "seed": 0,
}
MODEL = {"width": 8, "heads": 2, "epochs": 8, "batch": 4, "learning_rate": 0.02, "dropout": 0.1}
EVALUATE = {"protocol": "subject", "inner_folds": 2, "seeds": [0, 1], "model": MODEL}
STATED = {**STEP, "data_name": "x", "prior": 0.3, "row": "late", "gestures": "labels"}
PEOPLE = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six recordings, four of them trained on; a model, and what the fit says of the others."""
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(0)
    clips, numbers, interviews, lines = [], [], [], ["recording,start,end,name"]
    for n in range(PEOPLE):
        clip = recording(f"{n:04d}")
        points = (clip.points + rng.normal(0, 1.0, clip.points.shape) * [1, 1, 0]).astype("f4")
        clips.append(Clip(clip.clip_id, -1, f"p{n}", "train", 25.0, 480, 640, points))
        film(folder / f"films/{n:04d}.mp4")
        lines += [f"{n:04d},{3 * n},{3 * n + 5},any"]
        fold = None if n > 3 else n % 2
        interviews.append(
            Interview(clip.clip_id, clip.clip_id, f"p{n}", "train", n // 2 % 2, 0, fold=fold)
        )
    (folder / "gestures.csv").write_text("\n".join(lines) + "\n")
    told = read_gestures(folder / "gestures.csv", CLASSES)
    for one, clip in zip(interviews, clips, strict=True):
        numbers.append(features(one, clip, told[one.id], len(CLASSES)))
    write_store(folder / "recordings.parquet", clips, CLASSES, "test")
    make(folder, step(folder / "films"), folder / "x.arrow")
    records, own = Records(folder / "x.arrow"), parse(EncodeStep, ENCODE, "emotion")
    encoders = learn(records, range(4), own, CPU, lambda line: None)
    tokens, names = encode(records, encoders, CPU), list(records.index["clip_id"])
    data = networks.recording_tokens(tokens, interviews, names, np.arange(4), CPU)
    config = parse(EvaluateStep, EVALUATE, "emotion")
    rows, learned = fit_all(
        interviews, np.arange(4), np.array([4, 5]), data, np.array(numbers), config
    )
    sizes = [data.face.shape[2], data.context.shape[2]]
    about = {"model": MODEL, "seeds": [0, 1], "features": sizes, "rows": rows}
    write_rows(folder / "rows.safetensors", learned, about)
    write_encoders(folder / "encoders.safetensors", encoders)
    write_model(
        folder / "model.safetensors",
        folder / "encoders.safetensors",
        folder / "rows.safetensors",
        CLASSES,
        parse(EmotionModelStep, STATED, "emotion"),
    )
    return folder, rows


def predicted(folder, out, *more, films="films/0004.mp4"):
    words = ["predict", "--model", folder / "model.safetensors", "--input", folder / films]
    words += ["--skeletons", folder / "recordings.parquet", "--out", out, *more]
    main([str(word) for word in words])
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_recording_is_told_as_by_the_fit(made, tmp_path, capsys):
    folder, rows = made
    assert checkpoint_kind(folder / "model.safetensors") == "emotion"
    out = tmp_path / "outcomes.csv"
    (one,) = predicted(folder, out, "--gestures", folder / "gestures.csv")
    for row in ROWS:
        logit = np.array([rows[row]["logits"]["0004"]])
        wanted = sigmoid(adjusted(logit, rows[row]["prior"], 0.3))[0]
        assert float(one[row]) == pytest.approx(wanted, abs=2e-6), row
    trained = sigmoid(np.array([rows["late"]["logits"]["0004"]]))[0]
    assert float(one["probability_trained"]) == pytest.approx(trained, abs=2e-6)
    assert (one["row"], one["prior"], one["warnings"]) == ("late", "0.3", "")
    assert one["outcome"] == ("Win" if float(one["probability"]) > 0.5 else "Lose")
    with (tmp_path / "outcomes_windows.csv").open(newline="") as file:
        windows = list(csv.DictReader(file))
    assert [(w["start_frame"], w["end_frame"], w["faces"]) for w in windows] == [
        ("0", "9", "2"), ("10", "19", "2")
    ]  # fmt: skip
    for kind in ("face", "context", "concat", "interfusion"):
        counted = [float(window[f"attention_{kind}"]) for window in windows]
        np.testing.assert_allclose(counted, rows[kind]["attention"]["0004"], atol=2e-6)
    assert "0004: " in capsys.readouterr().err


def test_a_missing_stream_is_said_and_its_rows_tell_nothing(made, tmp_path, capsys):
    folder, _ = made
    (one,) = predicted(folder, tmp_path / "a.csv")
    assert one["row"] == "interfusion" and not one["late"] and not one["gestures_linear"]
    assert "no gestures are given" in one["warnings"]
    assert "row interfusion decides, since late lacks a stream" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        predicted(folder, tmp_path / "b.csv", "--row", "late_fitted", "--on-bad", "stop")
    said = capsys.readouterr().err
    assert end.value.code == 2 and "row late_fitted needs gestures" in said
    assert said.splitlines()[-1].count("error:") == 1 and not (tmp_path / "b.csv").exists()


def test_without_a_face_context_alone_tells(made, tmp_path):
    folder, _ = made
    blind = recording("0004").points.copy()
    blind[:, 25:95] = blind[:, 15:19] = blind[:, 0:1] = 0
    blind[:, [1, 2, 5], 1] = 460  # within the picture
    clip = Clip("0004", -1, "p", "train", 25.0, 480, 640, blind)
    write_store(tmp_path / "recordings.parquet", [clip], CLASSES, "test")
    (one,) = predicted(folder, tmp_path / "a.csv", "--skeletons", tmp_path / "recordings.parquet")
    assert one["row"] == "context" and "no face can be used" in one["warnings"]
    assert {row for row in ROWS if one[row]} == {"context"}
    blind[..., 2] = 0
    write_store(tmp_path / "recordings.parquet", [clip], CLASSES, "test")
    with pytest.raises(SystemExit) as end:
        predicted(folder, tmp_path / "b.csv", "--skeletons", tmp_path / "recordings.parquet")
    assert end.value.code == 1
    assert "not predicted: its skeletons hold no point" in (tmp_path / "b.csv").read_text()


def test_skeletons_of_another_picture_or_length_are_refused(made, tmp_path):
    folder, _ = made
    clip = recording("0004")
    for place, points, message in (
        ("a", clip.points * [3, 3, 1], "points lie outside of a picture of 640 x 480"),
        ("b", clip.points[:20], "25 frames"),
    ):
        write_frames(tmp_path / place / "0004", points)
        with pytest.raises(SystemExit) as end:
            predicted(folder, tmp_path / "a.csv", "--skeletons", tmp_path / place)
        said = (tmp_path / "a.csv").read_text()
        assert end.value.code == 1 and "not predicted: " in said and message in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "2"], "windows of its own; leave out --window and --stride"),
        (["--draw", "a.gif"], "which names no moment; leave out --draw"),
        (["--row", "best"], "--row is best, expected one of face, context"),
        (["--prior", "1"], "argument --prior: is 1, expected a number between 0 and 1"),
        (["--model", "x/model.safetensors"], "stands alone; give one --model"),
        (["--gestures", "none.csv"], "none.csv"),
    ],
)
def test_what_does_not_fit_is_one_message(made, tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as end:
        predicted(made[0], tmp_path / "a.csv", *words)
    said = capsys.readouterr().err
    assert end.value.code == 2 and message in said and said.count("\n") == 1


def test_parts_of_a_model_are_no_classifiers(made, tmp_path, capsys):
    folder, _ = made
    words = ["predict", "--model", str(folder / "encoders.safetensors"), "--input", str(folder)]
    words += ["--out", str(tmp_path / "a.csv")]
    for more, message in (
        ([], "is a file of emotion encoders, expected a trained variant"),
        (["--prior", "0.5"], "--prior is for models of emotion, and"),
    ):
        with pytest.raises(SystemExit) as end:
            main(words + more)
        assert end.value.code == 2 and message in capsys.readouterr().err


def test_without_skeletons_it_is_refused(made, tmp_path, capsys):
    words = ["predict", "--model", made[0] / "model.safetensors", "--input", made[0] / "films"]
    words += ["--out", tmp_path / "a.csv", "--env", tmp_path / "none"]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    said = capsys.readouterr().err
    assert end.value.code == 2 and "give those of the videos as --skeletons" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recording,start,end\n", "expected a header row with recording, start, end and name"),
        ("recording,start,end,name\na,3,2,any\n", "row 2: start,end is '3,2'"),
        ("recording,start,end,name\na,1,2,some\n", "row 2: .*'some' is not in the classes"),
        ("recording,start,end,name\na,1,2,\n", "row 2: the cell name is empty"),
        ("recording,start,end,class\na,1,2,2\n", "row 2: class is 2, expected 0 to 1"),
    ],
)
def test_a_bad_table_of_gestures_is_refused(tmp_path, text, message):
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_gestures(tmp_path / "g.csv", CLASSES)


def test_segments_of_detect_are_read(tmp_path):
    head = "recording,class,name,start,end,start_seconds,end_seconds,score\n"
    (tmp_path / "g.csv").write_text(f"{head}a,1,any,4,9,0,1,0.5\na,0,none,12,13,0,1,0.5\n")
    found = read_gestures(tmp_path / "g.csv", CLASSES)["a"]
    assert found.start.tolist() == [4, 12] and found.end.tolist() == [9, 13]
    assert found.probabilities.tolist() == [[0, 1], [1, 0]]


def test_arrays_tell_what_scikit_learn_does():
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (60, 5)), rng.permutation(np.arange(60) % 3 > 0).astype(int)
    x[:, 4] = 1.0
    standard = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    linear = LogisticRegression(C=0.1, max_iter=1000).fit(standard, y)
    told = linear_logits(fit_linear(x, y, 0.1), x)
    np.testing.assert_allclose(told, linear.decision_function(standard), atol=1e-9)
    options = {"learning_rate": 0.05, "max_depth": 1, "subsample": 0.7, "max_features": "sqrt"}
    boosted = GradientBoostingClassifier(n_estimators=30, random_state=0, **options).fit(x, y)
    staged = list(boosted.staged_decision_function(x))
    model = fit_boosted(x, y, 30)
    for count in (1, 12, 30):
        told = boosted_logits(model, x, count)
        np.testing.assert_allclose(told, staged[count - 1][:, 0], atol=1e-9)


def test_every_row_says_what_it_needs():
    assert set(STREAMS) == set(ROWS)
