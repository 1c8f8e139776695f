"""Classes in which a hand touches the head, the neck or the clothes."""

from typing import Any

import numpy as np

from microgesture.synthetic.cues import TO_BACK, TO_CHEST, TO_FACE, TO_SIDE, TO_TOP, Cue, rub, touch
from microgesture.synthetic.motion import Gesture, Move


def _lean(cue: Cue, moves: list[Move], amount: float = 1.0) -> Gesture:
    """Hand moves with the small turn of the head towards the hand that goes with them."""
    side = moves[0].side
    small = amount * cue.size(0.05, 0.6)
    channels = {
        "head_roll": side * small * cue.rng.normal(0.6, 0.8),
        "head_yaw": side * small * cue.rng.normal(0.3, 1.2),
        "head_pitch": small * cue.rng.normal(0.9, 1.0),
    }
    return Gesture(channels, moves)


def hat(cue: Cue) -> Gesture:
    """Adjusting the brim of a hat."""
    side = cue.side()
    way = ((-0.5, -0.6, -0.5), (-0.5, 0.2, -0.9), (0.9, 0.5, 0.2))
    kind = cue.pick(("hold", "tap", "glide", "stroke"))
    options: dict[str, Any] = {"contact": "pinch", "pose": "pinch", "kind": kind, "spread": 1.2}
    moves = [touch(cue, "brim", way, side=side, cross=0.05, **options)]
    if cue.chance(0.3):
        moves.append(touch(cue, "brim", way, side=-side, cross=0, **options))
    return _lean(cue, moves)


def head(cue: Cue) -> Gesture:
    """Touching or scratching the head."""
    at = cue.pick(("crown", "head_side", "head_back", "head_side", "temple"))
    way = {"crown": TO_TOP, "head_back": TO_BACK}.get(at, TO_SIDE)
    contact = cue.pick(("fingers", "pads", "index"))
    move = touch(cue, at, way, contact=contact, pose=cue.pick(("claw", "relaxed")), spread=1.5)
    return _lean(cue, [move])


def forehead(cue: Cue) -> Gesture:
    """Touching or scratching the forehead."""
    at = cue.pick(("forehead", "forehead", "brow"))
    move = touch(cue, at, contact=cue.pick(("fingers", "index", "pads")), spread=1.3)
    return _lean(cue, [move])


def cover_face(cue: Cue) -> Gesture:
    """Covering the face with one or both hands."""
    side = cue.side()
    way = ((-0.3, -0.95, -0.1), (0, 0.05, -1.0), (0.6, 0.8, 0.1))
    kind = cue.pick(("hold", "hold", "stroke"))
    moves = [touch(cue, "face", way, side=side, cross=0, contact="roots", pose="flat", kind=kind)]
    if cue.chance(0.65):
        moves.append(
            touch(cue, "face", way, side=-side, cross=0, contact="roots", pose="flat", kind=kind)
        )
    return _lean(cue, moves, 2.5)


def eyes(cue: Cue) -> Gesture:
    """Rubbing one eye or both."""
    side = cue.side()
    kind = cue.pick(("scratch", "circle", "stroke", "hold"))
    options: dict[str, Any] = {
        "contact": cue.pick(("index", "knuckles", "pads")),
        "kind": kind,
        "spread": 0.8,
    }
    moves = [touch(cue, "eye", TO_FACE, side=side, scale=0.7, **options)]
    if cue.chance(0.25):
        moves.append(touch(cue, "eye", TO_FACE, side=-side, cross=0, scale=0.7, **options))
    gesture = _lean(cue, moves)
    return Gesture({**gesture.channels, "blink": 0.9}, moves)


def facial_parts(cue: Cue) -> Gesture:
    """Touching or scratching nose, cheek, mouth or brow."""
    at = cue.pick(("nose", "under_nose", "cheek", "mouth", "nose", "mouth_corner", "temple"))
    move = touch(
        cue,
        at,
        contact=cue.pick(("index", "fingers", "pinch", "knuckles")),
        pose=cue.pick(("point", "relaxed", "loose")),
        cross=0.2,
        spread=1.0,
    )
    return _lean(cue, [move])


def ears(cue: Cue) -> Gesture:
    """Touching, pulling or scratching an ear."""
    move = touch(
        cue,
        cue.pick(("ear", "lobe")),
        TO_SIDE,
        cross=0.03,
        contact=cue.pick(("index", "pinch")),
        pose=cue.pick(("pinch", "point", "loose")),
        normal=(1, 0, 0),
    )
    return _lean(cue, [move])


def nails(cue: Cue) -> Gesture:
    """Biting nails: bent fingers stay between the lips, which keep moving."""
    way = ((-0.45, -0.85, -0.2), (-0.2, 0.4, -0.9), (0.4, 0.9, 0.2))
    contact = cue.pick(("index", "thumb"))
    move = touch(cue, "teeth", way, contact=contact, pose="nails", kind="hold", spread=0.5)
    munch = np.clip(0.35 + 0.3 * cue.wave(cue.rate(2.5)), 0, 1)
    gesture = _lean(cue, [move])
    return Gesture({**gesture.channels, "open": munch}, [move], hush=0.9)


def jaw(cue: Cue) -> Gesture:
    """Touching, stroking or propping the jaw."""
    at = cue.pick(("chin", "jaw", "chin"))
    way = ((-0.35, -0.9, -0.2), (-0.3, 0.0, -0.95), (0.3, 0.95, 0.2))
    kind = cue.pick(("hold", "hold", "stroke", "glide", "scratch"))
    contact = cue.pick(("index", "pinch", "knuckles", "fingers"))
    pose = cue.pick(("loose", "fist", "pinch"))
    return _lean(cue, [touch(cue, at, way, contact=contact, pose=pose, kind=kind, cross=0.15)])


def neck(cue: Cue) -> Gesture:
    """Touching or scratching the neck: side, nape or throat."""
    at = cue.pick(("neck_side", "nape", "neck_side", "throat"))
    way = {"nape": TO_BACK, "throat": TO_CHEST}.get(at, TO_SIDE)
    contact = cue.pick(("fingers", "pads", "index"))
    return _lean(cue, [touch(cue, at, way, contact=contact, cross=0.2, spread=1.3)])


def hair(cue: Cue) -> Gesture:
    """Playing with hair: stroking it back, twirling, straightening the fringe."""
    at = cue.pick(("hair_side", "fringe", "head_side"))
    way = TO_TOP if at == "fringe" else TO_SIDE
    kind = cue.pick(("glide", "circle", "stroke"))
    contact = cue.pick(("pinch", "fingers"))
    move = touch(cue, at, way, contact=contact, pose="pinch", kind=kind, scale=1.5, cross=0.05)
    return _lean(cue, [move], 1.3)


def button(cue: Cue) -> Gesture:
    """Adjusting a button, the collar or the tie, mostly with both hands."""
    side = cue.side()
    at = cue.pick(("collar", "tie", "button"))
    kind = cue.pick(("scratch", "stroke", "tap", "hold"))
    way = ((-0.75, -0.55, -0.2), (-0.2, 0.3, -0.9), (0.9, 0.6, -0.2))
    options: dict[str, Any] = {"contact": "pinch", "pose": "pinch", "cross": 0.0, "spread": 1.5}
    moves = [touch(cue, at, way, side=side, kind=kind, **options)]
    if cue.chance(0.65):
        moves.append(touch(cue, at, way, side=-side, kind=kind, **options))
    return _lean(cue, moves, 1.5)


def notch(cue: Cue) -> Gesture:
    """Touching or covering the hollow between the collar bones."""
    kind = cue.pick(("hold", "hold", "stroke", "scratch"))
    contact = cue.pick(("fingers", "roots", "index"))
    move = touch(cue, "notch", TO_CHEST, contact=contact, pose="flat", kind=kind, spread=1.3)
    return _lean(cue, [move])


def back(cue: Cue) -> Gesture:
    """Scratching the back, over the shoulder or from below."""
    if cue.chance(0.5):
        way = ((-0.2, 0.5, -0.9), (-0.1, -0.3, 0.9), (0.7, -0.6, 0.6))
        at, kind = "shoulder_blade", "scratch"
    else:
        way = ((-0.8, -0.2, -0.5), (0.0, 0.1, 1.0), (1.0, 0.1, -0.6))
        at, kind = "small_of_back", "scratch"
    move = touch(cue, at, way, contact="fingers", pose="claw", kind=kind, cross=0.0, scale=2.0)
    channels = {"torso_yaw": move.side * cue.size(0.08), "torso_pitch": cue.size(0.05)}
    return Gesture(channels, [move])


def dust(cue: Cue) -> Gesture:
    """Dusting off clothes with quick sweeps of the hand."""
    side = cue.side()
    at = cue.pick(("chest", "belly", "shoulder", "thigh", "upper_arm", "forearm"))
    at_side = -side if at in ("shoulder", "upper_arm", "forearm") or cue.chance(0.3) else side
    sweep = cue.wave(cue.rate(2.2)) * cue.size(4.0)
    path = cue.around(2.0, (0, 0, 2.0)) + sweep[:, None] * cue.around(0.4, (0.5, 0.8, 0.1))
    direction = (-0.8, 0.2, -0.1) if at_side == side else (-0.95, -0.1, -0.1)
    move = Move(
        side,
        at,
        at_side,
        path,
        cue.pick(("fingers", "tips")),
        cue.turn(direction),
        cue.turn((-0.1, 0.1, -1.0)),
        cue.turn((0.7, 0.7, 0.0)),
        cue.shape("flat"),
    )
    look = {"head_pitch": cue.size(0.15), "head_yaw": at_side * cue.size(0.1)}
    return Gesture(look if cue.chance(0.7) else {}, [move])


def arms(cue: Cue) -> Gesture:
    """Scratching or touching the other arm."""
    side = cue.side()
    at = cue.pick(("forearm", "upper_arm", "elbow", "forearm", "other_wrist", "shoulder"))
    way = ((-0.9, 0.1, -0.15), (0.0, 0.4, -0.9), (0.6, 0.9, -0.1))
    contact = cue.pick(("fingers", "roots", "index"))
    moves: list[Move] = []
    if cue.chance(0.5):
        # The other arm is offered: it comes across the belly.
        rest = cue.around(2.5, (-4.0, 30.0, 22.0)) + rub(cue, "hold")
        moves.append(
            Move(
                -side,
                "front",
                -side,
                rest,
                "wrist",
                cue.turn((-0.8, 0, 0.5)),
                cue.turn((0, 0.7, -0.6)),
                cue.turn((0.6, 0.8, 0)),
                cue.shape("relaxed"),
            )
        )
    kind = cue.pick(("hold", "scratch", "stroke", "scratch"))
    direct = touch(
        cue, at, way, side=side, cross=1.0, contact=contact, kind=kind, spread=2.0, scale=1.3
    )
    return Gesture({"head_pitch": cue.size(0.05)} if cue.chance(0.3) else {}, [*moves, direct])
