"""Random changes of a training sample's points and frames, before anything is drawn or subtracted.

They are those of a new person, camera or detector: a turned head of the camera, joints a little
beside where the training people's are, joints and whole parts that are never found.
"""

from dataclasses import dataclass

import numpy as np

from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import Layout
from microgesture.settings.training import AugmentPoints

MIDDLE = 0.5
"""Of a box, in shares of its side."""


@dataclass(frozen=True)
class Movement:
    """How one sample's points differ from the clip's, in all of its frames alike.

    Attributes
    ----------
    angle : float
        Radians by which each box is turned about its middle.
    offsets : ndarray, float (V, 2)
        Added to the joints of a layout, in shares of their box.
    kept : ndarray, bool (V,)
        Joints that are found.

    """

    angle: float
    offsets: np.ndarray
    kept: np.ndarray


def random_movement(layout: Layout, config: AugmentPoints, rng: np.random.Generator) -> Movement:
    """Draw a movement for one sample."""
    count = len(layout.joints)
    angle = np.deg2rad(rng.uniform(-config.rotate, config.rotate))
    offsets = rng.normal(0, 1, (count, 2)) * config.offset
    kept = rng.uniform(size=count) >= config.drop
    order = KEYPOINT_FORMATS[layout.source]
    for part in sorted(order.roots):
        if rng.uniform() < config.drop_parts:
            kept &= ~np.isin(layout.points, order.regions[part])
    return Movement(float(angle), offsets, kept)


def moved(places: np.ndarray, joints: np.ndarray, movement: Movement) -> np.ndarray:
    """Points (T, C, 3) in shares of their boxes, moved; ``joints`` (C,) are those of the layout."""
    x, y = places[..., 0] - MIDDLE, places[..., 1] - MIDDLE
    cos, sin = np.cos(movement.angle), np.sin(movement.angle)
    turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1) + MIDDLE
    score = np.where(movement.kept[joints], places[..., 2], 0)
    return np.concatenate([turned + movement.offsets[joints], score[..., None]], axis=-1)


def random_span(indices: np.ndarray, shortest: float, rng: np.random.Generator) -> np.ndarray:
    """As many frames out of a part of a sample's, which lasts ``shortest`` of it or longer."""
    last = len(indices) - 1
    part = last * rng.uniform(shortest, 1)
    first = rng.uniform(0, last - part)
    return indices[np.round(np.linspace(first, first + part, len(indices))).astype(int)]
