"""Which predicted segments find which true ones, by the challenge's rule and one to one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from microgesture.online.segments import Segment

THRESHOLD = 0.3
"""Overlap above which a true segment is found."""


def overlaps(first: Sequence[Segment], second: Sequence[Segment]) -> np.ndarray:
    """Overlap of every segment with every other, float (N, P), negative where they lie apart.

    It is the rule of the challenge: the shared part of the two, from the first frame of one to the
    last of the other, as a share of both together, and so without the last frame's own length. Two
    segments of the same single frame have no length, and overlap by 0.
    """
    one, other = (
        np.array([(s.start, s.end) for s in each], float).reshape(-1, 2) for each in (first, second)
    )
    shared = np.minimum(one[:, None, 1], other[:, 1]) - np.maximum(one[:, None, 0], other[:, 0])
    both = np.maximum(one[:, None, 1], other[:, 1]) - np.minimum(one[:, None, 0], other[:, 0])
    return np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)


def same_label(first: Sequence[Segment], second: Sequence[Segment]) -> np.ndarray:
    """Whether the classes of two segments are the same, bool (N, P)."""
    return np.equal.outer([s.label for s in first], [s.label for s in second])


def found_officially(
    true: Sequence[Segment], predicted: Sequence[Segment], threshold: float = THRESHOLD
) -> np.ndarray:
    """True segments of a recording that are found by the challenge's rule, bool (N,).

    One prediction may find several: the published code means to use each once, but leaves out to
    keep what ``numpy.delete`` returns.
    """
    if not true or not predicted:
        return np.zeros(len(true), bool)
    return ((overlaps(true, predicted) > threshold) & same_label(true, predicted)).any(axis=1)


def found_one_to_one(
    true: Sequence[Segment], predicted: Sequence[Segment], threshold: float = THRESHOLD
) -> np.ndarray:
    """The true segment that each prediction of a recording finds, int (P,); -1 for none.

    In the order of their scores, the earlier first where these are equal, each prediction takes the
    true segment of its class that is left and that it overlaps most, if by more than ``threshold``.
    """
    taken = np.full(len(predicted), -1)
    if not true or not predicted:
        return taken
    shares = np.where(same_label(true, predicted), overlaps(true, predicted), -np.inf)
    order = sorted(range(len(predicted)), key=lambda p: (-predicted[p].score, predicted[p].start))
    for one in order:
        best = int(np.argmax(shares[:, one]))
        if shares[best, one] > threshold:
            taken[one] = best
            shares[best] = -np.inf
    return taken


class Outcome(NamedTuple):
    """What became of the segments of a recording, a word for each, see `outcomes`."""

    true: list[str]
    predicted: list[str]


FOUND, CONFUSED, SHIFTED, MISSED = "found", "confused", "shifted", "missed"
DOUBLED, INVENTED = "doubled", "invented"


def outcomes(
    true: Sequence[Segment], predicted: Sequence[Segment], threshold: float = THRESHOLD
) -> Outcome:
    """What became of every segment of a recording.

    A pair that is matched one to one is ``found``. Of the others, a prediction is ``doubled`` where
    it overlaps one of its class by more than ``threshold``, ``confused`` where it overlaps one of
    another class so, ``shifted`` where it overlaps one of its class by less, and else ``invented``.
    A true segment is ``confused`` or ``shifted`` likewise, and else ``missed``.
    """
    taken = found_one_to_one(true, predicted, threshold)
    if not true or not predicted:
        return Outcome([MISSED] * len(true), [INVENTED] * len(predicted))
    shares, same = overlaps(true, predicted), same_label(true, predicted)
    told = []
    for p in range(len(predicted)):
        own, others = shares[same[:, p], p], shares[~same[:, p], p]
        if taken[p] >= 0:
            told.append(FOUND)
        elif (own > threshold).any():
            told.append(DOUBLED)
        elif (others > threshold).any():
            told.append(CONFUSED)
        else:
            told.append(SHIFTED if (own > 0).any() else INVENTED)
    became = []
    for t in range(len(true)):
        if t in taken:
            became.append(FOUND)
        elif (shares[t, ~same[t]] > threshold).any():
            became.append(CONFUSED)
        else:
            became.append(SHIFTED if (shares[t, same[t]] > 0).any() else MISSED)
    return Outcome(became, told)
