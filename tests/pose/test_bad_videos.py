"""Videos that are damaged, odd or empty, on the way to key points: one message or note each."""

import numpy as np
import pytest

from microgesture.cli.main import main
from microgesture.pose.estimate import estimate
from microgesture.utils.errors import InputError
from tests.pose.test_make import program
from tests.videos import stripes, write_audio, write_video

FRAMES = 40


def refused(path, python):
    with pytest.raises(InputError) as error:
        estimate(path, python)
    assert str(error.value).count("\n") == 0
    return str(error.value).removeprefix(f"{path}: ")


def test_files_that_hold_no_video(tmp_path):
    python = program(tmp_path)
    whole = write_video(tmp_path / "whole.mp4", stripes(3)).read_bytes()
    for name, content in {
        "zero.mp4": b"",
        "text.mp4": b"name,start,end\n" * 50,
        "without.mp4": whole[: whole.index(b"moov")],
        "codec.mp4": whole.replace(b"avc1", b"zzzz"),
    }.items():
        (tmp_path / name).write_bytes(content)
    write_audio(tmp_path / "audio.mp4")
    write_video(tmp_path / "one.mp4", stripes(1))
    (tmp_path / "folder.mp4").mkdir()
    assert refused(tmp_path / "zero.mp4", python).startswith("is empty; copy it again")
    for name in ("text.mp4", "without.mp4"):
        assert refused(tmp_path / name, python).startswith("cannot be read as video")
    assert "this build of FFmpeg cannot" in refused(tmp_path / "codec.mp4", python)
    assert refused(tmp_path / "audio.mp4", python).startswith("holds audio but no video")
    assert refused(tmp_path / "one.mp4", python).startswith("has one frame, expected")
    assert refused(tmp_path / "folder.mp4", python).startswith("is not a regular file")
    assert refused(tmp_path / "none.mp4", python).startswith("does not exist")


def test_of_a_truncated_file_what_is_there_is_kept(tmp_path):
    path = write_video(tmp_path / "cut.mp4", stripes(FRAMES), movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    found = estimate(path, program(tmp_path))
    count = len(found.points)
    assert 4 < count < FRAMES
    (note,) = (note for note in found.notes if "decoded" in note)
    assert note.startswith(f"cannot be decoded after frame {count - 1} of ")
    # and frames are those of the whole one
    whole = estimate(write_video(tmp_path / "whole.mp4", stripes(FRAMES)), program(tmp_path))
    assert np.array_equal(found.points, whole.points[:count])


def test_frames_at_uneven_times_are_counted_and_told(tmp_path):
    times = [n * 40 + (n > 20) * 400 for n in range(FRAMES)]
    path = write_video(tmp_path / "uneven.mp4", stripes(FRAMES), times=times)
    found = estimate(path, program(tmp_path))
    assert len(found.points) == FRAMES and found.fps == pytest.approx(FRAMES / 2, rel=0.01)
    assert "has a variable frame rate; its frames are taken as 20.00 a second" in found.notes[0]


@pytest.mark.parametrize(
    ("codec", "pixels", "size"),
    [("libx264", "yuv420p10le", (48, 64)), ("ffv1", "gray", (48, 64)), ("ffv1", "bgr0", (47, 63))],
)
def test_ten_bits_odd_sizes_and_grey(tmp_path, codec, pixels, size):
    path = write_video(tmp_path / "odd.mkv", stripes(6, *size), codec=codec, pixels=pixels)
    found = estimate(path, program(tmp_path))
    assert (found.height, found.width) == size and found.points.shape == (6, 137, 3)
    assert (np.diff(found.points[:, 0, 0]) > 0.5).all()


def test_who_is_seen_now_and_then_is_told(tmp_path):
    dark = [np.zeros((48, 64, 3), np.uint8)] * 7
    path = write_video(tmp_path / "dark.mp4", [*dark, *stripes(4)[1:]])
    assert estimate(path, program(tmp_path)).notes == ["shows somebody in only 30% of its frames"]


def test_two_videos_of_one_name_are_refused_by_the_command(tmp_path, capsys):
    (tmp_path / "env/bin").mkdir(parents=True)
    program(tmp_path / "env/bin")
    for suffix in ("mp4", "mkv"):
        write_video(tmp_path / f"videos/a.{suffix}", stripes(3))
    words = ["pose", str(tmp_path / "videos"), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--env", str(tmp_path / "env")])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    assert "a.mp4: has the name of" in said and "rename one of them" in said
