"""The steps of the workflow on two small stores: the same bytes twice, and thresholds that hold."""

import json

import numpy as np
import pytest
import torch
import yaml

from microgesture.data.keypoints import OPENPOSE
from microgesture.data.layouts import load_layout
from microgesture.data.recordings import Recording, keep_recordings
from microgesture.data.store import Clip, iter_store, write_store
from microgesture.online.run import Stores, detect_temporal, run_training
from microgesture.preprocessing.prepare import prepare_clips
from microgesture.settings.online import DetectionStep
from microgesture.settings.preparation import Cleaning, Preparation
from microgesture.training.resume import Resuming
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from tests.online.small import LAYOUT, config, recording

NAMES = ["hand up", "hand down"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Stores of six recordings, prepared, and the classes."""
    folder, layout = tmp_path_factory.mktemp("run"), load_layout(LAYOUT)
    items = []
    for number, split in enumerate(["train"] * 4 + ["val", "test"]):
        own, about = recording(number, split)
        points = np.zeros((len(own), OPENPOSE.count, 3), np.float32)
        points[:, layout.points] = own
        shared = (about.subject, split, 25.0, 400, 400)
        for place, one in enumerate(about.segments):
            part = points[one.start : one.end + 1]
            origin = (about.recording, one.start, len(points))
            items.append(Clip(f"{about.recording}_{place}", one.label, *shared, part, *origin))
        items.append(Recording(about.recording, -1, *shared, points))
    stores = Stores(folder / "recordings.parquet", folder / "clips.parquet")
    kept = keep_recordings(items, stores.recordings, NAMES, "made", OPENPOSE.name)
    write_store(stores.clips, kept, NAMES, "made")
    how = Preparation(
        cleaning=Cleaning(min_score=0.05, max_jump=None), length=None, on_bad_clip="skip"
    )
    arrow = folder / "prepared.arrow"
    manifest = prepare_clips(iter_store(stores.recordings), layout, how, arrow)
    write_json(arrow.with_suffix(".json"), manifest)
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": NAMES}))
    return folder, stores


def train(made, out, settings):
    folder, stores = made
    run_training(
        settings, folder / "prepared.json", stores, LAYOUT, folder / "classes.yaml", out,
        seed=1, device=torch.device("cpu"), threads=1, resuming=Resuming(out / "resume", 0.0),
        code_version={"code": "none"},
    )  # fmt: skip
    assert list((out / "resume").iterdir()) == []


def test_a_training_and_its_detection_repeat_themselves(made, tmp_path):
    settings = config(epochs=2)
    for name in ("a", "b"):
        train(made, tmp_path / name, settings)
    for file in ("model.safetensors", "metrics.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    stated = json.loads((tmp_path / "a/metrics.json").read_text())
    assert [one["epoch"] for one in stated["epochs"]] == [1, 2] and stated["seed"] == 1

    folder, stores = made
    how = DetectionStep(name="d", model="temporal", thresholds="common")
    found = detect_temporal(
        how, tmp_path / "a/model.safetensors", folder / "prepared.json", stores, torch.device("cpu")
    )
    assert ([*found.val], [*found.test]) == (["r4"], ["r5"])
    (threshold,) = set(found.chosen["thresholds"])
    every = [one for each in (found.val, found.test) for said in each.values() for one in said]
    assert all(one.score >= threshold for one in every)


def test_recordings_of_another_layout_are_refused(made, tmp_path):
    folder, stores = made
    other = LAYOUT.with_name("openpose22.yaml")
    with pytest.raises(InputError, match="holds layout body19, expected openpose22"):
        run_training(
            config(), folder / "prepared.json", stores, other, folder / "classes.yaml", tmp_path,
            seed=0, device=torch.device("cpu"), threads=1, resuming=None, code_version={},
        )  # fmt: skip
