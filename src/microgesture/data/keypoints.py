"""The keypoint formats that a skeleton store may hold; its metadata and every layout name one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class KeypointFormat:
    """What a row of points means.

    Attributes
    ----------
    name : str
        With a version: a store of another order can never be taken for this one.
    count : int
        Number of points P in a frame.
    shoulders : tuple of int
        The two shoulders, whose distance is the measure of a person's size.
    head_and_shoulders : tuple of int
        Points whose middle says where a person is.
    regions : mapping
        Points of each part of the body that something can hide as a whole; they overlap.
    roots : mapping
        For the regions that small movements are looked for in, the point that they hang on.
    hips, ears : tuple of int
        Of both sides; empty where there are none.
    contour : tuple of int
        Along the edge of the face, from ear to ear below the chin.

    """

    name: str
    count: int
    shoulders: tuple[int, int]
    head_and_shoulders: tuple[int, ...]
    regions: Mapping[str, tuple[int, ...]] = field(compare=False)
    roots: Mapping[str, int] = field(compare=False)
    hips: tuple[int, ...] = ()
    ears: tuple[int, ...] = ()
    contour: tuple[int, ...] = ()


def _sides(
    head: tuple[int, ...],
    hands: tuple[tuple[int, ...], tuple[int, ...]],
    elbows: tuple[int, int],
) -> dict[str, tuple[int, ...]]:
    """Regions from the head, the left and right hand with its wrist, and the elbows."""
    left, right = hands
    return {
        "head": head,
        "left_hand": left,
        "right_hand": right,
        "hands": (*left, *right),
        "left_arm": (elbows[0], *left),
        "right_arm": (elbows[1], *right),
    }


# BODY_25 0-24, face 25-94, left hand 95-115, right hand 116-136
OPENPOSE = KeypointFormat(
    "openpose137-v1",
    137,
    shoulders=(2, 5),
    head_and_shoulders=(0, 1, 2, 5, 15, 16, 17, 18),
    regions=_sides(
        head=(0, *range(15, 19), *range(25, 95)),
        hands=((7, *range(95, 116)), (4, *range(116, 137))),
        elbows=(6, 3),
    ),
    roots={"head": 0, "left_hand": 7, "right_hand": 4},
    hips=(9, 12),
    ears=(17, 18),
    contour=tuple(range(25, 42)),
)
# in the order of Kinect v2: spine base, spine mid, neck, head, left arm, right arm, legs, hands
KINECT = KeypointFormat(
    "kinect25-v1",
    25,
    shoulders=(8, 4),
    head_and_shoulders=(2, 3, 4, 8, 20),
    regions=_sides(head=(3,), hands=((6, 7, 21, 22), (10, 11, 23, 24)), elbows=(5, 9)),
    roots={"head": 3, "left_hand": 6, "right_hand": 10},
    hips=(16, 12),
)

KEYPOINT_FORMATS = {order.name: order for order in (OPENPOSE, KINECT)}

# The points that are the middle of two others, by OpenPose's own definition: neck and mid-hip.
MIDPOINTS = {1: (2, 5), 8: (9, 12)}


def fill_midpoints(points: np.ndarray) -> np.ndarray:
    """Set neck and mid-hip, where they are in no frame, to the middle of shoulders and of hips.

    A detector that gives them is believed: of a clip that shows the neck now and then, no frame is
    changed.

    Parameters
    ----------
    points : ndarray, (T, 137, 3)
        Those that were not found have score 0.

    Returns
    -------
    ndarray
        A copy where anything was set; the score is the smaller one of the pair, and a frame that
        lacks one of them stays without.

    """
    for target, (a, b) in MIDPOINTS.items():
        both = (points[:, a, 2] > 0) & (points[:, b, 2] > 0)
        if both.any() and not (points[:, target, 2] > 0).any():
            points = points.copy()
            one, other = points[both, a], points[both, b]
            # halved first: the sum of two coordinates of a broken file may not fit
            points[both, target, :2] = one[:, :2] / 2 + other[:, :2] / 2
            points[both, target, 2] = np.minimum(one[:, 2], other[:, 2])
    return points
