"""What a gesture knows when it is acted out: the person, the time it has, and random variation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from microgesture.synthetic.body import Person
from microgesture.synthetic.hands import POSES
from microgesture.synthetic.kinematics import smoothstep, wander
from microgesture.synthetic.motion import Move

Option = TypeVar("Option")

HABIT = 0.55  # how often a subject takes the preferred variant


@dataclass
class Cue:
    """The setting of one clip.

    ``time`` (T,) is in seconds from the clip's first frame (negative while ramping in), ``length``
    the clip's duration, ``habit`` (8,) the subject's uniform numbers for this class, ``variety``
    (0 to 1) how much one clip of a class differs from the next.
    """

    rng: np.random.Generator
    person: Person
    habit: np.ndarray
    time: np.ndarray
    length: float
    fps: float
    variety: float = 1.0
    _picked: int = field(default=0, init=False)

    def pick(self, options: Sequence[Option]) -> Option:
        """One of several variants, often the one that this subject prefers; typical ones first."""
        self._picked += 1
        if self.variety < 1 and not self.chance(self.variety):
            return options[0]
        usual = self.habit[self._picked % len(self.habit)]
        return options[int((usual if self.chance(HABIT) else self.rng.uniform()) * len(options))]

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return bool(self.rng.uniform() < probability)

    def size(self, mean: float, spread: float = 0.3) -> float:
        """A positive amount around ``mean``, larger for expansive subjects."""
        spread *= self.variety
        return float(mean * self.person.amplitude * np.exp(spread * self.rng.standard_normal()))

    def rate(self, mean: float) -> float:
        """A frequency in Hz around ``mean``, higher for hasty subjects."""
        spread = 0.2 * self.variety
        return float(mean * self.person.tempo * np.exp(spread * self.rng.standard_normal()))

    def side(self) -> int:
        """The hand that does it."""
        return self.person.handed if self.chance(0.7) else -self.person.handed

    def sign(self) -> int:
        """A random sign."""
        return 1 if self.chance(0.5) else -1

    def wave(self, rate: float) -> np.ndarray:
        """A sine (T,) of a frequency in Hz and random phase."""
        return np.sin(2 * np.pi * (rate * self.time + self.rng.uniform()))

    def pulses(self, rate: float, count: int) -> np.ndarray:
        """``count`` humps (T,) between 0 and 1 somewhere within the clip, then rest."""
        need = count / rate
        begin = self.rng.uniform(-0.15, max(0.0, self.length - need) + 0.1)
        phase = (self.time - begin) * rate
        return np.where((phase > 0) & (phase < count), np.sin(np.pi * phase) ** 2, 0.0)

    def bump(self, low: float = 0.5) -> np.ndarray:
        """One slow rise and fall (T,) over most of the clip, 0 to 1 with a held top."""
        middle = self.length * self.rng.uniform(0.35, 0.65)
        half = 0.5 * self.length * self.rng.uniform(low, 1.0) + 0.2
        return smoothstep(1.6 * (1 - np.abs(self.time - middle) / half))

    def ramp(self) -> np.ndarray:
        """One change from 0 to 1 (T,) somewhere in the clip that stays."""
        begin, last = np.sort(self.rng.uniform(-0.1, 1.1, 2)) * self.length
        return smoothstep((self.time - begin) / max(last - begin, 0.25))

    def drift(self, period: float, columns: int | None = None) -> np.ndarray:
        """Smooth random motion of unit spread over the clip; ``period`` in seconds."""
        return wander(self.rng, len(self.time), period * self.fps, columns)

    def around(self, spread: float, centre: Sequence[float] = (0, 0, 0)) -> np.ndarray:
        """A place (3,) near ``centre``, centimetres."""
        return np.array(centre) + self.variety * spread * self.rng.standard_normal(3)

    def turn(self, direction: Sequence[float], spread: float = 0.2) -> tuple[float, float, float]:
        """A direction, changed a little."""
        x, y, z = self.around(spread, direction)
        return float(x), float(y), float(z)

    def shape(self, name: str, spread: float = 0.07) -> np.ndarray:
        """A finger pose (6,), changed a little."""
        pose = np.array(POSES[name]) + self.variety * spread * self.rng.standard_normal(6)
        return np.clip(pose, -0.1, 1.4)

    def fidget(self, name: str, amount: float, rate: float) -> np.ndarray:
        """Fingers (T, 6) that keep moving around a pose."""
        phase = self.rng.uniform(size=6)
        beat = np.sin(2 * np.pi * (self.rate(rate) * self.time[:, None] + phase))
        slow = self.drift(0.4, 6)
        return np.clip(self.shape(name) + amount * (0.6 * beat + 0.5 * slow), -0.1, 1.2)


RUBS = ("hold", "scratch", "stroke", "tap", "glide", "circle")


def rub(cue: Cue, kind: str, normal: Sequence[float] = (0, 0, 1), scale: float = 1.0) -> np.ndarray:
    """How a touching hand moves on the spot (T, 3), centimetres across the surface ``normal``."""
    out = np.array(normal, float)
    across = np.cross(out, cue.rng.standard_normal(3))
    across /= np.linalg.norm(across)
    other = np.cross(out, across)
    if kind == "scratch":
        return cue.size(0.9 * scale) * cue.wave(cue.rate(3.5))[:, None] * across
    if kind == "stroke":
        return cue.size(2.2 * scale) * cue.wave(cue.rate(0.9))[:, None] * across
    if kind == "tap":
        lift = cue.size(2.2 * scale) * (0.5 + 0.5 * cue.wave(cue.rate(2.5)))
        return lift[:, None] * out
    if kind == "glide":
        return cue.size(3.5 * scale) * (2 * cue.ramp()[:, None] - 1) * across
    if kind == "circle":
        rate, start = cue.rate(1.4), cue.rng.uniform()
        angle = 2 * np.pi * (rate * cue.time + start)
        path = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * other
        return cue.size(1.4 * scale) * path
    return 0.3 * cue.drift(0.5, 3)


# How a hand comes to the head: direction of the fingers, normal out of the palm, elbow.
TO_FACE = ((-0.3, -0.8, -0.45), (-0.25, 0.1, -1.0), (0.55, 0.85, 0.0))
TO_SIDE = ((-0.45, -0.85, -0.2), (-1.0, 0.0, -0.2), (0.8, 0.6, 0.0))
TO_TOP = ((-0.6, -0.3, -0.6), (-0.3, 1.0, -0.2), (1.0, 0.2, 0.1))
TO_BACK = ((-0.5, -0.2, -0.9), (-0.9, 0.1, 0.6), (1.0, -0.1, 0.3))
TO_CHEST = ((-0.85, -0.3, -0.2), (0.0, 0.2, -1.0), (0.7, 0.8, 0.0))


def touch(
    cue: Cue,
    at: str,
    way: tuple[Sequence[float], Sequence[float], Sequence[float]] = TO_FACE,
    *,
    side: int | None = None,
    cross: float = 0.12,
    contact: str = "index",
    pose: str = "relaxed",
    kind: str | None = None,
    spread: float = 1.0,
    normal: Sequence[float] = (0, 0, 1),
    scale: float = 1.0,
) -> Move:
    """A hand that touches a place and rubs, strokes or holds it."""
    hand = cue.side() if side is None else side
    at_side = -hand if cue.chance(cross) else hand
    kind = cue.pick(RUBS) if kind is None else kind
    direction, palm, pole = way
    return Move(
        side=hand,
        at=at,
        at_side=at_side,
        offset=cue.around(spread) + rub(cue, kind, normal, scale),
        contact=contact,
        direction=cue.turn(direction, 0.15),
        normal=cue.turn(palm, 0.15),
        pole=cue.turn(pole, 0.2),
        fingers=cue.shape(pose),
        arc=float(cue.rng.normal(5, 3)),
    )
