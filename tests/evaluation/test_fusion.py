"""Fusion joins by clip id, refuses whatever does not match, and learns from validation alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from microgesture.evaluation.calibration import (
    apply_temperature,
    fit_temperature,
    negative_log_likelihood,
)
from microgesture.evaluation.fusion import check_same_clips, fit_weights, fuse_files
from microgesture.evaluation.predictions import read_predictions, write_predictions
from microgesture.utils.errors import InputError
from tests.sections import parse_recipe

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuse.py"
IDS = ["a", "b", "c"]
JOINT = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
LIMB = np.array([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]])


def store(path, probabilities, ids=IDS, labels=(0, 1, None), subjects=("s", "s", "t"), **metadata):
    write_predictions(path, ids, labels, subjects, probabilities, metadata)
    return read_predictions(path)


def joint_and_limb(folder, weights=None, other=None):
    """Test file of joint and limb fused; ``other`` changes the limb's."""
    names = ["joint", "limb"]
    members = dict(zip(names, weights or (1, 1), strict=True))
    changes = [{"probabilities": JOINT}, {"probabilities": LIMB} | (other or {})]
    files = {"val": [], "test": []}
    for split, paths in files.items():
        for name, change in zip(names, changes, strict=True):
            path = folder / f"{name}-{split}.parquet"
            store(path, **change, split=split, config={"variant": name})
            paths.append(path)
    out = folder / "out.parquet"
    fuse_files(recipe(members), files["val"], files["test"], folder / "val.parquet", out)
    return read_predictions(out).probabilities


def test_one_to_one_is_the_plain_mean(tmp_path):
    np.testing.assert_allclose(
        joint_and_limb(tmp_path), [[0.75, 0.25], [0.5, 0.5], [0.75, 0.25]], atol=1e-7
    )


def test_weights_count_in_proportion(tmp_path):
    threefold = joint_and_limb(tmp_path, [3, 1])
    np.testing.assert_allclose(threefold, (3 * JOINT + LIMB) / 4, atol=1e-7)
    np.testing.assert_array_equal(threefold, joint_and_limb(tmp_path, [0.75, 0.25]))


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
    with pytest.raises(InputError) as caught:
        joint_and_limb(tmp_path, other=change)
    text = str(caught.value)
    assert message in text
    assert "joint-val.parquet" in text
    assert "limb-val.parquet" in text


def test_a_missing_clip_is_refused_and_a_long_list_is_cut(tmp_path):
    ids = [f"c{number:02}" for number in range(20)]
    even = np.full((20, 2), 0.5)
    first = store(tmp_path / "j", even, ids, [0] * 20, ["s"] * 20)
    other = store(tmp_path / "l", even[:10], ids[:10], [0] * 10, ["s"] * 10)
    with pytest.raises(InputError, match="lacks c10, c11, c12, c13, c14 and 5 more and has none"):
        check_same_clips(first, other)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_weight_must_be_a_positive_number(weight):
    with pytest.raises(InputError, match=r"greater than 0|finite number"):
        recipe({"joint": 1, "limb": weight})


def test_members_that_are_almost_equal_and_almost_sure_do_not_stop_a_run():
    labels = np.zeros(4, int)
    members = [np.tile([1 - p, p], (4, 1)) for p in (1e-6, 6e-6)]
    weights = fit_weights(members, labels)
    assert weights[0] > weights[1] > 0 and weights.sum() == pytest.approx(1)


def recipe(members, weights="validation", temperature=False):
    about = {"members": members, "temperature": temperature}
    return parse_recipe(about | ({"weights": weights} if isinstance(members, list) else {}))


def made_up(seed, skills, clips=60, classes=4):
    """Probabilities of one member a skill, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, clips)
    logits = rng.normal(0, 1, (len(skills), clips, classes))
    for member, skill in enumerate(skills):
        logits[member, np.arange(clips), labels] += skill
    shares = np.exp(logits)
    return list(shares / shares.sum(axis=2, keepdims=True)), labels


def write_members(folder, skills, labelled=True, shuffle=None):
    """Write val and test files of members m0, m1, ...; ``shuffle`` orders each file's rows."""
    paths = {"val": [], "test": []}
    for seed, split in enumerate(paths):
        members, labels = made_up(seed, skills)
        ids = [f"{split}{row:02}" for row in range(len(labels))]
        for place, shares in enumerate(members):
            path = folder / f"m{place}-{split}.parquet"
            about = {"seed": 1, "split": split, "config": {"variant": f"m{place}"}}
            given = labels if labelled else [None] * len(labels)
            write_predictions(path, ids, given, ["s"] * len(ids), shares, about)
            if shuffle is not None:
                table = pq.read_table(path)
                rows = np.random.default_rng((shuffle, place)).permutation(len(table))
                pq.write_table(table.take(rows), path)
            paths[split].append(path)
    return paths


def fused(folder, how, paths):
    fuse_files(how, paths["val"], paths["test"], folder / "val.out", folder / "test.out")
    return read_predictions(folder / "val.out"), read_predictions(folder / "test.out")


NAMES = ["m0", "m1", "m2"]
FITTED = recipe(NAMES, temperature=True)


def test_files_are_fused_with_fixed_weights(tmp_path):
    paths = write_members(tmp_path, [0.5, 1, 2])
    for read, seed in zip(
        fused(tmp_path, recipe({"m0": 3, "m1": 2, "m2": 1}), paths), (0, 1), strict=True
    ):
        (a, b, c), labels = made_up(seed, [0.5, 1, 2])
        np.testing.assert_allclose(read.probabilities, (3 * a + 2 * b + c) / 6, atol=1e-6)
        np.testing.assert_array_equal(read.labels, labels)


@pytest.mark.parametrize("how", [recipe({"m0": 3, "m1": 2, "m2": 1}), FITTED])
def test_the_order_of_rows_changes_no_byte(tmp_path, how):
    outputs = []
    for shuffle in (None, 1, 2):
        folder = tmp_path / str(shuffle)
        folder.mkdir()
        for split, out in zip(
            ("val", "test"),
            fused(folder, how, write_members(folder, [0.5, 1, 2], shuffle=shuffle)),
            strict=True,
        ):
            table = pq.read_table(folder / f"{split}.out").replace_schema_metadata()
            outputs.append((split, out.metadata["members"][0]["weight"], table))
            # Hashes of shuffled files differ, as they must; everything else is the same.
    for split, weight, table in outputs:
        first = next(one for one in outputs if one[0] == split)
        assert weight == first[1]
        assert table.equals(first[2])


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 5))
def test_the_order_of_members_changes_nothing(order, seed):
    members, labels = made_up(seed, [0.2, 1.0, 1.1, 0.6])
    weights = fit_weights(members, labels)
    swapped = fit_weights([members[one] for one in order], labels)
    np.testing.assert_allclose(swapped, weights[list(order)], atol=1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_fitted_weights_are_those_of_a_general_optimiser(seed):
    skills = np.random.default_rng(seed).uniform(0, 2, 2 + seed % 3)
    members, labels = made_up(seed, skills, clips=200)
    weights = fit_weights(members, labels)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()

    def loss(shares):
        return negative_log_likelihood(np.tensordot(shares, np.array(members), axes=1), labels)

    even = np.full(len(members), 1 / len(members))
    found = minimize(
        loss,
        even,
        method="SLSQP",
        bounds=[(0, 1)] * len(members),
        constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1},
        options={"ftol": 1e-12},
    )
    assert loss(weights) <= found.fun + 2e-6
    assert loss(weights) <= loss(even) + 1e-12


def test_a_better_member_is_found_and_a_useless_one_dropped():
    members, labels = made_up(0, [0.0, 3.0], clips=2000)
    weights = fit_weights(members, labels)
    assert weights[1] > 0.95
    nothing = np.full_like(members[0], 0.25)
    assert fit_weights([nothing, members[1]], labels)[1] > 0.95


def test_mixture_weights_of_known_data_are_recovered():
    rng = np.random.default_rng(2)
    members = [rng.dirichlet(np.full(6, 0.4), 20_000) for _ in range(3)]
    true = np.array([0.6, 0.3, 0.1])
    mixed = np.tensordot(true, np.array(members), axes=1)
    labels = (mixed.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    np.testing.assert_allclose(fit_weights(members, labels), true, atol=0.02)


def test_degenerate_weights():
    members, labels = made_up(3, [1.0])
    assert fit_weights(members, labels).tolist() == [1]
    np.testing.assert_allclose(fit_weights(members * 4, labels), 0.25)  # all alike
    right = np.eye(4)[labels]
    assert fit_weights([right, np.full_like(right, 0.25)], labels)[0] == pytest.approx(1, abs=1e-5)
    wrong = np.eye(4)[(labels + 1) % 4]
    np.testing.assert_allclose(fit_weights([wrong, wrong], labels), 0.5)  # all of it impossible


def test_what_is_fitted_comes_from_validation_alone(tmp_path):
    paths = write_members(tmp_path, [0.5, 1, 2])
    _, before = fused(tmp_path, FITTED, paths)
    # Shuffled test labels: whatever looked at them would now choose otherwise.
    for path in paths["test"]:
        old = read_predictions(path)
        write_predictions(
            path, old.clip_ids, np.roll(old.labels, 7), old.subjects, old.probabilities,
            old.metadata,
        )  # fmt: skip
    _, after = fused(tmp_path, FITTED, paths)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    for name in ("weight", "temperature"):
        assert [one[name] for one in before.metadata["members"]] == [
            one[name] for one in after.metadata["members"]
        ]
    assert before.metadata["fitted"] == after.metadata["fitted"]


def test_temperatures_are_found_on_validation_and_weights_under_them(tmp_path):
    paths = write_members(tmp_path, [0.5, 1, 2])
    _, test = fused(tmp_path, FITTED, paths)
    val = [read_predictions(path).probabilities for path in paths["val"]]
    _, labels = made_up(0, [0.5, 1, 2])
    temperatures = [fit_temperature(one, labels) for one in val]
    weights = fit_weights(list(map(apply_temperature, val, temperatures)), labels)
    members = test.metadata["members"]
    assert [one["temperature"] for one in members] == pytest.approx(temperatures)
    assert [one["weight"] for one in members] == pytest.approx(weights.tolist())


def test_metadata_say_what_was_fused_and_how(tmp_path):
    paths = write_members(tmp_path, [0.5, 1, 2])
    val, test = fused(tmp_path, recipe({"m0": 3, "m1": 2, "m2": 1}), paths)
    assert (val.metadata["seed"], val.metadata["split"]) == (1, "val")
    assert test.metadata["split"] == "test"
    assert (val.metadata["weights"], val.metadata["fitted"]) == ("config", None)
    members = test.metadata["members"]
    assert [one["name"] for one in members] == NAMES
    assert [one["weight"] for one in members] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert {one["temperature"] for one in members} == {None}
    assert members[1]["metadata"]["config"]["variant"] == "m1"
    assert len({one["sha256"] for one in members}) == 3
    val, test = fused(tmp_path, FITTED, paths)
    assert val.metadata["weights"] == "validation"
    fitted = test.metadata["fitted"]
    assert fitted["clips"] == 60
    assert fitted["nll"] <= fitted["nll_unfitted"]
    assert [one["file"] for one in fitted["files"]] == list(map(str, paths["val"]))
    for old, new in zip(val.metadata["members"], test.metadata["members"], strict=True):
        assert (old["weight"], old["temperature"]) == (new["weight"], new["temperature"])


def test_one_member_with_its_temperature_is_that_variant_calibrated(tmp_path):
    paths = write_members(tmp_path, [2.0, 0.5])
    _, test = fused(tmp_path, recipe({"m0": 1, "m1": 1e-9}, temperature=True), paths)
    plain = read_predictions(paths["test"][0])
    temperature = test.metadata["members"][0]["temperature"]
    expected = plain.probabilities.astype(float) ** (1 / temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(test.probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("how", [recipe(NAMES), recipe(dict.fromkeys(NAMES, 1), temperature=True)])
def test_nothing_is_fitted_without_labels(tmp_path, how):
    paths = write_members(tmp_path, [0.5, 1, 2], labelled=False)
    with pytest.raises(InputError, match="none of 60 validation clips has a label"):
        fused(tmp_path, how, paths)
    empty = []
    for name in NAMES:
        empty.append(tmp_path / f"{name}-empty.parquet")
        write_predictions(empty[-1], [], [], [], np.zeros((0, 4)), {})
    with pytest.raises(InputError, match="none of 0 validation clips has a label"):
        fused(tmp_path, how, paths | {"val": empty})
    fused(tmp_path, recipe(dict.fromkeys(NAMES, 1)), paths | {"val": empty})


def test_unlabelled_clips_are_left_out_of_the_fit(tmp_path):
    paths = write_members(tmp_path, [0.5, 1, 2])
    for path in paths["val"]:
        old = read_predictions(path)
        labels = [None if row % 2 else label for row, label in enumerate(old.labels)]
        write_predictions(path, old.clip_ids, labels, old.subjects, old.probabilities, old.metadata)
    val, _ = fused(tmp_path, recipe(NAMES), paths)
    members, labels = made_up(0, [0.5, 1, 2])
    expected = fit_weights([one[::2].astype(np.float32) for one in members], labels[::2])
    assert val.metadata["fitted"]["clips"] == 30
    assert [one["weight"] for one in val.metadata["members"]] == pytest.approx(expected.tolist())


def test_files_in_the_wrong_place_are_refused(tmp_path):
    paths = write_members(tmp_path, [0.5, 1, 2])
    with pytest.raises(InputError, match=r"m1-val.*variant m1, expected variant m0"):
        fused(tmp_path, FITTED, paths | {"val": paths["val"][1:] + paths["val"][:1]})
    with pytest.raises(InputError, match=r"m0-test.*split test, expected split val"):
        fused(tmp_path, FITTED, paths | {"val": paths["test"]})
    with pytest.raises(InputError, match="2 val files for 3 members"):
        fused(tmp_path, FITTED, paths | {"val": paths["val"][:2]})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "fusion: members is missing"),
        ({"members": {}}, "at least 2 items"),
        ({"members": ["a", "a"], "weights": "validation"}, "fusion.members.names: unique"),
        ({"members": ["a", "b"]}, "weights is None for a list of members; expected validation"),
        ({"members": ["a", "b"], "weights": "test"}, "fusion.weights: .*'validation'"),
        (
            {"members": {"a": 1, "b": 1}, "weights": "validation"},
            "members have weights and weights is",
        ),
        ({"members": {"a": 0, "b": 1}}, "members.weights.a: Input should be greater than 0"),
        ({"members": {"a": True, "b": 1}}, "a: Input should be a valid number"),
        ({"members": {"a": "1", "b": 1}}, "a: Input should be a valid number"),
        (
            {"members": {"a": 1, "b": 1}, "temperature": 2},
            "temperature: Input should be a valid boolean",
        ),
    ],
)
def test_a_recipe_that_says_nothing_clear_is_refused(config, message):
    with pytest.raises(InputError, match=message):
        parse_recipe(config)


def run(folder, config, paths):
    command = [sys.executable, str(SCRIPT), "--config", config, "--val", *paths["val"]]
    command += ["--test", *paths["test"], "--out-val", folder / "v", "--out-test", folder / "t"]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_the_script_fuses_and_its_bytes_repeat(tmp_path):
    paths = write_members(tmp_path, [0.5, 1, 2])
    config = json.dumps({"members": NAMES, "weights": "validation", "temperature": True})
    written = []
    for _ in range(2):
        done = run(tmp_path, config, paths)
        assert done.returncode == 0, done.stderr
        written.append(((tmp_path / "v").read_bytes(), (tmp_path / "t").read_bytes()))
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"members": {"a": 1, "a": 2}}', "a key is named twice"),
        ("[1]", "neither JSON text nor a JSON file"),
    ],
)
def test_the_script_refuses_what_is_no_recipe(tmp_path, config, message):
    done = run(tmp_path, config, {"val": ["a"], "test": ["a"]})
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
