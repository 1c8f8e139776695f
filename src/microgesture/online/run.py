"""The steps of the workflow: training a detector, and detection in all recordings of two splits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.data import paths
from microgesture.data.classes import load_classes
from microgesture.data.clip_file import Records
from microgesture.data.layouts import load_layout
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.inputs.loader import seed_torch
from microgesture.models.base import count_parameters
from microgesture.online.classify import read_scores
from microgesture.online.inference import detected, load_detector, new_detector
from microgesture.online.postprocessing import above, best_thresholds, counts_at
from microgesture.online.segments import Labelled, Segment, read_labelled
from microgesture.online.source import open_recordings
from microgesture.online.training import train_detector
from microgesture.online.windows import choose, decode
from microgesture.settings.online import DetectionStep, ScoresStep, TemporalStep
from microgesture.training.distributed import ALONE, last_bits
from microgesture.training.resume import Keeper, Resuming, resumable, resume_key, to_stderr
from microgesture.utils.files import read_json, write_json

FRESH = 101
"""Purpose of the random numbers of fresh weights, apart from those of other trainings."""
FILES = (paths.MODEL, paths.TRAINING, paths.TIMING)
GRID = tuple(np.round(np.arange(0.04, 0.96, 0.03), 2).tolist())
"""Thresholds that are tried of a trained detector."""


@dataclass(frozen=True)
class Stores:
    """The two stores of one reading of the data."""

    recordings: Path
    clips: Path

    def read(self, split: str | None = None) -> list[Labelled]:
        """See `read_labelled`."""
        return read_labelled(self.recordings, self.clips, split)


def run_training(
    config: TemporalStep,
    manifest: Path,
    stores: Stores,
    layout_path: Path,
    classes: Path,
    out: Path,
    *,
    seed: int,
    device: torch.device,
    threads: int,
    resuming: Resuming | None,
    code_version: Mapping[str, Any],
    done: Callable[[], None] = lambda: None,
) -> None:
    """Train a detector and write checkpoint, metrics and times into ``out``.

    Parameters
    ----------
    config : TemporalStep
    manifest : Path
        Of prepared recordings.
    stores : Stores
    layout_path, classes, out : Path
    seed : int
    device : torch.device
    threads : int
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
    layout, names = load_layout(layout_path), load_classes(classes)
    source = open_recordings(manifest, layout, stores.read())
    seed_torch(FRESH, seed)
    model = new_detector(config, layout, len(names)).to(device)
    metadata = {
        "config": config.given(),
        "seed": seed,
        "classes": names,
        "data": read_json(manifest)["sha256"],
        "code_version": code_version,
        "layout": layout.as_dict(),
        "preparation": source.records.metadata,
    }
    keeper = None
    if resuming:
        key = resume_key(**metadata, **last_bits(device, ALONE, threads))
        run = paths.run_name(seed)
        keeper = Keeper(resuming.folder, f"online-{config.name}", run, key, resuming.every)
    with resumable(keeper):
        course, state = train_detector(
            model,
            source,
            config,
            seed,
            keeper=keeper,
            report=lambda entry: to_stderr(_line(config, seed, entry)),
        )
        save_checkpoint(out / paths.MODEL, state, metadata)
        stated = {key: metadata[key] for key in ("config", "seed", "data", "code_version")}
        parameters = count_parameters(model)
        write_json(
            out / paths.TRAINING,
            {**stated, "name": config.name, "parameters": parameters, "epochs": course.entries},
        )
        spent = course.spent
        timing = {
            "device": str(device),
            "threads": threads,
            "train_seconds": spent["total"],
            "data_seconds": spent["data"],
            "resumed": int(spent["resumed"]),
        }
        write_json(out / paths.TIMING, timing)
        done()
        if keeper:
            keeper.remove()


def _line(config: TemporalStep, seed: int, entry: Mapping[str, Any]) -> str:
    checked = f", validation {entry['val_loss']:.3f}" if "val_loss" in entry else ""
    return (
        f"{config.name} seed {seed}: epoch {entry['epoch']} of {config.training.epochs}, loss "
        f"{entry['train_loss']:.3f}{checked}"
    )


@dataclass(frozen=True)
class Found:
    """What a detector found in the recordings of two splits."""

    val: dict[str, list[Segment]]
    test: dict[str, list[Segment]]
    chosen: dict[str, Any]
    """What was chosen on validation."""
    windows: dict[str, Any] | None = None
    """Which windows the classifier was shown; None of a trained detector."""

    def stated(self) -> dict[str, Any]:
        """What was chosen, as a file states it."""
        return {"chosen": self.chosen, **({"windows": self.windows} if self.windows else {})}


def detect_windows(config: DetectionStep, scores: Path, stores: Stores) -> Found:
    """Segments from the scores of a classifier; all is chosen on validation."""
    val, test = stores.read("val"), stores.read("test")
    seen = {
        split: read_scores(scores, [one.recording for one in labelled])
        for split, labelled in (("val", val), ("test", test))
    }
    chosen = choose(seen["val"], val, config)
    found = {
        split: {
            one.recording: decode(scores, chosen)
            for one, scores in zip(labelled, seen[split], strict=True)
        }
        for split, labelled in (("val", val), ("test", test))
    }
    windows = {key: Records(scores).metadata[key] for key in ScoresStep.model_fields}
    return Found(found["val"], found["test"], chosen.stated(), windows)


def detect_temporal(
    config: DetectionStep, model: Path, manifest: Path, stores: Stores, device: torch.device
) -> Found:
    """Segments of a trained detector; its thresholds are chosen on validation."""
    detector = load_detector(model)
    detector.model.to(device)
    val, test = stores.read("val"), stores.read("test")
    source = open_recordings(manifest, detector.layout, [*val, *test])
    every = detected(
        detector, source.records, [*source.rows["val"], *source.rows["test"]], config.flip
    )
    num_classes = len(detector.metadata["classes"])
    tried = [[[s for s in every[one.recording] if s.score >= at] for one in val] for at in GRID]
    by_class = config.thresholds == "class"
    places, reached = best_thresholds(counts_at(val, tried, num_classes), by_class)
    thresholds = [GRID[place] for place in places]
    kept = {one.recording: above(every[one.recording], thresholds) for one in (*val, *test)}
    return Found(
        {one.recording: kept[one.recording] for one in val},
        {one.recording: kept[one.recording] for one in test},
        {"thresholds": thresholds, "reached": reached},
    )
