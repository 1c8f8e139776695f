"""Parts in boxes of their own: where they are drawn, from points and from a cache."""

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.data.layouts import load_layout
from microgesture.data.parts import part_joints, view_of
from microgesture.heatmaps.cache import cached_frames
from microgesture.heatmaps.draw import draw_reference
from microgesture.heatmaps.grid import clip_box, to_grid, view_boxes, view_grid
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.heatmaps import DrawnInput, HeatmapInput
from microgesture.models.build import build_model
from microgesture.models.posec3d import PartsSlowOnly
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY, make_clip
from tests.sections import prepare_clips
from tests.steps import build_cache, drawing, random_geometry

PREPARATION = {
    "cleaning": {"min_score": 0.05, "max_jump": 1.5},
    "length": None,
    "on_bad_clip": "stop",
}
HEATMAPS = {"size": 24, "sigma": 1.0, "padding": 0.25}
PARTS = ["body", "left_hand", "right_hand", "head"]
SMALL = {"name": "posec3d", "base_channels": 4, "stage_blocks": [1, 1], "stem_kernel": 5}


@pytest.fixture(scope="module")
def layout():
    return load_layout(REPOSITORY / "config/layouts/openpose73.yaml")


@pytest.fixture(scope="module")
def files(tmp_path_factory, layout):
    folder = tmp_path_factory.mktemp("parts")
    clips = [make_clip("a", 6), make_clip("b", 6, "right", seed=1)]
    clips[0].points[2:4, 95:116] = 0  # the left hand is lost for a while
    clips[1].points[:, [7, *range(95, 116)]] = 0  # and never seen
    prepare_clips(clips, layout, PREPARATION, folder / "s.arrow")
    for stream in ("joint", "limb"):
        out = folder / f"{stream}.arrow"
        build_cache(folder / "s.arrow", layout, stream, HEATMAPS, out, 1, iter, PARTS)
    return folder, [clip.points[:, layout.points] for clip in clips]


def expected(points, layout, stream):
    """Every part drawn by itself, in readable form; (T, C, H, W)."""
    across = (points[:, layout.joints.index("left_shoulder")] - points[:, 2])[:, :2]
    least = 0.5 * float(np.median(np.linalg.norm(across, axis=1)))
    volumes = []
    for part in PARTS:
        joints = part_joints(layout, part)
        left, top, side = clip_box(points[:, joints], 0.25)
        grown = max(side, least)
        box = left - (grown - side) / 2, top - (grown - side) / 2, grown
        number = {int(joint): n for n, joint in enumerate(joints)}
        edges = [[number[a], number[b]] for a, b in layout.edges.tolist()
                 if a in number and b in number]  # fmt: skip
        grid = to_grid(points[:, joints], box, 24)[None]
        volumes.append(draw_reference(grid, stream, np.array(edges), 1.0, (24, 24)))
    return np.concatenate(volumes, axis=1)


@pytest.mark.parametrize("stream", ["joint", "limb"])
def test_each_part_is_drawn_in_a_box_of_its_own(files, layout, stream):
    folder, points = files
    source = DrawnInput(Records(folder / "s.arrow"), layout, stream, drawing(HEATMAPS), 20, PARTS)
    cache = Records(folder / f"{stream}.arrow")
    assert cache.metadata["parts"] == PARTS
    batch = torch.from_numpy(np.stack([source.sample(row, np.arange(6)) for row in (0, 1)]))
    drawn = source.assemble(batch, full_frame(2), training=False).numpy()
    for row in (0, 1):
        volume = expected(points[row], layout, stream).swapaxes(0, 1)
        assert np.allclose(drawn[row], volume, atol=1e-5)
        cached = cached_frames(cache, row, np.arange(6))
        assert np.allclose(cached / 255, volume, atol=1 / 500)
    sizes = view_of(layout, PARTS).sizes(stream)
    body, left, right, head = np.split(drawn[1], np.cumsum(sizes)[:-1])
    assert left.max() == 0  # what is not found leaves its volume empty
    assert min(body.max(), right.max(), head.max()) > 0.5


@pytest.mark.parametrize("stream", ["joint", "limb"])
def test_a_mirrored_clip_is_that_of_mirrored_points(files, layout, stream, tmp_path):
    folder, _ = files
    records = Records(folder / "s.arrow")
    clips = [make_clip("a", 6), make_clip("b", 6, "right", seed=1)]
    clips[0].points[2:4, 95:116] = 0
    clips[1].points[:, [7, *range(95, 116)]] = 0
    for clip in clips:
        own = clip.points[:, layout.points[layout.flip]].copy()
        own[..., 0] = np.where(own[..., 2] > 0, 640 - own[..., 0], 0)
        clip.points[:, layout.points] = own
    prepare_clips(clips, layout, PREPARATION, tmp_path / "m.arrow")
    turned = DrawnInput(Records(tmp_path / "m.arrow"), layout, stream, drawing(HEATMAPS), 24, PARTS)
    source = DrawnInput(records, layout, stream, drawing(HEATMAPS), 24, PARTS)
    cached = HeatmapInput(Records(folder / f"{stream}.arrow"), layout, 24)

    def whole(given, mirrored):
        batch = torch.from_numpy(np.stack([given.sample(row, np.arange(6)) for row in (0, 1)]))
        return given.assemble(batch, full_frame(2, mirrored), training=False).numpy()

    assert np.allclose(whole(source, True), whole(turned, False), atol=1e-3)
    # windows of 3 sigma are cut to whole cells, of a drawn volume before it is mirrored
    assert np.allclose(whole(cached, True), whole(turned, False), atol=1.5 * np.exp(-4.5))


def test_without_parts_a_clip_is_drawn_as_in_its_one_box_to_the_last_bit(layout):
    rng = np.random.default_rng(0)
    points = rng.uniform(1, 700, (9, len(layout.joints), 3)).astype(np.float32)
    one_box = to_grid(points, clip_box(points, 0.25), 24)
    assert np.array_equal(view_grid(points, view_of(layout), 0.25, 24), one_box)


def test_a_still_part_is_not_blown_up(layout):
    points = np.zeros((4, len(layout.joints), 3), np.float32)
    for name, place in {
        "left_shoulder": (300, 100), "right_shoulder": (100, 100), "left_wrist": (50, 60)
    }.items():  # fmt: skip
        points[:, layout.joints.index(name)] = (*place, 1)
    view = view_of(layout, ["left_hand", "right_hand"])
    left, right = view_boxes(points, view, 0.25)
    assert np.allclose(left, [0, 10, 100])  # half of the shoulders' distance
    assert right[2] > 0  # never seen


def test_one_network_sees_all_boxes(files, layout):
    folder, _ = files
    source = HeatmapInput(Records(folder / "joint.arrow"), layout, 20)
    geometry = random_geometry(2, {"crop_area": [0.6, 1.0], "flip": 0.5}, np.random.default_rng(0))
    batch = torch.from_numpy(np.stack([source.sample(row, np.arange(6)) for row in (0, 1)]))
    volume = source.assemble(batch, geometry, training=True)
    sizes = view_of(layout, PARTS).sizes("joint")
    for stages in ("shared", "own"):
        torch.manual_seed(0)
        config = {**SMALL, "part_stages": stages}
        model = build_model(config, layout_channels=sizes, num_classes=3).eval()
        backbone = model.backbone
        assert isinstance(backbone, PartsSlowOnly)
        features = model.features(volume)
        assert features.shape == (2, 4 * backbone.boxes[0].num_features)
        # the readable form: each box by itself
        alone = []
        for box, part in zip(backbone.boxes, volume.split(sizes, dim=1), strict=True):
            trunk = backbone.boxes[0] if stages == "shared" else box
            alone.append(trunk.trunk(box.stem(part)).mean(dim=(2, 3, 4)))
        assert torch.allclose(features, torch.cat(alone, dim=1), atol=1e-5)
        tokens = backbone.tokens(volume)
        assert torch.allclose(tokens.mean(dim=(1, 2)), features, atol=1e-5)
        again = build_model(config, layout_channels=sizes, num_classes=3)
        again.load_state_dict(model.state_dict())
        model(volume).sum().backward()
        assert all(p.grad is not None for p in model.parameters())
    own, shared = (
        len(list(build_model({**SMALL, "part_stages": one}, layout_channels=sizes,
                             num_classes=3).parameters()))
        for one in ("own", "shared")
    )  # fmt: skip
    assert shared < own
    with pytest.raises(InputError, match="part_stages is 'none'"):
        build_model({**SMALL, "part_stages": "none"}, layout_channels=sizes, num_classes=3)
