"""Claims: the bootstrap against a slow reference, and the verdict's rules."""

import numpy as np
import pytest

from microgesture.claims import (
    Claim,
    Comparison,
    bootstrap_groups,
    judge_claims,
    paired_interval,
)
from microgesture.errors import InputError
from microgesture.evaluation import Evaluation, Row


def slow_interval(gain, groups, resamples, seed):
    """Draw whole groups and whole seeds, copy their clips, take the mean: as it is told."""
    rng = np.random.default_rng(seed)
    num_seeds, num_groups = len(gain), groups.max() + 1
    means = []
    for _ in range(resamples):
        drawn = rng.integers(0, num_groups, num_groups)
        clips = np.concatenate([np.flatnonzero(groups == one) for one in drawn])
        seeds = rng.integers(0, num_seeds, num_seeds)
        means.append(np.mean([gain[one][clips].mean() for one in seeds]))
    return np.percentile(100 * np.array(means), [2.5, 97.5])


def comparison(low, high):
    return Comparison("a", "b", (low + high) / 2, low, high)


def row(name, correct, labels):
    """Build a row whose probabilities are right exactly where ``correct`` (S, N) says so."""
    told = np.where(correct, labels, 1 - labels)
    return Row(name, name, "m", labels, np.eye(2, dtype=np.float32)[told], 1, (1.0,) * len(correct))


def evaluation(rows, labels, subjects):
    return Evaluation(
        split="test",
        labels=labels,
        subjects=np.array(subjects),
        classes=["x", "y"],
        seeds=tuple(range(len(rows[0].probabilities))),
        rows=tuple(rows),
        unlabelled=0,
        epoch_by_top1=True,
        devices=(),
    )


def test_the_interval_is_that_of_the_slow_reference():
    rng = np.random.default_rng(5)
    groups = np.sort(rng.integers(0, 12, 150))
    effect = rng.normal(0.1, 0.2, 12)[groups]
    gain = np.sign(np.round(rng.normal(effect, 0.6, (3, 150)))).astype(int)
    fast = paired_interval(gain, groups)
    slow = slow_interval(gain, groups, 4000, seed=1)
    # Two independent sets of draws: the quantiles of 2000 scatter by about 0.03 of the width.
    np.testing.assert_allclose(fast, slow, atol=0.1 * (slow[1] - slow[0]))


def test_subjects_with_few_and_many_clips_are_weighed_by_their_clips():
    groups = np.array([0] * 90 + [1, 2, 3, 4])
    # Every clip gains, so every resample's mean is one, however many clips were drawn.
    assert paired_interval(np.ones((2, 94), int), groups) == (100.0, 100.0)


def test_subjects_that_differ_widen_the_interval():
    groups = np.repeat(np.arange(10), 20)
    gain = np.where(groups < 6, 1, -1)[None]  # all clips of a person alike
    by_person = paired_interval(gain, groups)
    by_clip = paired_interval(gain, np.arange(200))
    assert np.diff(by_person) > 2 * np.diff(by_clip)


def test_seeds_that_differ_widen_the_interval():
    groups = np.arange(200)
    steady = np.zeros((3, 200), int)
    steady[:, :20] = 1
    torn = np.zeros((3, 200), int)
    torn[0, :60] = 1
    assert steady.mean() == torn.mean()
    assert np.diff(paired_interval(torn, groups)) > 2 * np.diff(paired_interval(steady, groups))


def test_the_interval_repeats_and_no_difference_has_no_width():
    gain = np.array([[1, 0, -1, 1, 0, 0]])
    assert paired_interval(gain, np.arange(6)) == paired_interval(gain, np.arange(6))
    assert paired_interval(np.zeros((2, 6), int), np.arange(6)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 3, "supported"),
        (0.0, 3, "within noise"),
        (-1, 1, "within noise"),
        (0.0, 0.0, "within noise"),
        (-3, 0.0, "within noise"),
        (-3, -0.1, "not supported"),
    ],
)
def test_verdicts(low, high, verdict):
    assert comparison(low, high).verdict == verdict


def test_the_worst_verdict_counts():
    good, noise, bad = comparison(1, 2), comparison(-1, 1), comparison(-2, -1)
    assert Claim("c", (good, good)).verdict == "supported"
    assert Claim("c", (good, noise)).verdict == "within noise"
    assert Claim("c", (noise, bad, good)).verdict == "not supported"


def test_subjects_are_drawn_from_five_on():
    five, by_subject = bootstrap_groups(np.array(["e", "a", "b", "c", "d", "a"]))
    assert by_subject
    assert five.tolist() == [4, 0, 1, 2, 3, 0]
    four, by_subject = bootstrap_groups(np.array(["a", "b", "c", "d", "a"]))
    assert not by_subject
    assert four.tolist() == [0, 1, 2, 3, 4]


def test_claims_are_judged_by_paired_top_one():
    labels = np.arange(100) % 2
    better, worse = np.zeros((2, 2, 100), bool)
    better[:, :80], worse[:, :50] = True, True
    rows = [row("good", better, labels), row("poor", worse, labels), row("same", better, labels)]
    measured = evaluation(rows, labels, [f"s{clip % 10}" for clip in range(100)])
    right, reverse, both = judge_claims(
        measured,
        [
            {"claim": "1", "better": "good", "worse": "poor"},
            {"claim": "2", "better": "poor", "worse": "good"},
            {"claim": "3", "better": "good", "worse": ["poor", "same"]},
        ],
    )
    assert right.comparisons[0].difference == pytest.approx(30)
    assert right.verdict == "supported"
    assert reverse.comparisons[0].difference == pytest.approx(-30)
    assert reverse.verdict == "not supported"
    assert [one.verdict for one in both.comparisons] == ["supported", "within noise"]
    assert both.verdict == "within noise"


def test_a_claim_about_no_row_is_refused():
    labels = np.array([0, 1])
    measured = evaluation([row("a", np.ones((1, 2), bool), labels)], labels, ["s", "t"])
    with pytest.raises(InputError, match="no variant or fusion is named b; there are a"):
        judge_claims(measured, [{"claim": "c", "better": "a", "worse": "b"}])
    with pytest.raises(InputError, match="claim 1 has no better and no worse"):
        judge_claims(measured, [{"claim": "c", "worse": []}])
