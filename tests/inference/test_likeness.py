"""Recordings unlike the training data: what is refused, what is warned of, and what is neither."""

from dataclasses import replace

import numpy as np
import pytest

from microgesture.inference.likeness import RULES, bounds, compare, divided
from tests.people import CLEANING, changed, film, profile_of
from tests.sections import clip_profile

FACE, HANDS = slice(25, 95), slice(95, 137)


@pytest.fixture(scope="module")
def training():
    return [clip for seed in range(14) for clip in film(seed)]


@pytest.fixture(scope="module")
def held_out():
    """Clips of other people, long enough to show what they are."""
    return [clip for seed in range(20, 25) for clip in film(seed) if len(clip.points) > 20]


@pytest.fixture(scope="module")
def liken(training, layout41):
    profile = profile_of(training, layout41)

    def compared(clip, unasked=()):
        measured = clip_profile(replace(clip, height=1), layout41, CLEANING)
        return compare(clip.points, measured, layout41, profile, lambda: frozenset(unasked))

    return compared


def test_other_people_are_hardly_ever_warned_of_and_never_refused(liken, held_out):
    found = [liken(clip) for clip in held_out]
    assert sum(bool(one.warnings) for one in found) <= 0.1 * len(found)
    assert not any(one.refused for one in found)


def rotated(degrees):
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return lambda places: (places - places.mean(axis=0)) @ turn + places.mean(axis=0)


def cut_off(clip):
    """The picture ends half a shoulder width below the shoulders."""
    points = clip.points.copy()
    for frame in points:
        low = frame[[2, 5], 1].mean() + 0.5 * np.linalg.norm(frame[2, :2] - frame[5, :2])
        frame[frame[:, 1] > low] = 0
    return replace(clip, points=points)


MISMATCHES = {
    "1/10 of the size": (lambda c: changed(c, lambda p: p / 10), {"size"}),
    "10 times the size": (lambda c: changed(c, lambda p: p * 10), {"size"}),
    "in units of 160 pixels": (lambda c: changed(c, lambda p: p / 160), {"size"}),
    "lying": (lambda c: changed(c, rotated(90)), {"tilted"}),
    "upside down": (lambda c: changed(c, lambda p: [0, 720] + p * [1, -1]), {"tilted"}),
    "cut off": (cut_off, {"cut off", "joints", "shape", "parts"}),
    "half the frames": (lambda c: replace(c, points=c.points[::2], fps=12.5), {"fps"}),
    "frames four times": (lambda c: replace(c, points=c.points.repeat(4, axis=0)), {"motion"}),
    "a minute": (lambda c: replace(c, points=np.resize(c.points, (1500, 137, 3))), {"length"}),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_a_mismatch_is_warned_of_by_its_code_and_not_refused(name, liken, held_out):
    change, codes = MISMATCHES[name]
    found = [liken(change(clip)) for clip in held_out]
    caught = [bool(codes & set(one.warnings)) for one in found]
    assert np.mean(caught) >= 0.9
    assert not any(one.refused for one in found)


DIVIDED = {
    "0 to 1": lambda p: p / [1280, 720],
    "evenly": lambda p: p / 1280,
    "-1 to 1": lambda p: p / [1280, 720] * 2 - 1,
}


@pytest.mark.parametrize("name", DIVIDED)
def test_coordinates_divided_by_the_picture_are_refused_with_the_way_back(name, liken, held_out):
    back = "(x + 1) / 2 * width" if name == "-1 to 1" else "x * width"
    for clip in held_out:
        said = liken(changed(clip, DIVIDED[name])).refused
        assert said is not None and back in said and "divided" in said


def test_a_wild_point_does_not_hide_divided_coordinates(held_out):
    points = changed(held_out[0], DIVIDED["0 to 1"]).points
    points[3, 4] = 1e9, -1e9, 0.9
    assert divided(points)


def without(clip, *parts):
    points = clip.points.copy()
    for part in parts:
        points[:, part] = 0
    return replace(clip, points=points)


def test_parts_that_openpose_was_not_asked_for_are_refused_with_number_and_flags(liken, held_out):
    for clip in held_out:
        both = liken(without(clip, FACE, HANDS), {"face", "hands"}).refused
        assert both.startswith("29 of the model's 41 joints are never found")
        assert "run it with --face --hand, or use a model without them" in both
        face = liken(without(clip, FACE), {"face"}).refused
        assert face.startswith("19 of the model's 41") and "--face," in face


def test_hands_that_are_only_hidden_are_warned_of_until_that_lasts(liken, held_out):
    clip = without(held_out[0], HANDS)
    found = liken(clip)
    assert found.refused is None and "10 of the model's 41" in found.warnings["parts"]
    assert liken(replace(clip, points=np.resize(clip.points, (1500, 137, 3)))).refused


def test_a_part_that_training_clips_lack_as_well_is_nothing_to_tell(training, held_out, layout41):
    profile = profile_of([without(clip, FACE) for clip in training], layout41)
    clip = without(held_out[0], FACE)
    measured = clip_profile(replace(clip, height=1), layout41, CLEANING)
    assert not compare(
        clip.points, measured, layout41, profile, lambda: frozenset({"face"})
    ).refused


def test_an_empty_recording_says_so(liken, held_out):
    found = liken(replace(held_out[0], points=np.zeros((9, 137, 3), np.float32)))
    assert found.refused is None and list(found.warnings) == ["empty"]


def test_bounds_are_half_the_training_range_beyond_it_and_at_least_the_margin():
    assert bounds(RULES["tilt"], [0, 5, 10]) == (-20, 30)
    assert bounds(RULES["tilt"], [0, 5, 60]) == (-30, 90)
    assert bounds(RULES["width"], [100, 110, 150]) == (50, 300)
    assert bounds(RULES["width"], [10, 110, 160]) == pytest.approx((2.5, 640))
