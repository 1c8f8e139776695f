"""A person: proportions, the rigid frames of torso and head, named places on the body, habits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from microgesture.synthetic import face
from microgesture.synthetic.kinematics import LEFT, RIGHT, rotate, rotation

# Scalar series of a recording. Angles are radians, lengths centimetres, 0 is the neutral pose.
CHANNELS = (
    *("torso_yaw", "torso_pitch", "torso_roll", "torso_x", "torso_z", "stretch"),
    *("shrug_right", "shrug_left", "shoulders_back", "chest"),
    *("head_yaw", "head_pitch", "head_roll", "head_forward", "head_sink"),
    *("open", "press", "wide", "puff", "brow", "blink", "corner"),
)

# Places in the head's frame, x outward on the asked side.
HEAD_PLACES = {
    "nose": (0.3, 3.6, 11.2),
    "under_nose": (0.5, 5.0, 10.6),
    "mouth": (0.5, 6.6, 10.2),
    "mouth_corner": (2.6, 6.5, 9.0),
    "teeth": (0.3, 6.6, 10.4),
    "eye": (3.2, -0.6, 9.0),
    "cheek": (5.2, 4.3, 7.2),
    "brow": (3.8, -3.4, 9.0),
    "forehead": (1.5, -6.2, 8.8),
    "temple": (6.6, -3.2, 4.5),
    "chin": (0.5, 10.6, 8.8),
    "jaw": (4.6, 8.8, 5.2),
    "ear": (7.9, 0.8, -0.6),
    "lobe": (7.6, 3.0, 0.0),
    "crown": (2.0, -12.5, 0.5),
    "head_side": (7.6, -7.0, -0.5),
    "head_back": (4.0, -5.0, -9.0),
    "hair_side": (7.8, -3.5, 2.5),
    "fringe": (3.0, -8.5, 7.0),
    "brim": (2.5, -8.0, 10.5),
    "neck_side": (5.6, 12.0, -0.5),
    "nape": (3.0, 11.5, -6.0),
    "throat": (1.2, 14.0, 4.0),
    "face": (2.5, 1.5, 10.0),
    "head_centre": (0.0, 0.0, 2.0),
}
# Places in the torso's frame relative to the neck point, x outward on the asked side.
TORSO_PLACES = {
    "notch": (0.2, 0.5, 5.5),
    "collar": (4.0, 0.0, 5.0),
    "tie": (0.5, 6.0, 8.5),
    "button": (0.5, 17.0, 10.5),
    "chest": (8.0, 11.0, 9.0),
    "belly": (5.0, 30.0, 11.0),
    "shoulder": (15.0, -2.0, 1.5),
    "shoulder_blade": (10.0, 5.0, -7.0),
    "small_of_back": (5.0, 38.0, -12.0),
    "hip": (14.5, 44.0, 3.0),
    "thigh": (10.0, 49.0, 16.0),
    "front": (0.0, 0.0, 0.0),
}


@dataclass(frozen=True)
class Person:
    """Proportions (cm or factors) and habits of one subject."""

    shoulder: float
    upper_arm: float
    forearm: float
    torso: float
    neck: float
    head: float
    hand: float
    fingers: np.ndarray
    face_shape: Mapping[str, float]
    slump: float
    head_tilt: float
    head_nod: float
    handed: int
    tempo: float
    amplitude: float
    liveliness: float
    chattiness: float
    lip_rest: float
    visibility: float
    habits: np.ndarray

    @property
    def neutral_face(self) -> np.ndarray:
        """The subject's resting face (70, 3)."""
        return face.neutral_face(self.face_shape) * self.head


def sample_person(rng: np.random.Generator, classes: int) -> Person:
    """Draw a subject; ``habits`` (classes, 8) holds uniform numbers for preferred variants."""
    size = rng.normal(1, 0.04)

    def length(mean: float, spread: float = 0.04) -> float:
        return float(mean * size * np.exp(spread * rng.standard_normal()))

    return Person(
        shoulder=length(17.5, 0.06),
        upper_arm=length(29.0),
        forearm=length(25.5),
        torso=length(50.0),
        neck=length(10.0, 0.1),
        head=length(1.0, 0.05),
        hand=length(1.0, 0.06),
        fingers=np.exp(rng.normal(0, 0.05, 5)),
        face_shape={name: float(np.exp(rng.normal(0, 0.06))) for name in face.SHAPE}
        | {"lips": float(np.exp(rng.normal(0, 0.14)))},
        slump=float(rng.normal(0.06, 0.06)),
        head_tilt=float(rng.normal(0, 0.05)),
        head_nod=float(rng.normal(0.03, 0.1)),
        handed=int(rng.choice([LEFT, RIGHT], p=[0.15, 0.85])),
        tempo=float(np.exp(rng.normal(0, 0.2))),
        amplitude=float(np.exp(rng.normal(0, 0.22))),
        liveliness=float(np.exp(rng.normal(0, 0.3))),
        chattiness=float(rng.uniform(0.2, 0.9)),
        lip_rest=float(rng.normal(0.08, 0.12)),
        visibility=float(rng.normal(0, 0.04)),
        habits=rng.uniform(size=(classes, 8)),
    )


@dataclass(frozen=True)
class Frames:
    """Rigid frames over time: origins (T, 3) and rotations (T, 3, 3)."""

    neck: np.ndarray
    torso: np.ndarray
    head_centre: np.ndarray
    head: np.ndarray
    shoulders: Mapping[int, np.ndarray]

    def take(self, span: slice) -> "Frames":
        """The frames of a stretch of time."""
        shoulders = {side: points[span] for side, points in self.shoulders.items()}
        return Frames(
            self.neck[span], self.torso[span], self.head_centre[span], self.head[span], shoulders
        )


def pose_frames(person: Person, track: Mapping[str, np.ndarray]) -> Frames:
    """Place torso, shoulders and head of a person from scalar series (T,), origin at mid-hip."""
    torso = rotation(track["torso_yaw"], track["torso_pitch"] + person.slump, track["torso_roll"])
    zero = np.zeros(len(torso))
    height = person.torso * (1 - 0.25 * person.slump) + track["stretch"]
    hips = np.stack([track["torso_x"], zero, track["torso_z"]], axis=-1)
    neck = hips + rotate(torso, np.stack([zero, -height, zero], axis=-1))
    shoulders = {}
    back = track["shoulders_back"] - 12 * person.slump
    for side, name in ((-1, "shrug_right"), (1, "shrug_left")):
        lift = track[name] + 0.6 * track["chest"]
        # Raised shoulders come in a little: they turn about the collar bone.
        out = person.shoulder + 0.15 * track["chest"] - 0.12 * np.maximum(lift, 0) - 0.1 * back
        place = np.stack([side * out, -lift + 0.1 * back, -back], axis=-1)
        shoulders[side] = neck + rotate(torso, place)
    # The head keeps itself upright against most of what the torso does.
    head = rotation(
        track["head_yaw"] + 0.5 * track["torso_yaw"],
        track["head_pitch"] + 0.3 * track["torso_pitch"] + person.head_nod,
        track["head_roll"] + 0.4 * track["torso_roll"] + person.head_tilt,
    )
    rise = person.neck - track["head_sink"]
    forward = 2.0 + track["head_forward"] + 10 * person.slump
    pivot = neck + rotate(torso, np.stack([zero, -rise, forward], axis=-1))
    centre = pivot + rotate(head, person.head * np.array([0, -10.5, 3.0]))
    return Frames(neck, torso, centre, head, shoulders)


def place(frames: Frames, person: Person, name: str, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Position (T, 3) and frame (T, 3, 3) of a named place on head or torso."""
    mirror = np.array([side, 1, 1])
    if name in HEAD_PLACES:
        local = np.array(HEAD_PLACES[name]) * mirror * person.head
        return frames.head_centre + rotate(frames.head, local), frames.head
    local = np.array(TORSO_PLACES[name]) * mirror * [person.shoulder / 17.5, person.torso / 50, 1]
    return frames.neck + rotate(frames.torso, local), frames.torso


@dataclass(frozen=True)
class Camera:
    """A camera in front: angles in radians, scale in pixels per centimetre at the neck's depth."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: tuple[float, float]
    distance: float

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (T, V, 2) and depth towards the camera (T, V) of points (T, V, 3) in cm."""
        turn = rotation(np.array(self.yaw), np.array(self.pitch), np.array(self.roll))
        seen = (points + np.array([0, 50.0, 0])) @ turn.T
        depth = seen[..., 2]
        zoom = self.scale * self.distance / (self.distance - depth)
        return seen[..., :2] * zoom[..., None] + self.centre, depth


def sample_camera(rng: np.random.Generator, height: int, width: int) -> Camera:
    """Draw a view of a speaker: most of the upper body in a picture of height x width pixels."""
    scale = height / 720 * 6.0 * np.exp(rng.normal(0, 0.13))
    return Camera(
        yaw=float(rng.normal(0, 0.12)),
        pitch=float(rng.normal(0.06, 0.06)),
        roll=float(rng.normal(0, 0.03)),
        scale=float(scale),
        centre=(width * float(rng.normal(0.5, 0.07)), height * float(rng.normal(0.43, 0.04))),
        distance=float(rng.uniform(220, 420)),
    )
