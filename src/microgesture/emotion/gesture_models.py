"""Models on the statistics of gestures, as plain arrays that say what they learned.

scikit-learn fits them; what they tell is computed here, for a fold as for a recording that comes
later, so that a model is a few arrays and no pickle.
"""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]
RATE, SUBSAMPLE = 0.05, 0.7


def fit_linear(numbers: np.ndarray, labels: np.ndarray, strength: float) -> dict[str, np.ndarray]:
    """Logistic regression on standardised numbers (N, P); see `linear_logits`.

    Parameters
    ----------
    numbers : ndarray, (N, P)
    labels : ndarray, int (N,)
    strength : float
        C of scikit-learn: the larger, the less weights are held small.

    """
    from sklearn.linear_model import LogisticRegression

    mean, spread = numbers.mean(axis=0), numbers.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    model = LogisticRegression(C=strength, max_iter=1000).fit((numbers - mean) / spread, labels)
    learned = {"weights": model.coef_[0], "bias": model.intercept_}
    return {"mean": mean, "spread": spread, **learned}


def linear_logits(model: Arrays, numbers: np.ndarray) -> np.ndarray:
    """Logits (N,) of numbers (N, P)."""
    return (numbers - model["mean"]) / model["spread"] @ model["weights"] + model["bias"]


def fit_boosted(numbers: np.ndarray, labels: np.ndarray, trees: int) -> dict[str, np.ndarray]:
    """Gradient-boosted stumps on numbers (N, P); see `boosted_logits`."""
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=trees,
        learning_rate=RATE,
        max_depth=1,
        subsample=SUBSAMPLE,
        max_features="sqrt",
        random_state=0,
    ).fit(numbers, labels)
    share = labels.mean()
    stumps = [one.tree_ for one in model.estimators_[:, 0]]
    # a tree that found nothing to split on is its root alone
    split = [one.node_count > 1 for one in stumps]
    pairs = list(zip(stumps, split, strict=True))
    ends = [one.value[[1, 2] if does else [0, 0], 0, 0] for one, does in pairs]
    return {
        "bias": np.array([np.log(share / (1 - share))]),
        "feature": np.array([one.feature[0] if does else 0 for one, does in pairs]),
        "threshold": np.array([one.threshold[0] if does else 0.0 for one, does in pairs]),
        "values": RATE * np.array(ends),
    }


def boosted_logits(model: Arrays, numbers: np.ndarray, trees: int) -> np.ndarray:
    """Logits (N,) of numbers (N, P) by the first so many stumps."""
    x = numbers.astype(np.float32)[:, model["feature"][:trees]]  # in which they were split
    right = (x > model["threshold"][:trees]).astype(int)
    told = model["values"][np.arange(right.shape[1]), right]
    return model["bias"] + told.sum(axis=1)


def fit_weights(logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Logistic regression on the logits (N, R) of R rows."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0).fit(logits, labels)
    return {"weights": model.coef_[0], "bias": model.intercept_}
