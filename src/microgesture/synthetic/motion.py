"""Movements as data, and their blending into one recording.

A gesture is a set of scalar series (torso, head, face) and of hand moves; a move says which part
of a hand goes to which place and how. Hands are resolved after torso and head, so that a finger
stays on a nodding nose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from microgesture.synthetic.body import CHANNELS, Frames, Person, place
from microgesture.synthetic.face import EAR, move_face
from microgesture.synthetic.hands import POSES, contact_point, hand_basis, hand_points
from microgesture.synthetic.kinematics import (
    LEFT,
    RIGHT,
    limit_angle,
    rotate,
    smoothstep,
    two_bone,
    unit,
)

WRIST_LIMIT = 1.15  # radians between forearm and hand


@dataclass(frozen=True)
class Move:
    """One hand goes somewhere.

    All vectors are in the frame of the place, with x outward on the side of the place (offset)
    or of the hand (direction, normal, pole; these in the torso's frame).
    """

    side: int
    at: str
    at_side: int
    offset: np.ndarray  # (3,) or (T, 3), cm
    contact: str = "index"
    direction: tuple[float, float, float] = (-0.35, -0.75, -0.5)
    normal: tuple[float, float, float] = (-0.3, 0.2, -1.0)
    pole: tuple[float, float, float] = (0.6, 0.8, -0.1)
    fingers: np.ndarray = field(default_factory=lambda: np.array(POSES["relaxed"]))  # (6,), (T, 6)
    arc: float = 5.0


@dataclass(frozen=True)
class Gesture:
    """Scalar series (T,) or numbers to add, by channel, and hand moves in order."""

    channels: Mapping[str, np.ndarray | float] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    hush: float = 0.0  # how far the talking mouth is stilled, 0 to 1
    holding: int | None = None  # the hand that takes what lies on the table


@dataclass(frozen=True)
class Span:
    """When a gesture acts: first and last frame of the clip, and its ramps (frames).

    The ramp in runs from ``rise[0]`` to ``rise[1]``, the ramp out from ``fall[0]`` to ``fall[1]``.
    """

    start: int
    end: int
    rise: tuple[float, float]
    fall: tuple[float, float]

    def frames(self, total: int) -> slice:
        """The frames on which the gesture has any weight."""
        first = max(0, min(self.start, int(np.floor(self.rise[0]))))
        last = min(total - 1, max(self.end, int(np.ceil(self.fall[1]))))
        return slice(first, last + 1)

    def weight(self, frames: slice) -> np.ndarray:
        """Weights (T,) between 0 and 1 on ``frames``."""
        t = np.arange(frames.start, frames.stop)
        up = smoothstep((t - self.rise[0]) / (self.rise[1] - self.rise[0]))
        down = smoothstep((self.fall[1] - t) / (self.fall[1] - self.fall[0]))
        return np.minimum(up, down)


@dataclass
class HandTrack:
    """One hand over a recording; arrays are changed in place by blending."""

    wrist: np.ndarray  # (T, 3) cm
    direction: np.ndarray  # (T, 3)
    normal: np.ndarray  # (T, 3)
    pole: np.ndarray  # (T, 3)
    fingers: np.ndarray  # (T, 6) five curls, spread


def blank_hand(frames: int) -> HandTrack:
    """A hand that nothing has moved yet."""
    wrist, direction, normal, pole = np.zeros((4, frames, 3))
    return HandTrack(wrist, direction, normal, pole, np.zeros((frames, 6)))


def add_channels(track: dict[str, np.ndarray], gesture: Gesture, span: Span) -> None:
    """Add the scalar series of a gesture, weighted, to the series of the recording."""
    total = len(track["open"])
    frames = span.frames(total)
    weight = span.weight(frames)
    for name in ("open", "wide"):
        track[name][frames] *= 1 - gesture.hush * weight
    for name, value in gesture.channels.items():
        if name not in CHANNELS:
            raise KeyError(name)
        track[name][frames] += weight * value


def _anchor(
    move: Move, frames: Frames, person: Person, hands: Mapping[int, HandTrack], span: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Where a move goes (T, 3), and the frame (T, 3, 3) of its offset."""
    if move.at == "table":
        count = len(frames.neck)
        middle = np.repeat([[0.0, 0.0, 0.0]], count, axis=0)
        return middle, np.repeat(np.eye(3)[None], count, axis=0)
    if move.at not in ("forearm", "elbow", "upper_arm", "other_wrist", "other_hand"):
        return place(frames, person, move.at, move.at_side)
    other = hands[move.at_side]
    shoulder = frames.shoulders[move.at_side]
    elbow, wrist = two_bone(
        shoulder, other.wrist[span], other.pole[span], person.upper_arm, person.forearm
    )
    if move.at == "other_hand":
        basis = hand_basis(other.direction[span], other.normal[span], move.at_side)
        curl, spread = other.fingers[span, :5], other.fingers[span, 5]
        points = hand_points(curl, spread, person.hand, person.fingers)
        return wrist + rotate(basis, contact_point(points, "palm")), frames.torso
    spots = {
        "forearm": 0.5 * elbow + 0.5 * wrist,
        "elbow": elbow,
        "upper_arm": 0.5 * shoulder + 0.5 * elbow,
        "other_wrist": 0.15 * elbow + 0.85 * wrist,
    }
    return spots[move.at], frames.torso


def resolve(
    move: Move,
    span: Span,
    person: Person,
    frames: Frames,
    hands: Mapping[int, HandTrack],
) -> None:
    """Blend a move into its hand's track, in place."""
    total = len(frames.neck)
    time = span.frames(total)
    weight = span.weight(time)[:, None]
    here = frames.take(time)
    mirror = np.array([move.side, 1, 1])
    origin, frame = _anchor(move, here, person, hands, time)
    target = origin + rotate(frame, np.asarray(move.offset) * [move.at_side, 1, 1])
    aim = unit(rotate(here.torso, np.array(move.direction) * mirror))
    normal = rotate(here.torso, np.array(move.normal) * mirror)
    pole = rotate(here.torso, np.array(move.pole) * mirror)
    fingers = np.broadcast_to(move.fingers, (len(aim), 6))
    points = hand_points(fingers[:, :5], fingers[:, 5], person.hand, person.fingers)
    contact = contact_point(points, move.contact)
    direction = aim
    # The wrist depends on the hand's direction and the direction on the forearm: a few rounds do.
    for _ in range(3):
        wrist = target - rotate(hand_basis(direction, normal, move.side), contact)
        elbow, reached = two_bone(
            here.shoulders[move.side], wrist, pole, person.upper_arm, person.forearm
        )
        direction = limit_angle(aim, unit(reached - elbow), WRIST_LIMIT)
    wrist = target - rotate(hand_basis(direction, normal, move.side), contact)
    hand = hands[move.side]
    bow = 4 * weight * (1 - weight) * move.arc * np.array([0.3 * move.side, 0, 1.0])
    hand.wrist[time] += weight * (wrist - hand.wrist[time]) + bow
    hand.direction[time] += weight * (direction - hand.direction[time])
    hand.normal[time] += weight * (normal - hand.normal[time])
    hand.pole[time] += weight * (pole - hand.pole[time])
    hand.fingers[time] += weight * (fingers - hand.fingers[time])


def assemble(
    person: Person, track: Mapping[str, np.ndarray], frames: Frames, hands: Mapping[int, HandTrack]
) -> np.ndarray:
    """All 137 points of a person over time, (T, 137, 3) in centimetres; legs stay at the hips."""
    total = len(frames.neck)
    points = np.zeros((total, 137, 3))
    face = frames.head_centre[:, None] + rotate(frames.head, move_face(person.neutral_face, track))
    points[:, 25:95] = face
    points[:, 0], points[:, 1] = face[:, 30], frames.neck
    points[:, 15], points[:, 16] = face[:, 36:42].mean(axis=1), face[:, 42:48].mean(axis=1)
    for side, ear in ((RIGHT, 17), (LEFT, 18)):
        local = EAR * person.head * np.array([side * person.face_shape["width"], 1, 1])
        points[:, ear] = frames.head_centre + rotate(frames.head, local)
    hips = frames.neck + rotate(frames.torso, np.array([0, person.torso, 0]))
    points[:, 8:15] = hips[:, None]
    points[:, 9, 0] -= 9
    points[:, 12, 0] += 9
    for side, first, block in ((RIGHT, 2, 116), (LEFT, 5, 95)):
        hand, shoulder = hands[side], frames.shoulders[side]
        elbow, wrist = two_bone(shoulder, hand.wrist, hand.pole, person.upper_arm, person.forearm)
        aim = limit_angle(unit(hand.direction), unit(wrist - elbow), WRIST_LIMIT)
        basis = hand_basis(aim, hand.normal, side)
        local = hand_points(hand.fingers[:, :5], hand.fingers[:, 5], person.hand, person.fingers)
        points[:, first], points[:, first + 1], points[:, first + 2] = shoulder, elbow, wrist
        points[:, block : block + 21] = wrist[:, None] + rotate(basis, local)
    return points
