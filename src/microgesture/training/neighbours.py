"""Remembering training clips by their features, for a classifier by nearest neighbours."""

import time
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from microgesture.inputs.base import Input
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.loader import Loader, ViewClips
from microgesture.models.base import Recognizer
from microgesture.models.neighbours import NeighbourHead
from microgesture.settings.training_step import TrainingStep
from microgesture.training.batches import choose_clips
from microgesture.training.distributed import ALONE
from microgesture.training.validate import validate


def remember(
    model: Recognizer, source: Input, config: TrainingStep, seed: int
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Replace the classifier by a `NeighbourHead` of the training clips.

    Their mirror images are remembered as well where training mirrors.

    Returns what `microgesture.training.trainer.train` returns, of one epoch; ``train_loss`` and
    ``train_top1`` are of each training clip by all others.

    Parameters
    ----------
    model : Recognizer
    source : Input
    config : TrainingStep
    seed : int
        Draws a ``label_share``.

    """
    began = time.perf_counter()
    clips = choose_clips(source.records, config, ALONE, seed)
    mirrored = (False, True)[: 1 + (config.augment.flip > 0)]
    found = [features_of(model, source, clips.train, config, turned) for turned in mirrored]
    truth = torch.from_numpy(clips.labels[clips.train]).long().to(model.device)
    assert config.neighbours is not None
    head = NeighbourHead(model.backbone.num_features, model.num_classes, config.neighbours)
    model.add_module("cls_head", head)
    head.remember(torch.cat(found), truth.repeat(len(found)))
    similar = functional.normalize(found[0], dim=1) @ head.features.T
    for turn in range(len(found)):  # a clip does not vote for itself, nor its mirror image
        similar[:, turn * len(truth) :].fill_diagonal_(-torch.inf)
    logits = head.votes(similar)
    measured = validate(
        model, source, clips.val, clips.labels[clips.val], config, batch=clips.batch
    )
    entry = {
        "epoch": 1,
        "learning_rate": 0.0,
        "train_loss": functional.cross_entropy(logits, truth).item(),
        "train_top1": (logits.argmax(dim=1) == truth).double().mean().item(),
        **measured,
    }
    total = time.perf_counter() - began
    spent = {"total": total, "data": 0.0, "validation": 0.0, "saving": 0.0}
    state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    return state, {
        "best_epoch": 1,
        "epochs": [entry],
        "spent": {**spent, "clips": len(clips.train) * len(found), "resumed": 0},
    }


def features_of(
    model: Recognizer, source: Input, rows: np.ndarray, config: TrainingStep, mirrored: bool
) -> Tensor:
    """Features of the first view of clips, float32 (N, F)."""
    dataset = ViewClips(source, config.temporal, config.length, 1)
    keys: list[tuple[int, ...]] = [(int(row), 0) for row in rows]
    size = config.training.batch
    groups = [keys[start : start + size] for start in range(0, len(keys), size)]
    model.eval()
    found = []
    with closing(Loader(dataset, 0, model.device)) as loader, torch.no_grad():
        for samples, _ in loader.batches(groups):
            geometry = full_frame(len(samples), mirrored)
            shown = source.assemble(samples, geometry, training=False, device=model.device)
            found.append(model.features(shown).float())
    return torch.cat(found)
