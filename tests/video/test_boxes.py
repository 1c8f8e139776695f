"""The square around a clip's person."""

import numpy as np
import pytest

from microgesture.data.boxes import own_frames
from microgesture.video.boxes import cut_out, person_square, scaled

HEIGHT, WIDTH = 720, 1280


def person(frames, left=500, top=200, size=100, joints=25):
    """Points at the corners of a square and within it, float32 (T, V, 3)."""
    rng = np.random.default_rng(frames)
    points = np.ones((frames, joints, 3), np.float32)
    points[..., :2] = rng.uniform(0, size, (frames, joints, 2)) + np.array((left, top))
    points[:, 0, :2], points[:, 1, :2] = (left, top), (left + size, top + size)
    return points


def test_a_padded_square_around_all_frames():
    assert person_square(person(30), HEIGHT, WIDTH, 0.0) == (500, 200, 100)
    assert person_square(person(30), HEIGHT, WIDTH, 0.5) == (475, 175, 150)
    moving = np.concatenate([person(20), person(20, left=540)])
    assert person_square(moving, HEIGHT, WIDTH, 0.0) == (500, 180, 140)


def test_what_is_no_part_of_the_person_has_no_say():
    points = person(60)
    points[7, 3, :2] = 900, 600  # one wrong detection
    points[10:20, 4] = 0, 0, 0  # not found
    points[20:30, 5] = 1200, 700, 0.01  # a guess
    points[40:45] = person(5, left=1100)  # somebody else, for a while
    assert not own_frames(points)[40:45].any() and own_frames(points).sum() == 55
    assert person_square(points, HEIGHT, WIDTH, 0.0) == (500, 200, 100)


def test_a_square_is_moved_into_the_frame_as_far_as_it_fits():
    assert person_square(person(9, left=-10, top=650), HEIGHT, WIDTH, 1.0) == (0, 520, 200)
    assert person_square(person(9, size=600, top=50), HEIGHT, WIDTH, 0.5) == (350, -90, 900)


def test_the_whole_frame_without_points_and_no_tiny_square_with_one():
    assert person_square(np.zeros((4, 25, 3), np.float32), HEIGHT, WIDTH, 0.2) == (0, -280, 1280)
    lone = np.zeros((4, 25, 3), np.float32)
    lone[2, 3] = 640, 300, 1
    assert person_square(lone, HEIGHT, WIDTH, 0.0) == (595, 255, 90)


def test_cutting_out_by_hand():
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    assert (cut_out(image, (2, 1, 4), 4) == image[1:5, 2:6]).all()
    wide = cut_out(image, (0, -1, 8), 8)
    assert (wide[1:7] == image).all() and not wide[0].any() and not wide[7].any()
    halved = cut_out(image, (2, 1, 4), 2)
    means = image[1:5, 2:6].reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - means).max() <= 0.5
    assert scaled((100, -50, 301), 0.5) == (50, -25, 150)


@pytest.mark.parametrize("size", [4, 16])
def test_a_crop_is_of_its_size_at_every_scale(size):
    image = np.full((10, 20, 3), 200, np.uint8)
    assert cut_out(image, (5, -3, 16), size).shape == (size, size, 3)
