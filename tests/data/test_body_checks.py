"""Clips that are no body are told when they are read and in the report, with the key to set."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml

from microgesture.data.body_checks import BodyChecks, watched
from microgesture.data.keypoint_formats import named_format
from microgesture.data.store import BadClip, Clip, read_metadata
from tests import formats
from tests.conftest import REPOSITORY
from tests.data.test_plausibility import SPOILT, figure, in_format, read_as
from tests.data_report.test_checks import findings
from tests.sections import read_clips

NAMES = ["wave", "nod"]
OTHER = {"body25b": "body25", "kinect25": "body25", "h36m17": "coco17"}


def clips(how=lambda points: points, subjects=6, each=3):
    """Clips of several people, in which ``how`` changes the points."""
    made = []
    for number in range(subjects * each):
        subject = f"s{number // each}"
        points = how(figure(seed=number))
        split = ("train", "train", "train", "train", "val", "test")[number // each % 6]
        label = number % 2
        made.append(Clip(f"{subject}_{number}", label, subject, split, 25.0, 1080, 1280, points))
    return made


def checked(some, **known):
    checks = BodyChecks(**known)
    assert list(watched(some, checks)) == some
    return checks


def test_bodies_give_no_note():
    assert checked(clips()).notes() == []
    bad = BadClip("x", "train", "somewhere", "broken")
    assert checked([bad]).notes() == checked([]).notes() == []


@pytest.mark.parametrize("name", OTHER)
def test_another_order_is_told_with_the_key_to_set(name):
    some = clips(lambda points: read_as(in_format(points, name), OTHER[name]))
    for known in ({}, {"taken": named_format(OTHER[name])}):
        (note,) = checked(some, **known).notes()
        assert "not where a body has them in 18 of 18 clips that tell, of 6 of 6 subjects" in note
        assert (
            f"set `data.points: {name}`" in note and "(s0_0, s0_1, s0_2, s1_3, s1_4, ...)" in note
        )


def test_a_few_strange_clips_are_no_wrong_order_but_a_strange_subject_is_named():
    some = clips(subjects=40)
    SPOILT["hands"](some[4].points)
    assert checked(some).notes() == []
    SPOILT["hands"](some[5].points)
    (note,) = checked(some).notes()
    assert "in 2 of 120 clips that tell, of 1 of 40 subjects: a hand is far from its" in note
    assert "(s1_4, s1_5)" in note and "Look at the drawn skeletons" in note


def test_blocks_in_another_order_are_told():
    order = [*range(25, 95), *range(95, 137), *range(25)]
    (note,) = checked(clips(lambda points: points[:, order])).notes()
    assert "blocks lay in the order face, left hand, right hand, body" in note


def test_the_data_report_warns_first_of_points_that_are_no_body(layout22):
    assert [one.kind for one in findings(clips(), layout22)] == []
    some = clips(lambda points: read_as(in_format(points, "body25b"), "body25"))
    first = findings(some, layout22)[0]
    assert first.kind == "no_body" and "`data.points: body25b`" in first.do
    hands = clips(lambda p: p[:, [*range(95), *range(116, 137), *range(95, 116)]])
    assert [one.kind for one in findings(hands, layout22)] == ["exchanged_hands"]


def write(folder, kind, name):
    """The same people in a format of points, in each form that takes ``points``; their data."""
    people = clips()
    raw = [in_format(clip.points, name) for clip in people]
    rest = {"fps": 25.0, "height": 1080, "width": 1280}
    if kind == "pyskl":
        entries = [
            {"frame_dir": c.clip_id, "label": c.label, "img_shape": (1080, 1280),
             "keypoint": p[None, ..., :2], "keypoint_score": p[None, ..., 2]}
            for c, p in zip(people, raw, strict=True)
        ]  # fmt: skip
        formats.dump_pickle(folder / "a.pkl", people, entries)
        return people, {"format": kind, "path": str(folder / "a.pkl"), "fps": 25.0}
    if kind == "openpose_json":
        formats.write_openpose_json(folder, people, NAMES)
        for clip, points in zip(people, raw, strict=True):
            for frame, path in enumerate(sorted((folder / "json" / clip.clip_id).iterdir())):
                entry = {"pose_keypoints_2d": points[frame].ravel().tolist()}
                path.write_text(json.dumps({"people": [entry]}))
        places = {"root": str(folder / "json"), "labels": str(folder / "labels.csv")}
        return people, {"format": kind, **places, **rest}
    changed = [replace(clip, points=points) for clip, points in zip(people, raw, strict=True)]
    return people, getattr(formats, f"write_{kind}")(folder, changed, NAMES)


@pytest.mark.parametrize("kind", ["pyskl", "openpose_json", "parquet", "csv"])
@pytest.mark.parametrize("name", ["body25b", "coco_wholebody133", "mediapipe543_face_first"])
def test_every_form_takes_points_of_a_named_format(tmp_path, kind, name):
    people, data = write(tmp_path, kind, name)
    got = list(read_clips({**data, "points": name}, NAMES))
    numbers = {number for number in named_format(name) if number is not None}
    for a, b in zip(got, people, strict=True):
        assert isinstance(a, Clip), a.reason
        for number in range(137):
            expected = b.points[:, number]
            if number in numbers:
                np.testing.assert_allclose(a.points[:, number], expected, rtol=1e-5)
            elif number in (1, 8):  # the middle of both sides
                assert np.abs(a.points[:, number, :2] - expected[:, :2]).max() < 12
            else:
                assert not a.points[:, number].any()
    assert checked(got).notes() == []


def test_the_script_says_it_when_it_reads(tmp_path):
    _, data = write(tmp_path, "openpose_json", "body25b")
    (tmp_path / "two.yaml").write_text(yaml.safe_dump({"classes": NAMES}))

    def run(**more):
        script = REPOSITORY / "scripts/skeletons.py"
        settings = json.dumps({**data, "on_bad_clip": "stop", **more})
        command = [sys.executable, script, "--data", settings, "--classes", "two.yaml"]
        command += ["--out", "s.parquet", "--summary", "s.json"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "set `data.points: body25b`" in run().stderr
    assert "note:" not in run(points="body25b").stderr
    assert read_metadata(tmp_path / "s.parquet")["points"] == "openpose137-v1"


def test_a_list_of_points_gives_what_their_number_gives(tmp_path):
    _, data = write(tmp_path, "pyskl", "coco17")
    by_count, by_list, by_name = (
        list(read_clips({**data, **points}, NAMES))
        for points in ({}, {"points": list(named_format("coco17"))}, {"points": "coco17"})
    )
    for a, b, c in zip(by_count, by_list, by_name, strict=True):
        np.testing.assert_array_equal(a.points, b.points)
        np.testing.assert_array_equal(a.points, c.points)
        assert (a.points[:, [1, 8], 2] > 0).all()
