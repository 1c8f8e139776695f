"""What the trees are given of a clip: where its joints are over time."""

from itertools import pairwise

import numpy as np
import torch

from microgesture.data.clip_file import Clips, prepared_points
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import Layout
from microgesture.data.parts import relative_to
from microgesture.heatmaps.grid import clip_box
from microgesture.inputs.base import CPU, Input, to_device
from microgesture.inputs.geometry import Geometry
from microgesture.preprocessing.temporal import PADDING

PIECES = 8
"""Parts of a clip whose mean places are features."""


class TreesInput(Input):
    """Features of clips (N, F), see `features`; of a mirrored clip those of its mirror image."""

    def __init__(self, records: Clips, layout: Layout) -> None:
        self.records, self._layout = records, layout

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Points in shoulder widths, float32 (T, V, 3), see `in_shoulder_widths`."""
        points = prepared_points(self.records, row)
        chosen = np.where((indices == PADDING)[:, None, None], 0, points[indices])
        return in_shoulder_widths(chosen, points, self._layout)

    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """See `Input.assemble`; the trees see whole clips, so that windows change nothing."""
        points = batch.numpy()
        turned = points[:, :, self._layout.flip] * np.array([-1, 1, 1], np.float32)
        points = np.where(geometry.mirrored[:, None, None, None], turned, points)
        return to_device(features(points, self._layout), device)


def in_shoulder_widths(chosen: np.ndarray, points: np.ndarray, layout: Layout) -> np.ndarray:
    """Points from the middle between the shoulders, in shoulder widths; float32 (T, V, 3).

    Middle and width are the clip's medians. Where it shows no two shoulders, as a layout of hands,
    they are the middle and half the side of the box around all its points.

    Parameters
    ----------
    chosen : ndarray, (T, V, 3)
        What is moved: x, y, score; 0 where the score is.
    points : ndarray, (frames, V, 3)
        The whole clip.
    layout : Layout

    """
    numbers = KEYPOINT_FORMATS[layout.source].shoulders
    joints = np.flatnonzero(np.isin(layout.points, numbers))
    both = points[:, joints].astype(float)
    both = both[(both[..., 2] > 0).all(axis=1)] if len(joints) == 2 else both[:0]
    middle, width = np.zeros(2), 0.0
    if len(both):
        middle = np.median(both[..., :2].mean(axis=1), axis=0)
        width = float(np.median(np.hypot(*(both[:, 0] - both[:, 1])[:, :2].T)))
    if not width:
        left, top, side = clip_box(points, 0)
        middle, width = np.array([left, top]) + side / 2, side / 2
    moved = chosen.astype(float)
    moved[..., :2] = (moved[..., :2] - middle) / width
    return np.where(chosen[..., 2:] > 0, moved, 0).astype(np.float32)


def feature_count(layout: Layout) -> int:
    """F, the number of features of a clip."""
    return 2 * PIECES * (len(layout.joints) + len(relative_to(layout)[0]))


def features(points: np.ndarray, layout: Layout) -> np.ndarray:
    """Features of clips, float32 (N, F).

    Of every joint, and of every joint of hands and head relative to its root, the mean place in
    each of `PIECES` equal parts of the clip, x and y; 0 where it was not found. Cross-validated
    over people, spreads and speeds beside them made trees worse: they differ more between people
    than between gestures.

    Parameters
    ----------
    points : ndarray, float32 (N, T, V, 3)
        As `in_shoulder_widths` gives them.
    layout : Layout

    """
    seen = points[..., 2:] > 0
    joints, roots = relative_to(layout)
    places = np.where(seen, points[..., :2].astype(float), 0)
    places = np.concatenate([places, places[:, :, joints] - places[:, :, roots]], axis=2)
    seen = np.concatenate([seen, seen[:, :, joints] & seen[:, :, roots]], axis=2)
    bounds = np.linspace(0, points.shape[1], PIECES + 1).astype(int)
    means = []
    for start, end in pairwise(bounds):
        piece = slice(start, max(start + 1, end))  # a clip of fewer frames says some of them twice
        count = np.maximum(seen[:, piece].sum(axis=1), 1)
        means.append((places[:, piece] * seen[:, piece]).sum(axis=1) / count)
    return np.stack(means, axis=1).reshape(len(points), -1).astype(np.float32)
