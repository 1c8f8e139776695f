import subprocess
import sys

import pandas as pd
import pytest

from microgesture.data.folds import check_fold, load_folds, make_folds, split_of, use_fold
from microgesture.data.store import write_store
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256, write_json
from tests.conftest import REPOSITORY, make_clip

# clips of each subject, unequal as they are in recordings
CLIPS = {"s1": 40, "s2": 7, "s3": 13, "s4": 1, "s5": 22, "s6": 9, "s7": 30}
SUBJECTS = [subject for subject, count in CLIPS.items() for _ in range(count)]
LABELS = ["a"] * len(SUBJECTS)


@pytest.mark.parametrize("k", [3, 5, 7])
def test_every_subject_is_tested_on_once_and_never_in_two_splits(k):
    folds = make_folds(SUBJECTS, LABELS, k)
    tested = []
    for fold in range(k):
        splits = split_of(SUBJECTS, folds, fold)
        people = {
            split: {s for s, own in zip(SUBJECTS, splits, strict=True) if own == split}
            for split in ("train", "val", "test")
        }
        assert all(people.values())
        assert sum(map(len, people.values())) == len(CLIPS)
        tested += sorted(people["test"])
        following = split_of(SUBJECTS, folds, (fold + 1) % k)
        assert people["val"] == {
            s for s, own in zip(SUBJECTS, following, strict=True) if own == "test"
        }
    assert sorted(tested) == sorted(CLIPS)


def test_people_who_show_few_classes_do_not_validate():
    """By hand: c shows one class only, so b is validated by the next but one, a."""
    subjects, labels = [*"aabbc"], [*"xyxyx"]
    folds = make_folds(subjects, labels, 3)
    of = folds["fold_of_subject"]
    assert folds["validation"][of["a"]] == of["b"]
    assert folds["validation"][of["b"]] == of["a"]
    assert folds["validation"][of["c"]] in (of["a"], of["b"])
    splits = dict(zip(subjects, split_of(subjects, folds, of["b"]), strict=True))
    assert splits == {"a": "val", "b": "test", "c": "train"}


def test_folds_name_subjects_in_order_whatever_the_order_of_clips():
    one, two = make_folds(SUBJECTS, LABELS, 3), make_folds(SUBJECTS[::-1], LABELS, 3)
    assert list(one["fold_of_subject"]) == list(two["fold_of_subject"]) == sorted(CLIPS)


def test_folds_have_about_equally_many_clips():
    """By hand: the largest subject first, each to the fold with the fewest clips so far."""
    folds = make_folds(SUBJECTS, LABELS, 3)["fold_of_subject"]
    together = {}
    for subject, fold in folds.items():
        together.setdefault(fold, set()).add(subject)
    assert sorted(map(sorted, together.values())) == [
        ["s1"],  # 40
        ["s2", "s3", "s5"],  # 22 + 13 + 7
        ["s4", "s6", "s7"],  # 30 + 9 + 1
    ]


@pytest.mark.parametrize("k", [0, 2, 8])
def test_too_few_and_too_many_folds_are_refused(k):
    with pytest.raises(InputError, match=rf"folds is {k}, expected 3 .* to 7, the number of"):
        make_folds(SUBJECTS, LABELS, k)


def test_a_subject_without_a_fold_is_named():
    with pytest.raises(InputError, match=r"no fold for subject s9 \(1 such subjects, 7 are named"):
        split_of([*SUBJECTS, "s9"], make_folds(SUBJECTS, LABELS, 3), 0)


def test_the_script_divides_the_subjects_of_a_store(tmp_path):
    clips = [make_clip(f"c{i}", 4, subject=f"s{i % 4}") for i in range(9)]
    write_store(tmp_path / "clips.parquet", clips, ["left"], "test")
    out = tmp_path / "folds.json"
    command = [sys.executable, REPOSITORY / "scripts/folds.py", "--folds", "3"]
    command += ["--skeletons", tmp_path / "clips.parquet", "--out", out]
    subprocess.run(command, check=True)
    assert load_folds(out, 2) == make_folds([f"s{i % 4}" for i in range(9)], ["left"] * 9, 3)
    for fold in (3, -1):
        with pytest.raises(InputError, match=f"--fold is {fold}, expected 0 to 2"):
            load_folds(out, fold)
        wrong = {"folds": 3, "fold_of_subject": {"s1": fold}, "validation": [1, 2, 0]}
        write_json(out.with_name("wrong.json"), wrong)
        with pytest.raises(InputError, match="fold is not one of 0 to 2"):
            load_folds(out.with_name("wrong.json"), 0)
    out.write_text("[]")
    with pytest.raises(InputError, match=r"folds.json: not a readable file of folds"):
        load_folds(out, 0)


def test_a_fold_replaces_the_splits_and_is_stated(tmp_path):
    path = tmp_path / "folds.json"
    write_json(path, make_folds(["a", "b", "c"], ["x", "y", "x"], 3))
    fold_of = load_folds(path, 0)["fold_of_subject"]
    index = pd.DataFrame({"subject": ["b", "a", "b", "c"], "split": ["train"] * 4})
    assert use_fold(index, None, None) == {}
    assert index["split"].tolist() == ["train"] * 4
    about = use_fold(index, path, fold_of["b"])
    following = {0: "val", 1: "train"}
    others = {s: following[(fold_of[s] - fold_of["b"] - 1) % 3] for s in "ac"}
    assert index["split"].tolist() == ["test", others["a"], "test", others["c"]]
    assert about == {"fold": fold_of["b"], "folds": sha256(path)}
    with pytest.raises(InputError, match="--folds and --fold belong together"):
        use_fold(index, path, None)


def test_a_model_is_only_used_with_the_split_it_was_trained_with():
    own = {"fold": 1, "folds": "a" * 64}
    check_fold("m", {"seed": 0, **own}, own)
    check_fold("m", {"seed": 0}, {})
    for about, fold in (
        (own, {}),
        ({}, own),
        (own, {**own, "fold": 2}),
        (own, {**own, "folds": "b" * 64}),
    ):
        with pytest.raises(InputError, match=r"m: trained with .*, to be used with"):
            check_fold("m", {"seed": 0, **about}, fold)
