"""Bad arrays and pickles, of the release of 2023 and of PySKL: each is named in one line."""

import os
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from microgesture.readers.release2023 import open_clips
from microgesture.utils.errors import InputError
from tests import formats
from tests.refusals import bad, check, fails, read

# The release of 2023.


@pytest.fixture
def release(tmp_path):
    return formats.write_release2023(tmp_path, formats.some_clips())


def labels(tmp_path, content):
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps(content))


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (3, ["its label is 3, expected 0..2"]),
        (-1, ["its label is -1"]),
        ("jump", ["its label is 'jump'"]),
        (1.0, ["its label is 1.0"]),
        (True, ["its label is True"]),
        (None, ["its label is None"]),
        pytest.param(10**5000, ["its label is a int"], id="huge"),
        ([0], ["its label is [0]"]),
    ],
)
def test_a_label_of_2023_that_is_no_class(release, tmp_path, label, words):
    labels(tmp_path, (["0000_0"], [label]))
    bad(release, "train_data.npy, clip 0", "clip 0000_0", *words)
    bad(release, "train_data.npy, clip 0", *words, test_labels="placeholder")


@pytest.mark.parametrize("label", [None, -1, np.int64(-1), -2])
def test_a_test_label_of_2023_that_is_not_known(release, tmp_path, label):
    (tmp_path / "test_label.pkl").write_bytes(pickle.dumps((["0002_0"], [label])))
    assert [clip.label for clip in read(release)] == [0, 1, -1]


@pytest.mark.parametrize("label", [3, "jump", 1.0, True])
def test_a_test_label_of_2023_that_is_no_class_is_a_fault_or_a_placeholder(
    release, tmp_path, label
):
    (tmp_path / "test_label.pkl").write_bytes(pickle.dumps((["0002_0"], [label])))
    bad(release, "test_data.npy, clip 0", f"its label is {label!r}", number=2)
    assert [c.label for c in read(release, test_labels="placeholder")] == [0, 1, -1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ((["a", "b"], [0]), ["2 names and 1 labels"]),
        ((["a", "b"], [0, 1]), ["holds 1 clips", "train_label.pkl names 2"]),
        (([7], [0]), ["name 0 is 7, expected text"]),
        (([""], [0]), ["name 0 is ''"]),
        ({"names": []}, ["holds a dict, expected the pair (names, labels)"]),
        (("a", "b"), ["holds a tuple, expected the pair"]),
        ((np.array("a"), [0]), ["expected the pair"]),
    ],
)
def test_names_and_labels_of_2023_that_are_wrong(release, tmp_path, content, words):
    labels(tmp_path, content)
    fails(release, "train_label.pkl", *words)


@pytest.mark.parametrize(
    "content",
    [
        [["0000_0"], [0]],
        (("0000_0",), (np.int64(0),)),
        (np.array(["0000_0"]), np.array([0], np.uint8)),
        ([b"0000_0"], [b"wave"]),
        (np.array([b"0000_0"]), np.array(["wave"])),
        ([np.str_("0000_0")], [np.array(0)]),
    ],
)
def test_names_and_labels_of_2023_in_any_container(release, tmp_path, content):
    labels(tmp_path, content)
    first = read(release)[0]
    assert (first.clip_id, first.label) == ("0000_0", 0)


@pytest.mark.parametrize("code", ["<f4", ">f4", "<f2", ">f8"])
@pytest.mark.parametrize("change", [np.asfortranarray, np.ascontiguousarray])
def test_arrays_of_2023_in_any_memory_order(tmp_path, code, change):
    # two clips a split: of one, both orders of memory are the same
    clips = [
        replace(clip, clip_id=f"{clip.subject}_{number}", points=clip.points + number)
        for clip in formats.some_clips(missing=False)
        for number in (0, 1)
    ]
    data = formats.write_release2023(tmp_path, clips)
    expected = [clip.points for clip in read(data)]
    for name in ("train", "valid", "test"):
        path = tmp_path / f"{name}_data.npy"
        np.save(path, change(np.load(path).astype(code)))
    for clip, points in zip(read(data), expected, strict=True):
        np.testing.assert_allclose(clip.points, points, rtol=1e-3 if "f2" in code else 1e-7)


def test_points_of_2023_that_are_not_finite_or_all_zero(release, tmp_path):
    path = tmp_path / "train_data.npy"
    array = np.load(path)
    array[0, 0, 2, 3, 0] = np.nan
    np.save(path, array)
    bad(release, "train_data.npy, clip 0", "frame 2, point 3 holds", "nan")
    np.save(path, np.zeros_like(array))
    bad(release, "it has no frames, expected at least 1")


def header(shape, descr="'<f4'", fortran="False", version=1):
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["cannot be read as a numpy array"]),
        (b"hello, world", ["cannot be read as a numpy array"]),
        (header("(1, 3, 90, 22, 1)")[:40], ["cannot be read as a numpy array"]),
        (header("(1, 3, 90, 22, 1)", version=9), ["cannot be read as a numpy array"]),
        (header("(" * 3000), ["cannot be read as a numpy array"]),
        (header("(1, 3, 90, 22, 1)", "'|O'"), ["holds a object array"]),
        (header("(1, 3, 90, 22, 1)", "'<i4'"), ["holds a int32 array"]),
        (header("(1, 3, 90, 25, 1)"), ["shape (1, 3, 90, 25, 1), expected", "22, 1)"]),
        (header("(1, 3)"), ["shape (1, 3)"]),
        (header("(1, 3, 90, 22, 1)"), ["but holds 0 bytes"]),
        (header("(10000000000, 3, 90, 22, 1)") + b"\0" * 99, ["but holds 99 bytes"]),
        (header("(-1, 3, -90, 22, 1)"), ["but holds 0 bytes"]),
        (header("(0, 3, 90, 22, 1)"), ["holds no clip"]),
    ],
)
def test_an_array_of_2023_that_is_wrong(release, tmp_path, content, words):
    path = tmp_path / "train_data.npy"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_clips(path)
    check(str(caught.value), [path, *words])
    fails(release, path, *words)


def test_archives_and_objects_are_not_loaded(release, tmp_path):
    path = tmp_path / "train_data.npy"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", pickle.dumps(RUN))
    fails(release, path, "ZIP archive")
    path.write_bytes(pickle.dumps(RUN))
    fails(release, path, "cannot be read as a numpy array")
    np.save(path, np.array([RUN], object), allow_pickle=True)
    fails(release, path, "holds a object array")
    assert not RAN


def test_a_release_of_2023_without_arrays(tmp_path):
    data = {"format": "release2023", "root": str(tmp_path), **formats.SIZE}
    fails(data, tmp_path, "holds none of train_data.npy, valid_data.npy, test_data.npy")


# Pickles of PySKL.

RAN = []


class Run:
    def __reduce__(self):
        return (RAN.append, (1,)) if RAN else (os.system, ("touch ran",))


RUN = Run()


@pytest.fixture
def annotations(tmp_path):
    """A function that writes spoilt annotations and gives the data section."""
    clips = formats.some_clips()

    def write(split=None, **changes):
        entries = formats.annotations(clips)
        for key, value in changes.items():
            entries[0][key] = value(entries[0][key]) if callable(value) else value
        splits = split or {clip.split: [clip.clip_id] for clip in clips}
        content = {"split": splits, "annotations": entries}
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
        return {"format": "pyskl", "path": str(tmp_path / "a.pkl"), "fps": 25.0}

    return write


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": 3}, ["its label is 3, expected 0..2"]),
        ({"label": -1}, ["its label is -1"]),
        ({"label": None}, ["its label is None"]),
        ({"img_shape": (720,)}, ["img_shape is (720,), expected (height, width)"]),
        ({"img_shape": (720.5, 1)}, ["img_shape is (720.5, 1)"]),
        ({"img_shape": (0, 1280)}, ["img_shape is (0, 1280)"]),
        ({"img_shape": ([1], 2)}, ["img_shape is ([1], 2)"]),
        ({"img_shape": None}, ["img_shape is None"]),
        ({"total_frames": 7}, ["total_frames is 7, but keypoint has 5 frames"]),
        ({"total_frames": "5"}, ["total_frames is '5'"]),
        ({"keypoint": lambda k: k[0]}, ["keypoint has shape (5, 137, 2)", "(persons, frames"]),
        (
            {"keypoint": lambda k: np.repeat(k[..., :1], 3, 3)},
            ["keypoint has shape (1, 5, 137, 3)"],
        ),
        ({"keypoint": lambda k: k.tolist()}, ["keypoint has type list"]),
        ({"keypoint": lambda k: k[:, :0]}, ["shape (1, 0, 137, 2)", "one person and frame"]),
        ({"keypoint": lambda k: k[:0]}, ["shape (0, 5, 137, 2)"]),
        ({"keypoint": lambda k: k.astype("U5")}, ["keypoint has shape"]),
        ({"keypoint_score": lambda s: s[:, 1:]}, ["keypoint_score has shape (1, 4, 137)"]),
        ({"keypoint_score": 1.0}, ["keypoint_score has no array"]),
        ({"keypoint": lambda k: k * np.nan}, ["frame 0, point 0 holds", "nan"]),
        ({"keypoint": lambda k: k + np.inf}, ["holds"]),
        ({"keypoint_score": lambda s: s * 0}, ["no visible point in any of its 5 frames"]),
        (
            {"keypoint": lambda k: k[:, :, :30], "keypoint_score": lambda s: s[:, :, :30]},
            ["has 30 points, expected 137 or one of 16, 17, 18, 20, 22, 25,", "data.points"],
        ),
    ],
)
def test_an_annotation_that_is_wrong(annotations, changes, words):
    bad(annotations(**changes), "a.pkl, annotation 0", "clip 0000_0", *words)


def test_a_label_of_pyskl_is_missing_in_train_or_in_test(tmp_path):
    data = formats.write_pyskl(tmp_path, formats.some_clips())
    content = pickle.loads((tmp_path / "clips.pkl").read_bytes())
    for unknown in (None, -1, np.int64(-3)):
        content["annotations"][2]["label"] = unknown
        (tmp_path / "clips.pkl").write_bytes(pickle.dumps(content))
        assert [clip.label for clip in read(data)] == [0, 1, -1]
    del content["annotations"][2]["label"]
    (tmp_path / "clips.pkl").write_bytes(pickle.dumps(content))
    assert [clip.label for clip in read(data)] == [0, 1, -1]
    del content["annotations"][0]["label"]
    (tmp_path / "clips.pkl").write_bytes(pickle.dumps(content))
    bad(data, "clips.pkl, annotation 0", "its label is None, expected 0..2")


def test_test_labels_of_pyskl_are_faults_or_placeholders(tmp_path):
    data = formats.write_pyskl(tmp_path, formats.some_clips())
    assert [c.label for c in read(data, test_labels="real")] == [0, 1, 2]
    assert [c.label for c in read(data, test_labels="placeholder")] == [0, 1, -1]
    content = pickle.loads((tmp_path / "clips.pkl").read_bytes())
    content["annotations"][2]["label"] = 99
    (tmp_path / "clips.pkl").write_bytes(pickle.dumps(content))
    bad(data, "annotation 2", "its label is 99", number=2)
    assert [c.label for c in read(data, test_labels="placeholder")] == [0, 1, -1]


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"train": ["0000_0"], "xsub_val": []}, ["has a split 'xsub_val'", "data.splits"]),
        ({"train": ["0000_0", "9"]}, ["split 'train' names '9', which has no annotation"]),
        ({"train": ["0000_0"], "val": ["0000_0"]}, ["'0000_0' is in train and in val"]),
        ({"train": 5}, ["split 'train' is no list"]),
        ({"train": [["0000_0"]]}, ["names ['0000_0']"]),
        ([1], ["expected what PySKL reads"]),
    ],
)
def test_splits_that_are_wrong(annotations, split, words):
    fails(annotations(split=split), "a.pkl", *words)


def test_a_clip_in_no_split(annotations):
    bad(annotations(split={"train": ["0001_0", "0002_0"]}), "clip 0000_0", "no split of the file")


def test_pickles_that_hold_something_else(tmp_path):
    data = {"format": "pyskl", "path": str(tmp_path / "a.pkl"), "fps": 25.0}
    fails(data, "a.pkl: is not a file")

    def write(content):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))

    first = formats.annotations(formats.some_clips())[0]
    write([first])
    fails(data, "has no splits; give data.split")
    write(7)
    fails(data, "holds a int")
    write([7])
    fails(data, "annotation 0: is a int, expected a dict")
    write([{"frame_dir": "a"}])
    fails(data, "annotation 0: has no label, img_shape, keypoint; it has 'frame_dir'")
    write([{**first, "frame_dir": 7}])
    fails(data, "annotation 0: frame_dir is 7")
    write([first, first])
    fails(data, "annotation 1: frame_dir '0000_0' is also that of annotation 0")
    write({"split": {}, "annotations": [RUN]})
    fails(data, "asks for posix.system, which could run code")


def test_points_of_the_config_that_are_wrong(annotations):
    fails(annotations(), "data.points is [0, 0]", points=[0, 0])
    for points in ([137], [-1]):
        fails(annotations(), "data.pyskl.points.list.0: ", points=points)
    items = read(annotations(), points=[1, 2], on_bad_clip="skip")
    assert "expected the 2 of data.points" in items[0].reason
