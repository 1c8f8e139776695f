"""Every fault that a data set may have gives its own warning, and correct data give none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgesture.data.layouts import load_layout
from microgesture.data.store import BadClip, Clip, Written
from microgesture.data.summary import summarise
from microgesture.data_report.checks import find_faults
from microgesture.data_report.scan import best_frame, exchanged_hands, scan, shoulder_flips
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY

NAMES = ["wave", "nod"]
LEFT, RIGHT = slice(95, 116), slice(116, 137)
# the person faces the camera: their right is on the left of the picture
BODY = {0: (640, 200), 1: (640, 300), 2: (540, 300), 3: (500, 430), 4: (520, 560), 5: (740, 300),
        6: (780, 430), 7: (760, 560), 15: (620, 190), 16: (660, 190), 17: (600, 195),
        18: (680, 195)}  # fmt: skip


def person(clip_id, label=0, subject="s", split="train", frames=20, seed=0):
    """Somebody who sits, with the hands hanging from their wrists, in a picture of 1280 x 720."""
    rng = np.random.default_rng(seed)
    place = np.zeros((137, 2))
    place[list(BODY)] = list(BODY.values())
    place[25:95] = rng.uniform((600, 150), (680, 260), (70, 2))
    place[LEFT] = place[7] + rng.uniform((-15, 5), (15, 60), (21, 2))
    place[RIGHT] = place[4] + rng.uniform((-15, 5), (15, 60), (21, 2))
    points = np.zeros((frames, 137, 3), np.float32)
    points[..., :2] = place + rng.normal(0, 1.5, (frames, 137, 2))
    points[..., 2] = rng.uniform(0.5, 1, (frames, 137))
    points[:, [*range(8, 15), *range(19, 25)]] = 0  # the legs are under the table
    return Clip(clip_id, label, subject, split, 25.0, 720, 1280, points)


def correct():
    """Two classes in three splits, no subject in two of them."""
    clips = []
    for split in ("train", "val", "test"):
        for number in range(4):
            name, label = f"{split}{number}_0", number % 2
            subject = f"{split}-{number // 2}"
            clips.append(person(name, label, subject, split, seed=len(clips)))
    return clips


def findings(clips, layout, skipped=(), names=NAMES, by_video=False, folds=None):
    rows = [
        {**{key: getattr(clip, key) for key in
            ("clip_id", "subject", "split", "fps", "height", "width")},
         "label": None if clip.label < 0 else names[clip.label],
         "num_frames": len(clip.points)}
        for clip in clips
    ]  # fmt: skip
    index = pd.DataFrame(rows)
    summary = summarise(index, Written(skipped=list(skipped)), names, by_video)
    return find_faults(index, scan(clips, layout), layout, summary, folds)


def change(clips, how, chosen=lambda clip: True):
    """The clips, of the chosen ones a copy of the points changed by ``how``."""
    changed = []
    for clip in clips:
        points = clip.points.copy()
        if chosen(clip):
            how(points)
        changed.append(replace(clip, points=points))
    return changed


def exchange_hands(points):
    points[:, LEFT], points[:, RIGHT] = points[:, RIGHT].copy(), points[:, LEFT].copy()


def flip_one_frame(points):
    points[9, [2, 5]] = points[9, [5, 2]]


def empty(first):
    def how(points):
        points[first] = 0

    return how


def lose_the_face(points):
    points[:, 25:95] = 0


def divide(points):
    points[..., :2] /= (1280, 720)


def scale(points):
    points[..., :2] *= 3


def be_sure(points):
    points[..., 2] = np.ceil(points[..., 2])


def move_down(points):
    """To where somebody may be in a picture of height 1280 and width 720."""
    points[..., :2] += (points[..., 2:] > 0) * np.array([-300, 600], np.float32)


def centre(points):
    points[..., :2] -= (points[..., 2:] > 0) * np.array([640, 300], np.float32)


def repeat(points):
    points[1::2] = points[::2]


FAULTS = {
    "negative": lambda clips: change(clips, centre),
    "repeated_frames": lambda clips: change(clips, repeat),
    "exchanged_hands": lambda clips: change(clips, exchange_hands),
    "size": lambda clips: [replace(clip, height=1280, width=620) for clip in clips],
    "normalised": lambda clips: change(clips, divide, lambda clip: clip.split == "val"),
    "padding": lambda clips: change(clips, empty(slice(17, None)), lambda c: c.split == "val"),
    "full_scores": lambda clips: change(clips, be_sure),
    "led_in": lambda clips: change(clips, empty(slice(1))),
    "empty_frames": lambda clips: change(clips, empty(slice(3, 6))),
    "dead_joints": lambda clips: change(clips, lose_the_face, lambda clip: clip.split == "test"),
    "flips": lambda clips: change(clips, flip_one_frame, lambda clip: clip.clip_id == "val0_0"),
    "duplicate_ids": lambda clips: [*clips, person("val0_0", 0, "val-0", "val", seed=99)],
    "copies": lambda clips: [*clips, replace(clips[0], clip_id="again_1")],
    "subject_overlap": lambda clips: [*clips, person("x_0", 1, "train-0", "test", seed=99)],
    "unlabelled": lambda clips: [
        replace(clip, label=-1) if clip.split == "test" else clip for clip in clips
    ],
    "empty_split": lambda clips: [clip for clip in clips if clip.split != "val"],
    "absent_classes": lambda clips: [
        clip for clip in clips if (clip.split, clip.label) != ("test", 1)
    ],
}
WHERE = {
    "exchanged_hands": "train0_0", "size": "train0_0", "normalised": "val0_0", "padding": "val0_0",
    "empty_frames": "train0_0", "dead_joints": "chin", "flips": "val0_0", "duplicate_ids": "val0_0",
    "copies": "train0_0 = again_1", "subject_overlap": "train-0", "absent_classes": "nod",
}  # fmt: skip


def test_correct_data_give_no_warning(layout22, layout41):
    assert findings(correct(), layout22) == findings(correct(), layout41) == []


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_gives_its_warning_and_no_other(kind, layout41):
    found = findings(FAULTS[kind](correct()), layout41)
    assert [one.kind for one in found] == [kind], [one.line for one in found]
    assert "\n" not in found[0].line and found[0].do
    assert WHERE.get(kind, "") in found[0].line


def test_divided_coordinates_are_told_both_ways_back(layout41):
    (found,) = findings(FAULTS["normalised"](correct()), layout41)
    assert "multiply them" in found.do and "(x + 1) / 2 * width" in found.do


def test_only_train_and_val_are_needed(layout22):
    said = {}
    for name in ("train", "val", "test"):
        left = [clip for clip in correct() if clip.split != name]
        said[name] = next(one for one in findings(left, layout22) if one.kind == "empty_split").do
    advice = "Training needs both train and val, or folds: give each its clips"
    assert said["train"] == said["val"] == advice
    assert "measured on validation" in said["test"] and "submission must be null" in said["test"]


@pytest.mark.parametrize("kind", ["empty_split", "subject_overlap", "absent_classes"])
def test_folds_take_the_place_of_the_splits(kind, layout22):
    assert findings(FAULTS[kind](correct()), layout22, folds=3) == []
    in_train = [replace(clip, split="train") for clip in correct()]
    assert findings(in_train, layout22, folds=3) == []
    (found,) = findings(in_train, layout22, names=[*NAMES, "shrug"], folds=3)
    assert found.line.startswith("1 of 3 classes have no clip (shrug). They cannot be learnt")


def test_results_are_measured_on_validation_only_where_no_test_clip_has_a_label(layout22):
    def advice(unlabelled, folds=None):
        some = [replace(c, label=-1) if c.clip_id in unlabelled else c for c in correct()]
        (found,) = findings(some, layout22, folds=folds)
        assert found.kind == "unlabelled"
        return found.do

    every = [f"test{number}_0" for number in range(4)]
    assert "measured on validation clips instead" in advice(every)
    assert "leave them out" in advice(every[:2]) and "leave them out" in advice(every, folds=3)


def test_videos_taken_for_people_are_told(layout22):
    kinds = [one.kind for one in findings(correct(), layout22, by_video=True)]
    assert kinds == ["subject_is_video"]


def test_skipped_clips_are_counted(layout22):
    (found,) = findings(correct(), layout22, [BadClip("b_1", "val", "b.csv, row 2", "no frames")])
    assert found.kind == "skipped" and found.line.startswith("1 clip could not be used")


def test_height_and_width_exchanged_are_told_from_points_of_another_scale(layout22):
    (wide,) = findings(FAULTS["size"](correct()), layout22)
    assert "exchange them" in wide.do
    (tall,) = findings(change(correct(), move_down), layout22)
    assert tall.kind == "size" and "exchange them" in tall.do
    (large,) = findings(change(correct(), scale), layout22)
    assert large.kind == "size" and "exchange them" not in large.do


def test_hands_that_leave_the_picture_below_are_no_fault(layout22):
    lower = change(correct(), lambda p: p.__setitem__((..., slice(95, 137), 1), 760))
    assert findings(lower, layout22) == []


def test_one_subject_with_exchanged_hands_is_named(layout22):
    clips = change(
        [replace(c, points=np.tile(c.points, (3, 1, 1)) + np.arange(60)[:, None, None] % 7 * 0.01)
         for c in correct()],
        exchange_hands, lambda clip: clip.subject == "val-1",
    )  # fmt: skip
    (found,) = findings(clips, layout22)
    assert found.kind == "exchanged_hands"
    assert "1 of 6 subjects, val-1 (val2_0, val3_0)" in found.line


def test_two_copies_in_two_splits_are_called_so(layout22):
    clips = correct()
    clips[4] = replace(clips[4], points=clips[0].points)
    (found,) = findings(clips, layout22)
    assert "1 of them in two splits" in found.found and "train0_0 = val0_0" in found.line


def test_long_lists_of_places_are_cut(layout22):
    clips = [*correct(), *[replace(clip) for clip in correct()]]
    for number, clip in enumerate(clips[12:]):
        clips[12 + number] = replace(clip, points=person("", seed=50 + number).points)
    (found,) = findings(clips, layout22)
    assert found.kind == "duplicate_ids" and found.found.startswith("12 ")
    assert found.line.count("_0") == 5 and ", ...)" in found.line


def test_a_layout_for_other_points_is_refused(layout22):
    clip = person("a")
    with pytest.raises(
        InputError, match="has 25 points, but layout openpose22 chooses from the 137"
    ):
        scan([replace(clip, points=clip.points[:, :25])], layout22)
    kinect = load_layout(REPOSITORY / "config/layouts/kinect25.yaml")
    with pytest.raises(InputError, match="has 137 points, but layout kinect25 chooses from the 25"):
        scan([clip], kinect)


def test_another_set_of_points_is_scanned_by_the_names_of_its_joints():
    kinect = load_layout(REPOSITORY / "config/layouts/kinect25.yaml")
    points = np.random.default_rng(0).uniform(100, 140, (40, 25, 3))
    points[..., 2] = 1
    left = [4, 5, 6, 7, 21, 22]
    points[:, left, 0] += 200  # nearer to the right edge of the picture
    clip = replace(person("a"), points=points.astype(np.float32))
    found = scan([clip], kinect)
    assert (found.hands["s"].clear, found.hands["s"].exchanged.count) == (40, 0)
    clip.points[:, 21], clip.points[:, 23] = points[:, 23], points[:, 21]
    assert scan([clip], kinect).hands["s"].exchanged.count == 40


def hands(left_tip, right_tip, score=1.0):
    """Shoulders, wrists and two tips of one frame; the wrists stand 200 pixels apart."""
    places = [(700, 100), (600, 100), (750, 300), (550, 300), left_tip, right_tip]
    points = np.array([[(*place, 1.0) for place in places]])
    points[0, -1, 2] = score
    clear, exchanged = exchanged_hands(points, [0, 1], [2, 3], [4], [5])
    return bool(clear[0]), bool(exchanged[0])


def test_hands_by_hand():
    assert hands((750, 340), (550, 340)) == (True, False)
    assert hands((550, 340), (750, 340)) == (True, True)
    assert hands((650, 300), (650, 300)) == (False, False)  # clasped: half way to either wrist
    assert hands((550, 340), (750, 340), score=0) == (False, False)


def test_flips_by_hand():
    def flips(gaps):
        shoulders = np.ones((len(gaps), 2, 3))
        shoulders[:, 0, 0] += gaps
        return np.flatnonzero(shoulder_flips(shoulders)).tolist()

    assert flips([100, 100, -100, 100, 100]) == [2]
    assert flips([100, 100, -100, -100, 100]) == []  # somebody who turns round
    assert flips([100, 100, -10, 100, 100]) == []  # seen from the side
    assert flips([-100, 100]) == []
    shoulders = np.ones((3, 2, 3))
    shoulders[:, 0, 0] = (101, -99, 101)
    shoulders[1, 0, 2] = 0  # not found
    assert not shoulder_flips(shoulders).any()


@given(st.lists(st.integers(-200, 200), min_size=1, max_size=12))
def test_flips_do_not_depend_on_which_way_the_picture_is_mirrored(gaps):
    shoulders = np.ones((len(gaps), 2, 3))
    shoulders[:, 0, 0] += gaps
    mirrored = shoulders.copy()
    mirrored[..., 0] *= -1
    np.testing.assert_array_equal(shoulder_flips(shoulders), shoulder_flips(mirrored))


def test_the_best_frame_by_hand():
    seen = np.zeros((8, 3), bool)
    seen[0] = True  # too early
    seen[[3, 5], :2] = True
    assert best_frame(seen) == 3  # as good as 5, but nearer to the middle
    seen[5] = True
    assert best_frame(seen) == 5


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_best_frame_is_in_the_middle_half(frames, seed):
    seen = np.random.default_rng(seed).random((frames, 4)) < 0.5
    chosen = best_frame(seen)
    assert frames // 4 <= chosen < frames - frames // 4


REAL = REPOSITORY.parent / "shared/data"


@pytest.mark.parametrize(("name", "layout"), [("ksl13", "layout22"), ("holistic3", "layout41")])
def test_recorded_sets_give_warnings_only_when_they_are_spoilt(name, layout, request):
    path = REAL / name / "clips.parquet"
    if not path.exists():
        pytest.skip("the recorded sets are not on this machine")
    from microgesture.data.classes import load_classes
    from tests.sections import read_clips

    layout = request.getfixturevalue(layout)
    names = load_classes(REPOSITORY / f"config/classes/{name}.yaml")
    clips = list(read_clips({"format": "parquet", "path": str(path)}, names))
    assert [one.line for one in findings(clips, layout, names=names)] == []
    spoilt = findings(change(clips, exchange_hands), layout, names=names)
    assert [one.kind for one in spoilt] == ["exchanged_hands"]
