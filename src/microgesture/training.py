"""Training one variant with one seed: the paper's recipe, the best epoch by validation."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from microgesture.errors import InputError
from microgesture.inputs import Input, random_geometry, whole
from microgesture.metrics import summarise
from microgesture.models.base import Recognizer
from microgesture.temporal import SAMPLERS, inference_views

Key = tuple[int, int]
"""Row in the records and epoch; or row and number of the temporal view."""


class TrainingClips(Dataset[tuple[torch.Tensor, int]]):
    """Samples keyed by (row, epoch): what is drawn depends on nothing else but the seed."""

    def __init__(self, source: Input, temporal: str, length: int, seed: int) -> None:
        self._source, self._sampler = source, SAMPLERS[temporal]
        self._length, self._seed = length, seed
        self._frames = source.records.index["num_frames"].to_numpy()

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, int]:
        row, epoch = key
        rng = np.random.default_rng((self._seed, epoch, row))
        indices = self._sampler(int(self._frames[row]), self._length, rng)
        return torch.from_numpy(np.array(self._source.sample(row, indices))), row


class ViewClips(Dataset[tuple[torch.Tensor, int]]):
    """Samples keyed by (row, number of the view)."""

    def __init__(self, source: Input, temporal: str, length: int, views: int) -> None:
        self._source, self._temporal, self._length, self._views = source, temporal, length, views
        self._frames = source.records.index["num_frames"].to_numpy()

    def views(self, row: int) -> list[np.ndarray]:
        """Frame indices of every view of a clip."""
        return inference_views(self._temporal, int(self._frames[row]), self._length, self._views)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, int]:
        row, view = key
        return torch.from_numpy(np.array(self._source.sample(row, self.views(row)[view]))), row


def batches(
    dataset: Dataset[tuple[torch.Tensor, int]], keys: list[Key], size: int, workers: int
) -> Iterator[tuple[torch.Tensor, np.ndarray]]:
    """Stacked samples and their rows, ``size`` at a time, loaded by so many worker processes."""
    groups = [keys[start : start + size] for start in range(0, len(keys), size)]
    loader = DataLoader(dataset, batch_sampler=groups, num_workers=workers)
    for samples, rows in loader:
        yield samples, rows.numpy()


def predict(
    model: Recognizer,
    source: Input,
    rows: np.ndarray,
    *,
    temporal: str,
    length: int,
    views: int,
    flip: bool,
    batch: int,
    workers: int = 0,
    progress: Callable[[int], None] = lambda count: None,
) -> np.ndarray:
    """Class probabilities averaged over temporal views and, if asked, mirror images.

    Returns
    -------
    ndarray, float32 (len(rows), K)
        Each row sums to 1.

    """
    device = next(model.parameters()).device
    dataset = ViewClips(source, temporal, length, views)
    keys = [(int(row), view) for row in rows for view in range(len(dataset.views(int(row))))]
    position = {int(row): place for place, row in enumerate(rows)}
    total: np.ndarray | None = None
    model.eval()
    with torch.inference_mode():
        for samples, batch_rows in batches(dataset, keys, batch, workers):
            samples = samples.to(device)
            for mirrored in (False, True)[: 1 + flip]:
                geometry = whole(len(samples), mirrored)
                logits = model(source.assemble(samples, geometry, training=False))
                shares = functional.softmax(logits.double(), dim=1).cpu().numpy()
                if total is None:
                    total = np.zeros((len(rows), shares.shape[1]))
                np.add.at(total, [position[int(row)] for row in batch_rows], shares)
            progress(len(samples))
    if total is None:
        raise ValueError("no rows to predict")
    return (total / total.sum(axis=1, keepdims=True)).astype(np.float32)


def train(
    model: Recognizer,
    source: Input,
    config: Mapping[str, Any],
    *,
    seed: int,
    vectors: np.ndarray | None = None,
    dtype: torch.dtype = torch.float32,
    workers: int = 0,
    report: Callable[[dict[str, Any]], None] = lambda entry: None,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Train on the split ``train`` and keep the weights of the epoch that was best on ``val``.

    Best is the highest top-1, of equals the lowest loss, of equals the earliest epoch. The
    learning rate belongs to the batch size that is configured and falls to zero along a cosine.

    Parameters
    ----------
    model : Recognizer
        On the device to train on; holds the last epoch's weights afterwards.
    source : Input
    config : mapping
        ``temporal``, ``length``, ``semantic_weight``, ``augment`` (see `random_geometry`) and
        ``training``: epochs, batch, learning_rate, momentum, weight_decay, max_gradient_norm.
    seed : int
        Seeds order, frames and geometry; the caller seeds torch before it builds the model.
    vectors : ndarray, float32 (K, D), optional
        Label vectors for the semantic loss.
    dtype : torch.dtype
        Precision of the training step's products (autocast); weights and inference stay float32.
    report : callable
        Given each epoch's entry as soon as it is known.

    Returns
    -------
    state : dict of Tensor
        The best epoch's weights.
    history : dict
        ``best_epoch``, ``epochs`` and ``seconds`` (wall clock, validation included).

    """
    recipe, index = config["training"], source.records.index
    labels = index["label"].to_numpy()
    rows, checked = (
        np.flatnonzero((index["split"] == s) & (labels >= 0)) for s in ("train", "val")
    )
    for split, chosen in (("train", rows), ("val", checked)):
        if not len(chosen):
            raise InputError(f"{source.records.path}: no labelled clip in the split {split!r}")
    device = next(model.parameters()).device
    targets = None if vectors is None else torch.from_numpy(vectors).to(device)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=recipe["learning_rate"],
        momentum=recipe["momentum"],
        weight_decay=recipe["weight_decay"],
    )
    size = min(recipe["batch"], len(rows))
    steps = len(rows) // size
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe["epochs"] * steps)
    dataset = TrainingClips(source, config["temporal"], config["length"], seed)
    started = time.perf_counter()
    entries: list[dict[str, Any]] = []
    best: tuple[float, float] | None = None
    state: dict[str, torch.Tensor] = {}
    for epoch in range(1, recipe["epochs"] + 1):
        rng = np.random.default_rng((seed, epoch))
        # the remainder is left out: batch norm is unsteady on a few clips; other epochs have it
        keys = [(int(row), epoch) for row in rng.permutation(rows)[: steps * size]]
        rate, loss_sum, hits = schedule.get_last_lr()[0], 0.0, 0
        model.train()
        for samples, batch_rows in batches(dataset, keys, size, workers):
            geometry = random_geometry(len(samples), config["augment"], rng)
            inputs = source.assemble(samples.to(device), geometry, training=True)
            truth = torch.from_numpy(labels[batch_rows]).long().to(device)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                loss, logits = _loss(model, inputs, truth, targets, config["semantic_weight"])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe["max_gradient_norm"])
            optimizer.step()
            schedule.step()
            loss_sum += float(loss.detach()) * len(samples)
            hits += int((logits.argmax(dim=1) == truth).sum())
        if not np.isfinite(loss_sum):
            raise InputError(
                f"{config['variant']}: the loss is not finite in epoch {epoch}; lower its "
                f"training.learning_rate, now {recipe['learning_rate']}"
            )
        entry = {
            "epoch": epoch,
            "learning_rate": rate,
            "train_loss": loss_sum / len(keys),
            "train_top1": hits / len(keys),
            **_validate(model, source, checked, labels[checked], config, size, workers),
        }
        entries.append(entry)
        report(entry)
        score = (float(entry["val_top1"]), -float(entry["val_loss"]))
        if best is None or score > best:
            best, best_epoch = score, epoch
            state = {
                name: value.detach().cpu().clone() for name, value in model.state_dict().items()
            }
    seconds = time.perf_counter() - started
    return state, {"best_epoch": best_epoch, "epochs": entries, "seconds": seconds}


def _loss(
    model: Recognizer,
    inputs: torch.Tensor,
    truth: torch.Tensor,
    vectors: torch.Tensor | None,
    weight: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy, and with label vectors ``weight`` times the squared error to the clip's own.

    Source: Li et al. 2023, joint skeletal and semantic embedding loss.
    """
    if vectors is None:
        logits = model(inputs).float()
        return functional.cross_entropy(logits, truth), logits
    logits, embedded = model.forward_with_vectors(inputs)
    semantic = functional.mse_loss(embedded.float(), vectors[truth])
    return functional.cross_entropy(logits.float(), truth) + weight * semantic, logits


def _validate(
    model: Recognizer,
    source: Input,
    rows: np.ndarray,
    truth: np.ndarray,
    config: Mapping[str, Any],
    batch: int,
    workers: int,
) -> dict[str, float]:
    shares = predict(
        model,
        source,
        rows,
        temporal=config["temporal"],
        length=config["length"],
        views=1,
        flip=False,
        batch=batch,
        workers=workers,
    )
    measured = summarise(shares, truth)
    own = np.maximum(shares[np.arange(len(rows)), truth], np.finfo(np.float32).tiny)
    return {
        "val_loss": float(-np.log(own).mean()),
        **{f"val_{name}": measured[name] for name in ("top1", "mean_class")},
    }
