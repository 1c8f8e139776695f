"""The course of a training by windows of recordings: its epochs, their saves and stops.

What windows are drawn and what they are to tell differs, and is left to `WindowTraining`'s heirs.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from microgesture.settings.pretraining import PretrainingRecipe
from microgesture.training.optimization import pack, restore
from microgesture.training.resume import Keeper, Stopped
from microgesture.training.schedule import part
from microgesture.utils.errors import InputError


@dataclass
class Course:
    """How far a training is.

    Attributes
    ----------
    epoch, step : int
        The running epoch, and its steps that are done.
    entries : list of dict
        The epochs that are done.
    total : float
        Loss of the running epoch's steps, summed.
    spent : dict of float
        Seconds in all and for loading, windows that were trained on, how often it was resumed.

    """

    epoch: int = 1
    step: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)
    total: float = 0.0
    spent: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("total", "data", "windows", "resumed"), 0.0)
    )


def rate_at(recipe: PretrainingRecipe, share: float) -> float:
    """Learning rate after a share of the steps: a straight rise, then half a cosine.

    It falls to ``final_rate`` of the highest.
    """
    if share < recipe.warm_up:
        return recipe.learning_rate * share / recipe.warm_up
    done = (share - recipe.warm_up) / (1 - recipe.warm_up)
    lowest = recipe.final_rate
    return recipe.learning_rate * float(lowest + (1 - lowest) * (1 + np.cos(np.pi * done)) / 2)


class WindowTraining(ABC):
    """A training whose last weights are kept.

    Parameters
    ----------
    name : str
        For messages.
    model : Module
        On the device to train on.
    recipe : PretrainingRecipe
    steps : int
        Of an epoch.
    optimizer : Optimizer
        Of all of the model's parameters.
    average : AveragedModel, optional
        Of the weights, which goes on with every step.
    keeper : Keeper, optional
        Goes on from the state it has, saves now and then, and stops on a signal. The result is
        that of an undisturbed training, byte for byte, on the same machine.
    report : callable
        Given each epoch's entry.

    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        recipe: PretrainingRecipe,
        steps: int,
        optimizer: torch.optim.Optimizer,
        average: AveragedModel | None,
        keeper: Keeper | None,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._name, self._network, self.recipe, self.steps = name, model, recipe, steps
        self._optimizer, self._average = optimizer, average
        self._keeper, self._report = keeper, report
        self.device = next(model.parameters()).device
        self._trained = list(model.parameters())
        self.course, self._started = Course(), time.perf_counter()

    @abstractmethod
    def take_steps(self) -> None:
        """Take the steps of the running epoch that are left, each with `learn`."""

    @abstractmethod
    def judge(self) -> dict[str, float]:
        """What the curve shows of the validation recordings; nothing without any."""

    def go(self) -> Course:
        """All epochs that are left.

        Raises
        ------
        InputError
            When the loss is not finite.
        Stopped
            On a signal, when the state is saved.

        """
        self._restore()
        course = self.course
        while course.epoch <= self.recipe.epochs:
            rate = self._rate(0)
            self._network.train()
            self.take_steps()
            entry = {
                "epoch": course.epoch,
                "learning_rate": rate,
                "train_loss": course.total / self.steps,
                **self.judge(),
            }
            if not np.isfinite(entry["train_loss"]):
                raise InputError(
                    f"{self._name}: the loss is not finite in epoch {course.epoch}; lower "
                    f"training.learning_rate, now {self.recipe.learning_rate}"
                )
            course.entries.append(entry)
            self._report(entry)
            course.epoch, course.step, course.total = course.epoch + 1, 0, 0.0
            self._keep(epoch_ends=True)
        self._clock()
        return course

    def learn(self, loss: Tensor, waited: float) -> None:
        """Take the step of a batch with this loss, for which was waited so many seconds."""
        course = self.course
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained, self.recipe.max_gradient_norm, foreach=True)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(course.step)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._network)
        course.total += float(loss.detach())
        course.step += 1
        course.spent["windows"] += self.recipe.batch
        course.spent["data"] += waited
        self._keep(epoch_ends=False)

    def _rate(self, step: int) -> float:
        """Learning rate of a step of the running epoch."""
        done = (self.course.epoch - 1) * self.steps + step
        return rate_at(self.recipe, (done + 1) / (self.recipe.epochs * self.steps))

    def _keep(self, epoch_ends: bool) -> None:
        """Save if it is time; stop if a signal asks for it."""
        keeper, course = self._keeper, self.course
        if keeper is None or not (keeper.signalled or keeper.due(epoch_ends)):
            return
        self._clock()
        tensors = {f"model.{name}": value for name, value in self._network.state_dict().items()}
        tensors |= pack(self._optimizer, self._trained, self._average)
        keeper.save(vars(course), {n: v.detach().cpu().contiguous() for n, v in tensors.items()})
        if keeper.signalled:
            raise Stopped(
                keeper.signalled,
                f"{self._name}: stopped in epoch {course.epoch} after step {course.step} of "
                f"{self.steps}; the same command goes on from there",
            )

    def _restore(self) -> None:
        """Take over the state that was saved, if there is one."""
        state = None if self._keeper is None else self._keeper.load()
        if state is None:
            return
        self.course = Course(**state[0])
        self.course.spent["resumed"] += 1
        self._network.load_state_dict(part(state[1], "model."))
        restore(state[1], self._optimizer, self._trained, self._average)

    def _clock(self) -> None:
        """Book the seconds since the last call."""
        now = time.perf_counter()
        self.course.spent["total"] += now - self._started
        self._started = now
