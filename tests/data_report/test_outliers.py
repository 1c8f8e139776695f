"""People and recordings that are unlike the rest are found, named, counted and drawn."""

from dataclasses import replace

import numpy as np
import pytest

from microgesture.data.store import Clip
from microgesture.data_report.outliers import (
    FEATURES,
    clip_facts,
    outlying,
    outlying_groups,
    strangest_clips,
)
from microgesture.data_report.scan import scan
from tests.conftest import REPOSITORY
from tests.data.test_plausibility import figure
from tests.data_report.test_checks import findings
from tests.data_report.test_report_page import links, report

SPLITS = ("train", "train", "train", "train", "val", "test")
REAL = REPOSITORY.parent / "shared/data"


def people(changed=None, who=(), count=12, each=4):
    """Clips of several people of slightly different size; ``changed`` alters those of ``who``."""
    clips = []
    for number in range(count * each):
        subject = f"p{number // each:02d}"
        points = figure(seed=number)
        points[..., :2] *= 0.9 + 0.02 * (number // each)
        if changed and subject in who:
            changed(points)
        split = SPLITS[number // each % 6]
        label = number % 2
        clips.append(Clip(f"{subject}_{number}", label, subject, split, 25.0, 1280, 1280, points))
    return clips


def other_blocks(points):
    points[:] = points[:, [*range(25, 95), *range(25), *range(95, 137)]]


def hands_off(points):
    points[:, 95:137, 0] += 160  # 0.7 shoulder widths


def low_noses(points):
    points[:, 0] = points[:, 1] + np.array([0, 20, 0], np.float32)


def no_face(points):
    points[:, [*range(15, 19), *range(25, 95)]] = 0


def small(points):
    points[..., :2] *= 0.3


def restless(points):
    points[::2, :, :2] += 60


CHANGES = {
    "other blocks": (other_blocks, "eyes far from the nose"),
    "hands off": (hands_off, "hands far from the wrists"),
    "low noses": (low_noses, "nose below the neck"),
    "no face": (no_face, "23 joints missing only here"),
    "small": (small, "figure of another size (0."),
    "restless": (restless, "another amount of motion"),
}


def test_people_who_differ_a_little_are_no_outliers(layout41):
    assert outlying(scan(people(), layout41).facts, layout41.joints) == ([], [])
    assert findings(people(), layout41) == []


@pytest.mark.parametrize("change", CHANGES)
def test_two_people_who_are_unlike_the_rest_are_named_with_numbers(change, layout41):
    how, said = CHANGES[change]
    found, _ = outlying(scan(people(how, ("p03", "p07")), layout41).facts, layout41.joints)
    assert {one.name for one in found} == {"p03", "p07"}
    assert all(any(said in reason for reason in one.reasons) for one in found), found
    assert all(one.score > 1 and len(one.clips) == 4 for one in found)


def test_the_report_warns_of_them_lists_and_draws_them(tmp_path, layout41):
    clips = people(hands_off, ("p03", "p07"))
    (told,) = findings(clips, layout41)
    assert told.kind == "outlying_subjects"
    assert "2 subjects are unlike all others: p0" in told.found
    assert "hands far from the wrists (0.6" in told.found and "the others 0.0" in told.found
    page = report(tmp_path, clips, layout41)
    assert "figures/data/strangest.png" in links(page)
    listed = page.split("## Strangest people and clips")[1]
    assert "| subject | p03 " in listed and "| subject | p07 " in listed
    assert listed.count("| clip ") == 4


def test_a_set_without_outliers_still_shows_its_strangest_clips(tmp_path, layout22):
    clips = people()
    clips[5].points[..., :2] *= 0.7
    page = report(tmp_path, clips, layout22)
    assert "Nothing to warn about." in page
    listed = page.split("## Strangest people and clips")[1]
    assert "| subject" not in listed and "| clip    | p01_5" in listed.replace(
        "| clip | ", "| clip    | "
    )


def test_a_recording_of_a_person_who_is_not_unusual_is_named(layout22):
    clips = people(each=8)
    clips = [replace(c, clip_id=f"{c.subject}v{n // 4}_{n}") for n, c in enumerate(clips)]
    for clip in clips[8:12]:
        hands_off(clip.points)
    subjects, recordings = outlying(scan(clips, layout22).facts, layout22.joints)
    assert subjects == [] or [one.name for one in subjects] == ["p01"]
    if not subjects:
        assert [one.name for one in recordings] == ["p01v2"]


def test_few_people_are_not_compared(layout22):
    some = people(hands_off, ("p01",), count=3)
    assert outlying(scan(some, layout22).facts, layout22.joints) == ([], [])
    assert strangest_clips(scan(some[:3], layout22).facts, 4) == []


def test_clips_in_which_nothing_was_found_are_compared_by_nothing(layout22):
    clips = people()
    for clip in clips[4:8]:
        clip.points[:] = 0
        clip.points[:, 30] = (5, 5, 1)
    found, _ = outlying(scan(clips, layout22).facts, layout22.joints)
    assert [one.name for one in found] == ["p01"]
    assert "missing only here" in found[0].reasons[0]


def test_numbers_by_hand(layout22):
    clip = people()[0]
    points = np.zeros((3, 137, 3), np.float32)
    points[:, [2, 5]] = [(0, 0, 1), (160, 0, 1)]
    points[:, 4] = [(0, 200, 1), (40, 200, 1), (40, 200, 1)]
    facts = clip_facts(
        replace(clip, points=points, fps=10.0), points[:, layout22.points], layout22, points[0]
    )
    numbers = dict(zip(FEATURES, facts.numbers, strict=True))
    assert numbers["size"] == -3 and numbers["motion"] == pytest.approx(np.log2(200 / 160))
    assert np.isnan(numbers["nose"]) and facts.missing[layout22.joints.index("nose")] == 1
    assert (facts.recording, facts.subject) == ("p00", "p00")


def test_the_median_of_the_others_is_not_moved_by_other_outliers(layout22):
    """Two of six people: each is compared with five, of whom one is wrong as well."""
    some = people(hands_off, ("p01", "p04"), count=6)
    facts = scan(some, layout22).facts
    found = outlying_groups(facts, lambda one: one.subject, layout22.joints)
    assert {one.name for one in found} == {"p01", "p04"}


@pytest.mark.parametrize(
    ("name", "layout", "who"),
    [("ksl13", "layout22", ("MP_Data3", "MP_Data4")), ("holistic3", "layout41", ("c1", "c5"))],
)
def test_scrambled_people_of_recorded_sets_are_found_and_no_others(name, layout, who, request):
    path = REAL / name / "clips.parquet"
    if not path.exists():
        pytest.skip("the recorded sets are not on this machine")
    from microgesture.data.classes import load_classes
    from tests.sections import read_clips

    layout = request.getfixturevalue(layout)
    classes = load_classes(REPOSITORY / f"config/classes/{name}.yaml")
    clips = list(read_clips({"format": "parquet", "path": str(path)}, classes))
    for change in (None, other_blocks):
        if change:
            for clip in clips:
                if clip.subject in who:
                    change(clip.points)
        subjects, _ = outlying(scan(clips, layout).facts, layout.joints)
        assert {one.name for one in subjects} == (set(who) if change else set())
