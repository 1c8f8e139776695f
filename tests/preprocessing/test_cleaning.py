from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microgesture.data.clip_file import Records, prepared_points
from microgesture.data.keypoints import KINECT
from microgesture.preprocessing.cleaning import (
    STEADY,
    Emptied,
    _median,
    _outliers,
    other_person,
    outliers,
    shoulder_width,
)
from microgesture.preprocessing.prepare import warnings
from microgesture.preprocessing.smoothing import one_euro, savgol
from microgesture.utils.errors import InputError
from tests.conftest import make_clip
from tests.data_report.test_report_page import report
from tests.sections import clean, prepare_clips, scan

CONFIG = {"min_score": 0.1, "max_jump": 1.5}


def test_points_below_the_threshold_are_emptied():
    points = make_clip().points.copy()
    points[2, 40, 2] = 0.09
    cleaned = clean(points, CONFIG)
    assert cleaned[2, 40].tolist() == [0, 0, 0]
    cleaned[2, 40] = points[2, 40]
    assert np.array_equal(cleaned, points)


def test_a_score_of_exactly_the_threshold_counts_as_found():
    points = make_clip().points.copy()
    points[2, 40, 2] = 0.5
    assert np.array_equal(clean(points, {**CONFIG, "min_score": 0.5}), points)


def test_a_point_of_score_zero_has_no_place():
    points = make_clip().points.copy()
    points[0, 3] = (123, 45, 0)
    assert clean(points, {**CONFIG, "min_score": 0})[0, 3].tolist() == [0, 0, 0]


def test_frames_of_somebody_else_are_emptied():
    points = make_clip(num_frames=11).points.copy()
    points[3, :, 0] += 200  # two shoulder widths to the side
    points[7, :, :2] = points[7, 1, :2] + 0.4 * (points[7, :, :2] - points[7, 1, :2])  # far behind
    assert np.flatnonzero(other_person(points, 1.5)).tolist() == [3, 7]
    assert (clean(points, CONFIG)[[3, 7]] == 0).all()


@pytest.mark.parametrize(("scale", "other"), [(0.4, True), (0.6, False), (1.9, False), (2.1, True)])
def test_shoulders_below_half_or_above_twice_the_width_are_somebody_elses(scale, other):
    points = make_clip(num_frames=11).points.copy()
    points[3, :, :2] *= scale
    assert np.flatnonzero(other_person(points, np.inf)).tolist() == [3] * other


def test_whoever_is_in_most_frames_stays_however_large_and_far_the_others_are():
    points = make_clip(num_frames=11).points.copy()
    others = [0, 3, 7, 8]
    points[others, :, :2] *= 5
    assert np.flatnonzero(other_person(points, 1.5)).tolist() == others


def test_how_sure_points_are_has_no_part_in_how_far_they_are():
    points = make_clip(num_frames=11).points.copy()
    points[..., :2] /= 1000  # so that scores are as large as distances
    points[3, :, 2] = 0.2
    assert not other_person(points, 1.5).any()
    points[..., :2] = points[:1, :, :2]
    assert not outliers(points, 5, 4).any()


def test_frames_without_points_or_without_a_shoulder_are_no_measure_of_the_others():
    points = make_clip(num_frames=11).points.copy()
    points[:6] = 0  # most of the clip
    points[8, 2] = 0  # would lie far from the other shoulder
    assert not other_person(points, 1.5).any()


def test_a_person_who_leans_stays():
    points = make_clip(num_frames=11).points.copy()
    points[..., 0] += np.linspace(0, 100, 11)[:, None]
    assert not other_person(points, 1.5).any()


def test_people_who_walk_are_kept_on_request():
    points = make_clip(num_frames=11).points.copy()
    points[..., 0] += np.linspace(0, 900, 11)[:, None]
    assert not clean(points, CONFIG)[0].any()
    assert clean(points, {**CONFIG, "max_jump": None})[..., 2].all()


def test_shoulders_behind_each_other_are_no_measure():
    points = make_clip(num_frames=11).points.copy()
    points[:, 2] = points[:, 5]
    points[..., 0] += np.arange(11)[:, None]
    assert not other_person(points, 1.5).any()


def test_frames_that_cleaning_emptied_are_counted_and_told(layout22, tmp_path):
    clip = make_clip(num_frames=20)
    points = clip.points.copy()
    points[3, :, 0] += 200
    points[5] = 0
    points[7, :, 2] = 0.09  # too faint to count as found
    stream = {"cleaning": CONFIG, "length": 8, "max_gap": 3, "on_bad_clip": "stop"}
    clips = [replace(clip, points=points), replace(clip, clip_id="b")]
    manifest = prepare_clips(clips, layout22, stream, tmp_path / "s.arrow")
    assert (manifest["frames_with_points"], manifest["frames_cleaned_away"]) == (38, 1)
    assert "max_jump takes 1 of 38 frames (3%) for somebody else" in warnings(manifest)[0]
    whole = prepare_clips([clip], layout22, stream, tmp_path / "t.arrow")
    assert warnings(whole) == []


def two_people():
    """Four clips in which another person, 450 pixels away, is seen in 7 of 20 frames."""
    clips = []
    for number in range(4):
        clip = make_clip(num_frames=20)
        points = clip.points.copy()
        points[2:9, :, 0] += 450
        clips.append(replace(clip, clip_id=f"c{number}", points=points))
    return [*clips, replace(make_clip(num_frames=20), clip_id="alone")]


def test_what_max_jump_empties_is_counted_a_clip(layout22, tmp_path):
    stream = {"cleaning": CONFIG, "length": None, "on_bad_clip": "stop"}
    manifest = prepare_clips(two_people(), layout22, stream, tmp_path / "s.arrow")
    assert manifest["frames_of_others"] == 28
    assert manifest["clips_with_others"] == {f"c{n}": [7, 20] for n in range(4)}
    (note,) = warnings(manifest)
    assert note.startswith(
        "max_jump takes 28 of 100 frames (28%) for somebody else and empties them, in 4 of 5 "
        "clips, more than 20% of the frames in 4 (c0 7 of 20, c1 7 of 20"
    )
    assert "set cleaning.<name>.max_jump to null" in note
    kept = {**stream, "cleaning": {**CONFIG, "max_jump": None}}
    manifest = prepare_clips(two_people(), layout22, kept, tmp_path / "t.arrow")
    assert manifest["frames_of_others"] == 0 and warnings(manifest) == []


def test_a_single_clip_that_loses_much_is_told_and_a_few_frames_of_many_are_not():
    told, silent = Emptied(), Emptied()
    for number in range(200):
        told.add(str(number), 6 if number == 7 else 0, 20)
        silent.add(str(number), 4 if number == 7 else 0, 20)
    assert "6 of 4,000 frames (0%)" in told.note() and "(7 6 of 20)" in told.note()
    assert silent.note() is None and Emptied().note() is None


def test_as_many_frames_as_the_limits_are_not_told_and_one_more_is():
    found = Emptied()
    found.add("a", 4, 20)  # 20 % of the clip
    found.add("b", 0, 180)  # 2 % of all
    assert found.note() is None
    found.add("c", 1, 10)
    assert "5 of 210 frames (2%)" in found.note() and "20% of the frames in 0 (a" in found.note()


def test_the_five_clips_that_lose_the_largest_shares_are_listed():
    found = Emptied()
    for clip, emptied, frames in zip(
        "abcdef", (5, 9, 2, 1, 1, 1), (10, 30, 4, 8, 9, 7), strict=True
    ):
        found.add(clip, emptied, frames)
        if clip == "e":
            assert found.note().endswith("(a 5 of 10, c 2 of 4, b 9 of 30, d 1 of 8, e 1 of 9)")
    assert found.note().endswith("(a 5 of 10, c 2 of 4, b 9 of 30, f 1 of 7, d 1 of 8, ...)")


def test_the_data_report_counts_them_for_each_cleaning(layout22, tmp_path):
    cleanings = {"standard": CONFIG, "keep": {**CONFIG, "max_jump": None}}
    found = scan(two_people(), layout22, cleanings).emptied
    assert (found["standard"].emptied, found["standard"].frames) == (28, 100)
    assert found["keep"].emptied == 0 and found["keep"].note() is None
    page = report(tmp_path, two_people(), layout22, ["left", "right"], cleaning=cleanings)
    assert "**Cleaning standard: max_jump takes 28 of 100 frames (28%)" in page
    listed = page.split("## Frames taken for somebody else")[1]
    assert "| standard |     28 | 28.00% | 4 of 5 | c0 7 of 20, c1 7 of 20" in listed


def test_without_shoulders_everything_is_kept():
    points = make_clip().points.copy()
    points[:, 2] = 0
    points[4, :, 0] += 500
    assert not other_person(points, 1.5).any()


# --- optional steps -------------------------------------------------------------------------------


def outliers_reference(points, frames, deviations):
    """The readable form of `outliers`: one joint, one frame and one coordinate at a time."""
    found = np.zeros(points.shape[:2], bool)
    unit = shoulder_width(points)
    for p in range(points.shape[1]):
        seen = [t for t in range(len(points)) if points[t, p, 2] > 0]
        for t in seen:
            before = [u for u in reversed(seen) if 0 < t - u <= frames // 2]
            after = [u for u in seen if 0 < u - t <= frames // 2]
            sides = min(len(before), len(after))
            if sides < 2:
                continue
            for c in range(2):
                around = [points[u, p, c] for u in (t, *before[:sides], *after[:sides])]
                middle = median(around)
                spread = 1.4826 * median(abs(value - middle) for value in around)
                if abs(points[t, p, c] - middle) > deviations * max(spread, 0.02 * unit):
                    found[t, p] = True
    return found


def walking(seed, frames=30, lost=0.1):
    """Points that wander, tremble, get lost and now and then jump away for a frame."""
    rng = np.random.default_rng(seed)
    points = make_clip(num_frames=frames, seed=seed).points.copy()
    points[..., :2] += rng.normal(0, 1, (frames, 137, 2)).cumsum(axis=0)
    jumps = rng.random((frames, 137)) < 0.05
    points[jumps, :2] += rng.normal(0, 60, (jumps.sum(), 2))
    points[rng.random((frames, 137)) < lost] = 0
    return points.astype(np.float32)


@pytest.mark.parametrize(("frames", "deviations"), [(5, 4), (7, 3), (11, 2)])
@pytest.mark.parametrize("lost", [0, 0.1, 0.5])
def test_outliers_are_those_of_the_reference(frames, deviations, lost):
    points = walking(frames, lost=lost)[:, :40]
    found = outliers(points, frames, deviations)
    assert np.array_equal(found, outliers_reference(points, frames, deviations))
    assert 0 < found.sum() < found.size / 4


def test_no_index_of_the_compiled_search_leaves_its_array():
    """Compiled code checks none, and the same functions uncompiled do."""
    points, found = walking(5, lost=0.1)[:, :6], np.zeros((30, 6), bool)
    points[:, [2, 5]] = make_clip(num_frames=30).points[:, [2, 5]]
    _outliers.py_func(points, 2, 3.0, STEADY * shoulder_width(points), found)
    assert np.array_equal(found, outliers(points, 5, 3.0)) and found.any()
    assert _median.py_func(np.array([5.0, 1, 4, 2, 3]), 5) == 3
    assert _median.py_func(np.array([3.0, 1, 2, -9]), 3) == 2  # the fourth is not looked at


def test_a_jump_away_and_back_is_taken_out_of_one_joint_alone():
    points = make_clip(num_frames=11).points.copy()
    points[:, 8, 0] = [0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0]  # shoulders are 100 apart
    points[:, 9, 1] = [5, 5, 5, 5, 5, 5, 7, 5, 5, 5, 5]  # it trembles
    points[:, 11, 0] = [0, 0, 0, 0, 0, 50, 50, 50, 50, 50, 50]  # it moves and stays
    points[:, 12, 0] = [0, 0, 0, 10, 20, 30, 20, 10, 0, 0, 0]  # it gestures
    still = make_clip(num_frames=11).points
    points[:, :8], points[:, 15:] = still[:1, :8], still[:1, 15:]
    points[:, [10, 13, 14]] = still[:1, [10, 13, 14]]
    assert np.argwhere(outliers(points, 5, 4)).tolist() == [[4, 8]]
    cleaned = clean(points, {**CONFIG, "outliers": {"frames": 5, "deviations": 4}})
    assert cleaned[4, 8].tolist() == [0, 0, 0]
    assert np.array_equal(np.delete(cleaned[4], 8, axis=0), np.delete(points[4], 8, axis=0))


@settings(deadline=None)  # the first call compiles
@given(
    arrays(np.float32, 30, elements=st.floats(0, 100, width=32)),
    arrays(bool, 30),
    st.sampled_from([5, 7, 9]),
)
def test_a_movement_one_way_never_loses_a_point(steps, seen, frames):
    points = make_clip(num_frames=30).points.copy()
    points[:, 4] = np.stack([steps.cumsum(), np.full(30, 7), seen], axis=1)
    assert not outliers(points, frames, 0.5)[:, 4].any()


def test_a_window_of_no_sense_is_refused():
    for frames in (4, 3, 6):
        with pytest.raises(InputError, match=rf"outliers\.frames is {frames}; expected an odd"):
            outliers(make_clip().points, frames, 4)


def test_short_gaps_are_filled_as_in_alignment():
    points = make_clip(num_frames=12).points.copy()
    points[:, 4] = 0
    points[1, 4], points[4, 4], points[9, 4] = (100, 50, 0.9), (130, 80, 0.6), (0, 0, 1)
    cleaned = clean(points, {**CONFIG, "fill_gaps": 2})
    assert np.allclose(cleaned[2, 4], (110, 60, 0.8 / 2))  # a frame from the nearest sighting
    assert np.allclose(cleaned[3, 4], (120, 70, 0.7 / 2))
    assert (cleaned[[0, 5, 6, 7, 8, 10, 11], 4] == 0).all()  # outside, or a gap of 4 frames
    cleaned = clean(points, {**CONFIG, "fill_gaps": 4})
    assert np.allclose(cleaned[5:9, 4, 0], [104, 78, 52, 26])
    assert np.allclose(cleaned[6, 4, 2], (0.6 + 0.4 * 0.4) / 3)
    assert np.array_equal(cleaned[:, :4], points[:, :4])


def test_nothing_is_filled_towards_what_was_taken_out():
    points = make_clip(num_frames=12).points.copy()
    points[:, 4, :2] = (260, 200)
    points[3, 4] = (300, 900, 0.05)  # faint
    points[5, :, 0] += 200  # somebody else
    points[7, 4] = (400, 100, 0.9)  # a jump
    wanted = {**CONFIG, "outliers": {"frames": 7, "deviations": 4}, "fill_gaps": 1}
    cleaned = clean(points, wanted)
    assert np.allclose(cleaned[:, 4, :2], (260, 200))
    assert np.allclose(cleaned[[3, 5, 7], 4, 2], 0.5)
    without = clean(points, {**CONFIG, "outliers": {"frames": 7, "deviations": 4}})
    assert (without[[3, 5, 7], 4] == 0).all()


@pytest.mark.parametrize(
    "smooth",
    [
        {"method": "savgol", "frames": 7, "order": 2},
        {"method": "one_euro", "min_cutoff": 1.0, "beta": 0.01},
    ],
)
def test_smoothing_comes_last_and_over_filled_gaps(smooth):
    points = walking(1)
    before = {**CONFIG, "outliers": {"frames": 5, "deviations": 4}, "fill_gaps": 3}
    kept = clean(points, before)
    expected = (
        savgol(kept, 7, 2)
        if smooth["method"] == "savgol"
        else one_euro(kept, 25, 1, 0.01, shoulder_width(kept))
    )
    found = clean(points, {**before, "smooth": smooth}, fps=25)
    assert np.array_equal(found, expected) and not np.array_equal(found, kept)
    assert np.array_equal(found[..., 2], kept[..., 2])


def test_the_steps_that_are_not_asked_for_do_nothing():
    points = walking(2)
    kept = points.copy()
    kept[points[..., 2] < CONFIG["min_score"]] = 0
    kept[other_person(kept, CONFIG["max_jump"])] = 0
    assert np.array_equal(clean(points, CONFIG), kept)


def test_without_a_measure_lengths_in_shoulder_widths_change_nothing():
    points = walking(3)
    points[:, 2] = 0
    lengths = {"outliers": {"frames": 5, "deviations": 4}}
    lengths["smooth"] = {"method": "one_euro", "min_cutoff": 1.0, "beta": 0.01}
    assert shoulder_width(points) is None
    assert np.array_equal(clean(points, {**CONFIG, **lengths}, fps=25), clean(points, CONFIG))


def test_shoulders_in_one_place_are_no_measure():
    points = make_clip().points.copy()
    assert shoulder_width(points) == 100
    points[:, 2] = points[:, 5]
    assert shoulder_width(points) is None


def test_one_euro_needs_the_frames_a_second():
    euro = {"method": "one_euro", "min_cutoff": 1.0, "beta": 0.5}
    with pytest.raises(ValueError, match="needs the frames a second"):
        clean(make_clip().points, {**CONFIG, "smooth": euro})


def test_other_orders_are_cleaned_by_their_own_shoulders():
    rng = np.random.default_rng(0)
    points = np.ones((20, 25, 3), np.float32)
    points[..., :2] = rng.uniform(100, 200, (25, 2)) + rng.normal(0, 0.1, (20, 25, 2))
    points[:, 8, :2], points[:, 4, :2] = (100, 100), (180, 100)
    points[6, 11, 0] += 20
    wanted = {**CONFIG, "outliers": {"frames": 5, "deviations": 4}}
    assert np.argwhere(clean(points, wanted, KINECT)[..., 2] == 0).tolist() == [[6, 11]]
    assert shoulder_width(points, KINECT) == 80


def test_a_stream_is_smoothed_at_the_frame_rate_of_each_clip(layout22, tmp_path):
    wanted = {**CONFIG, "smooth": {"method": "one_euro", "min_cutoff": 1.0, "beta": 0.5}}
    clips = [replace(make_clip(f"{fps}", 20), fps=fps) for fps in (25.0, 50.0)]
    stream = {"cleaning": wanted, "length": None, "on_bad_clip": "stop"}
    prepare_clips(clips, layout22, stream, tmp_path / "s.arrow")
    records = Records(tmp_path / "s.arrow")
    slow, fast = (prepared_points(records, row) for row in range(2))
    for clip, points in zip(clips, (slow, fast), strict=True):
        expected = clean(clip.points, wanted, fps=clip.fps)[:, layout22.points]
        assert np.array_equal(points, expected)
    assert np.abs(np.diff(slow[..., :2], axis=0)).mean() > (
        np.abs(np.diff(fast[..., :2], axis=0)).mean()
    )
