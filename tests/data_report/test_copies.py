"""Clips that show the same moment in two splits are found, other performances are not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgesture.data.store import Clip
from microgesture.data_report import copies as datacopies
from microgesture.data_report.copies import ALIKE, Paths, near_copies
from tests.conftest import REPOSITORY
from tests.data.test_plausibility import figure
from tests.data_report.test_checks import findings
from tests.data_report.test_report_page import report

NAMES = ["wave", "nod"]
REAL = REPOSITORY.parent / "shared/data"


def performance(seed, frames=60):
    """Somebody who waves, each time a little differently, seen by a detector that trembles."""
    rng = np.random.default_rng(seed)
    points = figure(frames, seed)
    times = np.arange(frames) + rng.uniform(0, 6)
    wave = np.sin(times[:, None] / rng.uniform(4, 6)) * (1, 0.4) * rng.uniform(60, 90)
    for point, share in ((4, 1), (3, 0.5), *((hand, 1) for hand in range(116, 137))):
        points[:, point, :2] += share * wave
    return points


def clip(name, split, points, **more):
    return Clip(name, 0, "s", split, 25.0, 1080, 1280, points, **more)


def others(count=12):
    """Several performances of one gesture by one person, in all splits."""
    splits = ("train", "val", "test")
    return [clip(f"c{n}", splits[n % 3], performance(n)) for n in range(count)]


def resampled(points, old=25, new=30):
    times = np.arange(0, len(points) - 1, old / new)
    low, part = times.astype(int), (times % 1)[:, None, None]
    return (points[low] * (1 - part) + points[low + 1] * part).astype(np.float32)


def pairs(clips):
    paths = Paths()
    for one in clips:
        paths.add(one)
    return near_copies(paths)


def found(clips):
    return {tuple(sorted((one.first, one.second))) for one in pairs(clips)}


def test_performances_of_one_gesture_by_one_person_are_no_copies():
    assert pairs(others()) == []


@pytest.mark.parametrize("shift", range(1, 11))
def test_a_clip_cut_some_frames_later_is_found(shift):
    whole = performance(99, 70)
    both = [clip("a", "train", whole[:50]), clip("b", "val", whole[shift : shift + 50])]
    (pair,) = pairs([*others(), *both])
    assert {pair.first, pair.second} == {"a", "b"} and abs(pair.shift) == shift
    assert pair.frames == 50 - shift and pair.unlike == 0 and pair.rate == 1


@pytest.mark.parametrize("cut", [0, 7])
def test_a_clip_at_another_frame_rate_is_found(cut):
    whole = performance(99, 70)
    both = [clip("a", "test", whole), clip("b", "val", resampled(whole)[cut:])]
    (pair,) = pairs([*others(), *both])
    assert {pair.first, pair.second} == {"a", "b"} and 0 < pair.unlike < ALIKE
    rate = pair.rate if pair.first == "a" else 1 / pair.rate
    assert rate == pytest.approx(1.2, abs=0.06)


def test_a_copy_of_another_size_at_another_place_is_found():
    whole = performance(99)
    moved = whole.copy()
    moved[..., :2] = whole[..., :2] * 0.6 + (100, 40)
    assert found([*others(), clip("a", "train", whole), clip("b", "val", moved)]) == {("a", "b")}


@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_points_that_are_lost_now_and_then_hide_no_copy(shift, lost, seed):
    rng = np.random.default_rng(seed)
    whole = performance(99, 70)
    both = [
        clip("a", "train", whole[:50].copy()),
        clip("b", "val", whole[shift : shift + 50].copy()),
    ]
    for one in both:
        gaps = rng.choice(50, lost // 2, replace=False)
        one.points[gaps[:, None], rng.integers(0, 25, (len(gaps), 3))] = 0
    assert found([*others(6), *both]) == {("a", "b")}


def test_copies_within_a_split_and_people_who_do_not_move_are_left_alone():
    whole = performance(99, 70)
    assert pairs([*others(), clip("a", "val", whole[:50]), clip("b", "val", whole[5:55])]) == []
    still = np.repeat(figure(1), 50, axis=0)
    assert pairs([clip("a", "train", still), clip("b", "val", still[5:])]) == []
    assert pairs([]) == [] and pairs([clip("a", "train", np.zeros_like(still))]) == []
    assert pairs([clip("a", "train", whole[:3]), clip("b", "val", whole[:3])]) == []


def test_memory_is_bounded_by_keeping_fewer_frames(monkeypatch):
    monkeypatch.setattr(datacopies, "FRAMES", 600)
    whole = performance(99, 70)
    clips = [*others(), clip("a", "train", whole[:50]), clip("b", "val", whole[4:54])]
    paths = Paths()
    for one in clips:
        paths.add(one)
        assert sum(map(len, paths.places)) <= 600
    assert paths.longest == 40 or max(map(len, paths.places)) < 40
    (pair,) = near_copies(paths)
    assert {pair.first, pair.second} == {"a", "b"} and abs(pair.shift) == 4


def test_the_report_warns_of_them_and_lists_them(tmp_path, layout22):
    whole = performance(99, 70)
    people = ("one", "two", "three")
    clips = [replace(c, subject=people[n % 3], label=n // 3 % 2) for n, c in enumerate(others())]
    assert findings(clips, layout22) == []
    a = replace(clip("a", "train", whole[:50]), subject="one")
    b = replace(clip("b", "val", whole[3:53]), subject="two")
    (told,) = findings([*clips, a, b], layout22)
    assert told.kind == "near_copies" and "1 pairs of clips in two splits" in told.found
    assert "share about 47 frames, 3 apart" in told.line
    listed = report(tmp_path, [*clips, a, b], layout22).split("## Nearly identical clips")[1]
    assert "|            47 |" in listed and "| 0.00" in listed.replace("   0.00", " 0.00")
    exact = replace(a, clip_id="again", split="test", subject="three")
    assert [one.kind for one in findings([*clips, a, exact], layout22)] == ["copies"]


@pytest.mark.parametrize("name", ["ksl13", "holistic3"])
def test_recorded_sets_hold_no_copies_but_those_that_were_made(name):
    path = REAL / name / "clips.parquet"
    if not path.exists():
        pytest.skip("the recorded sets are not on this machine")
    from microgesture.data.classes import load_classes
    from tests.sections import read_clips

    classes = load_classes(REPOSITORY / f"config/classes/{name}.yaml")
    every = 4 if name == "ksl13" else 1
    clips = list(read_clips({"format": "parquet", "path": str(path)}, classes))[::every]
    assert pairs(clips) == []
    chosen = [one for one in clips if one.split == "train"][:: 12 if every > 1 else 25]
    made = [
        replace(one, clip_id=f"{one.clip_id}-copy", split="test", points=one.points[1 + n % 10 :])
        for n, one in enumerate(chosen)
    ]
    assert found([*clips, *made]) == {(one.clip_id, f"{one.clip_id}-copy") for one in chosen}
