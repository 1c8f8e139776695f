"""Training of a detector by windows of recordings, so that memory does not grow with them."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microgesture.inputs.base import to_device
from microgesture.inputs.loader import DROPOUT, FRAMES, ORDER, rng_for, seed_torch
from microgesture.models.temporal_detector import TemporalDetector, steps
from microgesture.online.source import RecordingSource, Window
from microgesture.online.targets import IGNORED, assign, loss
from microgesture.settings.online import TemporalStep
from microgesture.training.course import Course, WindowTraining
from microgesture.training.optimization import new_average
from microgesture.training.resume import Keeper
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
        See `WindowTraining`.
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
    run = _DetectorTraining(model, source, config, seed, keeper, report)
    course = run.go()
    kept = run.average.module.state_dict()
    return course, {name: value.detach().cpu() for name, value in kept.items()}


class _DetectorTraining(WindowTraining):
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
        self.keys = source.keys(source.rows["train"], config.window)
        recipe = config.training
        steps = len(self.keys) // recipe.batch
        if not steps:
            raise InputError(
                f"{config.name}: training.batch is {recipe.batch}, but the training "
                f"recordings give {len(self.keys)} windows; lower it to at most that"
            )
        optimizer = torch.optim.AdamW(
            model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        average = new_average(model, AVERAGED)
        assert average is not None
        self.average = average
        super().__init__(config.name, model, recipe, steps, optimizer, average, keeper, report)

    def take_steps(self) -> None:
        """See `WindowTraining.take_steps`."""
        course, size = self.course, self.recipe.batch
        order = rng_for(ORDER, self.seed, course.epoch).permutation(len(self.keys))
        for at in range(course.step * size, self.steps * size, size):
            asked = time.perf_counter()
            windows = [
                self.source.drawn(
                    self.keys[one][0], self.config, rng_for(FRAMES, self.seed, course.epoch, one)
                )
                for one in map(int, order[at : at + size])
            ]
            batch = Batch(windows, self.model, self.device)
            waited = time.perf_counter() - asked
            seed_torch(DROPOUT, self.seed, course.epoch, course.step)
            told = self.model(batch.features, batch.counts)
            self.learn(loss(told, batch.labels, batch.away), waited)

    def judge(self) -> dict[str, float]:
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
