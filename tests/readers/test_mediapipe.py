"""MediaPipe's landmarks at the places of the 137 points: recorded ones, and made-up hands.

``tests/pose/landmarks.npz`` holds what MediaPipe found in three frames of a moving picture of
Eileen Collins (NASA, public domain): face to the camera, elbows and wrists half hidden.
"""

import numpy as np
import pytest

from microgesture.data.keypoint_formats import named_format
from microgesture.data.plausibility import failures
from microgesture.readers.mediapipe import SEEN, SURE, openpose_points, openpose_scores
from tests.conftest import REPOSITORY

HEIGHT, WIDTH = 640, 640
NUMBERS = named_format("mediapipe553")
FACE = 25
HANDS = {"left": (511, 95, 7, 15), "right": (532, 116, 4, 16)}


@pytest.fixture(scope="module")
def landmarks():
    with np.load(REPOSITORY / "tests/pose/landmarks.npz") as file:
        return file["landmarks"]


@pytest.fixture(scope="module")
def points(landmarks):
    return openpose_points(landmarks, NUMBERS, HEIGHT, WIDTH)


def face(points, first, last=None):
    """Points of the face by their numbers among the 70, (T, N, 2)."""
    return points[:, FACE + first : FACE + (first if last is None else last) + 1, :2]


def test_a_recorded_body_stands_upright(points):
    assert failures(points) == []
    nose, neck, right, left = (points[:, number, :2] for number in (0, 1, 2, 5))
    assert (right[:, 0] < nose[:, 0]).all() and (nose[:, 0] < left[:, 0]).all()
    assert (nose[:, 1] < neck[:, 1]).all()
    np.testing.assert_allclose(neck, (right + left) / 2, atol=1e-3)


def test_the_face_is_that_of_openpose(points):
    """Each part where it is drawn in the 70 points, by eye checked on the picture as well."""
    chin, jaw = face(points, 8)[:, 0], face(points, 0, 16)
    assert (np.diff(jaw[:, 2:15, 0], axis=1) > 0).all()
    assert (np.diff(jaw[:, :9, 1], axis=1) > 0).all() and (np.diff(jaw[:, 8:, 1], axis=1) < 0).all()
    assert (chin[:, None, 1] >= face(points, 0, 67)[..., 1] - 1).all()
    brows, nose, mouth = face(points, 17, 26), face(points, 27, 35), face(points, 48, 67)
    assert (np.diff(brows[..., 0], axis=1) > 0).all()
    assert (np.diff(face(points, 27, 30)[..., 1], axis=1) > 0).all()
    for first, pupil, brow in ((36, 68, brows[:, :5]), (42, 69, brows[:, 5:])):
        eye, centre = face(points, first, first + 5), face(points, pupil)[:, 0]
        assert (eye.min(axis=1) < centre).all() and (centre < eye.max(axis=1)).all()
        assert (brow[..., 1].max(axis=1) < eye[..., 1].min(axis=1)).all()
        assert (eye[..., 1].max(axis=1) < nose[:, 4:, 1].min(axis=1)).all()
    assert (nose[..., 1].max(axis=1) < mouth[..., 1].min(axis=1)).all()
    # the right eye and corner of the mouth are on the left of the picture
    assert (face(points, 36, 41)[..., 0].max(axis=1) < face(points, 42)[:, 0, 0]).all()
    assert (face(points, 48)[:, 0, 0] < face(points, 54)[:, 0, 0]).all()


def test_what_is_hidden_or_outside_is_not_found(landmarks, points):
    # knees and feet are guessed below the picture, hips partly in it; no hand is to be seen
    assert (landmarks[:, 25:33, 1] > 1).all()
    assert (points[:, [10, 11, 13, 14, *range(19, 25), *range(95, 137)]] == 0).all()
    hidden = landmarks[:, 15, 2] < SEEN
    assert hidden.any() and (points[hidden, 7, 2] < SURE).all()
    assert (points[:, [0, 2, 5, FACE], 2] > 0.9).all()


def test_visibility_becomes_a_score_of_the_same_meaning():
    seen = np.linspace(0, 1, 101)
    scores = openpose_scores(seen)
    assert (np.diff(scores) > 0).all() and scores[0] == 0 and scores[-1] == 1
    np.testing.assert_array_equal(scores >= SURE, seen >= SEEN)


@pytest.mark.parametrize("side", HANDS)
def test_a_hand_hangs_on_its_wrist(landmarks, side):
    start, place, wrist, source = HANDS[side]
    given = landmarks.copy()
    given[:, source] = (0.5, 0.9, 1)
    fingers = np.stack([0.5 + np.arange(21) / 100, 0.9 + np.arange(21) / 500, np.ones(21)], axis=1)
    given[:, start : start + 21] = fingers
    points = openpose_points(given, NUMBERS, 480, 640)
    np.testing.assert_allclose(points[:, place, :2], points[:, wrist, :2])
    np.testing.assert_allclose(points[0, place : place + 21, :2], fingers[:, :2] * (640, 480))
    other = next(one for name, one in HANDS.items() if name != side)[1]
    assert (points[:, other : other + 21] == 0).all()
