"""How weights change, against formulas written out by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from microgesture.data.clip_file import Records
from microgesture.inputs.points import PointInput
from microgesture.inputs.video import VideoInput
from microgesture.models.build import build_model
from microgesture.training.optimization import (
    learning_rate,
    new_average,
    pack,
    rate_scales,
    restore,
)
from microgesture.training.steps import freeze_blocks
from tests import moving_squares
from tests.small_training import config_with, write_source
from tests.steps import new_model, new_optimizer, train


@pytest.fixture(scope="module")
def source(tmp_path_factory, layout22):
    _, path = write_source(tmp_path_factory.mktemp("optimization"), layout22)
    return PointInput(Records(path), layout22, 0.25)


def fit(source, layout, training):
    """The kept weights, the last epoch's weights, and the history."""
    config = config_with(training)
    torch.manual_seed(0)
    model = new_model(config, layout, 2, None)
    state, history = train(model, source, config, seed=0)
    return state, model.state_dict(), history


def test_cosine_falls_from_the_peak_to_zero():
    rates = [learning_rate("cosine", 0.4, step / 8) for step in range(9)]
    expected = [0.2 + 0.2 * math.cos(math.pi * step / 8) for step in range(9)]
    assert rates == pytest.approx(expected, abs=1e-12)


def test_one_cycle_rises_and_then_falls():
    rates = [learning_rate("one_cycle", 0.5, step / 20) for step in range(21)]
    expected = [
        # 6 of 20 steps from 1/25 of the peak up to it, half a cosine
        *(0.02 + 0.48 * (1 - math.cos(math.pi * step / 6)) / 2 for step in range(6)),
        *(0.25 * (1 + math.cos(math.pi * step / 14)) for step in range(15)),
    ]
    assert rates == pytest.approx(expected, abs=1e-12)
    assert max(rates) == rates[6] == 0.5 and rates[20] == pytest.approx(0, abs=1e-12)


def test_one_cycle_is_torchs_but_for_where_a_step_is_taken():
    """Torch reaches the peak one step earlier, and its lowest rate at the last step."""
    steps = 1000
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, steps, final_div_factor=1e9)
    for step in range(steps - 1):
        own = learning_rate("one_cycle", 0.1, step / steps)
        assert own == pytest.approx(theirs.get_last_lr()[0], abs=1e-3)
        optimizer.step()
        theirs.step()


def test_the_history_tells_the_rate_of_each_epochs_first_step(source, layout22):
    recipe = {"epochs": 10, "schedule": "one_cycle", "learning_rate": 0.1}
    _, _, history = fit(source, layout22, recipe)
    expected = [learning_rate("one_cycle", 0.1, epoch / 10) for epoch in range(10)]
    assert [entry["learning_rate"] for entry in history["epochs"]] == pytest.approx(expected)


def reference_adamw(weight, gradients, rate, momentum, decay):
    """Loshchilov & Hutter 2019, algorithm 2, with its second decay 0.999 and epsilon 1e-8."""
    first = second = 0.0
    for step, gradient in enumerate(gradients, start=1):
        first = momentum * first + (1 - momentum) * gradient
        second = 0.999 * second + 0.001 * gradient**2
        mean, square = first / (1 - momentum**step), second / (1 - 0.999**step)
        weight = weight - rate * (mean / (math.sqrt(square) + 1e-8) + decay * weight)
    return weight


def reference_sgd(weight, gradients, rate, momentum, decay):
    velocity = 0.0
    for gradient in gradients:
        velocity = momentum * velocity + gradient + decay * weight
        weight = weight - rate * velocity
    return weight


@pytest.mark.parametrize(
    ("name", "reference"), [("sgd", reference_sgd), ("adamw", reference_adamw)]
)
def test_each_optimizer_takes_its_steps(name, reference):
    gradients = [0.5, -1.25, 2.0, 0.125]
    recipe = {"optimizer": name, "learning_rate": 0.1, "momentum": 0.8, "weight_decay": 0.05}
    weight = nn.Parameter(torch.tensor([0.7]))
    optimizer = new_optimizer(recipe, [weight])
    for gradient in gradients:
        weight.grad = torch.tensor([gradient])
        optimizer.step()
    assert weight.item() == pytest.approx(reference(0.7, gradients, 0.1, 0.8, 0.05), rel=1e-5)


def test_the_average_follows_weights_and_statistics_but_counts_whole():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = new_average(model, 0.75)
    expected = None
    for _ in range(5):
        with torch.no_grad():
            model[0].weight.add_(torch.randn(4, 3))
        model(torch.randn(6, 3))
        average.update_parameters(model)
        now = {name: value.double().numpy().copy() for name, value in model.state_dict().items()}
        if expected is None:
            expected = now
        expected = {name: 0.75 * old + 0.25 * now[name] for name, old in expected.items()}
    found = average.module.state_dict()
    for name in ("0.weight", "0.bias", "1.running_mean", "1.running_var"):
        assert np.allclose(found[name], expected[name], rtol=1e-5), name
    assert new_average(model, 0.0) is None


def test_the_average_is_what_is_validated_and_kept(source, layout22):
    plain, last, _ = fit(source, layout22, {"epochs": 3, "validate_from": 0.7})
    averaged, same, _ = fit(source, layout22, {"epochs": 3, "validate_from": 0.7, "ema": 0.5})
    for name, value in last.items():
        assert torch.equal(value, same[name]), name  # training itself does not see the average
        assert torch.equal(value, plain[name]), name
    assert not torch.equal(averaged["cls_head.fc_cls.weight"], same["cls_head.fc_cls.weight"])


@pytest.mark.parametrize(("share", "first"), [(0.0, 1), (0.5, 6), (0.34, 4), (0.99, 10)])
def test_only_the_later_epochs_are_validated(source, layout22, share, first):
    _, _, history = fit(source, layout22, {"validate_from": share})
    checked = [entry["epoch"] for entry in history["epochs"] if "val_top1" in entry]
    assert checked == list(range(first, 11))
    assert history["best_epoch"] in checked


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_what_is_packed_goes_on_as_if_undisturbed(name):
    recipe = {"optimizer": name, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01}

    def start():
        torch.manual_seed(0)
        # of the network for heatmaps: a convolution in channels-last memory
        model = nn.Sequential(nn.Conv3d(2, 3, (1, 3, 3)), nn.BatchNorm3d(3))
        model = model.to(memory_format=torch.channels_last_3d)
        trained = list(model.parameters())
        return model, trained, new_optimizer(recipe, trained), new_average(model, 0.9)

    def step(model, trained, optimizer, average, number):
        torch.manual_seed(number)
        optimizer.zero_grad()
        model(torch.randn(4, 2, 2, 5, 5)).square().mean().backward()
        optimizer.step()
        average.update_parameters(model)

    whole, halved = start(), start()
    for number in range(6):
        step(*whole, number)
        step(*halved, number)
        model, trained, optimizer, average = halved
        saved = {n: v.clone().contiguous() for n, v in pack(optimizer, trained, average).items()}
        weights = model.state_dict()
        halved = start()
        halved[0].load_state_dict(weights)
        restore(saved, *halved[2:0:-1], halved[3])
    for one, other in ((whole[0], halved[0]), (whole[3], halved[3])):
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name


def test_layer_decay_lowers_the_rate_block_by_block():
    config = {"name": "skeleton_transformer", "width": 8, "depth": 2, "heads": 2, "hidden": 6}
    model = build_model(config, layout_channels=3, num_classes=4, length=8)
    scales = rate_scales(model, 0.5)
    by_name = dict(zip(dict(model.named_parameters()), scales, strict=True))
    expected = {"time": 0.125, "embed.weight": 0.125, "blocks.0.norm1.weight": 0.25}
    expected |= {"blocks.1.mlp.2.bias": 0.5, "norm.weight": 1, "head.0.weight": 1}
    for name, scale in expected.items():
        assert by_name[f"backbone.{name}"] == scale, name
    assert by_name["cls_head.fc_cls.weight"] == 1
    trained = list(model.parameters())
    groups = new_optimizer({"optimizer": "adamw"}, trained, scales).param_groups
    assert {group["scale"]: len(group["params"]) for group in groups} == {
        scale: scales.count(scale) for scale in set(scales)
    }


def test_the_first_blocks_stay_as_they_are():
    config = {"name": "skeleton_transformer", "width": 8, "depth": 2, "heads": 2, "hidden": 6}
    model = build_model(config, layout_channels=3, num_classes=4, length=8)
    freeze_blocks(model, 1)
    left = {name for name, one in model.named_parameters() if one.requires_grad}
    parts = {name.removeprefix("backbone.").split(".norm")[0].split(".")[0] for name in left}
    assert parts == {"blocks", "norm", "head", "cls_head"}
    assert not [name for name in left if "blocks.0" in name]
    scales = rate_scales(model, 0.5)
    assert len(scales) == len(left) and set(scales) == {0.5, 1.0}


def test_a_training_leaves_frozen_blocks_alone():
    torch.manual_seed(0)
    config = config_with(
        {"epochs": 1, "batch": 8, "frozen_blocks": 1},
        model="mvit",
        length=4,
        input_size=16,
        temporal="segment_sample",
        stream="rgb",
        network={"embed": 8, "heads": 1, "depths": [2], "key_stride": 1},
    )
    del config["layout"]
    model = build_model({"name": "mvit", **config["network"]}, clip_size=(4, 16), num_classes=4)
    before = {name: one.clone() for name, one in model.named_parameters()}
    crops = VideoInput(moving_squares.in_memory({"train": 8, "val": 4}), 16)
    train(model, crops, config, seed=0)
    moved = [name for name, one in model.named_parameters() if not torch.equal(one, before[name])]
    assert any("blocks.1" in name for name in moved)
    assert not [name for name in moved if "blocks.0" in name or "conv_proj" in name]


def test_a_network_without_blocks_has_one_rate():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    assert rate_scales(model, 0.5) == [1] * 4
    model[0].requires_grad_(False)
    assert rate_scales(model, 0.5) == [1] * 2
