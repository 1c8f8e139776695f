"""An epoch of a token fusion from token files, and with its frozen networks run in every step.

    python benchmarks/fusion.py

The networks are those of config/video.yaml with fresh weights, on random points; times are of one
core, in processor time, and a clip's share of a step.
"""

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
from microgesture.inference.build import Trained, new_model, open_input
from microgesture.inference.tokens import write_tokens
from microgesture.inputs.geometry import random_geometry
from microgesture.inputs.loader import TrainingClips, rng_for
from microgesture.inputs.tokens import TokenInput
from microgesture.settings.config import Config
from microgesture.settings.variant_step import read_stated
from microgesture.training.distributed import ALONE
from microgesture.training.losses import objective
from microgesture.training.steps import Stepper
from microgesture.workflow.config import token_step, training_step
from microgesture.workflow.variants import layout_file

CLIPS, BATCH, ROUNDS, CLASSES = 96, 32, 5, 32
SOURCES, FUSED = ("agcn_joint", "agcn_bone"), "token_fusion"


def frozen(config, name, folder):
    """A network with fresh weights as if it were trained, and its clips."""
    step = training_step(config, name)
    layout = load_layout(layout_file(step.layout))
    path = folder / f"{name}.arrow"
    write_clips(path, CLIPS, layout.name, len(layout.joints), step.length, CLASSES)
    source = open_input(step, layout, Records(path))
    model = new_model(step, layout, CLASSES, None).eval()
    about = {"seed": 0, "preparation": source.records.metadata}
    return Trained(path, model, layout, about, read_stated(step.given(), "config")), source


def stepper(step, metadata):
    """Takes steps of the fusion, as a training does."""
    model = new_model(step, None, CLASSES, None, metadata).train()
    labels = np.arange(CLIPS) % CLASSES
    goal = objective(
        labels, CLASSES, smoothing=0, tau=0, embeddings=None, weight=0, device=torch.device("cpu")
    )
    return Stepper(model, goal, step.training, torch.float32, ALONE)


def spent(work):
    """Least processor time of several rounds of work over all clips, for a clip."""
    taken = []
    for number in range(ROUNDS):
        began = time.process_time()
        for start in range(0, CLIPS, BATCH):
            work(number, np.arange(start, start + BATCH))
        taken.append(time.process_time() - began)
    return min(taken) / CLIPS


def measure():
    torch.set_num_threads(1)
    config = Config.model_validate(yaml.safe_load(Path("config/video.yaml").read_text()))
    step, truth = training_step(config, FUSED), torch.arange(CLIPS) % CLASSES
    step = step.model_copy(update={"sources": [*SOURCES]})
    with tempfile.TemporaryDirectory() as folder:
        parts = [frozen(config, name, Path(folder)) for name in SOURCES]
        began, size, views = time.process_time(), 0, 0
        files = []
        for trained, source in parts:
            path = Path(folder, f"tokens-{trained.config.variant}.arrow")
            manifest = write_tokens(trained, source, token_step(config), path)
            size, views = size + manifest["bytes"], views + manifest["views"]
            files.append(Records(path))
        writing = (time.process_time() - began) / CLIPS
        joined = TokenInput(files)
        dataset = TrainingClips(joined, "views", 1, 0)
        own = [
            TrainingClips(source, one.config.temporal, one.config.length, 0)
            for one, source in parts
        ]
        cached_steps, live_steps = (stepper(step, joined.records.metadata) for _ in range(2))

        def cached(epoch, rows):
            samples = torch.stack([dataset[int(row), epoch, int(row)][0][:1] for row in rows])
            geometry = random_geometry(BATCH, step.augment, rng_for(2, epoch))
            inputs = joined.assemble(samples, geometry, training=True)
            cached_steps.step(inputs, truth[rows], 1e-3, (0, epoch, 0))

        def live(epoch, rows):
            geometry = random_geometry(BATCH, step.augment, rng_for(2, epoch))
            pooled = [torch.ones(BATCH, len(SOURCES))]
            for (one, source), clips in zip(parts, own, strict=True):
                samples = torch.stack([clips[int(row), epoch, int(row)][0] for row in rows])
                inputs = source.assemble(samples, geometry, training=False)
                with torch.no_grad():
                    pooled.append(one.model.backbone.tokens(inputs).mean(dim=2).flatten(1))
            live_steps.step(torch.cat(pooled, dim=1), truth[rows], 1e-3, (0, epoch, 0))

        ours, theirs = spent(cached), spent(live)
    return [
        {
            "what": "Epoch of a token fusion, a clip: networks run in every step, token files",
            "reference_s": theirs,
            "ours_s": ours,
            "ratio": theirs / ours,
            "target": 1,
            "note": f"writing them pays after {writing / (theirs - ours):.1f} epochs; "
            f"{size / CLIPS / 1e3:.1f} kB a clip in {views / CLIPS:.0f} views",
        }
    ]


if __name__ == "__main__":
    for line in measure():
        print(line)
