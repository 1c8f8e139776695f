"""One wild point changes nothing but itself, nothing of a body is ever cut off, at any scale."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microgesture.data.boxes import far_points
from microgesture.data.clip_file import Records, prepared_points
from microgesture.heatmaps.grid import clip_box
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.heatmaps import HeatmapInput
from microgesture.inputs.points import PointInput
from microgesture.preprocessing.prepare import warnings
from tests.data_report.test_checks import BODY, person
from tests.sections import prepare_clips
from tests.steps import build_cache, drawn_input

CONFIG = {"cleaning": {"min_score": 0.05, "max_jump": 1.5}, "length": None, "on_bad_clip": "stop"}
HEATMAPS = {"size": 24, "sigma": 0.6, "padding": 0.25}
WILD = [(1e9, 300), (-1e9, -1e9), (600, 1e5), (12_000, 300), (np.nan, 300), (600, np.inf)]


def stream(clips, layout, folder, **config):
    path = folder / "s.arrow"
    return prepare_clips(clips, layout, CONFIG | config, path), path


def points_of(path):
    records = Records(path)
    return [prepared_points(records, row) for row in range(len(records))]


@pytest.mark.parametrize("place", WILD)
@pytest.mark.parametrize("frames", [1, 2, 30])
@pytest.mark.parametrize("joint", [0, 4, 2, 99])
def test_a_wild_point_has_no_say_in_the_box(layout41, place, frames, joint):
    points = person("a", frames=frames).points
    points[frames // 2, joint] = 0
    expected = clip_box(points, 0.25)
    points[frames // 2, joint] = (*place, 0.9)
    assert far_points(points).sum() == 1 and far_points(points)[frames // 2, joint]
    assert clip_box(points, 0.25) == expected
    every = points.copy()
    every[:, joint] = (*place, 0.9)
    assert np.array_equal(np.argwhere(far_points(every))[:, 1], [joint] * frames)


@pytest.mark.parametrize("temporal", [{"length": None}, {"length": 48, "max_gap": 3}])
@pytest.mark.parametrize("joint", [0, 2, 4])
def test_a_clip_with_a_wild_point_is_fed_as_if_it_was_not_found(
    layout22, tmp_path, temporal, joint
):
    clip, wild = person("a"), person("a")
    clip.points[7, joint], wild.points[7, joint] = 0, (1e9, 300, 0.9)
    _, path = stream([clip], layout22, tmp_path, **temporal)
    expected = points_of(path)[0]
    manifest, path = stream([wild], layout22, tmp_path, **temporal)
    assert np.array_equal(points_of(path)[0], expected)
    assert (expected[..., 2] > 0).any(axis=1).all()  # its frame is not emptied
    assert manifest["far_points"] == 1


def test_wild_points_are_named_in_one_line_whatever_their_number(layout22, tmp_path):
    clips = [person(f"c{n}") for n in range(50)]
    for clip in clips[10:]:
        clip.points[3:5, 4] = (1e9, 300, 0.9)
    clips[5].points[2, 13] = (1e9, 300, 0.9)  # a knee is not in the layout
    manifest, _ = stream(clips, layout22, tmp_path)
    (line,) = warnings(manifest)
    assert "80 points in 40 clips lie so far from all others" in line
    assert "clip c10, frame 3, right_wrist at (1e+09, 300), score 0.9" in line
    assert len(line) < 500
    assert warnings(stream(clips[:10], layout22, tmp_path)[0]) == []


@given(st.integers(0, 999), st.floats(0, 0.7), st.integers(1, 30))
def test_nothing_of_a_figure_is_cut_off_however_much_was_not_found(seed, lost, frames):
    """Hands stretched out are among it; lone joints say too little of the figure's size."""
    rng = np.random.default_rng(seed)
    points = person("a", frames=frames, seed=seed).points
    angle, frame = (
        rng.uniform(0, 2 * np.pi),
        rng.integers(frames),
    )  # an arm of three shoulder widths
    hand = np.array(BODY[2]) + 600 * np.array([np.cos(angle), np.sin(angle)])
    points[frame, 116:137, :2] += hand - points[frame, 4, :2]
    points[frame, 4, :2], points[frame, 3, :2] = hand, (hand + BODY[2]) / 2
    hidden = np.where(rng.random((frames, 137, 1)) < lost, 0, points)
    assert not far_points(hidden).any()
    few = np.zeros_like(points)
    shown = rng.choice(26, 3, replace=False)
    few[:, shown] = points[:, shown]
    assert not far_points(few).any()


def test_a_joint_that_hardly_moves_does_not_make_a_seldom_seen_hand_wild():
    rng = np.random.default_rng(0)
    points = np.zeros((30, 137, 3))
    points[:, 0] = (640, 200, 0.9)
    points[:, 0, :2] += rng.normal(0, 0.5, (30, 2))
    points[:5, 4] = (300, 100, 0.9)
    assert not far_points(points).any()


def test_a_whole_body_somewhere_else_is_kept_unless_no_picture_is_so_large():
    """Whom a clip follows is for `other_person` to say, which can be left out."""
    points = person("a").points
    body = points[3].copy()
    points[3, body[:, 2] > 0, 0] += 5000
    assert not far_points(points).any()
    points[3, 4] = (1e9, 300, 0.9)
    assert np.argwhere(far_points(points)).tolist() == [[3, 4]]
    points[3, body[:, 2] > 0, 0] = 1e9
    assert np.array_equal(far_points(points)[3], body[:, 2] > 0)


def test_too_few_points_are_all_kept():
    assert not far_points(np.zeros((5, 22, 3))).any()
    two = np.array([[[0, 0, 1], [1e9, 0, 1.0]]])
    assert not far_points(two).any()
    assert clip_box(two, 0) == (0, -5e8, 1e9)


def volumes(clip, layout, folder):
    """What each kind of network is fed of a clip."""
    _, path = stream([clip], layout, folder, length=12, max_gap=3)
    frames, geometry = np.arange(12), full_frame(1)
    for kind in ("joint", "bone", "joint_motion"):
        source = PointInput(Records(path), layout, 0.25, kind)
        yield source.assemble(torch.from_numpy(source.sample(0, frames))[None], geometry, False)
    for kind in ("joint", "limb", "joint_motion"):
        source = drawn_input(Records(path), layout, kind, HEATMAPS, 24)
        yield source.assemble(torch.from_numpy(source.sample(0, frames))[None], geometry, False)
    build_cache(path, layout, "limb", HEATMAPS, folder / "h.arrow")
    source = HeatmapInput(Records(folder / "h.arrow"), layout, 24)
    yield source.assemble(torch.from_numpy(source.sample(0, frames))[None], geometry, False)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**-10, 2.0**10])
def test_networks_are_fed_the_same_at_every_scale(layout22, tmp_path, scale):
    """Pixels, shares of the picture, whatever: powers of two give the very same bits."""
    clip = person("a")
    points = clip.points * np.array([scale, scale, 1], np.float32)
    expected = list(volumes(clip, layout22, tmp_path))
    for own, other in zip(
        expected, volumes(replace(clip, points=points), layout22, tmp_path), strict=True
    ):
        assert own.abs().max() > 0.05 and torch.equal(own, other)


@pytest.mark.parametrize("scale", [1e-6, 1 / 1280, 3e5])
def test_a_figure_of_any_size_fills_its_box(scale):
    points = person("a").points.astype(float)
    left, top, side = clip_box(points, 0.25)
    scaled = clip_box(points * [scale, scale, 1], 0.25)
    assert np.allclose(scaled, np.multiply((left, top, side), scale), rtol=1e-9)


@pytest.mark.parametrize("place", [(0.5, 0.5), (5, 6), (1e6, 2e6)])
def test_a_figure_without_extent_is_in_the_middle_of_its_box(place):
    left, top, side = clip_box(np.array([[[*place, 1.0]]]), 0.25)
    assert side > 0 and (left + side / 2, top + side / 2) == place
    assert clip_box(np.zeros((3, 2, 3)), 0.25)[2] > 0
