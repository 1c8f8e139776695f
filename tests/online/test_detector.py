"""The trained detector: what it sees, what it is to tell, its loss, training and inference."""

import numpy as np
import pytest
import torch

from microgesture.models.stgcn import GraphConv
from microgesture.models.temporal_detector import Gather, Told, positions
from microgesture.online.features import body_size, features, mirrored, motion, turned_by
from microgesture.online.inference import candidates
from microgesture.online.metrics import count, f1
from microgesture.online.segments import Segment
from microgesture.online.targets import (
    BACKGROUND,
    IGNORED,
    assign,
    distance_iou,
    focal,
    loss,
)
from microgesture.online.training import train_detector
from microgesture.settings.online import TemporalNetwork
from microgesture.training.resume import Keeper, Stopped
from microgesture.utils.errors import InputError
from tests.online.small import config, fresh, recording, source


def test_features_do_not_depend_on_place_and_size():
    points, _ = recording(0)
    layout = source().layout
    moved = points.copy()
    moved[..., :2] = 3 * points[..., :2] + 500
    assert body_size(moved) == pytest.approx(3 * body_size(points), rel=1e-5)
    one = features(points, layout, body_size(points))
    np.testing.assert_allclose(features(moved, layout, body_size(moved)), one, atol=1e-4)
    np.testing.assert_allclose(
        motion(moved, body_size(moved)), motion(points, body_size(points)), atol=1e-4
    )


def test_features_by_hand():
    layout = source().layout
    points = np.zeros((3, 19, 3), np.float32)
    points[:, layout.center] = (10, 10, 1)
    points[:, 7] = [(20, 10, 1), (20, 14, 1), (0, 0, 0)]
    seen = features(points, layout, 2.0)
    assert seen[0, 7].tolist() == [5, 0, 0, 0, 1]
    assert seen[1, 7].tolist() == [5, 2, 0, 2, 1]
    assert seen[2, 7].tolist() == [0] * 5
    points[1, layout.center] = 0  # its place is then the mean of what was found
    assert features(points, layout, 2.0)[1, 7, :2].tolist() == [0, 0]
    assert np.isfinite(features(np.zeros_like(points), layout, 1.0)).all()


def test_a_mirror_image_of_a_mirror_image_and_a_full_turn_change_nothing():
    points, _ = recording(0)
    layout = source().layout
    seen = features(points, layout, body_size(points))
    np.testing.assert_array_equal(mirrored(mirrored(seen, layout), layout), seen)
    np.testing.assert_allclose(turned_by(seen, 360), seen, atol=1e-5)
    assert turned_by(seen, 90)[0, 3, 0] == pytest.approx(-seen[0, 3, 1], abs=1e-6)


def test_the_graph_layer_is_the_convolution_of_stgcn():
    layout = source().layout
    graph = torch.as_tensor(layout.adjacency(), dtype=torch.float32)
    ours, theirs = Gather(graph, 5, 4), GraphConv(5, 4, graph)
    with torch.no_grad():
        ours.PA.uniform_(0.5, 1.5)
        theirs.PA.copy_(ours.PA)
        theirs.conv.weight.copy_(ours.weight.reshape(-1, 5, 1, 1))
        theirs.conv.bias.zero_()
    x = torch.randn(2, 5, 7, 19)
    expected = theirs.eval()(x) * (1 + theirs.bn.eps) ** 0.5
    told = ours(x.permute(0, 2, 3, 1).flatten(2)).unflatten(2, (19, 4)).permute(0, 3, 1, 2)
    torch.testing.assert_close(told, expected, atol=1e-5, rtol=1e-4)


def test_positions_of_two_scales():
    times, levels = positions(4, TemporalNetwork(stride=1, levels=2))
    assert times.tolist() == [0, 1, 2, 3, 0.5, 2.5] and levels.tolist() == [0, 0, 0, 0, 1, 1]
    assert positions(8, TemporalNetwork(stride=4, levels=2))[0].tolist() == [1.5, 5.5, 3.5]
    causal = positions(4, TemporalNetwork(stride=1, levels=2, causal=True, delay=2))[0]
    assert causal.tolist() == [-2, -1, 0, 1, -1, 1]


def test_targets_by_hand():
    network = TemporalNetwork(stride=1, levels=2)
    labels, away = assign([Segment(1, 2, 4)], 8, network)
    # 3 frames: the farther edge of the middle is 1.5 away, so the finest scale tells
    assert labels.tolist() == [-1, -1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1]
    assert away[2:5].tolist() == [[0.5, 2.5], [1.5, 1.5], [2.5, 0.5]]
    labels, away = assign([Segment(0, 0, 15)], 16, network)
    assert (labels[:16] == BACKGROUND).all() and np.flatnonzero(labels[16:] == 0).tolist() == [
        2, 3, 4, 5,
    ]  # fmt: skip
    assert away[16 + 3].tolist() == [7.0, 9.0]


def test_of_overlapping_segments_the_shorter_is_told_and_cut_ones_are_ignored():
    network = TemporalNetwork(stride=1, levels=1)
    labels, _ = assign([Segment(0, 0, 6), Segment(1, 3, 4), Segment(2, 10, 40)], 12, network)
    assert labels[[3, 4]].tolist() == [1, 1] and labels[2] == 0
    assert labels[10:].tolist() == [IGNORED, IGNORED]


def test_every_whole_segment_is_told_of_somewhere():
    for network in (TemporalNetwork(stride=1, levels=4), TemporalNetwork()):
        for length in range(1, 60):
            labels, _ = assign([Segment(0, 2, 1 + length)], 64, network)
            assert (labels == 0).any(), length


def test_losses_against_readable_forms():
    generator = torch.Generator().manual_seed(0)
    told, true = (5 * torch.rand(6, 2, generator=generator) + 0.1 for _ in range(2))
    for one, other, value in zip(told, true, distance_iou(told, true), strict=True):
        a, b = (-one[0], one[1]), (-other[0], other[1])
        shared = min(a[1], b[1]) - max(a[0], b[0])
        union, hull = a[1] - a[0] + b[1] - b[0] - shared, max(a[1], b[1]) - min(a[0], b[0])
        apart = (a[0] + a[1]) / 2 - (b[0] + b[1]) / 2
        assert float(value) == pytest.approx(float(1 - shared / union + (apart / hull) ** 2))
    assert float(distance_iou(true, true).abs().max()) < 1e-6
    logits = torch.tensor([2.0, -1.0])
    p = torch.sigmoid(logits)
    expected = torch.stack(
        [-0.25 * (1 - p[0]) ** 2 * p[0].log(), -0.75 * p[1] ** 2 * (1 - p[1]).log()]
    )
    torch.testing.assert_close(focal(logits, torch.tensor([1.0, 0.0])), expected)


def test_ignored_positions_change_no_loss():
    told = Told(torch.randn(1, 3, 2), torch.rand(1, 3, 2) + 1)
    labels, away = torch.tensor([[0, -1, IGNORED]]), torch.ones(1, 3, 2)
    before = loss(told, labels, away)
    told.logits[0, 2] = 50.0
    assert float(loss(told, labels, away)) == float(before)


@pytest.mark.parametrize(
    "network", [{}, {"causal": True, "delay": 4}, {"levels": 1}, {"stride": 2}]
)
def test_parts_give_what_one_pass_gives(network):
    points, _ = recording(1, frames=900)
    settings = config(network=network)
    model, layout = fresh(settings).eval(), source().layout
    with torch.no_grad():
        model.classes.last.conv.bias.fill_(-2.0)
    assert model.reach < 256
    whole, parts = (
        candidates(model, layout, points, soft=False, flip=True, part=part) for part in (1024, 256)
    )
    assert len(whole) > 10
    key = [(s.label, s.start, s.end, round(s.score, 4)) for s in whole]
    assert [(s.label, s.start, s.end, round(s.score, 4)) for s in parts] == key


def test_a_causal_network_looks_at_nothing_to_come():
    settings = config(network={"causal": True})
    model, layout = fresh(settings).eval(), source().layout
    points, _ = recording(2, frames=64)
    changed = points.copy()
    changed[40:, :, :2] += np.random.default_rng(0).normal(0, 50, (24, 19, 2))
    told = []
    for one in (points, changed):
        seen = torch.from_numpy(features(one, layout, 50.0))[None]
        told.append(model(seen, torch.ones(1, 64, dtype=torch.bool)).logits[0, :40])
    torch.testing.assert_close(told[0], told[1])


def test_frames_after_the_end_change_nothing():
    settings = config()
    model, layout = fresh(settings).eval(), source().layout
    seen = torch.from_numpy(features(recording(0, frames=40)[0], layout, 50.0))
    told = []
    for filled in (0.0, 9.0):
        x = torch.full((1, 64, 19, 5), filled)
        x[0, :40] = seen
        told.append(model(x, torch.arange(64)[None] < 40).logits[0, :40])
    torch.testing.assert_close(told[0], told[1])


def test_a_window_reads_only_its_frames_and_moves_the_segments():
    made = source()
    about = made.labelled[0]
    window = made.window(0, 150, 64)
    assert window.counts.sum() == 10 and not window.features[10:].any()
    first = about.segments[0]
    moved = made.window(0, first.start - 2, 64).segments[0]
    assert moved == Segment(first.label, 2, 2 + first.end - first.start)
    faster = made.window(0, 0, 64, 2.0).segments[0]
    assert faster == Segment(first.label, round(first.start / 2), round(first.end / 2))


def test_too_few_windows_are_refused():
    settings = config().model_copy(update={"window": 640})
    with pytest.raises(InputError, match="batch is 4, but the training recordings give 1"):
        train_detector(fresh(settings), source(("train",)), settings, 0)


def test_it_learns(monkeypatch):
    monkeypatch.setattr("microgesture.online.training.AVERAGED", 0.8)
    settings = config(epochs=10, network={"levels": 2, "dropout": 0.0})
    made = source(("train",) * 6 + ("val",))
    model = fresh(settings)
    course, kept = train_detector(model, made, settings, 0)
    assert course.entries[-1]["val_loss"] < 0.6 * course.entries[0]["val_loss"]
    model.load_state_dict(kept)
    points, truth = recording(20)
    every = candidates(model.eval(), made.layout, points, soft=True, flip=False)
    best = max(
        f1(*count([truth], {truth.recording: [s for s in every if s.score >= at]})[0])
        for at in (0.2, 0.3, 0.4, 0.5)
    )
    assert best > 0.8


def test_a_stopped_training_ends_as_an_undisturbed_one(tmp_path):
    settings, made = config(epochs=2), source(("train",) * 3)
    _, whole = train_detector(fresh(settings), made, settings, 0)

    class Once(Keeper):
        """Asks to stop in the middle of the second epoch."""

        calls = 0

        def due(self, epoch_ends):
            Once.calls += 1
            if Once.calls == 5:
                self.signalled = 15
            return False

    with pytest.raises(Stopped, match="stopped in epoch 2 after step 2"):
        once = Once(tmp_path, "d", "seed0", "0" * 16)
        train_detector(fresh(settings), made, settings, 0, keeper=once)
    keeper = Keeper(tmp_path, "d", "seed0", "0" * 16)
    resumed, again = train_detector(fresh(settings), made, settings, 0, keeper=keeper)
    assert resumed.spent["resumed"] == 1
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
