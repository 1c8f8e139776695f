"""A training that takes a second: its data, config, and a process that trains or is killed.

Run by torchrun it trains in several processes: ``tests/small_training.py CLIP_FILE JOBS``, where
the jobs are JSON: the options of `fit` by name.
"""

import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from microgesture.data.clip_file import Records
from microgesture.data.layouts import load_layout
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.inputs.points import PointInput
from microgesture.training.distributed import ALONE, init_distributed, leave_distributed
from microgesture.training.resume import Keeper, Stopped
from tests.conftest import REPOSITORY, make_clip
from tests.sections import prepare_clips
from tests.steps import RECIPE, new_model, train

LAYOUT = REPOSITORY / "config/layouts/openpose22.yaml"
CLASSES = ["left", "right"]
STREAM = {
    "cleaning": {"min_score": 0.05, "max_jump": 1.5},
    "length": 8,
    "max_gap": 3,
    "on_bad_clip": "stop",
}
CONFIG = {
    "variant": "tiny",
    "model": "stgcn",
    "layout": "openpose22",
    "temporal": "align",
    "length": 8,
    "padding": 0.25,
    "semantic_weight": 0,
    "imbalance": None,
    "network": {"base_channels": 8, "num_stages": 2, "inflate_stages": [], "down_stages": []},
    "augment": {"crop_area": [0.8, 1.0], "flip": 0.0},
    "training": {
        **RECIPE,
        "sampling": "natural",
        "label_smoothing": 0.0,
        "logit_adjustment": 0.0,
        "balanced_head_epochs": 0,
        "optimizer": "sgd",
        "schedule": "cosine",
        "ema": 0.0,
        "validate_from": 0.0,
    },
}


def write_source(folder, layout, train=64, length=8):
    """Write a clip file of two classes; return its manifest and path."""
    splits = ["train"] * train + ["val"] * 8 + ["test"] * 8
    clips = [
        make_clip(f"c{i}", 5 + i % 9, CLASSES[i % 2], split, seed=i, subject=f"s{i % 5}")
        for i, split in enumerate(splits)
    ]
    path = folder / "stream.arrow"
    return prepare_clips(clips, layout, {**STREAM, "length": length}, path), path


def config_with(training=None, **changes):
    """The config with some of its entries changed."""
    return {**CONFIG, **changes, "training": {**CONFIG["training"], **(training or {})}}


class Disturbed(PointInput):
    """Clips whose ``at``-th batch, in training or validation, comes with a signal to itself."""

    def __init__(self, records, at, number, validating):
        super().__init__(records, load_layout(LAYOUT), 0.25)
        self._left, self._number, self._validating = at, number, validating

    def assemble(self, batch, geometry, training, device):
        counts = training != self._validating
        self._left -= counts
        if counts and self._left == 0:
            os.killpg(0, self._number)  # its loader's workers get it too, as from a terminal
        return super().assemble(batch, geometry, training, device)


def fit(
    path,
    config,
    name,
    embeddings=None,
    at=0,
    number=0,
    validating=False,
    workers=0,
    key="0" * 16,
    processes=ALONE,
    torn=False,
):
    """Train from a clip file and write the result beside it; a state after every step."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    log = path.with_name(f"{name}.log")

    def say(line):
        with open(log, "a") as file:
            file.write(line + "\n")

    keeper = Keeper(path.parent / "resume", config["variant"], name, key, every=0, say=say)
    if torn:  # killed when the state is written, but not yet under its name
        os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
    source = Disturbed(Records(path), at, number, validating)
    size = None if embeddings is None else embeddings.shape[1]
    model = new_model(config, load_layout(LAYOUT), 2, size)
    with keeper:
        try:
            state, history = train(
                model,
                source,
                config,
                seed=0,
                embeddings=embeddings,
                workers=workers,
                keeper=keeper,
                processes=processes,
            )
        except Stopped as stopped:
            raise SystemExit(stopped.status) from None
    if processes.rank == 0:
        history.pop("spent")
        save_checkpoint(path.parent / f"{name}.safetensors", state, {"history": history})


def child(*arguments, **options):
    """`fit` in a process that a server forked; its loader's workers are plain forks again."""
    multiprocessing.set_start_method("fork", force=True)
    os.setpgid(0, 0)  # signals to its group are not for the tests
    fit(*arguments, **options)


def main():
    path, jobs = Path(sys.argv[1]), json.loads(sys.argv[2])
    processes, _ = init_distributed(torch.device("cpu"))
    for name, options in jobs.items():
        if options.pop("only_rank", processes.rank) != processes.rank:
            options["at"] = 0
        if "embeddings" in options:
            options["embeddings"] = np.array(options["embeddings"], np.float32)
        fit(path, name=name, processes=processes, **options)
    leave_distributed()


if __name__ == "__main__":
    main()
