"""Growing extra trees as a step of the workflow: the row that networks must beat."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from microgesture.data.classes import load_classes
from microgesture.data.folds import use_fold
from microgesture.data.layouts import load_layout
from microgesture.data.profiles import training_profile
from microgesture.inference.build import open_prepared
from microgesture.inference.checkpoints import save_training
from microgesture.inputs.base import Input
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.loader import ViewClips
from microgesture.inputs.trees import feature_count
from microgesture.models.trees import ARRAYS, Forest
from microgesture.settings.networks import TreesNetwork
from microgesture.settings.parse import parse
from microgesture.settings.training_step import TreesStep
from microgesture.settings.variant_step import TREES_BATCH
from microgesture.training.batches import labelled_clips
from microgesture.training.run import TrainingFiles
from microgesture.training.validate import validate
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier


def run_trees(
    config: TreesStep,
    files: TrainingFiles,
    out: Path,
    *,
    seed: int,
    fold: int | None,
    threads: int,
    code_version: Mapping[str, Any],
) -> None:
    """Grow a variant's trees and write checkpoint, metrics and times into ``out``.

    Parameters
    ----------
    config : TreesStep
    files : TrainingFiles
    out : Path
    seed : int
        Of the trees' random thresholds; all else is the same.
    fold : int, optional
        The fold to leave for testing.
    threads : int
        The trees are the same for any number.
    code_version : mapping
        What a checkpoint says of the code.

    Raises
    ------
    InputError

    """
    began = time.perf_counter()
    if not files.layouts:
        raise InputError(f"{config.variant}: layout is missing, which trees need")
    layout, names = load_layout(files.layouts[0]), load_classes(files.classes)
    source = open_prepared(config, layout, files.manifests)
    used = use_fold(source.records.index, files.folds, fold)
    labels, train, val = labelled_clips(source.records, config)
    table = clip_features(source, train, config)
    truth = np.tile(labels[train], len(table) // len(train))
    network: TreesNetwork = parse(TreesNetwork, config.network, f"{config.variant}: network")
    grown = grow(table, truth, network, seed, threads)
    forest = Forest(forest_arrays(grown), len(names), feature_count(layout))
    measured = validate(forest, source, val, labels[val], config, batch=TREES_BATCH)
    spent = {"total": time.perf_counter() - began, "clips": float(len(train))}
    stated = {
        "config": config.given(),
        "seed": seed,
        **used,
        "precision": "float64",
        "classes": names,
        "embedding_size": None,
        "data": read_json(files.manifests[0])["sha256"],
        "pretrained": None,
        "code_version": code_version,
        **measured,
    }
    profile = training_profile(source.records.index, layout)
    save_training(
        out,
        forest.state_dict(),
        {
            "best_epoch": None,
            "epochs": [],
            "spent": {**dict.fromkeys(("data", "validation", "saving", "resumed"), 0.0), **spent},
        },
        stated,
        {
            "layout": layout.as_dict(),
            "preparation": source.records.metadata,
            "profile": profile,
        },
        forest.size(),
        {"device": "cpu", "processes": 1, "threads": threads},
    )


def clip_features(source: Input, rows: np.ndarray, config: TreesStep) -> np.ndarray:
    """Features of clips, float32 (N, F); then those of their mirror images, if they are asked for.

    Parameters
    ----------
    source : Input
    rows : ndarray, int (N,)
    config : TreesStep

    """
    views = ViewClips(source, config.temporal, config.length, 1)
    tables: list[list[np.ndarray]] = [[], []]
    for start in range(0, len(rows), TREES_BATCH):
        chosen = rows[start : start + TREES_BATCH].tolist()
        batch = torch.stack([views[row, 0][0] for row in chosen])
        for mirrored in (False, True)[: 1 + config.mirror]:
            turned = full_frame(len(batch), mirrored)
            tables[mirrored].append(source.assemble(batch, turned, training=True).numpy())
    return np.concatenate([*tables[0], *tables[1]])


def grow(
    table: np.ndarray, truth: np.ndarray, network: TreesNetwork, seed: int, threads: int
) -> "ExtraTreesClassifier":
    """Trees grown of features (N, F) and classes (N,).

    Raises
    ------
    InputError
        Without scikit-learn, which is not needed to predict.

    """
    try:
        from sklearn.ensemble import ExtraTreesClassifier
    except ImportError:
        raise InputError(
            "growing trees needs scikit-learn; run: pip install 'microgesture[workflow]' "
            "(in a checkout: pip install -e '.[workflow]')"
        ) from None
    return ExtraTreesClassifier(
        network.trees,
        min_samples_leaf=network.smallest_leaf,
        class_weight=None if network.class_weight == "natural" else network.class_weight,
        random_state=np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed))),
        n_jobs=threads,
    ).fit(table, truth)


def forest_arrays(grown: "ExtraTreesClassifier") -> dict[str, torch.Tensor]:
    """What `microgesture.models.trees.Forest` is made of."""
    trees = [one.tree_ for one in grown.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    children = [
        np.where(below < 0, -1, below + start)
        for tree, start in zip(trees, starts[:-1], strict=True)
        for below in [np.stack([tree.children_left, tree.children_right])]
    ]
    together = np.concatenate(children, axis=1)
    leaf = together[0] < 0
    values = np.concatenate([tree.value[:, 0] for tree in trees])
    shares = np.where(leaf[:, None], values / values.sum(axis=1, keepdims=True), 0)
    node, column = np.nonzero(shares)
    arrays = {
        "roots": starts[:-1],
        "below": together,
        "feature": np.where(leaf, -1, np.concatenate([tree.feature for tree in trees])),
        "threshold": np.where(leaf, 0, np.concatenate([tree.threshold for tree in trees])),
        "first_share": np.cumsum([0, *np.bincount(node, minlength=len(shares))]),
        "share_class": grown.classes_[column],
        "share": shares[node, column],
    }
    return {name: torch.as_tensor(value).to(ARRAYS[name]) for name, value in arrays.items()}
