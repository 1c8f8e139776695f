"""Detection in a recording of 10,000 frames against real time, on one core, and its memory.

    python benchmarks/online.py

Both detectors have fresh weights, which cost what trained ones do; points are generated. Memory is
what the trained detector allocates at most beyond the points, of the recording and of one that is
five times as long.
"""

import argparse
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from microgesture.data.layouts import load_layout
from microgesture.inference.build import Trained, new_model
from microgesture.inputs.loader import seed_torch
from microgesture.online.classify import frame_scores
from microgesture.online.inference import candidates, new_detector
from microgesture.online.windows import Chosen, decode
from microgesture.preprocessing.cleaning import clean
from microgesture.settings.online import ScoresStep, TemporalNetwork, TemporalStep
from microgesture.settings.preparation import Cleaning
from microgesture.settings.pretraining import PretrainingRecipe
from microgesture.settings.variant_step import read_stated

FRAMES, FPS, CLASSES = 10_000, 25.0, 32
LONGER = 5
TARGET = 20
LAYOUT = Path(__file__).parent.parent / "config/layouts/openpose22.yaml"
CLEANING = {"min_score": 0.05, "max_jump": 1.5}
STGCN = {
    "variant": "graph",
    "model": "stgcn",
    "temporal": "align",
    "length": 16,
    "padding": 0.25,
    "training": {"batch": 64},
    "network": {
        "base_channels": 16, "num_stages": 4, "inflate_stages": [2, 3], "down_stages": [2, 3]
    },
}  # fmt: skip


def recording(frames):
    """Points (T, 137, 3) of a figure that trembles and sways."""
    rng = np.random.default_rng(0)
    body = rng.uniform(300, 600, (137, 2))
    sway = 30 * np.sin(np.arange(frames) / 40)[:, None, None]
    places = body + sway + rng.normal(0, 1, (frames, 137, 2))
    return np.concatenate([places, np.full((frames, 137, 1), 0.9)], axis=2).astype(np.float32)


def trained_detector(layout):
    """Detection by a network with fresh weights, as a function of raw points."""
    training = PretrainingRecipe(epochs=1, batch=2, learning_rate=0.1)
    own = TemporalStep(
        name="t", layout=layout.name, flip=0.5, network=TemporalNetwork(), training=training
    )
    seed_torch(0, 0)
    model = new_detector(own, layout, CLASSES).eval()

    def detect(points):
        own = clean(points, Cleaning(**CLEANING), fps=FPS)[:, layout.points]
        return candidates(model, layout, own, soft=True, flip=True)

    return detect, lambda own: candidates(model, layout, own, soft=True, flip=True)


def windows_detector(layout):
    """Detection by a classifier on windows of 20 and 40 frames, as a function of raw points."""
    config = read_stated(STGCN, "benchmark")
    seed_torch(0, 0)
    model = new_model(config, layout, CLASSES, None).eval()
    made = {"cleaning": CLEANING, "length": 16, "max_gap": 12, "on_bad_clip": "skip"}
    metadata = {"classes": [str(n) for n in range(CLASSES)], "preparation": made}
    trained = Trained(Path("fresh"), model, layout, metadata, config)
    shown = ScoresStep(lengths=[20, 40], stride=4, flip=True)
    chosen = Chosen(thresholds=[0.2] * CLASSES, ratio=0.5)
    return lambda points: decode(frame_scores(trained, points, FPS, shown), chosen)


def most_memory(detect, points):
    """Bytes that a detection takes at most, of Python's and NumPy's objects."""
    tracemalloc.start()
    detect(points)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def measure(frames=FRAMES):
    """Time both detectors on one thread; a row each, and one of memory."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    layout, points = load_layout(LAYOUT), recording(frames)
    try:
        whole, of_points = trained_detector(layout)
        rows = []
        for name, detect in (
            ("trained detector, mirrored too", whole),
            ("ST-GCN on windows of 20 and 40, mirrored too", windows_detector(layout)),
        ):
            detect(points[:200])  # compiles kernels
            start = time.process_time()
            detect(points)
            spent = time.process_time() - start
            rows.append(
                {
                    "what": f"{name}, {frames:,} frames",
                    "reference_s": frames / FPS,
                    "ours_s": spent,
                    "ratio": frames / FPS / spent,
                    "target": TARGET,
                    "note": "reference: the recording's own time at 25 frames a second; one core",
                }
            )
        own = np.ascontiguousarray(points[:, layout.points])
        short, long = (
            most_memory(of_points, np.concatenate([own] * times)) for times in (1, LONGER)
        )
        rows.append(
            {
                "what": f"trained detector, memory of {LONGER} times as many frames",
                "reference_s": short,
                "ours_s": long,
                "unit": "bytes",
                "note": "beyond the points themselves, without the network's tensors",
            }
        )
    finally:
        torch.set_num_threads(threads)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=FRAMES)
    for row in measure(parser.parse_args().frames):
        print(row, flush=True)


if __name__ == "__main__":
    main()
