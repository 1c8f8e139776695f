"""Pre-training: it learns, goes on after a stop, keeps away from others, and is started from."""

import json
import signal

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.inference.checkpoints import load_checkpoint
from microgesture.inputs.points import PointInput
from microgesture.models.build import build_model
from microgesture.models.pretrained import load_pretrained
from microgesture.preprocessing.windows import windows
from microgesture.settings.parse import parse
from microgesture.settings.pretraining import PretrainingRecipe, PretrainingStep
from microgesture.training import pretrain_run
from microgesture.training.course import rate_at
from microgesture.training.pretrain import pretrain, window_rows
from microgesture.training.resume import Keeper, Stopped
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json, write_json
from tests.conftest import REPOSITORY, make_clip
from tests.sections import prepare_clips

LAYOUT = REPOSITORY / "config/layouts/openpose22.yaml"
NETWORK = {"width": 16, "depth": 2, "heads": 2, "mlp_ratio": 2}
CONFIG = {
    "name": "tiny",
    "layout": "openpose22",
    "length": 8,
    "network": NETWORK,
    "padding": 0.25,
    "augment": {"crop_area": [0.8, 1.0], "flip": 0.5},
    "shortest": 0.5,
    "rotation": 10,
    "splits": ["train"],
    "masking": {"ratio": 0.7},
    "decoder_depth": 1,
    "seed": 0,
    "training": {"epochs": 2, "batch": 4, "learning_rate": 0.003, "precision": "float32"},
}


def step(**changes):
    training = {**CONFIG["training"], **changes.pop("training", {})}
    return parse(PretrainingStep, {**CONFIG, **changes, "training": training}, "config")


def waving(name, split, seed):
    """A recording whose arms swing, each at its own speed."""
    recording = make_clip(name, 40, None, split, seed)
    time = np.arange(40)[:, None, None] / 5
    for side in ((3, 4), (6, 7)):
        swing = np.concatenate([np.sin(time), np.cos(time)], axis=2)
        recording.points[:, side, :2] += 25 * swing * (1 + seed % 3)
    return recording


@pytest.fixture(scope="module")
def manifest(tmp_path_factory, layout22):
    folder = tmp_path_factory.mktemp("pretrain")
    splits = ["train"] * 4 + ["val", "test"]
    recordings = [waving(f"r{n}", split, n) for n, split in enumerate(splits)]
    settings = {"cleaning": {"min_score": 0.05, "max_jump": None}, "length": None}
    settings |= {"window": 16, "on_bad_clip": "skip"}
    made = prepare_clips(windows(recordings, 16), layout22, settings, folder / "w.arrow")
    write_json(folder / "w.json", made)
    return folder / "w.json"


class Watched(PointInput):
    """Notes which rows are looked at, and can ask to stop in some step."""

    def __init__(self, manifest, layout, keeper=None, stop_at=0):
        super().__init__(Records(manifest.with_suffix(".arrow")), layout, 0.25)
        self.rows, self._keeper, self._left = set(), keeper, stop_at

    def sample(self, row, indices):
        self.rows.add(int(row))
        return super().sample(row, indices)

    def assemble(self, batch, geometry, training, device):
        self._left -= training
        if training and self._left == 0:
            self._keeper.signalled = signal.SIGTERM
        return super().assemble(batch, geometry, training, device)


def trained(source, config, keeper=None):
    torch.manual_seed(0)
    model = pretrain_run.new_autoencoder(config, 22)
    course = pretrain(model, source, config, keeper=keeper)
    return model.state_dict(), course


def test_the_error_falls(manifest, layout22):
    config = step(training={"epochs": 12})
    _, course = trained(Watched(manifest, layout22), config)
    losses = [one["train_loss"] for one in course.entries]
    val = [one["val_loss"] for one in course.entries]
    assert losses[-1] < 0.8 * losses[0] and val[-1] < 0.8 * val[0]
    assert course.spent["windows"] == 12 * 16  # 4 windows of each of 4 recordings


@pytest.mark.parametrize(
    ("splits", "seen"), [(["train"], "train val"), (["train", "val", "test"], "train val test")]
)
def test_nobody_else_is_looked_at(manifest, layout22, splits, seen):
    source = Watched(manifest, layout22)
    trained(source, step(splits=splits, training={"epochs": 1}))
    of_rows = source.records.index["split"].to_numpy()[sorted(source.rows)]
    assert sorted(set(of_rows)) == sorted(seen.split())
    train, val = window_rows(source.records, step(splits=splits))
    assert set(source.records.index["split"].iloc[train]) == set(splits)
    assert set(source.records.index["split"].iloc[val]) == {"val"}


@pytest.mark.parametrize("stops", [[1], [4], [2, 1, 3]])
def test_a_stopped_one_ends_as_if_undisturbed(manifest, layout22, tmp_path, stops):
    config = step()
    expected, whole = trained(Watched(manifest, layout22), config)
    for at in stops:
        keeper = Keeper(tmp_path, "tiny", "", "0" * 16, every=0)
        with pytest.raises(Stopped, match="tiny: stopped in epoch"):
            trained(Watched(manifest, layout22, keeper, at), config, keeper)
    keeper = Keeper(tmp_path, "tiny", "", "0" * 16, every=0)
    state, course = trained(Watched(manifest, layout22), config, keeper)
    assert course.entries == whole.entries and course.spent["resumed"] == len(stops)
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_the_rate_rises_and_falls_to_half():
    recipe = PretrainingRecipe(epochs=1, batch=2, learning_rate=0.4, warm_up=0.25)
    rates = [rate_at(recipe, share) for share in (0, 0.125, 0.25, 0.625, 1)]
    assert rates == pytest.approx([0, 0.2, 0.4, 0.3, 0.2])


def test_too_few_windows_are_named(manifest, layout22):
    with pytest.raises(InputError, match=r"tiny: training.batch is 99, but .* has 16 windows in"):
        trained(Watched(manifest, layout22), step(training={"batch": 99}))


def test_files_and_a_variant_that_starts_from_them(manifest, layout22, tmp_path):
    config = step(training={"epochs": 1})
    pretrain_run.run_pretraining(
        config,
        manifest,
        LAYOUT,
        tmp_path,
        device=torch.device("cpu"),
        threads=1,
        resuming=None,
        code_version={},
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pretrain_run.FILES)
    metrics = read_json(tmp_path / "metrics.json")
    assert metrics["name"] == "tiny" and len(metrics["epochs"]) == 1
    state, about = load_checkpoint(tmp_path / "model.safetensors")
    assert about["config"] == json.loads(json.dumps(config.given()))
    network = {"name": "skeleton_transformer", **NETWORK, "hidden": 12}
    model = build_model(network, layout_channels=22, num_classes=3, length=8)
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    said = []
    load_pretrained(model, tmp_path / "model.safetensors", said.append)
    assert "decoder of the pre-training is left out" in said[0]
    for name, value in model.state_dict().items():
        head = name.startswith(("cls_head", "backbone.head"))
        assert torch.equal(value, fresh[name] if head else state[name]), name
    assert not torch.equal(fresh["backbone.embed.weight"], state["backbone.embed.weight"])
    other = build_model(network, layout_channels=22, num_classes=3, length=12)
    with pytest.raises(InputError, match=r"backbone.time is of shape \(2, 1, 16\), expected \(3"):
        load_pretrained(other, tmp_path / "model.safetensors")
