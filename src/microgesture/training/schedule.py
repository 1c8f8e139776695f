"""The course of a training: its phases, and how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from microgesture.settings.training import Training
from microgesture.settings.training_step import TrainingStep
from microgesture.training.resume import State

_PLAIN = ("epoch", "step", "entries", "best", "best_epoch", "spent")


@dataclass(frozen=True)
class Phase:
    """A run of epochs with one optimizer and one fall of the learning rate to zero.

    Attributes
    ----------
    first, last : int
        Its epochs.
    sampling : str
        See `epoch_order`.
    head : bool
        Whether the linear classifier is trained alone, from fresh weights on the best epoch's
        frozen backbone (Kang et al. 2020, classifier re-training).

    """

    first: int
    last: int
    sampling: str
    head: bool


def phases(recipe: Training) -> list[Phase]:
    """The phases of a training, from the config's ``training``."""
    epochs, more = recipe.epochs, recipe.balanced_head_epochs
    whole = Phase(1, epochs, recipe.sampling, head=False)
    return [whole, Phase(epochs + 1, epochs + more, "class_balanced", head=True)][: 1 + (more > 0)]


def epoch_line(config: TrainingStep, run: str, entry: Mapping[str, Any]) -> str:
    """What a person watching a training is told of an epoch."""
    checked = f", validation {entry['val_top1']:.1%}" if "val_top1" in entry else ""
    return (
        f"{config.variant} {run}: epoch {entry['epoch']} of "
        f"{phases(config.training)[-1].last}, loss {entry['train_loss']:.3f}, "
        f"train {entry['train_top1']:.1%}{checked}"
    )


@dataclass
class Progress:
    """How far a training is: what, with weights and momentum, a resumed one needs to know.

    Attributes
    ----------
    epoch, step : int
        The running epoch, and its steps that are done.
    sums : Tensor, float64 (2,)
        Loss times clips and correct clips of these steps, this process's share.
    entries : list of dict
        The epochs that are done.
    best : list of float
        Validation top-1 and minus the loss of the phase's best epoch; empty before there is one.
    best_epoch : int
    best_state : dict of Tensor
        Its weights, on the CPU.
    spent : dict of float
        Seconds by what they were spent on, clips trained on, and how often it was resumed.

    """

    epoch: int
    step: int
    sums: Tensor
    entries: list[dict[str, Any]] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)
    spent: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(
            ("total", "data", "validation", "saving", "clips", "resumed"), 0.0
        )
    )

    def pack(self, sums: Tensor, model: nn.Module, steps: Mapping[str, Tensor]) -> State:
        """All that a resumed training needs.

        ``sums`` are those of every process, by rank, and ``steps`` is what
        `microgesture.training.optimization.pack` gives.
        """
        tensors = {
            "sums": sums,
            **{f"model.{name}": value for name, value in model.state_dict().items()},
            **{f"best.{name}": value for name, value in self.best_state.items()},
            **steps,
        }
        metadata = {name: getattr(self, name) for name in _PLAIN}
        return metadata, {n: value.detach().cpu().contiguous() for n, value in tensors.items()}


def unpack(state: State, rank: int, device: torch.device) -> Progress:
    """What `Progress.pack` packed, for the process ``rank``."""
    metadata, tensors = state
    return Progress(
        **{name: metadata[name] for name in _PLAIN},
        sums=tensors["sums"][rank].to(device),
        best_state=part(tensors, "best."),
    )


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The packed tensors whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
