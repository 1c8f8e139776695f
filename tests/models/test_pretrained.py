"""Starting from published weights: what is taken over, what is adapted, what is refused."""

import json
import pickle
import runpy
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from microgesture.inference.checkpoints import load_checkpoint
from microgesture.models.build import build_model
from microgesture.models.pretrained import STEM, adapt_stem, load_pretrained
from microgesture.settings.config import Config
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from microgesture.workflow import config as settings
from microgesture.workflow.checks import check_config
from tests.conftest import REPOSITORY, make_clip
from tests.models.test_networks import slowonly_shapes, stgcn_shapes, tree_adjacency
from tests.sections import prepare_clips

SMALL = {"name": "posec3d", "base_channels": 4, "stage_blocks": [1, 1], "stem_kernel": 3}
SMALL_STGCN = {"name": "stgcn", "base_channels": 4, "num_stages": 2, "inflate_stages": [2]}


def random_state(shapes, seed=0):
    """Tensors as a checkpoint of PySKL holds them, none of them at its initial value."""
    torch.manual_seed(seed)
    state = OrderedDict()
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith(("running_var", ".PA")):
            state[name] = torch.rand(shape) + 0.5
        else:
            state[name] = torch.randn(shape) * (0.05 if len(shape) > 2 else 0.3)
    return state


def shapes_of(model):
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def posec3d(channels=3, classes=4, **extra):
    return build_model(
        SMALL,
        layout_channels=channels,
        num_classes=classes,
        embedding_size=extra.get("embedding_size"),
    ).eval()


def stgcn(joints=5, classes=4):
    return build_model(
        SMALL_STGCN,
        layout_channels=joints,
        num_classes=classes,
        adjacency=tree_adjacency(joints),
    ).eval()


def loaded(model, path):
    lines = []
    load_pretrained(model, path, lines.append)
    return [line.removeprefix(f"pretrained {path}: ") for line in lines]


@pytest.mark.parametrize("form", ["state_dict", "bare", "safetensors"])
def test_a_published_posec3d_loads_with_the_same_logits(tmp_path, form):
    """Full-size SlowOnly-R50 for 17 channels and 60 classes; names and shapes of PySKL's source."""
    state = random_state(slowonly_shapes(17, 60))
    path = tmp_path / f"joint.{'safetensors' if form == 'safetensors' else 'pth'}"
    if form == "safetensors":
        save_file(state, path)
    else:
        meta = {"epoch": 24, "mmcv_version": "1.6.0", "config": "model = dict(...)"}
        torch.save({"meta": meta, "state_dict": state} if form == "state_dict" else state, path)
    network = {"layout_channels": 17, "num_classes": 60}
    reference = build_model({"name": "posec3d"}, **network).eval()
    reference.load_state_dict(state, strict=True)
    model = build_model({"name": "posec3d"}, **network).eval()
    assert loaded(model, path) == [f"{len(state)} of {len(state)} tensors loaded"]
    clips = torch.rand(1, 17, 4, 24, 24)
    with torch.inference_mode():
        assert torch.equal(model(clips), reference(clips))


def test_a_published_stgcn_loads_with_the_same_logits(tmp_path):
    state = random_state(stgcn_shapes(25, 60))
    torch.save({"state_dict": state}, tmp_path / "j.pth")
    network = {"layout_channels": 25, "num_classes": 60, "adjacency": tree_adjacency(25)}
    reference = build_model({"name": "stgcn"}, **network).eval()
    reference.load_state_dict(state, strict=True)
    model = build_model({"name": "stgcn"}, **network).eval()
    lines = loaded(model, tmp_path / "j.pth")
    assert lines[0] == "the graph is the checkpoint's, which is not that of the layout"
    clips = torch.rand(1, 1, 12, 25, 3)
    with torch.inference_mode():
        assert torch.equal(model(clips), reference(clips))


def test_the_layouts_own_graph_needs_no_remark(tmp_path):
    state = random_state(shapes_of(stgcn()))
    state |= {k: v for k, v in stgcn().state_dict().items() if k.endswith(".A")}
    torch.save(state, tmp_path / "j.pth")
    assert loaded(stgcn(), tmp_path / "j.pth") == [f"{len(state)} of {len(state)} tensors loaded"]


@pytest.mark.parametrize("channels", [2, 3, 7])
def test_an_adapted_stem_keeps_the_response_to_an_input_equal_in_all_channels(tmp_path, channels):
    state = random_state(shapes_of(posec3d(channels=3)))
    torch.save(state, tmp_path / "joint.pth")
    old, new = posec3d(channels=3), posec3d(channels=channels)
    old.load_state_dict(state)
    lines = loaded(new, tmp_path / "joint.pth")
    stem = f"the stem takes {channels} channels instead of 3: each has the mean of the old weights"
    assert [line.startswith(stem) for line in lines] == ([True, False] if channels != 3 else [0])
    plane = torch.rand(2, 1, 4, 12, 12)
    with torch.inference_mode():
        expected = old(plane.expand(-1, 3, -1, -1, -1))
        found = new(plane.expand(-1, channels, -1, -1, -1))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def under_other_names(state, form):
    """A state of PySKL's names as others call and wrap it."""
    if form == "mmaction2":
        return {k.replace("cls_head.fc_cls.", "cls_head.fc."): v for k, v in state.items()}
    if form == "ema":
        # MMCV's hook: buffers beside the parameters, their points replaced
        return state | {f"ema_{k.replace('.', '_')}": v + 1 for k, v in state.items()}
    prefix = {"ddp": "module.", "lightning": "model.", "compiled": "module._orig_mod."}[form]
    return {prefix + k: v for k, v in state.items()}


@pytest.mark.parametrize("nested", [(), ("state_dict",), ("model",), ("model", "state_dict")])
@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("mmaction2", "cls_head.fc, MMAction2's name, is cls_head.fc_cls"),
        ("ddp", "'module.' is left out in front of every name"),
        ("lightning", "'model.' is left out in front of every name"),
        ("compiled", "'module.' is left out in front of every name"),
        ("ema", "second copies of an averaging hook, ema_..., are left out"),
    ],
)
def test_names_of_mmaction2_and_of_wrappers_are_known(tmp_path, form, line, nested):
    state = random_state(shapes_of(stgcn()))
    content = under_other_names(state, form)
    for key in nested:
        content = {"meta": {}, key: content}
    torch.save(content, tmp_path / "j.pth")
    model = stgcn()
    lines = loaded(model, tmp_path / "j.pth")
    assert any(line in one for one in lines)
    assert lines[-1] == f"{len(state)} of {len(state)} tensors loaded"
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_renamed_classifier_for_other_classes_is_fresh(tmp_path):
    state = under_other_names(random_state(shapes_of(stgcn(classes=9))), "mmaction2")
    torch.save({"module." + k: v for k, v in state.items()}, tmp_path / "j.pth")
    lines = loaded(stgcn(classes=4), tmp_path / "j.pth")
    assert "the classifier is fresh: 4 classes instead of 9" in lines


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["backbone.gcn.0.gcn.alpha", "backbone.gcn.0.gcn.conv_a.0.weight"], "it is AAGCN of"),
        (["backbone.st_gcn_networks.0.gcn.conv.weight", "cls_head.fc.weight"], "MMAction2 0.x"),
        (["l1.gcn1.PA", "fc.weight"], "its names are neither PySKL's nor MMAction2 1.x's"),
    ],
)
def test_a_checkpoint_of_another_network_is_told_by_its_names(tmp_path, names, message):
    torch.save({name: torch.zeros(2) for name in names}, tmp_path / "j.pth")
    with pytest.raises(InputError, match=message):
        load_pretrained(stgcn(), tmp_path / "j.pth")


def test_an_adapted_stem_by_hand():
    weight = torch.tensor([[1.0, 3.0]]).reshape(1, 2, 1, 1, 1)
    assert adapt_stem(weight, 4).flatten().tolist() == [1, 1, 1, 1]
    assert adapt_stem(weight.half(), 1).flatten().tolist() == [4]


def test_the_classifier_is_fresh_for_another_number_of_classes(tmp_path):
    state = random_state(shapes_of(posec3d(classes=9)))
    torch.save(state, tmp_path / "joint.pth")
    model = posec3d(classes=4)
    fresh = model.cls_head.fc_cls.weight.clone()
    lines = loaded(model, tmp_path / "joint.pth")
    assert lines == [
        "the classifier is fresh: 4 classes instead of 9",
        f"{len(state) - 2} of {len(state)} tensors loaded",
    ]
    assert torch.equal(model.cls_head.fc_cls.weight, fresh)
    assert torch.equal(model.state_dict()[STEM], state[STEM])


def test_graph_and_input_norm_are_fresh_for_another_number_of_joints(tmp_path):
    state = random_state(shapes_of(stgcn(joints=6)))
    torch.save(state, tmp_path / "j.pth")
    model = stgcn(joints=5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    lines = loaded(model, tmp_path / "j.pth")
    assert lines[0] == "the graph and the input norm are fresh: another number of joints"
    for name, value in model.state_dict().items():
        kept = name.endswith((".A", ".PA")) or (".data_bn." in name and "num_b" not in name)
        assert torch.equal(value, before[name] if kept else state[name]), name


def test_the_semantic_head_is_fresh_or_left_out(tmp_path):
    with_head, without = posec3d(embedding_size=3), posec3d()
    torch.save(without.state_dict(), tmp_path / "without.pth")
    torch.save(with_head.state_dict(), tmp_path / "with.pth")
    assert loaded(posec3d(embedding_size=3), tmp_path / "without.pth")[0] == (
        "the semantic head is fresh"
    )
    assert loaded(posec3d(), tmp_path / "with.pth")[0] == "its semantic head is left out"


def test_counters_of_an_old_checkpoint_may_be_missing(tmp_path):
    state = random_state(shapes_of(posec3d()))
    kept = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(kept, tmp_path / "old.pth")
    assert len(loaded(posec3d(), tmp_path / "old.pth")) == 1


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("backbone.layer1.0.conv1.bn.bias"), r"layer1.0.conv1.bn.bias is missing"),
        (lambda s: s.update({"backbone.extra": torch.zeros(1)}), "backbone.extra is unexpected"),
        (
            lambda s: s.update({"backbone.layer1.0.conv1.conv.weight": torch.zeros(1, 4, 1, 1, 1)}),
            r"conv1.conv.weight is of shape \(1, 4, 1, 1, 1\), expected \(4, 4, 1, 1, 1\)",
        ),
        (
            lambda s: s.update({STEM: torch.zeros(4, 3, 1, 7, 7)}),
            r"is of shape \(4, 3, 1, 7, 7\), expected \(4, 3, 1, 3, 3\)",
        ),
        (
            lambda s: s.update({"cls_head.fc_cls.weight": torch.zeros(4, 99)}),
            r"cls_head.fc_cls.weight is of shape \(4, 99\)",
        ),
        (
            lambda s: s.update({f"head.{n}": torch.zeros(1) for n in range(8)}),
            "head.4 is unexpected and 3 more; give the variant the `network` settings",
        ),
    ],
)
def test_what_does_not_fit_is_listed_and_nothing_is_loaded(tmp_path, change, message):
    state = random_state(shapes_of(posec3d()))
    change(state)
    torch.save(state, tmp_path / "joint.pth")
    model = posec3d()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=message):
        load_pretrained(model, tmp_path / "joint.pth")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Bomb:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


@pytest.mark.parametrize("protocol", ["torch", "plain"])
def test_a_pickle_that_would_run_code_is_refused(tmp_path, protocol):
    path, trace = tmp_path / "evil.pth", tmp_path / "it_ran"
    if protocol == "torch":
        torch.save({"state_dict": {"a": torch.zeros(1)}, "meta": Bomb(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({"state_dict": Bomb(trace)}))
    with pytest.raises(InputError) as caught:
        load_pretrained(posec3d(), path)
    assert not trace.exists()
    said = str(caught.value)
    assert said.startswith(f"{path}: not a checkpoint of tensors and plain containers only")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"", "not a checkpoint of tensors and plain containers only"),
        ("a.pth", b"PK\x03\x04 no zip", "not a checkpoint of tensors and plain containers only"),
        ("a.pth", b"no checkpoint at all", "not a checkpoint of tensors and plain containers"),
        ("a.safetensors", b"12345678", "not a readable checkpoint"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_pretrained(posec3d(), tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(3), "holds Tensor; expected a dict of named tensors"),
        ({}, "holds dict; expected a dict of named tensors"),
        ({"weights": {"a": torch.zeros(1)}}, "'weights' is dict; expected a dict of named tensor"),
        ({"model": "stgcn"}, "'model' is str; expected a dict of named tensors"),
        ({"state_dict": {"a": [1.0]}}, "'a' is list; expected a dict of named tensors"),
    ],
)
def test_a_file_without_named_tensors_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(InputError, match=message):
        load_pretrained(posec3d(), tmp_path / "a.pth")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no.pth: there is no such checkpoint"):
        load_pretrained(posec3d(), tmp_path / "no.pth")


# --- in the workflow ------------------------------------------------------------------------------


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())


def check(config):
    check_config(config, "config/config.yaml")


def test_the_config_names_a_checkpoint_for_one_variant(config):
    config["variants"]["joint22_align"]["pretrained"] = "README.md"
    check(config)
    typed = Config.model_validate(config)
    assert settings.training_step(typed, "joint22_align").pretrained == "README.md"
    assert "pretrained" not in settings.training_step(typed, "joint41_align").given()


def test_a_checkpoint_that_is_not_there_stops_before_anything_runs(config):
    config["variants"]["stgcn22_align"]["pretrained"] = "weights/none.pth"
    with pytest.raises(InputError, match=r"stgcn22_align: there is no file weights/none.pth"):
        check(config)


def test_training_starts_from_the_checkpoint_and_says_so(tmp_path, layout22, capsys, monkeypatch):
    clips = [make_clip(f"c{n}", 8, "left", "train" if n < 4 else "val", n) for n in range(6)]
    cleaning = {"min_score": 0.05, "max_jump": 1.5}
    stream = {"cleaning": cleaning, "length": 8, "max_gap": 3, "on_bad_clip": "stop"}
    manifest = prepare_clips(clips, layout22, stream, tmp_path / "s.arrow")
    write_json(tmp_path / "s.json", manifest)
    (tmp_path / "classes.yaml").write_text("classes: [left, right]\n")
    network = {key: value for key, value in SMALL_STGCN.items() if key != "name"}
    published = build_model(
        SMALL_STGCN, layout_channels=22, num_classes=60, adjacency=layout22.adjacency()
    )
    torch.save({"state_dict": published.state_dict()}, tmp_path / "j.pth")
    recipe = {"epochs": 1, "batch": 4, "learning_rate": 1e-9, "momentum": 0, "weight_decay": 0}
    recipe |= {"max_gradient_norm": 1, "precision": "float32", "sampling": "natural"}
    recipe |= {"label_smoothing": 0, "logit_adjustment": 0, "balanced_head_epochs": 0}
    recipe |= {"optimizer": "sgd", "schedule": "cosine", "ema": 0, "validate_from": 0}
    config = {
        "variant": "tuned",
        "model": "stgcn",
        "layout": "openpose22",
        "temporal": "align",
        "length": 8,
        "padding": 0.25,
        "pretrained": str(tmp_path / "j.pth"),
        "semantic_weight": 0,
        "imbalance": None,
        "network": network,
        "augment": {"crop_area": [1.0, 1.0], "flip": 0},
        "training": recipe,
    }
    arguments = ["--config", json.dumps(config), "--seed", "0", "--input", tmp_path / "s.json"]
    arguments += ["--layout", REPOSITORY / "config/layouts/openpose22.yaml"]
    arguments += ["--classes", tmp_path / "classes.yaml", "--out", tmp_path]
    monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
    runpy.run_path(str(REPOSITORY / "scripts/train.py"), run_name="__main__")
    said = capsys.readouterr().err
    assert f"pretrained {tmp_path}/j.pth: the classifier is fresh: 2 classes instead of 60" in said
    state, about = load_checkpoint(tmp_path / "model.safetensors")
    weight = "backbone.gcn.1.tcn.conv.weight"
    assert np.allclose(state[weight], published.state_dict()[weight], atol=1e-6)
    assert len(about["pretrained"]) == 64
