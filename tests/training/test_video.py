"""MViT learns movements that no single frame shows, and comes back from its checkpoint."""

import json

import numpy as np
import pytest
import torch

from microgesture.cli.main import main
from microgesture.data.clip_file import MemoryRecords
from microgesture.inference.build import load_trained, open_prepared
from microgesture.inference.onnx import compare, export_onnx, prepared
from microgesture.inference.predict import predict
from microgesture.training.batches import labelled_clips
from microgesture.training.distributed import ALONE
from microgesture.training.run import TrainingFiles, run_training
from microgesture.utils.errors import InputError
from tests import moving_squares
from tests.steps import RECIPE, step
from tests.videos import write_video

CONFIG = {
    "variant": "video",
    "model": "mvit",
    "stream": "rgb",
    "temporal": "segment_sample",
    "length": 8,
    "input_size": 32,
    "jitter": 0.2,
    "semantic_weight": 0,
    "imbalance": None,
    "network": {
        "embed": 16,
        "heads": 1,
        "depths": [1, 1],
        "key_stride": 2,
        "drop_path": 0.0,
        "dropout": 0.0,
    },
    "augment": {"crop_area": [0.8, 1.0], "flip": 0.0},
    "training": {
        **RECIPE,
        "epochs": 12,
        "batch": 16,
        "optimizer": "adamw",
        "schedule": "one_cycle",
        "learning_rate": 0.005,
        "weight_decay": 0.05,
    },
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The manifest of a crops file and the model that was trained on it."""
    folder = tmp_path_factory.mktemp("video")
    manifest, classes = folder / "crops.json", folder / "classes.yaml"
    moving_squares.write(manifest.with_suffix(".arrow"), {"train": 96, "val": 16, "test": 32})
    manifest.write_text(json.dumps({"sha256": "0" * 64}))
    classes.write_text("classes: [left, right, up, down]")
    torch.set_num_threads(1)
    run_training(
        step(CONFIG),
        TrainingFiles((manifest,), (), classes),
        folder,
        seed=0,
        fold=None,
        processes=ALONE,
        device=torch.device("cpu"),
        threads=1,
        resuming=None,
        code_version={},
    )
    return manifest, folder / "model.safetensors"


def test_it_learns_and_comes_back(trained):
    manifest, path = trained
    model = load_trained(path)
    assert model.config.input_size == 32
    source = open_prepared(model.config, model.skeleton, [manifest])
    rows = np.flatnonzero(source.records.index["split"] == "test")
    probabilities = predict(
        model.model,
        source,
        rows,
        temporal="segment_sample",
        length=8,
        views=1,
        flip=False,
        batch=16,
    )
    right = probabilities.argmax(1) == source.records.index["label"].to_numpy()[rows]
    assert right.mean() > 0.8


def test_clips_without_video_are_not_learned_from():
    video = {"side": moving_squares.SIDE, "missing": ["c1", "c9"]}
    rows = moving_squares.rows({"train": 8, "val": 4})
    _, train, val = labelled_clips(MemoryRecords({"video": video}, rows), step(CONFIG))
    assert train.tolist() == [0, 2, 3, 4, 5, 6, 7] and val.tolist() == [8, 10, 11]


def test_it_has_no_layout(trained):
    model = load_trained(trained[1])
    with pytest.raises(InputError, match=r"reads video \(mvit\); expected a model"):
        _ = model.layout


def test_other_clips_are_refused(trained, tmp_path):
    manifest, path = trained
    model = load_trained(path)
    points = model.config.model_copy(update={"model": "stgcn"})
    with pytest.raises(InputError, match="holds video, expected layout"):
        open_prepared(points, None, [manifest])


def test_it_is_exported(trained, tmp_path):
    manifest, path = trained
    model = load_trained(path)
    difference = export_onnx(model, tmp_path / "video.onnx")
    assert difference.small and difference.largest > 0.1
    clips = prepared(model, [manifest])
    assert clips.shape == (8, 3, 8, 32, 32)
    assert compare(model.model, tmp_path / "video.onnx", clips).small


def test_videos_are_predicted_from_the_command_line(trained, tmp_path):
    for way, name in enumerate(("left", "right", "up", "down")):
        pictures = moving_squares.crops(way, 8, np.random.default_rng(100 + way))
        write_video(tmp_path / "videos" / f"{name}.mp4", list(pictures))
    out = tmp_path / "out.csv"
    model, videos = str(trained[1]), str(tmp_path / "videos")
    main(["predict", "--model", model, "--input", videos, "--out", str(out), "--no-flip"])
    rows = [line.split(",") for line in out.read_text().splitlines()[1:]]
    assert sorted(row[0] for row in rows) == ["down", "left", "right", "up"]
    assert sum(row[0] == row[6] for row in rows) >= 3
    with pytest.raises(SystemExit):
        main(["predict", "--model", model, "--input", str(tmp_path / "no"), "--out", str(out)])
