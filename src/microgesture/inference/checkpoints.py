"""Trained weights as safetensors, with everything that is needed to use them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from microgesture.data import paths
from microgesture.utils.content import check_file
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path, write_json

METADATA_KEY = "microgesture"
TRAINING_FILES = (paths.MODEL, paths.TRAINING, paths.TIMING)


def save_checkpoint(
    path: str | Path, state: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> None:
    """Write weights and what they mean, atomically."""
    metadata = json.loads(json.dumps(metadata))
    # one entry: several would come in another order every time
    whole = {"about": metadata, "sha256": checksum(state, metadata)}
    stated = {METADATA_KEY: json.dumps(whole, sort_keys=True)}
    with atomic_path(path) as temporary:
        # safetensors' own writing to a file leaves a hidden one behind when it is killed
        temporary.write_bytes(save({k: value.contiguous() for k, value in state.items()}, stated))


def checksum(state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> str:
    """SHA-256 over the metadata and every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, value in sorted(state.items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(
            value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()


def load_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_checkpoint` wrote: weights and metadata.

    Raises
    ------
    InputError
        When the file is damaged or was not written by this package.

    """
    check_file(path)
    if not Path(path).is_file():
        what = "is a folder, expected" if Path(path).is_dir() else "does not exist; give"
        raise InputError(f"{path}: {what} a file such as model.safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            stated = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: not a readable checkpoint ({error}); give a model.safetensors of a training"
        ) from None
    if METADATA_KEY not in stated:
        raise InputError(f"{path}: a checkpoint of another program; it says nothing of its classes")
    try:
        whole = json.loads(stated[METADATA_KEY])
        metadata, digest = whole["about"], whole["sha256"]
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: its metadata is unreadable; copy it anew, or train it again"
        ) from None
    if digest != checksum(state, metadata):
        raise InputError(
            f"{path}: damaged, it does not fit its checksum; copy it anew, or train it again"
        )
    return state, metadata


def checkpoint_kind(path: str | Path) -> str:
    """What a checkpoint says it is, such as ``emotion``; empty for classifiers and other files.

    Nothing is checked here, since what loads it does.
    """
    if not Path(path).is_file():
        return ""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[METADATA_KEY])["about"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return ""
    return str(about.get("kind", "")) if isinstance(about, dict) else ""


def save_training(
    folder: Path,
    state: Mapping[str, Tensor],
    history: Mapping[str, Any],
    metadata: Mapping[str, Any],
    input_spec: Mapping[str, Any],
    parameters: int,
    ran: Mapping[str, Any],
) -> None:
    """Write what a training gave: ``model.safetensors``, ``timing.json`` and ``metrics.json``.

    Parameters
    ----------
    folder : Path
    state, history
        See `microgesture.training.trainer.train`.
    metadata : mapping
        What was trained, with which code and data; stated in model and metrics.
    input_spec : mapping
        What the model's input is made of; stated in the model.
    parameters : int
        Numbers that training adjusts.
    ran : mapping
        Where it ran; stated in the timing, which alone differs from run to run.

    """
    spent = history["spent"]
    stepping = spent["total"] - spent["validation"] - spent["saving"]
    timing = {
        **ran,
        "train_seconds": spent["total"],
        "data_seconds": spent["data"],
        "validation_seconds": spent["validation"],
        "saving_seconds": spent["saving"],
        "clips_per_second": spent["clips"] / stepping,
        "resumed": int(spent["resumed"]),
    }
    metrics = {
        **metadata,
        "variant": metadata["config"]["variant"],
        "parameters": parameters,
        "best_epoch": history["best_epoch"],
        "epochs": history["epochs"],
    }
    save_checkpoint(folder / paths.MODEL, state, {**metadata, **input_spec})
    write_json(folder / paths.TIMING, timing)
    write_json(folder / paths.TRAINING, metrics)
