"""Calibration: bins and errors worked by hand, and temperatures that are known."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from microgesture.evaluation.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)
from microgesture.utils.errors import InputError


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def drawn(seed, temperature, clips=4000, classes=5):
    """Labels drawn from softmax(logits), and the probabilities of a model that is off by T."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (clips, classes))
    true = softmax(logits)
    labels = (true.cumsum(axis=1) < rng.random((clips, 1))).sum(axis=1)
    return softmax(logits * temperature), np.minimum(labels, classes - 1)


def slow_error(probabilities, labels, bins):
    """Bin by bin, clip by clip."""
    error = 0.0
    for place in range(bins):
        inside = [
            row
            for row, shares in enumerate(probabilities)
            if place / bins < max(shares) <= (place + 1) / bins
        ]
        if inside:
            sure = sum(max(probabilities[row]) for row in inside) / len(inside)
            right = sum(np.argmax(probabilities[row]) == labels[row] for row in inside)
            error += len(inside) / len(labels) * abs(right / len(inside) - sure)
    return error


def test_by_hand():
    # Of two classes: sure of 0.9 (right), 0.8 (right), 0.8 (wrong), 0.6 (wrong), in 5 bins.
    sure = np.array([0.9, 0.8, 0.8, 0.6])
    probabilities = np.stack([sure, 1 - sure], axis=1)
    labels = np.array([0, 0, 1, 1])
    told = reliability(probabilities, labels, bins=5)
    assert told.count.tolist() == [0, 0, 1, 2, 1]  # an upper edge belongs to its bin
    np.testing.assert_allclose(told.confidence[2:], [0.6, 0.8, 0.9])
    np.testing.assert_allclose(told.accuracy[2:], [0, 0.5, 1])
    assert np.isnan(told.confidence[:2]).all()
    assert np.isnan(told.accuracy[:2]).all()
    error = expected_calibration_error(probabilities, labels, bins=5)
    assert error == pytest.approx((1 * 0.6 + 2 * 0.3 + 1 * 0.1) / 4)


def test_the_example_of_torchmetrics():
    # MulticlassCalibrationError(num_classes=3, n_bins=3, norm="l1") gives 0.2000 in its manual.
    shares = [[0.25, 0.20, 0.55], [0.55, 0.05, 0.40], [0.10, 0.30, 0.60], [0.90, 0.05, 0.05]]
    error = expected_calibration_error(np.array(shares), np.array([0, 1, 2, 0]), bins=3)
    # By hand: three of (0.55 + 0.55 + 0.60) / 3 with one right, one of 0.9 that is right.
    assert error == pytest.approx(0.2)


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_against_the_slow_reference(bins):
    probabilities, labels = drawn(1, 2.0, clips=300)
    fast = expected_calibration_error(probabilities, labels, bins)
    assert fast == pytest.approx(slow_error(probabilities, labels, bins), abs=1e-12)


def test_one_bin_is_mean_confidence_against_accuracy():
    probabilities, labels = drawn(2, 3.0, clips=500)
    accuracy = np.mean(probabilities.argmax(axis=1) == labels)
    error = expected_calibration_error(probabilities, labels, bins=1)
    assert error == pytest.approx(abs(probabilities.max(axis=1).mean() - accuracy))


def test_the_surest_and_the_least_sure_have_a_bin():
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    assert reliability(probabilities, np.array([0, 0])).count.sum() == 2
    assert expected_calibration_error(np.eye(3), np.arange(3)) == 0
    assert expected_calibration_error(np.eye(3), (np.arange(3) + 1) % 3) == 1


def test_bins_without_clips_are_there_and_cost_no_warning():
    with np.errstate(all="raise"):
        told = reliability(np.array([[0.5, 0.5], [0.55, 0.45]]), np.array([0, 0]), bins=5)
    assert told.count.tolist() == [0, 0, 2, 0, 0]
    assert told.accuracy[2] == 1
    assert np.isnan(told.accuracy[[0, 1, 3, 4]]).all()


def test_every_clip_is_a_distribution_of_its_own_at_any_temperature():
    even, sure = np.full(32, 1 / 32), np.eye(32)[3]
    found = apply_temperature(np.stack([even, sure]), 0.002)
    np.testing.assert_allclose(found, [even, sure], atol=1e-9)


def test_likelihood_by_hand_and_by_sklearn():
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75]])
    labels = np.array([0, 0])
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(np.log(8) / 2)
    shares, labels = drawn(3, 1.5, clips=200)
    assert negative_log_likelihood(shares, labels) == pytest.approx(
        log_loss(labels, shares, labels=range(5))
    )
    assert negative_log_likelihood(np.eye(2), np.array([1, 1])) == pytest.approx(
        np.log(1e12) / 2
    )  # a 0 is finite


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    probabilities, labels = drawn(4, temperature)
    found = fit_temperature(probabilities, labels)
    assert found == pytest.approx(temperature, rel=0.07)
    calm = apply_temperature(probabilities, found)
    assert expected_calibration_error(calm, labels) < 0.025
    losses = [
        negative_log_likelihood(apply_temperature(probabilities, found * factor), labels)
        for factor in (0.99, 1, 1.01)
    ]
    assert losses[1] == min(losses)


def test_temperature_keeps_the_order_and_takes_itself_back():
    probabilities, _ = drawn(5, 1.0, clips=50)
    soft = apply_temperature(probabilities, 3.0)
    np.testing.assert_array_equal(soft.argsort(axis=1), probabilities.argsort(axis=1))
    np.testing.assert_allclose(soft.sum(axis=1), 1)
    assert (soft.max(axis=1) < probabilities.max(axis=1)).all()
    np.testing.assert_allclose(apply_temperature(soft, 1 / 3), probabilities, atol=1e-12)
    np.testing.assert_allclose(apply_temperature(probabilities, 1.0), probabilities, atol=1e-11)


def test_ends_of_the_range():
    sure, labels = np.eye(4)[[0, 1, 2, 3]] * 0.6 + 0.1, np.arange(4)
    assert fit_temperature(sure, labels) == pytest.approx(
        0.05, rel=0.2
    )  # the loss is 0 from there on
    assert fit_temperature(sure, (labels + 1) % 4) == pytest.approx(20, rel=1e-3)
    assert np.isfinite(apply_temperature(np.eye(3), 0.05)).all()


def test_labels_are_checked():
    for measure in (expected_calibration_error, negative_log_likelihood, fit_temperature):
        with pytest.raises(InputError, match="no usable label"):
            measure(np.eye(2), np.array([0, -1]))
        with pytest.raises(InputError, match="no clips"):
            measure(np.zeros((0, 2)), np.zeros(0, int))
