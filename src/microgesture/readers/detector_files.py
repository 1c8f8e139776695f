"""Files of other detectors than OpenPose, each of a whole recording: who is in each frame."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from microgesture.data.keypoint_formats import BY_COUNT, Numbers, format_of_count, named_format
from microgesture.data.keypoints import OPENPOSE
from microgesture.readers.common import place_points, read_bytes, shown, unreadable
from microgesture.readers.mediapipe import openpose_points
from microgesture.readers.tracker import Subject, sighting
from microgesture.utils.content import check_file
from microgesture.utils.errors import InputError

PARTS = ("pose_landmarks", "face_landmarks", "left_hand_landmarks", "right_hand_landmarks")
"""Of MediaPipe Holistic, in the order of its keypoint formats."""
HANDS, POSE, MESHES = 42, 33, {543: 468, 553: 478}
LANDMARKS = {33: "mediapipe33", 543: "mediapipe543", 553: "mediapipe553"}
FLAT = {POSE * 4 + (mesh + HANDS) * 3: count for count, mesh in MESHES.items()}
"""Numbers of a frame in which the pose has four a point and the rest three."""
WRITTEN = (
    "a list of frames with instances (MMPose), of people with image_id (AlphaPose), or of frames "
    "with pose_landmarks (MediaPipe)"
)


@dataclass(frozen=True)
class Person:
    """Somebody in a frame: float32 (137, 3), and the number that a tracker gave them."""

    points: np.ndarray
    track: int | None = None


Frames = list[list[Person]]


def read_detections(path: Path, points: Numbers | None, height: int, width: int) -> Frames:
    """Everybody in each frame of a file.

    Parameters
    ----------
    path
        ``.json`` of MMPose (RTMPose, DWPose), AlphaPose or MediaPipe, or ``.npy`` of MediaPipe's
        landmarks.
    points
        What the points are; None: that is told by how many there are.
    height, width
        Of the picture in pixels, of which MediaPipe's landmarks are shares.

    Raises
    ------
    InputError
        If the file is none of these.

    """
    if path.suffix.lower() == ".npy":
        return _one_person(_array(path), path, points, height, width)
    try:
        content = orjson.loads(read_bytes(path))
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}: is not valid JSON: {error}; write it again") from error
    if isinstance(content, dict):
        content = content.get("instance_info", content.get("frames"))
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise InputError(f"{path}: found {shown(content)}, expected {WRITTEN}")
    if not content:
        raise InputError(f"{path}: holds no frame; expected {WRITTEN}")
    if "instances" in content[0]:
        return _mmpose(path, content, points)
    if "image_id" in content[0]:
        return _alphapose(path, content, points)
    if any(part in content[0] for part in PARTS):
        landmarks = np.stack(
            [_landmarks(f"{path}, frame {n}", one) for n, one in enumerate(content)]
        )
        return _one_person(landmarks, path, points, height, width)
    raise InputError(f"{path}: found {shown(', '.join(content[0]))}, expected {WRITTEN}")


def _mmpose(path: Path, content: list[dict[str, Any]], points: Numbers | None) -> Frames:
    """Frames in the order of the file, which lists empty ones as well."""
    frames: Frames = []
    for number, frame in enumerate(content):
        place, people = f"{path}, frame {number}", []
        for one in _list(place, frame.get("instances")):
            if not isinstance(one, dict) or not {"keypoints", "keypoint_scores"} <= set(one):
                raise InputError(
                    f"{place}: found {shown(one)}, expected an instance with keypoints and "
                    "keypoint_scores"
                )
            places = _numbers(place, one["keypoints"])
            scores = _numbers(place, one["keypoint_scores"])
            if places.ndim != 2 or places.shape[1] != 2 or scores.shape != places.shape[:1]:
                raise InputError(
                    f"{place}: keypoints have shape {places.shape} and keypoint_scores "
                    f"{scores.shape}, expected (points, 2) and (points,)"
                )
            given = np.concatenate([places, scores[:, None]], axis=1)
            people.append(Person(_placed(place, given, points), _track(one.get("track_id"))))
        frames.append(people)
    return frames


def _alphapose(path: Path, content: list[dict[str, Any]], points: Numbers | None) -> Frames:
    """Frames by the number, from 0, that ends the name of their picture."""
    found: dict[int, list[Person]] = {}
    for entry, one in enumerate(content):
        place = f"{path}, person {entry}"
        name = re.search(r"(\d+)\D*$", Path(str(one.get("image_id"))).stem)
        values = _numbers(place, one.get("keypoints"))
        if name is None or values.ndim != 1 or len(values) % 3 or not len(values):
            raise InputError(
                f"{place}: image_id is {shown(one.get('image_id'))} and keypoints has shape "
                f"{values.shape}, expected a name that ends in a number, and three numbers a point"
            )
        person = Person(_placed(place, values.reshape(-1, 3), points), _track(one.get("idx")))
        found.setdefault(int(name[1]), []).append(person)
    if max(found) > 100 * len(found) + 10_000:
        raise InputError(
            f"{path}: names frame {max(found)} but only {len(found)} frames; expected frames that "
            "are counted from 0"
        )
    return [found.get(number, []) for number in range(max(found) + 1)]


def _track(value: Any) -> int | None:
    """A tracker's number, which AlphaPose may put into a list."""
    while isinstance(value, list) and value:
        value = value[0]
    return int(value) if isinstance(value, int | float) and np.isfinite(value) else None


def _placed(place: str, given: np.ndarray, points: Numbers | None) -> np.ndarray:
    """One person's points (V, 3) at their places."""
    numbers = points or format_of_count(len(given))
    if numbers is None or len(numbers) != len(given):
        expected = len(numbers) if numbers else f"one of {', '.join(map(str, sorted(BY_COUNT)))}"
        raise InputError(
            f"{place}: has {len(given)} points, expected {expected}; name their keypoint format in "
            "data.points"
        )
    return place_points(given[None], numbers)[0]


def _array(path: Path) -> np.ndarray:
    """An array of landmarks as (T, P, C)."""
    check_file(path, b"\x93NUMPY")
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a header is text that is evaluated as a literal
        raise InputError(unreadable(path, error)) from error
    if array.ndim == 2 and array.shape[1] in FLAT:
        pose = array[:, : POSE * 4].reshape(len(array), POSE, 4)
        rest = array[:, POSE * 4 :].reshape(len(array), -1, 3)
        return np.concatenate([pose, np.pad(rest, [(0, 0), (0, 0), (0, 1)])], axis=1)
    if array.ndim != 3 or array.shape[2] not in (2, 3, 4) or array.dtype.kind not in "fiu":
        flat = " or ".join(map(str, FLAT))
        raise InputError(
            f"{path}: its landmarks have shape {array.shape}, expected (frames, points, 2 to 4) or "
            f"(frames, {flat})"
        )
    return array


def _landmarks(place: str, frame: dict[str, Any]) -> np.ndarray:
    """MediaPipe's landmarks of a frame, (553, 4); 0 where a part is null."""
    counts = (POSE, MESHES[553], HANDS // 2, HANDS // 2)
    whole = np.zeros((sum(counts), 4))
    for start, count, part in zip((0, *np.cumsum(counts)), counts, PARTS, strict=False):
        given = frame.get(part)
        given = given.get("landmark") if isinstance(given, dict) else given
        if not given:
            continue
        values = [
            [one.get(key, 0) for key in ("x", "y", "z", "visibility")] if isinstance(one, dict)
            else one
            for one in _list(f"{place}, {part}", given)
        ]  # fmt: skip
        found = _numbers(f"{place}, {part}", values)
        right = count if part != PARTS[1] else len(found)
        fits = found.ndim == 2 and found.shape[1] in (2, 3, 4)
        if not fits or len(found) != right or right > count:
            raise InputError(
                f"{place}: {part} has shape {found.shape}, expected ({count}, 2 to 4): one person"
            )
        whole[start : start + len(found), : found.shape[1]] = found
    return whole


def _one_person(
    landmarks: np.ndarray, path: Path, points: Numbers | None, height: int, width: int
) -> Frames:
    """Landmarks (T, P, C) as shares of the picture; those that are 0 or NaN were not found.

    A visibility that a point never has counts as 1: MediaPipe gives none for faces and hands.
    """
    count = landmarks.shape[1]
    if points is None and count not in LANDMARKS:
        raise InputError(
            f"{path}: has {count} landmarks, expected one of {', '.join(map(str, LANDMARKS))}; "
            "name their keypoint format in data.points"
        )
    numbers = points or named_format(LANDMARKS[count])
    if len(numbers) != count:
        raise InputError(f"{path}: has {count} landmarks, but data.points names {len(numbers)}")
    places = np.nan_to_num(landmarks[..., :2].astype(float), posinf=0, neginf=0)
    found = (places != 0).any(axis=2)
    if found.any() and np.quantile(np.abs(places[found]), 0.5) > 2:
        raise InputError(
            f"{path}: its coordinates are pixels, expected shares of the picture as MediaPipe "
            "gives them; divide x by the width and y by the height"
        )
    seen = found.astype(float)
    if landmarks.shape[2] == 4:
        visibility = np.nan_to_num(landmarks[..., 3].astype(float))
        seen *= np.where((visibility > 0).any(axis=0), visibility, 1)
    given = np.concatenate([places, seen[..., None]], axis=2)
    return [[Person(one)] for one in openpose_points(given, numbers, height, width)]


def everyone(frames: Frames) -> list[np.ndarray]:
    """Each person's points through a recording, float32 (T, 137, 3), in the order of appearance.

    By the tracker's numbers where everybody has one; else the surest is followed as elsewhere, see
    `microgesture.readers.tracker.Subject`, then the surest of those who are left.
    """
    tracks = [person.track for people in frames for person in people]
    if None not in tracks:
        order = {track: n for n, track in enumerate(dict.fromkeys(tracks))}
        found = np.zeros((len(order), len(frames), OPENPOSE.count, 3), np.float32)
        for number, people in enumerate(frames):
            for person in people:
                found[order[person.track], number] = person.points
        return list(found)
    left = [[person.points for person in people] for people in frames]
    several = []
    while any(left):
        points = np.zeros((len(frames), OPENPOSE.count, 3), np.float32)
        subject = Subject()
        for number, others in enumerate(left):
            chosen = subject.find([sighting(one) for one in others])
            if chosen is not None:
                points[number] = others.pop(chosen)
        several.append(points)
    return several


def _list(place: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{place}: found {shown(value)}, expected a list")
    return value


def _numbers(place: str, value: Any) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            return np.array(value, np.float32)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{place}: found {shown(value)}, expected numbers") from None
