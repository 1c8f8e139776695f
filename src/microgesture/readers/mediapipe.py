"""Landmarks of MediaPipe at the places of the 137 points, with scores as OpenPose gives them."""

import numpy as np

from microgesture.data.keypoint_formats import Numbers
from microgesture.data.keypoints import fill_midpoints
from microgesture.readers.common import place_points

SEEN = 0.5
"""Visibility from which on MediaPipe itself takes a point for visible, and draws it."""
SURE = 0.05
"""Score from which on all configs take a point of OpenPose for more than a guess: `min_score`."""


def openpose_scores(visibility: np.ndarray) -> np.ndarray:
    """Visibility on the scale of OpenPose's scores: linear from 0 to `SEEN`, and from there to 1.

    MediaPipe places every point of a body, hidden ones with a visibility below `SEEN`. OpenPose
    leaves them out or scores them below `SURE`, which is what `SEEN` becomes.
    """
    return np.interp(visibility, [0, SEEN, 1], [0, SURE, 1])


def openpose_points(landmarks: np.ndarray, numbers: Numbers, height: int, width: int) -> np.ndarray:
    """Put landmarks at their places among the 137; neck and mid-hip are the middles of pairs.

    Parameters
    ----------
    landmarks
        (T, P, 3): x and y as shares of the picture's width and height, and the visibility; 0 where
        a part was not found.
    numbers
        Of each landmark its number among the 137, or None.
    height, width
        Of the picture, in pixels.

    Returns
    -------
    ndarray
        float32 (T, 137, 3). Outside of the picture, where MediaPipe guesses, nothing is found.

    """
    points = place_points(landmarks, numbers)
    x, y = points[..., 0], points[..., 1]
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    points[..., :2] *= (width, height)
    points[..., 2] = openpose_scores(points[..., 2])
    points[~inside | (points[..., 2] == 0)] = 0
    return fill_midpoints(points)
