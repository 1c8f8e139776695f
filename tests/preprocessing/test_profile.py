"""What a checkpoint states of its training data: the numbers, and the way they take to it."""

import json
from dataclasses import replace
from itertools import pairwise
from math import atan2, degrees, dist, sqrt
from statistics import fmean, median

import numpy as np
import pytest

from microgesture.data.clip_file import Records
from microgesture.data.profiles import (
    QUANTILES,
    STATISTICS,
    part_joints,
    summarise_profiles,
    training_profile,
)
from microgesture.preprocessing.profile import combined
from tests.conftest import make_clip
from tests.people import CLEANING, film
from tests.sections import clip_profile, prepare_clips
from tests.steps import build_cache

SETTINGS = {"cleaning": CLEANING, "length": 8, "max_gap": 3, "on_bad_clip": "stop"}


@pytest.fixture(scope="module")
def clips():
    return film(3)


def reference(clip, layout):
    """The readable form of `clip_profile`: frame by frame, point by point."""
    least = CLEANING["min_score"]
    frames = [
        {p: tuple(map(float, point)) for p, point in enumerate(frame) if point[2] >= least}
        for frame in clip.points
    ]
    joints = layout.points.tolist()
    shown = [[p for p in joints if p in frame] for frame in frames]
    both = [frame for frame in frames if 2 in frame and 5 in frame]
    width = median(dist(f[2][:2], f[5][:2]) for f in both)
    middles = [((f[2][0] + f[5][0]) / 2, (f[2][1] + f[5][1]) / 2) for f in both]
    sides = []
    for frame, here in zip(frames, shown, strict=True):
        if here:
            x, y = [frame[p][0] for p in here], [frame[p][1] for p in here]
            sides.append(max(max(x) - min(x), max(y) - min(y)))
    center = (median(x for x, _ in middles), median(y for _, y in middles))
    ways = sorted(
        dist(a[p][:2], b[p][:2]) for a, b in pairwise(frames) for p in joints if p in a and p in b
    )
    tilts = []
    for frame, (x, y) in zip(both, middles, strict=True):
        head = [frame[p] for p in (0, 1, 15, 16, 17, 18) if p in frame]
        if head:
            up = y - fmean(p[1] for p in head)
            tilts.append(degrees(atan2(abs(fmean(p[0] for p in head) - x), up)))
    values = {
        "fps": clip.fps,
        "seconds": len(frames) / clip.fps,
        "width": width,
        "extent": median(sides) / width,
        "height_share": median(sides) / clip.height,
        "spread": sqrt(fmean(dist(m, center) ** 2 for m in middles)) / width,
        "motion": fmean(ways[: len(ways) - int(len(ways) * 0.05)]) * clip.fps / width,
        "tilt": median(tilts),
        "score": median(f[p][2] for f, here in zip(frames, shown, strict=True) for p in here),
        "joints": fmean(len(here) / len(joints) for here in shown),
    }
    found = [fmean(p in frame for frame in frames) for p in joints]
    return [*(values[name] for name in STATISTICS), *found]


def test_a_clips_numbers_are_those_of_the_readable_form(clips, layout41):
    for clip in clips:
        found = clip_profile(clip, layout41, CLEANING)
        assert found.shape == (len(STATISTICS) + 41,)
        assert np.allclose(found, reference(clip, layout41), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_measured_is_no_number(layout22):
    clip = make_clip()
    clip.points[:, 2] = 0
    numbers = clip_profile(replace(clip, height=1), layout22, CLEANING)
    found = dict(zip(STATISTICS, numbers, strict=False))
    assert {name for name, value in found.items() if np.isnan(value)} == {
        *("width", "extent", "height_share", "spread", "motion", "tilt")
    }
    clip.points[:] = 0
    found = clip_profile(clip, layout22, CLEANING)
    assert np.isfinite(found[0]) and found[len(STATISTICS) - 1] == 0
    assert not found[len(STATISTICS) :].any()


def test_a_profile_holds_quantiles_over_clips_and_how_many_lack_a_part(clips, layout41):
    bare = make_clip("bare", seed=4)
    bare.points[:, 95:] = 0
    rows = [clip_profile(clip, layout41, CLEANING) for clip in (*clips, bare)]
    profile = json.loads(json.dumps(summarise_profiles(rows, layout41)))
    assert profile["clips"] == len(rows)
    widths = [row[STATISTICS.index("width")] for row in rows]
    assert profile["statistics"]["width"] == pytest.approx(np.quantile(widths, QUANTILES), rel=1e-3)
    assert len(profile["found"]) == 41
    assert profile["never"] == {"face": 0, "hands": pytest.approx(1 / len(rows), rel=1e-3)}
    assert summarise_profiles([], layout41) is None


def test_parts_are_the_models_joints_of_face_and_hands(layout22, layout41):
    assert {part: len(joints) for part, joints in part_joints(layout41).items()} == {
        "face": 19,
        "hands": 10,
    }
    assert list(part_joints(layout22)) == ["hands"]
    assert part_joints(replace(layout22, source="kinect25-v1")) == {}


def test_the_numbers_come_from_the_points_before_cleaning_and_go_on_into_a_cache(
    clips, layout22, tmp_path
):
    split = [replace(c, split="val" if n % 3 == 0 else "train") for n, c in enumerate(clips)]
    prepare_clips(split, layout22, SETTINGS, tmp_path / "s.arrow")
    drawing = {"size": 16, "sigma": 0.6, "padding": 0.25}
    build_cache(tmp_path / "s.arrow", layout22, "joint", drawing, tmp_path / "h.arrow")
    learned = [clip_profile(c, layout22, CLEANING) for c in split if c.split == "train"]
    for name in ("s.arrow", "h.arrow"):
        stated = training_profile(Records(tmp_path / name).index, layout22)
        assert stated == summarise_profiles(learned, layout22)


def test_windows_are_combined_by_medians_and_shares_by_means():
    rows = np.zeros((3, len(STATISTICS) + 2))
    rows[:, 2], rows[:, -1] = (1, np.nan, 5), (0, 0.5, 1)
    found = combined(list(rows))
    assert found[2] == 3 and found[-1] == 0.5
