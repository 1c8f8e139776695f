"""A training epoch as the pipeline runs it, with loading, drawing and validation.

    python benchmarks/epoch.py --batch 24 96        # on a GPU: iMiGUE's full-size network
    python benchmarks/epoch.py --config config/config.yaml --device cpu --clips 240

Clips are random points, as many as are asked for; an epoch of iMiGUE, 12,893 clips, is extrapolated
from the last of `EPOCHS`.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.memory import write_clips
from microgesture.data.clip_file import Records
from microgesture.data.layouts import load_layout
from microgesture.inference.build import choose_device, choose_precision, new_model, open_input
from microgesture.inputs.geometry import random_geometry
from microgesture.inputs.loader import TrainingClips
from microgesture.settings.config import Config
from microgesture.training.trainer import train
from microgesture.workflow.config import training_step
from microgesture.workflow.variants import layout_file

EPOCHS, IMIGUE = 3, 12_893
VARIANTS = ("joint41_align", "limb41_align_semantic", "stgcn41_align")
CLASSES = 32


def measure(config, name, device, batch, clips, workers):
    """Seconds of an epoch, shares of waiting for data and of making the input, of one variant."""
    variant = training_step(drawn(config), name)
    recipe = variant.training.model_copy(update={"epochs": EPOCHS, "batch": batch})
    variant = variant.model_copy(update={"semantic_weight": 0, "training": recipe})
    layout = load_layout(layout_file(variant.layout))
    ended = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clips.arrow")
        write_clips(path, clips, layout.name, len(layout.joints), variant.length, CLASSES)
        source = open_input(variant, layout, Records(path))
        _, history = train(
            new_model(variant, layout, CLASSES, None).to(device),
            source,
            variant,
            seed=0,
            dtype=choose_precision("auto", device),
            workers=workers,
            report=lambda entry: ended.append(time.perf_counter()),
        )
        input_seconds = time_input(source, variant, batch, device)
    spent = history["spent"]
    training = spent["total"] - spent["validation"]
    return {
        "epoch": ended[-1] - ended[-2],
        "waiting": spent["data"] / training,
        "input": input_seconds * spent["clips"] / batch / training,
    }


def drawn(config):
    """The config with heatmaps drawn in the batch: only prepared clips are made here."""
    posec3d = config.models.posec3d.model_copy(update={"source": "drawn"})
    return config.model_copy(
        update={"models": config.models.model_copy(update={"posec3d": posec3d})}
    )


def time_input(source, variant, batch, device):
    """Seconds in which a batch is made on the device, the fewest of ten."""
    dataset = TrainingClips(source, variant.temporal, variant.length, 0)
    samples = torch.stack([dataset[row, 1, row][0] for row in range(batch)])
    geometry = random_geometry(batch, variant.augment, np.random.default_rng(0))
    taken = []
    for _ in range(10):
        began = time.perf_counter()
        source.assemble(samples, geometry, training=True, device=device)
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return min(taken)


def report(device, config, batches, clips, workers):
    """Print a line for every variant and batch."""
    for name in VARIANTS:
        for batch in batches:
            found = measure(config, name, device, batch, clips, workers)
            whole = found["epoch"] * IMIGUE / clips
            print(
                f"{name:22} batch {batch:3}: {clips / found['epoch']:8.1f} clips/s; "
                f"100 epochs of {IMIGUE:,} clips: {100 * whole / 60:,.0f} min; "
                f"waiting for data {found['waiting']:.1%}, making the input {found['input']:.1%}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("config/imigue.yaml"))
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--batch", type=int, nargs="+", default=[24])
    parser.add_argument("--clips", type=int, default=2400)
    parser.add_argument("--workers", type=int, default=0, help="processes that load; 0: none")
    args = parser.parse_args()
    device = choose_device(args.device, max(1, args.workers))
    config = Config.model_validate(yaml.safe_load(args.config.read_text()))
    report(device, config, args.batch, args.clips, args.workers)


if __name__ == "__main__":
    main()
