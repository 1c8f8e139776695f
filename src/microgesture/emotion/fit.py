"""All rows of one fold: chosen by inner cross-validation, then trained on all of its recordings.

Whatever is chosen, epochs, strengths, weights and thresholds, is chosen by predictions of inner
folds, whose people the model did not see, and never by the recordings that are tested.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from microgesture.emotion import networks
from microgesture.emotion.encode import ALL, read_tokens
from microgesture.emotion.folds import assign_folds
from microgesture.emotion.gesture_models import (
    boosted_logits,
    fit_boosted,
    fit_linear,
    fit_weights,
    linear_logits,
)
from microgesture.emotion.interviews import Interview, read_interviews
from microgesture.emotion.rows import (
    BOOSTED,
    BOTH,
    FITTED,
    LATE,
    LINEAR,
    PARTS,
    ROWS,
    fitted_logits,
    mean_logits,
)
from microgesture.emotion.scores import best_threshold, log_loss
from microgesture.emotion.statistics import read_statistics
from microgesture.models.interfusion import Kind
from microgesture.settings.emotion import EvaluateStep

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
TREES = (10, 20, 40, 80, 160)
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass
class Fitted:
    """A row in one fold: logits of those tested, and of the training ones by inner folds."""

    logits: np.ndarray
    inner: np.ndarray
    choice: dict[str, Any] = field(default_factory=dict)
    weights: list[np.ndarray] | None = None
    learned: dict[str, Tensor] = field(default_factory=dict)
    """What `microgesture.emotion.model` tells other recordings with, by names in the row."""

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
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
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

    Returns
    -------
    told : dict
        What every row says of those tested, as the report reads it.
    learned, about : dict
        What it says that from, see `microgesture.emotion.model`.

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
    rows, learned = fit_all(every, train, tested, data, numbers, config)
    about = {
        "model": config.model.given(),
        "seeds": config.seeds,
        "features": [data.face.shape[2], data.context.shape[2]],
        "rows": {
            row: {key: one[key] for key in ("threshold", "prior", "choice")}
            for row, one in rows.items()
        },
    }
    return {"part": part, "rows": rows}, learned, about


def fit_all(
    interviews: Sequence[Interview],
    train: np.ndarray,
    test: np.ndarray,
    data: networks.RecordingTokens,
    numbers: np.ndarray,
    config: EvaluateStep,
) -> tuple[dict[str, dict[str, Any]], dict[str, Tensor]]:
    """Fit every row on ``train`` and tell ``test``; what rows say, and what they learned.

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
        made[name] = fitted(numbers, labels, train, test, inner)
    made[LATE], made[BOTH] = _mean(made, LATE), _mean(made, BOTH)
    made[FITTED] = _fitted(made, labels[train])
    ids = [interviews[n].id for n in test]
    learned = {
        f"{row}.{name}": value for row, one in made.items() for name, value in one.learned.items()
    }
    for stream, standard in zip(("face", "context"), data.standards, strict=True):
        learned |= {f"standard.{stream}.{name}": value for name, value in vars(standard).items()}
    return {row: made[row].stated(ids, labels[train]) for row in ROWS}, learned


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
    epochs = _least(told, labels)
    learned: dict[str, Tensor] = {}
    logits, weights = [], []
    for seed in config.seeds:
        network, _ = networks.train(kind, data, train, own, seed, epochs)
        state = network.state_dict()
        learned |= {f"seed{seed}.{name}": value.cpu() for name, value in state.items()}
        one, counted = networks.predict(network, data, test)
        logits.append(one)
        weights.append(counted)
    mean = [np.mean(several, axis=0) for several in zip(*weights, strict=True)]
    return Fitted(np.mean(logits, axis=0), told[epochs], {"epochs": epochs}, mean, learned)


def _linear(
    numbers: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, inner: np.ndarray
) -> Fitted:
    """Logistic regression of the strength of least log loss over inner folds."""

    def outputs(rows: np.ndarray, others: np.ndarray) -> dict[Any, np.ndarray]:
        return {
            one: linear_logits(fit_linear(numbers[rows], labels[rows], one), numbers[others])
            for one in STRENGTHS
        }

    told = _inner(outputs, train, inner)
    best = _least(told, labels[train])
    model = fit_linear(numbers[train], labels[train], best)
    logits = linear_logits(model, numbers[test])
    return Fitted(logits, told[best], {"setting": best}, learned=_tensors(model))


def _boosted(
    numbers: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, inner: np.ndarray
) -> Fitted:
    """Gradient-boosted stumps, as many as give least log loss over inner folds."""

    def outputs(rows: np.ndarray, others: np.ndarray) -> dict[Any, np.ndarray]:
        model = fit_boosted(numbers[rows], labels[rows], max(TREES))
        return {count: boosted_logits(model, numbers[others], count) for count in TREES}

    told = _inner(outputs, train, inner)
    best = _least(told, labels[train])
    model = fit_boosted(numbers[train], labels[train], max(TREES))
    logits = boosted_logits(model, numbers[test], best)
    return Fitted(logits, told[best], {"setting": best}, learned=_tensors(model))


def _least(told: dict[Any, np.ndarray], labels: np.ndarray) -> Any:
    """The setting of least log loss."""
    return min(told, key=lambda one: log_loss(told[one], labels))


def _tensors(model: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.asarray(value)) for name, value in model.items()}


def _mean(made: dict[str, Fitted], row: str) -> Fitted:
    """The mean of the logits of several rows."""
    return Fitted(
        mean_logits({name: one.logits for name, one in made.items()}, row),
        mean_logits({name: one.inner for name, one in made.items()}, row),
    )


def _fitted(made: dict[str, Fitted], labels: np.ndarray) -> Fitted:
    """Logits of several rows weighed by logistic regression on those of the inner folds."""
    inner = {part: made[part].inner for part in PARTS}
    model = fit_weights(np.stack(list(inner.values()), axis=1), labels)
    logits = fitted_logits({part: made[part].logits for part in PARTS}, model)
    weights = dict(zip(PARTS, model["weights"].tolist(), strict=True))
    return Fitted(logits, fitted_logits(inner, model), {"weights": weights}, None, _tensors(model))
