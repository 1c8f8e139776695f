"""What a model looks at, with a model of which it is known."""

import json

import numpy as np
import pandas as pd
import pytest

from microgesture.data.clip_file import Records, prepared_points, write_records
from microgesture.data.store import write_store
from microgesture.inference.build import load_trained
from microgesture.inference.clips import prepare_for, prepared_probabilities
from microgesture.probing.occlusion import choose, clip_fall, occlusion_map, spans
from microgesture.probing.test_clips import labelled_tests
from microgesture.settings.parse import parse
from microgesture.settings.probing import OcclusionStep, Testing
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json
from tests.conftest import make_clip
from tests.inference.test_recordings import run_script
from tests.watcher import CLASSES, FRAMES, left_share, make_tests, save_untrained, watcher

JOINT = "left_elbow"
SMALL = {"clips": 6, "windows": 4}


@pytest.fixture(scope="module")
def store(tmp_path_factory, layout22):
    path = tmp_path_factory.mktemp("store") / "clips.parquet"
    write_store(path, make_tests(8, layout22, JOINT), CLASSES, "test")
    return path


def explained(store, model, config=SMALL):
    return occlusion_map(model, store, labelled_tests(store, model), OcclusionStep(**config))


def test_the_whole_fall_is_at_the_joint_that_the_model_looks_at(store, layout22):
    found = explained(store, watcher(layout22, JOINT))
    assert found["joints"] == list(layout22.joints) and found["clips"] == 6
    assert found["windows"] == [[0, 0.25], [0.25, 0.5], [0.5, 0.75], [0.75, 1]]
    fall = np.array(found["fall"])
    place = layout22.joints.index(JOINT)
    assert not np.delete(fall, place, axis=0).any()
    # `left` is seen in all frames and loses a quarter of them in every window; `right` is seen in
    # the first two frames alone, and is surer of itself without them
    left = left_share(1) - left_share(0.75)
    right = (1 - left_share(0.25)) - (1 - left_share(0))
    assert np.allclose(found["by_class"]["left"][place], [left] * 4, atol=1e-6)
    assert np.allclose(found["by_class"]["right"][place], [right, 0, 0, 0], atol=1e-6)
    assert left > 0 > right
    assert np.allclose(fall[place], [(left + right) / 2, *[left / 2] * 3], atol=1e-6)
    assert np.allclose(found["by_joint"], fall.mean(axis=1), atol=1e-6)
    assert np.allclose(found["by_window"], fall.mean(axis=0), atol=1e-6)
    assert found["clips_by_class"] == {"left": 3, "right": 3}


def test_the_whole_fall_is_in_the_regions_of_that_joint(store, layout22):
    found = explained(store, watcher(layout22, JOINT), {**SMALL, "groups": "region"})
    fall = dict(zip(found["joints"], found["by_joint"], strict=True))
    assert {name for name, value in fall.items() if value} == {"left_arm"}
    assert set(fall) == {"head", "left_hand", "right_hand", "hands", "left_arm", "right_arm"}


def test_each_cell_is_a_prediction_of_its_own(layout22, tmp_path):
    """The slow way: every cell written, drawn and predicted by itself."""
    trained = load_trained(save_untrained(tmp_path / "model.safetensors", layout22))
    clips = [make_clip("a", 11, seed=5)]
    clips[0].points[3:9, 4] = 0
    records, _ = prepare_for(trained, clips)
    groups = [[4], [0, 8, 9, 10, 11], [7]]
    found = clip_fall(trained, records, 0, 1, groups, 3, Testing(views=1, flip=False))
    points = prepared_points(records, 0)

    def said(changed):
        with write_records(tmp_path / "one.arrow", records.metadata) as writer:
            entry = {**records.index.iloc[0].to_dict(), "blobs": [changed.tobytes()]}
            writer.append(entry)
        testing = Testing(views=1, flip=False)
        written = Records(tmp_path / "one.arrow")
        return float(prepared_probabilities(trained, written, testing)[0, 1])

    for g, joints in enumerate(groups):
        for w, (start, end) in enumerate([(0, 3), (3, 5), (5, 8)]):
            changed = points.copy()
            changed[start:end, joints] = 0
            assert found[g, w] == pytest.approx(said(points) - said(changed), abs=1e-6)
    assert np.abs(found).max() > 1e-5


def test_windows_cover_every_frame_once():
    assert spans(8, 4) == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert spans(3, 8)[-1][1] == 3
    for frames in (1, 5, 16, 33):
        covered = [t for start, end in spans(frames, 8) for t in range(start, end)]
        assert covered == list(range(frames))


def test_clips_come_from_all_classes_alike():
    tests = pd.DataFrame({"clip_id": list("hgfedcba"), "label": [0, 0, 0, 0, 0, 1, 1, 2]})
    assert choose(tests, 5)["clip_id"].tolist() == ["d", "b", "a", "e", "c"]
    assert choose(tests, 99)["clip_id"].tolist() == list("dbaecfgh")


def test_a_clip_without_a_visible_point_is_left_out(layout22, tmp_path):
    clips = make_tests(4, layout22, JOINT)
    clips[0].points[..., 2] = 0.01  # all below cleaning's threshold
    write_store(tmp_path / "c.parquet", clips, CLASSES, "test")
    found = explained(tmp_path / "c.parquet", watcher(layout22, JOINT))
    assert found["clips"] == 3 and found["clips_by_class"] == {"left": 1, "right": 2}
    clips = [make_clip("a", FRAMES, split="test")]
    clips[0].points[..., 2] = 0.01
    write_store(tmp_path / "e.parquet", clips, CLASSES, "test")
    with pytest.raises(InputError, match="none of the 1 clips shows a visible point"):
        explained(tmp_path / "e.parquet", watcher(layout22, JOINT))


def test_groups_of_no_sense_are_refused():
    with pytest.raises(InputError, match=r"occlusion\.groups: .*'joint' or 'region'"):
        parse(OcclusionStep, {**SMALL, "groups": "limb"}, "occlusion")


def test_the_script_repeats_itself(store, layout22, tmp_path):
    checkpoint = save_untrained(tmp_path / "model.safetensors", layout22)
    shared = ("occlusion", "--config", json.dumps({**SMALL, "clips": 2, "groups": "region"}))
    shared += ("--model", checkpoint, "--skeletons", store, "--device", "cpu")
    for name in ("a.json", "b.json"):
        run_script(*shared, "--out", tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    found = read_json(tmp_path / "a.json")
    assert found["variant"] == "joint" and found["clips"] == 2
    assert np.array(found["fall"]).shape == (6, 4)
