"""With shuffled labels nothing can be learned; whatever scores above chance then has leaked."""

import numpy as np
import pytest
import torch

from microgesture.inference import predict
from microgesture.inputs import PointInput
from microgesture.metrics import summarise
from microgesture.streams import build_stream
from microgesture.training import train
from microgesture.variants import new_model
from tests.conftest import make_clip
from tests.training import CLASSES, STREAM, config_with

CLIPS = {"train": 120, "val": 60, "test": 400}


@pytest.mark.parametrize("shuffled", [False, True])
def test_accuracy_on_test_clips_falls_to_chance_with_shuffled_labels(tmp_path, layout22, shuffled):
    splits = [split for split, count in CLIPS.items() for _ in range(count)]
    shown = [CLASSES[i % 2] for i in range(len(splits))]
    clips = [
        make_clip(f"c{i}", 8, label, split, seed=i, subject=f"s{i % 9}")
        for i, (label, split) in enumerate(zip(shown, splits, strict=True))
    ]
    path = tmp_path / "stream.arrow"
    build_stream(clips, layout22, CLASSES, STREAM, path)
    source = PointInput(path, layout22, 0.25)
    labels = source.records.index["label"].to_numpy(copy=True)
    if shuffled:
        labels = np.random.default_rng(0).permutation(labels)
        source.records.index["label"] = labels
    torch.manual_seed(0)
    config = config_with({"epochs": 4})
    model = new_model(config, layout22, 2, None)
    state, _ = train(model, source, config, seed=0)
    model.load_state_dict(state)
    rows = np.flatnonzero(np.array(splits) == "test")
    shares = predict(model, source, rows, temporal="align", length=8, views=1, flip=False, batch=50)
    top1 = summarise(shares, labels[rows])["top1"]
    if shuffled:  # four standard deviations of 400 coin tosses
        assert abs(top1 - 0.5) < 4 * np.sqrt(0.25 / CLIPS["test"])
    else:
        assert top1 > 0.95
