"""Training one variant with one seed: the paper's recipe, the best epoch by validation.

A training is one or two phases, each a loop over epochs; epochs are counted through both.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import fields
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from microgesture.data.long_tail import long_tailed
from microgesture.inputs.inputs import Geometry, Input, random_geometry, to_device
from microgesture.inputs.loader import (
    DROPOUT,
    GEOMETRY,
    HEAD,
    ORDER,
    Loader,
    TrainingClips,
    epoch_order,
    rng_for,
    seed_torch,
)
from microgesture.models.base import HEAD_INIT_STD, Recognizer
from microgesture.training.distributed import ALONE, Processes, share_batch_norm, wrap_ddp
from microgesture.training.losses import Objective, objective
from microgesture.training.optimization import (
    learning_rate,
    new_average,
    new_optimizer,
    pack,
    restore,
)
from microgesture.training.resume import Keeper, State, Stopped
from microgesture.training.schedule import Phase, Progress, part, phases, unpack
from microgesture.training.validate import validate
from microgesture.utils.errors import InputError


class Forward(nn.Module):
    """A model's forward pass with both of its heads, as one module that can be wrapped."""

    def __init__(self, model: Recognizer) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, embeddings: bool) -> tuple[Tensor, Tensor | None]:
        """Logits and, if asked, predicted label embeddings."""
        return (
            self.model.forward_with_embeddings(inputs) if embeddings else (self.model(inputs), None)
        )


def train(
    model: Recognizer,
    source: Input,
    config: Mapping[str, Any],
    *,
    seed: int,
    embeddings: np.ndarray | None = None,
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
    config : mapping
        ``temporal``, ``length``, ``semantic_weight``, ``augment`` (see `random_geometry`),
        ``imbalance`` (see `long_tailed`; None keeps all clips) and ``training``: epochs, batch,
        learning_rate, momentum, weight_decay, optimizer (see `new_optimizer`), schedule (see
        `learning_rate`), ema (decay of the average of the weights that is validated and kept, see
        `new_average`; 0 for the weights themselves), validate_from (share of a phase's epochs
        before the first that is validated), max_gradient_norm, sampling (see `epoch_order`),
        label_smoothing, logit_adjustment (tau, see `Objective`; it knows the clips' classes, not
        how they are sampled) and balanced_head_epochs (see `Phase`; neither label embeddings nor
        logit adjustment are used there).
    seed : int
        Seeds order, frames, geometry and dropout; the caller seeds torch before it builds the
        model.
    embeddings : ndarray, float32 (K, D), optional
        Label embeddings for the semantic loss.
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
        model, source, config, seed, embeddings, dtype, workers, keeper, processes, report
    )
    with closing(trainer.loader):
        return trainer.run()


class _Trainer:
    """The parts of one training, see `train`."""

    def __init__(
        self,
        model: Recognizer,
        source: Input,
        config: Mapping[str, Any],
        seed: int,
        embeddings: np.ndarray | None,
        dtype: torch.dtype,
        workers: int,
        keeper: Keeper | None,
        processes: Processes,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self.model, self.source, self.config, self.seed = model, source, config, seed
        self.dtype, self.keeper = dtype, keeper
        self.processes, self.report = processes, report
        self.recipe = config["training"]
        self.device = source.device = next(model.parameters()).device
        index = source.records.index
        self.labels = index["label"].to_numpy()
        self.rows, self.checked = (
            np.flatnonzero((index["split"] == s) & (self.labels >= 0)) for s in ("train", "val")
        )
        for split, chosen in (("train", self.rows), ("val", self.checked)):
            if not len(chosen):
                raise InputError(f"{source.records.path}: no labelled clip in the split {split!r}")
        if config["imbalance"] is not None:
            self.rows = long_tailed(self.rows, self.labels[self.rows], config["imbalance"])
        self.size = self.recipe["batch"]
        if self.size > len(self.rows):
            raise InputError(
                f"{config['variant']}: training.batch is {self.size}, but there are "
                f"{len(self.rows)} clips to train on; lower it to at most that"
            )
        self.share = processes.local_slice(self.size, config["variant"])
        self.steps = len(self.rows) // self.size
        self.num_classes = model.cls_head.fc_cls.out_features
        self.objectives = {head: self._objective(embeddings, head) for head in (False, True)}
        if processes.count > 1:
            share_batch_norm(model)
        dataset = TrainingClips(source, config["temporal"], config["length"], seed)
        self.loader = Loader(dataset, workers, self.device)
        self.progress = Progress(1, 0, self._zeros())
        self.started = time.perf_counter()

    def _zeros(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64, device=self.device)

    def _objective(self, embeddings: np.ndarray | None, head: bool) -> Objective:
        return objective(
            self.labels[self.rows],
            self.num_classes,
            smoothing=self.recipe["label_smoothing"],
            tau=0 if head else self.recipe["logit_adjustment"],
            embeddings=None if head else embeddings,
            weight=self.config["semantic_weight"],
            device=self.device,
        )

    def run(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All phases, from the state that was saved."""
        state = self._restore()
        progress = self.progress
        for phase in phases(self.recipe):
            if progress.epoch > phase.last:
                continue
            self._begin(phase, state)
            while progress.epoch <= phase.last:
                self._epoch(phase)
        self._clock()
        return progress.best_state, {
            "best_epoch": progress.best_epoch,
            "epochs": progress.entries,
            "spent": progress.spent,
        }

    def _begin(self, phase: Phase, state: State | None) -> None:
        """Set weights, what is trained and the optimizer up, at the phase's start or inside it."""
        progress, head = self.progress, self.model.cls_head.fc_cls
        fresh = (progress.epoch, progress.step) == (phase.first, 0)
        if phase.head:
            if fresh:
                if self.processes.rank == 0:  # the others get it when the model is wrapped
                    self.model.load_state_dict(progress.best_state)
                seed_torch(HEAD, self.seed)
                nn.init.normal_(head.weight, std=HEAD_INIT_STD)
                nn.init.zeros_(head.bias)
                progress.best = []
            self.model.requires_grad_(False)
            head.requires_grad_(True)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        forward = Forward(self.model)
        self.forward = wrap_ddp(forward) if self.processes.count > 1 else forward
        self.optimizer = new_optimizer(self.recipe, self.trained)
        self.average = new_average(self.model, self.recipe["ema"])
        self.judged = self.model if self.average is None else cast(Recognizer, self.average.module)
        if state is not None and not fresh:
            restore(state[1], self.optimizer, self.trained, self.average)

    def _epoch(self, phase: Phase) -> None:
        """The steps of the running epoch that are left, and its validation."""
        progress = self.progress
        rng = rng_for(ORDER, self.seed, progress.epoch)
        order = epoch_order(self.rows, self.labels[self.rows], phase.sampling, rng)
        # the remainder is left out: batch norm is unsteady on a few clips; other epochs have it
        keys = [(int(row), progress.epoch, place) for place, row in enumerate(order)]
        starts = range(progress.step * self.size, self.steps * self.size, self.size)
        groups: list[list[tuple[int, ...]]] = [
            [*keys[start : start + self.size][self.share]] for start in starts
        ]
        self.model.train()
        if phase.head:
            self.model.eval()  # batch norm keeps its statistics
            self.model.cls_head.train()
        waited = self.loader.waited
        for samples, rows in self.loader.batches(groups):
            self._step(phase, samples, rows)
            progress.step += 1
            progress.spent["clips"] += self.size
            progress.spent["data"] += self.loader.waited - waited
            waited = self.loader.waited
            self._keep(epoch_ends=False)
        totals = self.processes.all_gather(progress.sums).sum(dim=0).tolist()
        if not np.isfinite(totals[0]):
            raise InputError(
                f"{self.config['variant']}: the loss is not finite in epoch {progress.epoch}; "
                f"lower its training.learning_rate, now {self.recipe['learning_rate']}"
            )
        seen = self.steps * self.size
        entry = {
            "epoch": progress.epoch,
            "learning_rate": self._rate(phase, 0),
            "train_loss": totals[0] / seen,
            "train_top1": totals[1] / seen,
            **self._validate(phase),
            **({"phase": "head"} if phase.head else {}),
        }
        if self.processes.rank == 0:
            self._finish(entry)
        progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, self._zeros()
        self._keep(epoch_ends=True)

    def _validate(self, phase: Phase) -> dict[str, float]:
        """Loss and accuracy on the validation clips; nothing in epochs that are left out."""
        epochs = phase.last - phase.first + 1
        if self.progress.epoch - phase.first + 1 <= self.recipe["validate_from"] * epochs:
            return {}
        began = time.perf_counter()
        measured = validate(
            self.judged,
            self.source,
            self.checked,
            self.labels[self.checked],
            self.config,
            batch=self.size,
            dtype=self.dtype,
            processes=self.processes,
            progress=self._between_batches,
        )
        self.progress.spent["validation"] += time.perf_counter() - began
        return measured

    def _finish(self, entry: dict[str, Any]) -> None:
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
                name: value.detach().cpu().clone()
                for name, value in self.judged.state_dict().items()
            }

    def _rate(self, phase: Phase, step: int) -> float:
        """Learning rate of a step of the running epoch."""
        done = (self.progress.epoch - phase.first) * self.steps + step
        share = done / ((phase.last - phase.first + 1) * self.steps)
        return learning_rate(self.recipe["schedule"], self.recipe["learning_rate"], share)

    def _step(self, phase: Phase, samples: Tensor, rows: np.ndarray) -> None:
        """One step on this process's share of a batch."""
        place = (self.seed, self.progress.epoch, self.progress.step)
        drawn = random_geometry(self.size, self.config["augment"], rng_for(GEOMETRY, *place))
        geometry = Geometry(*(getattr(drawn, one.name)[self.share] for one in fields(drawn)))
        inputs = self.source.assemble(samples, geometry, training=True)
        truth = to_device(torch.from_numpy(self.labels[rows]).long(), self.device)
        goal = self.objectives[phase.head]
        seed_torch(DROPOUT, *place, self.processes.rank)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits, embedded = self.forward(inputs, embeddings=goal.embeddings is not None)
            loss = goal.loss(logits, embedded, truth)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, self.recipe["max_gradient_norm"], foreach=True)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(phase, self.progress.step)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        hits = (logits.argmax(dim=1) == truth).sum()
        self.progress.sums += torch.stack([loss.detach().double() * len(rows), hits.double()])

    def _between_batches(self, count: int) -> None:
        """Let a signal end a long validation, unless other processes would wait for this one."""
        if self.processes.count == 1 and self.keeper is not None and self.keeper.signalled:
            self._keep(epoch_ends=False)

    def _keep(self, epoch_ends: bool) -> None:
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
            self._save(self.keeper, sums)
        if stop:
            self.processes.all_reduce_max(0)  # torchrun ends the others as soon as one has ended
            raise Stopped(
                stop,
                f"{self.config['variant']}: stopped in epoch {progress.epoch} after step "
                f"{progress.step} of {self.steps}; the same command goes on from there",
            )

    def _clock(self) -> None:
        """Book the seconds since the last call."""
        now = time.perf_counter()
        self.progress.spent["total"] += now - self.started
        self.started = now

    def _save(self, keeper: Keeper, sums: Tensor) -> None:
        self._clock()
        steps = pack(self.optimizer, self.trained, self.average)
        keeper.save(*self.progress.pack(sums, self.model, steps))
        self.progress.spent["saving"] += time.perf_counter() - self.started

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
