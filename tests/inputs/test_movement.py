"""What training changes at random in key points, frames and pairs of clips."""

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.inputs.heatmaps import DrawnInput, HeatmapInput
from microgesture.inputs.loader import TrainingClips
from microgesture.inputs.movement import Movement, moved, random_movement, random_span
from microgesture.inputs.points import PointInput
from microgesture.settings.training import AugmentPoints
from microgesture.training.steps import mixing
from microgesture.utils.errors import InputError
from tests.conftest import make_clip
from tests.sections import prepare_clips
from tests.steps import build_cache, drawing

CONFIG = {"cleaning": {"min_score": 0.05, "max_jump": 1.5}, "length": None, "on_bad_clip": "stop"}
HEATMAPS = {"size": 24, "sigma": 1.5, "padding": 0.25}
FRAMES = np.arange(6)


@pytest.fixture
def records(tmp_path, layout22):
    clip = make_clip("a", 6)
    clip.points[2:4, 4] = 0
    prepare_clips([clip], layout22, CONFIG, tmp_path / "s.arrow")
    return Records(tmp_path / "s.arrow")


def still(layout):
    count = len(layout.joints)
    return Movement(0.0, np.zeros((count, 2)), np.ones(count, bool))


def some(layout, seed=0):
    config = AugmentPoints(rotate=30, offset=0.05, drop=0.2, drop_parts=0.3)
    return random_movement(layout, config, np.random.default_rng(seed))


def test_points_are_turned_about_the_middle_of_their_box_and_then_set_off():
    places = np.array([[[0.75, 0.5, 0.9], [0.5, 0.5, 0.8], [0.1, 0.2, 0.7]]])
    quarter = Movement(np.pi / 2, np.array([[0, 0], [0.1, -0.2]]), np.array([True, False]))
    found = moved(places, np.array([0, 0, 1]), quarter)
    assert np.allclose(found[0, 0], [0.5, 0.75, 0.9])  # right becomes down, as the y axis points
    assert np.allclose(found[0, 1], [0.5, 0.5, 0.8])
    assert np.allclose(found[0, 2], [0.5 + 0.3 + 0.1, 0.5 - 0.4 - 0.2, 0])


@pytest.mark.parametrize("make", [PointInput, DrawnInput])
def test_without_any_movement_samples_are_as_they_were(records, layout22, make):
    more = (0.25,) if make is PointInput else ("joint", drawing(HEATMAPS), 20)
    source = make(records, layout22, *more)
    assert np.allclose(source.sample(0, FRAMES), source.sample(0, FRAMES, still(layout22)))


def test_bones_and_motion_are_those_of_the_moved_points(records, layout22):
    movement = some(layout22)
    joints, bones, motion = (
        PointInput(records, layout22, 0.25, stream).sample(0, FRAMES, movement)
        for stream in ("joint", "bone", "joint_motion")
    )
    found = joints[..., 2] > 0
    parents = layout22.parents()
    both = found & found[:, parents]
    expected = np.where(both[..., None], joints[..., :2] - joints[:, parents, :2], 0)
    assert both.any() and np.allclose(bones[..., :2], expected, atol=1e-6)
    both = found[1:] & found[:-1]
    expected = np.where(both[..., None], joints[1:, :, :2] - joints[:-1, :, :2], 0)
    assert np.allclose(motion[:-1, :, :2], expected, atol=1e-6)


def test_what_is_dropped_is_missing_in_every_frame_and_nothing_else_is(records, layout22):
    source = PointInput(records, layout22, 0.25)
    movement = some(layout22)
    assert 0 < (~movement.kept).sum() < len(movement.kept)
    before, after = (source.sample(0, FRAMES, m)[..., 2] > 0 for m in (None, movement))
    assert np.array_equal(after, before & movement.kept)


def test_movements_have_the_configured_sizes(layout41):
    config = AugmentPoints(rotate=20, offset=0.03, drop=0.1)
    rng = np.random.default_rng(0)
    drawn = [random_movement(layout41, config, rng) for _ in range(2000)]
    angles = np.rad2deg([one.angle for one in drawn])
    assert -20 <= angles.min() < -19 and 19 < angles.max() <= 20
    assert np.std(angles) == pytest.approx(20 / np.sqrt(3), rel=0.05)
    assert np.std([one.offsets for one in drawn]) == pytest.approx(0.03, rel=0.02)
    assert np.mean([one.kept for one in drawn]) == pytest.approx(0.9, abs=0.005)


def test_parts_are_dropped_whole(layout41):
    config = AugmentPoints(drop_parts=0.3)
    rng = np.random.default_rng(0)
    drawn = np.array([random_movement(layout41, config, rng).kept for _ in range(2000)])
    order = KEYPOINT_FORMATS[layout41.source]
    in_parts = np.zeros(len(layout41.joints), bool)
    for part in order.roots:
        of = np.isin(layout41.points, order.regions[part])
        in_parts |= of
        lost = ~drawn[:, of]
        assert (lost.all(axis=1) == lost.any(axis=1)).all()
        assert lost.all(axis=1).mean() == pytest.approx(0.3, abs=0.04)
    assert drawn[:, ~in_parts].all() and not in_parts.all()


def test_a_span_is_a_part_in_order_stretched_to_the_same_length():
    rng = np.random.default_rng(0)
    spans = np.array([random_span(np.arange(20), 0.5, rng) for _ in range(500)])
    assert spans.shape == (500, 20) and (np.diff(spans, axis=1) >= 0).all()
    lasting = spans[:, -1] - spans[:, 0]
    assert lasting.min() in (9, 10) and lasting.max() in (18, 19)
    assert spans[:, 0].min() == 0 and spans[:, -1].max() == 19
    assert np.array_equal(random_span(np.arange(20), 1.0, rng), np.arange(20))


def test_a_sample_depends_on_seed_epoch_and_place_alone(records, layout22):
    source = PointInput(records, layout22, 0.25)
    moves = AugmentPoints(rotate=10, offset=0.02)

    def sample(seed, epoch, place):
        return TrainingClips(source, "align", 6, seed, moves, 0.6)[0, epoch, place][0]

    first = sample(0, 1, 2)
    assert torch.equal(first, sample(0, 1, 2))
    assert not any(
        torch.equal(first, sample(*other)) for other in [(1, 1, 2), (0, 2, 2), (0, 1, 3)]
    )


def test_what_is_drawn_already_cannot_be_moved(records, layout22, tmp_path):
    build_cache(records.path, layout22, "joint", HEATMAPS, tmp_path / "h.arrow")
    source = HeatmapInput(Records(tmp_path / "h.arrow"), layout22, 20)
    with pytest.raises(InputError, match="no points that could be moved"):
        TrainingClips(source, "align", 6, 0, AugmentPoints(rotate=5))[0, 1, 0]


def test_clips_are_mixed_with_a_share_that_the_beta_distribution_gives():
    drawn = [mixing(0.4, 8, (0, 1, step)) for step in range(2000)]
    shares = np.array([share for share, _ in drawn])
    assert (shares >= 0.5).all() and (shares <= 1).all()
    expected = np.random.default_rng(0).beta(0.4, 0.4, 100_000)
    assert shares.mean() == pytest.approx(np.maximum(expected, 1 - expected).mean(), abs=0.01)
    assert all(sorted(other) == list(range(8)) for _, other in drawn)
    assert mixing(0.4, 8, (0, 1, 0)) == drawn[0] and drawn[0] != drawn[1]
