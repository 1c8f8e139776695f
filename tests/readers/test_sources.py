"""Telling a format by what lies there, and noticing when it changes."""

from pathlib import Path

import pytest

from microgesture.readers.folders import frame_files
from microgesture.readers.sources import detect, with_format
from microgesture.utils.errors import InputError
from tests import formats
from tests.sections import frames_digest, raw_files, read_clips

NAMES = ["wave", "nod", "rest"]
WRITERS = {
    "miga2025": formats.write_miga2025,
    "imigue2021": formats.write_imigue2021,
    "openpose_json": lambda root, clips: formats.write_openpose_json(root, clips, NAMES),
    "release2023": formats.write_release2023,
    "pyskl": formats.write_pyskl,
    "smg": formats.write_smg,
    "parquet": lambda root, clips: formats.write_parquet(root, clips, NAMES),
    "csv": lambda root, clips: formats.write_csv(root, clips, NAMES),
}


@pytest.mark.parametrize("name", WRITERS)
def test_each_format_is_told_by_its_files(tmp_path, name):
    data = WRITERS[name](tmp_path, formats.some_clips())
    place = data.get("root") or data["path"]
    assert detect(place) == name
    for key in ("root", "path"):  # under auto either will do
        rest = {k: v for k, v in data.items() if k not in ("root", "path", "format")}
        given = {"results": "r", "data": {**rest, key: place, "format": "auto"}}
        assert with_format(given) == {"results": "r", "data": data}


def test_a_named_format_is_left_alone():
    config = {"data": {"format": "csv", "path": "nowhere"}}
    assert with_format(config) == config
    assert with_format({}) == {}
    assert with_format({"data": None}) == {"data": None}


def test_auto_needs_one_place():
    for places in ({}, {"root": "a", "path": "b"}, {"root": 7}):
        with pytest.raises(InputError, match=r"needs one of data\.root and data\.path"):
            with_format({"data": {"format": "auto", **places}})


def test_nothing_and_several_are_one_message(tmp_path):
    with pytest.raises(InputError, match="there is no such file or folder"):
        detect(tmp_path / "none")
    with pytest.raises(InputError) as caught:
        detect(tmp_path)
    for name in ("0001_openpose.xlsx", "train_data.npy", "Sample0001", "_keypoints.json", ".pkl"):
        assert name in str(caught.value)
    clips = formats.some_clips()
    formats.write_release2023(tmp_path, clips)
    formats.write_smg(tmp_path, clips)
    with pytest.raises(InputError, match=r"several formats: .*release2023 \(.*; name one"):
        detect(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"notes\.txt: its format cannot be told .*\.parquet"):
        detect(tmp_path / "notes.txt")


def test_links_in_a_loop_do_not_trap_the_search(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").symlink_to("..")
    with pytest.raises(InputError, match="no known format"):
        detect(tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_read_is_an_input_or_in_the_digest(tmp_path, name):
    data = WRITERS[name](tmp_path, formats.some_clips())
    named = (
        {} if name in ("imigue2021", "openpose_json", "parquet", "csv") else {"subjects": "s.csv"}
    )
    files = raw_files({**data, **named})
    assert files == sorted(set(files), key=files.index)
    expected = {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    tables = set(named.values())
    if name == "imigue2021":  # of the videos only where they lie counts
        assert set(files) == {p for p in expected if "RGB" not in p}
        before = frames_digest(data)
        train = tmp_path / "iMiGUE_RGB_Phase1" / "imigue_rgb_train"
        train.joinpath("0000").rename(train.with_name("imigue_rgb_validate") / "0000")
        assert frames_digest(data) != before
    elif name == "openpose_json":
        assert set(files) == {data["labels"]}
    else:
        assert set(files) == expected | tables
        assert frames_digest(data) is None


def test_a_folder_that_is_not_there_stands_for_its_files(tmp_path):
    root = str(tmp_path / "away")
    assert raw_files({"format": "smg", "root": root, "subjects": "s.csv"}) == [root, "s.csv"]


def test_videos_are_inputs_whatever_their_names(tmp_path):
    data = formats.write_miga2025(tmp_path, formats.some_clips())
    before = raw_files(data)
    sheet = Path(next(path for path in before if path.endswith("_openpose.xlsx")))
    video, name = sheet.parent, sheet.parent.name
    for path in video.iterdir():
        path.rename(video / path.name.replace(name, "v02"))
    video.rename(video.with_name("v02"))
    assert len(raw_files(data)) == len(before)


def linked(root, elsewhere, pattern):
    """Move the folders that match elsewhere and leave links in their places."""
    for folder in sorted(root.glob(pattern)):
        target = elsewhere / folder.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(target)
        folder.symlink_to(target)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("miga2025", "*/datasets/imigue_skeleton_*"),
        ("miga2025", "imigue_data_phase1"),
        ("miga2025", "*/datasets/*/*"),
        ("smg", "smg_skeleton_*"),
        ("smg", "*/*"),
    ],
)
def test_linked_folders_are_listed_as_they_are_read(tmp_path, name, pattern):
    root = tmp_path / "root"
    root.mkdir()
    names = [f"c{n}" for n in range(32)]
    data = WRITERS[name](root, formats.some_clips())
    clips = [clip.clip_id for clip in read_clips({**data, "subjects": None}, names)]
    before = raw_files(data)
    assert before
    linked(root, tmp_path / "disk", pattern)
    assert raw_files(data) == before
    assert detect(root) == name
    assert [clip.clip_id for clip in read_clips({**data, "subjects": None}, names)] == clips


def test_links_to_a_folder_above_are_not_followed(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    data = formats.write_smg(root, formats.some_clips())
    before = raw_files(data)
    (root / "self").symlink_to(".")
    (root / "smg_skeleton_train" / "up").symlink_to("../..")
    (root / "smg_skeleton_train" / "other").symlink_to("../aside")
    (root / "aside").mkdir()
    (root / "aside" / "back").symlink_to("../smg_skeleton_train")
    assert {Path(path).resolve() for path in raw_files(data)} == {Path(p) for p in before}
    data = formats.write_openpose_json(tmp_path, formats.some_clips(), NAMES)
    frames = tmp_path / "json"
    before = [path.name for path in frame_files(frames)]
    (frames / "0000_0" / "up").symlink_to("..")
    (frames / "0000_0" / "self").symlink_to(".")
    assert [path.name for path in frame_files(frames)] == before


def test_linked_frames_are_in_the_digest_as_far_as_they_are_read(tmp_path):
    data = formats.write_openpose_json(tmp_path, formats.some_clips(), NAMES)
    root = tmp_path / "json"
    seen = [frames_digest(data)]
    formats.write_frames(tmp_path / "outside", formats.some_clips()[0].points)
    (root / "leaves").symlink_to("../outside")
    assert frames_digest(data) == seen[0]  # the reader refuses it
    (root / "link").symlink_to("0001_0")
    assert len([path for path in frame_files(root) if path.parent == root / "link"]) == 3
    seen.append(frames_digest(data))
    frame = next(path for path in sorted((root / "0000_0").iterdir()))
    frame.rename(tmp_path / "frame.json")
    frame.symlink_to(tmp_path / "frame.json")
    assert frames_digest(data) == seen[1]
    (tmp_path / "frame.json").write_text("{}")
    seen.append(frames_digest(data))
    (tmp_path / "frame.json").unlink()
    seen.append(frames_digest(data))
    assert len(set(seen)) == 4


def test_a_frame_more_or_of_another_size_changes_the_digest(tmp_path):
    data = formats.write_openpose_json(tmp_path, formats.some_clips(), NAMES)
    seen = [frames_digest(data)]
    frame = next((tmp_path / "json").rglob("*.json"))
    frame.touch()
    (tmp_path / "json" / "notes.txt").write_text("not a frame")
    assert frames_digest(data) == seen[0]
    frame.write_text(frame.read_text() + " ")
    seen.append(frames_digest(data))
    frame.with_name("clip_9_keypoints.json").write_text("{}")
    seen.append(frames_digest(data))
    frame.unlink()
    seen.append(frames_digest(data))
    assert len(set(seen)) == 4
