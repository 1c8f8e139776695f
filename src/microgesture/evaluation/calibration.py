"""How far probabilities can be believed: calibration error, likelihood and temperature scaling."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from microgesture.evaluation.metrics import check_labels, predicted_classes

BINS = 15
# A probability of 0 for what happened has no logarithm; nothing here is surer than this.
FLOOR = 1e-12
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Reliability:
    """Clips sorted by confidence, the probability of the predicted class, into B equal bins.

    Attributes
    ----------
    edges
        (B + 1,), 0 to 1; a bin holds its upper edge, not its lower one.
    confidence, accuracy
        Means over the bin's clips, (B,); NaN for a bin without clips.
    count
        Clips, int (B,).

    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Confidence and accuracy by bin, for a reliability diagram (DeGroot and Fienberg 1983).

    Parameters
    ----------
    probabilities
        (N, K).
    labels
        int (N,), class ids.
    bins
        B.

    """
    check_labels(labels, probabilities.shape[1])
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = predicted_classes(probabilities) == labels
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    means = [
        np.divide(
            np.bincount(place, weights=values, minlength=bins),
            count,
            out=np.full(bins, np.nan),
            where=count > 0,
        )
        for values in (confidence, correct)
    ]
    return Reliability(edges, means[0], means[1], count)


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> float:
    """Mean over the clips of how far their bin's confidence is from its accuracy (Guo et al. 2017).

    A fraction of 1; see `reliability` for the bins.
    """
    told = reliability(probabilities, labels, bins)
    used = told.count > 0
    gaps = np.abs(told.confidence - told.accuracy)[used]
    return float(np.average(gaps, weights=told.count[used]))


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log(probability of the true class), in nats; probabilities count at least 1e-12."""
    check_labels(labels, probabilities.shape[1])
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(true, FLOOR)).mean())


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax of log(probabilities) / temperature, float64 (N, K).

    Above 1 it makes them less sure, below 1 surer; the order of the classes stays. Probabilities
    that are a mean over views have no logits of their own; their logarithms stand in for these.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), FLOOR)) / temperature
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Temperature (0.05 to 20) of least negative log-likelihood (Platt 1999; Guo et al. 2017).

    The likelihood is concave in 1 / T, so the one-dimensional search finds the best of the range;
    where every clip is recognised, that is the lower end.

    Parameters
    ----------
    probabilities
        (N, K), of validation clips.
    labels
        int (N,), their class ids.

    """
    check_labels(labels, probabilities.shape[1])
    logits = np.log(np.maximum(probabilities.astype(np.float64), FLOOR))
    true = logits[np.arange(len(labels)), labels]
    # Relative to the largest, so that the sum of exponentials neither overflows nor vanishes.
    top = logits.max(axis=1)
    below, gap = logits - top[:, None], top - true

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        return float(np.mean(gap * sharpness + np.log(np.exp(below * sharpness).sum(axis=1))))

    found = minimize_scalar(
        loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))
