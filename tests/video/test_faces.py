"""Faces by keypoints: landmarks and their fallbacks, alignment, the track, and detail."""

import cv2
import numpy as np
import pytest

from microgesture.video.faces import (
    FACE,
    PLACES,
    SIDE,
    aligned,
    detail,
    landmarks,
    similarity,
    track_faces,
)


def person(frames=20, turn=0.0, zoom=1.5, shift=(300.0, 200.0)):
    """Points (T, 137, 3) of a face whose seven points are at `PLACES`, turned, zoomed and moved."""
    points = np.zeros((frames, 137, 3))
    rotation = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    at = PLACES @ rotation.T + shift
    for few, place in ((range(36, 42), 0), (range(42, 48), 1), ((30,), 2), ((48,), 3), ((54,), 4)):
        points[:, [FACE + n for n in few], :2] = at[place]
        points[:, [FACE + n for n in few], 2] = 0.9
    for joint, place in ((15, 0), (16, 1), (0, 2), (17, 5), (18, 6)):
        points[:, joint] = [*at[place], 0.8]
    points[:, [1, 2, 5]] = [[350, 500, 0.9], [250, 500, 0.9], [450, 500, 0.9]]
    return points


def back(track, frame, points):
    return points @ track.matrix[frame, :, :2].T + track.matrix[frame, :, 2]


@pytest.mark.parametrize("turn", [0.0, 0.4, -1.2])
def test_a_face_is_aligned_whatever_its_size_place_and_tilt(turn):
    points = person(turn=turn)
    track = track_faces(points, 25, 0.3, 0.0)
    seen = landmarks(points)[3]
    np.testing.assert_allclose(back(track, 3, seen[:5, :2]), PLACES[:5], atol=1e-6)
    np.testing.assert_allclose(track.side, SIDE * 1.5, rtol=1e-6)
    np.testing.assert_allclose(track.score, 0.9)


def test_similarity_is_the_least_squares_one():
    rng = np.random.default_rng(0)
    found, places = rng.normal(size=(2, 6, 2))
    rows = np.zeros((12, 4))
    rows[0::2] = np.stack([found[:, 0], -found[:, 1], np.ones(6), np.zeros(6)], axis=1)
    rows[1::2] = np.stack([found[:, 1], found[:, 0], np.zeros(6), np.ones(6)], axis=1)
    a, b, x, y = np.linalg.lstsq(rows, places.ravel(), rcond=None)[0]
    np.testing.assert_allclose(similarity(found, places), [[a, -b, x], [b, a, y]], atol=1e-9)


def test_without_face_points_those_of_the_body_are_taken():
    points = person()
    points[4, FACE : FACE + 70] = 0
    found = landmarks(points)
    np.testing.assert_allclose(found[4, [3, 4]], 0)
    np.testing.assert_allclose(found[4, [0, 1, 2, 5, 6]], points[4, [15, 16, 0, 17, 18]])
    track = track_faces(points, 25, 0.3, 0.0)
    np.testing.assert_allclose(track.score[4], 0.8)
    np.testing.assert_allclose(track.matrix[4], track.matrix[3], atol=1e-6)
    points[4, [0, 15, 16]] = 0
    assert track_faces(points, 25, 0.3, 0.0).score[4] == 0


def test_uncertain_and_foreign_faces_are_none():
    points = person()
    points[5, FACE : FACE + 70, 2] *= 0.2
    points[8, :, 0] += 900 * (points[8, :, 2] > 0)
    track = track_faces(points, 25, 0.3, 0.2)
    assert list(np.flatnonzero(track.score == 0)) == [5, 8]
    assert track_faces(np.zeros((4, 137, 3)), 25, 0.3, 0.2).score.max() == 0


def test_a_track_is_steady():
    rng = np.random.default_rng(1)
    points = person(frames=60)
    points[:, FACE:, :2] += 2 * rng.normal(size=points[:, FACE:, :2].shape)
    points[30, FACE : FACE + 70, :2] += 60
    rough, smooth = (track_faces(points, 25, 0.3, s).matrix[:, :, 2] for s in (0.0, 0.4))
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.5 * np.abs(np.diff(rough, axis=0)).mean()
    assert np.abs(smooth[30] - smooth[29]).max() < 8


@pytest.mark.parametrize("zoom", [0.6, 1.0, 3.0])
def test_a_cut_out_face_shows_what_lies_there(zoom):
    """The middle of a bright spot at each place is where the place is, at every size."""
    at = PLACES[:5] * zoom + (40, 30)
    picture = np.zeros((500, 500, 3), np.uint8)
    for x, y in at:
        cv2.circle(picture, (round(x), round(y)), max(round(4 * zoom), 1), (255, 255, 255), -1)
    matrix = similarity(at, PLACES[:5])
    for side in (112, 56):
        face = aligned(picture, matrix, side)[..., 0].astype(float)
        for x, y in PLACES[:5] * side / SIDE:
            size = side // 14
            rows = slice(round(y) - size, round(y) + size + 1)
            columns = slice(round(x) - size, round(x) + size + 1)
            cell = face[rows, columns]
            yy, xx = np.mgrid[rows, columns]
            middle = (cell * xx).sum() / cell.sum(), (cell * yy).sum() / cell.sum()
            np.testing.assert_allclose(middle, (x, y), atol=1.0)


def test_blurred_and_pixelated_faces_have_little_detail():
    rng = np.random.default_rng(2)
    face = cv2.GaussianBlur(rng.integers(0, 255, (112, 112, 3)).astype(np.uint8), (0, 0), 1.0)
    blurred = cv2.GaussianBlur(face, (0, 0), 8)
    small = cv2.resize(face, (8, 8), interpolation=cv2.INTER_AREA)
    tiles = cv2.resize(small, (112, 112), interpolation=cv2.INTER_NEAREST)
    assert detail(face, 112) > 0.1
    assert detail(blurred, 112) < 0.04 and detail(tiles, 112) < 0.04
    assert detail(np.full((112, 112, 3), 90, np.uint8), 112) == 0
