"""Folds are joined to one file of every clip, and only folds that share nobody."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgesture.evaluation.cross_validation import pool_files
from microgesture.evaluation.predictions import read_predictions, write_predictions
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256

SCRIPT = Path(__file__).parents[2] / "scripts" / "pool.py"


def fold(folder, number, ids=None, subjects=None, classes=3, **about):
    ids = [f"c{number}_{row}" for row in range(4)] if ids is None else ids
    subjects = [f"s{number}"] * len(ids) if subjects is None else subjects
    shares = np.random.default_rng(number).dirichlet(np.ones(classes), len(ids))
    labels = [0, 1, None, 2][: len(ids)]
    path = folder / f"fold{number}.parquet"
    metadata = {"seed": 7, "split": "test", "config": {"variant": "v"}, "fold": number} | about
    write_predictions(path, ids, labels, subjects, shares, metadata)
    return path


def test_every_clip_is_in_the_pool_once_with_what_its_fold_said(tmp_path):
    paths = [fold(tmp_path, number) for number in range(3)]
    pool_files(paths, tmp_path / "pooled")
    pooled = read_predictions(tmp_path / "pooled")
    assert len(pooled.clip_ids) == len(set(pooled.clip_ids)) == 12
    for path in paths:
        part = read_predictions(path)
        rows = [pooled.clip_ids.index(clip) for clip in part.clip_ids]
        np.testing.assert_array_equal(pooled.probabilities[rows], part.probabilities)
        np.testing.assert_array_equal(pooled.labels[rows], part.labels)
        assert [pooled.subjects[row] for row in rows] == part.subjects
    metadata = pooled.metadata
    assert (metadata["seed"], metadata["split"], metadata["folds"]) == (7, "test", 3)
    assert [one["sha256"] for one in metadata["parts"]] == [sha256(path) for path in paths]
    assert metadata["parts"][2]["metadata"]["fold"] == 2


def test_the_order_of_the_files_changes_no_byte(tmp_path):
    paths = [fold(tmp_path, number) for number in range(3)]
    pool_files(paths, tmp_path / "one")
    pool_files(paths[::-1], tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["c1_0", "c0_2"]}, r"clip c0_2 is in .*fold0.* and in .*fold1"),
        ({"subjects": ["s1", "s0", "s1", "s1"]}, r"subject s0 is in .*fold0.* and in .*fold1"),
        ({"classes": 4}, "has 4 classes, .*fold0.parquet has 3"),
        ({"seed": 8}, "written for seed 8, .*fold0.parquet for seed 7"),
        ({"split": "val"}, "split val"),
        ({"config": {"variant": "w"}}, "variant w"),
    ],
)
def test_what_is_no_other_fold_is_refused_by_name(tmp_path, change, message):
    paths = [fold(tmp_path, 0), fold(tmp_path, 1, **change)]
    with pytest.raises(InputError, match=message):
        pool_files(paths, tmp_path / "pooled")
    assert not (tmp_path / "pooled").exists()


def test_one_file_is_no_pool(tmp_path):
    with pytest.raises(InputError, match="1 files to pool"):
        pool_files([fold(tmp_path, 0)], tmp_path / "pooled")


def test_nameless_subjects_are_not_taken_for_one_person(tmp_path):
    paths = [fold(tmp_path, number, subjects=[""] * 4) for number in range(2)]
    pool_files(paths, tmp_path / "pooled")
    assert len(read_predictions(tmp_path / "pooled").clip_ids) == 8


def test_the_script(tmp_path):
    paths = [fold(tmp_path, number) for number in range(2)]
    command = [sys.executable, SCRIPT, "--files", *paths, "--out", tmp_path / "pooled"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pool_files(paths, tmp_path / "again")
    assert (tmp_path / "pooled").read_bytes() == (tmp_path / "again").read_bytes()
