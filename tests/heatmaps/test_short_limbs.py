"""Limbs shorter than a cell: the smaller of both scores, or PySKL's, the start's, everywhere."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from microgesture.data.clip_file import Records
from microgesture.heatmaps.codec import draw_sparse
from microgesture.heatmaps.draw import draw, draw_reference, draw_torch, strokes
from microgesture.heatmaps.grid import clip_box, to_grid
from microgesture.inference.clips import prepared_probabilities
from microgesture.inputs.geometry import Geometry, full_frame
from microgesture.inputs.heatmaps import HeatmapInput
from microgesture.settings.probing import Testing
from microgesture.viz.animation import write_animation
from tests.data_report.test_checks import person
from tests.sections import prepare_clips
from tests.steps import build_cache, drawn_input, made_trained, new_model

EDGES = np.array([[0, 1], [1, 2], [3, 0]])
RULES = ["min", "start"]
STREAM = {"cleaning": {"min_score": 0.05, "max_jump": None}, "length": 4, "max_gap": 3,
          "on_bad_clip": "stop"}  # fmt: skip


def pyskl_limb(plane, start, end, sigma):
    """Draw a limb as PySKL's GeneratePoseTarget does: a short one as its start, with its score."""
    if min(start[2], end[2]) < 1e-3:
        return
    length = (start[0] - end[0]) ** 2 + (start[1] - end[1]) ** 2
    score = min(start[2], end[2])
    if length < 1:
        end, score = start, start[2]
    height, width = plane.shape
    for y in range(max(int(min(start[1], end[1]) - 3 * sigma), 0),
                   min(int(max(start[1], end[1]) + 3 * sigma) + 1, height)):  # fmt: skip
        for x in range(max(int(min(start[0], end[0]) - 3 * sigma), 0),
                       min(int(max(start[0], end[0]) + 3 * sigma) + 1, width)):  # fmt: skip
            along = 0.0
            if length >= 1:
                along = (x - start[0]) * (end[0] - start[0]) + (y - start[1]) * (end[1] - start[1])
                along = min(max(along / length, 0.0), 1.0)
            gap_x = x - start[0] - along * (end[0] - start[0])
            gap_y = y - start[1] - along * (end[1] - start[1])
            value = score * math.exp(-(gap_x**2 + gap_y**2) / (2 * sigma**2))
            plane[y, x] = max(plane[y, x], value)


def pyskl(persons, sigma, size):
    volume = np.zeros((persons.shape[1], len(EDGES), size, size), np.float32)
    for clip in persons.astype(float):
        for t, frame in enumerate(clip):
            for c, (a, b) in enumerate(EDGES):
                pyskl_limb(volume[t, c], frame[a], frame[b], sigma)
    return volume


def crowded(seed, persons=2):
    """Joints near each other, so that about half of the limbs are shorter than a cell."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 1.5, (persons, 3, 4, 3)) + rng.uniform(-2, 16, (persons, 3, 1, 3))
    points[..., 2] = rng.uniform(0, 1, points.shape[:3]) * (rng.random(points.shape[:3]) < 0.9)
    return points.astype(np.float32)


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 9999), st.floats(0.3, 2))
def test_with_the_scores_of_starts_limbs_are_those_of_pyskl(seed, sigma):
    persons = crowded(seed)
    expected = pyskl(persons, sigma, 17)
    out = np.full_like(expected, 7)
    draw(persons, "limb", EDGES, sigma, out, short_limbs="start")
    assert np.abs(out - expected).max() < 1e-6
    slow = draw_reference(persons, "limb", EDGES, sigma, (17, 17), "start")
    assert np.abs(slow - expected).max() < 1e-6
    compact = draw_sparse(persons, "limb", EDGES, sigma, 17, "start").dense()
    assert np.abs(compact / 255 - expected).max() <= 0.5 / 255 + 1e-6
    of_one = strokes(persons[:1], "limb", EDGES, short_limbs="start")
    found = draw_torch(torch.from_numpy(of_one), sigma, 17)[0].transpose(0, 1).numpy()
    assert np.abs(found - pyskl(persons[:1], sigma, 17)).max() < 1e-5


@given(st.integers(0, 9999))
def test_by_default_no_limb_is_surer_than_its_less_sure_end(seed):
    persons = crowded(seed)
    drawn = strokes(persons, "limb", EDGES)
    assert (drawn[..., 4] == persons[..., EDGES, 2].min(axis=-1)).all()
    assert (strokes(persons, "limb", EDGES, short_limbs="start")[..., 4] >= drawn[..., 4]).all()


def test_scores_of_starts_by_hand():
    persons = np.array([[[[2, 2, 0.5], [2.5, 2.5, 0.9], [9, 9, 0.3], [2, 2, 0.0005]]]], np.float32)
    given_strokes = strokes(persons, "limb", EDGES, short_limbs="start")[0, 0, :, 4]
    assert np.allclose(given_strokes, [0.5, 0.3, 0.0005])  # short, long, one end not found
    turned = strokes(persons, "limb", EDGES[:, ::-1], short_limbs="start")[0, 0, :, 4]
    assert np.allclose(turned, [0.9, 0.3, 0.0005])


@pytest.fixture(scope="module")
def stored(tmp_path_factory, layout41):
    clip = person("a", frames=4)
    clip.points[..., 2] = np.random.default_rng(0).uniform(0.1, 1, clip.points.shape[:2])
    path = tmp_path_factory.mktemp("stored") / "s.arrow"
    prepare_clips([clip], layout41, STREAM, path)
    return path


@pytest.mark.parametrize("rule", RULES)
def test_inputs_of_both_sources_follow_the_rule(stored, layout41, tmp_path, rule):
    config = {"size": 28, "sigma": 0.6, "padding": 0.25, "short_limbs": rule}
    points = np.frombuffer(Records(stored).blob(0, 0), np.float32).reshape(1, 4, 41, 3)
    grid = to_grid(points, clip_box(points[0], 0.25), 28)
    expected = draw_reference(grid, "limb", layout41.edges, 0.6, (28, 28), rule).swapaxes(0, 1)
    other = {"min": "start", "start": "min"}[rule]
    unlike = draw_reference(grid, "limb", layout41.edges, 0.6, (28, 28), other).swapaxes(0, 1)
    assert np.abs(unlike - expected).max() > 0.3
    manifest = build_cache(stored, layout41, "limb", config, tmp_path / "c.arrow")
    assert manifest["short_limbs"] == rule
    cached = HeatmapInput(Records(tmp_path / "c.arrow"), layout41, 28)
    drawn = drawn_input(Records(stored), layout41, "limb", config, 28)
    for source in (cached, drawn):
        samples = torch.from_numpy(source.sample(0, np.arange(4)))[None]
        inputs = source.assemble(samples, full_frame(1), training=False)[0].numpy()
        assert np.abs(inputs - expected).max() <= 1 / 510 + 1e-5


@pytest.mark.parametrize("rule", RULES)
def test_a_limb_that_a_window_makes_short_is_short(stored, layout41, rule):
    """Points are moved first: how long a limb is, is told in cells of what is drawn."""
    config = {"size": 28, "sigma": 0.6, "padding": 0.25, "short_limbs": rule}
    source = drawn_input(Records(stored), layout41, "limb", config, 56)
    samples = source.sample(0, np.arange(4))[None]
    small, large = (
        source.strokes(samples, Geometry(np.array([[0, 0, 1, 1.0]]), np.array([False])), size)
        for size in (8, 4000)
    )
    assert ((small[..., 4] != large[..., 4]).mean() > 0.1) == (rule == "start")


@pytest.mark.parametrize("source", ["cached", "drawn"])
def test_a_checkpoint_remembers_the_rule(stored, layout41, tmp_path, source):
    """Its predictions on new recordings are drawn as those that it was trained on."""
    heatmaps = {"size": 16, "sigma": 0.6, "padding": 0.25}
    network = {"base_channels": 4, "stage_blocks": [1], "zero_init_residual": False}
    said = {}
    for rule in (None, *RULES):
        own = heatmaps if rule is None else {**heatmaps, "short_limbs": rule}
        config = {"model": "posec3d", "stream": "limb", "source": source, "input_size": 16,
                  "network": network, "temporal": "align", "length": 4,
                  "training": {"batch": 2}, "heatmaps": own}  # fmt: skip
        made = Records(stored).metadata
        if source == "cached":
            build_cache(stored, layout41, "limb", own, tmp_path / "c.arrow")
            made = Records(tmp_path / "c.arrow").metadata
        torch.manual_seed(0)
        model = new_model(config, layout41, 2, None).eval()
        torch.nn.init.normal_(model.cls_head.fc_cls.weight, std=5.0)
        about = json.loads(json.dumps({"config": config, "preparation": made}))
        trained = made_trained(tmp_path, model, layout41, about)
        said[rule] = prepared_probabilities(trained, Records(stored), Testing(views=1, flip=False))
    assert np.array_equal(said[None], said["min"])
    assert np.abs(said["start"] - said["min"]).max() > 1e-4


def test_the_viewer_draws_by_either_rule(tmp_path, layout41):
    clip = person("a", frames=1)
    clip.points[..., 2] = np.random.default_rng(0).uniform(0.1, 1, clip.points.shape[:2])
    for rule in (None, *RULES):
        options = {} if rule is None else {"short_limbs": rule}
        write_animation(clip, layout41, tmp_path / f"{rule}.gif", "limb", 28, **options)
    shown = {rule: (tmp_path / f"{rule}.gif").read_bytes() for rule in (None, *RULES)}
    assert shown[None] == shown["min"] != shown["start"]
