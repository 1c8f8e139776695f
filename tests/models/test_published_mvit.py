"""Weights of torchvision's and PySlowFast's MViTv2 come to the same network."""

import re

import pytest
import torch
from safetensors.torch import save_file

from microgesture.models.mvit import build_mvit
from microgesture.models.pretrained import load_pretrained
from microgesture.models.published_mvit import interpolated
from microgesture.utils.errors import InputError

SMALL = {"embed": 8, "heads": 1, "depths": (1, 1), "key_stride": 2}
NAMES = (  # ours, torchvision's, PySlowFast's
    ("backbone.conv_proj.", "conv_proj.", "patch_embed.proj."),
    ("backbone.pos_encoding.class_token", "pos_encoding.class_token", "cls_token"),
    ("cls_head.fc_cls.", "head.1.", "head.projection."),
    (".attn.project.0.", ".attn.project.0.", ".attn.proj."),
    (".pool_q.pool.weight", ".pool_q.pool.weight", ".pool_q.weight"),
    (".pool_k.pool.weight", ".pool_k.pool.weight", ".pool_k.weight"),
    (".pool_v.pool.weight", ".pool_v.pool.weight", ".pool_v.weight"),
    (".pool_q.norm_act.0.", ".pool_q.norm_act.0.", ".norm_q."),
    (".pool_k.norm_act.0.", ".pool_k.norm_act.0.", ".norm_k."),
    (".pool_v.norm_act.0.", ".pool_v.norm_act.0.", ".norm_v."),
    (".mlp.0.", ".mlp.0.", ".mlp.fc1."),
    (".mlp.3.", ".mlp.3.", ".mlp.fc2."),
    ("backbone.blocks.1.project.", "blocks.1.project.", "blocks.1.proj."),
    ("backbone.blocks.", "blocks.", "blocks."),
    ("backbone.norm.", "norm.", "norm."),
)


def small(classes=5, frames=8, side=32):
    return build_mvit(frames, side, classes, **SMALL).eval()


def published(model, place):
    """A model's weights by the names of torchvision (1) or PySlowFast (2)."""
    state = {}
    for name, value in model.state_dict().items():
        for row in NAMES:
            name = name.replace(row[0], row[place])
        state[name] = value.clone()
    return state


def separate(state):
    """PySlowFast with queries, keys and values of their own."""
    parts = {}
    for name, value in state.items():
        for letter, part in zip("qkv", value.chunk(3), strict=True) if "qkv" in name else ():
            parts[name.replace("qkv", letter)] = part
        if "qkv" not in name:
            parts[name] = value[None, None] if name == "cls_token" else value
    return parts


def loaded(model, path):
    lines = []
    load_pretrained(model, path, lines.append)
    return [line.removeprefix(f"pretrained {path}: ") for line in lines]


def random_model(**more):
    torch.manual_seed(0)
    model = small(**more)
    for value in model.parameters():
        value.data.add_(0.2 * torch.randn_like(value))
    return model


@pytest.mark.parametrize("form", ["torchvision", "slowfast", "separate"])
def test_the_same_logits(tmp_path, form):
    theirs, ours = random_model(), small()
    path = tmp_path / "weights.pyth"
    if form == "torchvision":
        torch.save(published(theirs, 1), path)
    else:
        state = published(theirs, 2)
        state = separate(state) if form == "separate" else state
        assert not [name for name in state if name.startswith("backbone")]
        torch.save({"epoch": 3, "model_state": state, "cfg": "TRAIN: {}"}, path)
    name = "torchvision" if form == "torchvision" else "PySlowFast"
    assert loaded(ours, path) == [
        f"{name}'s names are this project's",
        f"{len(ours.state_dict())} of {len(ours.state_dict())} tensors loaded",
    ]
    x = torch.randn(2, 3, 8, 32, 32)
    with torch.inference_mode():
        assert torch.equal(ours(x), theirs(x))


def test_other_clips_and_classes(tmp_path):
    path = tmp_path / "weights.safetensors"
    state = published(random_model(), 1)
    state["conv_proj.weight"] = state["conv_proj.weight"][:, :, :1].clone()
    save_file(state, path)
    ours = small(classes=3, frames=12, side=48)
    lines = loaded(ours, path)
    assert lines[1:-1] == [
        "the stem spans 3 frames instead of 1: each has the mean of the old weights, times 1/3",
        "relative positions in height and width are interpolated, for clips of another size",
        "relative positions in time are interpolated, for clips of another size",
        "the classifier is fresh: 3 classes instead of 5",
    ]
    x = torch.randn(1, 3, 12, 48, 48)
    assert torch.isfinite(ours(x)).all()
    assert len(ours.backbone.blocks[0].attn.rel_pos_h) == 23
    stem = ours.backbone.conv_proj.weight
    torch.testing.assert_close(stem.sum(2), state["conv_proj.weight"][:, :, 0])


def test_interpolation_is_linear():
    line = torch.stack([torch.arange(5.0), 3 - torch.arange(5.0)], dim=1)
    found = interpolated(line, 9)
    places = ((torch.arange(9) + 0.5) * 5 / 9 - 0.5).clamp(0, 4)  # the ends stand still beyond
    torch.testing.assert_close(found, torch.stack([places, 3 - places], dim=1))


def test_another_depth_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(published(random_model(), 1), path)
    deeper = build_mvit(8, 32, 5, **SMALL | {"depths": (1, 2)})
    with pytest.raises(InputError, match=re.escape("blocks.2.norm1.weight is missing")) as caught:
        load_pretrained(deeper, path)
    assert "network" in str(caught.value)
