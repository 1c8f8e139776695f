"""New recordings through a detector's files alone, by the command and as a library."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from microgesture.cli.main import main
from microgesture.data.layouts import load_layout
from microgesture.data.recordings import Recording, keep_recordings
from microgesture.data.store import write_store
from microgesture.inference.build import load_trained, new_model
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.recordings import Cutting, windows_of
from microgesture.inputs.loader import seed_torch
from microgesture.online.classify import frame_scores, read_scores, write_scores
from microgesture.online.use import load_any
from microgesture.settings.online import ScoresStep
from microgesture.settings.probing import Testing
from microgesture.settings.variant_step import read_stated
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from tests.online.small import LAYOUT, config, fresh

NAMES = ["hand up", "hand down"]
CLEANING = {"min_score": 0.05, "max_jump": None}
STGCN = {
    "variant": "graph", "model": "stgcn", "temporal": "align", "length": 8, "padding": 0.25,
    "training": {"batch": 4},
    "network": {"base_channels": 8, "num_stages": 2, "inflate_stages": [], "down_stages": []},
}  # fmt: skip
SHOWN = ScoresStep(lengths=[8, 16], stride=4, flip=True)


def points(frames=60):
    rng = np.random.default_rng(1)
    places = rng.uniform(100, 300, (137, 2)) + rng.normal(0, 3, (frames, 137, 2))
    return np.concatenate([places, np.ones((frames, 137, 1))], axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both kinds of detectors with fresh weights, and a recording of OpenPose."""
    made = tmp_path_factory.mktemp("use")
    layout = load_layout(LAYOUT)
    about = {"classes": NAMES, "layout": layout.as_dict()}
    settings = config()
    model = fresh(settings)
    with torch.no_grad():
        model.classes.last.conv.bias.fill_(0.0)
    whole = {**about, "config": settings.given(), "preparation": {"cleaning": CLEANING}}
    save_checkpoint(made / "temporal.safetensors", model.state_dict(), whole)
    how = {"name": "d", "model": "temporal", "thresholds": "common"}
    write_json(made / "temporal.json", {"config": how, "chosen": {"thresholds": [0.3, 2.0]}})

    seed_torch(0, 0)
    graph = new_model(read_stated(STGCN, "test"), layout, 2, None)
    prepared = {"cleaning": CLEANING, "length": 8, "max_gap": 3, "layout": "body19"}
    whole = {**about, "config": STGCN, "preparation": prepared, "embedding_size": None}
    save_checkpoint(made / "graph.safetensors", graph.state_dict(), whole)
    chosen = {
        "sigma": 0.0, "ratio": 1.0, "gap": 0, "shortest": 1, "thresholds": [0.01, 2.0],
        "weights": [], "reached": 0.5,
    }  # fmt: skip
    stated = {"config": {**how, "model": "windows"}, "chosen": chosen, "windows": SHOWN.given()}
    write_json(made / "graph.json", stated)

    recordings = made / "recordings/a"
    recordings.mkdir(parents=True)
    for number, frame in enumerate(points(40)):
        body = {"pose_keypoints_2d": frame[:25].astype(float).ravel().tolist()}
        path = recordings / f"a_{number:012}_keypoints.json"
        path.write_text(json.dumps({"people": [body]}))
    return made


def detect(folder, model, chosen, *more):
    files = ["--model", folder / model, "--chosen", folder / chosen]
    main(["detect", *map(str, ["--input", folder / "recordings", *files, *more])])


@pytest.mark.parametrize("name", ["temporal", "graph"])
def test_the_command_writes_segments_subtitles_and_annotations(folder, tmp_path, name, capsys):
    out = tmp_path / "out"
    detect(folder, f"{name}.safetensors", f"{name}.json", "--out", out, "--submission")
    with (out / "segments.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows and {row["name"] for row in rows} == {"hand up"}  # no score reaches 2
    assert all(0 <= int(row["start"]) <= int(row["end"]) < 40 for row in rows)
    assert float(rows[0]["end_seconds"]) == (int(rows[0]["end"]) + 1) / 25
    assert (out / "a.vtt").read_text().count("-->") == len(rows)
    assert (out / "a.eaf").read_text().count("<ANNOTATION_VALUE>") == len(rows)
    assert len((out / "submission.csv").read_text().splitlines()) == 1 + len(rows)
    said = capsys.readouterr().err
    assert f"{len(rows)} segments in 1 recordings" in said and "--fps is not given" in said


def test_live_prints_what_it_finds_and_says_why_it_ends(folder, capsys):
    more = ["--input", folder / "recordings/a", "--live", "--patience", "0.2"]
    detect(folder, "temporal.safetensors", "temporal.json", *more)
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "start,end,class,name,score" and len(lines) > 1
    assert "no new frame for 0.2 seconds after 40 frames; ended" in said.err


def test_files_that_do_not_belong_together_are_refused(folder, tmp_path):
    files = {name: folder / name for name in ("temporal.safetensors", "graph.safetensors")}
    with pytest.raises(InputError, match=r"is a trained detector, but .* of a detector on windows"):
        load_any(files["temporal.safetensors"], folder / "graph.json")
    with pytest.raises(InputError, match=r"is a classifier, but .* of a detector on temporal"):
        load_any(files["graph.safetensors"], folder / "temporal.json")
    write_json(tmp_path / "other.json", {"seed": 0})
    with pytest.raises(InputError, match=r"other.json: does not say what was chosen"):
        load_any(files["graph.safetensors"], tmp_path / "other.json")
    stated = json.loads((folder / "temporal.json").read_text())
    write_json(tmp_path / "other.json", {**stated, "chosen": {"thresholds": [0.1]}})
    with pytest.raises(InputError, match="has 1 thresholds, but the model 2 classes"):
        load_any(files["temporal.safetensors"], tmp_path / "other.json")


def test_frame_scores_are_the_mean_of_windows_that_are_predicted_one_by_one(folder):
    """A window at a time, each prepared as a clip is; without jumps, cleaning once is the same."""
    trained, seen = load_trained(folder / "graph.safetensors"), points()
    expected = []
    for length in SHOWN.lengths:
        spans, clips = windows_of("r", seen, Cutting(length, SHOWN.stride), 25.0)
        said, _ = clip_probabilities(trained, clips, Testing(views=1, flip=True))
        each = [[] for _ in seen]
        for (start, end), one in zip(spans, said, strict=True):
            for frame in range(start, end + 1):
                each[frame].append(one)
        expected.append([np.mean(one, axis=0) for one in each])
    scores = frame_scores(trained, seen, 25.0, SHOWN)
    np.testing.assert_allclose(scores.probabilities, np.mean(expected, axis=0), atol=1e-5)


def test_scores_are_read_back_and_a_store_is_taken_as_recordings(folder, tmp_path, capsys):
    trained = load_trained(folder / "graph.safetensors")
    whole = Recording("r 1", -1, "p", "test", 30.0, 400, 400, points())
    clip = replace(whole, clip_id="r_0", points=whole.points[:5])
    write_scores(tmp_path / "scores.arrow", trained, [whole], SHOWN)
    (found,) = read_scores(tmp_path / "scores.arrow", ["r 1"])
    expected = frame_scores(trained, whole.points, 30.0, SHOWN)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(found.motion, expected.motion)
    with pytest.raises(InputError, match="has no scores of recording r2"):
        read_scores(tmp_path / "scores.arrow", ["r2"])
    items, store = [clip.__class__.__mro__[1](**vars(clip)), whole], tmp_path / "all.parquet"
    order = trained.layout.source
    write_store(
        tmp_path / "clips.parquet", keep_recordings(items, store, NAMES, "made", order), NAMES, "m"
    )
    more = ["--model", folder / "graph.safetensors", "--chosen", folder / "graph.json"]
    main(["detect", *map(str, [*more, "--input", store, "--out", tmp_path / "out"])])
    assert (tmp_path / "out/r 1.vtt").is_file()
    assert "--fps is not given" not in capsys.readouterr().err
