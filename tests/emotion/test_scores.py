"""Scores by hand, intervals by person, the prior, the permutation test and the leak check."""

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


def test_people_are_resampled_with_all_their_recordings():
    for rows in scores.resampled(["a", "b", "a", "c"], seed=0, times=50):
        counts = np.bincount(rows, minlength=4)
        assert counts[0] == counts[2] and counts[0] + counts[1] + counts[3] == 3


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
    assert leaked.interval[0] > 0.8 and "of 20 people are trained and tested on" in leaked.warning


def test_people_who_win_and_lose_alike_leak_nothing_but_are_told():
    people = np.repeat(np.arange(40), 4).astype(str)
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 160)
    leak = scores.leak_check(rng.integers(0, 5, 160), labels, list(people))
    assert 0.4 < leak.identity < 0.6 and leak.warns
