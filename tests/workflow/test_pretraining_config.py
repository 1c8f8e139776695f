"""A config with pre-training: what fits together, what each step is told, and what is refused."""

import pytest
import yaml

from microgesture.settings.config import Config
from microgesture.utils.errors import InputError
from microgesture.workflow import config as settings
from microgesture.workflow.checks import check_config
from tests.conftest import REPOSITORY
from tests.project import Project, copy_repository, edited


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config/pretrain.yaml").read_text())


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["folds"], 3, r"pretraining.masked: folds is 3, and whoever it learns from is tested"),
        (["pretraining", "masked", "layout"], "none", "there is no file config/layouts/none.yaml"),
        (["pretraining", "masked", "cleaning"], "other", "cleaning is .other.; expected one of st"),
        (["pretraining", "masked", "splits"], ["test"], r"pretraining.masked.splits"),
        (
            ["variants", "masked_100", "layout"],
            "openpose41",
            "masked_100: layout is openpose41",
        ),
        (
            ["variants", "masked_100", "length"],
            32,
            "masked_100: length is 32; expected 16",
        ),
        (["variants", "masked_100", "network"], {"width": 64}, "masked_100: network is .*64"),
        (["variants", "masked_100", "pretrained"], "mask", "masked_100: there is no file mask"),
        (["variants", "probe_masked", "network"], {"hidden": 8}, "frozen is true, .*hidden to 0"),
        (["variants", "nearest_masked", "network"], {"hidden": 8}, "neighbours is set, .* to 0"),
        (
            ["variants", "pseudo_10", "pseudo_labels", "teacher"],
            "pseudo_10",
            "one of scratch_100, ",
        ),
        (["variants", "pseudo_10", "pseudo_labels", "teacher"], "none", "teacher is 'none'; expec"),
        (["imbalance"], 10, "pseudo_10: pseudo_labels would label the clips that imbalance leaves"),
        (["variants", "nearest_masked", "semantic"], True, "neighbours learn nothing"),
        (["models", "skeleton_transformer", "length"], 18, "length is 18; expected a multiple of"),
        (
            ["models", "skeleton_transformer", "network", "heads"],
            5,
            "width is 96; expected a multiple of its 5 heads",
        ),
    ],
)
def test_what_does_not_fit_is_refused(config, place, value, message):
    with pytest.raises(InputError, match=message):
        check_config(edited(config, place, value), "c")


def test_other_networks_start_from_no_pretraining_and_have_no_blocks(config):
    graph = {
        "length": 16,
        "network": {},
        "training": config["models"]["skeleton_transformer"]["training"],
    }
    row = {"title": "ST-GCN", "model": "stgcn", "layout": "openpose22", "temporal": "align"}
    given = edited(edited(config, ["models", "stgcn"], graph), ["variants", "graph"], row)
    check_config(given, "c")
    with pytest.raises(InputError, match="from which skeleton_transformer alone can start"):
        check_config(edited(given, ["variants", "graph", "pretrained"], "masked"), "c")
    with pytest.raises(InputError, match=r"layer_decay is 0.8, but stgcn has no blocks"):
        check_config(edited(given, ["variants", "graph", "training"], {"layer_decay": 0.8}), "c")


def test_pretraining_needs_the_transformer(config):
    del config["models"]["skeleton_transformer"]
    with pytest.raises(InputError, match=r"pretraining needs models.skeleton_transformer"):
        check_config(config, "c")


def test_each_step_is_told_what_it_depends_on(config):
    typed = Config.model_validate(config)
    step = settings.pretraining_step(typed, "masked")
    assert step.length == 16 and step.splits == ["train"]
    assert step.network == {"patch": 4, "width": 96, "depth": 4, "heads": 4, "mlp_ratio": 4}
    assert settings.window_step(typed, "standard", 48).given() == {
        "cleaning": config["cleaning"]["standard"],
        "length": None,
        "window": 48,
        "on_bad_clip": "skip",
    }
    told = settings.training_step(typed, "masked_10")
    assert (told.pretrained, told.label_share) == ("masked", 0.1)
    assert "label_share" not in settings.training_step(typed, "masked_100").given()
    # a title or another row's settings change nothing that pre-training depends on
    config["variants"]["masked_10"]["title"] = "Other"
    assert settings.pretraining_step(Config.model_validate(config), "masked") == step


def test_rows_that_have_seen_the_tested_people_are_marked(config):
    typed = Config.model_validate(config)
    shown = settings.table_step(typed).variants
    assert shown["masked_10"].unlabelled == ["train"] and shown["scratch_10"].unlabelled == []
    own = edited(config, ["pretraining", "masked", "transductive"], True)
    typed = Config.model_validate(own)
    assert settings.pretraining_step(typed, "masked").splits == ["train", "test"]
    shown = settings.table_step(typed).variants
    assert shown["masked_10"].title.endswith("pre-trained (transductive)")
    assert shown["masked_10"].unlabelled == ["train", "test"]
    assert not shown["scratch_10"].title.endswith("(transductive)")


def test_only_rows_that_start_from_it_wait_for_a_pretraining(tmp_path):
    project = Project.at(tmp_path)
    copy_repository(tmp_path)
    target = "results/pretrain/train/{}_10/seed0/model.safetensors"
    config = ("--configfile", "config/pretrain.yaml")
    before = {"synthesize": 1, "skeletons": 1, "prepare": 1, "train": 1}
    assert project.planned(target.format("scratch"), *config) == before
    more = {"windows": 1, "pretrain": 1}
    assert project.planned(target.format("masked"), *config) == before | more
    said = project.snakemake("-n", "-p", target.format("masked"), *config).stdout
    recordings = "results/pretrain/skeletons/recordings.parquet"
    assert f"--recordings {recordings}" in said and f"--skeletons {recordings}" in said
    assert "--pretrained results/pretrain/pretrain/masked/model.safetensors" in said
