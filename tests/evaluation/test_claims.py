"""Claims: the bootstrap against a slow reference, and the verdict's rules."""

import math

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import balanced_accuracy_score, f1_score

from microgesture.evaluation.claims import (
    RESAMPLES,
    Claim,
    Comparison,
    bootstrap_groups,
    draw_resamples,
    judge_claims,
    majority_p,
    mcnemar,
    paired_interval,
    resampled_scores,
)
from microgesture.evaluation.rows import Evaluation, Row
from microgesture.utils.errors import InputError


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


def interval(gain, groups):
    """Interval of the mean of ``gain`` (S, N): as top-1 of a row whose rival gets nothing right."""
    resamples = draw_resamples(groups, len(gain))
    up, down = (
        np.stack(
            [
                resampled_scores(row("r", one[None], np.zeros(len(groups), int)), "top1", resamples)
                for one in gain == sign
            ],
            axis=1,
        )[..., 0]
        for sign in (1, -1)
    )
    return paired_interval(up - down, resamples)


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
    fast = interval(gain, groups)
    slow = slow_interval(gain, groups, 4000, seed=1)
    # Two independent sets of draws: the quantiles of 2000 scatter by about 0.03 of the width.
    np.testing.assert_allclose(fast, slow, atol=0.1 * (slow[1] - slow[0]))


def test_subjects_with_few_and_many_clips_are_weighed_by_their_clips():
    groups = np.array([0] * 90 + [1, 2, 3, 4])
    # Every clip gains, so every resample's mean is one, however many clips were drawn.
    assert interval(np.ones((2, 94), int), groups) == (100.0, 100.0)


def test_subjects_that_differ_widen_the_interval():
    groups = np.repeat(np.arange(10), 20)
    gain = np.where(groups < 6, 1, -1)[None]  # all clips of a person alike
    by_person = interval(gain, groups)
    by_clip = interval(gain, np.arange(200))
    assert np.diff(by_person) > 2 * np.diff(by_clip)


def test_seeds_that_differ_widen_the_interval():
    groups = np.arange(200)
    steady = np.zeros((3, 200), int)
    steady[:, :20] = 1
    torn = np.zeros((3, 200), int)
    torn[0, :60] = 1
    assert steady.mean() == torn.mean()
    assert np.diff(interval(torn, groups)) > 2 * np.diff(interval(steady, groups))


def test_the_interval_repeats_and_no_difference_has_no_width():
    gain = np.array([[1, 0, -1, 1, 0, 0]])
    assert interval(gain, np.arange(6)) == interval(gain, np.arange(6))
    assert interval(np.zeros((2, 6), int), np.arange(6)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 3, "supported"),
        (0.0, 3, "undecided"),
        (-1, 1, "undecided"),
        (0.0, 0.0, "undecided"),
        (-3, 0.0, "undecided"),
        (-3, -0.1, "refuted"),
    ],
)
def test_verdicts(low, high, verdict):
    assert comparison(low, high).verdict == verdict


def test_the_worst_verdict_counts():
    good, noise, bad = comparison(1, 2), comparison(-1, 1), comparison(-2, -1)
    assert Claim("c", (good, good)).verdict == "supported"
    assert Claim("c", (good, noise)).verdict == "undecided"
    assert Claim("c", (noise, bad, good)).verdict == "refuted"


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
    assert reverse.verdict == "refuted"
    assert [one.verdict for one in both.comparisons] == ["supported", "undecided"]
    assert both.verdict == "undecided"


def test_a_claim_about_no_row_is_refused():
    labels = np.array([0, 1])
    measured = evaluation([row("a", np.ones((1, 2), bool), labels)], labels, ["s", "t"])
    with pytest.raises(InputError, match="no variant or fusion is named b; there are a"):
        judge_claims(measured, [{"claim": "c", "better": "a", "worse": "b"}])
    with pytest.raises(InputError, match="claim 1 has no better and no worse"):
        judge_claims(measured, [{"claim": "c", "worse": []}])


def random_row(name, seed, labels, num_classes, num_seeds, skill=0.5):
    rng = np.random.default_rng(seed)
    shares = rng.random((num_seeds, len(labels), num_classes))
    shares[:, np.arange(len(labels)), labels] += skill
    return Row(name, name, "m", labels, shares, 1, (1.0,) * num_seeds)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        ("top1", lambda true, told: np.mean(true == told)),
        ("mean_class", balanced_accuracy_score),
        (
            "macro_f1",
            lambda true, told: f1_score(true, told, average="macro", labels=np.unique(true)),
        ),
    ],
)
def test_a_resample_scores_what_its_copied_clips_score(metric, reference):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 6, 60) % rng.integers(1, 7, 60)  # rare classes, often not drawn
    groups = rng.integers(0, 12, 60)
    measured = random_row("a", 1, labels, 6, 2)
    resamples = draw_resamples(groups, 2)
    scores = resampled_scores(measured, metric, resamples)
    assert scores.shape == (RESAMPLES, 2)
    for draw in range(40):
        times = resamples.drawn[draw].astype(int)
        drawn = np.repeat(np.arange(len(times)), times)
        clips = np.concatenate([np.flatnonzero(groups == one) for one in drawn])
        for seed in range(2):
            told = measured.probabilities[seed].argmax(axis=1)
            expected = reference(labels[clips], told[clips])
            assert scores[draw, seed] == pytest.approx(expected, abs=1e-12)


def test_draws_are_as_many_as_there_are():
    resamples = draw_resamples(np.arange(300), 3)
    assert (resamples.drawn.sum(axis=1) == 300).all()
    assert (resamples.seeds.sum(axis=1) == 3).all()
    # Counts are Poisson-like: a group is left out of a share 1/e of the resamples.
    assert (resamples.drawn == 0).mean() == pytest.approx(1 / math.e, abs=0.01)


def test_mcnemar_by_hand_and_by_its_formula():
    first = np.array([1, 1, 1, 1, 1, 0, 1, 0], bool)
    second = np.array([0, 0, 0, 0, 0, 1, 1, 0], bool)
    # 5 against 1 of 6 tosses: 2 * (1 + 6) / 64
    assert mcnemar(first, second) == (5, 1, pytest.approx(14 / 64))
    assert mcnemar(second, first) == (1, 5, pytest.approx(14 / 64))
    assert mcnemar(first, first) == (0, 0, 1.0)
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 500)) < np.array([[0.6], [0.5]])
    b, c, p = mcnemar(one, other)
    # statsmodels' exact mcnemar: 2 * binom.cdf(min(b, c), b + c, 0.5)
    assert p == pytest.approx(min(1, 2 * binom.cdf(min(b, c), b + c, 0.5)))


def test_the_p_of_several_seeds_by_hand():
    assert majority_p([0.03]) == 0.03
    assert majority_p([0.01, 0.2]) == 0.2  # the larger
    assert majority_p([0.9, 0.01, 0.02]) == pytest.approx(1.5 * 0.02)
    assert majority_p([0.001, 0.002, 0.03, 0.5, 0.6]) == pytest.approx(5 / 3 * 0.03)
    assert majority_p([0.9, 0.8, 0.7]) == 1.0


@pytest.mark.parametrize("shared", [0.0, 0.8, 1.0])
def test_the_p_of_several_seeds_is_valid_however_alike_they_are(shared):
    rng = np.random.default_rng(4)
    common = rng.random((4000, 1))
    own = rng.random((4000, 5))
    values = np.where(rng.random((4000, 5)) < shared, common, own)
    rejected = np.mean([majority_p(one) < 0.05 for one in values])
    assert rejected < 0.06  # 0.05 and three standard errors


def test_another_metric_may_decide_otherwise():
    labels = np.array([0] * 90 + [1] * 10)
    groups = [f"s{clip % 10}" for clip in range(100)]
    frequent, rare = np.zeros((2, 1, 100), bool)
    frequent[:, :90] = True  # always names class 0
    rare[:, :50], rare[:, 90:] = True, True
    rows = [row("frequent", frequent, labels), row("rare", rare, labels)]
    about = {"claim": "c", "better": "frequent", "worse": "rare"}
    by_clip, by_class, by_f1 = judge_claims(
        evaluation(rows, labels, groups),
        [about, about | {"metric": "mean_class"}, about | {"metric": "macro_f1"}],
    )
    assert by_clip.verdict == "supported"
    assert by_clip.comparisons[0].discordant == ((40, 10),)
    assert by_clip.comparisons[0].p == by_clip.comparisons[0].p_values[0]
    # recalls 1 and 0 against 50/90 and 1
    assert by_class.comparisons[0].difference == pytest.approx(100 * (0.5 - (5 / 9 + 1) / 2))
    assert by_class.verdict == "refuted"
    assert by_class.comparisons[0].p is None
    assert by_f1.comparisons[0].metric == "macro_f1"
    with pytest.raises(InputError, match="claim 1 has the metric 'top5'; expected one of top1,"):
        judge_claims(evaluation(rows, labels, groups), [about | {"metric": "top5"}])


def test_with_shuffled_labels_everything_falls_to_chance():
    rng = np.random.default_rng(11)
    labels = np.repeat(np.arange(8), 100)
    skilled = [random_row(f"r{place}", place, labels, 8, 2, skill=0.8) for place in range(20)]
    shuffled = rng.permutation(labels)
    rows = [
        Row(one.name, one.name, "m", shuffled, one.probabilities, 1, one.seconds) for one in skilled
    ]
    assert min(one.top1 for one in skilled) > 50
    for one in rows:
        # 1600 tries of 1/8: a standard error of 0.83 points
        assert one.top1 == pytest.approx(12.5, abs=4 * 0.83)
        assert one.scores["mean_class"].mean() == pytest.approx(12.5, abs=4 * 0.83)
    pairs = [{"claim": "c", "better": f"r{one}", "worse": f"r{one + 1}"} for one in range(0, 20, 2)]
    subjects = [f"s{clip % 20}" for clip in rng.permutation(800)]
    told = judge_claims(evaluation(rows, shuffled, subjects), pairs)
    # One interval in twenty misses 0 by its making.
    assert sum(claim.verdict != "undecided" for claim in told) <= 2


@pytest.mark.parametrize(
    ("num_seeds", "least", "most"),
    [
        (1, 0.01, 0.12),  # 5 % of 180; a standard error of 1.6 %
        (3, 0.0, 0.06),  # drawing clips and seeds counts their common noise twice: too wide
    ],
)
def test_intervals_of_equally_good_rows_seldom_miss_zero(num_seeds, least, most):
    missed = []
    for trial in range(60):
        labels = np.random.default_rng((1, trial)).integers(0, 4, 300)
        rows = [
            random_row(name, (2, trial, place), labels, 4, num_seeds)
            for place, name in enumerate("abcdef")
        ]
        pairs = [{"claim": "c", "better": one, "worse": other} for one, other in ("ab", "cd", "ef")]
        told = judge_claims(evaluation(rows, labels, [f"s{c % 30}" for c in range(300)]), pairs)
        missed += [claim.verdict != "undecided" for claim in told]
    assert least <= np.mean(missed) <= most
