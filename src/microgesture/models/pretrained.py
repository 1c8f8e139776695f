"""Starting from published weights: names of others, adapted to the new task's sizes."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from microgesture.models.base import Recognizer
from microgesture.models.published_mvit import adapted_mvit, mvit_names
from microgesture.utils.errors import InputError

STEM = "backbone.conv1.conv.weight"
CLASSIFIER = "cls_head.fc_cls."
SEMANTIC = "semantic_head."
DECODER, HIDDEN = "decoder.", "backbone.head."
"""Of pre-training alone, and of what comes after it."""
_NESTED = ("state_dict", "model_state_dict", "model_state", "model")
# what DistributedDataParallel, Lightning and torch.compile put in front of every name
_WRAPPED = ("module.", "model.", "_orig_mod.")
_GCN_HEAD = "cls_head.fc."
COUNTER = ".num_batches_tracked"
_GRAPH = re.compile(r"backbone\.(data_bn\.|gcn\.\d+\.gcn\.P?A$)")
_FIXED_GRAPH = re.compile(r"backbone\.gcn\.\d+\.gcn\.A$")
_SHOWN = 5


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint of named tensors, without running any code that it may hold.

    Parameters
    ----------
    path : Path
        ``.safetensors``, or a file of ``torch.save`` with a ``state_dict`` in it (also named
        ``model``, ``model_state`` or ``model_state_dict``), or being one.

    Raises
    ------
    InputError
        When the file is missing, damaged, holds more than tensors and plain containers, or holds no
        named tensors.

    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint; check `pretrained` in the config")
    stored: Any
    try:
        if path.suffix == ".safetensors":
            stored = load_file(path)
        else:
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable checkpoint ({error}); fetch it again") from None
    except Exception as error:  # a damaged or hostile pickle can fail in any way
        raise InputError(
            f"{path}: not a checkpoint of tensors and plain containers only "
            f"({type(error).__name__}), and nothing else is loaded, since it could run code; "
            "fetch it again, or save its state_dict alone as safetensors"
        ) from None
    state = stored
    while isinstance(state, Mapping) and (key := next((k for k in _NESTED if k in state), None)):
        if not isinstance(state[key], Mapping):
            break
        state = state[key]
    if not isinstance(state, Mapping) or not state:
        raise InputError(f"{path}: holds {type(state).__name__}; expected a dict of named tensors")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(
                f"{path}: {name!r} is {type(value).__name__}; expected a dict of named tensors, or "
                "one under the key 'state_dict'"
            )
    return dict(state)


def own_names(given: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by the names of this project, which are PySKL's, and what was done to the names.

    What a wrapper puts in front of all names is left out, ``cls_head.fc``, as MMAction2 1.x calls
    the classifier of its graph networks, is ``cls_head.fc_cls``, and the second copies that an
    averaging hook keeps (``ema_backbone_...``) are left out: MMCV swaps both before it saves, so
    that the plain names hold the averages. See also `mvit_names`.
    """
    state, said = dict(given), []
    while prefix := next((p for p in _WRAPPED if all(name.startswith(p) for name in state)), ""):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
        said.append(f"'{prefix}' is left out in front of every name")
    plain = {name.replace(".", "_") for name in state}
    if copies := [n for n in state if n.startswith("ema_") and n.removeprefix("ema_") in plain]:
        state = {name: value for name, value in state.items() if name not in copies}
        said.append(f"{len(copies)} second copies of an averaging hook, ema_..., are left out")
    if any(name.startswith(_GCN_HEAD) for name in state):
        state = {name.replace(_GCN_HEAD, CLASSIFIER, 1): value for name, value in state.items()}
        said.append(f"{_GCN_HEAD[:-1]}, MMAction2's name, is {CLASSIFIER[:-1]}")
    state, more = mvit_names(state, CLASSIFIER)
    return state, said + more


def load_pretrained(
    model: Recognizer, path: Path, report: Callable[[str], None] = lambda line: None
) -> None:
    """Load published weights into a model with fresh ones.

    What has the same name and shape is taken over. A stem for another number of channels becomes,
    in every new channel, the mean over the old ones times old / new, so that it answers an input
    that is equal in all channels as before. Classifier, semantic head and, for another number of
    joints, ST-GCN's graph (``A``, ``PA``) and input norm (``data_bn``) stay fresh where they do not
    fit. For MViT see `adapted_mvit`. Of a pre-training without labels the encoder is taken over.

    Parameters
    ----------
    model : Recognizer
    path : Path
        See `read_weights`.
    report : callable
        Given one line for each kind of adaptation.

    Raises
    ------
    InputError
        Also for tensors that are missing, unexpected or of another shape than all that; nothing is
        loaded then.

    """
    own, (given, renamed) = model.state_dict(), own_names(read_weights(path))
    adapted: dict[str, Tensor] = {}
    said: dict[str, None] = dict.fromkeys(renamed)  # in order, each line once
    unlabelled = any(name.startswith(DECODER) for name in given)
    if unlabelled:
        given = {name: value for name, value in given.items() if not name.startswith(DECODER)}
        said["the decoder of the pre-training is left out, and all after the encoder fresh"] = None
    faults = _unexpected(own, given)
    for name, fresh in own.items():
        value = given.get(name)
        if value is not None and value.shape == fresh.shape:
            adapted[name] = value
            if _FIXED_GRAPH.match(name) and not torch.allclose(value, fresh.to(value), atol=1e-5):
                said["the graph is the checkpoint's, which is not that of the layout"] = None
        elif value is not None and name == STEM and _differs_in(value, fresh, 1):
            adapted[name] = adapt_stem(value, fresh.shape[1])
            said[
                f"the stem takes {fresh.shape[1]} channels instead of {value.shape[1]}: each has "
                f"the mean of the old weights, times {value.shape[1]}/{fresh.shape[1]}"
            ] = None
        elif value is not None and (fitted := adapted_mvit(name, value, fresh)):
            adapted[name], line = fitted
            said[line] = None
        elif line := _fresh(name, value, fresh):
            said[line] = None
        elif unlabelled and value is None and name.startswith((CLASSIFIER, HIDDEN)):
            continue
        elif not (value is None and name.endswith(COUNTER)):
            found = "missing" if value is None else f"of shape {tuple(value.shape)}"
            faults.append(f"{name} is {found}, expected {tuple(fresh.shape)}")
    if any(name.startswith(SEMANTIC) and name not in own for name in given):
        said["its semantic head is left out"] = None
    if faults:
        more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise InputError(
            f"{path}: does not fit the network: {'; '.join(faults[:_SHOWN])}{more}; "
            f"{_advice(own, given)}"
        )
    model.load_state_dict(own | adapted)
    for line in said:
        report(f"pretrained {path}: {line}")
    report(f"pretrained {path}: {len(adapted)} of {len(own)} tensors loaded")


def adapt_stem(weight: Tensor, channels: int) -> Tensor:
    """Stem weights (O, C, 1, k, k) for another number of channels, see `load_pretrained`."""
    scale = weight.shape[1] / channels
    return (weight.float().mean(dim=1, keepdim=True) * scale).repeat(1, channels, 1, 1, 1)


def _unexpected(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    return [
        f"{name} is unexpected"
        for name in given
        if name not in own and not name.startswith(SEMANTIC)
    ]


def _advice(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """What to do about a checkpoint that does not fit."""
    if any(name.endswith(".gcn.alpha") for name in given):
        return (
            "it is AAGCN of PySKL or MMAction2, whose graph convolution is another one than that "
            "of 2s-AGCN, and no setting makes it fit: take weights of ST-GCN or PoseC3D"
        )
    if any(".st_gcn_networks." in name for name in given):
        return (
            "it is ST-GCN of MMAction2 0.x, which is another network: take that of MMAction2 1.x "
            "or PySKL"
        )
    if not any(name in own for name in given if name.startswith("backbone.")):
        return (
            "its names are neither PySKL's nor MMAction2 1.x's, nor of MViT torchvision's nor "
            "PySlowFast's: take a checkpoint of those, or of this project"
        )
    return "give the variant the `network` settings that the checkpoint was trained with"


def _differs_in(one: Tensor, other: Tensor, axis: int) -> bool:
    """Whether two shapes are equal but for one axis."""
    shapes = [list(tensor.shape) for tensor in (one, other)]
    if any(len(shape) <= axis for shape in shapes):
        return False
    for shape in shapes:
        shape[axis] = 0
    return shapes[0] == shapes[1]


def _fresh(name: str, value: Tensor | None, fresh: Tensor) -> str:
    """Say why a tensor keeps its fresh weights; nothing where it must not."""
    if name.startswith(SEMANTIC):
        return "the semantic head is fresh"
    if value is None:
        return ""
    if name.startswith(CLASSIFIER) and _differs_in(value, fresh, 0):
        return f"the classifier is fresh: {len(fresh)} classes instead of {len(value)}"
    if _GRAPH.match(name) and value.dim() == fresh.dim():
        return "the graph and the input norm are fresh: another number of joints"
    return ""
