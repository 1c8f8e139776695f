from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microgesture.data.clip_file import Records
from microgesture.heatmaps.cache import cached_frames
from microgesture.heatmaps.draw import draw, draw_reference, draw_torch
from microgesture.heatmaps.grid import clip_box, to_grid
from microgesture.inputs.geometry import Geometry, full_frame
from microgesture.inputs.heatmaps import DrawnInput, HeatmapInput, resampling
from microgesture.inputs.points import PointInput
from microgesture.utils.errors import InputError
from tests.conftest import make_clip
from tests.sections import prepare_clips
from tests.steps import build_cache, drawn_input, new_model, open_input, random_geometry

CONFIG = {"cleaning": {"min_score": 0.05, "max_jump": 1.5}, "length": None, "on_bad_clip": "stop"}
STREAMS = ["joint", "limb", "joint_motion"]
HEATMAPS = {"size": 24, "sigma": 1.5, "padding": 0.25}


@pytest.fixture
def files(tmp_path, layout22):
    clips = [make_clip("a", 6), make_clip("b", 6, "right", seed=1)]
    clips[0].points[2:4, 4] = 0
    prepare_clips(clips, layout22, CONFIG, tmp_path / "s.arrow")
    build_cache(tmp_path / "s.arrow", layout22, "joint", HEATMAPS, tmp_path / "h.arrow")
    return tmp_path / "s.arrow", tmp_path / "h.arrow", clips


def batch(source, indices):
    return torch.from_numpy(np.stack([source.sample(row, indices) for row in (0, 1)]))


def test_points_are_placed_within_the_box(files, layout22):
    source = PointInput(Records(files[0]), layout22, 0.25)
    inputs = source.assemble(batch(source, np.array([0, 5, -1])), full_frame(2), training=True)
    assert inputs.shape == (2, 1, 3, 22, 3)
    assert inputs[..., :2].abs().max() <= 1 / 1.25 + 1e-6  # the padding stays free
    assert inputs[:, 0, 2].abs().max() == 0  # an empty frame
    left, top, side = clip_box(files[2][1].points[:, layout22.points], 0.25)
    x, y, score = files[2][1].points[5, layout22.points[4]]
    expected = [(x - left) / side * 2 - 1, (y - top) / side * 2 - 1, score]
    assert np.allclose(inputs[1, 0, 1, 4], expected, atol=1e-5)


def test_a_point_that_was_not_found_stays_in_the_middle(files, layout22):
    source = PointInput(Records(files[0]), layout22, 0.25)
    window = Geometry(np.array([[0.3, 0.2, 0.5, 0.6]] * 2), np.array([True, False]))
    inputs = source.assemble(batch(source, np.arange(6)), window, training=True)
    lost = layout22.flip[4]  # the clip is mirrored
    assert inputs[0, 0, 2, lost].tolist() == [0, 0, 0]


def test_mirroring_points_swaps_sides(files, layout22):
    source = PointInput(Records(files[0]), layout22, 0.25)
    samples = batch(source, np.arange(6))
    plain = source.assemble(samples, full_frame(2), training=False)
    mirrored = source.assemble(samples, full_frame(2, mirrored=True), training=False)
    turned = plain[:, :, :, layout22.flip] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(mirrored, turned)


def cached(source, indices):
    """Frames of both clips as they are in the cache, (2, V, T, H, W)."""
    volumes = [cached_frames(source.records, row, indices) for row in (0, 1)]
    return torch.from_numpy(np.stack(volumes) / np.float32(255))


def test_in_testing_a_cached_volume_is_fed_as_drawn(files, layout22):
    source = HeatmapInput(Records(files[1]), layout22, 20)
    indices = np.array([0, 3, -1, 5])
    samples, volumes = batch(source, indices), cached(source, indices)
    inputs = source.assemble(samples, full_frame(2), training=False)
    assert torch.allclose(inputs, volumes, atol=1e-6) and inputs[:, :, 2].max() == 0
    mirrored = source.assemble(samples, full_frame(2, mirrored=True), training=False)
    assert torch.allclose(mirrored, inputs[:, layout22.flip].flip(-1), atol=1e-6)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_cache_is_resampled_alike_on_every_device(files, layout22, tmp_path, stream):
    build_cache(files[0], layout22, stream, HEATMAPS, tmp_path / "c.arrow")
    source = HeatmapInput(Records(tmp_path / "c.arrow"), layout22, 20)
    indices = np.array([5, 1, -1, 1])
    geometry = Geometry(np.array([[0.3, 0.2, 0.5, 0.6]] * 2), np.array([True, False]))
    samples, volumes = batch(source, indices), cached(source, indices)
    inputs = source.assemble(samples, geometry, training=True)
    down = resampling(geometry.windows[:, [1, 3]], np.array([False, False]), 24, 20)
    across = resampling(geometry.windows[:, [0, 2]], geometry.mirrored, 24, 20)
    volumes[0] = volumes[0, layout22.channel_flip(stream)]
    expected = down[:, None, None] @ volumes @ across[:, None, None].mT
    assert torch.allclose(inputs, expected, atol=1e-5) and inputs.max() > 0.3
    shape = (2, len(indices), *source.records.metadata["shape"][:1], 24, 24)
    assert torch.allclose(
        source._on_device(samples, geometry, shape, 20, torch.device("cpu")), expected, atol=1e-5
    )


def test_a_clip_of_several_pieces_is_read_in_any_order(tmp_path, layout22):
    clip = make_clip("a", 70)
    prepare_clips([clip], layout22, CONFIG, tmp_path / "s.arrow")
    build_cache(tmp_path / "s.arrow", layout22, "joint", HEATMAPS, tmp_path / "h.arrow")
    source = HeatmapInput(Records(tmp_path / "h.arrow"), layout22, 24)
    indices = np.array([69, 0, 31, -1, 32, 33, 0])
    samples = torch.from_numpy(source.sample(0, indices)[None])
    inputs = source.assemble(samples, full_frame(1), training=False)[0].numpy()
    points = clip.points[:, layout22.points]
    grid = to_grid(points, clip_box(points, 0.25), 24)[None]
    drawn = draw_reference(grid, "joint", layout22.edges, 1.5, (24, 24)).swapaxes(0, 1)
    expected = np.where((indices < 0)[:, None, None], 0, drawn[:, indices])
    assert np.abs(inputs - expected).max() <= 0.5 / 255 + 1e-6


# --- drawn in the batch ---------------------------------------------------------------------------


def moved(points, window, size, mirrored, flip):
    """Key points of a clip in cells of a window, the readable way."""
    left, top, side = clip_box(points, 0.25)
    out = np.zeros(points.shape, np.float32)
    for t in range(len(points)):
        for v in range(points.shape[1]):
            x, y, score = points[t, v].astype(float)
            x = ((x - left) / side - window[0]) / window[2] * size - 0.5
            y = ((y - top) / side - window[1]) / window[3] * size - 0.5
            if mirrored:
                out[t, flip[v]] = size - 1 - x, y, min(score, 1)
            else:
                out[t, v] = x, y, min(score, 1)
    return out


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("stream", STREAMS)
def test_a_drawn_input_is_the_reference_drawing_of_moved_points(files, layout22, stream, mirrored):
    source = drawn_input(Records(files[0]), layout22, stream, HEATMAPS, 20)
    window, indices = (0.1, 0.25, 0.8, 0.6), np.array([4, 1, -1, 5])
    geometry = Geometry(np.array([window] * 2), np.array([mirrored, mirrored]))
    inputs = source.assemble(batch(source, indices), geometry, training=True)
    assert inputs.shape == (2, layout22.channels(stream), 4, 20, 20)
    assert inputs.is_contiguous(memory_format=torch.channels_last_3d)
    for n in range(2):
        points = files[2][n].points[:, layout22.points]
        grid = moved(points, window, 20, mirrored, layout22.flip)[None]
        drawn = draw_reference(grid, stream, layout22.edges, 1.5, (20, 20)).swapaxes(0, 1)
        expected = np.where((indices < 0)[:, None, None], 0, drawn[:, indices])
        assert np.abs(inputs[n].numpy() - expected).max() < 1e-5 and expected.max() > 0.5


@pytest.mark.parametrize("stream", STREAMS)
def test_a_whole_box_drawn_in_the_batch_is_what_the_cache_holds(files, layout22, tmp_path, stream):
    build_cache(files[0], layout22, stream, HEATMAPS, tmp_path / "c.arrow")
    from_cache = HeatmapInput(Records(tmp_path / "c.arrow"), layout22, 20)
    drawn = drawn_input(Records(files[0]), layout22, stream, HEATMAPS, 20)
    inputs = [
        source.assemble(batch(source, np.array([2, 5, -1])), full_frame(2), training=False)
        for source in (from_cache, drawn)
    ]
    assert inputs[0].shape == inputs[1].shape == (2, layout22.channels(stream), 3, 24, 24)
    assert (inputs[0] - inputs[1]).abs().max() <= 1 / 510 + 1e-6


@pytest.mark.parametrize("stream", STREAMS)
def test_a_mirrored_input_is_the_mirror_image_with_channels_swapped(files, layout22, stream):
    source = drawn_input(Records(files[0]), layout22, stream, HEATMAPS, 20)
    samples = batch(source, np.arange(6))
    plain = source.assemble(samples, full_frame(2), training=False)
    mirrored = source.assemble(samples, full_frame(2, mirrored=True), training=False)
    turned = plain[:, layout22.channel_flip(stream)].flip(-1)
    # windows are cut to whole cells from one side, and short limbs are drawn at one end
    assert (mirrored - turned).abs().max() < np.exp(-4.5) + 1e-6 or stream == "limb"
    assert (mirrored - turned).abs().mean() < 0.002
    assert (mirrored - plain).abs().mean() > 0.02


def test_a_point_outside_the_window_is_drawn_as_far_as_it_reaches_in(tmp_path, layout22):
    clip = make_clip("a", 1)
    clip.points[:] = 0
    clip.points[0, layout22.points[:3]] = [(100, 100, 1), (200, 200, 1), (200, 100, 1)]
    prepare_clips([clip], layout22, CONFIG, tmp_path / "s.arrow")
    settings = {"size": 20, "sigma": 1.0, "padding": 0.0}
    source = drawn_input(Records(tmp_path / "s.arrow"), layout22, "joint", settings, 20)
    # the window begins a tenth of the box, 2.22 cells, right of the first point
    window = Geometry(np.array([[0.1, 0.0, 0.9, 1.0]]), np.array([False]))
    samples = torch.from_numpy(source.sample(0, np.array([0]))[None])
    plane = source.assemble(samples, window, training=True)[0, 0, 0]
    cell = -0.1 / 0.9 * 20 - 0.5
    assert plane[0, 0] == pytest.approx(np.exp(-(cell**2) / 2) * np.exp(-0.125), abs=1e-6)
    assert plane[:, 1:].max() == 0


def test_torch_draws_the_same_batch(files, layout22):
    source = drawn_input(Records(files[0]), layout22, "limb", HEATMAPS, 20)
    geometry = random_geometry(2, {"crop_area": [0.5, 1], "flip": 0.5}, np.random.default_rng(3))
    samples = batch(source, np.arange(6))
    given_strokes = torch.from_numpy(source.strokes(samples.numpy(), geometry, 20))
    inputs = source.assemble(samples, geometry, training=True)
    assert (draw_torch(given_strokes, 1.5, 20) - inputs).abs().max() < 1e-5


def test_every_batch_has_its_own_memory(files, layout22):
    source = drawn_input(Records(files[0]), layout22, "joint", HEATMAPS, 20)
    samples = batch(source, np.arange(6))
    first = source.assemble(samples, full_frame(2), training=True)
    kept = first.clone()
    source.assemble(samples, full_frame(2, mirrored=True), training=True)
    assert torch.equal(first, kept)


# --- bones and motion -----------------------------------------------------------------------------


def points_file(folder, layout, frames):
    """A clip file of one clip whose points are empty but for those given, {joint: (x, y, s)}."""
    clip = make_clip("a", len(frames))
    clip.points[:] = 0
    for t, frame in enumerate(frames):
        for joint, place in frame.items():
            clip.points[t, layout.points[layout.joints.index(joint)]] = place
    prepare_clips([clip], layout, CONFIG, folder / "p.arrow")
    return folder / "p.arrow"


FRAMES = [
    {"neck": (300, 200, 0.9), "nose": (300, 100, 0.8), "right_shoulder": (200, 200, 0.7)},
    {"neck": (300, 200, 0.9), "nose": (310, 105, 0.6)},
    {"neck": (300, 200, 0.5), "nose": (320, 100, 1.0), "right_shoulder": (200, 300, 0.7)},
]
# the box is 200 pixels wide without padding, so one unit of the input is 100 pixels


def fed(path, layout, stream, indices, geometry=None):
    source = PointInput(Records(path), layout, 0.0, stream)
    samples = torch.from_numpy(source.sample(0, np.array(indices))[None])
    inputs = source.assemble(samples, geometry or full_frame(1), training=True)
    assert inputs.shape == (1, 1, len(indices), 22, 3) and inputs.dtype == torch.float32
    return {name: inputs[0, 0, :, v].numpy() for v, name in enumerate(layout.joints)}


def test_bones_by_hand(tmp_path, layout22):
    inputs = fed(points_file(tmp_path, layout22, FRAMES), layout22, "bone", [0, 1, -1])
    assert np.allclose(inputs["nose"], [[0, -1, 0.8], [0.1, -0.95, 0.6], [0, 0, 0]], atol=1e-6)
    assert np.allclose(inputs["neck"], [[0, 0, 0.9], [0, 0, 0.9], [0, 0, 0]])
    assert np.allclose(inputs["right_shoulder"], [[-1, 0, 0.7], [0, 0, 0], [0, 0, 0]], atol=1e-6)
    assert np.abs(inputs["right_elbow"]).max() == 0


def test_motion_by_hand(tmp_path, layout22):
    path = points_file(tmp_path, layout22, FRAMES)
    inputs = fed(path, layout22, "joint_motion", [1, 0, 2, -1])
    expected = [[0.1, -0.05, 0.6], [0.1, 0.05, 0.6], [0, 0, 0], [0, 0, 0]]
    assert np.allclose(inputs["nose"], expected, atol=1e-6)
    assert np.abs(inputs["right_shoulder"]).max() == 0  # lost in the frame between
    assert np.allclose(inputs["neck"][0], [0, 0, 0.5])  # the file's next frame, not the sample's
    bones = fed(path, layout22, "bone_motion", [1, 0, 2, -1])
    assert np.allclose(bones["nose"][0], [0.1, -0.05, 0.5], atol=1e-6)  # the neck's score
    assert np.allclose(bones["nose"][2:], 0)


@pytest.mark.parametrize("stream", ["bone", "joint_motion", "bone_motion"])
def test_vectors_are_stretched_and_mirrored_but_not_shifted(files, layout22, stream):
    source = PointInput(Records(files[0]), layout22, 0.25, stream)
    samples = batch(source, np.arange(6))
    plain = source.assemble(samples, full_frame(2), training=True)
    window = Geometry(np.array([[0.3, 0.2, 0.5, 0.8]] * 2), np.array([True, True]))
    found = source.assemble(samples, window, training=True)
    expected = plain[:, :, :, layout22.flip] * torch.tensor([-1 / 0.5, 1 / 0.8, 1])
    assert torch.allclose(found, expected, atol=1e-6) and found.abs().max() > 0.1


def test_bones_of_moved_points_are_moved_bones(files, layout22):
    indices = np.array([0, 1, 5])
    joints, bones = (
        PointInput(Records(files[0]), layout22, 0.25, stream) for stream in ("joint", "bone")
    )
    geometry = Geometry(np.array([[0.3, 0.2, 0.5, 0.8]] * 2), np.array([True, False]))
    points = joints.assemble(batch(joints, indices), geometry, training=True)
    found = bones.assemble(batch(bones, indices), geometry, training=True)
    expected = points - points[:, :, :, layout22.parents()]
    assert torch.allclose(found[..., :2], expected[..., :2], atol=1e-5)


def test_a_center_that_has_a_mirror_image_gives_no_bones(files, layout22):
    aside = replace(layout22, center=layout22.joints.index("left_wrist"))
    with pytest.raises(InputError, match="center left_wrist has a mirror image"):
        PointInput(Records(files[0]), aside, 0.25, "bone")
    PointInput(Records(files[0]), aside, 0.25, "joint_motion")


def test_the_config_chooses_the_input(files, layout22):
    graph = {"model": "agcn", "padding": 0.25}
    posec3d = {"model": "posec3d", "input_size": 20, "stream": "joint"}
    assert isinstance(
        open_input({**graph, "stream": "bone"}, layout22, Records(files[0])), PointInput
    )
    assert isinstance(
        open_input({**posec3d, "source": "cached"}, layout22, Records(files[1])), HeatmapInput
    )
    drawn = open_input(
        {**posec3d, "source": "drawn", "heatmaps": HEATMAPS}, layout22, Records(files[0])
    )
    assert isinstance(drawn, DrawnInput)


# --- geometry -------------------------------------------------------------------------------------


def test_a_window_on_a_drawn_volume_is_close_to_drawing_the_moved_points(files, layout22):
    """Gaussians grow with the zoom; besides, only interpolation and the window's cut differ."""
    source = HeatmapInput(Records(files[1]), layout22, 24)
    window = (0.1, 0.2, 0.8, 0.8)
    geometry = Geometry(np.array([window] * 2), np.array([False, False]))
    moved = source.assemble(batch(source, np.arange(6)), geometry, training=True)[1].numpy()
    points = files[2][1].points[:, layout22.points]
    grid = to_grid(points, clip_box(points, 0.25), 24)
    grid[..., 0] = (grid[..., 0] + 0.5 - 0.1 * 24) / 0.8 - 0.5
    grid[..., 1] = (grid[..., 1] + 0.5 - 0.2 * 24) / 0.8 - 0.5
    direct = np.empty((6, 22, 24, 24), np.float32)
    draw(grid[None], "joint", layout22.edges, 1.5 / 0.8, direct)
    difference = np.abs(moved.swapaxes(0, 1) - direct)
    assert difference.max() < 0.15 and difference.mean() < 0.005


def test_resampling_matrices_by_hand():
    half = resampling(np.array([[0.25, 0.5]]), np.array([False]), 4, 2)[0]
    assert np.allclose(half, [[0, 1, 0, 0], [0, 0, 1, 0]])
    back = resampling(np.array([[0.0, 1.0]]), np.array([True]), 3, 3)[0]
    assert np.allclose(back, np.eye(3)[::-1])


@given(seed=st.integers(0, 999))
def test_random_windows_lie_within_the_box_and_cover_the_asked_area(seed):
    config = {"crop_area": [0.56, 1.0], "flip": 0.5}
    geometry = random_geometry(50, config, np.random.default_rng(seed))
    left, top, width, height = geometry.windows.T
    assert (left >= 0).all() and (left + width <= 1).all()
    assert (top >= 0).all() and (top + height <= 1).all()
    # sides are rounded to a 64th, which adds at most as much on either side
    assert ((width + 1 / 128) * (height + 1 / 128) >= 0.56).all()
    assert 5 < geometry.mirrored.sum() < 45


def crop_reference(smallest, largest, rng):
    """PySKL's RandomResizedCrop on a picture of 64 x 64, one crop: left, top, width, height."""
    for _ in range(10):
        area = rng.uniform(smallest, largest) * 64 * 64
        aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        width, height = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if width <= 64 and height <= 64:
            return rng.integers(65 - width), rng.integers(65 - height), width, height
    return 0, 0, 64, 64


def test_crops_are_distributed_as_those_that_posec3d_trains_with():
    """A crop that sticks out is drawn again, not cut; five standard deviations are allowed."""
    count, config = 20_000, {"crop_area": [0.56, 1.0], "flip": 0.5}
    windows = random_geometry(count, config, np.random.default_rng(0)).windows
    rng = np.random.default_rng(1)
    reference = np.array([crop_reference(0.56, 1.0, rng) for _ in range(count)]) / 64
    for drawn in (windows, reference):
        full, area = (drawn[:, 2:] == 1).any(axis=1), drawn[:, 2] * drawn[:, 3]
        assert abs(full.mean() - 0.083) < 0.01  # 0.30 where sides above 1 are cut
        assert abs(area.mean() - 0.729) < 0.005  # 0.768 there
    for values, expected in zip(windows.T, reference.T, strict=True):
        counts, others = (
            np.histogram(64 * one, np.arange(66) - 0.5)[0] for one in (values, expected)
        )
        assert (np.abs(counts - others) <= 5 * np.sqrt(counts + others)).all()


def test_a_crop_that_never_fits_is_the_whole_box(monkeypatch):
    monkeypatch.setattr("microgesture.inputs.geometry.ASPECT", (2.0, 2.0))
    config = {"crop_area": [0.9, 1.0], "flip": 0.0}
    windows = random_geometry(5, config, np.random.default_rng(0)).windows
    assert (windows == [0, 0, 1, 1]).all()


def test_windows_are_of_all_shapes_and_lie_anywhere():
    """Every side fits at these areas; five standard deviations and a rounded cell are allowed."""
    config = {"crop_area": [0.5, 0.6], "flip": 0.5}
    geometry = random_geometry(10_000, config, np.random.default_rng(0))
    left, top, width, height = geometry.windows.T
    shape = np.log(width / height) / np.log(4 / 3) / 2 + 0.5
    free_x, free_y = 65 - 64 * width, 65 - 64 * height
    for values in (left * 64 / free_x, top * 64 / free_y):
        counts = np.histogram(values, 2, (0, 1))[0]
        assert counts.sum() == 10_000 and abs(counts[0] / 10_000 - 0.52) < 0.03
    assert abs((width * height).mean() - 0.55) < 0.001
    assert shape.min() < 0.05 and shape.max() > 0.95 and abs(shape.mean() - 0.5) < 0.02
    together = np.corrcoef([width * height, shape, left / (1 - width), top / (1 - height)])
    assert np.abs(together - np.eye(4)).max() < 5 / 100
    assert abs(np.corrcoef(geometry.mirrored, shape)[0, 1]) < 5 / 100


def test_hands_and_head_are_told_from_their_roots_as_well(files, layout41, tmp_path):
    clips = [make_clip("a", 6), make_clip("b", 6, "right", seed=1)]
    clips[0].points[2:4, 4] = 0  # the right wrist is lost for a while
    prepare_clips(clips, layout41, CONFIG, tmp_path / "s.arrow")
    how = {"model": "stgcn", "stream": "joint", "padding": 0.25, "relative": True}
    source = open_input(how, layout41, Records(tmp_path / "s.arrow"))
    window = np.array([[0.1, 0.2, 0.5, 0.6]] * 2)
    given = batch(source, np.arange(6))
    inputs = source.assemble(given, Geometry(window, np.array([False, False])), True)[:, 0]
    assert inputs.shape == (2, 6, 41, 5)
    number = layout41.joints.index
    for joint, root in [("left_index_tip", "left_wrist"), ("chin", "nose"), ("left_ear", "nose")]:
        apart = inputs[..., number(joint), :2] - inputs[..., number(root), :2]
        assert torch.allclose(inputs[..., number(joint), 3:], apart, atol=1e-5)
    for joint in ("nose", "left_wrist", "neck", "left_elbow"):
        assert (inputs[..., number(joint), 3:] == 0).all()
    assert (inputs[0, 2:4, number("right_thumb_tip"), 3:] == 0).all()
    assert (inputs[0, :2, number("right_thumb_tip"), 3:] != 0).any()
    # in a mirrored clip the other hand's, to the other side
    turned = source.assemble(given, Geometry(window, np.array([True, True])), True)[:, 0]
    expected = inputs[:, :, layout41.flip] * torch.tensor([-1, 1, 1, -1, 1])
    assert torch.equal(turned, expected)
    model = new_model(how, layout41, 2, None)
    assert model(inputs[:, None]).shape == (2, 2)
