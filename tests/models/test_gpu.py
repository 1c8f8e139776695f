"""Every network on a GPU: the same logits as on the CPU, and the same bytes of every training.

They run with ``TEST_GPU=1`` alone, for otherwise no test sees a GPU.
"""

import os

import pytest
import torch
from torch import nn
from torch.nn import functional

from microgesture.inference.build import choose_device
from microgesture.models.build import BUILDERS, build_model
from microgesture.models.interfusion import Bag, WindowNetwork
from microgesture.models.masked_autoencoder import build_masked_autoencoder
from microgesture.models.swinface import build_swinface
from microgesture.models.temporal_detector import TemporalDetector
from microgesture.models.token_fusion import SourceTokens
from microgesture.settings.online import TemporalNetwork
from microgesture.settings.pretraining import Masking

pytestmark = pytest.mark.skipif(
    not (os.environ.get("TEST_GPU") == "1" and torch.cuda.is_available()),
    reason="needs TEST_GPU=1 and a GPU that torch can use",
)
COUNT, FRAMES, CLASSES = 6, 16, 5
SHAPES = [SourceTokens(4, 6, "places"), SourceTokens(8, 5, "places")]
NETWORKS = {
    "posec3d": {"base_channels": 8, "stage_blocks": [1, 1, 1], "stem_kernel": 5},
    "stgcn": {"base_channels": 16, "num_stages": 4, "inflate_stages": [3], "down_stages": [3]},
    "agcn": {"base_channels": 16, "num_stages": 4, "inflate_stages": [3], "down_stages": [3]},
    "mmn": {"channels": 32, "stages": 2, "stage_blocks": 1, "drop_path": 0.0},
    "skeleton_transformer": {"width": 32, "depth": 2, "heads": 4, "hidden": 16, "drop_path": 0.0},
    "mvit": {"embed": 16, "depths": [1, 1], "key_stride": 4, "drop_path": 0.0},
    "token_fusion": {"width": 16, "exchange": True},
    "concat_mlp": {"width": 16},
}


def generator():
    return torch.Generator().manual_seed(1)


def classifier(name, layout22):
    """A network and a batch for it."""
    joints = len(layout22.joints)
    network = {"name": name, "dropout": 0.0, **NETWORKS[name]}
    points = torch.rand(COUNT, 1, FRAMES, joints, 3, generator=generator())
    if name == "posec3d":
        volume = torch.rand(COUNT, joints, FRAMES, 28, 28, generator=generator())
        model = build_model(network, layout_channels=joints, num_classes=CLASSES)
        return model, volume.contiguous(memory_format=torch.channels_last_3d)
    if name == "mvit":
        clips = torch.rand(COUNT, 3, FRAMES, 64, 64, generator=generator())
        return build_model(network, num_classes=CLASSES, clip_size=(FRAMES, 64)), clips
    if name in ("token_fusion", "concat_mlp"):
        width = sum(one.tokens * one.features for one in SHAPES)
        tokens = torch.randn(COUNT, width, generator=generator())
        batch = torch.cat([torch.ones(COUNT, len(SHAPES)), tokens], dim=1)
        return build_model(network, num_classes=CLASSES, sources=SHAPES), batch
    adjacency = layout22.directed_adjacency() if name == "agcn" else layout22.adjacency()
    return build_model(
        network,
        layout_channels=joints,
        num_classes=CLASSES,
        adjacency=adjacency,
        length=FRAMES,
    ), points


def trained(model, loss_of, dtype, steps=3):
    """Losses of some steps, and the weights after them."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    losses = []
    for _ in range(steps):
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            loss = loss_of(model)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 40)
        optimizer.step()
        losses.append(loss.detach().cpu())
    weights = [value.detach().cpu() for value in model.state_dict().values()]
    return [*losses, *weights]


def repeats(make, loss_of, dtype):
    results = []
    for _ in range(2):
        torch.manual_seed(0)
        results.append(trained(make(), loss_of, dtype))
    return all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.fixture
def gpu():
    yield choose_device("cuda", 1)
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_classifier_trains_to_the_same_bytes(gpu, layout22, name, dtype):
    batch = classifier(name, layout22)[1].to(gpu)
    truth = torch.arange(COUNT, device=gpu) % CLASSES

    def loss_of(model):
        return functional.cross_entropy(model(batch).float(), truth)

    assert repeats(lambda: classifier(name, layout22)[0].to(gpu).train(), loss_of, dtype)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_classifier_gives_the_logits_of_the_cpu(gpu, layout22, name):
    torch.manual_seed(0)
    model, batch = classifier(name, layout22)
    with torch.inference_mode():
        expected = model.eval()(batch)
        found = model.to(gpu)(batch.to(gpu)).cpu()
    assert float((found - expected).abs().max()) < 1e-4 * float(expected.abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pretraining_repeats(gpu, dtype):
    points = torch.rand(COUNT, FRAMES, 22, 3, generator=generator()).to(gpu)
    noise = torch.rand(COUNT, FRAMES // 4 * 22, generator=generator()).to(gpu)

    def make():
        size = {"width": 32, "depth": 1, "heads": 4}
        return build_masked_autoencoder(22, FRAMES, Masking(ratio=0.5), 1, **size).to(gpu).train()

    assert repeats(make, lambda model: model(points, noise), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_detector_repeats(gpu, layout22, dtype):
    points = torch.rand(COUNT, 32, 22, 3, generator=generator()).to(gpu)
    counts = torch.ones(COUNT, 32, dtype=torch.bool, device=gpu)

    def loss_of(model):
        told = model(points, counts)
        return told.logits.float().square().mean() + told.distances.float().mean()

    def make():
        network = TemporalNetwork()
        return TemporalDetector(layout22.adjacency(), 3, CLASSES, network).to(gpu).train()

    assert repeats(make, loss_of, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_face_network_repeats(gpu, dtype):
    faces = torch.rand(COUNT, 3, 28, 28, generator=generator()).to(gpu)

    def make():
        size = {"embed": 12, "depths": (2, 2), "heads": (2, 2), "embedding": 16}
        return build_swinface(28, **size).to(gpu).train()

    assert repeats(make, lambda model: model(faces).float().square().mean(), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["face", "context", "concat", "interfusion"])
def test_networks_on_windows_repeat(gpu, kind, dtype):
    made = generator()
    seen, there = torch.ones(COUNT, 3, 2, dtype=torch.bool), torch.ones(COUNT, 3, dtype=torch.bool)
    seen[0, 1, 0], there[1, 2] = False, False
    face = torch.randn(COUNT, 3, 2, 5, generator=made)
    bag = Bag(face, seen, torch.randn(COUNT, 3, 4, 7, generator=made), there)
    bag = Bag(*[part.to(gpu) for part in bag])

    def make():
        return WindowNetwork(kind, 5, 7, 8, 2, 0.1).to(gpu).train()

    assert repeats(make, lambda model: model(bag)[0].float().square().mean(), dtype)
