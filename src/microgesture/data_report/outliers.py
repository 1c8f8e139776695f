"""People, recordings and clips that are unlike the rest of a data set.

Every clip gives a few numbers; a subject or recording is compared with the medians of the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from microgesture.data.layouts import Layout
from microgesture.data.plausibility import BODIES, measure, shoulder_unit
from microgesture.data.store import Clip
from microgesture.preprocessing.cleaning import NORMAL


@dataclass(frozen=True)
class Feature:
    """One number of a clip.

    Attributes
    ----------
    says : str
        What is unusual about it, followed by the number and that of the rest.
    least : float
        Smaller differences from the rest are never unusual.
    unit : str
        Of the number; "x" is a factor, and the number its logarithm to base 2.
    both : bool
        Whether less than the rest is unusual as well.

    """

    says: str
    least: float
    unit: str = "shoulder widths"
    both: bool = False


# The least differences are about three times what the people of two recorded sets differ by.
FEATURES = {
    "neck": Feature("neck not between the shoulders", 0.15),
    "nose": Feature("nose below the neck", 0.35),
    "eyes": Feature("eyes far from the nose", 0.2),
    "face": Feature("face far from the nose", 0.2),
    "upper_arms": Feature("elbows far from the shoulders", 0.5),
    "forearms": Feature("wrists far from the elbows", 0.5),
    "hands": Feature("hands far from the wrists", 0.3),
    "hip_sides": Feature("hips exchanged", 0.5),
    "face_sides": Feature("sides of the face exchanged", 0.3),
    "size": Feature("figure of another size", 1.0, "x", both=True),
    "motion": Feature("another amount of motion", 2.0, "x", both=True),
}
SPREADS = 6.0
"""How many standard deviations of the others, estimated robustly, are unusual."""
OTHERS = 3
"""Fewer others are no rest to be compared with."""
LOST, SEEN, MOST = 0.95, 0.5, 0.9
"""A joint is missing only here when it lacks in more than `LOST` of the frames, and of `MOST` other
groups in less than `SEEN`: hands that rest are missing in several groups."""
MISSING = "missing only here"
MANY_LOST = 1 / 3
"""Where so large a share of the joints is, one other group may lack them as well."""


@dataclass(frozen=True)
class Facts:
    """What is compared of one clip.

    Attributes
    ----------
    clip_id, subject, recording : str
    numbers : ndarray, float (F,)
        In the order of `FEATURES`; NaN where the clip does not tell.
    missing : ndarray, float32 (V,)
        Share of the frames in which each joint of the layout was not found.
    frame : ndarray, float32 (V, 3)
        One frame, to be drawn.

    """

    clip_id: str
    subject: str
    recording: str
    numbers: np.ndarray
    missing: np.ndarray
    frame: np.ndarray


@dataclass(frozen=True)
class Outlier:
    """A subject, a recording or a clip, and what is unusual about it, the most unusual first."""

    name: str
    clips: tuple[str, ...]
    reasons: tuple[str, ...]
    score: float


def clip_facts(clip: Clip, points: np.ndarray, layout: Layout, frame: np.ndarray) -> Facts:
    """What is compared of a clip, whose points (T, V, 3) in the layout are given as well."""
    measured = measure(clip.points, layout.source)
    unit = shoulder_unit(clip.points, layout.source)
    with np.errstate(divide="ignore"):
        numbers = {
            **{name: _median(values) for name, values in measured.items()},
            "size": np.log2(unit / clip.height),
            "motion": np.log2(_speed(clip, layout) / unit),
        }
    kept = np.array([numbers.get(name, np.nan) for name in FEATURES])
    return Facts(
        clip.clip_id,
        clip.subject,
        clip.clip_id.rpartition("_")[0] or clip.clip_id,
        np.where(np.isfinite(kept), kept, np.nan),
        (points[..., 2] <= 0).mean(axis=0, dtype=np.float32),
        frame,
    )


def _speed(clip: Clip, layout: Layout) -> float:
    """Median of how fast wrists and nose move, in pixels a second."""
    body = BODIES[layout.source]
    points = clip.points[:, [body.nose, *body.wrists]]
    both = (points[1:, :, 2] > 0) & (points[:-1, :, 2] > 0)
    steps = np.diff(points[..., :2], axis=0)[both]
    return float(np.hypot(*steps.T).mean()) * clip.fps if len(steps) else np.nan


def outlying(facts: Sequence[Facts], joints: Sequence[str]) -> tuple[list[Outlier], list[Outlier]]:
    """Outlying subjects, and outlying recordings of the other subjects.

    A recording is what the clips share whose ids differ only after the last underscore.
    """
    people = outlying_groups(facts, lambda one: one.subject, joints)
    strange = {person.name for person in people}
    rest = [one for one in facts if one.subject not in strange]
    recordings = {one.recording for one in rest}
    of_several = 2 * len(recordings) <= len(rest)
    if not of_several or recordings == {one.subject for one in rest}:
        return people, []
    return people, outlying_groups(rest, lambda one: one.recording, joints)


def outlying_groups(
    facts: Sequence[Facts], group: Callable[[Facts], str], joints: Sequence[str]
) -> list[Outlier]:
    """Groups of clips that are unlike all other groups, the most unusual first.

    Parameters
    ----------
    facts : sequence of Facts
    group : callable
        Name of a clip's group, such as its subject.
    joints : sequence of str
        The V names of the layout.

    """
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(facts):
        rows.setdefault(group(one), []).append(row)
    if len(rows) <= OTHERS:
        return []
    numbers = np.stack([one.numbers for one in facts])
    missing = np.stack([one.missing for one in facts])
    medians = np.stack([_medians(numbers[of]) for of in rows.values()])
    lost = np.stack([missing[of].mean(axis=0) for of in rows.values()])
    found = []
    for place, (name, of) in enumerate(rows.items()):
        rest = np.arange(len(rows)) != place
        reasons = _reasons(medians[place], medians[rest])
        only = _missing_only(lost[place], lost[rest])
        if len(only):
            some = ", ".join(joints[v].replace("_", " ") for v in only[:4])
            more = ", ..." if len(only) > 4 else ""
            what = "1 joint" if len(only) == 1 else f"{len(only)} joints"
            reasons.append((2 + len(only) / 10, f"{what} {MISSING} ({some}{more})"))
        if reasons:
            reasons.sort(reverse=True)
            clips = sorted(of, key=lambda row: -_distance(numbers[row], medians[rest]))
            found.append(
                Outlier(
                    name,
                    tuple(facts[row].clip_id for row in clips),
                    tuple(text for _, text in reasons),
                    reasons[0][0],
                )
            )
    return sorted(found, key=lambda one: -one.score)


def _missing_only(lost: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Joints that a group lacks and others do not, int (n,), from shares (V,) and (N, V)."""
    elsewhere = (rest >= SEEN).sum(axis=0)
    some = np.flatnonzero((lost > LOST) & (elsewhere <= max(1, (1 - MOST) * len(rest))))
    if len(some) > MANY_LOST * len(lost):
        return some
    return some[elsewhere[some] <= (1 - MOST) * len(rest)]


def strangest_clips(facts: Sequence[Facts], count: int) -> list[Outlier]:
    """The ``count`` clips that differ most from the set's medians, the strangest first.

    A score above 1 is unusual; below, the clip is merely the strangest that there is.
    """
    if len(facts) <= OTHERS:
        return []
    numbers = np.stack([one.numbers for one in facts])
    scores = np.nan_to_num(_deviations(numbers, numbers)).max(axis=1)
    found = []
    for row in np.argsort(-scores, kind="stable")[:count].tolist():
        one, least = facts[row], min(1.0, scores[row] * 0.99)
        reasons = sorted(_reasons(numbers[row], numbers, least), reverse=True)
        texts = tuple(text for _, text in reasons)
        found.append(Outlier(one.clip_id, (one.clip_id,), texts, float(scores[row])))
    return found


def _deviations(values: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """How unusual numbers (..., F) are beside those of the rest (N, F): 1 is just unusual."""
    kinds = list(FEATURES.values())
    middle = _medians(rest)
    spread = NORMAL * _medians(np.abs(rest - middle))
    enough = np.isfinite(rest).sum(axis=0) >= OTHERS
    limit = np.fmax(SPREADS * spread, [kind.least for kind in kinds])
    off = (values - middle) / np.where(enough, limit, np.nan)
    return np.where([kind.both for kind in kinds], np.abs(off), off)


def _distance(values: np.ndarray, rest: np.ndarray) -> float:
    return float(np.nan_to_num(_deviations(values, rest)).max())


def _reasons(values: np.ndarray, rest: np.ndarray, least: float = 1.0) -> list[tuple[float, str]]:
    """What of the numbers (F,) deviates by more than ``least``, with how much."""
    deviations, middle = _deviations(values, rest), _medians(rest)
    reasons = []
    for k, kind in enumerate(FEATURES.values()):
        if deviations[k] > least:
            if kind.unit == "x":
                text = f"{kind.says} ({2 ** (values[k] - middle[k]):.2g} times that of the others)"
            else:
                text = f"{kind.says} ({values[k]:.2f} {kind.unit}, the others {middle[k]:.2f})"
            reasons.append((float(deviations[k]), text))
    return reasons


def _medians(values: np.ndarray) -> np.ndarray:
    """Median of each column, without the unknown; NaN of a column in which all are."""
    return np.array([_median(column) for column in values.T])


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan
