"""Recordings in which one hand is raised or lowered for a while, and a detector that learns it."""

import numpy as np

from microgesture.data.clip_file import MemoryRecords
from microgesture.data.layouts import load_layout
from microgesture.inputs.loader import seed_torch
from microgesture.online.inference import new_detector
from microgesture.online.segments import Labelled, Segment
from microgesture.online.source import RecordingSource
from microgesture.settings.online import TemporalNetwork, TemporalStep
from microgesture.settings.pretraining import PretrainingRecipe
from tests.conftest import REPOSITORY

LAYOUT = REPOSITORY / "config/layouts/body19.yaml"
FRAMES, LENGTH = 160, 20


def config(epochs=1, network=None, **changes):
    """A detector's settings, small."""
    training = PretrainingRecipe(
        epochs=epochs, batch=4, learning_rate=0.02, final_rate=0.01, max_gradient_norm=5
    )
    own = TemporalNetwork(
        **{"joint_width": 4, "width": 16, "stride": 1, "levels": 3, **(network or {})}
    )
    more = {"window": 64, "flip": 0.0, "lost": 0.0, "rotation": 0, "speed": 1.0, **changes}
    return TemporalStep(name="tiny", layout="body19", network=own, training=training, **more)


def recording(seed, split="train", frames=FRAMES):
    """Points (T, 19, 3) of a trembling figure, and its segments of two classes."""
    rng = np.random.default_rng(seed)
    body = np.random.default_rng(0).uniform(100, 300, (19, 2))
    places = body + rng.normal(0, 1, (frames, 19, 2))
    segments = []
    for start in range(int(rng.integers(5, 20)), frames - LENGTH, 2 * LENGTH):
        label = int(rng.integers(2))
        up = np.sin(np.linspace(0, np.pi, LENGTH)) * 120 * (1 - 2 * label)
        places[start : start + LENGTH, 7, 1] -= up
        segments.append(Segment(label, start, start + LENGTH - 1))
    points = np.concatenate([places, np.ones((frames, 19, 1))], axis=2).astype(np.float32)
    about = Labelled(f"r{seed}", f"p{seed}", split, 25.0, frames, tuple(segments))
    return points, about


def source(splits=("train",) * 6 + ("val",) * 2):
    """Such recordings, prepared, in memory."""
    made = [recording(n, split) for n, split in enumerate(splits)]
    rows = [
        {
            "clip_id": one.recording, "label": -1, "subject": one.subject, "split": one.split,
            "num_frames": len(points), "blobs": [points.tobytes()],
        }
        for points, one in made
    ]  # fmt: skip
    metadata = {"layout": "body19", "joints": 19, "cleaning": {"min_score": 0, "max_jump": None}}
    records = MemoryRecords(metadata, rows)
    return RecordingSource(records, load_layout(LAYOUT), [one for _, one in made])


def fresh(settings):
    """A new network."""
    seed_torch(3, 0)
    return new_detector(settings, load_layout(LAYOUT), 2)
