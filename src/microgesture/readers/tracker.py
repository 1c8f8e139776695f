"""Following one person through frames that may show several, by where neck and shoulders are."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import dist
from statistics import median

import numpy as np

from microgesture.readers.common import NECK, SHOULDERS

BODY, UPPER, NOSE = range(25), [NECK, *SHOULDERS], 0
# How far from its last place a person is taken for the same, in shoulder widths, as `max_jump` of
# the cleaning is set; what is added for every frame since then (brisk walking at 25 frames a
# second); and how many frames that show only others are waited for it, about a second.
REACH, SPEED, WAIT = 1.5, 0.2, 25


@dataclass(frozen=True)
class Sighting:
    """What is needed of somebody in one frame to follow them.

    Attributes
    ----------
    upper
        Middle of neck and shoulders, (2,) in pixels; None where none was found.
    place
        ``upper``, or the middle of the whole body where there is none.
    size
        Shoulder width, or from neck to nose where that is more, as in a person seen from the side,
        in pixels; 0 where neither was found.
    score
        Mean score of the body.

    """

    upper: np.ndarray | None
    place: np.ndarray | None
    size: float
    score: float


def sighting(person: np.ndarray) -> Sighting:
    """Sum up one person in one frame, (137, 3)."""
    upper = _middle(person, UPPER)
    place = _middle(person, BODY) if upper is None else upper
    return Sighting(upper, place, _size(person), float(person[BODY, 2].mean()))


def _middle(person: np.ndarray, numbers: Sequence[int]) -> np.ndarray | None:
    near = person[numbers]
    found = near[:, 2] > 0
    return near[found, :2].mean(axis=0, dtype=float) if found.any() else None


def _size(person: np.ndarray) -> float:
    size = 0.0
    for a, b in (person[list(SHOULDERS)], person[[NECK, NOSE]]):
        length = dist(a[:2], b[:2])
        if min(a[2], b[2]) > 0 and np.isfinite(length):
            size = max(size, length)
    return size


@dataclass
class Subject:
    """The person that is followed from frame to frame, by where neck and shoulders are.

    It is the entry with the highest mean score of the body at first, and from then on the one
    nearest to where it was last; of two equally near, the surer one. An entry without neck and
    shoulders is placed by the rest of its body, and taken only where there is no other. Whoever is
    further away than `REACH` sizes of the subject, and `SPEED` more for every frame since it was
    last seen, is somebody else. After `WAIT` frames that show only others, the subject is chosen
    anew. Where its size cannot be told, any distance will do.

    Where the source keeps a list of persons over frames, the entry that was the subject last is so
    again where it moved no faster than `SPEED`, even if another is nearer: people who pass each
    other are not exchanged. It is so as well where nobody is less than half as far away, within
    reach or if the same entries are filled as in the frame before: nobody has left or come then.
    Another entry that moved no faster than `SPEED` is the person it was before, not the subject.
    """

    place: np.ndarray | None = None
    sizes: deque[float] = field(default_factory=lambda: deque(maxlen=WAIT))
    unseen: int = 0
    others: int = 0
    last: Sequence[Sighting | None] = ()

    def find(self, people: Sequence[Sighting | None], held: int | None = None) -> int | None:
        """Say which entry is the subject, if any, and remember where it was.

        Parameters
        ----------
        people
            Everybody in a frame; None where an entry of the list is empty.
        held
            Which entry was the subject last, where the list is kept over frames.

        """
        self.unseen += 1
        if self.others >= WAIT:
            self.place, self.others, held = None, 0, None
            self.sizes.clear()
        if held is not None and self._stays(people, held):
            number: int | None = held
        else:
            number = self._nearest(self._strangers(people, held))
        self.last = people
        chosen = None if number is None else people[number]
        if chosen is None:
            self.others += any(person is not None for person in people)
            return None
        self.others = 0
        if chosen.upper is not None:
            self.place, self.unseen = chosen.upper, 0
        if chosen.size:
            self.sizes.append(chosen.size)
        return number

    def _stays(self, people: Sequence[Sighting | None], held: int) -> bool:
        """Whether the entry that was the subject is so again."""
        person = people[held]
        if person is None or self.place is None:
            return person is not None
        distance = self._distance(person)
        if person.upper is None or not np.isfinite(distance):
            return False
        if distance <= self._step():
            return True
        same = [p is None for p in people] == [p is None for p in self.last]
        within = distance <= self._reach() or (same and self.unseen == 1)
        return within and all(distance <= 2 * self._distance(p) for p in people if p is not None)

    def _strangers(
        self, people: Sequence[Sighting | None], held: int | None
    ) -> Sequence[Sighting | None]:
        """Everybody but those who are known to be another person than the subject."""
        if held is None or self.place is None:
            return people
        return [
            None if n != held and p and n < len(self.last) and self._same(p, self.last[n]) else p
            for n, p in enumerate(people)
        ]

    def _same(self, person: Sighting, before: Sighting | None) -> bool:
        """Whether an entry shows whom it showed in the frame before."""
        if before is None or before.place is None or person.place is None:
            return False
        step = self._step() / self.unseen
        return float(np.linalg.norm(person.place - before.place)) <= step

    def _step(self) -> float:
        """How far the subject walks unseen, in pixels; 0 where its size is not known."""
        return median(self.sizes or [0.0]) * SPEED * self.unseen

    def _distance(self, person: Sighting) -> float:
        """From where the subject was last, in pixels."""
        return np.inf if person.place is None else float(np.linalg.norm(person.place - self.place))

    def _reach(self) -> float:
        return median(self.sizes or [np.inf]) * (REACH + SPEED * (self.unseen - 1))

    def _nearest(self, people: Sequence[Sighting | None]) -> int | None:
        ranks = [
            rank
            for number, person in enumerate(people)
            if person is not None and (rank := self._rank(number, person))
        ]
        return min(ranks)[-1] if ranks else None

    def _rank(self, number: int, person: Sighting) -> tuple[int, float, float, int] | None:
        """Smaller for who is more likely the subject; None for somebody else."""
        if self.place is None:
            return 0, 0.0, -person.score, number
        distance = self._distance(person)
        if person.place is not None and not np.isfinite(distance):
            # a broken coordinate is the last choice, and told when the clip is checked
            return 2, 0.0, -person.score, number
        if distance > self._reach():
            return None
        return int(person.upper is None), distance, -person.score, number


def follow_surest(
    frames: Sequence[Sequence[Sighting | None]], scores: np.ndarray
) -> list[int | None]:
    """Entries of the person with the highest mean score, in a list of persons kept over frames.

    Everybody is followed from the first frame in which their entry is filled, as `Subject` does it;
    so it does not matter whether an entry is the same person throughout.

    Parameters
    ----------
    frames
        T frames of M entries each.
    scores
        (M, T), the mean score of each entry; where nobody was followed counts as 0.

    Returns
    -------
    list of int or None
        T numbers of an entry; None in a frame that does not show the person.

    """
    best: list[int | None] = [None] * len(frames)
    best_score = -np.inf
    known: set[tuple[int, int]] = set()
    for entry in range(len(scores)):
        start = next((t for t, people in enumerate(frames) if people[entry] is not None), None)
        if start is None or (start, entry) in known:
            continue
        path = [*[None] * start, *_follow(frames[start:], entry)]
        followed = [(t, number) for t, number in enumerate(path) if number is not None]
        known.update(followed)
        score = sum(float(scores[number, t]) for t, number in followed)
        if score > best_score:
            best, best_score = path, score
    return best


def _follow(frames: Sequence[Sequence[Sighting | None]], entry: int) -> list[int | None]:
    """Follow whoever is ``entry`` in the first of the frames."""
    subject, held = Subject(), entry
    path = []
    for people in frames:
        number = subject.find(people, held)
        held = held if number is None else number
        path.append(number)
    return path
