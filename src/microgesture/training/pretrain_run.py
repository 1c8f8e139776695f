"""One pre-training as a step of the workflow: from prepared windows to its checkpoint."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.data import paths
from microgesture.data.clip_file import Records
from microgesture.data.layouts import Layout, load_layout
from microgesture.inference.build import choose_precision
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.inputs.loader import seed_torch
from microgesture.inputs.points import PointInput
from microgesture.inputs.windows import Windows
from microgesture.models.base import count_parameters
from microgesture.models.masked_autoencoder import MaskedAutoencoder, build_masked_autoencoder
from microgesture.models.masking import told_places
from microgesture.settings.pretraining import PretrainingStep
from microgesture.training.course import Course
from microgesture.training.distributed import ALONE, last_bits
from microgesture.training.pretrain import gumbel, plain, pretrain, window_rows
from microgesture.training.resume import Keeper, Resuming, resumable, resume_key, to_stderr
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json, write_json
from microgesture.viz.reconstruction import plot_pretraining, plot_reconstruction

FRESH = 100
"""Purpose of the random numbers of fresh weights, apart from those of `microgesture.inputs`."""
DRAWN = 2
"""Windows of which a picture is made."""
FILES = (paths.MODEL, paths.TRAINING, paths.TIMING, *paths.PRETRAINING_FIGURES)
CURVES, RECONSTRUCTION = paths.PRETRAINING_FIGURES


def run_pretraining(
    config: PretrainingStep,
    manifest: Path,
    layout_path: Path,
    out: Path,
    *,
    device: torch.device,
    threads: int,
    resuming: Resuming | None,
    code_version: Mapping[str, Any],
    done: Callable[[], None] = lambda: None,
) -> None:
    """Pre-train and write checkpoint, metrics, times and pictures into ``out``.

    Parameters
    ----------
    config : PretrainingStep
    manifest, layout_path : Path
        Of prepared windows, and of the layout.
    out : Path
    device : torch.device
    threads : int
        On a GPU, they load.
    resuming : Resuming, optional
    code_version : mapping
        What the checkpoint says of the code.
    done : callable
        Called when the files are written, before the resume file is removed.

    Raises
    ------
    InputError
    SystemExit
        On a signal, when the state is saved.

    """
    layout = load_layout(layout_path)
    source = open_windows(config, manifest, layout)
    seed_torch(FRESH, config.seed)
    model = new_autoencoder(config, len(layout.joints)).to(device)
    dtype = choose_precision(config.training.precision, device)
    metadata = {
        "config": config.given(),
        "precision": str(dtype).removeprefix("torch."),
        "data": read_json(manifest)["sha256"],
        "code_version": code_version,
        "layout": layout.as_dict(),
        "preparation": source.records.metadata,
    }
    keeper = None
    if resuming:
        key = resume_key(**metadata, **last_bits(device, ALONE, threads))
        folder = resuming.folder
        keeper = Keeper(folder, f"pretrain-{config.name}", "", key, resuming.every)
    with resumable(keeper):
        course = pretrain(
            model,
            source,
            config,
            dtype=dtype,
            workers=threads if device.type == "cuda" else 0,
            keeper=keeper,
            report=lambda entry: to_stderr(_line(config, entry)),
        )
        ran = {"device": str(device), "threads": threads}
        _save(out, model, course, metadata, ran)
        drawn = windows_drawn(model, source, config, device)
        plot_reconstruction(drawn, layout, out / RECONSTRUCTION)
        done()
        if keeper:
            keeper.remove()


def open_windows(config: PretrainingStep, manifest: Path, layout: Layout) -> PointInput:
    """Prepared windows as the encoder's variants see clips."""
    if manifest.suffix != ".json" or not manifest.is_file():
        raise InputError(f"--input {manifest}: expected the manifest (.json) of prepared windows")
    records = Records(manifest.with_suffix(".arrow"))
    if (made := records.metadata["layout"]) != layout.name:
        raise InputError(f"--input {manifest}: holds layout {made}, expected {layout.name}")
    return PointInput(records, layout, config.padding)


def new_autoencoder(config: PretrainingStep, joints: int) -> MaskedAutoencoder:
    """Encoder and decoder with fresh weights from torch's random state."""
    return build_masked_autoencoder(
        joints, config.length, config.masking, config.decoder_depth, **config.network
    )


def windows_drawn(
    model: MaskedAutoencoder, source: PointInput, config: PretrainingStep, device: torch.device
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Some validation windows, or of those that were learned from, and what was told of them."""
    train, val = window_rows(source.records, config)
    rows = val if len(val) else train
    chosen = rows[:: max(len(rows) // DRAWN, 1)][:DRAWN]
    dataset = Windows(source, config.length, config.shortest, config.seed)
    samples = torch.stack([dataset[int(row), 0, n][0] for n, row in enumerate(chosen)])
    x = plain(source, samples, device)
    patch = model.backbone.patch
    model.eval()
    with torch.inference_mode():
        noise = gumbel((len(x), x.shape[1] // patch * x.shape[2]), (config.seed, 0, 0)).to(device)
        visible, valid, hidden = model.choose(x, noise)
        what, normalise = config.masking.target, config.masking.normalise
        told = told_places(model.tell(x, visible, valid), x, patch, what, normalise)
    hidden = hidden.unflatten(1, (-1, x.shape[2]))
    shown = hidden.repeat_interleave(patch, dim=1)[..., None]
    told = torch.where(shown, told, x[..., :2])
    parts = (x.cpu().numpy(), told.cpu().numpy(), hidden.cpu().numpy())
    return list(zip(*parts, strict=True))


def _save(
    out: Path,
    model: MaskedAutoencoder,
    course: Course,
    metadata: Mapping[str, Any],
    ran: Mapping[str, Any],
) -> None:
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    save_checkpoint(out / paths.MODEL, state, metadata)
    spent = course.spent
    timing = {
        **ran,
        "train_seconds": spent["total"],
        "data_seconds": spent["data"],
        "windows_per_second": spent["windows"] / spent["total"],
        "resumed": int(spent["resumed"]),
    }
    stated = {key: metadata[key] for key in ("config", "precision", "data", "code_version")}
    metrics = {
        **stated,
        "name": metadata["config"]["name"],
        "parameters": count_parameters(model.backbone),
        "decoder_parameters": count_parameters(model.decoder),
        "epochs": course.entries,
    }
    write_json(out / paths.TIMING, timing)
    write_json(out / paths.TRAINING, metrics)
    plot_pretraining(metrics, out / CURVES)


def _line(config: PretrainingStep, entry: Mapping[str, Any]) -> str:
    """What a person watching is told of an epoch."""
    checked = f", validation {entry['val_loss']:.3f}" if "val_loss" in entry else ""
    return (
        f"{config.name}: epoch {entry['epoch']} of {config.training.epochs}, error "
        f"{entry['train_loss']:.3f}{checked}"
    )
