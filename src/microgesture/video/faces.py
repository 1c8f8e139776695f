"""Faces cut out by keypoints, without a face detector: five points, alignment, track and quality.

Aligned faces have ArcFace's five points at the places that face networks are trained with.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import median_filter

from microgesture.data.boxes import far_points, own_frames

SIDE = 112
PLACES = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
        [14.5, 60.5],
        [97.5, 60.5],
    ]
)
"""Where the eye to the left of the picture, the other eye, nose, corners of the mouth and ears lie
in an aligned face of `SIDE` pixels; ears by the proportions of a face."""
FACE = 25
"""The first of OpenPose's 70 face points among the 137."""
# for each of the seven points: what is averaged among the face's 70, and the point of the body
_FINE = (range(36, 42), range(42, 48), (30,), (48,), (54,))
_COARSE = (15, 16, 0, None, None, 17, 18)
FEWEST = 3
"""Points that a face is aligned by at least; of the body's there are at most five."""
MOST_OFF = 2.0
"""How far, in eye distances, a face may be from where its track has it."""


@dataclass(frozen=True)
class FaceTrack:
    """Where a face is in every frame.

    Attributes
    ----------
    matrix
        float (T, 2, 3), from pixels of the skeletons' frame to those of an aligned face of `SIDE`.
    score
        Mean score of the points that it is aligned by, (T,); 0 where there is no face.
    side
        Height of the aligned face in pixels of the skeletons' frame, (T,).

    """

    matrix: np.ndarray
    score: np.ndarray
    side: np.ndarray


def landmarks(points: np.ndarray) -> np.ndarray:
    """Eyes, nose, corners of the mouth and ears, float (T, 7, 3): x, y, score.

    Of the 70 face points where a frame has all of the five, or else eyes, nose and ears of the
    body.

    Parameters
    ----------
    points : ndarray, (T, 137, 3)

    """
    found = np.zeros((len(points), len(PLACES), 3))
    fine = np.stack([points[:, [FACE + n for n in few]] for few in map(list, _FINE[2:])], axis=1)
    eyes = np.stack([points[:, [FACE + n for n in few]].mean(axis=1) for few in _FINE[:2]], axis=1)
    seen = [(points[:, [FACE + n for n in few], 2] > 0).all(axis=1) for few in _FINE]
    whole = np.logical_and.reduce(seen)
    found[:, :2], found[:, 2:5] = eyes, fine[:, :, 0]
    found[~whole] = 0
    for place, joint in enumerate(_COARSE):
        if joint is not None:
            found[~whole, place] = points[~whole, joint]
    found[found[..., 2] <= 0] = 0
    return found


def similarity(found: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift that bring points nearest to places: float (2, 3).

    Least squares, without mirroring; a point (x, y) and its place are complex numbers here.

    Parameters
    ----------
    found, places : ndarray, (P, 2)

    """
    z, w = found @ [1, 1j], places @ [1, 1j]
    away = z - z.mean()
    spread = (np.abs(away) ** 2).sum()
    turn = (away.conj() * (w - w.mean())).sum() / spread if spread else 0j
    shift = w.mean() - turn * z.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def track_faces(points: np.ndarray, fps: float, min_score: float, smooth: float) -> FaceTrack:
    """Follow the face of a recording's person.

    Parameters
    ----------
    points : ndarray, (T, 137, 3)
    fps : float
    min_score : float
        Mean score of the points; below there is no face.
    smooth : float
        Seconds over which place, size and tilt are smoothed, by a running median; 0: not at all.

    """
    own = own_frames(points)
    kept = np.where(far_points(points)[..., None], 0, points)
    kept = np.where(own[:, None, None], kept, 0)
    found = landmarks(kept)
    seen = found[..., 2] > 0
    score = found[..., 2].sum(1) / np.maximum(seen.sum(1), 1)
    there = (seen.sum(axis=1) >= FEWEST) & (score >= min_score)
    matrices = np.zeros((len(points), 2, 3))
    for frame in np.flatnonzero(there):
        use = seen[frame]
        matrices[frame] = similarity(found[frame, use, :2], PLACES[use])
    # place of the middle of the face, and logarithm of scale and angle: what is steady in a track
    turn = matrices[:, 0, 0] + 1j * matrices[:, 1, 0]
    there &= np.abs(turn) > 0
    if not there.any():
        return FaceTrack(matrices, np.zeros(len(points)), np.zeros(len(points)))
    turn = np.where(there, turn, 1)
    centre = (SIDE / 2 * (1 + 1j) - matrices[:, 0, 2] - 1j * matrices[:, 1, 2]) / turn
    state = np.stack([np.log(np.abs(turn)), np.angle(turn), centre.real, centre.imag], axis=1)
    width = 2 * round(smooth * fps / 2) + 1
    frames = np.flatnonzero(there)
    steady = median_filter(state[frames], size=(max(width, 1), 1), mode="nearest")
    apart = SIDE * 0.314 / np.exp(steady[:, 0])  # the distance of the eyes in this frame
    off = np.hypot(*(state[frames] - steady)[:, 2:].T) > MOST_OFF * apart
    there[frames[off]] = False
    turn[frames] = np.exp(steady[:, 0] + 1j * steady[:, 1])
    centre[frames] = steady[:, 2] + 1j * steady[:, 3]
    shift = SIDE / 2 * (1 + 1j) - turn * centre
    matrices = np.stack(
        [
            np.stack([turn.real, -turn.imag, shift.real], axis=-1),
            np.stack([turn.imag, turn.real, shift.imag], axis=-1),
        ],
        axis=1,
    )
    return FaceTrack(matrices, np.where(there, score, 0), np.where(there, SIDE / np.abs(turn), 0))


def aligned(picture: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """A face cut out of a picture, uint8 (side, side, 3), black beyond the picture.

    Parameters
    ----------
    picture : ndarray, uint8 (H, W, 3)
    matrix : ndarray, (2, 3)
        From the picture's pixels to those of an aligned face of `SIDE`.
    side : int

    """
    scale = side / SIDE
    own = matrix * scale
    # the middle of a pixel stays the middle of a pixel when the size changes
    own[:, 2] += 0.5 * scale - 0.5
    shrink = 1 / np.hypot(own[0, 0], own[1, 0])
    if shrink > 2:  # bilinear interpolation would skip pixels
        step = int(shrink)
        height, width = picture.shape[0] // step, picture.shape[1] // step
        picture = cv2.resize(
            picture[: height * step, : width * step], (width, height), interpolation=cv2.INTER_AREA
        )
        own = own @ np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1]])
    return cv2.warpAffine(picture, own, (side, side), flags=cv2.INTER_LINEAR)


def detail(face: np.ndarray, side: float) -> float:
    """How much fine structure an aligned face has, 0 to about 0.5.

    The median size of the Laplacian over the standard deviation: blur makes it small, and in the
    inside of a mosaic's tiles it is 0. It is measured at the size that the face has in the
    video, where enlarging it has added no pixels that tell nothing.

    Parameters
    ----------
    face : ndarray, uint8 (H, W, 3)
    side : float
        Its height in pixels of the video.

    """
    grey: np.ndarray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = int(min(max(side, 16), len(grey)))
    if size < len(grey):
        grey = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    edge = size // 6  # beyond the face lies the background
    inner = grey[edge : size - edge, edge : size - edge]
    spread = float(inner.std())
    if spread < 1:
        return 0.0
    return float(np.median(np.abs(cv2.Laplacian(inner, cv2.CV_32F)))) / spread
