"""Outcomes that move generated people: face, posture, and the mix and rate of their gestures.

Each of the three has a level of its own in every recording: what the outcome gives, what the person
is like, and what differs from one recording to the next. So each tells the outcome weakly, and all
together better than any alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microgesture.settings.generate import Feelings
from microgesture.synthetic.body import Person

OF_PERSON, OF_RECORDING, MOST = 0.5, 0.85, 2.5
"""Standard deviations of a level over people and recordings, and its largest size."""
# Classes seen more after a defeat, and after a victory.
_LOST = (0, 1, 3, 4, 5, 6, 7, 10, 11, 16, 19, 28)
_WON = (20, 24, 25, 27, 29, 30, 31)
_TILT, _RATE = 0.45, 0.2
FEWEST = 2
"""Gestures of a recording at least."""


@dataclass(frozen=True)
class Mood:
    """How far a recording's face, posture and gestures are those of a winner, 0 in the middle."""

    won: bool
    face: float
    posture: float
    gestures: float

    @property
    def blinks(self) -> float:
        """Times as many blinks as else."""
        return float(np.exp(-0.3 * self.face))

    @property
    def gaps(self) -> float:
        """Times as long between gestures as else."""
        return float(np.exp(-0.35 * self.gestures))

    def livelier(self, person: Person) -> Person:
        """The person as this recording shows them."""
        return replace(person, liveliness=person.liveliness * float(np.exp(0.15 * self.posture)))

    def move(self, track: dict[str, np.ndarray]) -> None:
        """Shift the series of a recording, in place."""
        track["corner"] += 0.24 * self.face
        track["brow"] += 0.16 * self.face
        track["torso_pitch"] -= 0.055 * self.posture
        track["head_pitch"] -= 0.06 * self.posture
        track["stretch"] += 0.9 * self.posture
        track["shoulders_back"] += 0.8 * self.posture


def sample_moods(
    rng: np.random.Generator, people: int, feelings: Feelings, share: float
) -> list[list[Mood]]:
    """Moods of every recording of every person; the share of wins is met as nearly as it can be."""
    count = people * feelings.recordings
    won = rng.permutation(np.arange(count) < round(share * count))
    person = np.repeat(OF_PERSON * rng.standard_normal((people, 3)), feelings.recordings, axis=0)
    levels = person + OF_RECORDING * rng.standard_normal((count, 3))
    levels += float(feelings.strength) * np.where(won, 1, -1)[:, None]
    levels = MOST * np.tanh(levels / MOST)
    moods = [Mood(bool(w), *map(float, row)) for w, row in zip(won, levels, strict=True)]
    step = feelings.recordings
    return [moods[start : start + step] for start in range(0, count, step)]


def deal(
    rng: np.random.Generator, labels: np.ndarray, moods: Sequence[Mood]
) -> list[tuple[int, ...]]:
    """Deal gestures to recordings: each goes where the mood asks for it, and none stays without."""
    levels = np.array([mood.gestures for mood in moods])
    share = rng.dirichlet(np.full(len(moods), 30.0)) * np.exp(_RATE * levels)
    dealt: list[list[int]] = [[] for _ in moods]
    for label in labels:
        tilt = _TILT * ((label in _WON) - (label in _LOST))
        weight = share * np.exp(tilt * levels)
        dealt[int(rng.choice(len(moods), p=weight / weight.sum()))].append(int(label))
    for mine in dealt:
        while len(mine) < FEWEST and len(fullest := max(dealt, key=len)) > FEWEST:
            mine.append(fullest.pop())
    return [tuple(int(label) for label in rng.permutation(mine)) for mine in dealt]
