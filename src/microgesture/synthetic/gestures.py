"""The 32 classes by id, talking gestures, and the resting postures in between."""

from collections.abc import Callable

import numpy as np

from microgesture.synthetic import postures, touches
from microgesture.synthetic.cues import Cue
from microgesture.synthetic.kinematics import LEFT, RIGHT
from microgesture.synthetic.motion import Gesture, Move

# Which way the palm looks while a hand talks.
_PALMS = {
    "in": (-1.0, 0.1, 0.0),
    "up": (-0.2, -1.0, -0.1),
    "down": (-0.1, 1.0, 0.1),
    "out": (-0.1, 0.1, 1.0),
}


def _talk_path(cue: Cue, kind: str) -> np.ndarray:
    """How a talking hand travels (T, 3), centimetres around its place; x is outward."""
    if kind == "beat":
        stroke = cue.wave(cue.rate(1.9))
        return cue.size(3.5) * stroke[:, None] * cue.around(0.25, (0.2, 0.9, 0.4))
    if kind == "circle":
        angle = 2 * np.pi * (cue.rate(1.1) * cue.time + cue.rng.uniform()) * cue.sign()
        flat = cue.around(0.3, (0.5, 0.5, 0.8))
        ring = np.stack([np.cos(angle), np.sin(angle), np.sin(angle + 0.8)], axis=-1)
        return cue.size(5.0) * ring * flat
    if kind == "sweep":
        return cue.size(11.0) * (cue.ramp()[:, None] - 0.5) * cue.around(0.25, (1.0, -0.2, 0.3))
    if kind == "chop":
        hits = cue.pulses(cue.rate(2.2), int(cue.rng.integers(1, 5)))
        return cue.size(7.0) * hits[:, None] * cue.around(0.2, (-0.1, 0.9, 0.4))
    if kind == "shake":
        return cue.size(3.0) * cue.wave(cue.rate(3.0))[:, None] * cue.around(0.3, (1.0, 0.2, 0.2))
    return cue.size(4.5) * cue.drift(0.7, 3)


def _talk_hand(cue: Cue, side: int, where: np.ndarray, path: np.ndarray, palm: str) -> Move:
    """One hand talking around a place in front of the torso."""
    pose = cue.pick(("relaxed", "wide", "point", "flat", "pinch", "loose", "two"))
    fingers = cue.fidget(pose, 0.12, 1.5) if cue.chance(0.5) else cue.shape(pose)
    return Move(
        side,
        "front",
        side,
        where + cue.around(1.5) + path,
        "palm",
        cue.turn((-0.35, -0.55, 0.7), 0.35),
        cue.turn(_PALMS[palm], 0.3),
        cue.turn((0.65, 0.8, 0.0)),
        fingers,
    )


def illustrative(cue: Cue) -> Gesture:
    """Body language that goes with words: one or two talking hands, or the head alone."""
    channels: dict[str, np.ndarray | float] = {
        "open": np.maximum(
            0, cue.size(0.7) * (0.6 + cue.wave(cue.rate(3.5)) + 0.3 * cue.drift(0.3))
        ),
        "brow": cue.size(0.3) * cue.pulses(cue.rate(1.5), 1),
    }
    if cue.chance(0.5):
        name = cue.pick(("head_pitch", "head_yaw", "head_roll"))
        channels[name] = cue.size(0.09) * cue.wave(cue.rate(1.6))
    if cue.chance(0.12):
        strong = "head_yaw" if cue.chance(0.5) else "head_pitch"
        channels[strong] = cue.size(0.17) * cue.wave(cue.rate(1.8))
        return Gesture(channels)
    if cue.chance(0.25):
        channels["torso_yaw"] = cue.size(0.06) * cue.wave(cue.rate(0.7))
    if cue.chance(0.15):
        lift = cue.size(1.3) * cue.pulses(cue.rate(2.0), 1)
        channels |= {"shrug_left": lift, "shrug_right": lift}
    where = cue.around(3.0, (cue.rng.normal(13, 6), cue.rng.normal(25, 6), cue.rng.normal(26, 4)))
    kinds = ("beat", "circle", "sweep", "chop", "shake", "wander", "beat")
    kind, palm = cue.pick(kinds), cue.pick(tuple(_PALMS))
    side = cue.side()
    path = _talk_path(cue, kind)
    moves = [_talk_hand(cue, side, where, path, palm)]
    if cue.chance(0.5):
        other = path if cue.chance(0.7) else _talk_path(cue, cue.pick(kinds))
        moves.append(_talk_hand(cue, -side, where, other, palm))
    return Gesture(channels, moves)


def aside(cue: Cue) -> Gesture:
    """Something small besides, whatever the class: a stir, a twitch, a shifted hand."""
    channels: dict[str, np.ndarray | float] = {}
    moves: list[Move] = []
    if cue.chance(0.4):
        stir = cue.pick((postures.moving_torso, postures.shaking_shoulders))(cue)
        channels = {name: 0.4 * value for name, value in stir.channels.items()}
    if cue.chance(0.25):
        moves = rest(cue.rng)
        if cue.chance(0.6):
            moves = moves[:1]
    return Gesture(channels, moves)


CLASSES: tuple[Callable[[Cue], Gesture], ...] = (
    postures.turtle_neck,
    postures.bulging,
    touches.hat,
    touches.head,
    touches.forehead,
    touches.cover_face,
    touches.eyes,
    touches.facial_parts,
    touches.ears,
    touches.nails,
    touches.jaw,
    touches.neck,
    touches.hair,
    touches.button,
    touches.notch,
    touches.back,
    postures.folding_arms,
    touches.dust,
    postures.arms_behind,
    postures.moving_torso,
    postures.sitting_straight,
    touches.arms,
    postures.rubbing_hands,
    postures.crossing_fingers,
    postures.minaret,
    postures.objects,
    postures.hold_back_arms,
    postures.head_up,
    postures.pressing_lips,
    postures.akimbo,
    postures.shaking_shoulders,
    illustrative,
)

# How often each class occurs in iMiGUE (train and validation of 2023): the long tail to keep.
FREQUENCY = np.array(
    [
        [10, 418, 39, 207, 80, 23, 64, 858],
        [87, 3, 302, 154, 97, 41, 28, 27],
        [322, 83, 2, 942, 170, 373, 657, 700],
        [11, 287, 87, 60, 1237, 6, 2272, 4023],
    ]
).ravel()

# Places where resting hands lie: outward, down (0 is the hips), forward, in centimetres.
_RESTS = {
    "table": (14.0, -15.0, 30.0),
    "wide": (22.0, -15.0, 27.0),
    "close": (5.0, -15.0, 30.0),
    "lap": (9.0, -5.0, 22.0),
    "edge": (11.0, -11.0, 24.0),
}


def rest(rng: np.random.Generator, kind: str | None = None) -> list[Move]:
    """Both hands lying still somewhere in front: apart, close, or one on the other."""
    names = [*_RESTS, "held"]
    kind = str(rng.choice(names, p=[0.3, 0.12, 0.15, 0.15, 0.16, 0.12])) if kind is None else kind
    top = int(rng.choice([LEFT, RIGHT]))
    moves = []
    for side in (-top, top):
        spot = np.array(_RESTS["edge" if kind == "held" else kind]) + rng.normal(0, 1.5, 3)
        curl = np.clip(rng.normal(0.4, 0.12) + rng.normal(0, 0.06, 6), 0, 1)
        inward = -rng.uniform(0.3, 0.8)
        tilt = (inward, rng.normal(0.05, 0.1), 0.8)
        if kind == "held" and side == top:
            offset = rng.normal((0.0, -2.0, 0.5), 1.0)
            held = Move(
                side, "other_hand", -side, offset, "palm", tilt, (-0.3, 0.9, 0), fingers=curl
            )
            moves.append(held)
            continue
        if kind == "held":
            spot[0] = rng.normal(1, 1.5)
        normal = (-rng.uniform(0.0, 0.8), 0.9, 0.1)
        moves.append(Move(side, "table", side, spot, "palm", tilt, normal, fingers=curl, arc=2.0))
    return moves
