"""Folds of few, unbalanced recordings: no person in two of them, and wins spread over all."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microgesture.emotion.interviews import UNKNOWN, Interview
from microgesture.utils.errors import InputError


def assign_folds(labels: np.ndarray, groups: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """Fold of each recording, int (N,).

    Groups are dealt one after the other, those with the most recordings first and else at random,
    each to the fold that then differs least from an equal share of wins and of defeats.

    Parameters
    ----------
    labels : ndarray, int (N,)
        1 and 0.
    groups : sequence of str
        What no two folds may share, such as people.
    folds : int
    seed : int

    Raises
    ------
    InputError
        With fewer groups of an outcome than folds.

    """
    names = np.unique(groups)
    where = {name: np.flatnonzero(np.asarray(groups) == name) for name in names}
    for outcome, word in ((1, "won"), (0, "lost")):
        count = sum(bool((labels[rows] == outcome).any()) for rows in where.values())
        if count < folds:
            raise InputError(
                f"{count} people have a recording that is {word}, but there are {folds} folds, in "
                "each of which one is needed; lower emotion.folds or emotion.inner_folds"
            )
    shuffled = np.random.default_rng(np.random.SeedSequence(seed)).permutation(names)
    order = sorted(shuffled.tolist(), key=lambda name: -len(where[name]))
    target = np.array([(labels == outcome).sum() for outcome in (0, 1)]) / folds
    held = np.zeros((folds, 2))
    fold = np.empty(len(labels), int)
    for name in order:
        rows = where[name]
        adds = np.array([(labels[rows] == outcome).sum() for outcome in (0, 1)])
        cost = (((held + adds - target) / target) ** 2 - ((held - target) / target) ** 2).sum(1)
        place = int(cost.argmin())
        held[place] += adds
        fold[rows] = place
    return fold


def dealt(interviews: Sequence[Interview], protocol: str, folds: int, seed: int) -> list[Interview]:
    """Interviews with the fold in which each of train and val is tested.

    ``protocol`` is what folds keep apart: ``subject``, or ``recording``.
    """
    rows = [n for n, one in enumerate(interviews) if one.split != "test" and one.label != UNKNOWN]
    labels = np.array([interviews[n].label for n in rows])
    if len(set(labels.tolist())) < 2:
        raise InputError(
            f"{len(rows)} recordings of train and val have an outcome, of one kind; expected some "
            "that are won and some that are lost; check emotion.labels"
        )
    groups = [
        interviews[n].subject if protocol == "subject" else interviews[n].recording for n in rows
    ]
    fold = assign_folds(labels, groups, folds, seed)
    made = list(interviews)
    for n, number in zip(rows, fold, strict=True):
        made[n] = replace(made[n], fold=int(number))
    return made
