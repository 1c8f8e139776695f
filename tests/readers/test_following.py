"""Who is followed through OpenPose's lists of people."""

import numpy as np
import pytest

from microgesture.readers import openpose_frames
from tests import formats
from tests.readers.test_formats import read_table


def someone(x, score):
    points = np.zeros((137, 3), np.float32)
    points[[0, 1, 2, 5, 4]] = (x, 100, score)
    points[[2, 5], 0] += (-50, 50)
    return points


def follow(tmp_path, frames):
    """Points of who is followed through lists of people, a list a frame."""
    tmp_path.mkdir(exist_ok=True)
    for number, people in enumerate(frames):
        entries = [formats.person(points) for points in people]
        formats.write_frame(tmp_path / f"v_{number}_keypoints.json", entries)
    return openpose_frames.read_recording(tmp_path)


def test_the_subject_is_followed_by_position(tmp_path):
    frames = [
        [someone(900, 0.5), someone(200, 0.8)],  # the surest one in the first frame
        [someone(880, 0.9), someone(230, 0.3)],  # then the nearest, however sure
        [],
        [someone(260, 0.3), someone(850, 0.9)],
        [someone(300, 0.4), someone(300, 0.6)],  # equally near: the surer one
    ]
    points = follow(tmp_path, frames)
    assert points[:, 1, 0].tolist() == [200, 230, 0, 260, 300]
    np.testing.assert_allclose(points[:, 1, 2], [0.8, 0.3, 0, 0.3, 0.6])


def test_whoever_shows_no_neck_or_shoulder_is_the_last_choice(tmp_path):
    hidden, far = someone(210, 0.9), someone(900, 0.9)
    hidden[[1, 2, 5]] = far[[1, 2, 5]] = 0
    frames = [[someone(200, 0.5)], [hidden, someone(290, 0.2)], [hidden], [far], [far, hidden]]
    assert follow(tmp_path, frames)[:, 0, 0].tolist() == [200, 290, 210, 0, 210]


@pytest.mark.parametrize("missed", [1, 24])
def test_frames_without_the_subject_are_not_given_to_a_bystander(tmp_path, missed):
    subject, bystander = someone(400, 0.5), someone(1100, 0.9)
    before, after = [[someone(400, 0.9), bystander]], [[bystander, subject]] * 3
    points = follow(tmp_path, [*before, *[[bystander]] * missed, *after])
    assert points[:, 1, 0].tolist() == [400, *[0] * missed, 400, 400, 400]
    assert not points[1 : 1 + missed].any()


@pytest.mark.parametrize("shown", [1, 4])
def test_somebody_who_walks_is_followed_and_found_again(tmp_path, shown):
    bystander = someone(2000, 0.4)
    walk = [someone(100 + 17 * frame, 0.8) for frame in range(60)]
    frames = [[bystander, one] if n % 5 < shown else [bystander] for n, one in enumerate(walk)]
    expected = [100 + 17 * n if n % 5 < shown else 0 for n in range(60)]
    assert follow(tmp_path, frames)[:, 1, 0].tolist() == expected


def test_a_walk_out_of_sight_is_bridged_and_a_fast_movement_is_kept(tmp_path):
    frames = [[someone(100, 0.8)], *[[]] * 20, [someone(480, 0.8)], [someone(620, 0.8)]]
    assert follow(tmp_path, frames)[:, 1, 0].tolist() == [100, *[0] * 20, 480, 620]


def test_a_subject_that_left_for_good_is_replaced_by_the_surest(tmp_path):
    others = [someone(1100, 0.3), someone(1500, 0.6)]
    frames = [[someone(100, 0.8)], *[others] * 30]
    points = follow(tmp_path, frames)
    assert points[:, 1, 0].tolist() == [100, *[0] * 25, *[1500] * 5]


def test_seen_from_the_side_the_head_tells_the_size(tmp_path):
    side = [someone(x, 0.8) for x in (400, 460, 520, 1100)]
    for one in side:
        one[[2, 5], 0] = one[1, 0]
        one[0, 1] = 40
    assert follow(tmp_path, [[one] for one in side])[:, 1, 0].tolist() == [400, 460, 520, 0]


def test_without_a_measure_of_size_the_nearest_is_followed(tmp_path):
    necks = [someone(x, 0.8) for x in (400, 800, 1200)]
    for one in necks:
        one[[0, 2, 5]] = 0
    assert follow(tmp_path, [[one] for one in necks])[:, 1, 0].tolist() == [400, 800, 1200]


def test_a_broken_place_is_the_last_choice_and_told(tmp_path):
    broken = someone(400, 0.9).astype(float)
    broken[1, 0] = 3e39
    frames = [[someone(400, 0.8)], [broken, someone(410, 0.3)]]
    assert follow(tmp_path / "v", frames)[1, 1, 0] == 410
    for people in ([broken], [broken, someone(1100, 0.9)]):
        follow(tmp_path / "v", [*frames, people])
        assert "frame 2, point 1 holds [inf" in read_table(tmp_path, ["v,,s,train,,,"])[0].reason
