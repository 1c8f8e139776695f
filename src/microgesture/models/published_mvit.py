"""Published weights of MViTv2: names of torchvision or PySlowFast, adapted to other clips."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

STEM = "backbone.conv_proj.weight"
_POSITIONS = re.compile(r"backbone\.blocks\.\d+\.attn\.rel_pos_[thw]$")
_SEPARATE = re.compile(r"(.*\.attn\.)q(\.weight|\.bias)$")
_SLOWFAST = [
    (re.compile(pattern), ours)
    for pattern, ours in (
        (r"^patch_embed\.proj\.", "conv_proj."),
        (r"^cls_token$", "pos_encoding.class_token"),
        (r"^head\.projection\.", "head.1."),
        (r"(\.attn)\.proj\.", r"\1.project.0."),
        (r"(\.attn)\.pool_([qkv])\.weight$", r"\1.pool_\2.pool.weight"),
        (r"(\.attn)\.norm_([qkv])\.", r"\1.pool_\2.norm_act.0."),
        (r"(\.mlp)\.fc1\.", r"\1.0."),
        (r"(\.mlp)\.fc2\.", r"\1.3."),
        (r"^(blocks\.\d+)\.proj\.", r"\1.project."),
    )
]


def mvit_names(given: Mapping[str, Tensor], classifier: str) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors of a published MViTv2 by this project's names; those of other networks as they are.

    Parameters
    ----------
    given : mapping
    classifier : str
        What the classifier's names start with here.

    Returns
    -------
    state : dict of Tensor
    said : list of str
        What was done to the names.

    """
    if "patch_embed.proj.weight" in given:
        state, said = _slowfast_names(given), ["PySlowFast's names are this project's"]
    elif "conv_proj.weight" in given:
        state, said = dict(given), ["torchvision's names are this project's"]
    else:
        return dict(given), []
    return {_ours(name, classifier): value for name, value in state.items()}, said


def _ours(name: str, classifier: str) -> str:
    head = name.removeprefix("head.1.")
    return f"backbone.{name}" if head == name else classifier + head


def _slowfast_names(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """PySlowFast's tensors by torchvision's names; separate q, k and v in one."""
    state = dict(given)
    for name in given:
        if found := _SEPARATE.match(name):
            start, end = found.groups()
            state[f"{start}qkv{end}"] = torch.cat([state.pop(start + one + end) for one in "qkv"])
    if "cls_token" in state:
        state["cls_token"] = state["cls_token"].flatten()
    renamed = {}
    for name, value in state.items():
        for pattern, ours in _SLOWFAST:
            name = pattern.sub(ours, name)
        renamed[name] = value
    return renamed


def adapted_mvit(name: str, value: Tensor, fresh: Tensor) -> tuple[Tensor, str] | None:
    """A tensor for clips of another size, and what was done; None where nothing makes it fit.

    Parameters
    ----------
    name : str
        This project's.
    value, fresh : Tensor
        The published one and the network's own, of another shape.

    """
    if _POSITIONS.match(name) and value.dim() == 2 and value.shape[1] == fresh.shape[1]:
        axis = "time" if name.endswith("t") else "height and width"
        said = f"relative positions in {axis} are interpolated, for clips of another size"
        return interpolated(value, len(fresh)), said
    frames = fresh.shape[2] if name == STEM else 0
    if frames and value.dim() == 5 and value[:, :, :1].shape == fresh[:, :, :1].shape:
        said = (
            f"the stem spans {frames} frames instead of {value.shape[2]}: each has the mean of the "
            f"old weights, times {value.shape[2]}/{frames}"
        )
        return (value.sum(2, keepdim=True) / frames).repeat(1, 1, frames, 1, 1), said
    return None


def interpolated(positions: Tensor, length: int) -> Tensor:
    """Relative positions (L, C) at ``length`` even distances over the same range."""
    rows = functional.interpolate(positions.T[None].float(), length, mode="linear")
    return rows[0].T.to(positions.dtype).contiguous()
