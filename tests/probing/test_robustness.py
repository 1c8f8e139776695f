"""Accuracy under damage, with a model whose answers can be worked out by hand."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from microgesture.data.keypoints import KINECT, OPENPOSE
from microgesture.data.layouts import load_layout
from microgesture.data.store import write_store
from microgesture.inference.checkpoints import load_checkpoint, save_checkpoint
from microgesture.probing.corruption import KINDS, corrupt
from microgesture.probing.robustness import accuracies, measure, write_measured
from microgesture.probing.test_clips import Probed, labelled_tests
from microgesture.settings.parse import parse
from microgesture.settings.probing import Robustness, RobustnessStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256, write_json
from microgesture.viz.comparisons import KINDS as DRAWN
from tests.conftest import REPOSITORY, make_clip
from tests.inference.test_recordings import run_script
from tests.watcher import CLASSES, FRAMES, make_tests, save_untrained, watcher

JOINT = "right_wrist"
CONFIG = {"drop": [0.3, 1], "jitter": [0.01], "seed": 0, "testing": {"views": 1, "flip": False}}


@pytest.fixture(scope="module")
def stored(tmp_path_factory, layout22):
    """A store of 30 test clips, of one without a label and of clips of other splits."""
    path = tmp_path_factory.mktemp("store") / "clips.parquet"
    clips = make_tests(30, layout22, JOINT)
    others = [make_clip("no_label", FRAMES, None, "test"), make_clip("a", FRAMES, split="val")]
    write_store(path, [*clips, *others], CLASSES, "test")
    return path, clips


def measured(stored, model, config=CONFIG):
    tests = labelled_tests(stored[0], model)
    return list(measure(Probed(model, stored[0], tests), RobustnessStep(**config)))


def test_the_labelled_clips_of_the_split_test_are_measured(stored, layout22):
    tests = labelled_tests(stored[0], watcher(layout22, JOINT))
    assert tests["clip_id"].tolist() == [clip.clip_id for clip in stored[1]]
    assert tests["label"].tolist() == [0, 1] * 15


def test_each_level_is_what_perturbing_and_looking_gives(stored, layout22):
    rows = measured(stored, watcher(layout22, JOINT))
    assert [(row.kind, row.level) for row in rows] == [
        ("none", 0),
        ("drop", 0.3),
        ("drop", 1),
        ("jitter", 0.01),
    ]
    assert {row.clips for row in rows} == {30}
    assert (rows[0].top1, rows[0].mean_class) == (1, 1)
    right = []
    for clip in stored[1]:
        points = corrupt(clip, "drop", 0.3, 0, OPENPOSE).points
        seen = (points[:, 4, 2] > 0).mean()
        right.append((seen >= 0.5) == (clip.label == 0))  # of equal ones the lowest id
    assert 0.5 < np.mean(right) < 1
    assert rows[1].top1 == np.mean(right)
    assert rows[1].mean_class == (np.mean(right[::2]) + np.mean(right[1::2])) / 2
    assert rows[3].top1 == 1  # a trembling point is seen all the same


def test_a_clip_without_a_visible_point_counts_as_wrong(stored, layout22):
    gone = measured(stored, watcher(layout22, JOINT))[2]
    assert (gone.kind, gone.level, gone.top1, gone.mean_class) == ("drop", 1, 0, 0)


def test_more_damage_is_never_better_for_who_must_see(stored, layout22):
    config = {**CONFIG, "drop": [0.1, 0.3, 0.5, 0.7], "jitter": []}
    rows = measured(stored, watcher(layout22, JOINT), config)
    left = [2 * row.mean_class - 1 for row in rows]  # all of `right` stay right
    assert left == sorted(left, reverse=True) and left[-1] < left[0]


def test_another_seed_is_another_damage(stored, layout22):
    model = watcher(layout22, JOINT)
    config = {**CONFIG, "drop": [0.4, 0.5], "jitter": []}
    assert measured(stored, model, config) == measured(stored, model, config)
    assert measured(stored, model, config) != measured(stored, model, {**config, "seed": 1})


def write_folds(path, **fold_of):
    content = {"folds": 3, "fold_of_subject": fold_of, "validation": [1, 2, 0]}
    write_json(path, content)
    return {"folds": sha256(path)}


def test_folds_choose_the_test_clips(stored, layout22, tmp_path):
    model, path = watcher(layout22, JOINT), tmp_path / "folds.json"
    about = write_folds(path, s0=0, s1=1, s2=0)
    trained = [
        replace(model, metadata={**model.metadata, **about, "fold": fold}) for fold in range(3)
    ]
    chosen = labelled_tests(stored[0], trained[1], path, 1)
    assert chosen["clip_id"].tolist() == [c.clip_id for c in stored[1] if c.subject == "s1"] + ["a"]
    with pytest.raises(InputError, match="no labelled clip in fold 2 of"):
        labelled_tests(stored[0], trained[2], path, 2)
    # what it learned from is never measured on
    for one, *fold in ((trained[0], path, 1), (trained[1],), (model, path, 1)):
        with pytest.raises(InputError, match="its test clips may be among those it learned from"):
            labelled_tests(stored[0], one, *fold)
    with pytest.raises(InputError, match="--folds and --fold"):
        labelled_tests(stored[0], model, None, 1)


def test_a_store_of_other_classes_or_without_labels_is_refused(stored, layout22, tmp_path):
    model = watcher(layout22, JOINT, classes=CLASSES[::-1])
    with pytest.raises(InputError, match="both must be the same, in the same order"):
        labelled_tests(stored[0], model)
    write_store(tmp_path / "s.parquet", [make_clip(split="train")], CLASSES, "test")
    with pytest.raises(InputError, match="no labelled clip in the splits test and val"):
        labelled_tests(tmp_path / "s.parquet", watcher(layout22, JOINT))


def test_validation_clips_are_measured_where_no_test_clip_has_a_label(layout22, tmp_path):
    clips = [make_clip("t", split="test", label=None), make_clip("v", split="val", label="right")]
    write_store(tmp_path / "s.parquet", clips, CLASSES, "test")
    chosen = labelled_tests(tmp_path / "s.parquet", watcher(layout22, JOINT))
    assert chosen.to_numpy().tolist() == [["v", 1]]


def test_a_store_of_kinect_points_is_measured(layout22, tmp_path):
    layout = load_layout(REPOSITORY / "config/layouts/kinect25.yaml")
    clips = make_tests(6, layout, JOINT)  # its point of Kinect, cut out of OpenPose's
    clips = [replace(clip, points=clip.points[:, : KINECT.count]) for clip in clips]
    write_store(tmp_path / "k.parquet", clips, CLASSES, "test", order=KINECT.name)
    model = watcher(layout, JOINT)
    rows = measured((tmp_path / "k.parquet",), model, {**CONFIG, "occlude": [1]})
    assert rows[0].top1 == 1 and rows[2].top1 == 0
    right = [
        (corrupt(clip, "occlude", 1, 0, KINECT).points[:, 10, 2].mean() >= 0.5) == (clip.label == 0)
        for clip in clips
    ]
    assert rows[-1].kind == "occlude" and rows[-1].top1 == np.mean(right) < 1
    with pytest.raises(
        InputError, match=r"holds kinect25-v1 and 2 classes, but model\.safetensors"
    ):
        labelled_tests(tmp_path / "k.parquet", watcher(layout22, JOINT))


def test_a_level_of_no_sense_is_refused_before_anything_is_measured():
    with pytest.raises(InputError, match=r"robustness\.drop\.1: .*less than or equal to 1"):
        parse(RobustnessStep, {**CONFIG, "drop": [0.1, 2]}, "robustness")


def test_accuracies_by_hand():
    right, labels = np.array([1, 1, 0, 1, 0, 0], bool), np.array([0, 0, 0, 3, 3, 1])
    assert accuracies(right, labels) == (0.5, pytest.approx((2 / 3 + 0 + 1 / 2) / 3))


def test_the_table_is_as_stated(stored, layout22, tmp_path):
    rows = measured(stored, watcher(layout22, JOINT))
    write_measured(tmp_path / "r.csv", rows)
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines[:2] == ["kind,level,clips,top1,mean_class", "none,0,30,1.000000,1.000000"]
    assert lines[3] == "drop,1,30,0.000000,0.000000"
    assert lines[4].startswith("jitter,0.01,30,")


def test_the_script_repeats_itself(stored, layout22, tmp_path):
    checkpoint = save_untrained(tmp_path / "model.safetensors", layout22)
    config = json.dumps({**CONFIG, "occlude": [0.5], "drop": [0.2], "detector": [1]})
    shared = ("robustness", "--config", config, "--model", checkpoint, "--skeletons", stored[0])
    for name in ("a.csv", "b.csv"):
        run_script(*shared, "--out", tmp_path / name, "--device", "cpu")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    state, about = load_checkpoint(checkpoint)
    about |= write_folds(tmp_path / "folds.json", s0=0, s1=1, s2=0) | {"fold": 0}
    save_checkpoint(checkpoint, state, about)
    run_script(
        *shared, "--out", tmp_path / "f.csv", "--folds", tmp_path / "folds.json", "--fold", 0
    )
    for name, clips in (("a.csv", "30"), ("f.csv", "20")):
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["kind"] for row in rows] == ["none", *KINDS]
        assert {row["clips"] for row in rows} == {clips}


def test_every_kind_can_be_asked_for_and_drawn():
    assert {*KINDS} <= {*RobustnessStep.model_fields} & {*Robustness.model_fields} & {*DRAWN}
