"""Memory of a training, epoch by epoch, with few and with many clips.

    python benchmarks/memory.py

Each training is a process of its own. What counts is memory that is its own (RssAnon): pages of the
mapped file are the system's to take back.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

FEW, MANY, FRAMES = 300, 3000, 16
LAYOUT = Path(__file__).parent.parent / "config/layouts/openpose22.yaml"
RECIPE = {
    "epochs": 4,
    "batch": 12,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0003,
    "max_gradient_norm": 40,
    "precision": "float32",
    "sampling": "natural",
    "label_smoothing": 0.0,
    "logit_adjustment": 0.0,
    "balanced_head_epochs": 0,
    "optimizer": "sgd",
    "schedule": "cosine",
    "ema": 0.0,
    "validate_from": 0.0,
}


def write_clips(path, count, layout="openpose22", joints=22, frames=FRAMES, classes=4):
    from microgesture.data.clip_file import write_records

    rng = np.random.default_rng(0)
    with write_records(path, {"layout": layout, "joints": joints}) as writer:
        for number in range(count):
            points = rng.uniform(0.1, 1, (frames, joints, 3)).astype(np.float32)
            points[..., :2] *= 300
            writer.append(
                {
                    "clip_id": f"{number:05d}",
                    "label": number % classes,
                    "subject": str(number % 7),
                    "split": "val" if number % 10 == 0 else "train",
                    "num_frames": frames,
                    "blobs": [points.tobytes()],
                }
            )


def own_megabytes():
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def train_once(path):
    """Train a small network in this process and print its memory after every epoch."""
    import torch

    from microgesture.data.clip_file import Records
    from microgesture.data.layouts import load_layout
    from microgesture.inference.build import new_model, open_input
    from microgesture.settings.parse import parse
    from microgesture.settings.training_step import TrainingStep
    from microgesture.training.trainer import train

    torch.set_num_threads(1)
    given = {
        "variant": "memory",
        "model": "posec3d",
        "layout": "openpose22",
        "stream": "joint",
        "temporal": "align",
        "length": FRAMES,
        "source": "drawn",
        "input_size": 28,
        "heatmaps": {"size": 32, "sigma": 0.6, "padding": 0.25},
        "network": {"base_channels": 8, "stage_blocks": [1, 1], "stem_kernel": 3},
        "training": RECIPE,
        "semantic_weight": 0,
        "augment": {"crop_area": [0.56, 1.0], "flip": 0.5},
        "imbalance": None,
    }
    config = parse(TrainingStep, given, "config")
    layout = load_layout(LAYOUT)
    used = []
    train(
        new_model(config, layout, 4, None),
        open_input(config, layout, Records(path)),
        config,
        seed=0,
        report=lambda entry: used.append(own_megabytes()),
    )
    print(json.dumps(used))


def measure():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (FEW, MANY):
            path = Path(folder, f"{count}.arrow")
            write_clips(path, count)
            done = subprocess.run(
                [sys.executable, __file__, str(path)], capture_output=True, text=True, check=True
            )
            used = json.loads(done.stdout.splitlines()[-1])
            shown = ", ".join(f"{value:.0f}" for value in used)
            rows.append(
                {
                    "what": f"Memory of a training on {count:,} clips, after epochs 1 to 4",
                    "value": f"{shown} MB",
                    "target": "flat",
                }
            )
    return rows


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train_once(Path(sys.argv[1]))
    else:
        for row in measure():
            print(f"{row['what']}: {row['value']}")
