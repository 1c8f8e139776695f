"""Fusions that hold their sources' networks, with each of the networks that give tokens."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from microgesture.models.build import build_model
from microgesture.models.joint_fusion import join_networks, leave_unused, shown

GRAPH = {"base_channels": 4, "num_stages": 2, "inflate_stages": [2], "down_stages": [2]}
JOINTS = 5
POINTS = (1, 8, JOINTS, 3)
NETWORKS = {
    "stgcn": (GRAPH, POINTS, {"layout_channels": JOINTS}, (4, 8)),
    "agcn": (GRAPH, POINTS, {"layout_channels": JOINTS}, (4, 8)),
    "posec3d": (
        {"base_channels": 4, "stage_blocks": [1, 1]},
        (3, 8, 16, 16),
        {"layout_channels": 3},
        (8, 32),
    ),
    "skeleton_transformer": (
        {"width": 8, "heads": 2, "depth": 1, "hidden": 6},
        POINTS,
        {"layout_channels": JOINTS, "length": 8},
        (2, 8),
    ),
    "mvit": (
        {"embed": 8, "depths": [1], "key_stride": 1},
        (3, 4, 16, 16),
        {"clip_size": (4, 16)},
        (2, 8),
    ),
}


def network(name):
    own, shape, more, gives = NETWORKS[name]
    if name in ("stgcn", "agcn"):
        more = {**more, "adjacency": np.full((3, JOINTS, JOINTS), 1 / JOINTS, np.float32)}
    built = build_model({"name": name, **own}, num_classes=3, **more)
    return built.backbone, shape, gives


def joined(names, pool="places"):
    torch.manual_seed(0)
    made = [network(name) for name in names]

    def build(sources):
        kind = {"name": "token_fusion", "width": 8, "heads": 2, "dropout": 0.0, "exchange": False}
        return build_model(kind, num_classes=3, sources=sources)

    networks, shapes = [one for one, *_ in made], [shape for _, shape, _ in made]
    return join_networks(networks, shapes, pool, build), shapes


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_learned_in_it_has_a_gradient(name):
    """So that several processes can train it; layers behind the tokens are left out."""
    model, shapes = joined([name, "stgcn"])
    assert shown(model.backbone.inside[0], shapes[0], "places")[:2] == NETWORKS[name][3]
    for one, shape in zip(model.backbone.inside, shapes, strict=True):
        leave_unused(one, shape)
    flat = sum(int(np.prod(shape)) for shape in shapes)
    batch = torch.cat([torch.ones(4, 2), torch.rand(4, flat)], dim=1)
    functional.cross_entropy(model.train()(batch), torch.arange(4) % 3).backward()
    for key, one in model.named_parameters():
        assert one.requires_grad == (one.grad is not None), key
    left = {key.split(".")[3] for key, one in model.named_parameters() if not one.requires_grad}
    assert left == ({"head"} if name == "skeleton_transformer" else set())


@pytest.mark.parametrize("pool", ["places", "time"])
def test_it_is_the_fusion_of_what_its_networks_give(pool):
    model, shapes = joined(["mvit", "agcn"], pool)
    backbone = model.eval().backbone
    inputs = [torch.rand(3, *shape) for shape in shapes]
    present = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    with torch.no_grad():
        tokens = [
            one.tokens(x).mean(dim=2 if pool == "places" else 1)
            for one, x in zip(backbone.inside, inputs, strict=True)
        ]
        wanted = backbone.fusion(torch.cat([present, *(one.flatten(1) for one in tokens)], dim=1))
        found = backbone(torch.cat([present, *(x.flatten(1) for x in inputs)], dim=1))
        hidden = [inputs[0], torch.rand(3, *shapes[1])]
        other = backbone(torch.cat([present, *(x.flatten(1) for x in hidden)], dim=1))
    assert torch.allclose(found, wanted, atol=1e-6)
    # what stands in place of a missing source has no part in anything
    assert torch.allclose(other[2], found[2], atol=1e-6) and not torch.allclose(other[0], found[0])
