import sys

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier

from microgesture.data.clip_file import Records
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import load_layout
from microgesture.data.parts import relative_to
from microgesture.data.store import Clip
from microgesture.inference.build import load_trained
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.onnx import export_onnx
from microgesture.inference.predict import predict
from microgesture.inference.shown import shown_to
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.trees import PIECES, TreesInput, feature_count, features
from microgesture.models.trees import ARRAYS, Forest
from microgesture.settings import probing
from microgesture.settings.networks import TreesNetwork
from microgesture.settings.parse import parse
from microgesture.settings.training_step import TreesStep
from microgesture.training.run import TrainingFiles
from microgesture.training.trees import forest_arrays, grow, run_trees
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from tests.conftest import REPOSITORY, make_clip
from tests.sections import prepare_clips

LAYOUTS = REPOSITORY / "config/layouts"
PREPARATION = {
    "cleaning": {"min_score": 0.05, "max_jump": 1.5},
    "length": 12,
    "max_gap": 3,
    "on_bad_clip": "skip",
}
STEP = {
    "variant": "trees",
    "model": "trees",
    "layout": "openpose22",
    "temporal": "align",
    "length": 12,
    "network": {"trees": 20},
    "mirror": False,
    "imbalance": None,
}


def grown(tmp_path, name="a", seed=0, clips=None, layout="openpose22", **changes):
    """A folder with trees grown of a few clips, and the clip file."""
    path = LAYOUTS / f"{layout}.yaml"
    if clips is None:
        labels = ["left", "right"] * 12
        splits = ["train"] * 16 + ["val"] * 4 + ["test"] * 4
        clips = [
            make_clip(f"{n}", 9 + n % 3, label, split, seed=n % 4)
            for n, (label, split) in enumerate(zip(labels, splits, strict=True))
        ]
    made = prepare_clips(clips, load_layout(path), PREPARATION, tmp_path / "clips.arrow")
    write_json(tmp_path / "clips.json", made)
    (tmp_path / "classes.yaml").write_text("classes: [left, right]\n")
    files = TrainingFiles((tmp_path / "clips.json",), (path,), tmp_path / "classes.yaml")
    step = parse(TreesStep, {**STEP, "layout": layout, **changes}, "config")
    (tmp_path / name).mkdir()
    run_trees(step, files, tmp_path / name, seed=seed, fold=None, threads=1, code_version={})
    return tmp_path / name, Records(tmp_path / "clips.arrow")


def walked(forest, clip):
    """The readable form of a forest's probabilities, of one clip: one tree after the other."""
    total = np.zeros(forest.num_classes)
    for root in forest.roots.tolist():
        here = root
        while forest.below[0, here] >= 0:
            right = float(clip[forest.feature[here]]) > float(forest.threshold[here])
            here = int(forest.below[int(right), here])
        for entry in range(int(forest.first_share[here]), int(forest.first_share[here + 1])):
            total[forest.share_class[entry]] += float(forest.share[entry])
    return total / len(forest.roots)


@pytest.mark.parametrize("options", [{}, {"smallest_leaf": 4, "class_weight": "balanced"}])
def test_probabilities_are_those_of_scikit_learn(options):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(120, 9)).astype(np.float32)
    truth = np.array([0, 2, 2, 4])[rng.integers(0, 4, 120)]  # two of five classes have no clip
    trees = grow(table, truth, TreesNetwork(trees=15, **options), seed=3, threads=1)
    forest = Forest(forest_arrays(trees), 5, 9)
    new = np.concatenate([table, rng.normal(size=(50, 9)).astype(np.float32)])
    found = forest.probabilities(torch.from_numpy(new)).numpy()
    # shares are stored as float32
    assert np.allclose(found[:, [0, 2, 4]], trees.predict_proba(new), atol=1e-6)
    assert (found[:, [1, 3]] == 0).all()
    assert np.allclose(found, [walked(forest, clip) for clip in new], atol=1e-12)
    logits = forest(torch.from_numpy(new)).double()
    assert np.allclose(logits.softmax(1).numpy(), found, atol=1e-6)
    alone = ExtraTreesClassifier(
        15,
        min_samples_leaf=options.get("smallest_leaf", 1),
        class_weight=options.get("class_weight"),
        random_state=1,
    ).fit(table, truth)
    assert abs(alone.predict_proba(new) - found[:, [0, 2, 4]]).max() > 0.01  # of another seed


def test_arrays_that_are_no_forest_are_refused():
    rng = np.random.default_rng(0)
    table, truth = rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 2, 30)
    arrays = forest_arrays(grow(table, truth, TreesNetwork(trees=2), 0, 1))
    Forest(arrays, 2, 4)

    def changed(name, place, value):
        other = {key: one.clone() for key, one in arrays.items()}
        other[name].view(-1)[place] = value
        return other

    fork = int((arrays["below"][0] >= 0).nonzero()[1])
    for name, broken in {
        "roots": changed("roots", 0, -1),
        "below": changed("below", fork, 0),  # for ever
        "feature": changed("feature", fork, 4),
        "first_share": changed("first_share", -1, 10**6),
        "share_class": changed("share_class", 0, 2),
    }.items():
        with pytest.raises(ValueError, match=f"{name} leads out of the trees"):
            Forest(broken, 2, 4)
    with pytest.raises(ValueError, match="expected"):
        Forest({**arrays, "share": arrays["share"][1:]}, 2, 4)
    with pytest.raises(ValueError, match=r"share is torch\.float64"):
        Forest({**arrays, "share": arrays["share"].double()}, 2, 4)
    with pytest.raises(ValueError, match="found"):
        Forest({name: arrays[name] for name in list(ARRAYS)[1:]}, 2, 4)


def features_reference(points, layout):
    """The readable form of `features`, of one clip (T, V, 3)."""
    joints, roots = relative_to(layout)
    courses = [[(p[:2] if p[2] > 0 else None) for p in points[:, v]] for v in range(len(points[0]))]
    for joint, root in zip(joints, roots, strict=True):
        pairs = zip(courses[joint], courses[root], strict=True)
        courses.append([None if a is None or b is None else a - b for a, b in pairs])
    bounds = [int(len(points) * k / PIECES) for k in range(PIECES + 1)]
    rows = np.zeros((PIECES, len(courses), 2))
    for column, course in enumerate(courses):
        for k in range(PIECES):
            piece = course[bounds[k] : max(bounds[k] + 1, bounds[k + 1])]
            seen = [p for p in piece if p is not None]
            if seen:
                rows[k, column] = np.mean(seen, axis=0)
    return rows.ravel()


@pytest.mark.parametrize("frames", [1, 3, 8, 21])
def test_features_are_those_of_the_readable_form(layout41, frames):
    rng = np.random.default_rng(frames)
    points = rng.normal(size=(3, frames, 41, 3)).astype(np.float32)
    points[..., 2] = rng.integers(0, 2, points.shape[:3])
    points[points[..., 2] == 0] = 0
    found = features(points, layout41)
    assert found.shape == (3, feature_count(layout41))
    assert np.allclose(found, [features_reference(one, layout41) for one in points], atol=1e-5)


@pytest.mark.parametrize("layout", ["openpose22", "openpose41", "openpose_hands", "kinect25"])
def test_neither_place_nor_size_nor_side_matters(tmp_path, layout):
    layout = load_layout(LAYOUTS / f"{layout}.yaml")
    count = KEYPOINT_FORMATS[layout.source].count
    rng = np.random.default_rng(0)
    points = np.ones((12, count, 3), np.float32)
    points[..., :2] = rng.uniform(100, 200, (count, 2)) + rng.normal(0, 3, (12, count, 2))
    mirrored = np.ones_like(points)
    mirrored[:, layout.points] = points[:, layout.points[layout.flip]]
    mirrored[..., 0] = 500 - mirrored[..., 0]
    versions = {"a": points, "b": points * [3, 3, 1] + [50, 7, 0], "c": mirrored}
    clips = [
        Clip(name, 0, "s", "train", 25.0, 720, 1280, one.astype(np.float32))
        for name, one in versions.items()
    ]
    path = tmp_path / "clips.arrow"
    prepare_clips(clips, layout, PREPARATION, path, layout.source)
    source = TreesInput(Records(path), layout)
    batch = torch.from_numpy(np.stack([source.sample(row, np.arange(12)) for row in range(3)]))
    plain = source.assemble(batch, full_frame(3), training=False)
    turned = source.assemble(batch, full_frame(3, mirrored=True), training=False)
    assert plain.shape == (3, feature_count(layout))
    assert torch.allclose(plain[0], plain[1], atol=1e-4)
    assert torch.allclose(turned[0], plain[2], atol=1e-4)
    assert not torch.allclose(turned[0], plain[0], atol=1e-2)


def test_grown_trees_recognise_clips_without_scikit_learn(tmp_path, monkeypatch):
    folder, records = grown(tmp_path)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    trained = load_trained(folder / "model.safetensors")
    source = TreesInput(records, trained.layout)
    rows = np.flatnonzero(records.index["split"] == "test")
    how = {"temporal": "align", "length": 12, "views": 10, "flip": False, "batch": 3}
    found = predict(trained.model, source, rows, **how)
    assert (found.argmax(1) == records.index["label"].to_numpy()[rows]).all()
    clips = [make_clip("x", 10, "right", seed=1), make_clip("empty", 10)]
    clips[1].points[:] = 0
    shares, empty = clip_probabilities(trained, clips, probing.Testing(views=1, flip=True))
    assert np.allclose(shares.sum(axis=1), 1) and empty == ["empty"]
    assert "fed as points" in shown_to(trained, clips[0]).note
    with pytest.raises(InputError, match="needs scikit-learn"):
        grown(tmp_path, "b")
    with pytest.raises(InputError, match="trees are no network"):
        export_onnx(trained, tmp_path / "trees.onnx")


def test_the_same_seed_grows_the_same_bytes(tmp_path):
    def model(name, seed, **changes):
        (tmp_path / name).mkdir()
        folder, _ = grown(tmp_path / name, seed=seed, **changes)
        return (folder / "model.safetensors").read_bytes()

    first = model("a", 0)
    assert model("b", 0) == first
    assert model("c", 2**63) != first
    assert model("d", 0, mirror=True) != first
