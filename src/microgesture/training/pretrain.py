"""Pre-training without labels: windows of recordings, of which most is hidden and to be told."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from microgesture.data.clip_file import Clips
from microgesture.inputs.base import to_device
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.loader import DROPOUT, MASK, ORDER, Loader, rng_for, seed_torch
from microgesture.inputs.points import PointInput
from microgesture.inputs.windows import Windows, shown
from microgesture.models.masked_autoencoder import MaskedAutoencoder
from microgesture.settings.pretraining import PretrainingRecipe, PretrainingStep
from microgesture.training.optimization import pack, restore
from microgesture.training.resume import Keeper, State, Stopped
from microgesture.training.schedule import part
from microgesture.utils.errors import InputError

BETAS = (0.9, 0.95)
"""AdamW's, as in MAE and MAMP."""
JUDGED = 512
"""Validation windows at most, spread evenly over all."""


def rate_at(recipe: PretrainingRecipe, share: float) -> float:
    """Learning rate after a share of the steps: a straight rise, then half a cosine.

    It falls to ``final_rate`` of the highest.
    """
    if share < recipe.warm_up:
        return recipe.learning_rate * share / recipe.warm_up
    done = (share - recipe.warm_up) / (1 - recipe.warm_up)
    lowest = recipe.final_rate
    return recipe.learning_rate * float(lowest + (1 - lowest) * (1 + np.cos(np.pi * done)) / 2)


def window_rows(records: Clips, config: PretrainingStep) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are learned from, and some that only the curve is of.

    Raises
    ------
    InputError
        Where there are fewer windows to learn from than in a step.

    """
    splits = records.index["split"]
    train = np.flatnonzero(splits.isin(config.splits))
    val = np.flatnonzero(splits == "val")
    if len(train) < config.training.batch:
        raise InputError(
            f"{config.name}: training.batch is {config.training.batch}, but {records.path} has "
            f"{len(train)} windows in {' and '.join(config.splits)}; lower it to at most that"
        )
    return train, val[:: max(len(val) // JUDGED, 1)]


def gumbel(shape: tuple[int, ...], place: tuple[int, ...]) -> Tensor:
    """Noise that decides what is hidden at one place of the training."""
    return torch.from_numpy(rng_for(MASK, *place).gumbel(size=shape).astype(np.float32))


@dataclass
class Course:
    """How far a pre-training is.

    Attributes
    ----------
    epoch, step : int
        The running epoch, and its steps that are done.
    entries : list of dict
        The epochs that are done.
    total : float
        Error of the running epoch's steps, summed.
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


def pretrain(
    model: MaskedAutoencoder,
    source: PointInput,
    config: PretrainingStep,
    *,
    dtype: torch.dtype = torch.float32,
    workers: int = 0,
    keeper: Keeper | None = None,
    report: Callable[[dict[str, Any]], None] = lambda entry: None,
) -> Course:
    """Train encoder and decoder; the model holds the last epoch's weights afterwards.

    Parameters
    ----------
    model : MaskedAutoencoder
        On the device to train on.
    source : PointInput
        Of prepared windows.
    config : PretrainingStep
    dtype : torch.dtype
        Precision of the products (autocast); weights and errors stay float32.
    workers : int
        Processes that load; the result is the same for any number.
    keeper : Keeper, optional
        Goes on from the state it has, saves now and then, and stops on a signal. The result is
        that of an undisturbed training, byte for byte, on the same machine.
    report : callable
        Given each epoch's entry.

    Raises
    ------
    InputError
        With too few windows, and when the error is not finite.
    Stopped
        On a signal, when the state is saved.

    """
    run = _Run(model, source, config, dtype, workers, keeper, report)
    with closing(run.loader):
        return run.go()


class _Run:
    """The course of one pre-training, see `pretrain`."""

    def __init__(
        self,
        model: MaskedAutoencoder,
        source: PointInput,
        config: PretrainingStep,
        dtype: torch.dtype,
        workers: int,
        keeper: Keeper | None,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self.model, self.source, self.config, self.dtype = model, source, config, dtype
        self.keeper, self.report, self.recipe = keeper, report, config.training
        self.device = next(model.parameters()).device
        self.train, self.val = window_rows(source.records, config)
        self.steps = len(self.train) // self.recipe.batch
        dataset = Windows(source, config.length, config.shortest, config.seed)
        self.loader = Loader(dataset, workers, self.device)
        self.trained = list(model.parameters())
        self.optimizer = torch.optim.AdamW(
            self.trained,
            self.recipe.learning_rate,
            BETAS,
            weight_decay=self.recipe.weight_decay,
            fused=True,
        )
        self.course, self.started = Course(), time.perf_counter()

    def go(self) -> Course:
        self._restore()
        course = self.course
        while course.epoch <= self.recipe.epochs:
            rate = self._rate(0)
            self._steps()
            entry = {
                "epoch": course.epoch,
                "learning_rate": rate,
                "train_loss": course.total / self.steps,
                **self._judge(),
            }
            if not np.isfinite(entry["train_loss"]):
                raise InputError(
                    f"{self.config.name}: the error is not finite in epoch {course.epoch}; lower "
                    f"training.learning_rate, now {self.recipe.learning_rate}"
                )
            course.entries.append(entry)
            self.report(entry)
            course.epoch, course.step, course.total = course.epoch + 1, 0, 0.0
            self._keep(epoch_ends=True)
        self._clock()
        return course

    def _rate(self, step: int) -> float:
        """Learning rate of a step of the running epoch."""
        done = (self.course.epoch - 1) * self.steps + step
        return rate_at(self.recipe, (done + 1) / (self.recipe.epochs * self.steps))

    def _steps(self) -> None:
        """The steps of the running epoch that are left."""
        course, size = self.course, self.recipe.batch
        order = rng_for(ORDER, self.config.seed, course.epoch).permutation(self.train)
        keys = [(int(row), course.epoch, place) for place, row in enumerate(order)]
        starts = range(course.step * size, self.steps * size, size)
        self.model.train()
        waited = self.loader.waited
        for samples, _ in self.loader.batches([[*keys[at : at + size]] for at in starts]):
            place = (self.config.seed, course.epoch, course.step)
            x = shown(
                self.source,
                samples,
                self.config.augment,
                self.config.rotation,
                place,
                self.device,
            )
            course.total += self._step(x, place)
            course.step += 1
            course.spent["windows"] += size
            course.spent["data"] += self.loader.waited - waited
            waited = self.loader.waited
            self._keep(epoch_ends=False)

    def _step(self, x: Tensor, place: tuple[int, ...]) -> float:
        seed_torch(DROPOUT, *place)
        loss = self._error(x, place)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, self.recipe.max_gradient_norm, foreach=True)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(self.course.step)
        self.optimizer.step()
        return float(loss.detach())

    def _error(self, x: Tensor, place: tuple[int, ...]) -> Tensor:
        tokens = x.shape[1] // self.model.backbone.patch * x.shape[2]
        noise = to_device(gumbel((len(x), tokens), place), self.device)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            error: Tensor = self.model(x, noise)
        return error

    def _judge(self) -> dict[str, float]:
        """Error on validation windows, whole and with the same masks in every epoch."""
        if not len(self.val):
            return {}
        size, total = self.recipe.batch, 0.0
        keys: list[tuple[int, ...]] = [(int(row), 0, n) for n, row in enumerate(self.val)]
        groups = [[*keys[at : at + size]] for at in range(0, len(keys), size)]
        self.model.eval()
        with torch.inference_mode():
            for number, (samples, _) in enumerate(self.loader.batches(groups)):
                x = plain(self.source, samples, self.device)
                total += len(x) * float(self._error(x, (self.config.seed, 0, number)))
        return {"val_loss": total / len(self.val)}

    def _keep(self, epoch_ends: bool) -> None:
        """Save if it is time; stop if a signal asks for it."""
        keeper, course = self.keeper, self.course
        if keeper is None or not (keeper.signalled or keeper.due(epoch_ends)):
            return
        self._clock()
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= pack(self.optimizer, self.trained, None)
        keeper.save(vars(course), {n: v.detach().cpu().contiguous() for n, v in tensors.items()})
        if keeper.signalled:
            raise Stopped(
                keeper.signalled,
                f"{self.config.name}: stopped in epoch {course.epoch} after step {course.step} of "
                f"{self.steps}; the same command goes on from there",
            )

    def _restore(self) -> None:
        """Take over the state that was saved, if there is one."""
        state: State | None = None if self.keeper is None else self.keeper.load()
        if state is None:
            return
        self.course = Course(**state[0])
        self.course.spent["resumed"] += 1
        self.model.load_state_dict(part(state[1], "model."))
        restore(state[1], self.optimizer, self.trained, None)

    def _clock(self) -> None:
        """Book the seconds since the last call."""
        now = time.perf_counter()
        self.course.spent["total"] += now - self.started
        self.started = now


def plain(source: PointInput, samples: Tensor, device: torch.device) -> Tensor:
    """A batch as the network is fed, (N, T, V, 3), neither cropped nor turned."""
    return source.assemble(samples, full_frame(len(samples)), training=False, device=device)[:, 0]
