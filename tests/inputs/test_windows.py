import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.inputs.points import PointInput
from microgesture.inputs.windows import Windows, resampled, shown, turned
from microgesture.settings.heatmaps import Augment
from tests.conftest import make_clip
from tests.sections import prepare_clips

CLEANING = {"min_score": 0.05, "max_jump": None}
WHOLE = Augment(crop_area=[1.0, 1.0], flip=0.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory, layout22):
    clip = make_clip("a", 9)
    clip.points[4, 4] = 0  # the right wrist is lost in one frame
    path = tmp_path_factory.mktemp("windows") / "w.arrow"
    settings = {"cleaning": CLEANING, "length": None, "on_bad_clip": "stop"}
    prepare_clips([clip, make_clip("b", 5, seed=1)], layout22, settings, path)
    return PointInput(Records(path), layout22, 0.25)


def test_between_frames_a_point_moves_straight_and_needs_both(source):
    whole = source.sample(0, np.arange(9))
    got = resampled(source, 0, np.array([0, 2.25, 3, 3.5, 4.5, 8]))
    np.testing.assert_array_equal(got[[0, 2, 5]], whole[[0, 3, 8]])
    np.testing.assert_allclose(got[1], 0.75 * whole[2] + 0.25 * whole[3], rtol=1e-6)
    assert (got[3:5, 4] == 0).all() and (got[3:5, 3, 2] > 0).all()


def test_a_part_is_drawn_anew_but_the_same_again(source):
    parts = Windows(source, 6, 0.5, seed=3)
    first, row = parts[0, 1, 7]
    assert row == 0 and first.shape == (6, 22, 3)
    assert torch.equal(first, Windows(source, 6, 0.5, seed=3)[0, 1, 7][0])
    others = [parts[0, 2, 7][0], parts[0, 1, 8][0], Windows(source, 6, 0.5, seed=4)[0, 1, 7][0]]
    assert not any(torch.equal(first, other) for other in others)
    whole = torch.from_numpy(resampled(source, 0, np.linspace(0, 8, 6)))
    assert torch.equal(parts[0, 0, 7][0], whole)  # epoch 0 is for validation
    assert torch.equal(Windows(source, 6, 1.0, seed=3)[0, 1, 7][0], whole)


def test_skeletons_are_turned_about_the_middle(source):
    x = torch.tensor([[[[0.5, 0.0, 1.0], [0.0, 0.0, 0.0]]]]).expand(2, 3, 2, 3)
    got = turned(x, torch.tensor([0.0, np.pi / 2]))
    torch.testing.assert_close(got[0], x[0])
    expected = torch.tensor([[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]).expand(3, 2, 3)
    torch.testing.assert_close(got[1], expected)


def test_a_batch_depends_on_its_place_alone(source):
    samples = torch.stack([Windows(source, 6, 0.5, 0)[row, 1, row][0] for row in (0, 1)])
    device = torch.device("cpu")
    first = shown(source, samples, WHOLE, 10, (0, 1, 2), device)
    assert torch.equal(first, shown(source, samples, WHOLE, 10, (0, 1, 2), device))
    assert not torch.equal(first, shown(source, samples, WHOLE, 10, (0, 1, 3), device))
    straight = shown(source, samples, WHOLE, 0, (0, 1, 2), device)
    radius = [one[..., :2].norm(dim=3) for one in (first, straight)]
    torch.testing.assert_close(*radius)
    angles = [torch.atan2(*one[..., :2].unbind(3)) for one in (first, straight)]
    turn = (angles[0] - angles[1] + np.pi) % (2 * np.pi) - np.pi
    assert 0 < turn[straight[..., 2] > 0].abs().max() <= np.deg2rad(10) + 1e-4
