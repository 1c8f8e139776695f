"""Training one variant with one seed: the paper's recipe, the best epoch by validation.

A training is one or two phases, each a loop over epochs; epochs are counted through both.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microgesture.inputs.base import Input, to_device
from microgesture.inputs.geometry import random_geometry
from microgesture.inputs.loader import GEOMETRY, Loader, TrainingClips, rng_for
from microgesture.models.base import Recognizer
from microgesture.settings.training_step import TrainingStep
from microgesture.training.batches import choose_clips
from microgesture.training.distributed import ALONE, Processes, share_batch_norm
from microgesture.training.losses import objective
from microgesture.training.optimization import learning_rate
from microgesture.training.resume import Keeper, State, Stopped
from microgesture.training.schedule import Phase, Progress, part, phases, unpack
from microgesture.training.steps import Stepper, freeze_backbone, freeze_blocks, renew_head
from microgesture.training.validate import validate
from microgesture.utils.errors import InputError


def train(
    model: Recognizer,
    source: Input,
    config: TrainingStep,
    *,
    seed: int,
    embeddings: np.ndarray | None = None,
    pseudo: Mapping[str, int] | None = None,
    dtype: torch.dtype = torch.float32,
    workers: int = 0,
    keeper: Keeper | None = None,
    processes: Processes = ALONE,
    report: Callable[[dict[str, Any]], None] = lambda entry: None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train on the split ``train`` and keep the weights of the epoch that was best on ``val``.

    Best is the highest top-1, of equals the lowest loss, of equals the earliest epoch; one
    that is not validated is never kept. The learning rate belongs to the configured batch size.

    Parameters
    ----------
    model : Recognizer
        On the device to train on; holds the last epoch's weights afterwards.
    source : Input
    config : TrainingStep
        Logit adjustment knows the clips' classes, not how they are sampled; neither it nor label
        embeddings are used in the epochs of a balanced head (see `Phase`). See also
        `random_geometry`, `long_tailed`, `new_optimizer`, `learning_rate`, `new_average`,
        `epoch_order` and `Objective`.
    seed : int
        Seeds order, frames, geometry and dropout; the caller seeds torch before it builds the
        model.
    embeddings : ndarray, float32 (K, D), optional
        Label embeddings for the semantic loss.
    pseudo : mapping, optional
        Classes of training clips without a label, see `choose_clips`.
    dtype : torch.dtype
        Precision of the training step's products (autocast); weights and inference stay float32.
    workers : int
        Processes that load data; the result is the same for any number.
    keeper : Keeper, optional
        Goes on from the state it has, saves now and then, and stops on a signal. The result is
        that of an undisturbed training, byte for byte, on the same machine.
    processes : Processes
        Those that train together; each gets equal weights, the first one the result.
    report : callable
        Given each epoch's entry as soon as it is known, in the first process.

    Returns
    -------
    state : dict of Tensor
        The best epoch's weights, of the last phase; of use in the first process alone.
    history : dict
        ``best_epoch``, ``epochs`` and ``spent`` (see `Progress`).

    Raises
    ------
    InputError
        Without training or validation clips, when the batch is larger than the training clips or
        cannot be shared by the processes, and when the loss is not finite.
    Stopped
        On a signal, when the state is saved.

    """
    trainer = _Trainer(
        model, source, config, seed, embeddings, pseudo, dtype, workers, keeper, processes, report
    )
    with closing(trainer.loader):
        return trainer.run()


class _Trainer:
    """The course of one training, see `train`: its epochs, their validation, saves and stops."""

    def __init__(
        self,
        model: Recognizer,
        source: Input,
        config: TrainingStep,
        seed: int,
        embeddings: np.ndarray | None,
        pseudo: Mapping[str, int] | None,
        dtype: torch.dtype,
        workers: int,
        keeper: Keeper | None,
        processes: Processes,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self.model, self.source, self.config, self.seed = model, source, config, seed
        self.dtype, self.keeper, self.embeddings = dtype, keeper, embeddings
        self.processes, self.report = processes, report
        self.recipe = config.training
        self.device = model.device
        self.clips = choose_clips(source.records, config, processes, seed, pseudo)
        if processes.count > 1:
            share_batch_norm(model)
        moves, span = self.recipe.augment_points, self.recipe.frame_span
        dataset = TrainingClips(source, config.temporal, config.length, seed, moves, span)
        self.loader = Loader(dataset, workers, self.device)
        self.progress = Progress(1, 0, self._zeros())
        self.started = time.perf_counter()

    def _zeros(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64, device=self.device)

    def run(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All phases, from the state that was saved."""
        state = self._restore()
        progress = self.progress
        for phase in phases(self.recipe):
            if progress.epoch > phase.last:
                continue
            stepper = self._begin(phase, state)
            while progress.epoch <= phase.last:
                self._epoch(phase, stepper)
        self._clock()
        return progress.best_state, {
            "best_epoch": progress.best_epoch,
            "epochs": progress.entries,
            "spent": progress.spent,
        }

    def _begin(self, phase: Phase, state: State | None) -> Stepper:
        """Set weights and what is trained up, at the phase's start or inside it."""
        progress = self.progress
        fresh = (progress.epoch, progress.step) == (phase.first, 0)
        if phase.head and fresh:
            if self.processes.rank == 0:  # the others get it when the model is wrapped
                self.model.load_state_dict(progress.best_state)
            renew_head(self.model, self.seed)
            progress.best = []
        if phase.head or self.recipe.frozen:
            freeze_backbone(self.model)
        elif self.recipe.frozen_blocks:
            freeze_blocks(self.model, self.recipe.frozen_blocks)
        goal = objective(
            self.clips.labels[self.clips.train],
            self.model.num_classes,
            smoothing=self.recipe.label_smoothing,
            tau=0 if phase.head else self.recipe.logit_adjustment,
            embeddings=None if phase.head else self.embeddings,
            weight=self.config.semantic_weight,
            device=self.device,
        )
        stepper = Stepper(self.model, goal, self.recipe, self.dtype, self.processes)
        if state is not None and not fresh:
            stepper.restore(state[1])
        return stepper

    def _epoch(self, phase: Phase, stepper: Stepper) -> None:
        """The steps of the running epoch that are left, and its validation."""
        progress = self.progress
        self._steps(phase, stepper)
        loss, hits = self._totals()
        measured = self._validate(phase, stepper)
        seen = self.clips.steps * self.clips.batch
        entry = {
            "epoch": progress.epoch,
            "learning_rate": self._rate(phase, 0),
            "train_loss": loss / seen,
            "train_top1": hits / seen,
            **measured,
            **({"phase": "head"} if phase.head else {}),
        }
        if self.processes.rank == 0:
            self._finish(entry, stepper.judged)
        progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, self._zeros()
        self._keep(stepper, epoch_ends=True)

    def _steps(self, phase: Phase, stepper: Stepper) -> None:
        progress, size = self.progress, self.clips.batch
        groups = self.clips.epoch(self.seed, progress.epoch, phase.sampling, progress.step)
        self.model.train()
        if phase.head or self.recipe.frozen:
            self.model.eval()  # batch norm keeps its statistics
            self.model.cls_head.train()
        waited = self.loader.waited
        for samples, rows in self.loader.batches(groups):
            place = (self.seed, progress.epoch, progress.step)
            truth = torch.from_numpy(self.clips.labels[rows]).long()
            progress.sums += stepper.step(
                self._assembled(samples, place),
                to_device(truth, self.device),
                self._rate(phase, progress.step),
                place,
            )
            progress.step += 1
            progress.spent["clips"] += size
            progress.spent["data"] += self.loader.waited - waited
            waited = self.loader.waited
            self._keep(stepper, epoch_ends=False)

    def _assembled(self, samples: Tensor, place: tuple[int, ...]) -> Tensor:
        """Share of a batch that this process takes, as the network is fed: cropped and mirrored."""
        share = self.clips.share
        drawn = random_geometry(self.clips.batch, self.config.augment, rng_for(GEOMETRY, *place))
        return self.source.assemble(samples, drawn.part(share), training=True, device=self.device)

    def _totals(self) -> tuple[float, float]:
        """Loss times clips and hits of an epoch's steps, of all processes."""
        loss, hits = self.processes.all_gather(self.progress.sums).sum(dim=0).tolist()
        if not np.isfinite(loss):
            raise InputError(
                f"{self.config.variant}: the loss is not finite in epoch "
                f"{self.progress.epoch}; lower its training.learning_rate, now "
                f"{self.recipe.learning_rate}"
            )
        return loss, hits

    def _validate(self, phase: Phase, stepper: Stepper) -> dict[str, float]:
        """Loss and accuracy on the validation clips; nothing in epochs that are left out."""

        def between_batches(count: int) -> None:
            # a signal ends a long validation, unless other processes would wait for this one
            if self.processes.count == 1 and self.keeper is not None and self.keeper.signalled:
                self._keep(stepper, epoch_ends=False)

        epochs = phase.last - phase.first + 1
        if self.progress.epoch - phase.first + 1 <= self.recipe.validate_from * epochs:
            return {}
        began = time.perf_counter()
        measured = validate(
            stepper.judged,
            self.source,
            self.clips.val,
            self.clips.labels[self.clips.val],
            self.config,
            batch=self.clips.batch,
            dtype=self.dtype,
            processes=self.processes,
            progress=between_batches,
        )
        self.progress.spent["validation"] += time.perf_counter() - began
        return measured

    def _finish(self, entry: dict[str, Any], judged: Recognizer) -> None:
        """Take an epoch into the history, and its weights if they are the best."""
        progress = self.progress
        progress.entries.append(entry)
        self.report(entry)
        if "val_top1" not in entry:
            return
        score = [float(entry["val_top1"]), -float(entry["val_loss"])]
        if not progress.best or score > progress.best:
            progress.best, progress.best_epoch = score, progress.epoch
            progress.best_state = {
                name: value.detach().cpu().clone() for name, value in judged.state_dict().items()
            }

    def _rate(self, phase: Phase, step: int) -> float:
        """Learning rate of a step of the running epoch."""
        steps = self.clips.steps
        done = (self.progress.epoch - phase.first) * steps + step
        share = done / ((phase.last - phase.first + 1) * steps)
        recipe = self.recipe
        return learning_rate(recipe.schedule, recipe.learning_rate, share, recipe.warm_up)

    def _keep(self, stepper: Stepper, epoch_ends: bool) -> None:
        """Save if it is time; stop if a signal asks for it, all processes after the same step."""
        if self.keeper is None:
            return
        first = self.processes.rank == 0
        stop, due = self.processes.all_reduce_max(
            self.keeper.signalled, first and self.keeper.due(epoch_ends)
        )
        if not (stop or due):
            return
        progress = self.progress
        sums = self.processes.all_gather(progress.sums)
        if first:
            self._clock()
            self.keeper.save(*progress.pack(sums, self.model, stepper.pack()))
            progress.spent["saving"] += time.perf_counter() - self.started
        if stop:
            self.processes.all_reduce_max(0)  # torchrun ends the others as soon as one has ended
            raise Stopped(
                stop,
                f"{self.config.variant}: stopped in epoch {progress.epoch} after step "
                f"{progress.step} of {self.clips.steps}; the same command goes on from there",
            )

    def _clock(self) -> None:
        """Book the seconds since the last call."""
        now = time.perf_counter()
        self.progress.spent["total"] += now - self.started
        self.started = now

    def _restore(self) -> State | None:
        """Take over the state that was saved, if there is one."""
        state = None if self.keeper is None else self.keeper.load()
        found = torch.tensor([0, 0] if state is None else [state[0]["epoch"], state[0]["step"]])
        if not (self.processes.all_gather(found.to(self.device)) == found.to(self.device)).all():
            raise InputError(
                "the processes found different resume files; give all the same --resume-dir"
            )
        if state is None:
            return None
        self.progress = unpack(state, self.processes.rank, self.device)
        self.progress.spent["resumed"] += 1
        self.model.load_state_dict(part(state[1], "model."))
        return state
