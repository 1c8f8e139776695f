"""Scores by hand, intervals by person, the prior, the permutation test and the leak check."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from microgesture.emotion import scores


def test_scores_by_hand():
    labels = np.array([1, 1, 1, 0])
    assert scores.balanced_accuracy(np.array([1, 1, 0, 0]), labels) == pytest.approx(5 / 6)
    assert np.isnan(scores.balanced_accuracy(np.array([1]), np.array([1])))
    assert scores.brier(np.array([1.0, 0.5]), np.array([1, 0])) == pytest.approx(0.125)
    assert scores.log_loss(np.array([0.0, 0.0]), np.array([0, 1])) == pytest.approx(np.log(2))
    told = np.array([0.1, 0.1, 0.9, 0.9])
    assert scores.calibration_error(told, np.array([0, 0, 1, 1])) == pytest.approx(0.1)


def test_auc_is_that_of_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    told, labels = rng.integers(0, 5, 60), rng.integers(0, 2, 60)
    assert scores.auc(told, labels) == pytest.approx(roc_auc_score(labels, told))
    assert np.isnan(scores.auc(told, np.ones(60)))


def test_a_shifted_prior_is_made_up_for():
    """Bayes by counting: 78 % wins in training, 54 % where the model is used."""
    rng = np.random.default_rng(1)
    signal = {1: 1.0, 0: -1.0}

    def drawn(share, count):
        labels = (rng.uniform(size=count) < share).astype(int)
        return labels, np.array([signal[one] for one in labels]) + rng.normal(size=count) * 1.5

    labels, x = drawn(0.54, 40_000)
    # the exact logit of a model trained on 78 % wins
    logits = 2 * x / 1.5**2 + np.log(0.78 / 0.22)
    moved = scores.adjusted(logits, 0.78, 0.54)
    plain, shifted = (
        scores.summary(one, labels, 0 * x + 0.54, 0 * x, 0.54) for one in (logits, moved)
    )
    assert shifted["brier_argmax"] < plain["brier_argmax"] - 0.01
    assert shifted["calibration_argmax"] < 0.02 < plain["calibration_argmax"]
    assert shifted["balanced_argmax"] > plain["balanced_argmax"] + 0.03
    assert shifted["auc"] == pytest.approx(plain["auc"])
    assert np.mean(expit(moved)) == pytest.approx(0.54, abs=0.01)


def test_the_threshold_is_the_best_of_all():
    logits, labels = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1, 1])
    assert scores.best_threshold(logits, labels) == 1.5
    assert scores.best_threshold(logits, np.array([0, 1, 1, 1, 1])) == 0.5


def test_the_threshold_of_a_model_that_tells_nothing_right_is_above_all():
    """To say the same of everybody is best then; of the two ways the upper one is taken."""
    assert scores.best_threshold(np.array([0.0, 1.0]), np.array([1, 0])) == 2
    assert scores.best_threshold(np.array([3.0, 3.0]), np.array([1, 0])) == 4


def test_logits_and_shares_at_their_ends():
    assert scores.log_loss(np.array([2.0, 2.0]), np.array([1, 0])) == pytest.approx(
        (np.log1p(np.exp(-2)) + np.log1p(np.exp(2))) / 2
    )
    assert scores.sigmoid(np.array([-1e9, 0, 1, 1e9])) == pytest.approx([0, 0.5, expit(1), 1])
    # a training of one outcome alone: its share counts as 1e-7 from the end
    ends = scores.adjusted(np.zeros(2), np.array([0.0, 1.0]), 0.5)
    assert ends == pytest.approx(np.log(1e7 - 1) * np.array([1, -1]))


def test_bins_hold_as_many_recordings_each():
    told = np.linspace(0.05, 0.95, 23)[::-1]
    bins = scores.calibration_bins(told, np.arange(23) % 2)
    assert bins.count.tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert (np.diff(bins.told) > 0).all()
    assert bins.told[0] == pytest.approx(told[-3:].mean())
    assert bins.won[:2] == pytest.approx([1 / 3, 2 / 3])


def test_people_are_resampled_with_all_their_recordings():
    samples = scores.resampled(["a", "b", "a", "c"], seed=0, times=50)
    assert len(samples) == 50 and any(len(rows) != 4 for rows in samples)
    for rows in samples:
        counts = np.bincount(rows, minlength=4)
        assert counts[0] == counts[2] and counts[0] + counts[1] + counts[3] == 3


def test_the_interval_is_the_middle_of_what_is_known():
    values = [*range(101), np.nan]
    assert scores.interval(values) == pytest.approx((2.5, 97.5))
    assert np.isnan(scores.interval([np.nan, np.nan])).all()


def test_p_is_the_share_of_deals_that_are_as_good():
    labels, people = np.array([1, 0, 1, 0]), ["a", "b", "c", "d"]
    assert scores.permutation_p(labels, labels, people, 0, 0) == 1
    # one of the six ways to deal two wins to four people is the true one
    p = scores.permutation_p(labels, labels, people, 3000, 0)
    assert p == pytest.approx(1 / 6, abs=0.03)
    # people of one recording and of two exchange nothing, those of two only with each other
    people, labels = ["a", "b", "b", "c", "c"], np.array([1, 1, 1, 0, 0])
    p = scores.permutation_p(labels, labels, people, 3000, 0)
    assert p == pytest.approx(1 / 2, abs=0.04)


def test_the_permutation_test_tells_skill_from_chance():
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(30), 2).astype(str)
    labels = (rng.uniform(size=60) < 0.6).astype(int)
    right = np.where(rng.uniform(size=60) < 0.85, labels, 1 - labels)
    assert scores.permutation_p(right, labels, list(people), 500, 0) < 0.01
    values = [
        scores.permutation_p((rng.uniform(size=60) < 0.6).astype(int), labels, list(people), 100, n)
        for n in range(40)
    ]
    assert 0.3 < np.mean(values) < 0.7
    assert scores.permutation_p(np.ones(60, int), labels, list(people), 100, 0) == 1.0


def test_the_leak_check_warns_when_people_are_in_several_folds():
    people = np.repeat(np.arange(20), 4).astype(str)
    rng = np.random.default_rng(3)
    labels = np.repeat(rng.integers(0, 2, 20), 4)  # who always wins, and who never does
    by_person = np.repeat(np.arange(20) % 5, 4)
    fair = scores.leak_check(by_person, labels, list(people))
    assert not fair.warns and fair.shared == 0 and fair.identity == 0.5 and fair.potential == 1.0
    leaked = scores.leak_check(rng.integers(0, 5, 80), labels, list(people))
    assert leaked.warns and leaked.shared > 10 and leaked.identity > 0.95
    assert "tells 62.5 % (balanced)" in replace(leaked, identity=0.625).warning
    assert replace(fair, interval=(0.51, 0.9)).warns and not replace(fair, interval=(0.5, 1)).warns
    assert leaked.interval[0] > 0.8 and "of 20 people are trained and tested on" in leaked.warning


def test_what_is_known_of_a_person_by_hand():
    """``a`` wins twice and loses once in three folds, ``b`` is in one fold alone."""
    folds, labels = np.array([0, 1, 2, 0, 0]), np.array([1, 1, 0, 0, 1])
    leak = scores.leak_check(folds, labels, ["a", "a", "a", "b", "b"])
    assert (leak.shared, leak.people) == (1, 2)
    # wins: two of a with 1 and 0 of the others, half right each, and b unknown; defeats: a wrong
    assert leak.identity == pytest.approx((0.5 + (0 + 0.5) / 2) / 2)
    # b's other recording went the other way
    assert leak.potential == pytest.approx(((0.5 + 0.5 + 0) / 3 + 0) / 2)


def test_a_person_in_two_folds_is_in_training_and_test():
    assert scores.leak_check(np.arange(3) % 2, np.array([1, 0, 1]), ["a", "a", "b"]).shared == 1


def test_a_win_is_said_above_the_limit_alone():
    told = scores.summary(np.zeros(2), np.array([0, 1]), np.full(2, 0.5), np.zeros(2), 0.5)
    assert told["wins_argmax"] == told["wins_prior"] == told["wins_threshold"] == 0


def test_a_row_has_the_scores_of_each_way_to_decide():
    logits, labels = np.array([-1.0, 0.2, 0.5, 2.0]), np.array([0, 0, 1, 1])
    told = scores.summary(logits, labels, np.full(4, 0.8), np.full(4, 1.0), 0.5)
    moved = expit(logits - np.log(4))  # of a training with four wins to a defeat
    decided = {"argmax": [0, 1, 1, 1], "prior": [0, 0, 0, 1], "threshold": [0, 0, 0, 1]}
    for how, one in decided.items():
        right = np.array(one) == labels
        assert told[f"accuracy_{how}"] == right.mean()
        assert told[f"balanced_{how}"] == (right[:2].mean() + right[2:].mean()) / 2
        assert told[f"wins_{how}"] == np.mean(one)
    for how, one in {"argmax": expit(logits), "prior": moved}.items():
        assert told[f"brier_{how}"] == pytest.approx(((one - labels) ** 2).mean())
        assert told[f"calibration_{how}"] == pytest.approx(abs(one - labels).mean())
    assert told["auc"] == 1


def test_people_who_win_and_lose_alike_leak_nothing_but_are_told():
    people = np.repeat(np.arange(40), 4).astype(str)
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 160)
    leak = scores.leak_check(rng.integers(0, 5, 160), labels, list(people))
    assert 0.4 < leak.identity < 0.6 and leak.warns
