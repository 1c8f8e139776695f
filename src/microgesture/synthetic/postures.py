"""Classes of head, face, torso and both arms, and the resting postures between gestures."""

from typing import Any

import numpy as np

from microgesture.synthetic.cues import Cue, rub
from microgesture.synthetic.kinematics import LEFT, RIGHT, smoothstep
from microgesture.synthetic.motion import Gesture, Move


def turtle_neck(cue: Cue) -> Gesture:
    """The head sinks between the shoulders and comes forward."""
    shape = cue.bump(0.7)
    lift = cue.size(2.5) * shape
    return Gesture(
        {
            "shrug_left": lift,
            "shrug_right": lift,
            "head_forward": cue.size(4.0) * shape,
            "head_sink": cue.size(3.0) * shape,
            "head_pitch": -cue.size(0.12) * shape,
        },
        hush=0.5,
    )


def bulging(cue: Cue) -> Gesture:
    """Puffed cheeks or a deep breath."""
    rise = cue.bump(0.6)
    cheeks = cue.pick((True, True, False))
    return Gesture(
        {
            "puff": cue.size(1.6 if cheeks else 0.4) * rise,
            "chest": cue.size(1.2 if cheeks else 2.5) * rise,
            "stretch": cue.size(0.5) * rise,
            "press": (0.3 if cheeks else 0.0) * rise,
            "open": (0.25 if not cheeks and cue.chance(0.5) else 0.0) * rise,
            "head_pitch": -cue.size(0.04) * rise,
        },
        hush=0.95,
    )


def pressing_lips(cue: Cue) -> Gesture:
    """Lips tucked in or pressed on each other."""
    level = np.clip(cue.size(0.9, 0.2), 0.4, 1.15)
    press = level * (1 - 0.35 * cue.pulses(cue.rate(1.5), int(cue.rng.integers(0, 3))))
    return Gesture(
        {
            "press": press,
            "wide": cue.rng.normal(0.0, 0.2),
            "head_pitch": cue.rng.normal(0.01, 0.03),
            "brow": cue.rng.normal(0.05, 0.15),
        },
        hush=1.0,
    )


def head_up(cue: Cue) -> Gesture:
    """The head goes up and stays for a while."""
    shape = smoothstep(1.3 * cue.bump(0.8))
    return Gesture(
        {
            "head_pitch": -cue.size(0.33) * shape,
            "head_yaw": cue.rng.normal(0, 0.05) * shape,
            "brow": cue.size(0.2) * shape,
        }
    )


def shaking_shoulders(cue: Cue) -> Gesture:
    """One or more shrugs, of both shoulders or one."""
    rate = cue.rate(2.2)
    count = int(cue.rng.integers(1, max(2, min(5, int(cue.length * rate) + 1))))
    shape = cue.bump(0.5) if cue.chance(0.25) else cue.pulses(rate, count)
    height = cue.size(2.8)
    one = cue.pick(("both", "both", "right", "left"))
    left = height * shape * (0.25 if one == "right" else cue.rng.uniform(0.75, 1.1))
    right = height * shape * (0.25 if one == "left" else cue.rng.uniform(0.75, 1.1))
    tilt = {"right": 0.05, "left": -0.05}.get(one, 0.0) * shape
    return Gesture(
        {
            "shrug_left": left,
            "shrug_right": right,
            "head_roll": tilt + cue.rng.normal(0, 0.02) * shape,
            "head_sink": 0.15 * height * shape,
        }
    )


def moving_torso(cue: Cue) -> Gesture:
    """Swaying, turning or rocking of the whole upper body."""
    kind = cue.pick(("sway", "twist", "rock", "shift", "sway"))
    if cue.chance(0.55):
        path = cue.wave(cue.rate(0.7))
    else:
        path = cue.sign() * (1.6 * cue.ramp() - 0.8) + 0.3 * cue.drift(0.8)
    angle = cue.size(0.15)
    channels: dict[str, np.ndarray | float] = {
        "torso_roll": (angle if kind == "sway" else 0.15 * angle) * path,
        "torso_yaw": (1.7 * angle if kind == "twist" else 0.2 * angle) * path,
        "torso_pitch": (1.1 * angle if kind == "rock" else 0.1 * angle) * path,
        "torso_x": (22 * angle if kind == "shift" else 6 * angle) * path,
    }
    return Gesture(channels)


def sitting_straight(cue: Cue) -> Gesture:
    """The back straightens: shoulders go back, the body gets taller."""
    shape = smoothstep(cue.ramp() * 1.2) if cue.chance(0.6) else cue.bump(0.8)
    return Gesture(
        {
            "stretch": cue.size(3.0) * shape,
            "torso_pitch": -cue.size(0.1) * shape,
            "shoulders_back": cue.size(2.0) * shape,
            "chest": cue.size(0.8) * shape,
            "torso_x": cue.rng.normal(0, 1.0) * shape,
        }
    )


def _pair(cue: Cue, at: str, offset: np.ndarray, shape: str, **options: Any) -> list[Move]:
    """The same move for both hands, mirrored; offsets differ by a little."""
    return [
        Move(side, at, side, offset + cue.around(1.0), fingers=cue.shape(shape), **options)
        for side in (RIGHT, LEFT)
    ]


def folding_arms(cue: Cue) -> Gesture:
    """Arms folded in front of the chest."""
    height = cue.rng.normal(23, 2.5)
    top = cue.sign()
    moves = [
        Move(
            side,
            "front",
            side,
            cue.around(1.2, (-10.0, height + 2.0 * side * top, 17.0 + 2.5 * side * top))
            + rub(cue, "hold"),
            "wrist",
            cue.turn((-0.9, -0.15, -0.1), 0.1),
            cue.turn((0.0, 0.2, -1.0), 0.1),
            cue.turn((0.8, 0.7, 0.2), 0.1),
            cue.shape("grip"),
        )
        for side in (RIGHT, LEFT)
    ]
    return Gesture({"shoulders_back": -cue.size(0.6)}, moves)


def arms_behind(cue: Cue) -> Gesture:
    """Both hands behind the back."""
    moves = _pair(
        cue,
        "small_of_back",
        np.array([-2.0, cue.rng.normal(2, 2), -2.0]),
        "relaxed",
        contact="wrist",
        direction=(-0.9, 0.3, -0.2),
        normal=(0.0, 0.0, -1.0),
        pole=(0.9, 0.3, -0.6),
    )
    return Gesture({"shoulders_back": cue.size(1.5)}, moves)


def hold_back_arms(cue: Cue) -> Gesture:
    """Arms drawn back: elbows behind the body, hands at the sides or on the rests of the chair."""
    low = cue.pick((True, False))
    out = cue.rng.normal(4.0, 2.0)
    moves = _pair(
        cue,
        "hip",
        np.array([out, -2.0 if low else -9.0, -6.0 if low else 2.0]),
        "grip" if low else "fist",
        contact="wrist",
        direction=(0.1, 0.7, 0.5) if low else (0.0, 0.2, 0.9),
        normal=(-0.9, 0.2, 0.0),
        pole=(0.5, 0.2, -1.0),
    )
    return Gesture({"shoulders_back": cue.size(2.0), "torso_pitch": -cue.size(0.03)}, moves)


def akimbo(cue: Cue) -> Gesture:
    """Hands on the hips, elbows out."""
    moves = _pair(
        cue,
        "hip",
        np.array([2.0, -4.0, 2.0]),
        "grip",
        contact="roots",
        direction=(-0.5, 0.5, 0.5),
        normal=(-0.9, 0.1, -0.3),
        pole=(1.0, -0.1, -0.3),
    )
    return Gesture({"shoulders_back": cue.size(0.8)}, moves)


def _together(cue: Cue) -> np.ndarray:
    """Where two hands meet in front of the body (3,): on the table, before belly or chest."""
    level = cue.pick((30.0, 36.0, 24.0))
    return cue.around(2.0, (0.0, level, 26.0 + 0.15 * (level - 30)))


def rubbing_hands(cue: Cue) -> Gesture:
    """Hands rubbed on each other, or one held by the other."""
    spot = _together(cue)
    kind = cue.pick(("rub", "rub", "hold", "fingers"))
    first = cue.side()
    travel = cue.size(2.2) if kind == "rub" else cue.size(0.4)
    swing = (travel * cue.wave(cue.rate(1.8)))[:, None] * cue.around(0.3, (0.4, 0.2, 0.9))
    mirror = np.array([first, 1, 1])
    below = Move(
        first,
        "front",
        first,
        spot * mirror + swing,
        "palm",
        cue.turn((-0.75, 0.1, 0.6)),
        cue.turn((-0.4, -0.7, -0.4)),
        cue.turn((0.7, 0.8, 0.0)),
        cue.shape("relaxed"),
    )
    above = Move(
        -first,
        "other_hand",
        first,
        cue.around(0.8, (0.0, -2.0, 1.0)) - 1.6 * swing * [-1, 1, 1],
        "pads" if kind == "fingers" else "palm",
        cue.turn((-0.75, 0.2, 0.5)),
        cue.turn((-0.3, 0.9, -0.2)),
        cue.turn((0.7, 0.8, 0.0)),
        cue.fidget("grip", 0.15, 2.0) if kind == "fingers" else cue.shape("grip"),
    )
    return Gesture(moves=[below, above])


def crossing_fingers(cue: Cue) -> Gesture:
    """Fingers of both hands interlocked."""
    spot = _together(cue)
    turn = cue.rng.normal(0, 0.25)
    moves = [
        Move(
            side,
            "front",
            side,
            (spot + rub(cue, "hold")) * [side, 1, 1] + [2.2, 0.35 * side, 0.35 * side],
            "roots",
            cue.turn((-0.75, -0.25 + turn, 0.6), 0.08),
            cue.turn((-0.75, 0.25, -0.5), 0.08),
            cue.turn((0.8, 0.7, 0.0)),
            cue.shape("clasp", 0.05),
        )
        for side in (RIGHT, LEFT)
    ]
    return Gesture(moves=moves)


def minaret(cue: Cue) -> Gesture:
    """Fingertips of both hands meet, palms apart: a steeple."""
    spot = _together(cue)
    up = cue.rng.normal(-0.6, 0.2)
    sway = rub(cue, cue.pick(("hold", "tap")), scale=0.5)
    moves = [
        Move(
            side,
            "front",
            side,
            (spot + np.array([0, -6, 0]) + sway) * [side, 1, 1] + [0.4, 0, 0],
            "tips",
            cue.turn((-0.65, up, 0.35), 0.06),
            cue.turn((-0.8, 0.4, -0.3), 0.06),
            cue.turn((0.9, 0.7, 0.0)),
            cue.shape("steeple", 0.05),
        )
        for side in (RIGHT, LEFT)
    ]
    return Gesture(moves=moves)


def objects(cue: Cue) -> Gesture:
    """Fingers that fiddle with something: a pen, a bottle, a phone."""
    spot = cue.around(3.0, (cue.rng.normal(8, 4), 32.0, 29.0))
    first = cue.side()
    path = 0.8 * cue.size(1.0) * cue.drift(0.35, 3)
    moves = [
        Move(
            first,
            "front",
            first,
            spot + path,
            "pinch",
            cue.turn((-0.5, -0.1, 0.8)),
            cue.turn((-0.6, 0.7, 0.2)),
            cue.turn((0.7, 0.8, 0.0)),
            cue.fidget("pinch", 0.22, 2.2),
        )
    ]
    if cue.chance(0.5):
        moves.append(
            Move(
                -first,
                "other_hand",
                first,
                cue.around(2.0, (5.0, 0.0, 4.0)) + 0.8 * cue.drift(0.35, 3),
                "pinch",
                cue.turn((-0.7, -0.1, 0.6)),
                cue.turn((-0.7, 0.5, 0.2)),
                cue.turn((0.7, 0.8, 0.0)),
                cue.fidget("pinch", 0.2, 2.2),
            )
        )
    look = {"head_pitch": cue.size(0.18)} if cue.chance(0.6) else {}
    return Gesture(look, moves, holding=first)
