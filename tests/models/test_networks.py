"""The networks against slow references, PySKL's naming, and the wiring of the two heads."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from microgesture.models.agcn import AdaptiveGraphConv
from microgesture.models.build import build_model, count_parameters
from microgesture.models.stgcn import GraphConv
from microgesture.utils.errors import InputError
from tests.steps import new_model

SMALL_POSEC3D = {"name": "posec3d", "base_channels": 4, "stage_blocks": [2, 1, 1], "stem_kernel": 5}
SMALL_STGCN = {
    "name": "stgcn",
    "base_channels": 4,
    "num_stages": 4,
    "inflate_stages": [3],
    "down_stages": [2, 3],
    "temporal_kernel": 5,
}
SMALL_AGCN = SMALL_STGCN | {"name": "agcn"}
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def tree_adjacency(num_joints):
    """Root, centripetal and centrifugal neighbours of a binary tree, columns summing to 1."""
    adjacency = np.zeros((3, num_joints, num_joints))
    adjacency[0] = np.eye(num_joints)
    for child in range(1, num_joints):
        parent = (child - 1) // 2
        adjacency[1, parent, child] = adjacency[2, child, parent] = 1
    return adjacency / np.maximum(adjacency.sum(axis=1, keepdims=True), 1)


def small(name, **extra):
    """A small network with its layout, in evaluation mode, no parameter or buffer left at 0 or 1.

    Without that, the zero-initialised residual branches would hide most of PoseC3D.
    """
    config = {"posec3d": SMALL_POSEC3D, "stgcn": SMALL_STGCN, "agcn": SMALL_AGCN}[name]
    model = build_model(
        config | extra,
        layout_channels=5,
        num_classes=6,
        adjacency=None if name == "posec3d" else tree_adjacency(5),
        embedding_size=7,
    )
    for key, value in model.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point() and not key.endswith(".A"):
            value.add_(0.2 * torch.randn_like(value))
    return model.eval()


def batch(name, size=3):
    # Height and width differ, and the number of frames is odd.
    return torch.rand((size, 5, 7, 12, 10) if name == "posec3d" else (size, 2, 13, 5, 3))


networks = pytest.mark.parametrize("name", ["posec3d", "stgcn", "agcn"])


# --- names, shapes and sizes of PySKL ---------------------------------------------------------


def norm_shapes(prefix, channels):
    return {f"{prefix}.{part}": (channels,) for part in BATCH_NORM} | {
        f"{prefix}.num_batches_tracked": ()
    }


def conv_norm_shapes(prefix, weight):
    return {f"{prefix}.conv.weight": weight, **norm_shapes(f"{prefix}.bn", weight[0])}


def slowonly_shapes(in_channels, num_classes):
    """`ResNet3dSlowOnly(stage_blocks=(4, 6, 3), base_channels=32, inflate=(0, 1, 1))`, by hand."""
    shapes = conv_norm_shapes("backbone.conv1", (32, in_channels, 1, 7, 7))
    channels = 32
    for layer, blocks, planes, time in (("1", 4, 32, 1), ("2", 6, 64, 3), ("3", 3, 128, 3)):
        for block in range(blocks):
            prefix = f"backbone.layer{layer}.{block}"
            shapes |= conv_norm_shapes(f"{prefix}.conv1", (planes, channels, time, 1, 1))
            shapes |= conv_norm_shapes(f"{prefix}.conv2", (planes, planes, 1, 3, 3))
            shapes |= conv_norm_shapes(f"{prefix}.conv3", (4 * planes, planes, 1, 1, 1))
            if block == 0:
                shapes |= conv_norm_shapes(f"{prefix}.downsample", (4 * planes, channels, 1, 1, 1))
            channels = 4 * planes
    head = {"cls_head.fc_cls.weight": (num_classes, 512), "cls_head.fc_cls.bias": (num_classes,)}
    return shapes | head


def stgcn_shapes(num_joints, num_classes):
    """`STGCN()` with its defaults, by hand: blocks as (in, out, has a projected shortcut)."""
    blocks = [(3, 64, False), *[(64, 64, False)] * 3, (64, 128, True), *[(128, 128, False)] * 2]
    blocks += [(128, 256, True), *[(256, 256, False)] * 2]
    shapes = norm_shapes("backbone.data_bn", 3 * num_joints)
    for index, (before, after, projected) in enumerate(blocks):
        prefix = f"backbone.gcn.{index}"
        shapes[f"{prefix}.gcn.A"] = shapes[f"{prefix}.gcn.PA"] = (3, num_joints, num_joints)
        convs = {"gcn": (3 * after, before, 1, 1), "tcn": (after, after, 9, 1)}
        if projected:
            convs["residual"] = (after, before, 1, 1)
        for part, weight in convs.items():
            shapes[f"{prefix}.{part}.conv.weight"] = weight
            shapes[f"{prefix}.{part}.conv.bias"] = weight[:1]
            shapes |= norm_shapes(f"{prefix}.{part}.bn", after)
    head = {"cls_head.fc_cls.weight": (num_classes, 256), "cls_head.fc_cls.bias": (num_classes,)}
    return shapes | head


def test_posec3d_has_pyskls_names_shapes_and_size():
    model = build_model({"name": "posec3d"}, layout_channels=17, num_classes=60)
    found = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    assert found == slowonly_shapes(17, 60)
    assert count_parameters(model) == 2_024_860  # 2.0 M in the paper
    assert {m.eps for m in model.modules() if isinstance(m, torch.nn.BatchNorm3d)} == {1e-5}


def test_stgcn_has_pyskls_names_shapes_and_size():
    model = build_model(
        {"name": "stgcn"}, layout_channels=25, num_classes=60, adjacency=tree_adjacency(25)
    )
    found = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    assert found == stgcn_shapes(25, 60)
    assert count_parameters(model) == 3_098_832  # 3.1 M in the paper
    assert "backbone.gcn.0.gcn.A" not in dict(model.named_parameters())


@pytest.mark.parametrize(
    ("name", "head", "inside"), [("posec3d", 0.5, set()), ("stgcn", 0, {0}), ("agcn", 0, {0})]
)
def test_dropout_is_that_of_the_published_networks_unless_told_otherwise(name, head, inside):
    """Temporal convolutions have a dropout layer, in the public code as here, which drops none."""
    adjacency = None if name == "posec3d" else tree_adjacency(5)
    config = {"name": name, "base_channels": 2}
    model = build_model(config, layout_channels=5, num_classes=6, adjacency=adjacency)
    assert model.cls_head.dropout.p == head
    layers = [m for m in model.backbone.modules() if isinstance(m, torch.nn.Dropout)]
    assert {layer.p for layer in layers} == inside


def test_initial_weights_are_pyskls_choice():
    posec3d = build_model(
        {"name": "posec3d"}, layout_channels=17, num_classes=60, embedding_size=256
    )
    for name, module in posec3d.named_modules():
        if isinstance(module, torch.nn.Conv3d):
            fan_out = module.out_channels * np.prod(module.kernel_size)
            assert module.weight.std().item() == pytest.approx(np.sqrt(2 / fan_out), rel=0.1)
        elif isinstance(module, torch.nn.BatchNorm3d):
            assert (module.weight == (0 if name.endswith("conv3.bn") else 1)).all()
        elif isinstance(module, torch.nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.01, rel=0.05)
            assert (module.bias == 0).all()
    stgcn = build_model(SMALL_STGCN, layout_channels=5, num_classes=6, adjacency=tree_adjacency(5))
    for block in stgcn.backbone.gcn:
        assert (block.gcn.PA == 1).all()
        np.testing.assert_array_equal(block.gcn.A, tree_adjacency(5).astype(np.float32))


def test_a_new_agcn_has_the_authors_initial_weights():
    """As model/agcn.py of 2s-AGCN sets them, all but the semantic head, which it has not."""
    config = SMALL_AGCN | {"base_channels": 32}
    model = build_model(
        config, layout_channels=5, num_classes=32, adjacency=tree_adjacency(5), embedding_size=7
    )
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert (module.weight == (1e-6 if name.endswith("gcn.bn") else 1)).all(), name
        if not isinstance(module, torch.nn.Conv2d):
            continue
        assert (module.bias == 0).all(), name
        variance = 2 / (module.out_channels * np.prod(module.kernel_size))  # fan out
        if name.endswith(("conv_a", "conv_b")):  # three of them in one, each by itself
            variance *= 3
        elif name.endswith("conv_d"):
            variance = 2 / (module.out_channels * module.in_channels)
        found, many = module.weight.std().item(), module.weight.numel()
        assert found == pytest.approx(np.sqrt(variance), rel=5 / np.sqrt(2 * many)), name
    for block in model.backbone.gcn:
        assert (block.gcn.PA == 1e-6).all()
    classifier = model.cls_head.fc_cls
    assert classifier.weight.std().item() == pytest.approx(np.sqrt(2 / 32), rel=0.1)
    assert 0 < classifier.bias.abs().max() <= 1 / np.sqrt(model.backbone.num_features)


@pytest.mark.parametrize(("name", "total"), [("stgcn", 1), ("agcn", 3)])
def test_every_network_gets_the_graph_of_its_reference(layout22, name, total):
    network = {"base_channels": 4, "num_stages": 2, "inflate_stages": [], "down_stages": []}
    model = new_model({"model": name, "network": network}, layout22, 3, None)
    graph = model.backbone.gcn[0].gcn.A.numpy()
    expected = layout22.adjacency() if name == "stgcn" else layout22.directed_adjacency()
    assert np.array_equal(graph, expected)
    inner = layout22.joints.index("right_elbow")  # has neighbours on both sides
    assert graph[:, :, inner].sum() == pytest.approx(total)


# --- values, against references -----------------------------------------------------------------


def test_graph_convolution_matches_a_loop_over_joints():
    layer = GraphConv(2, 3, torch.as_tensor(tree_adjacency(4), dtype=torch.float32)).eval()
    with torch.no_grad():
        layer.PA.uniform_(0.5, 1.5)
    x = torch.rand(2, 2, 3, 4)
    weight = layer.conv.weight.detach().numpy().reshape(3, 3, 2)
    bias = layer.conv.bias.detach().numpy().reshape(3, 3)
    graph = (layer.A * layer.PA).detach().numpy()
    expected = np.zeros((2, 3, 3, 4))
    for n, out, t, w in np.ndindex(expected.shape):
        for k, v in np.ndindex(3, 4):
            message = bias[k, out] + weight[k, out] @ x[n, :, t, v].numpy()
            expected[n, out, t, w] += message * graph[k, v, w]
    expected = np.maximum(expected / np.sqrt(1 + 1e-5), 0)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-6)


def softmax(numbers):
    shares = np.exp(numbers - numbers.max())
    return shares / shares.sum()


@pytest.mark.parametrize("out_channels", [4, 8])  # with the input as shortcut, and a projected one
def test_adaptive_graph_convolution_matches_a_loop_over_joints(out_channels):
    adjacency = torch.as_tensor(tree_adjacency(5), dtype=torch.float32)
    layer = AdaptiveGraphConv(4, out_channels, adjacency).eval()
    with torch.no_grad():
        layer.PA.uniform_(-0.5, 0.5)
        layer.bn.weight.uniform_(0.5, 1.5)
        for conv in (layer.conv_a, layer.conv_b, layer.conv_d):
            conv.bias.uniform_(-1, 1)
    x, size = torch.randn(2, 4, 3, 5), out_channels // 4
    state = {key: value.numpy() for key, value in layer.state_dict().items()}

    def embedded(conv, k, clip, v):  # over all frames
        rows = slice(k * size, (k + 1) * size)
        return (
            state[f"{conv}.weight"][rows, :, 0, 0] @ clip[:, :, v]
            + state[f"{conv}.bias"][rows, None]
        )

    expected = np.zeros((2, out_channels, 3, 5))
    for n, w in np.ndindex(2, 5):
        clip = x[n].numpy()
        total = np.repeat(state["conv_d.bias"][:, None], 3, axis=1)
        for k in range(3):
            target = embedded("conv_b", k, clip, w)
            own = softmax(
                np.array([(embedded("conv_a", k, clip, v) * target).mean() for v in range(5)])
            )
            gathered = np.zeros((4, 3))
            for v in range(5):
                gathered += clip[:, :, v] * (state["A"][k, v, w] + state["PA"][k, v, w] + own[v])
            total += state["conv_d.weight"][:, 4 * k : 4 * (k + 1), 0, 0] @ gathered
        total = total / np.sqrt(1 + 1e-5) * state["bn.weight"][:, None]
        shortcut = clip[:, :, w]
        if out_channels != 4:
            shortcut = state["down.0.weight"][:, :, 0, 0] @ shortcut / np.sqrt(1 + 1e-5)
        expected[n, :, :, w] = np.maximum(total + shortcut, 0)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-5)


def test_a_new_adaptive_layer_has_the_spreads_of_the_authors_code():
    """Normal numbers with the deviation that keeps the variance of gradients (He et al. 2015)."""
    torch.manual_seed(0)
    layer = AdaptiveGraphConv(32, 128, torch.as_tensor(tree_adjacency(5), dtype=torch.float32))
    expected = {
        layer.conv_a: np.sqrt(2 / 32),  # of each neighbour set's 128 / 4 outputs
        layer.conv_b: np.sqrt(2 / 32),
        layer.conv_d: np.sqrt(2 / (128 * 32 * 3)),
        layer.down[0]: np.sqrt(2 / 128),
    }
    for conv, deviation in expected.items():
        assert conv.weight.std().item() == pytest.approx(deviation, rel=0.06)
        assert not conv.bias.any()


def test_a_new_adaptive_graph_is_the_given_one_and_each_clips_own():
    layer = AdaptiveGraphConv(4, 4, torch.as_tensor(tree_adjacency(5), dtype=torch.float32))
    x = torch.randn(2, 4, 3, 5)
    own = layer.graph(x) - layer.A
    torch.testing.assert_close(own.sum(dim=2), torch.ones(2, 3, 5), atol=1e-4, rtol=0)
    assert not torch.allclose(own[0], own[1])
    torch.testing.assert_close(layer(x), x.relu(), atol=1e-4, rtol=0)  # it starts as its shortcut


def functional_norm(x, state, prefix):
    values = (state[f"{prefix}.{part}"] for part in ("running_mean", "running_var"))
    return F.batch_norm(x, *values, state[f"{prefix}.weight"], state[f"{prefix}.bias"])


def stgcn_reference(x, state, strides, shortcuts):
    """Logits of one clip (M, T, V, C) at a time, from PySKL-named weights; eval mode."""
    persons = []
    for points in x:
        t, v, c = points.shape
        h = functional_norm(points.reshape(t, v * c), state, "backbone.data_bn")
        h = h.reshape(t, v, c).permute(2, 0, 1)[None]
        for i, (stride, shortcut) in enumerate(zip(strides, shortcuts, strict=True)):
            block = {
                key.removeprefix(f"backbone.gcn.{i}."): value
                for key, value in state.items()
                if key.startswith(f"backbone.gcn.{i}.")
            }
            parts = F.conv2d(h, block["gcn.conv.weight"], block["gcn.conv.bias"]).chunk(3, dim=1)
            graph = block["gcn.A"] * block["gcn.PA"]
            y = sum(part @ graph[k] for k, part in enumerate(parts))
            y = functional_norm(y, block, "gcn.bn").relu()
            kernel = block["tcn.conv.weight"]
            y = F.conv2d(
                y,
                kernel,
                block["tcn.conv.bias"],
                stride=(stride, 1),
                padding=(kernel.shape[2] // 2, 0),
            )
            y = functional_norm(y, block, "tcn.bn")
            if shortcut == "projected":
                w, b = block["residual.conv.weight"], block["residual.conv.bias"]
                y = y + functional_norm(F.conv2d(h, w, b, stride=(stride, 1)), block, "residual.bn")
            elif shortcut == "identity":
                y = y + h
            h = y.relu()
        persons.append(h.mean(dim=(0, 2, 3)))
    features = torch.stack(persons).mean(dim=0)
    return state["cls_head.fc_cls.weight"] @ features + state["cls_head.fc_cls.bias"]


def test_stgcn_matches_an_independent_forward_pass():
    model, x = small("stgcn"), batch("stgcn")
    state = model.state_dict()
    shortcuts = ["none", "projected", "projected", "identity"]
    expected = torch.stack([stgcn_reference(clip, state, [1, 2, 2, 1], shortcuts) for clip in x])
    torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)


def posec3d_reference(x, state, stages, stem_pool):
    """Logits from PySKL-named weights; ``stages`` as (blocks, frames of conv1, temporal stride)."""

    def conv_norm(x, prefix, stride=1, padding=0):
        x = F.conv3d(x, state[f"{prefix}.conv.weight"], stride=stride, padding=padding)
        return functional_norm(x, state, f"{prefix}.bn")

    side = state["backbone.conv1.conv.weight"].shape[-1] // 2
    x = conv_norm(x, "backbone.conv1", padding=(0, side, side)).relu()
    if stem_pool:
        x = F.max_pool3d(x, (1, 3, 3), stride=1, padding=(0, 1, 1))
    for stage, (blocks, frames, temporal_stride) in enumerate(stages, 1):
        for block in range(blocks):
            prefix = f"backbone.layer{stage}.{block}"
            stride = (temporal_stride, 2, 2) if block == 0 else 1
            y = conv_norm(x, f"{prefix}.conv1", padding=(frames // 2, 0, 0)).relu()
            y = conv_norm(y, f"{prefix}.conv2", stride=stride, padding=(0, 1, 1)).relu()
            y = conv_norm(y, f"{prefix}.conv3")
            if block == 0:
                x = conv_norm(x, f"{prefix}.downsample", stride=stride)
            x = (x + y).relu()
    features = x.mean(dim=(2, 3, 4))
    return F.linear(features, state["cls_head.fc_cls.weight"], state["cls_head.fc_cls.bias"])


@pytest.mark.parametrize(
    ("extra", "stages", "stem_pool"),
    [
        ({}, [(2, 1, 1), (1, 3, 1), (1, 3, 2)], True),
        ({"stem_pool": False, "stem_kernel": 3}, [(2, 1, 1), (1, 3, 1), (1, 3, 2)], False),
        ({"stage_blocks": [1]}, [(1, 3, 1)], True),
        ({"stage_blocks": [1, 2]}, [(1, 1, 1), (2, 3, 1)], True),
        (
            {
                "stage_blocks": [1, 1, 1, 1],
                "inflate": [0, 0, 1, 1],
                "temporal_strides": [1, 2, 1, 1],
            },
            [(1, 1, 1), (1, 1, 2), (1, 3, 1), (1, 3, 1)],
            True,
        ),
    ],
)
def test_posec3d_matches_an_independent_forward_pass(extra, stages, stem_pool):
    model, x = small("posec3d", **extra), batch("posec3d")
    expected = posec3d_reference(x, model.state_dict(), stages, stem_pool)
    torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)


@networks
def test_a_clips_logits_do_not_depend_on_its_place_in_the_batch(name):
    model, x = small(name), batch(name, size=4)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(model(x[order]), model(x)[order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model(x[2:3]), model(x)[2:3], atol=1e-5, rtol=1e-5)


def test_stgcn_treats_persons_alike():
    model, x = small("stgcn"), batch("stgcn")
    torch.testing.assert_close(model(x.flip(1)), model(x), atol=1e-5, rtol=1e-5)
    doubled = x[:, :1].expand(-1, 2, -1, -1, -1)
    torch.testing.assert_close(model(doubled), model(x[:, :1]), atol=1e-5, rtol=1e-5)


# --- features and heads ---------------------------------------------------------------------------


@networks
def test_features_are_pooled_and_seen_before_dropout(name):
    model, x = small(name, dropout=0.5), batch(name)
    features = model.features(x)
    assert features.shape == (3, model.backbone.num_features)
    torch.testing.assert_close(model(x), model.cls_head.fc_cls(features))
    model.cls_head.train()
    torch.testing.assert_close(model.features(x), features)
    logits, vectors = model.forward_with_embeddings(x)
    assert not torch.allclose(logits, model.cls_head.fc_cls(features))
    torch.testing.assert_close(vectors, model.semantic_head.fc(features))


@networks
def test_features_are_the_mean_of_the_tokens(name):
    model, x = small(name), batch(name)
    shape = {"posec3d": (3, 4, 4, 64), "stgcn": (3, 4, 5, 8), "agcn": (3, 4, 5, 8)}[name]
    with torch.no_grad():
        tokens, features = model.backbone.tokens(x), model.features(x)
    assert tokens.shape == shape
    assert torch.allclose(tokens.mean(dim=(1, 2)), features, atol=1e-5)


def test_tokens_keep_the_order_of_time_and_joints():
    """A joint's tokens are those of the last block in its place, the mean over persons."""
    model, x, seen = small("stgcn"), batch("stgcn"), []
    model.backbone.gcn[-1].register_forward_hook(lambda module, args, out: seen.append(out))
    with torch.no_grad():
        tokens = model.backbone.tokens(x)
    for n, t, v in ((0, 0, 0), (1, 3, 2), (2, 1, 4)):
        both = (seen[0][2 * n, :, t, v] + seen[0][2 * n + 1, :, t, v]) / 2
        assert torch.allclose(tokens[n, t, v], both, atol=1e-6)


@networks
def test_the_heads_share_one_pass_of_the_backbone(name):
    model, x = small(name), batch(name)
    passes = []
    model.backbone.register_forward_hook(lambda *_: passes.append(1))
    logits, vectors = model.forward_with_embeddings(x)
    assert (len(passes), logits.shape, vectors.shape) == (1, (3, 6), (3, 7))
    torch.testing.assert_close(logits, model(x))


@networks
def test_gradients_reach_every_parameter(name):
    model, x = small(name).train(), batch(name)
    logits, vectors = model.forward_with_embeddings(x)
    loss = F.cross_entropy(logits, torch.tensor([0, 1, 5])) + F.mse_loss(vectors, torch.ones(3, 7))
    loss.backward()
    # A shift before a batch norm is undone by it: those biases get no gradient beyond rounding.
    shifts = (".tcn.conv.bias", ".residual.conv.bias")
    dead = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
        if not key.endswith(shifts)
    ]
    assert dead == []


@networks
def test_semantic_loss_trains_the_backbone_and_its_own_head_only(name):
    model, x = small(name).train(), batch(name)
    F.mse_loss(model.forward_with_embeddings(x)[1], torch.ones(3, 7)).backward()
    assert model.semantic_head.fc.weight.grad.any()
    assert model.cls_head.fc_cls.weight.grad is None
    block = model.backbone.conv1 if name == "posec3d" else model.backbone.gcn[0].gcn
    first = block.conv_d if name == "agcn" else block.conv
    assert first.weight.grad.any()


def test_without_embedding_size_there_is_no_semantic_head():
    model = build_model(SMALL_POSEC3D, layout_channels=5, num_classes=6)
    assert not [key for key in model.state_dict() if key.startswith("semantic_head")]
    with pytest.raises(RuntimeError, match="embedding_size"):
        model.forward_with_embeddings(batch("posec3d"))


def test_block_dropout_leaves_the_first_block_alone():
    model = small("stgcn", block_dropout=0.25)
    assert [block.tcn.drop.p for block in model.backbone.gcn] == [0, 0.25, 0.25, 0.25]


@networks
def test_weights_survive_a_safetensors_file(name, tmp_path):
    model, x = small(name), batch(name)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    other = small(name)
    assert not torch.allclose(other(x), model(x))
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    torch.testing.assert_close(other(x), model(x), atol=0, rtol=0)


# --- what a user can get wrong --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "resnet"}, "'resnet', expected one of agcn, .*stgcn"),
        ({}, "None, expected one of agcn, .*stgcn"),
        ({"name": "posec3d", "num_stages": 3}, "unknown keys num_stages; known are name, base_ch"),
        ({"name": "stgcn", "adjacency": 1}, "unknown keys adjacency"),
        ({"name": "posec3d", "stem_kernel": 4}, "stem_kernel is 4, expected an odd number"),
        ({"name": "stgcn", "temporal_kernel": 4}, "temporal_kernel is 4, expected an odd number"),
        ({"name": "posec3d", "stage_blocks": []}, "stage_blocks is .., expected one to four"),
        ({"name": "posec3d", "stage_blocks": [1] * 5}, "stage_blocks is .*, expected one to four"),
        ({"name": "posec3d", "stage_blocks": [1, 0]}, "stage_blocks is .*, expected one to four"),
        ({"name": "posec3d", "inflate": [True]}, "inflate has 1 entries, expected 3"),
    ],
)
def test_config_mistakes_are_named(config, message):
    with pytest.raises(InputError, match=message):
        build_model(config, layout_channels=5, num_classes=6, adjacency=tree_adjacency(5))


def test_an_adjacency_of_another_layout_is_refused():
    for adjacency in (None, tree_adjacency(6)):
        with pytest.raises(ValueError, match="expected \\(3, 5, 5\\)"):
            build_model(SMALL_STGCN, layout_channels=5, num_classes=6, adjacency=adjacency)
