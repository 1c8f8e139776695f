"""Where the video of a clip lies, by names and by tables."""

import re

import pytest

from microgesture.settings.video import Crops
from microgesture.utils.errors import InputError
from microgesture.video.sources import Source, find_sources, video_files


def below(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return Crops(root=str(root), side=32, on_bad_clip="stop")


def test_the_release_and_clips_by_their_names(tmp_path):
    config = below(
        tmp_path,
        "imigue_rgb_phase1/train_data/0001/0001.mp4",
        "imigue_rgb_phase2/0054/0054.MP4",
        "imigue_rgb_phase2/0054/.0054.partial.mp4",
        "imigue_rgb_phase2/0054/notes.txt",
        "cut/0002_4.mkv",
        "room/left.avi",
    )
    found = find_sources(config)
    assert found.find("0001_3", "0001") == (
        Source(tmp_path / "imigue_rgb_phase1/train_data/0001/0001.mp4"),
        False,
    )
    assert found.find("0002_4", "0002") == (Source(tmp_path / "cut/0002_4.mkv"), True)
    assert found.find("0002_4", None)[1] and found.find("0002_5", "0002") is None
    # recordings of OpenPose are named by their folders
    assert found.find("room/left_0", "room/left")[0].path == tmp_path / "room/left.avi"
    assert found.find("hall/left_0", "hall/left")[0].path == tmp_path / "room/left.avi"
    assert len(found.paths()) == 4 == len(video_files(config))


def test_a_clip_that_fits_two_files_is_refused(tmp_path):
    twice = find_sources(below(tmp_path / "a", "x/0001.mp4", "y/0001.mp4"))
    with pytest.raises(InputError, match=r"clip 0001_0 may be in .*x/0001.mp4 or .*y/0001.mp4; re"):
        twice.find("0001_0", "0001")
    both = find_sources(below(tmp_path / "b", "0001.mp4", "0001_0.mp4"))
    with pytest.raises(InputError, match="clip 0001_0 may be in "):
        both.find("0001_0", "0001")
    assert both.find("0001_1", "0001")[0].path.name == "0001.mp4"


def test_a_folder_without_videos_or_that_is_not_there(tmp_path):
    config = below(tmp_path / "a", "notes.txt")
    with pytest.raises(InputError, match=r"a: holds no video at most 5 folders below, expected"):
        find_sources(config)
    assert video_files(config) == []
    assert video_files(config.model_copy(update={"root": "nowhere"})) == ["nowhere"]


def test_the_files_of_a_table(tmp_path):
    below(tmp_path, "a.mp4")
    table = tmp_path / "t.csv"
    table.write_text("recording,path,start,end\nr1,a.mp4,,\nr2,sub/b.mp4,5,8\n")
    config = Crops(table=str(table), side=32, on_bad_clip="stop")
    found = find_sources(config)
    assert found.find("r1_0", "r1") == (Source(tmp_path / "a.mp4"), False)
    assert found.find("r2_0", "r2") == (Source(tmp_path / "sub/b.mp4", 5, 8), False)
    assert found.find("r1", None) is None
    assert video_files(config) == [
        str(table), str(tmp_path / "a.mp4"), str(tmp_path / "sub/b.mp4")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "row 1: found '', expected a header row"),
        ("path\na.mp4\n", "row 1: found 'path', expected a header row"),
        ("clip_id,recording,path\n", "row 1: found 'clip_id,recording,path'"),
        ("clip_id,path,start\nc,a.mp4,1\n", "row 1: has one of the columns start,end, expected"),
        ("clip_id,path\n", "names no video, expected one row for each"),
        ("clip_id,path\nc\n", "row 2: has 1 fields, expected 2"),
        ("clip_id,path\nc,\n", "row 2: clip_id or path is empty"),
        ("clip_id,path\nc,a.mp4\nc,b.mp4\n", "row 3: clip_id 'c' is in a row above; keep one"),
        ("clip_id,path,start,end\nc,a.mp4,7,4\n", "row 2: start,end is '7,4', expected frames"),
        ("clip_id,path,start,end\nc,a.mp4,x,4\n", "row 2: start,end is 'x,4', expected frames"),
    ],
)
def test_a_table_that_is_not_as_it_must_be(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    config = Crops(table=str(tmp_path / "t.csv"), side=32, on_bad_clip="stop")
    with pytest.raises(InputError, match=re.escape(said)) as error:
        find_sources(config)
    assert str(error.value).startswith(str(tmp_path / "t.csv"))
