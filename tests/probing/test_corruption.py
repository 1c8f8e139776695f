"""Damage on purpose: what it does, and that it depends on seed, kind and clip id alone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from microgesture.data.keypoints import KEYPOINT_FORMATS, KINECT, OPENPOSE
from microgesture.data.store import Clip
from microgesture.preprocessing.cleaning import shoulder_width
from microgesture.probing.corruption import CLOSER, FACE, KINDS, NO_HAND, OFFSET, corrupt
from microgesture.utils.errors import InputError
from tests.conftest import make_clip


def clip_of(order, clip_id="a", num_frames=40, seed=0):
    """Random points of any order; every seventh is lost all the time."""
    rng = np.random.default_rng(seed)
    points = np.ones((num_frames, order.count, 3), np.float32)
    points[..., :2] = rng.uniform(100, 400, points[..., :2].shape)
    points[:, ::7] = 0
    points[:, order.shoulders[0]], points[:, order.shoulders[1]] = (300, 200, 1), (360, 280, 1)
    return Clip(clip_id, 0, "s", "test", 25.0, 480, 640, points)


@pytest.mark.parametrize("order", KEYPOINT_FORMATS.values(), ids=KEYPOINT_FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_clips_of_every_order(order, kind):
    clip = clip_of(order)
    changed = corrupt(clip, kind, 0.3, 0, order)
    assert changed.points.dtype == np.float32 and changed.points.shape == clip.points.shape
    assert not np.array_equal(changed.points, clip.points)
    assert np.array_equal(clip.points, clip_of(order).points)  # the clip itself is as it was
    assert (changed.points[clip.points[..., 2] == 0] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_clip_always_gets_the_same(kind):
    def points(clip_id="a", seed=0):
        return corrupt(clip_of(OPENPOSE, clip_id), kind, 0.3, seed, OPENPOSE).points

    assert np.array_equal(points(), points())
    assert not np.array_equal(points(), points(seed=1))
    assert not np.array_equal(points(), points("b"))


def test_the_share_of_dropped_points_is_the_level():
    clip = make_clip(num_frames=200)
    for level in (0.1, 0.5):
        lost = corrupt(clip, "drop", level, 0, OPENPOSE).points
        gone = lost[..., 2] == 0
        # 27,400 draws: four standard deviations are at most 0.012
        assert abs(gone.mean() - level) < 0.012
        assert (lost[gone] == 0).all()
        assert np.array_equal(lost[~gone], clip.points[~gone])
    assert not corrupt(clip, "drop", 1, 0, OPENPOSE).points.any()


@pytest.mark.parametrize("kind", ["drop", "occlude"])
def test_what_is_lost_at_a_level_is_lost_at_every_higher_one(kind):
    for number in range(20):
        clip = clip_of(OPENPOSE, f"{number}")
        lost = [
            corrupt(clip, kind, level, 0, OPENPOSE).points[..., 2] == 0
            for level in (0.1, 0.2, 0.5, 1)
        ]
        for less, more in pairwise(lost):
            assert (more | ~less).all() and more.sum() > less.sum()


@pytest.mark.parametrize("order", [OPENPOSE, KINECT])
def test_jitter_is_in_shoulder_widths(order):
    clip = clip_of(order, num_frames=400)
    assert shoulder_width(clip.points, order) == 100
    moved = corrupt(clip, "jitter", 0.03, 0, order).points
    found = clip.points[..., 2] > 0
    step = (moved - clip.points)[found]
    assert (step[:, 2] == 0).all()
    for c in range(2):
        assert abs(step[:, c].mean()) < 0.2 and abs(step[:, c].std() - 3) < 0.1
    assert abs(np.corrcoef(step[:, 0], step[:, 1])[0, 1]) < 0.05
    large = replace(clip, points=clip.points * np.array([2, 2, 1], np.float32))
    twice = corrupt(large, "jitter", 0.03, 0, order).points - large.points
    assert np.allclose(twice[found], 2 * step, atol=1e-3)
    double = corrupt(clip, "jitter", 0.06, 0, order).points - clip.points
    assert np.allclose(double[found], 2 * step, atol=1e-3)


def test_without_shoulders_jitter_has_no_measure():
    clip = clip_of(OPENPOSE)
    clip.points[:, 2] = 0
    assert np.array_equal(corrupt(clip, "jitter", 0.1, 0, OPENPOSE).points, clip.points)


@pytest.mark.parametrize("order", KEYPOINT_FORMATS.values(), ids=KEYPOINT_FORMATS)
def test_occlusion_hides_one_region_for_one_stretch(order):
    hidden_regions = set()
    starts = set()
    for number in range(60):
        clip = clip_of(order, f"{number}")
        hidden = corrupt(clip, "occlude", 0.25, 0, order).points
        changed = (hidden != clip.points).any(axis=2)
        frames = np.flatnonzero(changed.any(axis=1))
        assert len(frames) == 10 and np.ptp(frames) == 9  # a quarter of 40, without a break
        starts.add(int(frames[0]))
        assert (hidden[changed] == 0).all()
        gone = set(np.flatnonzero(changed.any(axis=0)).tolist())
        seen = set(np.flatnonzero(clip.points[0, :, 2]).tolist())
        names = [name for name, region in order.regions.items() if set(region) & seen == gone]
        assert len(names) == 1
        hidden_regions.update(names)
    assert len(starts) > 15
    shown = {name for name, region in order.regions.items() if set(region) & seen}
    assert hidden_regions == shown


@pytest.mark.parametrize(("level", "hidden"), [(0.001, 1), (0.25, 1), (0.3, 1), (0.5, 2), (1, 4)])
def test_occlusion_lies_anywhere_and_hides_at_least_a_frame(level, hidden):
    clips = [clip_of(OPENPOSE, f"{number}", num_frames=4) for number in range(60)]
    starts = set()
    for clip in clips:
        changed = corrupt(clip, "occlude", level, 0, OPENPOSE).points != clip.points
        frames = np.flatnonzero(changed.any(axis=(1, 2)))
        assert len(frames) == hidden
        starts.add(int(frames[0]))
    assert starts == set(range(4 - hidden + 1))


def test_only_a_region_that_is_seen_is_hidden():
    for number in range(10):
        clip = clip_of(OPENPOSE, f"{number}")
        clip.points[:, list(OPENPOSE.regions["head"])] = 0
        clip.points[:, list(OPENPOSE.regions["left_arm"])] = 0
        hidden = corrupt(clip, "occlude", 0.5, 0, OPENPOSE).points
        assert not np.array_equal(hidden, clip.points)
    clip.points[...] = 0
    assert not corrupt(clip, "occlude", 0.5, 0, OPENPOSE).points.any()


def posture(clip_id="a", num_frames=40):
    """A frontal body: shoulders 100 apart, hips 60, a face of which all points are 50 from 0."""
    rng = np.random.default_rng(1)
    clip = clip_of(OPENPOSE, clip_id, num_frames)
    points = clip.points
    points[:, :, 2] = 0.4
    points[:, 0, :2] = 320, 100
    for part in (OPENPOSE.contour, OPENPOSE.ears):
        angles = np.linspace(0.1, np.pi, len(part))
        points[:, part, :2] = 50 * np.stack([np.cos(angles), np.sin(angles)], 1) + (320, 100)
    for pair, y, width in ((OPENPOSE.shoulders, 200, 100), (OPENPOSE.hips, 300, 60)):
        points[:, pair[0], :2], points[:, pair[1], :2] = (320 - width / 2, y), (320 + width / 2, y)
    # somebody moves: what is off must be off by the same
    points[..., :2] += rng.uniform(0, 20, (num_frames, 1, 2))
    return clip


def of_detector(clip, level=1.0, seed=0):
    return corrupt(clip, "detector", level, seed, OPENPOSE).points


def test_another_detector_sets_off_each_point_alike_in_all_clips():
    clips = [posture(), posture("b", 30)]
    steps = [of_detector(clip) - clip.points for clip in clips]
    rest = [*range(95)]  # hands are lost now and then
    for step in steps:
        assert np.allclose(step[:, rest, :2], steps[0][:1, rest, :2], atol=1e-3)
        assert np.allclose(step[:, rest, 2], 0.6)
    other = [n for n in rest if n not in (*OPENPOSE.contour, *OPENPOSE.ears, 2, 5, 9, 12)]
    # about 70 x 2 draws: three standard deviations of their spread are a fifth
    assert abs(steps[0][0, other, :2].std() / (100 * OFFSET) - 1) < 0.2
    assert not np.allclose(of_detector(clips[0], seed=1), of_detector(clips[0]), atol=0.1)
    half = of_detector(clips[0], 0.5) - clips[0].points
    assert np.allclose(2 * half[:, rest], steps[0][:, rest], atol=1e-3)


def test_another_detector_has_its_own_faces_shoulders_and_hips(monkeypatch):
    monkeypatch.setattr("microgesture.probing.corruption.OFFSET", 0.0)
    points = of_detector(posture())[..., :2]

    def far(part):
        return np.linalg.norm(points[:, part] - points[:, :1], axis=2)

    assert np.allclose(far(OPENPOSE.contour), 50 + 100 * FACE, atol=1e-3)
    assert np.allclose(far(OPENPOSE.ears), 50 - 100 * FACE, atol=1e-3)
    for (one, other), width in ((OPENPOSE.shoulders, 100), (OPENPOSE.hips, 60)):
        between = np.linalg.norm(points[:, one] - points[:, other], axis=1)
        assert np.allclose(between, width * (1 - CLOSER), atol=1e-3)
        middle = (points[:, one] + points[:, other]) / 2
        assert np.allclose(middle, posture().points[:, [one, other], :2].mean(axis=1), atol=1e-3)


def test_another_detector_misses_each_hand_in_one_stretch():
    starts = set()
    for number in range(30):
        gone = of_detector(posture(f"{number}"))[..., 2] == 0
        for hand, wrist in (("left_hand", 7), ("right_hand", 4)):
            fingers = [point for point in OPENPOSE.regions[hand] if point != wrist]
            frames = np.flatnonzero(gone[:, fingers].all(axis=1))
            assert len(frames) == NO_HAND * 40 and np.ptp(frames) == len(frames) - 1
            starts.add((hand, int(frames[0])))
        others = [point for point in range(137) if point not in OPENPOSE.regions["hands"]]
        assert not gone[:, [4, 7, *others]].any()
        less = of_detector(posture(f"{number}"), 0.5)[..., 2] == 0
        assert (gone | ~less).all() and 0 < less.sum() < gone.sum()
    assert len(starts) > 15


def test_regions_are_points_of_their_order_and_mirror_each_other():
    for order in KEYPOINT_FORMATS.values():
        for name, region in order.regions.items():
            assert len(set(region)) == len(region) > 0
            assert all(0 <= point < order.count for point in region)
            if name.startswith("left_"):
                mirror = order.regions[name.replace("left", "right")]
                assert len(mirror) == len(region) and not set(mirror) & set(region)


def test_regions_are_the_joints_that_layouts_call_so(layout41):
    for name in ("left_hand", "right_hand"):
        side = name.split("_")[0]
        hand = {
            p
            for j, p in zip(layout41.joints, layout41.points, strict=True)
            if j.startswith(side) and j.endswith(("_tip", "_wrist"))
        }
        assert hand == set(OPENPOSE.regions[name]) & set(layout41.points.tolist())
        elbow = layout41.points[layout41.joints.index(f"{side}_elbow")]
        assert elbow in OPENPOSE.regions[f"{side}_arm"]
    body = {
        "neck",
        *(
            f"{s}_{j}"
            for s in ("left", "right")
            for j in (
                "shoulder",
                "elbow",
                "wrist",
                *(f"{f}_tip" for f in ("thumb", "index", "middle", "ring", "little")),
            )
        ),
    }
    head = {
        j
        for j, p in zip(layout41.joints, layout41.points, strict=True)
        if p in OPENPOSE.regions["head"]
    }
    assert head == set(layout41.joints) - body


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("drop", 0),
        ("drop", 1.1),
        ("detector", 1.1),
        ("occlude", -0.1),
        ("jitter", 0),
        ("jitter", np.inf),
    ],
)
def test_levels_that_mean_nothing_are_refused(kind, level):
    expected = "a finite number above 0" if kind == "jitter" else "above 0 and at most 1"
    with pytest.raises(InputError, match=f"{kind}: level {level:g}; expected {expected}$"):
        corrupt(make_clip(), kind, level, 0, OPENPOSE)
    with pytest.raises(InputError, match=f"{kind}: level nan"):
        corrupt(make_clip(), kind, np.nan, 0, OPENPOSE)
