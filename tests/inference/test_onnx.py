"""ONNX files: the same logits as torch's, for any batch size, and what they say of themselves."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.inference import onnx as export
from microgesture.inference.onnx import Difference, export_onnx
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from tests.conftest import make_clip
from tests.sections import prepare_clips
from tests.steps import made_trained, new_model

NETWORKS = {
    "stgcn": {"base_channels": 8, "num_stages": 3, "inflate_stages": [2], "down_stages": [3]},
    "joint": {"base_channels": 4, "stage_blocks": [1, 1, 1], "stem_kernel": 3},
    "limb": {"base_channels": 4, "stage_blocks": [1], "stem_pool": False},
}
TRANSFORMER = {"width": 16, "depth": 2, "heads": 2, "hidden": 8}
SHAPES = {"stgcn": (1, 8, 22, 3), "joint": (22, 8, 16, 16), "limb": (21, 8, 16, 16)}
CLEANING = {"min_score": 0.05, "max_jump": 1.5}
CLASSES = ["links", "rechts, é", "oben"]


def trained(name, layout, **more):
    """A model none of whose numbers are at their initial value."""
    torch.manual_seed(0)
    config = {"model": "stgcn", "network": NETWORKS[name], "length": 8, "temporal": "crop_pad"}
    made = {"layout": layout.name, "joints": 22, "cleaning": CLEANING, "length": None}
    if name == "stgcn":
        config |= {"padding": 0.25}
    else:
        config |= {"model": "posec3d", "stream": name, "input_size": 14}
        made |= {"stream": name, "size": 16, "sigma": 0.6, "padding": 0.25}
    config |= more
    model = new_model(config, layout, len(CLASSES), 5).eval()
    for key, value in model.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point() and not key.endswith(".A"):
            value.add_(torch.randn_like(value) * 0.2)
    about = {"config": config, "classes": CLASSES, "layout": layout.as_dict(), "preparation": made}
    return made_trained(Path("model.safetensors"), model, layout, about)


@pytest.fixture(scope="module", params=list(NETWORKS))
def exported(request, tmp_path_factory, layout22):
    one = trained(request.param, layout22)
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    difference = export_onnx(one, path)
    return request.param, one, path, difference


def test_the_logits_are_torchs_for_any_batch_size(exported):
    name, one, path, difference = exported
    assert difference.small and difference.largest > 0.1
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]  # weights included
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    for count in (1, 2, 5):
        clips = rng.random((count, *SHAPES[name]), np.float32)
        (found,) = session.run(["logits"], {"clip": clips})
        with torch.inference_mode():
            expected = one.model(torch.from_numpy(clips)).numpy()
        assert found.shape == (count, 3)
        assert np.abs(found - expected).max() < 1e-4
        if count > 1:
            assert np.ptp(expected, axis=0).max() > 1e-3  # they do depend on the clip


def test_a_transformer_is_written_as_well(tmp_path, layout22):
    torch.manual_seed(0)
    config = {"model": "skeleton_transformer", "network": TRANSFORMER, "length": 8}
    config |= {"temporal": "crop_pad", "padding": 0.25}
    made = {"layout": layout22.name, "joints": 22, "cleaning": CLEANING, "length": None}
    about = {"config": config, "classes": CLASSES, "layout": layout22.as_dict()}
    model = new_model(config, layout22, len(CLASSES), None).eval()
    one = made_trained(Path("m"), model, layout22, about | {"preparation": made})
    assert export_onnx(one, tmp_path / "model.onnx").small
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    clips = np.random.default_rng(1).random((3, *SHAPES["stgcn"]), np.float32)
    clips[0, :, :4, 5] = 0  # a token in which nothing was found
    (found,) = session.run(["logits"], {"clip": clips})
    with torch.inference_mode():
        assert np.abs(found - model(torch.from_numpy(clips)).numpy()).max() < 1e-5


def test_the_file_says_what_it_means(exported, layout22):
    _, one, path, _ = exported
    stated = {entry.key: json.loads(entry.value) for entry in onnx.load(path).metadata_props}
    assert stated == {key: one.metadata[key] for key in export.STATED}
    assert stated["classes"] == CLASSES
    assert [name for name, _ in stated["layout"]["joints"]] == list(layout22.joints)


def test_the_file_names_no_files_of_this_machine_and_is_the_same_again(exported, tmp_path):
    _, one, path, _ = exported
    content = path.read_bytes()
    assert b".py" not in content and b"site-packages" not in content
    export_onnx(one, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == content


@pytest.mark.parametrize(
    "found", [(2e-3, 100, 1e-6), (float("nan"), 100, 0), (1e-4, 0.01, 0), (1e-4, 600, 2e-3)]
)
def test_a_file_that_differs_from_torch_gets_no_name(found, tmp_path, layout22, monkeypatch):
    monkeypatch.setattr(export, "compare", lambda *_: Difference(*found))
    with pytest.raises(InputError, match=r"model.onnx: not written: its logits differ .* 1e-05 of"):
        export_onnx(trained("stgcn", layout22), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NETWORKS)
def test_large_logits_may_differ_by_what_float32_rounds_there(name, tmp_path, layout22):
    one = trained(name, layout22)
    largest = one.model(export.drawn(one)).abs().max().item()
    with torch.no_grad():
        one.model.cls_head.fc_cls.weight *= 700 / largest
        one.model.cls_head.fc_cls.bias *= 700 / largest
    found = export_onnx(one, tmp_path / "model.onnx")
    assert found.largest == pytest.approx(700, rel=1e-3)
    assert found.logits < 1e-5 * found.largest
    with torch.no_grad():
        one.model.cls_head.fc_cls.bias[1] += 1e-4 * 700
    assert not export.compare(one.model, tmp_path / "model.onnx", export.drawn(one)).small


def test_the_comparison_sees_a_difference(tmp_path, layout22):
    one = trained("stgcn", layout22)
    export_onnx(one, tmp_path / "model.onnx")
    with torch.no_grad():
        one.model.cls_head.fc_cls.bias[1] += 0.01
    difference = export.compare(one.model, tmp_path / "model.onnx", export.drawn(one))
    assert difference.logits == pytest.approx(0.01, rel=0.05)
    assert 0 < difference.probabilities < 0.01 and not difference.small


@pytest.mark.parametrize("name", NETWORKS)
def test_made_up_figures_look_like_prepared_clips_and_differ(name, layout22):
    clips = export.drawn(trained(name, layout22))
    assert clips.shape == (export.EXAMPLES, *SHAPES[name])
    assert len(clips.flatten(1).unique(dim=0)) == export.EXAMPLES
    if name == "stgcn":
        assert clips[..., :2].abs().max() <= 1 and (clips[..., 2] > 0).all()
    else:
        # a few cells about each joint, not values everywhere as in noise
        assert 0.005 < (clips > 0.1).float().mean() < 0.3
        assert clips.amax((2, 3, 4)).min() > 0.2


def test_prepared_clips_are_what_is_compared_where_they_are_given(tmp_path, layout22, monkeypatch):
    one = trained("stgcn", layout22)
    clips = [make_clip(f"c{n}", 9, None, split, seed=n) for n, split in enumerate(["val", "test"])]
    settings = {"cleaning": CLEANING, "length": None, "on_bad_clip": "stop"}
    manifest = prepare_clips(clips, layout22, settings, tmp_path / "s.arrow")
    write_json(tmp_path / "s.json", manifest)
    one.metadata["preparation"] = Records(tmp_path / "s.arrow").metadata
    given = export.prepared(one, [tmp_path / "s.json"])
    assert given.shape == (2, *SHAPES["stgcn"])
    assert torch.equal(given[:1], export.prepared(one, [tmp_path / "s.json"])[:1])
    monkeypatch.setattr(export, "drawn", None)
    assert export_onnx(one, tmp_path / "model.onnx", [tmp_path / "s.json"]).small
    one.metadata["preparation"] = {**one.metadata["preparation"], "length": 8}
    with pytest.raises(InputError, match=r"s.json: its clips were prepared otherwise"):
        export.prepared(one, [tmp_path / "s.json"])


def test_missing_packages_are_named_with_the_command(tmp_path, layout22, monkeypatch):
    for name in ("onnxruntime", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError) as caught:
        export_onnx(trained("stgcn", layout22), tmp_path / "model.onnx")
    said = str(caught.value)
    assert said.startswith("ONNX export needs onnxruntime, onnxscript; run: pip install")
    assert "'microgesture[onnx]'" in said and "\n" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_network_over_several_boxes_takes_any_batch_size(tmp_path, layout22):
    one = trained("joint", layout22, parts=["body", "hands"])
    assert export_onnx(one, tmp_path / "model.onnx").small
