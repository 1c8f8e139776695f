"""Models to test with: one that looks at one joint only, and one that was never trained."""

import numpy as np
import torch

from microgesture.inference.checkpoints import save_checkpoint
from microgesture.models.base import Backbone, Recognizer
from tests.conftest import make_clip
from tests.steps import made_trained, new_model

CLASSES = ["left", "right"]
FRAMES = 8
STEEPNESS = 4.0


class Watcher(Backbone):
    """Its one feature is how often a joint of a (N, 1, T, V, 3) batch is seen, less a half."""

    num_features = 1

    def __init__(self, joint):
        super().__init__()
        self.joint = joint

    def forward(self, x):
        return (x[:, 0, :, self.joint, 2] > 0).double().mean(dim=1, keepdim=True) - 0.5


def watcher(layout, joint, classes=CLASSES):
    """A variant that says ``left`` where the joint is seen in most frames, ``right`` elsewhere."""
    model = Recognizer(Watcher(layout.joints.index(joint)), 2, 0).double().eval()
    with torch.no_grad():
        model.cls_head.fc_cls.weight[:] = torch.tensor([[STEEPNESS], [0]])
    config = {
        "variant": "watcher",
        "model": "stgcn",
        "padding": 0.25,
        "temporal": "align",
        "length": FRAMES,
        "training": {"batch": 5},
    }
    preparation = {
        "cleaning": {"min_score": 0.05, "max_jump": 1.5},
        "length": FRAMES,
        "max_gap": 0,
    }
    about = {"config": config, "classes": classes, "preparation": preparation}
    return made_trained("model.safetensors", model, layout, about)


def left_share(seen):
    """What `watcher` gives to ``left`` where its joint is seen in this share of the frames."""
    return 1 / (1 + np.exp(-STEEPNESS * (seen - 0.5)))


def make_tests(count, layout, joint):
    """Test clips of both classes; in those of ``right`` the joint is seen in 2 frames of 8."""
    clips = []
    for n in range(count):
        clip = make_clip(f"c{n}", FRAMES, CLASSES[n % 2], "test", seed=n, subject=f"s{n % 3}")
        if n % 2:
            clip.points[2:, layout.points[layout.joints.index(joint)]] = 0
        clips.append(clip)
    return clips


def save_untrained(path, layout):
    """Write the checkpoint of a PoseC3D with fresh weights that was made for a small cache."""
    config = {
        "variant": "joint",
        "model": "posec3d",
        "stream": "joint",
        "input_size": 14,
        "network": {"base_channels": 8, "stage_blocks": [1], "zero_init_residual": False},
        "temporal": "align",
        "length": FRAMES,
        "training": {"batch": 8},
    }
    preparation = {
        "cleaning": {"min_score": 0.05, "max_jump": 1.5, "fill_gaps": 2},
        "length": FRAMES,
        "max_gap": 3,
        "stream": "joint",
        "size": 16,
        "sigma": 0.6,
        "padding": 0.25,
    }
    about = {
        "config": config,
        "classes": CLASSES,
        "embedding_size": None,
        "layout": layout.as_dict(),
        "preparation": preparation,
    }
    torch.manual_seed(0)
    save_checkpoint(path, new_model(config, layout, 2, None).state_dict(), about)
    return path
