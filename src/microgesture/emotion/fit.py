"""All rows of one fold: chosen by inner cross-validation, then trained on all of its recordings.

Whatever is chosen, epochs, strengths, weights and thresholds, is chosen by predictions of inner
folds, whose people the model did not see, and never by the recordings that are tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from microgesture.emotion import networks
from microgesture.emotion.encode import ALL, read_tokens
from microgesture.emotion.folds import assign_folds
from microgesture.emotion.interviews import Interview, read_interviews
from microgesture.emotion.rows import BOOSTED, BOTH, FITTED, LATE, LINEAR, PARTS, ROWS
from microgesture.emotion.scores import best_threshold, log_loss
from microgesture.emotion.statistics import read_statistics
from microgesture.models.interfusion import Kind
from microgesture.settings.emotion import EvaluateStep

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
TREES = (10, 20, 40, 80, 160)
RATE, SUBSAMPLE = 0.05, 0.7
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass
class Fitted:
    """A row in one fold: logits of those tested, and of the training ones by inner folds."""

    logits: np.ndarray
    inner: np.ndarray
    choice: dict[str, Any] = field(default_factory=dict)
    weights: list[np.ndarray] | None = None

    def stated(self, ids: Sequence[str], labels: np.ndarray) -> dict[str, Any]:
        """What the report needs of it; ``labels`` are those of the training recordings."""
        said: dict[str, Any] = {
            "logits": dict(zip(ids, self.logits.tolist(), strict=True)),
            "threshold": best_threshold(self.inner, labels),
            "prior": float(labels.mean()),
            "choice": self.choice,
        }
        if self.weights is not None:
            pairs = zip(ids, self.weights, strict=True)
            said["attention"] = {name: one.tolist() for name, one in pairs}
        return said


Outputs = Callable[[np.ndarray, np.ndarray], dict[Any, np.ndarray]]
"""From training rows and others to logits of these, by what is to be chosen."""


def fit_part(
    part: str,
    interviews: Path,
    tokens: Path,
    names: Sequence[str],
    statistics: Path,
    config: EvaluateStep,
    device: torch.device,
) -> dict[str, Any]:
    """Fit every row for one part: a fold that is tested, or ``all`` with split test.

    Parameters
    ----------
    part
    interviews, tokens, statistics
        Files of the steps before.
    names
        Recordings of the tokens, by their rows.
    config
    device

    """
    every = read_interviews(interviews)
    fold = np.array([-1 if one.fold is None else one.fold for one in every])
    tested = np.flatnonzero(fold == -1 if part == ALL else fold == int(part.removeprefix("fold")))
    kept = (fold >= 0) & ~np.isin(np.arange(len(every)), tested)
    if part != ALL and config.protocol == "subject":
        people = {every[n].subject for n in tested}
        kept &= [one.subject not in people for one in every]
    train = np.flatnonzero(kept)
    data = networks.recording_tokens(read_tokens(tokens), every, names, train, device)
    numbers = read_statistics(statistics, [one.id for one in every])
    return {"part": part, "rows": fit_all(every, train, tested, data, numbers, config)}


def fit_all(
    interviews: Sequence[Interview],
    train: np.ndarray,
    test: np.ndarray,
    data: networks.RecordingTokens,
    numbers: np.ndarray,
    config: EvaluateStep,
) -> dict[str, dict[str, Any]]:
    """Fit every row on ``train`` and tell ``test``.

    Parameters
    ----------
    interviews
    train, test : ndarray, int
        Rows of ``interviews``.
    data : RecordingTokens
        Tokens of all interviews.
    numbers : ndarray, (N, P)
        Statistics of all interviews.
    config : EvaluateStep

    """
    labels = np.array([one.label for one in interviews])
    who = [
        interviews[n].subject if config.protocol == "subject" else interviews[n].recording
        for n in train
    ]
    inner = assign_folds(labels[train], who, config.inner_folds, min(config.seeds))
    made: dict[str, Fitted] = {}
    for kind in KINDS:
        made[kind] = _network(kind, data, train, test, inner, config)
    for name, fitted in ((LINEAR, _linear), (BOOSTED, _boosted)):
        made[name] = _chosen(fitted(numbers, labels), labels, train, test, inner)
    made[LATE] = _sum(made, PARTS)
    made[BOTH] = _sum(made, ("interfusion", LINEAR))
    made[FITTED] = _fitted(made, labels[train])
    ids = [interviews[n].id for n in test]
    return {row: made[row].stated(ids, labels[train]) for row in ROWS}


def _chosen(
    outputs: Outputs, labels: np.ndarray, train: np.ndarray, test: np.ndarray, inner: np.ndarray
) -> Fitted:
    """The setting of least log loss over inner folds, fitted to all of ``train``."""
    told = _inner(outputs, train, inner)
    best = min(told, key=lambda one: log_loss(told[one], labels[train]))
    return Fitted(outputs(train, test)[best], told[best], {"setting": best})


def _inner(outputs: Outputs, train: np.ndarray, inner: np.ndarray) -> dict[Any, np.ndarray]:
    """Logits of all of ``train`` by inner folds, for each setting."""
    told: dict[Any, np.ndarray] = {}
    for fold in range(inner.max() + 1):
        held = inner == fold
        for setting, logits in outputs(train[~held], train[held]).items():
            told.setdefault(setting, np.empty(len(train)))[held] = logits
    return told


def _network(
    kind: Kind,
    data: networks.RecordingTokens,
    train: np.ndarray,
    test: np.ndarray,
    inner: np.ndarray,
    config: EvaluateStep,
) -> Fitted:
    """A network's epochs by inner folds with the first seed; then the mean over seeds."""
    own = config.model

    def outputs(rows: np.ndarray, others: np.ndarray) -> dict[Any, np.ndarray]:
        return networks.train(kind, data, rows, own, config.seeds[0], own.epochs, others)[1]

    told = _inner(outputs, train, inner)
    labels = data.labels[train]
    epochs = min(told, key=lambda one: log_loss(told[one], labels))
    logits, weights = [], []
    for seed in config.seeds:
        network, _ = networks.train(kind, data, train, own, seed, epochs)
        one, counted = networks.predict(network, data, test)
        logits.append(one)
        weights.append(counted)
    mean = [np.mean(several, axis=0) for several in zip(*weights, strict=True)]
    return Fitted(np.mean(logits, axis=0), told[epochs], {"epochs": epochs}, mean)


def _linear(numbers: np.ndarray, labels: np.ndarray) -> Outputs:
    """Logistic regression on standardised numbers, for each strength."""
    from sklearn.linear_model import LogisticRegression

    def outputs(rows: np.ndarray, others: np.ndarray) -> dict[Any, np.ndarray]:
        mean, spread = numbers[rows].mean(axis=0), numbers[rows].std(axis=0)
        x = (numbers - mean) / np.where(spread > 0, spread, 1)
        told = {}
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=1000).fit(x[rows], labels[rows])
            told[strength] = model.decision_function(x[others])
        return told

    return outputs


def _boosted(numbers: np.ndarray, labels: np.ndarray) -> Outputs:
    """Gradient-boosted stumps, for each number of trees."""
    from sklearn.ensemble import GradientBoostingClassifier

    def outputs(rows: np.ndarray, others: np.ndarray) -> dict[Any, np.ndarray]:
        model = GradientBoostingClassifier(
            n_estimators=max(TREES),
            learning_rate=RATE,
            max_depth=1,
            subsample=SUBSAMPLE,
            max_features="sqrt",
            random_state=0,
        ).fit(numbers[rows], labels[rows])
        staged = list(model.staged_decision_function(numbers[others]))
        return {count: staged[count - 1][:, 0] for count in TREES}

    return outputs


def _sum(made: dict[str, Fitted], parts: Sequence[str]) -> Fitted:
    """The mean of the logits of several rows."""
    return Fitted(
        np.mean([made[part].logits for part in parts], axis=0),
        np.mean([made[part].inner for part in parts], axis=0),
    )


def _fitted(made: dict[str, Fitted], labels: np.ndarray) -> Fitted:
    """Logits of several rows weighed by logistic regression on those of the inner folds."""
    from sklearn.linear_model import LogisticRegression

    inner = np.stack([made[part].inner for part in PARTS], axis=1)
    model = LogisticRegression(C=1.0).fit(inner, labels)
    logits = model.decision_function(np.stack([made[part].logits for part in PARTS], axis=1))
    weights = dict(zip(PARTS, model.coef_[0].tolist(), strict=True))
    return Fitted(logits, model.decision_function(inner), {"weights": weights})
