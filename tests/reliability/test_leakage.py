"""With shuffled labels nothing can be learned; whatever scores above chance then has leaked."""

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.evaluation.fusion import fuse_files
from microgesture.evaluation.metrics import summarise
from microgesture.evaluation.predictions import read_predictions, write_predictions
from microgesture.inference.predict import predict
from tests.conftest import make_clip
from tests.sections import parse_recipe, prepare_clips
from tests.small_training import CLASSES, STREAM, config_with
from tests.steps import new_model, open_input, train

DRAWN = {"model": "posec3d", "source": "drawn", "stream": "limb", "input_size": 12}
DRAWN["heatmaps"] = {"size": 12, "sigma": 1.0, "padding": 0.0}
DRAWN["network"] = {"base_channels": 16, "stage_blocks": [1, 1], "stem_kernel": 7}
STGCN = ({"train": 120, "val": 60, "test": 400}, config_with({"epochs": 4}))
# so few clips that it would learn the test clips by heart, were it shown them
FEW = {"train": 80, "val": 20, "test": 80}
POSEC3D = (FEW, config_with({"epochs": 10, "learning_rate": 0.03}, **DRAWN))


def is_chance(top1, clips):
    """Within four standard deviations of so many coin tosses."""
    return abs(top1 - 0.5) < 4 * np.sqrt(0.25 / clips)


@pytest.mark.parametrize(("counts", "config"), [STGCN, POSEC3D], ids=["stgcn", "posec3d"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_accuracy_on_test_clips_falls_to_chance_with_shuffled_labels(
    tmp_path, layout22, shuffled, counts, config
):
    splits = [split for split, count in counts.items() for _ in range(count)]
    shown = [CLASSES[i % 2] for i in range(len(splits))]
    clips = [
        make_clip(f"c{i}", 8, label, split, seed=i, subject=f"s{i % 9}")
        for i, (label, split) in enumerate(zip(shown, splits, strict=True))
    ]
    path = tmp_path / "stream.arrow"
    prepare_clips(clips, layout22, STREAM, path)
    source = open_input(config, layout22, Records(path))
    labels = source.records.index["label"].to_numpy(copy=True)
    if shuffled:
        labels = np.random.default_rng(0).permutation(labels)
        source.records.index["label"] = labels
    torch.manual_seed(0)
    model = new_model(config, layout22, 2, None)
    state, _ = train(model, source, config, seed=0)
    model.load_state_dict(state)
    rows = np.flatnonzero(np.array(splits) == "test")
    shares = predict(model, source, rows, temporal="align", length=8, views=1, flip=False, batch=50)
    top1 = summarise(shares, labels[rows])["top1"]
    assert is_chance(top1, len(rows)) if shuffled else top1 > 0.95


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_fitted_fusion_falls_to_chance_with_shuffled_labels(tmp_path, shuffled):
    """One of 30 members knows; the clips are so few that a fit on the test labels would show."""
    rng = np.random.default_rng(0)
    names = [f"m{place}" for place in range(30)]
    recipe = parse_recipe({"members": names, "weights": "validation", "temperature": True})
    ids, right = [f"c{row:02}" for row in range(30)], []
    for _ in range(6):
        paths = {"val": [], "test": []}
        for split in paths:
            shown = rng.permutation([0, 1] * 15)
            labels = rng.permutation(shown) if shuffled else shown
            for name in names:
                odds = np.exp(rng.normal(size=(30, 2)) + 4 * (name == "m0") * np.eye(2)[shown])
                shares = odds / odds.sum(axis=1, keepdims=True)
                paths[split].append(tmp_path / f"{name}-{split}.parquet")
                write_predictions(paths[split][-1], ids, labels, ["s"] * 30, shares, {})
        fuse_files(recipe, paths["val"], paths["test"], tmp_path / "val", tmp_path / "test")
        fused = read_predictions(tmp_path / "test")
        right.extend(fused.probabilities.argmax(axis=1) == labels)
    assert is_chance(np.mean(right), len(right)) if shuffled else np.mean(right) > 0.95
