"""SwinFace: sizes of the published one, its checkpoint's layout, and attention against a loop."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from microgesture.models.published_swinface import load_published
from microgesture.models.swinface import (
    TASKS,
    Block,
    FaceTasks,
    WindowAttention,
    build_swinface,
    joined,
    windows,
)
from microgesture.utils.errors import InputError

SMALL = {"patch": 2, "embed": 8, "depths": [2, 1], "heads": [2, 2], "embedding": 6}


def small(side=28):
    torch.manual_seed(0)
    return build_swinface(side, drop_path=0.0, **SMALL)


def test_the_published_backbone_has_its_parameters():
    with torch.device("meta"):
        tasks = FaceTasks(build_swinface())
    assert sum(p.numel() for p in tasks.backbone.parameters()) == 28_895_226
    state = {part: getattr(tasks, part).state_dict() for part in ("backbone", "fam", "tss", "om")}
    assert state["backbone"]["layers.0.blocks.1.attn_mask"].shape == (64, 49, 49)
    assert state["backbone"]["layers.2.downsample.reduction.weight"].shape == (768, 1536)
    assert "layers.3.downsample.norm.weight" not in state["backbone"]
    assert state["fam"]["nets.10.conv.convs.0.weight"].shape == (47, 192, 3, 3)
    assert state["fam"]["nets.0.channel_attention.mlp.1.weight"].shape == (32, 512)
    assert state["tss"]["nets.10.feature.3.weight"].shape == (512, 512)
    assert state["om"]["output_fcs.3.weight"].shape == (7, 512)
    assert len(state["om"]) == 2 * 42 and sum(map(len, TASKS)) == 42


def test_features_and_tasks_have_their_shapes():
    tasks = FaceTasks(small(), features=16).eval()
    faces = torch.randn(3, 3, 28, 28)
    local, last = tasks.backbone.maps(faces)
    assert local.shape == (3, 16, 7, 7) and last.shape == (3, 16, 7, 7)
    embedding, told = tasks(faces)
    assert embedding.shape == (3, 6) and told["Expression"].shape == (3, 7)
    alone = tasks.expression(faces)
    torch.testing.assert_close(alone[0], embedding)
    torch.testing.assert_close(alone[1], told["Expression"].softmax(1))


def test_faces_of_a_batch_do_not_see_each_other():
    model, faces = small().eval(), torch.randn(4, 3, 28, 28)
    torch.testing.assert_close(model(faces)[[2, 0]], model(faces[[2, 0]]), rtol=1e-4, atol=1e-5)


def test_windows_are_put_together_again():
    x = torch.randn(2, 14, 14, 3)
    cut = windows(x, 7)
    assert cut.shape == (8, 49, 3)
    torch.testing.assert_close(cut[1], x[0, :7, 7:].reshape(49, 3))
    torch.testing.assert_close(joined(cut, 7, 14, 14), x)


def test_attention_is_that_of_a_loop():
    torch.manual_seed(1)
    attention = WindowAttention(6, 3, 2)
    with torch.no_grad():
        attention.relative_position_bias_table.normal_()
    x = torch.randn(1, 9, 6)
    q, k, v = attention.qkv(x)[0].split(6, dim=1)
    out = torch.zeros(9, 6)
    for head in range(2):
        mine = slice(3 * head, 3 * head + 3)
        for i in range(9):
            scores = []
            for j in range(9):
                apart = (i // 3 - j // 3 + 2) * 5 + i % 3 - j % 3 + 2
                bias = attention.relative_position_bias_table[apart, head]
                scores.append(q[i, mine] @ k[j, mine] / 3**0.5 + bias)
            out[i, mine] = torch.stack(scores).softmax(0) @ v[:, mine]
    torch.testing.assert_close(attention(x, None)[0], attention.proj(out), rtol=1e-4, atol=1e-5)


def test_a_shifted_block_mixes_what_lies_together_and_not_what_the_shift_brings_together():
    torch.manual_seed(2)
    block = Block(4, 14, 2, shifted=True, drop=0.0)
    x = torch.randn(1, 196, 4, requires_grad=True)

    def reaches(row, column):
        (grad,) = torch.autograd.grad(block(x)[0, row * 14 + column].square().sum(), x)
        return grad[0].abs().sum(1).view(14, 14) > 1e-20

    middle = reaches(7, 7)
    assert middle[4, 4] and middle[9, 9] and not middle[2, 7]
    corner = reaches(0, 0)
    assert corner[2, 2] and not corner[13, 13] and not corner[0, 13]


def test_a_checkpoint_of_the_published_layout_loads(tmp_path):
    tasks, other = (FaceTasks(small(), features=16) for _ in range(2))
    for parameter in tasks.parameters():
        functional.dropout(parameter.data, 0.1, inplace=True)
    state = {
        f"state_dict_{part}": getattr(tasks, part).state_dict()
        for part in ("backbone", "fam", "tss", "om")
    }
    torch.save(state, tmp_path / "checkpoint.pt")
    load_published(other, tmp_path / "checkpoint.pt")
    faces = torch.randn(2, 3, 28, 28)
    torch.testing.assert_close(other.eval()(faces)[0], tasks.eval()(faces)[0])
    del state["state_dict_om"]
    torch.save(state, tmp_path / "short.pt")
    with pytest.raises(InputError, match="has no state_dict_om"):
        load_published(other, tmp_path / "short.pt")
    larger = FaceTasks(small(56), features=16)
    torch.save(state | {"state_dict_om": tasks.om.state_dict()}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"attn_mask: \(4, 49, 49\), expected \(16, 49, 49\)"):
        load_published(larger, tmp_path / "other.pt")


def test_a_checkpoint_that_runs_code_is_refused(tmp_path):
    torch.save({"state_dict_backbone": np.random.default_rng}, tmp_path / "bad.pt")
    with pytest.raises(InputError, match="not a checkpoint of tensors"):
        load_published(FaceTasks(small(), features=16), tmp_path / "bad.pt")


def test_sizes_that_make_no_network_are_told():
    with pytest.raises(InputError, match="side is 50 pixels, expected a multiple of 28"):
        build_swinface(50, **SMALL)
    with pytest.raises(InputError, match="3 heads cannot share 8 channels"):
        build_swinface(28, **{**SMALL, "heads": [3, 2]})
