"""One training as a step of the workflow: from its files to its checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.data.classes import load_classes
from microgesture.data.folds import check_fold, use_fold
from microgesture.data.layouts import Layout, load_layout
from microgesture.data.paths import run_name
from microgesture.data.profiles import training_profile
from microgesture.data.pseudo_labels import read_pseudo_labels
from microgesture.inference.build import choose_precision, new_model, open_prepared
from microgesture.inference.checkpoints import save_training
from microgesture.inference.joint import layouts_of, open_joint, start_networks
from microgesture.inputs.base import Input
from microgesture.models.base import Recognizer
from microgesture.models.build import count_parameters
from microgesture.models.label_embeddings import read_label_embeddings
from microgesture.models.pretrained import load_pretrained
from microgesture.settings.training_step import TrainingStep
from microgesture.training.distributed import Processes, last_bits
from microgesture.training.neighbours import remember
from microgesture.training.resume import Keeper, Resuming, resumable, resume_key, to_stderr
from microgesture.training.schedule import epoch_line
from microgesture.training.trainer import train
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json, sha256

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingFiles:
    """What a training reads.

    Attributes
    ----------
    manifests : tuple of Path
        Of prepared clips, of a heatmap cache or of crops, which lie beside it; of a fusion of the
        tokens of each source, or what its network reads.
    layouts : tuple of Path
        Of skeletons; none for video and tokens, each of its sources' for a fusion that holds their
        networks.
    classes : Path
    embeddings : Path, optional
        Label embeddings, for the semantic loss.
    folds : Path, optional
        For cross-validation.
    pretrained : Path, optional
        Weights to start from.
    pseudo_labels : Path, optional
        Of training clips without a label.
    backbones : mapping
        Weights that networks inside a fusion start from, by source.

    """

    manifests: tuple[Path, ...]
    layouts: tuple[Path, ...]
    classes: Path
    embeddings: Path | None = None
    folds: Path | None = None
    pretrained: Path | None = None
    pseudo_labels: Path | None = None
    backbones: Mapping[str, Path] = field(default_factory=dict)

    def all(self) -> list[Path]:
        """Every file that is read."""
        different = dict.fromkeys(self.manifests)
        data = [path for one in different for path in (one, one.with_suffix(".arrow"))]
        more = [self.embeddings, self.pretrained, self.folds, self.pseudo_labels]
        return [
            *data,
            *self.layouts,
            self.classes,
            *filter(None, more),
            *self.backbones.values(),
        ]


@dataclass(frozen=True)
class Opened:
    """The files' contents."""

    layout: Layout | None
    names: list[str]
    source: Input
    fold: dict[str, Any]
    embeddings: np.ndarray | None
    pseudo: Mapping[str, int] | None = None

    @property
    def embedding_size(self) -> int | None:
        """Numbers in a label embedding."""
        return None if self.embeddings is None else self.embeddings.shape[1]


def run_training(
    config: TrainingStep,
    files: TrainingFiles,
    out: Path,
    *,
    seed: int,
    fold: int | None,
    processes: Processes,
    device: torch.device,
    threads: int,
    resuming: Resuming | None,
    code_version: Mapping[str, Any],
    done: Callable[[], None] = lambda: None,
) -> None:
    """Train a variant and write its checkpoint, metrics and times into ``out``.

    Parameters
    ----------
    config : TrainingStep
    files : TrainingFiles
    out : Path
    seed : int
    fold : int, optional
        The fold to leave for testing.
    processes : Processes
    device : torch.device
    threads : int
        Of a process; on a GPU, they load.
    resuming : Resuming, optional
    code_version : mapping
        What a checkpoint says of the code.
    done : callable
        Called in the first process when the files are written, before the resume file is removed.

    Raises
    ------
    InputError
    SystemExit
        On a signal, when the state is saved.

    """
    say = to_stderr if processes.rank == 0 else lambda line: None
    opened = open_files(config, files, seed, fold)
    model = first_model(config, files, opened, seed, device, say)
    parameters = count_parameters(model)
    dtype = choose_precision(config.training.precision, device)
    metadata = _metadata(config, files, opened, seed, dtype, code_version)
    records, name = opened.source.records, run_name(seed, fold)
    input_spec: dict[str, Any] = {
        "layout": opened.layout.as_dict() if opened.layout else None,
        "preparation": opened.source.preparation,
    }
    keeper = None
    if resuming:
        hashed = {"embeddings": sha256(files.embeddings) if files.embeddings else None}
        if files.pseudo_labels:
            hashed["pseudo_labels"] = sha256(files.pseudo_labels)
        bits = last_bits(device, processes, threads)
        key = resume_key(**metadata, **input_spec, **hashed, **bits)
        keeper = Keeper(resuming.folder, config.variant, name, key, resuming.every, say)
    with resumable(keeper, say):
        if config.neighbours:
            state, history = remember(model, opened.source, config, seed)
            say(epoch_line(config, name, history["epochs"][0]))
        else:
            state, history = train(
                model,
                opened.source,
                config,
                seed=seed,
                embeddings=opened.embeddings,
                pseudo=opened.pseudo,
                dtype=dtype,
                workers=threads if device.type == "cuda" else 0,
                keeper=keeper,
                processes=processes,
                report=lambda entry: say(epoch_line(config, name, entry)),
            )
        if processes.rank == 0:
            if opened.layout:
                input_spec["profile"] = training_profile(records.index, opened.layout)
            ran = {"device": str(device), "processes": processes.count, "threads": threads}
            save_training(out, state, history, metadata, input_spec, parameters, ran)
            done()
            if keeper:
                keeper.remove()


def _metadata(
    config: TrainingStep,
    files: TrainingFiles,
    opened: Opened,
    seed: int,
    dtype: torch.dtype,
    code_version: Mapping[str, Any],
) -> dict[str, Any]:
    """What checkpoint and metrics state, and what a state that is gone on from must share."""
    hashes = [read_json(manifest)["sha256"] for manifest in files.manifests]
    started = {name: sha256(path) for name, path in files.backbones.items()}
    return {
        "config": config.given(),
        "seed": seed,
        **opened.fold,
        "precision": str(dtype).removeprefix("torch."),
        "classes": opened.names,
        "embedding_size": opened.embedding_size,
        "data": hashes[0] if len(hashes) == 1 else hashes,
        "pretrained": sha256(files.pretrained) if files.pretrained else None,
        **({"backbones": started} if started else {}),
        "code_version": code_version,
    }


def open_files(config: TrainingStep, files: TrainingFiles, seed: int, fold: int | None) -> Opened:
    """Read all but the pretrained weights; the clips get the splits of the fold."""
    layouts = [load_layout(path) for path in files.layouts]
    layout = layouts[0] if layouts and not config.networks else None
    names = load_classes(files.classes)
    source: Input
    if config.networks:
        source = open_joint(config, layouts_of(config, layouts), files.manifests)
    else:
        source = open_prepared(config, layout, files.manifests)
    used = use_fold(source.records.index, files.folds, fold)
    if config.sources and not config.networks:
        _check_sources(source.records.metadata, files.manifests, seed, used)
    given = files.embeddings
    embeddings = read_label_embeddings(given, len(names)) if given else None
    labels = files.pseudo_labels
    pseudo = read_pseudo_labels(labels, len(names)) if labels else None
    return Opened(layout, names, source, used, embeddings, pseudo)


def _check_sources(
    metadata: Mapping[str, Any], manifests: Sequence[Path], seed: int, used: Mapping[str, Any]
) -> None:
    """Refuse tokens of networks that were trained with another seed, or saw this fold's clips."""
    for path, one in zip(manifests, metadata["sources"], strict=True):
        check_fold(path, one, used)
        if one["seed"] != seed:
            raise InputError(
                f"{path}: tokens of a network trained with seed {one['seed']}; expected seed "
                f"{seed}, with which they are fused"
            )


def first_model(
    config: TrainingStep,
    files: TrainingFiles,
    opened: Opened,
    seed: int,
    device: torch.device,
    say: Say,
) -> Recognizer:
    """The network with fresh weights of a seed, or with pretrained ones where they are given."""
    torch.manual_seed(seed)
    size, made = opened.embedding_size, opened.source.records.metadata
    trained = config.model_copy(update={"neighbours": None})  # which take a classifier's place
    model = new_model(trained, opened.layout, len(opened.names), size, made).to(device)
    if files.pretrained:
        load_pretrained(model, files.pretrained, say)
    if config.networks:
        stated = {"seed": seed, **opened.fold}
        start_networks(model, config, made["inputs"], files.backbones, stated, say)
    return model
