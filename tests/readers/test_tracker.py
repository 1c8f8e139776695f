"""One person is followed by place, in OpenPose's frames and in PySKL's list of persons alike."""

import itertools
import pickle

import numpy as np
import pytest

from microgesture.data.keypoint_formats import named_format
from microgesture.data.store import Clip
from microgesture.readers import openpose_frames
from tests import formats
from tests.sections import read_clips

FRAMES = 40


def someone(path, score=0.9, size=100):
    """A body (T, 137, 3) whose neck is at `path` (T, 2), with shoulders `size` apart."""
    points = np.zeros((len(path), 137, 3), np.float32)
    points[..., :2] = np.asarray(path, float)[:, None]
    points[:, 2, 0] -= size / 2
    points[:, 5, 0] += size / 2
    points[:, 0, 1] -= size / 2
    points[..., 2] = score
    return points


def walk(x, y=300, speed=0.0):
    return np.stack([x + speed * np.arange(FRAMES), np.full(FRAMES, y)], axis=1)


def read(tmp_path, people, numbers=range(137), **settings):
    """The points that the reader takes from persons (M, T, 137, 3)."""
    chosen = np.stack(people)[:, :, list(numbers)]
    entry = {
        "frame_dir": "v_0",
        "label": 0,
        "img_shape": (720, 1280),
        "total_frames": chosen.shape[1],
        "keypoint": chosen[..., :2],
        "keypoint_score": chosen[..., 2],
    }
    content = {"split": {"train": ["v_0"]}, "annotations": [entry]}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    data = {"format": "pyskl", "path": str(tmp_path / "a.pkl"), "fps": 25.0, **settings}
    (clip,) = read_clips(data, ["wave"])
    assert isinstance(clip, Clip), clip.message
    return clip.points


def exchanged(people, seed=0, share=0.4):
    """The same persons, in another order in each of some frames."""
    rng = np.random.default_rng(seed)
    people = np.stack(people)
    for frame in np.flatnonzero(rng.random(people.shape[1]) < share):
        people[:, frame] = people[rng.permutation(len(people)), frame]
    return people


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [2, 3, 5])
def test_persons_who_change_places_in_the_file_are_followed(tmp_path, seed, count):
    people = [someone(walk(150 + 220 * n), 0.9 if n == 1 else 0.6) for n in range(count)]
    got = read(tmp_path, exchanged(people, seed))
    np.testing.assert_array_equal(got, people[1])


def test_coco_points_are_followed_by_the_neck_between_their_shoulders(tmp_path):
    people = [someone(walk(200), 0.6), someone(walk(700), 0.9)]
    coco = named_format("coco17")
    got = read(tmp_path, exchanged(people), coco)
    np.testing.assert_array_equal(got[:, coco], people[1][:, coco])
    assert (got[:, 1, 0] == 700).all()


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("speed", [1.0, 4.0, 15.0])
def test_people_who_pass_each_other_are_not_exchanged(tmp_path, kept, speed):
    # at one height and in front of each other for some frames; the order is kept, or that of x
    middle = FRAMES / 2 + 0.3
    ways = [walk(600 - s * speed * middle, 300 + 15 * (s > 0), s * speed) for s in (1, -1)]
    people = np.stack([someone(ways[0], 0.9), someone(ways[1], 0.7)])
    if not kept:
        # the detector's list: the surer one first
        people = people[::-1].copy()
    np.testing.assert_array_equal(read(tmp_path, people), people[0 if kept else 1])


def test_a_kept_order_gives_the_entry_as_it_is(tmp_path):
    """What a tracked file holds, whoever is near: even gaps are not filled with a bystander."""
    subject, bystander = someone(walk(400), 0.9), someone(walk(480, speed=0.5), 0.5)
    subject[10:14] = 0
    for people in itertools.permutations([subject, bystander]):
        np.testing.assert_array_equal(read(tmp_path, people), subject)


def test_one_person_beside_empty_entries_is_taken_as_it_is(tmp_path):
    wild = np.random.default_rng(0).uniform(0, 700, (FRAMES, 2))
    one, nobody = someone(wild), np.zeros((FRAMES, 137, 3), np.float32)
    for people in ([one], [nobody, one], [one, nobody, nobody]):
        np.testing.assert_array_equal(read(tmp_path, people), one)


def test_persons_without_neck_and_shoulders_keep_their_entry(tmp_path):
    hands = [someone(walk(200), 0.5), someone(walk(900), 0.9)]
    got = read(tmp_path, hands, range(95, 137), points=list(range(95, 137)))
    np.testing.assert_array_equal(got[:, 95:], hands[1][:, 95:])


def test_the_person_of_the_highest_mean_score_over_the_clip_is_followed(tmp_path):
    # sure in the first frame, but not seen for long
    short, long = someone(walk(200), 1.0), someone(walk(900), 0.8)
    short[20:] = 0
    got = read(tmp_path, exchanged([short, long]))
    np.testing.assert_array_equal(got, long)


def test_who_comes_later_moves_the_others_on(tmp_path):
    late, early = someone(walk(200), 0.5), someone(walk(900), 0.9)
    people = np.stack([late, early])
    people[:, :3] = early[:3], np.zeros_like(early[:3])  # the detector's only person at first
    np.testing.assert_array_equal(read(tmp_path, people), early)


def test_frames_without_the_subject_stay_empty_as_in_openpose(tmp_path):
    subject, bystander = someone(walk(400), 0.9), someone(walk(1100), 0.3)
    people = np.zeros((2, FRAMES, 137, 3), np.float32)
    people[0], people[1] = subject, bystander
    people[0, 10:20], people[1, 10:20] = bystander[10:20], 0  # the detector's only person
    got = read(tmp_path, people)
    assert not got[10:20].any()
    np.testing.assert_array_equal(
        np.delete(got, range(10, 20), 0), np.delete(subject, range(10, 20), 0)
    )


@pytest.mark.parametrize("seed", range(8))
def test_both_readers_follow_the_same_person(tmp_path, seed):
    rng = np.random.default_rng(seed)
    starts = rng.permutation([100, 450, 800])
    scores = rng.permutation([0.4, 0.6, 0.9])
    people = [
        someone(walk(x, 300, rng.uniform(-2, 2)), s) for x, s in zip(starts, scores, strict=True)
    ]
    mixed = exchanged(people, seed, 0.7)
    for frame in range(FRAMES):
        entries = [formats.person(points) for points in mixed[:, frame]]
        formats.write_frame(tmp_path / f"v_{frame}_keypoints.json", entries)
    np.testing.assert_array_equal(read(tmp_path, mixed), openpose_frames.read_recording(tmp_path))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("axis", [0, 2])
def test_numbers_that_are_not_finite_are_told(tmp_path, value, axis):
    people = np.stack([someone(walk(200), 0.5), someone(walk(900), 0.9)])
    people[1, 7, 1, axis] = value
    with pytest.raises(AssertionError, match=r"annotation 0: .*frame 7, point 1"):
        read(tmp_path, people)
