"""Pre-training without labels: windows of recordings, of which most is hidden and to be told."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microgesture.data.clip_file import Clips
from microgesture.inputs.base import to_device
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.loader import DROPOUT, MASK, ORDER, Loader, rng_for, seed_torch
from microgesture.inputs.points import PointInput
from microgesture.inputs.windows import Windows, shown
from microgesture.models.masked_autoencoder import MaskedAutoencoder
from microgesture.settings.pretraining import PretrainingStep
from microgesture.training.course import Course, WindowTraining
from microgesture.training.resume import Keeper
from microgesture.utils.errors import InputError

BETAS = (0.9, 0.95)
"""AdamW's, as in MAE and MAMP."""
JUDGED = 512
"""Validation windows at most, spread evenly over all."""


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
        See `WindowTraining`.
    report : callable
        Given each epoch's entry.

    Raises
    ------
    InputError
        With too few windows, and when the error is not finite.
    Stopped
        On a signal, when the state is saved.

    """
    run = _Pretraining(model, source, config, dtype, workers, keeper, report)
    with closing(run.loader):
        return run.go()


class _Pretraining(WindowTraining):
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
        self.train, self.val = window_rows(source.records, config)
        recipe = config.training
        steps = len(self.train) // recipe.batch
        optimizer = torch.optim.AdamW(
            model.parameters(),
            recipe.learning_rate,
            BETAS,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        super().__init__(config.name, model, recipe, steps, optimizer, None, keeper, report)
        dataset = Windows(source, config.length, config.shortest, config.seed)
        self.loader = Loader(dataset, workers, self.device)

    def take_steps(self) -> None:
        """See `WindowTraining.take_steps`."""
        course, size = self.course, self.recipe.batch
        order = rng_for(ORDER, self.config.seed, course.epoch).permutation(self.train)
        keys = [(int(row), course.epoch, place) for place, row in enumerate(order)]
        starts = range(course.step * size, self.steps * size, size)
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
            seed_torch(DROPOUT, *place)
            self.learn(self._error(x, place), self.loader.waited - waited)
            waited = self.loader.waited

    def _error(self, x: Tensor, place: tuple[int, ...]) -> Tensor:
        tokens = x.shape[1] // self.model.backbone.patch * x.shape[2]
        noise = to_device(gumbel((len(x), tokens), place), self.device)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            error: Tensor = self.model(x, noise)
        return error

    def judge(self) -> dict[str, float]:
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


def plain(source: PointInput, samples: Tensor, device: torch.device) -> Tensor:
    """A batch as the network is fed, (N, T, V, 3), neither cropped nor turned."""
    return source.assemble(samples, full_frame(len(samples)), training=False, device=device)[:, 0]
