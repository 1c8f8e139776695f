import time
from copy import deepcopy

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from microgesture.data.clip_file import Records
from microgesture.inference.checkpoints import load_checkpoint, save_checkpoint
from microgesture.inference.predict import predict
from microgesture.inputs.geometry import full_frame, random_geometry
from microgesture.inputs.loader import ORDER, epoch_order, rng_for
from microgesture.inputs.points import PointInput
from microgesture.training.schedule import Phase
from microgesture.utils.errors import InputError
from tests.conftest import make_clip
from tests.sections import prepare_clips
from tests.small_training import CLASSES, CONFIG, STREAM, config_with, write_source
from tests.steps import new_model, phases, train, validated


@pytest.fixture(scope="module")
def source(tmp_path_factory, layout22):
    _, path = write_source(tmp_path_factory.mktemp("training"), layout22)
    return PointInput(Records(path), layout22, 0.25)


def fit(source, layout, seed=0, embeddings=None, workers=0, **changes):
    config = {**CONFIG, **changes}
    torch.manual_seed(seed)
    size = None if embeddings is None else embeddings.shape[1]
    model = new_model(config, layout, 2, size)
    state, history = train(model, source, config, seed=seed, embeddings=embeddings, workers=workers)
    history.pop("spent")
    model.load_state_dict(state)
    return model, history


def shares_of(model, source, split="test", **changes):
    rows = np.flatnonzero(source.records.index["split"] == split)
    options = {"temporal": "align", "length": 8, "views": 10, "flip": False, "batch": 5}
    return predict(model, source, rows, **{**options, **changes})


def test_what_can_be_learned_is_learned(source, layout22):
    model, history = fit(source, layout22)
    shares = shares_of(model, source)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (shares.argmax(axis=1) == [0, 1] * 4).all()
    assert history["epochs"][-1]["train_loss"] < history["epochs"][0]["train_loss"] / 2


def test_no_clips_give_no_rows(source, layout22):
    model, _ = fit(source, layout22, training=CONFIG["training"] | {"epochs": 1})
    assert shares_of(model, source, split="none").shape == (0, 2)


def test_the_same_seed_gives_the_same_bytes_whatever_loads_the_data(source, layout22):
    runs = [fit(source, layout22, workers=workers) for workers in (0, 0, 2)]
    for model, history in runs:
        for name, value in model.state_dict().items():
            assert torch.equal(value, runs[0][0].state_dict()[name]), name
        assert history == runs[0][1]


def test_another_seed_gives_another_model(source, layout22):
    first, second = (fit(source, layout22, seed=seed)[0] for seed in (0, 1))
    assert not torch.equal(first.cls_head.fc_cls.weight, second.cls_head.fc_cls.weight)


def test_the_best_epoch_is_the_one_that_is_kept(source, layout22):
    model, history = fit(source, layout22)
    entries = history["epochs"]
    best = max(entries, key=lambda e: (e["val_top1"], -e["val_loss"], -e["epoch"]))
    assert history["best_epoch"] == best["epoch"]
    shares = shares_of(model, source, "val", views=1)
    truth = np.array([0, 1] * 4)
    assert -np.log(shares[np.arange(8), truth]).mean() == pytest.approx(best["val_loss"], rel=1e-4)


def test_the_learning_rate_falls_to_zero_along_a_cosine(source, layout22):
    _, history = fit(source, layout22)
    rates = [entry["learning_rate"] for entry in history["epochs"]]
    assert np.allclose(rates, 0.1 * (1 + np.cos(np.pi * np.arange(10) / 10)) / 2)


def test_three_steps_are_those_of_the_formulas(source, layout22, monkeypatch):
    """All clips in each step, so that their order does not count; every gradient is clipped."""
    recipe = {"epochs": 3, "batch": 64, "learning_rate": 0.5, "momentum": 0.9}
    config = config_with({**recipe, "weight_decay": 0.01, "max_gradient_norm": 0.02})
    monkeypatch.setattr(
        "microgesture.training.trainer.random_geometry", lambda count, *_: full_frame(count)
    )
    torch.manual_seed(0)
    model = new_model(config, layout22, 2, None)
    replayed = deepcopy(model).train()
    _, history = train(model, source, config, seed=0)
    index = source.records.index[source.records.index["split"] == "train"]
    samples = torch.from_numpy(np.stack([source.sample(row, np.arange(8)) for row in index.index]))
    inputs = source.assemble(samples, full_frame(64), training=True)
    truth = torch.from_numpy(index["label"].to_numpy(np.int64))
    weights = list(replayed.parameters())
    pushes = [torch.zeros_like(weight) for weight in weights]
    for step in range(3):
        logits = replayed(inputs)
        loss = functional.cross_entropy(logits, truth)
        entry = history["epochs"][step]
        assert entry["train_loss"] == pytest.approx(loss.item(), rel=1e-4)
        assert entry["train_top1"] == (logits.argmax(dim=1) == truth).double().mean()
        gradients = torch.autograd.grad(loss, weights)
        norm = sum((gradient**2).sum() for gradient in gradients).sqrt()
        assert norm > 2 * 0.02
        rate = 0.5 * (1 + np.cos(np.pi * step / 3)) / 2
        with torch.no_grad():
            for weight, push, gradient in zip(weights, pushes, gradients, strict=True):
                push.mul_(0.9).add_(gradient * 0.02 / norm + 0.01 * weight)
                weight -= rate * push
    for (name, found), expected in zip(model.named_parameters(), weights, strict=True):
        assert torch.allclose(found, expected, rtol=0, atol=1e-6), name


def test_mixed_clips_count_for_both_of_their_classes(source, layout22, monkeypatch):
    config = config_with({"epochs": 1, "batch": 64, "mixup": 0.4})
    monkeypatch.setattr(
        "microgesture.training.trainer.random_geometry", lambda count, *_: full_frame(count)
    )
    other = [*range(1, 64), 0]
    monkeypatch.setattr("microgesture.training.steps.mixing", lambda *_: (0.7, other))
    torch.manual_seed(0)
    model = new_model(config, layout22, 2, None)
    replayed = deepcopy(model).train()
    _, history = train(model, source, config, seed=0)
    index = source.records.index[source.records.index["split"] == "train"]
    rows = epoch_order(index.index.to_numpy(), np.zeros(64, int), "natural", rng_for(ORDER, 0, 1))
    samples = torch.from_numpy(np.stack([source.sample(row, np.arange(8)) for row in rows]))
    inputs = source.assemble(samples, full_frame(64), training=True)
    truth = torch.from_numpy(source.records.index["label"].to_numpy(np.int64)[rows])
    logits = replayed(0.7 * inputs + 0.3 * inputs[other])
    of_each = [functional.cross_entropy(logits, one) for one in (truth, truth[other])]
    expected = 0.7 * of_each[0] + 0.3 * of_each[1]
    assert history["epochs"][0]["train_loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_the_semantic_loss_pulls_towards_the_labels_vectors(source, layout22):
    embeddings = np.array([[1, 0, 0], [0, 0.5, 1]], np.float32)
    model, _ = fit(source, layout22, embeddings=embeddings, semantic_weight=1)
    rows = np.flatnonzero(source.records.index["split"] == "test")
    samples = torch.from_numpy(np.stack([source.sample(row, np.arange(8)) for row in rows]))
    with torch.inference_mode():
        _, embedded = model.eval().forward_with_embeddings(
            source.assemble(samples, full_frame(len(rows)), training=False)
        )
    distance = np.linalg.norm(embedded.numpy()[:, None] - embeddings, axis=2)
    assert (distance.argmin(axis=1) == [0, 1] * 4).all()


class Watched(PointInput):
    """Clips that note which rows are loaded."""

    def __init__(self, source, layout):
        super().__init__(source.records, layout, 0.25)
        self.loaded = []

    def sample(self, row, indices):
        self.loaded.append(row)
        return super().sample(row, indices)

    def epochs(self, count):
        """Rows of the split train in the order in which each of so many epochs loaded them."""
        split = self.records.index["split"].to_numpy()
        return np.array([row for row in self.loaded if split[row] == "train"]).reshape(count, -1)


def orders(source, layout, count, seed=0, **changes):
    watched = Watched(source, layout)
    fit(watched, layout, seed=seed, **changes)
    return watched.epochs(count)


def test_every_epoch_sees_all_clips_in_an_order_of_its_own(source, layout22):
    recipe = config_with({"epochs": 3})["training"]
    first, again, other = (orders(source, layout22, 3, seed, training=recipe) for seed in (0, 0, 1))
    for epoch in first:
        assert sorted(epoch) == sorted(first[0])
    assert len(np.unique(np.concatenate([first, other]), axis=0)) == 6
    assert np.array_equal(first, again)
    rows = np.sort(other[0])
    for epoch, found in enumerate(other, start=1):
        drawn = epoch_order(rows, rows, "natural", rng_for(ORDER, 1, epoch))
        assert np.array_equal(found, drawn)


def second_class_share(source, rows):
    return float((source.records.index["label"].to_numpy()[rows] == 1).mean())


def test_the_sampling_that_is_configured_is_used_and_the_head_is_balanced(source, layout22):
    """Of 32 clips of the one class and 2 of the other, or 32 a class; 5 deviations are allowed."""
    recipe = {"epochs": 4, "batch": 34, "balanced_head_epochs": 4}
    natural, balanced = (
        orders(
            source,
            layout22,
            8,
            imbalance=16.0,
            training=config_with({**recipe, "sampling": sampling})["training"],
        )
        for sampling in ("natural", "class_balanced")
    )
    assert second_class_share(source, natural[:4]) == 2 / 34
    allowed = 5 * 0.5 / np.sqrt(4 * 34)
    for rows in (natural[4:], balanced[:4], balanced[4:]):
        assert second_class_share(source, rows) == pytest.approx(0.5, abs=allowed)


def test_neither_label_embeddings_nor_logit_adjustment_reach_the_balanced_head(source, layout22):
    """At a learning rate near zero its fresh weights say nothing, so its loss is that of chance."""
    recipe = {"epochs": 1, "balanced_head_epochs": 1, "learning_rate": 1e-12, "batch": 34}
    _, history = fit(
        source,
        layout22,
        embeddings=np.array([[9, 0, 0], [0, 9, 9]], np.float32),
        semantic_weight=5,
        imbalance=16.0,
        training=config_with({**recipe, "logit_adjustment": 2.0})["training"],
    )
    first, head = (entry["train_loss"] for entry in history["epochs"])
    assert head == pytest.approx(np.log(2), rel=0.02)
    assert first > 5 * np.log(2)


def test_dropout_and_geometry_are_drawn_anew_in_every_step(source, layout22, monkeypatch):
    masks, crops = [], []

    def fitted(seed):
        masks.clear(), crops.clear()
        network = {**CONFIG["network"], "dropout": 0.5}
        fit(source, layout22, seed, network=network, training=recipe)
        return list(masks), list(crops)

    def noted(self, features):
        kept = plain(self, torch.ones_like(features))
        if self.training and self.p > 0:
            masks.append(tuple(kept.flatten().tolist()))
        return features * kept

    def drawn(count, augment, rng):
        geometry = random_geometry(count, augment, rng)
        crops.append(tuple(geometry.windows.flatten().tolist()))
        return geometry

    recipe = config_with({"epochs": 2, "batch": 16})["training"]
    plain = torch.nn.Dropout.forward
    monkeypatch.setattr(torch.nn.Dropout, "forward", noted)
    monkeypatch.setattr("microgesture.training.trainer.random_geometry", drawn)
    first, again, other = (fitted(seed) for seed in (0, 0, 1))
    assert first == again
    for one, two in zip(first, other, strict=True):
        assert len(one) == 8
        assert len({*one, *two}) == 16


def script(monkeypatch, measured):
    """Let validation find these top-1 and losses; a list that gets every epoch's weights."""
    weights = []

    def scripted(model, *arguments, **options):
        weights.append(deepcopy(model.state_dict()))
        top1, loss = measured[len(weights) - 1]
        return {"val_top1": top1, "val_loss": loss}

    monkeypatch.setattr("microgesture.training.trainer.validate", scripted)
    return weights


@pytest.mark.parametrize(
    ("measured", "best"),
    [
        ([(0.5, 1.0), (0.5, 1.0), (0.5, 1.0)], 1),
        ([(0.5, 1.0), (0.7, 2.0), (0.7, 1.5), (0.7, 1.5), (0.6, 0.1)], 3),
        ([(0.0, 3.0), (0.0, 2.0)], 2),
    ],
)
def test_of_equal_epochs_the_lowest_loss_and_then_the_earliest_is_kept(
    source, layout22, monkeypatch, measured, best
):
    weights = script(monkeypatch, measured)
    recipe = config_with({"epochs": len(measured), "batch": 64})["training"]
    model, history = fit(source, layout22, training=recipe)
    assert history["best_epoch"] == best
    kept = model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in weights[best - 1].items())
    name, other = "cls_head.fc_cls.weight", weights[best % len(measured)]
    assert not torch.equal(kept[name], other[name])


def test_a_balanced_head_is_trained_on_the_best_epochs_backbone(source, layout22, monkeypatch):
    weights = script(monkeypatch, [(0.5, 1.0), (0.9, 1.0), (0.7, 1.0), (0.1, 1.0), (0.2, 1.0)])
    recipe = config_with({"epochs": 3, "balanced_head_epochs": 2, "batch": 64})["training"]
    model, history = fit(source, layout22, training=recipe)
    assert history["best_epoch"] == 5  # of the last phase
    for name, value in model.state_dict().items():
        if name.startswith("cls_head.fc_cls."):
            assert torch.equal(value, weights[4][name]), name
        else:
            assert torch.equal(value, weights[1][name]), name


def test_validation_between_epochs_has_the_precision_of_training(source, layout22):
    config = config_with({"epochs": 1, "batch": 30})
    torch.manual_seed(0)
    model = new_model(config, layout22, 2, None)
    _, history = train(model, source, config, seed=0, dtype=torch.bfloat16)
    rows = np.flatnonzero(source.records.index["split"] == "val")
    truth = source.records.index["label"].to_numpy()[rows]
    low, full = (
        validated(model, source, rows, truth, config, batch=30, dtype=dtype)["val_loss"]
        for dtype in (torch.bfloat16, torch.float32)
    )
    assert history["epochs"][0]["val_loss"] == low != full
    assert low == pytest.approx(full, rel=0.05)


def test_what_is_told_of_the_time_adds_up(source, layout22):
    config = config_with({"epochs": 3, "batch": 30})
    torch.manual_seed(0)
    model = new_model(config, layout22, 2, None)
    began = time.perf_counter()
    _, history = train(model, source, config, seed=0)
    took, spent = time.perf_counter() - began, history["spent"]
    assert spent["clips"] == 3 * 60  # the remainder of 4 is left out
    assert spent["saving"] == spent["resumed"] == 0
    assert spent["data"] > 0 and spent["validation"] > 0
    assert spent["data"] + spent["validation"] < spent["total"] <= took


def test_a_balanced_head_is_a_phase_of_its_own_if_it_has_epochs():
    recipe = {**CONFIG["training"], "epochs": 5}
    first = Phase(1, 5, "natural", head=False)
    assert phases(recipe) == [first]
    for epochs in (1, 3):
        balanced = Phase(6, 5 + epochs, "class_balanced", head=True)
        assert phases({**recipe, "balanced_head_epochs": epochs}) == [first, balanced]


def test_mirrored_testing_averages_both(source, layout22):
    model, _ = fit(source, layout22)
    plain, both = shares_of(model, source), shares_of(model, source, flip=True)
    assert not np.allclose(plain, both)
    assert np.allclose(both, shares_of(model, source, flip=True, batch=3), atol=1e-6)


def test_a_learning_rate_that_explodes_is_named(source, layout22):
    changed = config_with({"learning_rate": 1e30, "max_gradient_norm": 1e30})
    with pytest.raises(InputError, match=r"tiny: the loss is not finite in epoch 1; lower its"):
        fit(source, layout22, training=changed["training"])


def test_training_without_validation_clips_is_refused(tmp_path, layout22):
    clips = [make_clip(f"c{i}", 8, CLASSES[i % 2]) for i in range(4)]
    prepare_clips(clips, layout22, STREAM, tmp_path / "s.arrow")
    with pytest.raises(InputError, match=r"s.arrow: no labelled clip in the split 'val'"):
        fit(PointInput(Records(tmp_path / "s.arrow"), layout22, 0.25), layout22)


@pytest.mark.parametrize(("ratio", "clips"), [(None, 64), (4.0, 40)])
def test_a_batch_larger_than_the_training_clips_is_refused(source, layout22, ratio, clips):
    changed = config_with({"batch": clips + 1, "epochs": 1})["training"]
    said = f"tiny: training.batch is {clips + 1}, but there are {clips} clips to train on; lower it"
    with pytest.raises(InputError, match=said):
        fit(source, layout22, imbalance=ratio, training=changed)
    _, history = fit(source, layout22, imbalance=ratio, training={**changed, "batch": clips})
    assert len(history["epochs"]) == 1


RETRAINED = config_with({"epochs": 4, "balanced_head_epochs": 3})["training"]


def test_retraining_the_classifier_leaves_the_backbone_untouched(source, layout22):
    before, first = fit(source, layout22, training={**RETRAINED, "balanced_head_epochs": 0})
    after, both = fit(source, layout22, training=RETRAINED)
    assert both["epochs"][:4] == first["epochs"]
    for name, value in before.state_dict().items():
        same = torch.equal(value, after.state_dict()[name])
        assert same == (not name.startswith("cls_head.fc_cls.")), name
    entries = both["epochs"][4:]
    assert [(entry["epoch"], entry["phase"]) for entry in entries] == [
        (epoch, "head") for epoch in (5, 6, 7)
    ]
    best = max(entries, key=lambda e: (e["val_top1"], -e["val_loss"], -e["epoch"]))
    assert both["best_epoch"] == best["epoch"]
    rates = [entry["learning_rate"] for entry in entries]
    assert np.allclose(rates, 0.1 * (1 + np.cos(np.pi * np.arange(3) / 3)) / 2)


def test_the_retrained_classifier_starts_fresh(source, layout22):
    """At a learning rate near zero it stays where it began, far from what was learned."""
    changed = {**RETRAINED, "learning_rate": 1e-12}
    model, _ = fit(source, layout22, training=changed)
    other, _ = fit(source, layout22, training={**changed, "balanced_head_epochs": 0})
    own, first = model.cls_head.fc_cls, other.cls_head.fc_cls
    assert not torch.allclose(own.weight, first.weight, atol=1e-3)
    assert own.weight.std().item() == pytest.approx(0.01, rel=0.5)
    assert torch.allclose(own.bias, torch.zeros(2), atol=1e-9)


def test_validation_loss_is_of_plain_softmax(source, layout22):
    """At a learning rate near zero, adjustment and smoothing change the training loss alone."""
    plain, changed = (
        fit(
            source,
            layout22,
            training=config_with({"epochs": 1, "learning_rate": 1e-12, **more})["training"],
        )[1]["epochs"][0]
        for more in ({}, {"label_smoothing": 0.5, "logit_adjustment": 3.0})
    )
    assert changed["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-6)
    assert changed["train_loss"] != pytest.approx(plain["train_loss"], rel=1e-4)


def test_a_checkpoint_comes_back_with_its_meaning(tmp_path, layout22):
    model = new_model(CONFIG, layout22, 2, None)
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, model.state_dict(), {"config": CONFIG, "classes": CLASSES})
    state, about = load_checkpoint(path)
    assert about == {"config": CONFIG, "classes": CLASSES}
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert set(load_file(path)) == set(state)  # plain safetensors: any tool can read it


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, {"a": torch.zeros(100)}, {})
    path.write_bytes(path.read_bytes()[:-7])
    # no advice to delete it: it may be any file that was given by mistake
    with pytest.raises(InputError, match=r"checkpoint \(.*\); give a model.safetensors"):
        load_checkpoint(path)


def test_a_frozen_training_changes_the_classifier_alone(source, layout22):
    config = {**CONFIG, "training": CONFIG["training"] | {"epochs": 1}}
    torch.manual_seed(0)
    fresh = new_model(config, layout22, 2, None).state_dict()
    model, _ = fit(source, layout22, training=config["training"] | {"frozen": True})
    changed = {n for n, v in model.state_dict().items() if not torch.equal(v, fresh[n])}
    assert changed == {"cls_head.fc_cls.weight", "cls_head.fc_cls.bias"}  # nor batch norm's means


def test_a_share_of_the_labels_is_all_that_is_seen(source, layout22):
    seen = set()

    class Watched(PointInput):
        def sample(self, row, indices):
            seen.add(int(row))
            return super().sample(row, indices)

    watched = Watched(source.records, layout22, 0.25)
    fit(watched, layout22, label_share=0.25, training=CONFIG["training"] | {"epochs": 2})
    index = source.records.index
    rows = [row for row in sorted(seen) if index["split"][row] == "train"]
    assert np.bincount(index["label"][rows]).tolist() == [8, 8]  # of 32 each
    first = set(rows)
    seen.clear()
    short = CONFIG["training"] | {"epochs": 1}
    fit(watched, layout22, seed=1, label_share=0.25, training=short)
    assert {row for row in seen if index["split"][row] == "train"} != first
