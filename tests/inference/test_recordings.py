"""New recordings through trained checkpoints alone: what the workflow would have said of them."""

import csv
import json
import runpy
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgesture.cli.main import main
from microgesture.data.store import check_clip, iter_store, write_store
from microgesture.evaluation.predictions import read_predictions
from microgesture.inference.build import choose_device, is_cached, load_trained
from microgesture.inference.checkpoints import load_checkpoint, save_checkpoint
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.recordings import (
    cut,
    in_frames,
    predict_recordings,
)
from microgesture.inference.window_table import Window, write_table
from microgesture.settings.probing import Testing
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from tests import steps
from tests.conftest import REPOSITORY, make_clip
from tests.sections import prepare_clips
from tests.small_training import CONFIG
from tests.steps import build_cache

REAL = REPOSITORY.parent / "shared/data/openpose_json"
CLASSES = ["left", "right"]
LAYOUT = REPOSITORY / "config/layouts/openpose22.yaml"
CLEANING = {"min_score": 0.05, "max_jump": 1.5}
HEATMAPS = {"size": 16, "sigma": 0.6, "padding": 0.25}
TESTING = {"views": 3, "flip": True}
RECIPE = {**CONFIG["training"], "learning_rate": 0.2}
SHARED = {
    "layout": "openpose22",
    "length": 8,
    "semantic_weight": 0,
    "imbalance": None,
    "augment": {"crop_area": [0.8, 1.0], "flip": 0},
    "training": RECIPE,
}
STGCN = {
    "model": "stgcn",
    "padding": 0.25,
    "network": {"base_channels": 8, "num_stages": 2, "inflate_stages": [], "down_stages": []},
}
POSEC3D = {
    "model": "posec3d",
    "input_size": 14,
    "network": {"base_channels": 8, "stage_blocks": [1], "zero_init_residual": False},
}
VARIANTS = {
    "stgcn_align": {**STGCN, "temporal": "align"},
    "stgcn_crop": {**STGCN, "temporal": "crop_pad"},
    "joint": {**POSEC3D, "stream": "joint", "temporal": "align"},
    "limb": {**POSEC3D, "stream": "limb", "temporal": "segment_sample"},
    "drawn_motion": {
        **{**POSEC3D, "stream": "joint_motion", "temporal": "segment_sample"},
        **{"source": "drawn", "heatmaps": HEATMAPS},
    },
    "stgcn_bone": {**STGCN, "temporal": "align", "stream": "bone"},
}

NOT_PREDICTED = ("semantic_weight", "imbalance", "augment", "layout")


def run_script(name, *arguments):
    before = sys.argv
    sys.argv = [name, *map(str, arguments)]
    try:
        runpy.run_path(str(REPOSITORY / f"scripts/{name}.py"), run_name="__main__")
    finally:
        sys.argv = before


def run_command(*arguments):
    main([*map(str, arguments)])


def noisy(number, split):
    """A clip with what cleaning, box and alignment must handle: faint, lost and odd points."""
    clip = make_clip(f"c{number}", 6 + number % 9, CLASSES[number % 2], split, seed=number)
    clip.points[:, [4, 7], 1] = (120, 290)[number % 2]  # so that mirroring keeps the class
    rng = np.random.default_rng(number)
    clip.points[rng.random(clip.points.shape[:2]) < 0.1, 2] = 0.02
    clip.points[rng.random(clip.points.shape[:2]) < 0.1] = 0
    clip.points[..., 2] *= 1.04
    return clip


@pytest.fixture(scope="module")
def project(tmp_path_factory, layout22):
    """The steps of the workflow on 40 clips: six trained variants and their predictions."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "classes.yaml").write_text("classes: [left, right]\n")
    splits = ["train"] * 24 + ["val"] * 8 + ["test"] * 8
    clips = [noisy(n, split) for n, split in enumerate(splits)]
    checked = [check_clip(clip, "test", CLASSES) for clip in clips]  # as readers do
    write_store(folder / "clips.parquet", checked, CLASSES, "test")
    for name, variant in VARIANTS.items():
        aligned = {"length": 8, "max_gap": 3} if variant["temporal"] == "align" else {}
        settings = {"cleaning": CLEANING, "length": None, "on_bad_clip": "stop", **aligned}
        points = folder / f"{name}-points.arrow"
        manifest = prepare_clips(iter_store(folder / "clips.parquet"), layout22, settings, points)
        write_json(points.with_suffix(".json"), manifest)
        if is_cached(steps.variant(variant)):
            source = points
            points = folder / f"{name}-heatmaps.arrow"
            manifest = build_cache(source, layout22, variant["stream"], HEATMAPS, points)
            write_json(points.with_suffix(".json"), manifest)
        given = points.with_suffix(".json")
        config = json.dumps({**SHARED, **variant, "variant": name})
        out = folder / name
        run_script(
            *("train", "--config", config, "--seed", 0, "--input", given, "--layout", LAYOUT),
            *("--classes", folder / "classes.yaml", "--out", out),
        )
        testing = json.dumps(TESTING)
        model = out / "model.safetensors"
        run_script("predict", "--config", testing, "--model", model, "--input", given, "--out", out)
    return folder, clips


def trained(project, name):
    return load_trained(project[0] / name / "model.safetensors")


def raw_tests(project):
    """The test clips as a reader gives them, by id."""
    return {clip.clip_id: clip.points for clip in project[1] if clip.split == "test"}


def predicted(models, arrays, **options):
    """Windows of recordings that are arrays, by the function that reads folders."""
    options = {"fps": 25, "testing": Testing(**TESTING), **options}
    return list(predict_recordings(models, {n: n for n in arrays}, arrays.__getitem__, **options))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("stgcn_crop-points.json", "its clips were prepared with"),
        ("stgcn_align-points.arrow", "expected the manifest"),
        ("nothing.json", "expected the manifest"),
    ],
)
def test_clips_prepared_otherwise_are_not_predicted(project, given, said, tmp_path, capsys):
    model = project[0] / "stgcn_align/model.safetensors"
    options = ["--config", json.dumps(TESTING), "--model", model, "--input", project[0] / given]
    with pytest.raises(SystemExit):
        run_script("predict", *options, "--out", tmp_path)
    assert f"error: --input {project[0] / given}: {said}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", VARIANTS)
def test_a_new_recording_gets_the_probabilities_that_the_workflow_gives(project, name):
    expected = read_predictions(project[0] / name / "test.parquet")
    windows = predicted([trained(project, name)], raw_tests(project))
    assert [one.recording for one in windows] == expected.clip_ids
    found = np.stack([one.probabilities for one in windows])
    assert np.abs(found - expected.probabilities).max() < 1e-5
    assert np.ptp(found[:, 0]) > 0.02  # they do depend on the clip


def test_several_models_are_averaged(project):
    arrays = raw_tests(project)
    alone = [predicted([trained(project, name)], arrays) for name in ("joint", "limb")]
    both = predicted([trained(project, name) for name in ("joint", "limb")], arrays)
    for one, other, mean in zip(*alone, both, strict=True):
        assert np.allclose(
            mean.probabilities, (one.probabilities + other.probabilities) / 2, atol=1e-6
        )


def test_a_window_is_predicted_as_a_clip_of_its_own(project):
    arrays = raw_tests(project)
    long = np.concatenate(list(arrays.values())[:3])
    model = trained(project, "joint")
    windows = predicted([model], {"long": long}, window=0.4, stride=0.2)
    assert [one.start for one in windows[:3]] == [0, 5, 10]
    assert windows[-1].end == len(long) - 1
    parts = {f"{n}": long[one.start : one.end + 1] for n, one in enumerate(windows)}
    for window, part in zip(windows, predicted([model], parts), strict=True):
        assert np.allclose(window.probabilities, part.probabilities, atol=1e-6)


def test_a_window_without_anybody_stays_empty(project):
    points = np.concatenate([raw_tests(project)["c32"], np.zeros((10, 137, 3), np.float32)])
    model = trained(project, "stgcn_align")
    windows = predicted([model], {"left": points}, window=0.2, stride=0.2)
    empty = [one.probabilities is None for one in windows]
    assert empty == [not points[w.start : w.end + 1, :, 2].any() for w in windows]
    assert any(empty) and not all(empty)


def test_the_checkpoint_alone_says_how_clips_are_prepared(project, layout22):
    _, about = load_checkpoint(project[0] / "limb" / "model.safetensors")
    made = about["preparation"]
    assert made["cleaning"] == CLEANING and made["length"] is None
    assert {key: made[key] for key in HEATMAPS} == HEATMAPS
    rebuilt = trained(project, "limb").layout
    assert rebuilt.joints == layout22.joints and rebuilt.center == layout22.center
    for name in ("points", "edges", "flip", "limb_flip"):
        assert np.array_equal(getattr(rebuilt, name), getattr(layout22, name)), name


def test_a_variant_that_draws_predicts_new_recordings_without_a_cache(project, monkeypatch):
    monkeypatch.setattr("microgesture.inference.clips.cache_in_memory", None)
    (window,) = predicted([trained(project, "drawn_motion")], {"a": raw_tests(project)["c32"]})
    assert window.probabilities is not None


def test_clips_in_memory_need_no_temporary_files(project, monkeypatch):
    monkeypatch.setattr("tempfile.mkdtemp", None)
    for name in ("joint", "limb"):
        probabilities, empty = clip_probabilities(
            trained(project, name), [make_clip()], Testing(**TESTING)
        )
        assert probabilities.shape == (1, 2) and empty == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_is_named_with_its_place(project, value):
    points = raw_tests(project)["c32"].copy()
    points[2, 4, 1] = value
    with pytest.raises(
        InputError, match=rf"^bad: frame 2 of {len(points)}, point 4 holds .*{value}"
    ):
        predicted([trained(project, "joint")], {"bad": points})


def test_a_model_of_other_points_is_refused(project, layout22):
    model = trained(project, "joint")
    model = replace(model, skeleton=replace(layout22, source="kinect25-v1"))
    with pytest.raises(InputError, match=r"trained on the points kinect25-v1; expected openpose"):
        predicted([model], raw_tests(project))


# --- from JSON files ------------------------------------------------------------------------------


def write_frames(folder, points):
    """One person in OpenPose's own files."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(points.tolist()):
        parts = {
            "pose_keypoints_2d": frame[:25],
            "face_keypoints_2d": frame[25:95],
            "hand_left_keypoints_2d": frame[95:116],
            "hand_right_keypoints_2d": frame[116:],
        }
        person = {part: [v for point in values for v in point] for part, values in parts.items()}
        content = {"version": 1.3, "people": [{"person_id": [-1], **person}]}
        path = folder / f"talk_{number:012d}_keypoints.json"
        path.write_text(json.dumps(content))


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_from_json_files_to_the_table(project, tmp_path, capsys):
    arrays = raw_tests(project)
    for name, points in arrays.items():
        write_frames(tmp_path / "in" / name, points)
    models = [project[0] / name / "model.safetensors" for name in ("joint", "limb")]
    arguments = ["--model", models[0], "--model", models[1], "--input", tmp_path / "in"]
    run_command("predict", *arguments, "--views", 3, "--out", tmp_path / "p.csv")
    assert f"{tmp_path}/p.csv: 8 rows" in capsys.readouterr().err
    members = [read_predictions(project[0] / n / "test.parquet") for n in ("joint", "limb")]
    mean = (members[0].probabilities + members[1].probabilities) / 2
    rows = table(tmp_path / "p.csv")
    assert [row["recording"] for row in rows] == members[0].clip_ids
    for row, shares in zip(rows, mean, strict=True):
        assert int(row["class_1"]) == shares.argmax()
        assert row["name_1"] == CLASSES[shares.argmax()]
        assert float(row["probability_1"]) == pytest.approx(shares.max(), abs=2e-6)
        assert int(row["end_frame"]) == len(arrays[row["recording"]]) - 1


def test_a_bad_frame_leaves_no_table_where_asked_to_stop(project, tmp_path, capsys):
    write_frames(tmp_path / "in", raw_tests(project)["c32"])
    frame = tmp_path / "in" / "talk_000000000003_keypoints.json"
    frame.write_text(frame.read_text()[:99])
    arguments = ["--model", project[0] / "joint" / "model.safetensors", "--on-bad", "stop"]
    with pytest.raises(SystemExit):
        run_command("predict", *arguments, "--input", tmp_path / "in", "--out", tmp_path / "p")
    assert "talk_000000000003_keypoints.json: is not valid JSON" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


@pytest.mark.skipif(
    not REAL.is_dir(), reason="recordings by other people, not part of the repository"
)
def test_real_recordings_are_predicted(project, tmp_path):
    for name in ("body25_hands_words", "body25_v1.2_sign"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        shutil.copytree(REAL / name, tmp_path / "in" / name)
    for still in (REAL / "full137_stills").glob("*_keypoints.json"):
        (tmp_path / "in" / still.stem).mkdir()
        shutil.copy(still, tmp_path / "in" / still.stem)
    arguments = ["--model", project[0] / "joint" / "model.safetensors", "--views", 1]
    arguments += ["--window", 1, "--fps", 30, "--input", tmp_path / "in", "--accept-unlike"]
    run_command("predict", *arguments, "--out", tmp_path / "p.csv")
    rows = table(tmp_path / "p.csv")
    assert len({row["recording"] for row in rows}) > 15
    long = [row for row in rows if row["recording"] == "body25_v1.2_sign"]
    assert [row["start_frame"] for row in long[:3]] == ["0", "15", "30"]
    assert long[-1]["end_frame"] == "156"
    sums = [float(row["probability_1"]) + float(row["probability_2"]) for row in rows]
    assert np.allclose(sums, 1, atol=1e-5)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "window", "stride", "expected"),
    [
        (10, None, None, [(0, 9)]),
        (10, 20, 5, [(0, 9)]),
        (10, 10, 5, [(0, 9)]),
        (10, 4, 3, [(0, 3), (3, 6), (6, 9)]),
        (11, 4, 3, [(0, 3), (3, 6), (6, 9), (7, 10)]),
        (10, 2, 6, [(0, 1), (6, 7), (8, 9)]),
    ],
)
def test_windows_by_hand(frames, window, stride, expected):
    assert cut(frames, window, stride) == expected


@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 60))
def test_windows_have_one_length_and_reach_both_ends(frames, window, stride):
    spans = cut(frames, window, stride)
    assert spans[0][0] == 0 and spans[-1][1] == frames - 1
    assert {end - start + 1 for start, end in spans} == {min(window, frames)}
    steps = np.diff([start for start, _ in spans])
    assert (steps[:-1] == stride).all() and (steps <= stride).all() and (steps > 0).all()


@pytest.mark.parametrize(("seconds", "fps"), [(0, 25), (-1, 25), (1, 0), (float("nan"), 25)])
def test_lengths_that_are_no_lengths_are_refused(seconds, fps):
    with pytest.raises(InputError, match=r"--window: .* expected numbers above 0"):
        in_frames("--window", seconds, fps)


def test_a_stride_needs_a_window(project):
    with pytest.raises(InputError, match="--stride is given without --window"):
        predicted([trained(project, "joint")], {}, stride=1.0)


# --- models and table -----------------------------------------------------------------------------


def test_a_model_that_is_missing_a_folder_or_a_pointer_is_told(tmp_path):
    with pytest.raises(InputError, match=r"is a folder, expected a file such as model.safetens"):
        load_trained(tmp_path)
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"does not exist; give a file"):
        load_trained(path)
    (tmp_path / "model.safetensors.dvc").touch()
    with pytest.raises(InputError, match=r"model.safetensors.dvc does; run dvc pull"):
        load_trained(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InputError, match=r"run git lfs pull"):
        load_trained(path)


def test_more_threads_than_torch_can_start_are_refused():
    with pytest.raises(InputError, match=r"--threads is 100000, expected at most 1024"):
        choose_device("cpu", 100_000)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["right", "left"], "has 'right' as class 0, not 'left'"),
        (["left", "right", "up"], "3 classes, not 2"),
    ],
)
def test_models_of_other_classes_are_not_averaged(project, classes, message):
    one, other = trained(project, "joint"), trained(project, "limb")
    other.metadata["classes"] = classes
    with pytest.raises(InputError, match=message):
        predicted([one, other], raw_tests(project))


def test_a_checkpoint_that_does_not_say_enough_is_refused(project, tmp_path):
    state, about = load_checkpoint(project[0] / "joint" / "model.safetensors")
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, state, {k: v for k, v in about.items() if k != "preparation"})
    with pytest.raises(InputError, match=r"old.safetensors: its metadata lacks preparation"):
        load_trained(path)
    state.pop("cls_head.fc_cls.bias")
    save_checkpoint(path, state, about)
    with pytest.raises(InputError, match=r"weights and metadata disagree .*fc_cls.bias"):
        load_trained(path)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_checkpoint_of_another_version_predicts_the_same(project, tmp_path, name):
    """How a variant was trained does not matter to prediction: such keys may differ."""
    state, about = load_checkpoint(project[0] / name / "model.safetensors")
    assert about["config"] == {**SHARED, **VARIANTS[name], "variant": name}
    old = {key: about["config"][key] for key in about["config"] if key not in NOT_PREDICTED}
    old |= {"warmup": 3, "training": {"batch": RECIPE["batch"], "nesterov": True}}
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, state, {**about, "config": old})
    now, before = trained(project, name), load_trained(path)
    assert before.config == now.config and before.metadata["config"] == old
    clips = [clip for clip in project[1] if clip.split == "test"]
    said = [clip_probabilities(one, clips, Testing(**TESTING))[0] for one in (now, before)]
    assert np.array_equal(*said)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": None}, "config.length: "),
        ({"temporal": "stretch"}, "config.temporal: "),
        ({"training": {}}, "config: batch is missing"),
    ],
)
def test_a_checkpoint_without_what_prediction_needs_is_refused(project, tmp_path, change, message):
    state, about = load_checkpoint(project[0] / "joint" / "model.safetensors")
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, state, {**about, "config": about["config"] | change})
    with pytest.raises(InputError, match=rf"old.safetensors: {message}"):
        load_trained(path)


def test_the_table_ranks_five_classes_and_leaves_empty_windows_free(tmp_path):
    shares = np.array([0.05, 0.4, 0.1, 0.15, 0.2, 0.1], np.float32)
    windows = [Window("é", 0, 24, shares), Window("é", 25, 49, None)]
    names = [f"class {n}, named" for n in range(6)]
    assert write_table(tmp_path / "p.csv", windows, names, 25) == (2, 1, [])
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        full, empty = csv.DictReader(file)
    assert (full["recording"], full["start_frame"], full["end_frame"]) == ("é", "0", "24")
    assert (full["start_seconds"], full["end_seconds"]) == ("0.000", "1.000")
    assert [full[f"class_{n}"] for n in range(1, 6)] == ["1", "4", "3", "2", "5"]
    assert full["name_1"] == "class 1, named" and float(full["probability_5"]) == 0.1
    assert (empty["start_seconds"], empty["end_seconds"]) == ("1.000", "2.000")
    assert {empty[f"{key}_{n}"] for key in ("class", "name") for n in range(1, 6)} == {""}


def test_with_few_classes_all_are_listed(tmp_path):
    write_table(tmp_path / "p.csv", [Window("a", 0, 1, np.array([0.3, 0.7]))], CLASSES, 25)
    header = (tmp_path / "p.csv").read_text().splitlines()[0]
    assert header.endswith("class_1,name_1,probability_1,class_2,name_2,probability_2,warnings")
