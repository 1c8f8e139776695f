"""Training of a detector by windows of recordings, so that memory does not grow with them."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from microgesture.inputs.base import to_device
from microgesture.inputs.loader import DROPOUT, FRAMES, ORDER, rng_for, seed_torch
from microgesture.models.temporal_detector import TemporalDetector, steps
from microgesture.online.source import RecordingSource, Window
from microgesture.online.targets import IGNORED, assign, loss
from microgesture.settings.online import TemporalStep
from microgesture.training.optimization import new_average, pack, restore
from microgesture.training.pretrain import Course, rate_at
from microgesture.training.resume import Keeper, Stopped
from microgesture.training.schedule import part
from microgesture.utils.errors import InputError

AVERAGED = 0.99
"""What the average of the weights, which is kept, holds on to in a step."""


class Batch:
    """Windows stacked on a device, with what each position is to tell."""

    def __init__(
        self, windows: list[Window], model: TemporalDetector, device: torch.device
    ) -> None:
        frames = len(windows[0].counts)
        wanted = [assign(one.segments, frames, model.network) for one in windows]
        labels = np.stack([each for each, _ in wanted])
        there = np.stack([one.counts for one in windows])
        labels[~_counted(there, model)] = IGNORED
        self.features = to_device(np.stack([one.features for one in windows]), device)
        self.counts = to_device(there, device)
        self.labels = to_device(labels, device)
        self.away = to_device(np.stack([each for _, each in wanted]).astype(np.float32), device)


def _counted(there: np.ndarray, model: TemporalDetector) -> np.ndarray:
    """Whether a position of each scale has any frame, bool (B, P)."""
    scales = []
    for step in steps(model.network):
        cells = there[:, : there.shape[1] // step * step]
        scales.append(cells.reshape(len(there), -1, step).any(axis=2))
    return np.concatenate(scales, axis=1)


def train_detector(
    model: TemporalDetector,
    source: RecordingSource,
    config: TemporalStep,
    seed: int,
    *,
    keeper: Keeper | None = None,
    report: Callable[[dict[str, Any]], None] = lambda entry: None,
) -> tuple[Course, dict[str, Tensor]]:
    """Train a detector; the average of its weights over the last steps is kept.

    Parameters
    ----------
    model : TemporalDetector
        On the device to train on.
    source : RecordingSource
    config : TemporalStep
    seed : int
    keeper : Keeper, optional
        As in `microgesture.training.pretrain.pretrain`.
    report : callable
        Given each epoch's entry.

    Returns
    -------
    Course
    dict of Tensor
        The weights that are kept, on the CPU.

    Raises
    ------
    InputError
        With too few recordings, and when the loss is not finite.
    Stopped
        On a signal, when the state is saved.

    """
    return _Run(model, source, config, seed, keeper, report).go()


class _Run:
    """The course of one training, see `train_detector`."""

    def __init__(
        self,
        model: TemporalDetector,
        source: RecordingSource,
        config: TemporalStep,
        seed: int,
        keeper: Keeper | None,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self.model, self.source, self.config, self.seed = model, source, config, seed
        self.keeper, self.report, self.recipe = keeper, report, config.training
        self.device = next(model.parameters()).device
        self.keys = source.keys(source.rows["train"], config.window)
        self.steps = len(self.keys) // self.recipe.batch
        if not self.steps:
            raise InputError(
                f"{config.name}: training.batch is {self.recipe.batch}, but the training "
                f"recordings give {len(self.keys)} windows; lower it to at most that"
            )
        self.trained = list(model.parameters())
        self.optimizer = torch.optim.AdamW(
            self.trained, self.recipe.learning_rate, weight_decay=self.recipe.weight_decay
        )
        average = new_average(model, AVERAGED)
        assert average is not None
        self.average, self.course = average, Course()
        self.started = time.perf_counter()

    def go(self) -> tuple[Course, dict[str, Tensor]]:
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
                    f"{self.config.name}: the loss is not finite in epoch {course.epoch}; lower "
                    f"training.learning_rate, now {self.recipe.learning_rate}"
                )
            course.entries.append(entry)
            self.report(entry)
            course.epoch, course.step, course.total = course.epoch + 1, 0, 0.0
            self._keep(epoch_ends=True)
        self._clock()
        kept = self.average.module.state_dict()
        return course, {name: value.detach().cpu() for name, value in kept.items()}

    def _rate(self, step: int) -> float:
        done = (self.course.epoch - 1) * self.steps + step
        return rate_at(self.recipe, (done + 1) / (self.recipe.epochs * self.steps))

    def _steps(self) -> None:
        """The steps of the running epoch that are left."""
        course, size = self.course, self.recipe.batch
        order = rng_for(ORDER, self.seed, course.epoch).permutation(len(self.keys))
        self.model.train()
        for at in range(course.step * size, self.steps * size, size):
            asked = time.perf_counter()
            windows = [
                self.source.drawn(
                    self.keys[one][0], self.config, rng_for(FRAMES, self.seed, course.epoch, one)
                )
                for one in map(int, order[at : at + size])
            ]
            batch = Batch(windows, self.model, self.device)
            course.spent["data"] += time.perf_counter() - asked
            course.total += self._step(batch)
            course.step += 1
            course.spent["windows"] += size
            self._keep(epoch_ends=False)

    def _step(self, batch: Batch) -> float:
        seed_torch(DROPOUT, self.seed, self.course.epoch, self.course.step)
        error = loss(self.model(batch.features, batch.counts), batch.labels, batch.away)
        self.optimizer.zero_grad(set_to_none=True)
        error.backward()
        nn.utils.clip_grad_norm_(self.trained, self.recipe.max_gradient_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(self.course.step)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        return float(error.detach())

    def _judge(self) -> dict[str, float]:
        """Loss on validation windows of the average, which is for the curve alone."""
        starts = [
            (row, at)
            for row in self.source.rows["val"]
            for at in range(0, self.source.frames(row), self.config.window)
        ]
        if not starts:
            return {}
        self.average.eval()
        total, size = 0.0, self.recipe.batch
        with torch.inference_mode():
            for first in range(0, len(starts), size):
                windows = [
                    self.source.window(row, at, self.config.window)
                    for row, at in starts[first : first + size]
                ]
                batch = Batch(windows, self.model, self.device)
                told = self.average(batch.features, batch.counts)
                total += len(windows) * float(loss(told, batch.labels, batch.away))
        return {"val_loss": total / len(starts)}

    def _keep(self, epoch_ends: bool) -> None:
        """Save if it is time; stop if a signal asks for it."""
        keeper, course = self.keeper, self.course
        if keeper is None or not (keeper.signalled or keeper.due(epoch_ends)):
            return
        self._clock()
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= pack(self.optimizer, self.trained, self.average)
        keeper.save(vars(course), {n: v.detach().cpu().contiguous() for n, v in tensors.items()})
        if keeper.signalled:
            raise Stopped(
                keeper.signalled,
                f"{self.config.name}: stopped in epoch {course.epoch} after step {course.step} of "
                f"{self.steps}; the same command goes on from there",
            )

    def _restore(self) -> None:
        """Take over the state that was saved, if there is one."""
        state = None if self.keeper is None else self.keeper.load()
        if state is None:
            return
        self.course = Course(**state[0])
        self.course.spent["resumed"] += 1
        self.model.load_state_dict(part(state[1], "model."))
        restore(state[1], self.optimizer, self.trained, self.average)

    def _clock(self) -> None:
        now = time.perf_counter()
        self.course.spent["total"] += now - self.started
        self.started = now
