"""Generated people as training clips and as new recordings, and a model that knows the former."""

import json
from dataclasses import replace

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.layouts import load_layout
from microgesture.data.profiles import summarise_profiles
from microgesture.data.store import Clip, clean_points
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.settings.generate import Film
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.gestures import CLASSES
from microgesture.synthetic.recording import record
from tests.conftest import REPOSITORY
from tests.sections import clip_profile
from tests.steps import new_model

FILM = Film(fps=25, height=720, width=1280, mean_seconds=1.3, noise=0.012)
CLEANING = {"min_score": 0.05, "max_jump": 1.5}
CONFIG = {
    "variant": "small",
    "model": "stgcn",
    "padding": 0.25,
    "temporal": "align",
    "length": 16,
    "network": {"base_channels": 8, "num_stages": 2, "inflate_stages": [], "down_stages": []},
    "training": {"batch": 8},
}


def film(seed, count=12):
    """Clips of one person each: a name, and points as the skeleton store holds them."""
    rng = np.random.default_rng(seed)
    person = sample_person(rng, len(CLASSES))
    labels = rng.integers(0, len(CLASSES) - 1, count)
    filmed = record(rng, person, labels, FILM)
    return [
        Clip(f"p{seed}-{n}", UNKNOWN, f"p{seed}", "train", 25.0, 720, 1280, clean_points(points))
        for n, (_, start, end) in enumerate(filmed.clips)
        if (points := filmed.points[start : end + 1])[..., 2].any()
    ]


def profile_of(clips, layout):
    return summarise_profiles([clip_profile(c, layout, CLEANING) for c in clips], layout)


def save_model(path, clips, **changes):
    """An untrained graph network of 41 joints that says what ``clips`` look like."""
    layout = load_layout(REPOSITORY / "config/layouts/openpose41.yaml")
    model = new_model(CONFIG, layout, 3, None)
    made = {"cleaning": CLEANING, "length": 16, "max_gap": 3}
    about = {
        "config": CONFIG,
        "classes": ["a", "b", "c"],
        "embedding_size": None,
        "layout": layout.as_dict(),
        "preparation": {"layout": layout.name, "joints": 41, **made},
        "profile": profile_of(clips, layout),
        **changes,
    }
    save_checkpoint(path, model.state_dict(), about)
    return path


def write_frames(folder, points, asked=("face", "hand_left", "hand_right")):
    """One person in OpenPose's own files, with empty lists for what it was not asked for."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(points.astype(float)):
        parts = {
            "pose": frame[:25],
            "face": frame[25:95],
            "hand_left": frame[95:116],
            "hand_right": frame[116:],
        }
        person = {
            f"{part}_keypoints_2d": values.ravel().tolist() if part in ("pose", *asked) else []
            for part, values in parts.items()
        }
        path = folder / f"talk_{number:012d}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": [person]}))


def changed(clip, change):
    """A clip with its found points changed by a function of x, y (N, 2) each."""
    points = clip.points.copy()
    seen = points[..., 2] > 0
    points[seen, :2] = change(points[seen, :2])
    return replace(clip, points=points)
