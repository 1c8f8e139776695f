"""How weights change: the optimizer, the learning rate of each step, the average of the weights."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from microgesture.settings.training import Training

SECOND_MOMENT = 0.999
"""AdamW's decay of the squared gradients; that of the gradients is the config's momentum."""
WARM_UP, START = 0.3, 1 / 25
"""Of ``one_cycle``: share of the steps until the peak, and share of the peak to start from."""
INSIDE = "backbone.networks."
"""What the names of the parameters of networks inside a fusion begin with."""
_BLOCK = re.compile(r"(?:^|\.)blocks\.(\d+)\.")


def new_optimizer(
    recipe: Training, parameters: Sequence[nn.Parameter], scales: Sequence[float] | None = None
) -> torch.optim.Optimizer:
    """The optimizer of a config's ``training``: ``sgd`` or ``adamw`` (Loshchilov & Hutter 2019).

    It has a group of parameters for each of the ``scales`` of the learning rate, see `rate_scales`.
    """
    rate, decay = recipe.learning_rate, recipe.weight_decay
    scaled: dict[float, list[nn.Parameter]] = {}
    for parameter, scale in zip(parameters, scales or [1.0] * len(parameters), strict=True):
        scaled.setdefault(scale, []).append(parameter)
    groups = [{"params": found, "scale": scale} for scale, found in scaled.items()]
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, SECOND_MOMENT)
        return torch.optim.AdamW(groups, rate, betas, weight_decay=decay, fused=True)
    momentum = recipe.momentum
    return torch.optim.SGD(groups, rate, momentum, weight_decay=decay, fused=True)


def rate_scales(model: nn.Module, decay: float, backbones: float = 1.0) -> list[float]:
    """What the rate of each trainable parameter is multiplied by (Bao et al. 2022, BEiT).

    Parameters before the first of ``blocks`` are layer 0, those of block n layer n + 1, and those
    after the last block a layer more; each layer has ``decay`` times the rate of the next. Of a
    network without blocks all are 1. Of a fusion that holds the networks of its sources, these have
    ``backbones`` times the rate of the rest.
    """
    trained = [one.requires_grad for one in model.parameters()]
    names = [name for name, _ in model.named_parameters()]
    if any(name.startswith(INSIDE) for name in names):
        scales = [backbones if name.startswith(INSIDE) else 1.0 for name in names]
    else:
        layers = layers_of(model)
        scales = [decay ** (max(layers) - layer) for layer in layers]
    return [scale for scale, learned in zip(scales, trained, strict=True) if learned]


def layers_of(model: nn.Module) -> list[int]:
    """Layer of each parameter: 0 before the blocks, 1 of the first, one more after the last."""
    layers, reached = [], 0
    for name, _ in model.named_parameters():
        if found := _BLOCK.search(name):
            reached = int(found[1]) + 1
            layers.append(reached)
        else:
            layers.append(reached + (reached > 0))
    return layers


def learning_rate(schedule: str, peak: float, share: float, warm_up: float = WARM_UP) -> float:
    """Learning rate after a share of a phase's steps.

    Parameters
    ----------
    schedule : {'cosine', 'one_cycle'}
        A fall from the peak to zero along half a cosine; or a rise to it first, from `START` of it
        in the first ``warm_up`` of the steps along half a cosine (Smith & Topin 2019).
    peak : float
    share : float
        From 0 to below 1.
    warm_up : float

    """
    if schedule == "one_cycle":
        if share < warm_up:
            return peak * (START + (1 - START) * (1 - np.cos(np.pi * share / warm_up)) / 2)
        share = (share - warm_up) / (1 - warm_up)
    return peak * (1 + np.cos(np.pi * share)) / 2


def new_average(model: nn.Module, decay: float) -> AveragedModel | None:
    """An exponential moving average of a model's weights and batch norm statistics.

    After each step it keeps ``decay`` of what it was; the first step is taken whole. None where
    ``decay`` is 0.
    """
    if not decay:
        return None
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return average.requires_grad_(False)


def pack(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor], average: AveragedModel | None
) -> dict[str, Tensor]:
    """All that steps depend on besides the weights: what `restore` takes."""
    state = {
        f"optimizer.{number}.{name}": value
        for number, parameter in enumerate(parameters)
        for name, value in optimizer.state[parameter].items()
        if isinstance(value, Tensor)
    }
    averaged = {} if average is None else average.state_dict()
    return state | {f"average.{name}": value for name, value in averaged.items()}


def restore(
    tensors: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
    average: AveragedModel | None,
) -> None:
    """Take over what `pack` gave, in place."""
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            number, _, key = rest.partition(".")
            parameter = parameters[int(number)]
            # in the parameter's own order of axes in memory, which fused steps rely on
            like = torch.empty_like(parameter) if value.shape == parameter.shape else value.clone()
            optimizer.state[parameter][key] = like.copy_(value)
    if average is not None:
        average.load_state_dict(
            {n.removeprefix("average."): v for n, v in tensors.items() if n.startswith("average.")}
        )
