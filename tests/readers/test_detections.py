"""Files of other detectors: the same points from each form, one person followed or everybody."""

import json

import numpy as np
import pytest

from microgesture.data.keypoint_formats import named_format
from microgesture.data.recordings import Recording
from microgesture.data.store import BadClip
from microgesture.readers.detector_files import everyone, read_detections
from microgesture.readers.mediapipe import openpose_points
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY, make_clip
from tests.sections import read_clips

NAMES = ["rest", "wave"]
SPLIT = {"by": "subject", "val": ["val"], "test": ["test"]}
HEIGHT, WIDTH = 480, 640
WHOLEBODY = named_format("coco_wholebody133")


def person(seed, frames=4, away=0.0, score=0.5):
    """Points (T, 137, 3) in the places of COCO-WholeBody's 133; the rest was not found."""
    points = make_clip("x", frames, seed=seed).points.copy()
    points[..., 2] = score
    points[..., 0] += away
    points[:, [n for n in range(137) if n not in WHOLEBODY]] = 0
    return points


def instance(points, **more):
    given = points[list(WHOLEBODY)].tolist()
    scores = [point[2] for point in given]
    return {"keypoints": [point[:2] for point in given], "keypoint_scores": scores, **more}


def mmpose(path, people, track=False):
    frames = []
    for number, frame in enumerate(zip(*people, strict=True)):
        ids = [{"track_id": 7 + n} if track else {} for n in range(len(frame))]
        instances = [instance(one, **own) for one, own in zip(frame, ids, strict=True)]
        frames.append({"frame_id": number + 1, "instances": instances})
    path.write_text(json.dumps({"meta_info": {}, "instance_info": frames}))
    return path


def alphapose(path, people):
    """Without the frames in which nobody is found, one person after the other."""
    entries = [
        {
            "image_id": f"{number}.jpg",
            "keypoints": one[list(WHOLEBODY)].ravel().tolist(),
            "score": 2.5,
            "idx": [float(n + 1)],
        }
        for n, points in enumerate(people)
        for number, one in enumerate(points)
        if one.any()
    ]
    path.write_text(json.dumps(entries))
    return path


def landmarks():
    with np.load(REPOSITORY / "tests/pose/landmarks.npz") as file:
        return file["landmarks"]


def as_json(given):
    """As MediaPipe's users write results: a part that was not found is null."""
    frames = []
    for frame in given:
        parts = {}
        for name, part in zip(
            ("pose", "face", "left_hand", "right_hand"),
            np.split(frame, [33, 511, 532]),
            strict=True,
        ):
            points = [{"x": float(x), "y": float(y), "z": 0.0} for x, y, _ in part]
            if name == "pose":
                for one, (*_, visibility) in zip(points, part, strict=True):
                    one["visibility"] = float(visibility)
            parts[f"{name}_landmarks"] = points if part.any() else None
        frames.append(parts)
    return frames


@pytest.mark.parametrize("write", [mmpose, alphapose])
def test_wholebody_points_are_read_as_written(tmp_path, write):
    points = person(1)
    frames = read_detections(write(tmp_path / "a.json", [points]), None, HEIGHT, WIDTH)
    assert [len(people) for people in frames] == [1] * 4
    found = np.stack([one.points for (one,) in frames])
    np.testing.assert_allclose(found[:, list(WHOLEBODY)], points[:, list(WHOLEBODY)])


def test_a_frame_without_anybody_keeps_its_place(tmp_path):
    points = person(1, frames=5)
    points[[0, 2]] = 0
    frames = read_detections(alphapose(tmp_path / "a.json", [points]), None, HEIGHT, WIDTH)
    assert [len(people) for people in frames] == [0, 1, 0, 1, 1]


@pytest.mark.parametrize("form", ["json", "frames", "flat", "npy", "mesh468"])
def test_landmarks_are_mapped_like_those_of_videos(tmp_path, form):
    given = landmarks()
    path = tmp_path / ("a.json" if form in ("json", "frames") else "a.npy")
    whole = np.insert(given, 2, 0.0, axis=2)  # x, y, z, visibility
    whole[:, 33:, 3] = 0  # which MediaPipe gives of the pose alone
    if form == "flat":
        rest = whole[:, 33:, :3].reshape(len(whole), -1)
        np.save(path, np.concatenate([whole[:, :33].reshape(len(whole), -1), rest], axis=1))
    elif form == "npy":
        whole[~given.any(axis=2)] = np.nan
        np.save(path, whole)
    elif form == "mesh468":
        np.save(path, np.delete(whole, range(501, 511), axis=1))
    else:
        frames = as_json(given)
        path.write_text(json.dumps({"frames": frames} if form == "frames" else frames))
    found = np.stack([people[0].points for people in read_detections(path, None, HEIGHT, WIDTH)])
    wanted = openpose_points(given, named_format("mediapipe553"), HEIGHT, WIDTH)
    if form == "mesh468":
        wanted[:, 93:95] = 0  # no irises, no pupils
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3)


def data(root, table, **more):
    (root / "clips.csv").write_text(f"recording_id,label,start,end\n{table}")
    sizes = {"fps": 25, "height": HEIGHT, "width": WIDTH}
    places = {"root": root / "in", "segments": root / "clips.csv", "split": SPLIT}
    return {"format": "detections", **places, **sizes, **more}


@pytest.fixture
def pair(tmp_path):
    """Two people in one file, and one in each of two more."""
    one, other = person(1), person(2, away=900, score=0.4)
    (tmp_path / "in/val").mkdir(parents=True)
    mmpose(tmp_path / "in/train.json", [one, other])
    alphapose(tmp_path / "in/val/alphapose-results.json", [one])
    mmpose(tmp_path / "in/test.json", [other])
    return one, other


def test_clips_are_cut_out_of_the_subject(tmp_path, pair):
    section = data(tmp_path, "train,wave,1,2\nval,rest,0,3\ntest,rest,0,9\n")
    items = list(read_clips(section, NAMES, whole=True))
    clips = [one for one in items if not isinstance(one, BadClip | Recording)]
    assert [(clip.clip_id, clip.split, clip.label) for clip in clips] == [
        ("train_0", "train", 1),
        ("val_0", "val", 0),
    ]
    seen = clips[0].points
    np.testing.assert_allclose(seen[:, 0], pair[0][1:3, 0])
    np.testing.assert_allclose(seen[:, 1, :2], seen[:, [2, 5], :2].mean(axis=1), rtol=1e-5)
    assert [one.clip_id for one in items if isinstance(one, Recording)] == ["test", "train", "val"]
    (bad,) = (one for one in items if isinstance(one, BadClip))
    assert "frames 0..9, but the recording has 4" in bad.reason


def test_everybody_may_be_a_recording(tmp_path, pair):
    subjects = tmp_path / "subjects.csv"
    subjects.write_text("video,subject\ntrain_p1,anna\nval_p0,val\ntest_p0,test\n")
    table = "train_p1,wave,1,2\nval_p0,rest,0,3\ntest_p0,rest,0,3\n"
    section = data(tmp_path, table, people="all", subjects=subjects)
    items = list(read_clips(section, NAMES, 2, whole=True))
    whole = {one.clip_id: one for one in items if isinstance(one, Recording)}
    assert list(whole) == ["test_p0", "train_p0", "train_p1", "val_p0"]
    assert (whole["train_p1"].subject, whole["train_p0"].subject) == ("anna", "train_p0")
    for name, points in zip(("train_p0", "train_p1"), pair, strict=True):
        np.testing.assert_allclose(whole[name].points[:, 0], points[:, 0], rtol=1e-5)


def test_a_trackers_numbers_are_believed(tmp_path):
    one, other = person(1), person(2, away=900, score=0.4)
    swapped = [np.concatenate([a[:2], b[2:]]) for a, b in ((one, other), (other, one))]
    tracked = read_detections(mmpose(tmp_path / "a.json", swapped, True), None, HEIGHT, WIDTH)
    np.testing.assert_allclose(everyone(tracked)[0][:, 0], swapped[0][:, 0], rtol=1e-5)
    bare = read_detections(mmpose(tmp_path / "b.json", swapped), None, HEIGHT, WIDTH)
    np.testing.assert_allclose(everyone(bare)[0][:, 0], one[:, 0], rtol=1e-5)


POINTS17 = ", ".join(["1"] * 51)
PIXELS = ", ".join(["[300, 200, 0, 1]"] * 33)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is not valid JSON"),
        ("3", "found 3, expected a list of frames with instances"),
        ("[]", "holds no frame"),
        ('[{"a": 1}]', "found 'a', expected a list of frames"),
        ('[{"instances": [{"keypoints": 1}]}]', "frame 0: found .*expected an instance with"),
        (
            '[{"instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1]}]}]',
            "frame 0: has 1 points, expected one of 16, 17",
        ),
        (
            '[{"instances": [{"keypoints": [[1, "x"]], "keypoint_scores": [1]}]}]',
            "expected numbers",
        ),
        ('[{"image_id": "a.jpg", "keypoints": [1, 2, 3]}]', "person 0: image_id is 'a.jpg'"),
        (
            f'[{{"image_id": "99999999.jpg", "keypoints": [{POINTS17}]}}]',
            "names frame 99999999 but only 1",
        ),
        ('[{"pose_landmarks": [{"x": 1, "y": 2}]}]', r"pose_landmarks has shape \(1, 4\)"),
        (f'[{{"pose_landmarks": [{PIXELS}]}}]', "its coordinates are pixels"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, said):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=f"a.json.*{said}"):
        read_detections(tmp_path / "a.json", None, HEIGHT, WIDTH)


def test_what_is_wrong_with_an_array_is_said(tmp_path):
    for shape, said in (((3, 4), r"shape \(3, 4\), expected"), ((3, 20, 3), "has 20 landmarks")):
        np.save(tmp_path / "a.npy", np.zeros(shape))
        with pytest.raises(InputError, match=f"a.npy: .*{said}"):
            read_detections(tmp_path / "a.npy", None, HEIGHT, WIDTH)
    content = (tmp_path / "a.npy").read_bytes()
    huge = content.replace(b"(3, 20, 3), }      ", b"(9000000, 33, 4), }")
    for bad in (b"", b"nothing", b"PK\x03\x04 an archive", content[:60], huge):
        (tmp_path / "a.npy").write_bytes(bad)
        with pytest.raises(InputError, match=r"a.npy: ") as error:
            read_detections(tmp_path / "a.npy", None, HEIGHT, WIDTH)
        assert len(str(error.value)) < 400


@pytest.mark.parametrize("people", ["subject", "all"])
def test_a_table_must_name_recordings_that_are_there(tmp_path, people):
    (tmp_path / "in").mkdir()
    section = data(tmp_path, "train_p0,rest,0,1\nzzz,rest,0,1\n", people=people)
    with pytest.raises(InputError, match=r"in: holds no file .json or .npy"):
        list(read_clips(section, NAMES))
    mmpose(tmp_path / "in/train.json", [person(1)])
    section["split"] = {**SPLIT, "val": [], "test": ["zzz"] if people == "all" else []}
    row = 3 if people == "all" else 2
    with pytest.raises(InputError, match=rf"row {row}: names recording '\w+', which .*in does not"):
        list(read_clips(section, NAMES))
