"""Annotations in several files, one a clip, compressed, or with their labels beside them."""

import pickle

import numpy as np
import pytest
import yaml

from microgesture.readers import pyskl
from microgesture.readers.annotations import LARGEST, decompress
from microgesture.readers.sources import with_format
from microgesture.utils.errors import InputError
from microgesture.workflow.checks import check_config
from microgesture.workflow.named_files import check_files
from tests import formats
from tests.conftest import REPOSITORY
from tests.readers.test_formats import assert_same
from tests.refusals import NAMES, bad, fails, read
from tests.sections import raw_files, read_clips, section

FPS = {"format": "pyskl", "fps": 25.0}


def dump(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    return str(path)


@pytest.fixture
def clips():
    return formats.some_clips()


@pytest.fixture
def entries(clips):
    return formats.annotations(clips)


@pytest.fixture
def files(tmp_path, clips, entries):
    """A file for each split, with `split` in it, as converters of the 2023 arrays write them."""
    return {
        clip.split: dump(
            tmp_path / f"x_{clip.split}.pkl",
            {
                "split": {"valid" if clip.split == "val" else clip.split: [clip.clip_id]},
                "annotations": [entry],
            },
        )
        for clip, entry in zip(clips, entries, strict=True)
    }


def bare_lists(tmp_path, clips, entries):
    pairs = zip(clips, entries, strict=True)
    return {clip.split: dump(tmp_path / f"{clip.split}.pkl", [entry]) for clip, entry in pairs}


def test_a_list_of_files_with_splits_of_their_own(files, clips):
    for places in (list(files.values()), list(files.values())[::-1]):
        got = read({**FPS, "path": places})
        assert_same(sorted(got, key=lambda clip: clip.clip_id), clips)
    assert_same(read({**FPS, "paths": files}), clips)
    assert_same(read({**FPS, "path": list(files.values())[:2]}), clips[:2])


def test_a_file_that_names_all_splits_beside_others(tmp_path, files, clips, entries):
    splits = {clip.split: [clip.clip_id] for clip in clips}
    for clip, entry in zip(clips, entries, strict=True):
        dump(tmp_path / f"x_{clip.split}.pkl", {"split": splits, "annotations": [entry]})
    assert_same(read({**FPS, "path": list(files.values())}), clips)


def test_bare_lists_have_the_split_that_the_config_gives(tmp_path, clips, entries):
    places = {
        c.split: dump(tmp_path / f"{c.split}.pkl", [e]) for c, e in zip(clips, entries, strict=True)
    }
    assert_same(read({**FPS, "paths": places}), clips)
    assert_same(read({**FPS, "paths": {k: [v] for k, v in places.items()}}), clips)
    fails({**FPS, "path": list(places.values())}, "train.pkl: has no splits", "data.paths {train")
    by_subject = {"by": "subject", "val": ["0001"], "test": ["0002"]}
    assert_same(read({**FPS, "path": list(places.values()), "split": by_subject}), clips)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_of_one_pickle_a_clip(tmp_path, clips, entries, workers):
    for number, (clip, entry) in enumerate(zip(clips, entries, strict=True)):
        kind = "pickle" if number else "pkl"
        dump(tmp_path / "all" / clip.split / f"{clip.clip_id}.{kind}", entry)
    dump(tmp_path / "all" / "._x.pkl", 7)
    (tmp_path / "all" / "notes.txt").write_text("")
    folders = {clip.split: str(tmp_path / "all" / clip.split) for clip in clips}
    assert_same(list(read_clips({**FPS, "paths": folders}, NAMES, workers)), clips)
    data = {**FPS, "path": str(tmp_path / "all")}
    split = {"by": "subject", "val": ["0001"], "test": ["0002"]}
    got = sorted(read_clips({**data, "split": split}, NAMES, workers), key=lambda c: c.clip_id)
    assert_same(got, clips)
    fails(data, "has no splits")
    (tmp_path / "none").mkdir()
    fails({**FPS, "path": str(tmp_path / "none")}, "none: holds no pickle")


def test_several_files_are_in_memory_one_after_the_other(tmp_path, monkeypatch, clips, entries):
    monkeypatch.setattr(pyskl, "SMALL", 0)  # as if they were large
    read_one, alive = pyskl.read_annotations, []
    monkeypatch.setattr(
        pyskl, "read_annotations", lambda s, *a: alive.append(s.path.name) or read_one(s, *a)
    )
    places = {
        c.split: dump(tmp_path / f"{c.split}.pkl", [e]) for c, e in zip(clips, entries, strict=True)
    }
    reader = pyskl.read(section({**FPS, "paths": places}), NAMES, 2)
    next(reader)
    assert alive == ["train.pkl", "val.pkl", "test.pkl", "train.pkl"]


def test_what_does_not_agree_is_told(tmp_path, files, clips, entries):
    twice = dump(tmp_path / "again.pkl", [entries[0]])
    fails({**FPS, "path": [files["train"], twice]}, "again.pkl, annotation 0: frame_dir '0000_0'")
    fails({**FPS, "paths": {"val": files["train"]}}, "'0000_0' is in split train of the file, but")
    odd = dump(tmp_path / "odd.pkl", {"split": {"xsub": ["0001_0"]}, "annotations": [entries[1]]})
    fails({**FPS, "path": [files["train"], odd]}, "odd.pkl: has a split 'xsub'", "data.splits")
    both = {**FPS, "path": [files["train"], odd]}
    chosen = {"train": "train", "xsub": "val"}
    assert_same(read({**both, "splits": chosen}), clips[:2])
    fails({**both, "splits": {"yview": "val"}}, "has no split 'yview'; it has 'train, xsub'")


# PySKL's compressed form.


def compressed(points, order=None, extra=0):
    """Points (M, T, V, 3) as a list of persons over all frames, those that show somebody."""
    there = [
        (t, m) for t in range(points.shape[1]) for m in range(len(points)) if points[m, t].any()
    ]
    listed = np.stack([points[m, t] for t, m in there]) if there else np.zeros((0, 137, 3))
    return {
        "keypoint": listed.astype(np.float32),
        "frame_inds": np.array([t for t, _ in there], np.int16),
        "total_frames": points.shape[1] + extra,
    }


def reference(points, frames, total):
    """PySKL's `DecompressPose`, without leaving out frames that show nobody."""
    persons = [0] * total
    for frame in frames:
        persons[frame] += 1
    unfolded = np.zeros((max(persons), total, *points.shape[1:]), np.float32)
    persons = [0] * total
    for frame, person in zip(frames, points, strict=True):
        unfolded[persons[frame], frame] = person
        persons[frame] += 1
    return unfolded


@pytest.mark.parametrize("seed", range(20))
def test_compressed_points_unfold_as_in_the_reference(seed):
    rng = np.random.default_rng(seed)
    total, count = int(rng.integers(1, 12)), int(rng.integers(1, 30))
    frames = rng.integers(0, total, count)
    if seed % 2:
        frames = np.sort(frames)
    points = rng.uniform(0, 700, (count, 17, 3)).astype("f2")
    given = {"keypoint": points, "frame_inds": frames.astype("i2"), "total_frames": total}
    kinds = [(given, points, frames)]
    chosen = np.flatnonzero(rng.random(count) < 0.5)
    if len(chosen):
        mask = np.isin(np.arange(count), chosen)
        kinds += [
            ({**given, "anno_inds": c}, points[chosen], frames[chosen]) for c in (chosen, mask)
        ]
    for annotation, listed, of in kinds:
        got = decompress(annotation)
        expected = reference(listed, of, total)
        np.testing.assert_array_equal(got["keypoint"], expected[..., :2])
        np.testing.assert_array_equal(got["keypoint_score"], expected[..., 2])
    plain = {"keypoint": points}
    assert decompress(plain) is plain


def test_compressed_annotations_are_read(tmp_path, clips, entries):
    for clip, entry in zip(clips, entries, strict=True):
        del entry["keypoint_score"], entry["original_shape"]
        entry.update(compressed(clip.points[None]), box_score=np.ones(9, np.float16))
        entry["frame_inds"] = (
            entry["frame_inds"].tolist() if clip.split == "val" else entry["frame_inds"]
        )
    path = dump(
        tmp_path / "a.pkl", {"split": {c.split: [c.clip_id] for c in clips}, "annotations": entries}
    )
    assert_same(read({**FPS, "path": path}), clips)
    # a frame that shows nobody stays where it is
    entries[0].update(compressed(clips[0].points[None], extra=2))
    entries[0]["frame_inds"] = entries[0]["frame_inds"] + 1
    dump(
        tmp_path / "a.pkl", {"split": {c.split: [c.clip_id] for c in clips}, "annotations": entries}
    )
    got = read({**FPS, "path": path})[0].points
    assert len(got) == 7 and not got[[0, 6]].any()
    np.testing.assert_array_equal(got[1:6], clips[0].points)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frame_inds": [0, 1]}, "frame_inds has shape (2,), expected (5,) whole numbers"),
        ({"frame_inds": [0.0] * 5}, "frame_inds has shape (5,), expected (5,) whole"),
        ({"frame_inds": [0, 1, 2, 3, 5]}, "frame_inds has numbers from 0 to 5"),
        ({"frame_inds": [-1, 1, 2, 3, 4]}, "frame_inds has numbers from -1 to 4"),
        ({"frame_inds": [0, [1], 2, 3, 4]}, "frame_inds is [0, [1], 2, 3, 4], expected whole"),
        ({"frame_inds": {"a": 0}}, "frame_inds has shape ()"),
        ({"anno_inds": [[0], [1, 2]]}, "anno_inds is [[0], [1, 2]], expected whole numbers"),
        ({"total_frames": "5"}, "below total_frames, '5'"),
        ({"total_frames": 10**12}, f"more than {LARGEST} points in all"),
        ({"keypoint": np.zeros((5, 137, 2))}, "keypoint has shape (5, 137, 2) beside frame_inds"),
        ({"anno_inds": np.array([], int)}, "expected those of at least one person"),
        ({"anno_inds": [7]}, "anno_inds is [7], expected different numbers below 5"),
        ({"anno_inds": [1, 1]}, "anno_inds is [1, 1]"),
        ({"anno_inds": np.array([True])}, "anno_inds is array([ True])"),
    ],
)
def test_compressed_annotations_that_are_wrong(tmp_path, clips, entries, changes, words):
    entries[0].update({**compressed(clips[0].points[None]), **changes})
    splits = {c.split: [c.clip_id] for c in clips}
    path = dump(tmp_path / "a.pkl", {"split": splits, "annotations": entries})
    bad({**FPS, "path": path}, "a.pkl, annotation 0", words)


def test_points_in_another_file_are_told(tmp_path):
    path = dump(tmp_path / "k400.pkl", [{"frame_dir": "a", "label": 0, "raw_file": "kp/1.pkl"}])
    fails({**FPS, "path": path}, "its points are in another file, 'kp/1.pkl'")


# MMN's files, and what Python 2 leaves.


@pytest.mark.parametrize("form", ["dict", "list", "bytes"])
def test_labels_in_a_file_beside_the_annotations(tmp_path, clips, entries, form):
    for clip, entry in zip(clips, entries, strict=True):
        label, name = entry.pop("label"), clip.clip_id
        del entry["img_shape"], entry["original_shape"], entry["total_frames"]
        dump(tmp_path / f"{clip.split}_data.pkl", {"annotations": [entry]})
        labels = {
            "dict": {name: label},
            "list": [{"file_name": name, "length": 5, "label": label}],
            "bytes": {name.encode(): np.int64(label)},
        }[form]
        dump(tmp_path / f"{clip.split}_label.pkl", labels)
    size = {"height": 720, "width": 1280}
    data = {**FPS, "path": str(tmp_path), **size}
    expected = [clips[2], clips[0], clips[1]]  # test, train, val
    assert_same(read(data), expected)
    assert with_format({"data": {**data, "format": "auto"}})["data"] == data
    assert {path.rsplit("/")[-1] for path in raw_files(data)} == {
        f"{s}_{k}.pkl" for s in ("train", "val", "test") for k in ("data", "label")
    }
    fails({**FPS, "path": str(tmp_path)}, "has no label, img_shape", "data.height and data.width")
    (tmp_path / "test_label.pkl").unlink()
    paths = {s: str(tmp_path / f"{s}_data.pkl") for s in ("train", "val", "test")}
    assert [clip.label for clip in read({**FPS, "paths": paths, **size})] == [0, 1, -1]
    dump(tmp_path / "val_label.pkl", [{"file": 1}])
    fails({**FPS, "paths": paths, **size}, "val_label.pkl, entry 0: expected a dict {clip: label}")


def test_a_label_that_the_file_beside_gives_otherwise(tmp_path, entries):
    path = dump(tmp_path / "train_data.pkl", entries[:1])
    dump(tmp_path / "train_label.pkl", {"0000_0": 2})
    fails({**FPS, "path": path}, "annotation 0: its label is 0, but 2 in the file of labels")


def test_keys_and_names_that_are_bytes(tmp_path, clips, entries):
    splits = {c.split.encode(): np.array([c.clip_id.encode()]) for c in clips}
    old = [
        {k.encode(): v.encode() if isinstance(v, str) else v for k, v in e.items()} for e in entries
    ]
    old[0][b"label"], old[1][b"label"] = NAMES[0].encode(), np.str_(NAMES[1])
    old[2][b"label"] = np.array(2)
    path = dump(tmp_path / "a.pkl", {b"split": splits, b"annotations": old})
    assert_same(read({**FPS, "path": path}), clips)


# In the config.


def check(data):
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    config["data"] = {"name": "x", "on_bad_clip": "stop", **data}
    return check_config(config, "c.yaml")


def test_the_config_takes_one_path_several_and_one_for_each_split(tmp_path, files, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    many = list(files.values())
    for places in ({"path": many[0]}, {"path": many}, {"paths": files}, {"paths": {"val": many}}):
        config = check({**FPS, **places})
        check_files(config, "c.yaml")
        expected = many[:1] if places == {"path": many[0]} else many
        data = config.data.given()
        assert sorted(raw_files(data)) == sorted(expected)
        assert with_format({"data": {**data, "format": "auto"}})["data"] == data
    for places in ({}, {"path": many, "paths": files}):
        with pytest.raises(InputError, match="data: expected one of path and paths"):
            check({**FPS, **places})
    with pytest.raises(InputError, match=r"data\.paths: unknown key 'valid'; did you mean 'val'"):
        check({**FPS, "paths": {"valid": "a.pkl"}})
    with pytest.raises(InputError, match=r"c\.yaml: data\.path: there is no nowhere\.pkl"):
        check_files(check({**FPS, "path": [many[0], "nowhere.pkl"]}), "c.yaml")
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(InputError, match="only pickles"):
        with_format({"data": {"format": "auto", "path": [many[0], str(tmp_path / "x.csv")]}})
