"""One long video of a subject: idle behaviour, gestures in a row, camera and detector."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microgesture.settings.generate import Film
from microgesture.synthetic.body import (
    CHANNELS,
    Camera,
    Frames,
    Person,
    pose_frames,
    sample_camera,
    sample_person,
)
from microgesture.synthetic.cues import Cue
from microgesture.synthetic.detector import Scene, detect, disturb
from microgesture.synthetic.feelings import Mood
from microgesture.synthetic.gestures import CLASSES, aside, rest
from microgesture.synthetic.kinematics import LEFT, RIGHT, smoothstep, wander
from microgesture.synthetic.motion import (
    Gesture,
    HandTrack,
    Span,
    add_channels,
    assemble,
    blank_hand,
    resolve,
)

MOST_TURN = 0.7  # radians that a torso turns or leans on its chair, or shoulders vanish behind it
SHORTEST, LONGEST, SIGMA = 0.3, 6.0, 0.55  # seconds, seconds, spread of the log of the length


@dataclass(frozen=True)
class Performance:
    """The motion of one person over a recording."""

    truth: np.ndarray  # (T, 137, 3) centimetres
    channels: dict[str, np.ndarray]  # series (T,) by the names in `CHANNELS`
    held: np.ndarray  # (T, 2) how far the right and the left hand have taken an object, 0 to 1


@dataclass(frozen=True)
class Recording:
    """Detected points (T, 137, 3), what happened, and the true motion for those who draw it."""

    points: np.ndarray
    clips: list[tuple[int, int, int]]  # class id, first frame, last frame
    performance: Performance
    camera: Camera
    edge: float  # of the table, cm below the hips; above them (below 0) it hides the lap

    @property
    def truth(self) -> np.ndarray:
        """The true points, (T, 137, 3) centimetres."""
        return self.performance.truth


def plan(
    rng: np.random.Generator,
    labels: Sequence[int],
    fps: float,
    mean_seconds: float,
    longer: float = 1.0,
) -> tuple[list[tuple[int, int, int]], int]:
    """When each gesture happens: (class id, first, last frame) in order, and the video's length.

    Lengths are log-normal and drawn without looking at the class. The times between gestures are
    ``longer`` times as long as else.
    """
    centre = np.log(mean_seconds) - SIGMA**2 / 2
    seconds = np.clip(np.exp(rng.normal(centre, SIGMA, len(labels))), SHORTEST, LONGEST)
    gaps = longer * (rng.gamma(3.0, 0.4 / 3.0, len(labels) + 1) + 0.05)
    clips, now = [], int(np.ceil(gaps[0] * fps)) + 2
    for label, length, gap in zip(labels, seconds, gaps[1:], strict=True):
        count = max(int(np.rint(length * fps)), int(np.ceil(SHORTEST * fps)))
        clips.append((int(label), now, now + count - 1))
        now += count + max(1, int(np.rint(gap * fps)))
    return clips, now


def _span(rng: np.random.Generator, start: int, end: int, fps: float) -> Span:
    """Ramps of a gesture: 0.2 to 0.6 s long, each partly inside and partly outside the clip."""
    length = end - start + 1
    rise, fall = np.clip(rng.lognormal(np.log(0.32), 0.3, 2), 0.2, 0.6) * fps
    rise, fall = (max(min(ramp, 0.7 * length), 0.2 * fps) for ramp in (rise, fall))
    # Annotators are late or early: this share of the ramp lies outside the clip.
    before, after = rng.uniform(-0.1, 0.9, 2)
    return Span(
        start,
        end,
        (start - before * rise, start + (1 - before) * rise),
        (end - (1 - after) * fall, end + after * fall),
    )


def _idle(
    rng: np.random.Generator, person: Person, frames: int, fps: float, blinks: float = 1.0
) -> dict[str, np.ndarray]:
    """What the body does all the time: sway, breathing, nods, glances, talking, blinking.

    There are ``blinks`` times as many blinks as else.
    """
    time = np.arange(frames) / fps
    live = person.liveliness

    def slow(size: float, seconds: float) -> np.ndarray:
        return size * wander(rng, frames, seconds * fps)

    track = {name: np.zeros(frames) for name in CHANNELS}
    for name, size, seconds in (
        ("torso_yaw", 0.025, 1.8),
        ("torso_pitch", 0.016, 2.0),
        ("torso_roll", 0.015, 1.8),
        ("torso_x", 0.9, 2.2),
        ("torso_z", 0.8, 2.5),
        ("stretch", 0.35, 2.0),
        ("shrug_right", 0.3, 0.9),
        ("shrug_left", 0.3, 0.9),
        ("shoulders_back", 0.4, 2.0),
        ("head_forward", 0.7, 1.5),
        ("head_sink", 0.2, 1.5),
    ):
        track[name] += slow(size * live, seconds)
    track["chest"] += 0.35 * np.sin(2 * np.pi * (rng.uniform(0.2, 0.35) * time + rng.uniform()))
    # Talking comes in phrases; nods and small shrugs go with it.
    level = slow(1.0, 1.2) + 1.6 * (person.chattiness - 0.5)
    talk = smoothstep(0.5 + 1.2 * level)
    beat = np.sin(2 * np.pi * np.cumsum(rng.uniform(3.0, 4.5) * (1 + 0.3 * slow(1, 0.5))) / fps)
    track["open"] += talk * np.maximum(0, 0.5 + 0.45 * beat + slow(0.25, 0.25))
    track["wide"] += 0.12 * talk * slow(1, 0.3) + slow(0.15, 1.5)
    track["press"] += np.clip(person.lip_rest + slow(0.1, 0.8), -0.1, 0.4) * (1 - 0.8 * talk)
    track["puff"] += slow(0.08, 0.8)
    track["brow"] += slow(0.15, 0.8)
    nod = slow(1.0, 0.35) * np.clip(slow(1.0, 1.5), 0, 2)
    track["head_pitch"] += live * (slow(0.07, 1.4) + 0.05 * nod)
    track["head_yaw"] += live * (slow(0.13, 1.8) + 0.03 * slow(1, 0.4))
    track["head_roll"] += live * slow(0.05, 1.3)
    shrug = live * 0.6 * np.clip(slow(1.0, 0.3), 0, 3) * np.clip(slow(1.0, 1.2) - 0.5, 0, 2)
    track["shrug_right"] += shrug
    track["shrug_left"] += shrug
    blink = np.convolve(rng.uniform(size=frames) < 0.3 * blinks / fps, [0.4, 1.0, 0.9, 0.4], "same")
    track["blink"] += np.clip(blink + slow(0.08, 1.0), -0.1, 1)
    return track


def _resting_hands(
    rng: np.random.Generator, person: Person, frames: Frames, fps: float
) -> dict[int, HandTrack]:
    """Hands between gestures: a posture, sometimes another, small movements and beats."""
    total = len(frames.neck)
    hands = {RIGHT: blank_hand(total), LEFT: blank_hand(total)}
    always = Span(0, total - 1, (-20.0, -10.0), (total + 10.0, total + 20.0))
    for move in rest(rng):
        resolve(move, always, person, frames, hands)
    now = rng.exponential(12.0) * fps
    while now < total:
        last = now + (1.0 + rng.exponential(8.0)) * fps
        ramp = rng.uniform(0.4, 0.9) * fps
        span = Span(int(now), int(min(last, total - 1)), (now, now + ramp), (last - ramp, last))
        for move in rest(rng):
            resolve(move, span, person, frames, hands)
        now = last + rng.exponential(8.0) * fps
    for hand in hands.values():
        beats = wander(rng, total, 0.5 * fps, 3) * [0.8, 2.2, 1.2]
        awake = np.clip(wander(rng, total, 1.5 * fps) - 0.6, 0, 2)[:, None]
        hand.wrist += person.liveliness * (0.35 * wander(rng, total, fps, 3) + 1.2 * awake * beats)
        hand.direction += 0.06 * wander(rng, total, fps, 3)
        hand.fingers += 0.05 * wander(rng, total, 0.7 * fps, 6)
    return hands


def act(
    rng: np.random.Generator,
    person: Person,
    clips: Sequence[tuple[int, int, int]],
    total: int,
    fps: float,
    variety: float = 1.0,
    mood: Mood | None = None,
) -> Performance:
    """The motion of a person acting out clips."""
    track = _idle(rng, person, total, fps, mood.blinks if mood else 1.0)
    if mood:
        mood.move(track)
    acted: list[tuple[Gesture, Span]] = []
    for label, start, end in clips:
        span = _span(rng, start, end, fps)
        frames = span.frames(total)
        time = (np.arange(frames.start, frames.stop) - start) / fps
        cue = Cue(rng, person, person.habits[label], time, (end - start + 1) / fps, fps, variety)
        gesture = CLASSES[label](cue)
        if not gesture.hush and label != len(CLASSES) - 1:
            # Who fidgets mostly listens.
            gesture = replace(gesture, hush=rng.beta(1.2, 1.2))
        # The main gesture comes last: it has the hands where both want them.
        other = replace(cue, habit=rng.uniform(size=8))
        stirs = variety == 1 or rng.uniform() < variety
        for part in (aside(other), gesture) if stirs else (gesture,):
            add_channels(track, part, span)
            acted.append((part, span))
    for name, most in (("open", 2.5), ("puff", 2.6), ("blink", 1.0), ("press", 1.15)):
        track[name] = np.clip(track[name], -0.1, most)
    for name in ("torso_yaw", "torso_pitch", "torso_roll"):
        track[name] = MOST_TURN * np.tanh(track[name] / MOST_TURN)
    poses = pose_frames(person, track)
    hands = _resting_hands(rng, person, poses, fps)
    held = np.zeros((total, 2))
    for gesture, span in acted:
        for move in gesture.moves:
            resolve(move, span, person, poses, hands)
        if gesture.holding is not None:
            frames = span.frames(total)
            # the hand is nearly there when it takes the object
            taken = smoothstep(2 * span.weight(frames) - 1)
            hand = (RIGHT, LEFT).index(gesture.holding)
            held[frames, hand] = np.maximum(held[frames, hand], taken)
    return Performance(assemble(person, track, poses, hands), track, held)


def _hidden(truth: np.ndarray, edge: float) -> np.ndarray:
    """How surely (T, 2) the left and right hand are behind the body or under a table."""
    neck, hip = truth[:, 1], truth[:, 8]
    hidden = []
    for wrist in (7, 4):
        place = truth[:, wrist]
        inside = np.abs(place[:, 0] - 0.5 * (neck + hip)[:, 0]) < 17
        behind = (place[:, 2] < -3) & inside & (place[:, 1] > neck[:, 1] - 2)
        under = (place[:, 1] > edge) & (place[:, 2] > 0)
        hidden.append(np.maximum(0.9 * behind, 0.55 * under))
    return np.stack(hidden, axis=-1)


def _table_edge(rng: np.random.Generator) -> float:
    """Some tables are high: hands in the lap are then behind the edge."""
    return float(rng.choice([-9.0, 8.0], p=[0.4, 0.6]))


def _film(person: Person, truth: np.ndarray, camera: Camera, edge: float) -> Scene:
    """The scene that a camera sees."""
    pixels, depth = camera.project(truth)
    return Scene(pixels, depth, _hidden(truth, edge), person.visibility)


def record(
    rng: np.random.Generator,
    person: Person,
    labels: Sequence[int],
    config: Film,
    mood: Mood | None = None,
    zoom: float = 1.0,
) -> Recording:
    """Film a subject who acts out ``labels`` in order, ``zoom`` times as close as else."""
    variety = float(config.variety)
    person = replace(
        person,
        amplitude=person.amplitude * float(config.amplitude),
        liveliness=person.liveliness * variety,
    )
    person = mood.livelier(person) if mood else person
    fps, height, width = float(config.fps), config.height, config.width
    seconds = float(config.mean_seconds)
    clips, total = plan(rng, labels, fps, seconds, mood.gaps if mood else 1.0)
    performance = act(rng, person, clips, total, fps, variety, mood)
    camera, edge = sample_camera(rng, height, width), _table_edge(rng)
    camera = replace(camera, scale=camera.scale * zoom)
    scene = _film(person, performance.truth, camera, edge)
    points = detect(rng, scene, float(config.noise), height, width)
    stranger = sample_person(rng, len(CLASSES))
    other = act(rng, stranger, [], total, fps).truth
    aside = Camera(
        0.0, 0.0, 0.0, 0.5 * camera.scale, (width * rng.choice([0.12, 0.88]), 0.4 * height), 400.0
    )
    other_scene = _film(stranger, other, aside, _table_edge(rng))
    bystander = detect(rng, other_scene, float(config.noise), height, width)
    busy = np.full(total, -1)
    for number, (_, start, end) in enumerate(clips):
        busy[start : end + 1] = number
    disturb(rng, points, bystander, busy)
    return Recording(points, clips, performance, camera, edge)
