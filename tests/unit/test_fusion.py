"""Fusion joins by clip id and refuses whatever does not match."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microgesture.errors import InputError
from microgesture.fusion import fuse, fuse_files
from microgesture.predictions import read_predictions, write_predictions

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuse.py"
IDS = ["a", "b", "c"]
JOINT = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
LIMB = np.array([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]])


def store(path, probabilities, ids=IDS, labels=(0, 1, None), subjects=("s", "s", "t"), **metadata):
    write_predictions(path, ids, labels, subjects, probabilities, metadata)
    return read_predictions(path)


def test_the_default_is_the_plain_mean(tmp_path):
    members = [store(tmp_path / "j", JOINT), store(tmp_path / "l", LIMB)]
    np.testing.assert_allclose(fuse(members), [[0.75, 0.25], [0.5, 0.5], [0.75, 0.25]], atol=1e-7)


def test_weights_count_in_proportion(tmp_path):
    members = [store(tmp_path / "j", JOINT), store(tmp_path / "l", LIMB)]
    fused = fuse(members, [3, 1])
    np.testing.assert_allclose(fused, (3 * JOINT + LIMB) / 4, atol=1e-7)
    np.testing.assert_array_equal(fused, fuse(members, [0.75, 0.25]))


def test_files_with_shuffled_rows_are_joined_by_id(tmp_path):
    def raw(name, order, probabilities):
        columns = {
            "clip_id": [IDS[row] for row in order],
            "label": pa.array([row % 2 for row in order], pa.int32()),
            "subject": ["s"] * 3,
            "probabilities": [probabilities[row].tolist() for row in order],
        }
        pq.write_table(pa.table(columns), tmp_path / name)
        return str(tmp_path / name)

    members = {raw("j.parquet", [2, 0, 1], JOINT): 1, raw("l.parquet", [1, 2, 0], LIMB): 1}
    fuse_files(members, tmp_path / "fused.parquet")
    fused = read_predictions(tmp_path / "fused.parquet")
    assert fused.clip_ids == IDS
    np.testing.assert_allclose(fused.probabilities, (JOINT + LIMB) / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "b", "x"]}, "lacks c and has x besides"),
        ({"labels": [0, 0, None]}, "labels of b"),
        ({"labels": [0, 1, 1]}, "labels of c"),
        ({"subjects": ["s", "t", "t"]}, "subjects of b"),
        ({"probabilities": np.full((3, 4), 0.25)}, "4 classes"),
    ],
)
def test_files_that_do_not_match_are_refused_by_name(tmp_path, change, message):
    first = store(tmp_path / "joint.parquet", JOINT)
    other = store(tmp_path / "limb.parquet", **({"probabilities": LIMB} | change))
    with pytest.raises(InputError) as caught:
        fuse([first, other])
    text = str(caught.value)
    assert message in text
    assert "joint.parquet" in text
    assert "limb.parquet" in text


def test_a_missing_clip_is_refused_and_a_long_list_is_cut(tmp_path):
    ids = [f"c{number:02}" for number in range(20)]
    even = np.full((20, 2), 0.5)
    first = store(tmp_path / "j", even, ids, [0] * 20, ["s"] * 20)
    other = store(tmp_path / "l", even[:10], ids[:10], [0] * 10, ["s"] * 10)
    with pytest.raises(InputError, match="lacks c10, c11, c12, c13, c14 and 5 more and has none"):
        fuse([first, other])


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_weight_must_be_a_positive_number(tmp_path, weight):
    members = [store(tmp_path / "j", JOINT), store(tmp_path / "l", LIMB)]
    with pytest.raises(InputError, match="expected a positive number"):
        fuse(members, [1, weight])


def test_metadata_keep_what_members_share_and_where_they_came_from(tmp_path):
    store(tmp_path / "j", JOINT, seed=1, split="val", variant="joint")
    store(tmp_path / "l", LIMB, seed=1, split="val", variant="limb")
    fuse_files({str(tmp_path / "j"): 1, str(tmp_path / "l"): 2}, tmp_path / "f")
    metadata = read_predictions(tmp_path / "f").metadata
    assert (metadata["seed"], metadata["split"]) == (1, "val")
    assert "variant" not in metadata
    assert [one["weight"] for one in metadata["members"]] == [1, 2]
    assert metadata["members"][1]["metadata"]["variant"] == "limb"
    assert len(metadata["members"][0]["sha256"]) == 64


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_script_fuses_and_its_bytes_repeat(tmp_path):
    store(tmp_path / "j", JOINT)
    store(tmp_path / "l", LIMB)
    members = json.dumps({str(tmp_path / "j"): 1, str(tmp_path / "l"): 1})
    for name in ("one", "two"):
        done = run("--members", members, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_script_refuses_a_file_named_twice(tmp_path):
    done = run("--members", '{"a": 1, "a": 2}', "--out", tmp_path / "f")
    assert done.returncode == 2
    assert "named twice" in done.stderr
    assert "Traceback" not in done.stderr
