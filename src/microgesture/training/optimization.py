"""How weights change: the optimizer, the learning rate of each step, the average of the weights."""

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


def new_optimizer(recipe: Training, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of a config's ``training``: ``sgd`` or ``adamw`` (Loshchilov & Hutter 2019)."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, SECOND_MOMENT)
        return torch.optim.AdamW(parameters, rate, betas, weight_decay=decay, fused=True)
    momentum = recipe.momentum
    return torch.optim.SGD(parameters, rate, momentum, weight_decay=decay, fused=True)


def learning_rate(schedule: str, peak: float, share: float) -> float:
    """Learning rate after a share of a phase's steps.

    Parameters
    ----------
    schedule : {'cosine', 'one_cycle'}
        A fall from the peak to zero along half a cosine; or a rise to it first, from `START` of it
        in the first `WARM_UP` of the steps along half a cosine (Smith & Topin 2019).
    peak : float
    share : float
        From 0 to below 1.

    """
    if schedule == "one_cycle":
        if share < WARM_UP:
            return peak * (START + (1 - START) * (1 - np.cos(np.pi * share / WARM_UP)) / 2)
        share = (share - WARM_UP) / (1 - WARM_UP)
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
