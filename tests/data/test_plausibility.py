"""A body is told from scrambled points, however it is seen, and its likelier order is named."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from microgesture.data.keypoint_formats import (
    BY_COUNT,
    format_names,
    format_of_count,
    named_format,
    resolve_points,
)
from microgesture.data.keypoints import KINECT, fill_midpoints
from microgesture.data.plausibility import (
    BLOCKS,
    FRAMES,
    LIMITS,
    failures,
    judge,
    likelier_order,
    measure,
)
from microgesture.readers.common import COCO18, POINTS22
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY

REAL = REPOSITORY.parent / "shared/data"
# somebody who stands and faces the camera: their right is on the left of the picture
PLACES = {
    0: (640, 160), 1: (640, 280), 2: (540, 280), 3: (500, 430), 4: (560, 560), 5: (740, 280),
    6: (780, 430), 7: (720, 560), 8: (640, 600), 9: (580, 600), 10: (580, 800), 11: (580, 990),
    12: (700, 600), 13: (700, 800), 14: (700, 990), 15: (615, 135), 16: (665, 135), 17: (580, 150),
    18: (700, 150), 19: (720, 1020), 20: (735, 1015), 21: (695, 1005), 22: (560, 1020),
    23: (545, 1015), 24: (585, 1005),
}  # fmt: skip


def figure(frames=20, seed=0):
    """The 137 points of one person, a little moving, float32 (T, 137, 3)."""
    rng = np.random.default_rng(seed)
    place = np.zeros((137, 2))
    place[list(PLACES)] = list(PLACES.values())
    place[25:95] = rng.uniform((590, 115), (690, 215), (70, 2))
    for block, wrist in ((BLOCKS["left hand"], 7), (BLOCKS["right hand"], 4)):
        place[block] = place[wrist] + rng.uniform((-15, 5), (15, 60), (21, 2))
        place[block.start] = place[wrist]
    points = np.zeros((frames, 137, 3), np.float32)
    points[..., :2] = place + 8 * np.sin(np.arange(frames) / 4)[:, None, None]
    points[..., :2] += rng.normal(0, 2, (frames, 137, 2))
    points[..., 2] = 0.9
    return points


def in_format(points, name):
    """The figure as a detector of that format gives it; what the 137 lack lies between others."""
    between = {
        "body25b": {17: (1, 0, 0.3), 18: (1, 0, 1.6)},
        "kinect25": {1: (8, 1, 0.5), 2: (1, 0, 0.4)},
        "h36m17": {7: (8, 1, 0.5), 10: (1, 0, 1.5)},
    }.get(name, {})
    numbers = named_format(name)
    raw = np.zeros((len(points), len(numbers), 3), np.float32)
    for k, number in enumerate(numbers):
        if number is not None:
            raw[:, k] = points[:, number]
        elif k in between:
            a, b, share = between[k]
            raw[:, k] = points[:, a] * (1 - share) + points[:, b] * share
    return raw


def read_as(raw, name):
    """Points that are taken for another format than theirs."""
    points = np.zeros((len(raw), 137, 3), np.float32)
    for k, number in enumerate(named_format(name)):
        if number is not None:
            points[:, number] = raw[:, k]
    return fill_midpoints(points)


def turned(points, degrees):
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points.copy()
    moved[..., :2] = (points[..., :2] - (640, 500)) @ matrix.T + (640, 500)
    return moved


def squeezed(points, factor):
    moved = points.copy()
    moved[..., 0] = (points[..., 0] - 640) * factor + 640
    return moved


def without(points, *numbers):
    left = points.copy()
    left[:, list(numbers)] = 0
    return left


BODIES = {
    "as it is": lambda p: p,
    "in another unit": lambda p: p * np.array([0.001, 0.001, 1], np.float32),
    "mirrored": lambda p: squeezed(p, -1),
    "from the side": lambda p: squeezed(p, 0.1),
    "lying": lambda p: turned(p, 90),
    "lying the other way": lambda p: turned(p, -85),
    "cut off below the shoulders": lambda p: without(p, *range(8, 15), *range(19, 25)),
    "without a face": lambda p: without(p, 15, 16, 17, 18, *range(25, 95)),
    "without hands and wrists": lambda p: without(p, 4, 7, *range(95, 137)),
    "one arm only": lambda p: without(p, 5, 6, 7, *range(95, 116)),
    "with guesses": lambda p: np.where(
        np.isin(np.arange(137), [0, 1, 9])[:, None], (1, 1, 0.05), p
    ),
    "one frame": lambda p: p[:1],
    "nothing at all": np.zeros_like,
}


@pytest.mark.parametrize("seen", BODIES)
def test_a_body_is_plausible_however_it_is_seen(seen):
    points = BODIES[seen](figure())
    assert failures(points) == [] and likelier_order(points) is None


def move(points, numbers, by):
    points[:, numbers, :2] += by


SPOILT = {
    "neck": lambda p: move(p, [1], (90, 0)),
    "nose": lambda p: move(p, [0], (0, 260)),
    "trunk": lambda p: p.__setitem__((..., 1), 1000 - p[..., 1]),
    "eyes": lambda p: move(p, [15], (-250, 0)),
    "face": lambda p: move(p, slice(25, 95), (0, 300)),
    "upper_arms": lambda p: move(p, [3, 4, *range(116, 137)], (-600, 0)),
    "forearms": lambda p: move(p, [7, *range(95, 116)], (600, 0)),
    "hands": lambda p: move(p, slice(116, 137), (-400, 0)),
    "legs": lambda p: move(p, [11, 14], (0, 900)),
    "hip_sides": lambda p: p.__setitem__((slice(None), [9, 12]), p[:, [12, 9]]),
    "face_sides": lambda p: p.__setitem__((slice(None), [15, 16, 17, 18]), p[:, [16, 15, 18, 17]]),
}


def test_every_check_can_fail():
    assert set(SPOILT) == set(LIMITS)


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_part_fails_its_check_with_the_number(name):
    points = figure()
    SPOILT[name](points)
    (found,) = [check for check in failures(points) if check.name == name]
    assert found.value > LIMITS[name].largest and found.frames == 20
    assert found.text.startswith(LIMITS[name].means) and f"{found.value:.2f}" in found.text


def test_a_few_bad_frames_are_no_other_body_and_a_few_frames_decide_nothing():
    points = figure()
    SPOILT["hands"](points[:9])
    assert failures(points) == []
    SPOILT["hands"](points[9:11])
    assert [check.name for check in failures(points)] == ["hands"]
    assert likelier_order(points) is None
    assert judge(points[: FRAMES - 1]) == []


def test_lengths_by_hand():
    points = np.zeros((1, 137, 3))
    points[0, [2, 5, 1, 3, 4]] = [(0, 0, 1), (100, 0, 1), (80, 5, 1), (0, 60, 1), (80, 60, 1)]
    points[0, 116] = (80, 90, 0.2)
    found = measure(points)
    assert found["neck"] == pytest.approx(0.3) and found["upper_arms"] == pytest.approx(0.6)
    assert found["forearms"] == pytest.approx(0.8) and found["hands"] == pytest.approx(0.3)
    assert np.isnan(
        [found[name][0] for name in ("nose", "trunk", "eyes", "legs", "hip_sides")]
    ).all()


@pytest.mark.parametrize(
    ("is_in", "taken_for"),
    [("body25b", "body25"), ("kinect25", "body25"), ("body25", "body25b"),
     ("kinect25", "body25b"), ("h36m17", "coco17"), ("coco17", "h36m17")],
)  # fmt: skip
def test_the_order_in_which_the_points_are_a_body_is_named(is_in, taken_for):
    points = read_as(in_format(figure(), is_in), taken_for)
    assert failures(points)
    assert likelier_order(points, taken=named_format(taken_for)) == is_in
    assert likelier_order(read_as(in_format(figure(), taken_for), taken_for)) is None


def test_face_and_hands_stay_where_they_are_when_the_body_is_in_another_order():
    points = figure()
    points[:, :25] = read_as(in_format(figure(), "body25b"), "body25")[:, :25]
    assert likelier_order(points) == "body25b"


def test_blocks_in_another_order_are_named():
    points = figure()
    names = ["face", "left hand", "right hand", "body"]
    mixed = np.concatenate([points[:, BLOCKS[name]] for name in names], axis=1)
    assert likelier_order(mixed) == ", ".join(names)


def test_points_that_are_a_body_in_no_order_have_no_likelier_one():
    points = np.random.default_rng(0).uniform(0, 900, (30, 137, 3)).astype(np.float32)
    points[..., 2] = 1
    assert failures(points) and likelier_order(points) is None


def test_kinect_has_the_same_checks_in_its_own_order():
    points = in_format(figure(), "kinect25")
    assert len(judge(points, KINECT.name)) >= 6 and failures(points, KINECT.name) == []
    body = in_format(figure(), "body25")
    assert failures(body, KINECT.name) and likelier_order(body, KINECT.name) == "body25"


@pytest.mark.parametrize("name", ["ksl13", "holistic3", "precog16"])
def test_recorded_bodies_give_no_alarm(name):
    kind = "recordings" if name == "precog16" else "clips"
    path = REAL / name / f"{kind}.parquet"
    if not path.exists():
        pytest.skip("the recorded sets are not on this machine")
    every = 5 if name == "ksl13" else 1
    rows = pq.read_table(path, columns=["points"])["points"][::every]
    judged = 0
    for row in rows:
        points = row.values.to_numpy().reshape(-1, 137, 3)
        judged += bool(judge(points))
        assert failures(points) == []
    assert judged > 0.9 * len(rows)


@pytest.mark.parametrize("name", ["ksl13", "holistic3"])
def test_recorded_bodies_in_body25b_are_found(name):
    path = REAL / name / "clips.parquet"
    if not path.exists():
        pytest.skip("the recorded sets are not on this machine")
    for row in pq.read_table(path, columns=["points"])["points"][::40]:
        points = row.values.to_numpy().reshape(-1, 137, 3)
        assert likelier_order(read_as(in_format(points, "body25b"), "body25")) == "body25b"


# ---- the files


@pytest.mark.parametrize("name", format_names())
def test_every_format_mirrors_its_left_and_right(name):
    """Where a format has one side of a pair it has the other."""
    pairs = [*zip((2, 3, 4, 9, 10, 11, 15, 17), (5, 6, 7, 12, 13, 14, 16, 18), strict=True)]
    pairs += zip((19, 20, 21, *range(95, 116)), (22, 23, 24, *range(116, 137)), strict=True)
    used = {number for number in named_format(name) if number is not None}
    assert all((a in used) == (b in used) for a, b in pairs)
    assert {2, 5, 3, 6, 4, 7} <= used


def test_formats_by_hand():
    assert named_format("body25") == tuple(range(25))
    assert named_format("body18") == COCO18 and named_format("imigue22") == POINTS22
    body25b = named_format("body25b")
    assert body25b[1:3] == (16, 15) and body25b[17:19] == (None, None) and body25b[19:] == (
        19, 20, 21, 22, 23, 24,
    )  # fmt: skip
    whole = named_format("coco_wholebody133")
    assert whole[:17] == named_format("coco17") and whole[23:91] == tuple(range(25, 93))
    assert whole[91:] == tuple(range(95, 137))
    assert named_format("halpe136")[20:24] == (19, 22, 20, 23)
    assert named_format("mediapipe33")[11:17] == (5, 2, 6, 3, 7, 4)
    first, last = named_format("mediapipe543"), named_format("mediapipe543_face_first")
    assert last[:468] == first[33:501] and last[489:522] == first[:33]
    assert last[468:489] == first[501:522] == tuple(range(95, 116))
    kinect = named_format("kinect25")
    assert kinect[3:7] == (0, 5, 6, 7) and kinect[20] == 1 and kinect[2] is None
    assert named_format("kinect20")[:4] == (8, None, 1, 0)
    assert named_format("h36m17")[14:] == (2, 3, 4) and named_format("mpii16")[7] == 1


def test_what_points_are_taken_for_by_their_number():
    assert {count: len(format_of_count(count)) for count in [*BY_COUNT, 137]} == {
        count: count for count in [*BY_COUNT, 137]
    }
    assert format_of_count(543) is None and format_of_count(24) is None


def test_points_are_named_in_a_file_or_listed(tmp_path):
    assert resolve_points(None) is None
    assert resolve_points("kinect25") == named_format("kinect25")
    assert resolve_points([0, None, 5]) == (0, None, 5)
    (tmp_path / "mine.yaml").write_text("points: [3, null, 4]\n")
    assert resolve_points(str(tmp_path / "mine.yaml")) == (3, None, 4)
    (tmp_path / "mine.json").write_text("[3, null, 4]")
    assert resolve_points(str(tmp_path / "mine.json")) == (3, None, 4)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ("body25c", "data.points is 'body25c', which is no file and none of body18, body25,"),
        (
            [0, 137],
            r"data.points is \[0, 137\]: point 1 is 137, expected a number from 0 to 136, or null",
        ),
        ([0, True], "point 1 is True"),
        ([0, 1.0], "point 1 is 1.0"),
        ([4, None, 4], "points 0 and 2 are both 4; expected different numbers"),
        ([None, None], "no point has a place"),
        ([], "expected a list of the numbers 0 to 136"),
    ],
)
def test_wrong_points_are_refused(points, said):
    with pytest.raises(InputError, match=said):
        resolve_points(points)


def test_a_file_that_is_no_format_is_named(tmp_path):
    (tmp_path / "a.yaml").write_text("points: {0: [\n")
    with pytest.raises(InputError, match=r"a\.yaml: cannot be read as a keypoint format"):
        resolve_points(str(tmp_path / "a.yaml"))
    (tmp_path / "b.yaml").write_text("joints: [1, 2]\n")
    with pytest.raises(InputError, match=r"b\.yaml: found dict, expected a list"):
        resolve_points(str(tmp_path / "b.yaml"))


# ---- neck and mid-hip


def test_neck_and_mid_hip_are_set_where_no_frame_has_them():
    points = without(figure(), 1, 8)
    points[3, 2] = 0
    points[:, 9, 2] = 0.25
    filled = fill_midpoints(points)
    np.testing.assert_allclose(filled[0, 1, :2], points[0, [2, 5], :2].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(filled[:, 8, 2], 0.25)
    assert not filled[3, 1].any() and not points[:, 1].any()
    filled[:, [1, 8]] = 0
    np.testing.assert_array_equal(filled, points)


def test_a_detector_that_gives_the_neck_now_and_then_is_believed():
    points = figure()
    points[5:, [1, 8]] = 0
    assert fill_midpoints(points) is points
    lacking = without(figure(), 1, 8, 2, 9)
    assert fill_midpoints(lacking) is lacking
