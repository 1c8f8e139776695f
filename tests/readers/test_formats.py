"""Every documented form is read back as what was written into it."""

import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from microgesture.data.classes import load_classes
from microgesture.data.keypoint_formats import named_format
from microgesture.data.layouts import load_layout
from microgesture.data.store import ORIGIN, Clip, iter_store, read_metadata, write_store
from microgesture.readers import openpose_frames
from microgesture.readers.common import COCO18, POINTS22
from microgesture.readers.sources import with_format
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256
from tests import formats
from tests.conftest import REPOSITORY
from tests.sections import keypoint_format, prepare_clips, read_clips

NAMES = load_classes(REPOSITORY / "config/classes/imigue.yaml")
NO_ORIGIN = dict.fromkeys(ORIGIN)
SHARED = REPOSITORY.parent / "shared" / "data"


def read(data, names=NAMES, workers=1):
    return list(read_clips(data, names, workers))


def assert_same(got, expected, numbers=range(137)):
    numbers = list(numbers)
    assert [type(clip) for clip in got] == [Clip] * len(expected)
    for a, b in zip(got, expected, strict=True):
        for name in ("clip_id", "label", "subject", "split", "fps", "height", "width"):
            assert getattr(a, name) == getattr(b, name), name
        np.testing.assert_array_equal(a.points[:, numbers], b.points[:, numbers])
        others = np.setdiff1d(np.arange(a.points.shape[1]), numbers)
        assert not a.points[:, others].any()


WRITERS = {
    "miga2025": formats.write_miga2025,
    "imigue2021": formats.write_imigue2021,
    "openpose_json": lambda root, clips: formats.write_openpose_json(root, clips, NAMES),
    "pyskl": formats.write_pyskl,
    "parquet": lambda root, clips: formats.write_parquet(root, clips, NAMES),
    "csv": lambda root, clips: formats.write_csv(root, clips, NAMES),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_clip_says_what_it_was_cut_from_where_that_is_known(tmp_path, name):
    clips = formats.some_clips()
    data = WRITERS[name](tmp_path, clips)
    expected = [(clip.subject, 0, len(clip.points)) for clip in clips]
    if name == "openpose_json":
        table = tmp_path / "labels.csv"
        head, *rows = table.read_text().splitlines()
        spans = ("1,2", "0,2", "2,3")
        lines = [f"{row},{span}" for row, span in zip(rows, spans, strict=True)]
        table.write_text("\n".join([f"{head},start,end", *lines]))
        counted = zip(clips, (1, 0, 2), strict=True)
        expected = [(clip.clip_id, start, len(clip.points)) for clip, start in counted]
    if name in ("pyskl", "parquet", "csv"):
        expected = [(None, None, None)] * 3
    found = read(data)
    write_store(tmp_path / "store", found, NAMES, "test")
    for each in (found, list(iter_store(tmp_path / "store"))):
        assert [(one.recording, one.start, one.recording_frames) for one in each] == expected


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", ["given", "auto"])
def test_all_137_points_come_through(tmp_path, name, kind):
    clips = formats.some_clips()
    data = WRITERS[name](tmp_path, clips)
    if kind == "auto":
        assert data["format"] == name
        data = with_format({"data": {**data, "format": "auto"}})["data"]
        assert data["format"] == name
    assert_same(read(data), clips)


@pytest.mark.parametrize("labels", ["ids", "names"])
def test_the_2023_release_comes_through(tmp_path, labels):
    clips = formats.some_clips()
    data = formats.write_release2023(tmp_path, clips)
    if labels == "names":
        for split, clip in zip(("train", "valid", "test"), clips, strict=True):
            pair = ([clip.clip_id], np.array([NAMES[clip.label]]))
            (tmp_path / f"{split}_label.pkl").write_bytes(pickle.dumps(pair))
    assert_same(read(data), clips, POINTS22)


def test_a_clip_that_fills_all_90_frames_and_one_with_a_gap(tmp_path):
    clips = formats.some_clips(frames=(90, 7, 1))
    clips[1].points[2:4] = 0  # nobody in the middle is no padding
    assert_same(read(formats.write_release2023(tmp_path, clips)), clips, POINTS22)


@pytest.mark.parametrize("protocol", range(6))
def test_pyskl_in_every_pickle_protocol(tmp_path, protocol):
    clips = formats.some_clips()
    assert_same(read(formats.write_pyskl(tmp_path, clips, protocol)), clips)


@pytest.mark.parametrize("protocol", range(6))
def test_pyskl_with_arrays_whose_axes_were_exchanged(tmp_path, protocol):
    clips = formats.some_clips()
    entries = formats.annotations(clips)
    for entry in entries:
        # as converters of the arrays (C, T, V, M) give it: the memory stays as it was
        cube = np.ascontiguousarray(entry["keypoint"].transpose(3, 1, 2, 0))
        entry["keypoint"] = cube.transpose(3, 1, 2, 0)
        entry["keypoint_score"] = np.asfortranarray(entry["keypoint_score"])
    content = {"split": {c.split: [c.clip_id] for c in clips}, "annotations": entries}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol))
    assert_same(read({"format": "pyskl", "path": str(tmp_path / "a.pkl"), "fps": 25.0}), clips)


@pytest.mark.parametrize("numbers", [range(25), POINTS22])
def test_pyskl_with_fewer_points(tmp_path, numbers):
    clips = formats.some_clips()
    assert_same(read(formats.write_pyskl(tmp_path, clips, numbers=numbers)), clips, numbers)


@pytest.mark.parametrize(("numbers", "added"), [(COCO18, [8]), (named_format("coco17"), [1, 8])])
def test_neck_and_mid_hip_lie_between_shoulders_and_hips(tmp_path, numbers, added):
    clips = formats.some_clips(missing=False)
    clips[0].points[0, [5, 9]] = 0
    got = read(formats.write_pyskl(tmp_path, clips, numbers=numbers))
    for a, b in zip(got, clips, strict=True):
        np.testing.assert_array_equal(a.points[:, list(numbers)], b.points[:, list(numbers)])
        for target in added:
            left, right = (b.points[:, side] for side in ((2, 5) if target == 1 else (9, 12)))
            middle = np.concatenate(
                [(left + right)[:, :2] / 2, np.minimum(left, right)[:, 2:]], axis=1
            )
            middle[(left[:, 2] == 0) | (right[:, 2] == 0)] = 0
            np.testing.assert_allclose(a.points[:, target], middle, rtol=1e-6)
    assert not got[0].points[0, 8].any()


def test_coco17_is_mapped_side_by_side():
    # COCO: nose, left and right eye, ear, shoulder, elbow, wrist, hip, knee, ankle
    assert named_format("coco17") == (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11)
    layout = load_layout(REPOSITORY / "config/layouts/openpose22.yaml")
    assert tuple(layout.points.tolist()) == POINTS22


def test_pyskl_points_of_the_config_without_scores(tmp_path):
    clips = formats.some_clips()
    for clip in clips:
        clip.points[..., 2] = clip.points[..., 2] > 0
    numbers = [4, 7, 0, 136]
    data = formats.write_pyskl(tmp_path, clips, numbers=numbers, scores=False)
    for clip in clips:
        clip.points[0, 4] = (5, 5, 1)
    data = formats.write_pyskl(tmp_path, clips, numbers=numbers, scores=False)
    assert_same(read({**data, "points": numbers}), clips, numbers)


def test_pyskl_takes_the_surest_person(tmp_path):
    clips = formats.some_clips()
    entries = formats.annotations(clips)
    for entry in entries:
        other = entry["keypoint"] + 7
        entry["keypoint"] = np.concatenate([other, entry["keypoint"], other])
        score = entry["keypoint_score"]
        entry["keypoint_score"] = np.concatenate([score / 2, score, score / 3])
    content = {"split": {c.split: [c.clip_id] for c in clips}, "annotations": entries}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    data = {"format": "pyskl", "path": str(tmp_path / "a.pkl"), "fps": 25.0}
    assert_same(read(data), clips)


def test_pyskl_splits_are_chosen_by_the_config(tmp_path):
    clips = formats.some_clips()
    ids = [clip.clip_id for clip in clips]
    splits = {"xsub_train": ids[:1], "xsub_val": ids[1:2], "xview_train": ids[1:], "xview_val": []}
    content = {"split": splits, "annotations": formats.annotations(clips)}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    data = {"format": "pyskl", "path": str(tmp_path / "a.pkl"), "fps": 25.0}
    got = read({**data, "splits": {"xsub_train": "train", "xsub_val": "test"}})
    assert [(c.clip_id, c.split) for c in got] == [(ids[0], "train"), (ids[1], "test")]


def test_a_bare_list_of_annotations_is_split_by_subject(tmp_path):
    clips = formats.some_clips()
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(formats.annotations(clips)))
    split = {"by": "subject", "val": ["0001"], "test": ["0002"]}
    assert_same(read({"format": "pyskl", "path": str(path), "fps": 25.0, "split": split}), clips)


SMG_NAMES = load_classes(REPOSITORY / "config/classes/smg.yaml")


@pytest.mark.parametrize("flat", [False, True])
def test_smg_comes_through_with_kinects_points(tmp_path, flat):
    clips = formats.some_clips()
    for clip in clips:
        clip.points[..., 2] = clip.points[..., :2].any(axis=2)
    data = formats.write_smg(tmp_path, clips)
    if flat:
        (tmp_path / "flat").mkdir()
        for folder in sorted(tmp_path.glob("smg*/*")):
            folder.rename(tmp_path / "flat" / folder.name)
        split = {"by": "subject", "val": ["0001"], "test": ["0002"]}
        data = {**data, "root": str(tmp_path / "flat"), "split": split}
    got = read(data, SMG_NAMES)
    assert [clip.points.shape[1] for clip in got] == [25, 25, 25]
    for a, b in zip(got, clips, strict=True):
        assert (a.label, a.split, a.subject, a.fps) == (b.label, b.split, b.subject, 25.0)
        np.testing.assert_array_equal(a.points, b.points[:, :25])


def test_a_store_of_kinects_points_takes_a_layout_made_for_them(tmp_path, layout22):
    clips = formats.some_clips()
    data = formats.write_smg(tmp_path, clips)
    store, out = tmp_path / "clips.parquet", tmp_path / "s.arrow"
    write_store(store, read(data, SMG_NAMES), SMG_NAMES, "smg", order=keypoint_format(data))
    order = read_metadata(store)["points"]
    assert order == "kinect25-v1"
    config = {
        "cleaning": {"min_score": 0.1, "max_jump": 1.5},
        "length": None,
        "on_bad_clip": "skip",
    }
    layout = load_layout(REPOSITORY / "config/layouts/kinect25.yaml")
    manifest = prepare_clips(iter_store(store), layout, config, out, order)
    assert (manifest["joints"], manifest["clips"]) == (25, 3)
    with pytest.raises(InputError, match=r"openpose22 numbers .* holds kinect25-v1"):
        prepare_clips(iter_store(store), layout22, config, out, order)
    with pytest.raises(InputError, match="kinect25 numbers"):
        prepare_clips(iter_store(store), layout, config, out)


def test_csv_by_subject(tmp_path):
    clips = formats.some_clips()
    data = formats.write_csv(tmp_path, clips, NAMES)
    split = {"by": "subject", "val": ["0000"], "test": ["0001"]}
    assert [c.split for c in read({**data, "split": split})] == ["val", "test", "train"]


# Folders of OpenPose JSON: what is legal in them.


def read_table(root, rows, header="folder,label,subject,split,start,end,clip_id", **settings):
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    data = {"format": "openpose_json", "root": str(root), "labels": str(root / "labels.csv")}
    return read({**data, **formats.SIZE, **settings}, NAMES)


def test_parts_of_a_recording_get_numbered_ids(tmp_path):
    points = formats.some_clips()[0].points
    formats.write_frames(tmp_path / "a b" / "تجربة", points, name="v_1")
    rows = [
        "a b/تجربة,turtle neck,s,train,1,3,",
        "a b/تجربة,,s,train,2.0,2,",
        "a b/تجربة,,s,train,,,whole",
    ]
    clips = read_table(tmp_path, rows)
    assert [c.clip_id for c in clips] == ["a b/تجربة_0", "a b/تجربة_1", "whole"]
    assert [c.label for c in clips] == [0, -1, -1]
    for clip, part in zip(clips, (points[1:4], points[2:3], points), strict=True):
        np.testing.assert_array_equal(clip.points, part)


def test_frames_are_sorted_by_number_and_gaps_are_closed(tmp_path):
    points = formats.some_clips()[0].points
    for number, frame in zip((9, 10, 100, 7, 8), points[[2, 3, 4, 0, 1]], strict=True):
        formats.write_frame(tmp_path / f"v_{number}_keypoints.json", [formats.person(frame)])
    (tmp_path / "notes.json").write_text("{}")
    np.testing.assert_array_equal(openpose_frames.read_recording(tmp_path), points)


def test_a_frame_without_anybody_stays_empty(tmp_path):
    points = formats.some_clips()[0].points
    formats.write_frames(tmp_path / "v", points)
    formats.write_frame(tmp_path / "v" / f"clip_{1:012d}_keypoints.json", [])
    clip = read_table(tmp_path, ["v,,s,train,,,"])[0]
    assert not clip.points[1].any()
    np.testing.assert_array_equal(clip.points[[0, 2, 3, 4]], points[[0, 2, 3, 4]])


@pytest.mark.parametrize("body", [75, 54])
@pytest.mark.parametrize("without", ["face_keypoints_2d", "hand_left_keypoints_2d"])
@pytest.mark.parametrize("empty", [True, False])
def test_version_12_coco18_and_parts_that_are_missing(tmp_path, body, without, empty):
    points = formats.some_clips(missing=False)[0].points[0]
    entry = formats.person(points, body=body, version=1.2)
    assert "person_id" not in entry
    entry.pop(without)
    if empty:
        entry[without] = []
    formats.write_frame(tmp_path / "v_0_keypoints.json", [entry], 1.2)
    got = openpose_frames.read_recording(tmp_path)[0]
    expected = points.copy()
    expected[slice(25, 95) if "face" in without else slice(95, 116)] = 0
    if body == 54:
        expected[19:25] = 0
        expected[8] = [*(points[9, :2] + points[12, :2]) / 2, min(points[9, 2], points[12, 2])]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_scores_above_one_and_coordinates_off_the_picture(tmp_path):
    points = formats.some_clips()[0].points
    points[0, 100] = (-12.5, 2000, 1.051)
    points[1, 30] = (44, 55, 0)  # not found, but not at (0, 0): the score is what counts
    formats.write_frames(tmp_path / "v", points)
    clip = read_table(tmp_path, ["v,,s,train,,,"])[0]
    assert clip.points[0, 100].tolist() == [-12.5, 2000, 1]
    assert clip.points[1, 30].tolist() == [0, 0, 0]


def test_a_link_within_the_data_folder_is_followed(tmp_path):
    points = formats.some_clips()[0].points
    formats.write_frames(tmp_path / "v", points)
    (tmp_path / "w").symlink_to("v")
    assert [c.clip_id for c in read_table(tmp_path, ["v,,s,train,,,", "w,,s,val,,,"])] == ["v", "w"]


@pytest.mark.parametrize("name", ["openpose_json", "smg"])
def test_two_processes_give_what_one_gives(tmp_path, name):
    names = SMG_NAMES
    clips = formats.some_clips()
    if name == "smg":
        data = formats.write_smg(tmp_path, clips)
    else:
        data = formats.write_openpose_json(tmp_path, clips, names)
    one, two = read(data, names), read(data, names, workers=2)
    for a, b in zip(one, two, strict=True):
        assert a.clip_id == b.clip_id
        np.testing.assert_array_equal(a.points, b.points)


# Recordings by other people; not part of the repository.


def real(*parts):
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip("recordings by other people, not part of the repository")
    return path


def test_real_frames_of_version_12():
    points = openpose_frames.read_recording(real("openpose_json", "body25_v1.2_sign"))
    assert points.shape == (157, 137, 3)
    assert (points[:, 1, 2] > 0).mean() > 0.9
    assert not points[:, 25:].any()


def test_real_words_in_folders_with_arabic_names(tmp_path):
    root = real("openpose_json", "body25_hands_words")
    folders = sorted(path.relative_to(root) for path in root.glob("*/*"))
    table = tmp_path / "labels.csv"
    rows = [f'"{folder}",,{folder.parts[0]},train' for folder in folders]
    table.write_text("\n".join(["folder,label,subject,split", *rows]), encoding="utf-8")
    data = {"format": "openpose_json", "root": str(root), "labels": str(table), **formats.SIZE}
    clips = read(data)
    assert len(clips) == len(folders) >= 10
    assert [type(clip) for clip in clips] == [Clip] * len(clips)
    assert {clip.clip_id for clip in clips} == {folder.as_posix() for folder in folders}
    for clip in clips:
        assert len(clip.points) == len(list((root / clip.clip_id).glob("*.json")))
        assert (clip.points[:, 116:, 2] > 0).any() and not clip.points[:, 25:95].any()
        assert clip.points[..., 2].max() <= 1


def test_real_stills_with_face_and_hands(tmp_path):
    files = sorted(real("openpose_json", "full137_stills").glob("*.json"))
    for file in files:
        (tmp_path / file.name.split("_")[0]).mkdir()
        shutil.copy(file, tmp_path / file.name.split("_")[0])
    points = [openpose_frames.read_recording(folder)[0] for folder in sorted(tmp_path.iterdir())]
    seen = np.array([[part[:, 2].any() for part in np.split(p, [25, 95, 116])] for p in points])
    assert seen[:, :3].all() and not seen[:, 3].all()
    with pytest.raises(InputError, match="frames of several recordings, such as 00891_00"):
        openpose_frames.read_recording(files[0].parent)


def stores(tmp_path, clips, names, kinds):
    """Hashes of the stores that clips give by way of each format, without their recordings."""
    settings = {"fps": clips[0].fps, "height": clips[0].height, "width": clips[0].width}
    subjects = {clip.clip_id.rpartition("_")[0]: clip.subject for clip in clips}
    table = tmp_path / "subjects.csv"
    table.write_text("\n".join(["video,subject", *(f"{v},{s}" for v, s in subjects.items())]))
    written = {
        "parquet": lambda root: formats.write_parquet(root, clips, names),
        "csv": lambda root: formats.write_csv(root, clips, names),
        "openpose_json": lambda root: {
            **formats.write_openpose_json(root, clips, names),
            **settings,
        },
        "pyskl": lambda root: {
            **formats.write_pyskl(root, clips),
            **settings,
            "subjects": str(table),
        },
    }
    for kind in kinds:
        (tmp_path / kind).mkdir()
        store = tmp_path / f"{kind}.parquet"
        read = read_clips(written[kind](tmp_path / kind), names)
        write_store(store, (replace(clip, **NO_ORIGIN) for clip in read), names, "any")
        yield sha256(store)


def real_clips(step):
    names = load_classes(REPOSITORY / "config/classes/ksl13.yaml")
    path = real("ksl13", "clips.parquet")
    reader = read_clips({"format": "parquet", "path": str(path)}, names)
    return [clip for row, clip in enumerate(reader) if row % step == 0], names


def test_a_slice_of_a_real_set_gives_the_same_store_in_four_formats(tmp_path):
    clips, names = real_clips(200)  # all three splits, several classes
    assert {clip.split for clip in clips} == {"train", "val", "test"}
    kinds = ("parquet", "csv", "openpose_json", "pyskl")
    assert len(set(stores(tmp_path, clips, names, kinds))) == 1


@pytest.mark.slow
def test_a_whole_real_set_gives_the_same_store_in_three_formats(tmp_path):
    clips, names = real_clips(1)
    assert len(clips) == 2470
    assert len(set(stores(tmp_path, clips, names, ("parquet", "openpose_json", "pyskl")))) == 1
