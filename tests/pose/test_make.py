"""Videos to recordings: with a program in MediaPipe's place, and with itself where it is set up."""

import json
import sys
import textwrap

import cv2
import matplotlib.cbook
import numpy as np
import pyarrow.parquet as pq
import pytest

from microgesture.cli.main import main
from microgesture.data.plausibility import failures
from microgesture.data.recordings import Recording
from microgesture.data.store import BadClip
from microgesture.pose import worker
from microgesture.pose.estimate import estimate, pose_python
from microgesture.pose.make import make_recordings, remarks
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY
from tests.sections import read_clips
from tests.videos import stripes, turned, write_video

NAMES = ["rest", "wave"]
SETUP = REPOSITORY / ".venv-pose"
FAKE = """
import sys
import numpy as np
height, width = np.frombuffer(sys.stdin.buffer.read(8), np.int32).tolist()
while len(frame := sys.stdin.buffer.read(height * width * 3)) == height * width * 3:
    picture = np.frombuffer(frame, np.uint8).reshape(height, width, 3)
    {answer}
    points = np.full(({count}, 3), 0.5, np.float32)
    points[:, 0] = (picture[0, :, 0] * np.linspace(0, 1, width)).mean() / 256
    points[:, 2] = picture.any()
    sys.stdout.buffer.write(points.tobytes())
    sys.stdout.buffer.flush()
"""


def program(folder, answer="pass"):
    """In place of the environment's python: x of every point says what the first row shows."""
    script, python = folder / "fake.py", folder / "python"
    code = FAKE.format(answer=answer, count=worker.COUNT)
    script.write_text(textwrap.dedent(code))
    python.write_text(f"#!/bin/sh\nexec {sys.executable} {script}\n")
    python.chmod(0o755)
    return python


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    write_video(folder / "a.mp4", stripes(6))
    write_video(folder / "room/b.mp4", [np.zeros((48, 64, 3), np.uint8)] * 4, fps=10)
    (folder / "bad.mp4").write_bytes(b"nothing")
    return {"a": folder / "a.mp4", "bad": folder / "bad.mp4", "room/b": folder / "room/b.mp4"}


def made(tmp_path, videos, python, **more):
    out = tmp_path / "recordings.parquet"
    return out, make_recordings(videos, None, out, tmp_path / "parts", python, {}, **more)


def test_videos_become_recordings_in_order_whatever_the_workers(tmp_path, videos):
    python = program(tmp_path)
    out, done = made(tmp_path, videos, python)
    first = out.read_bytes()
    assert [one.fault != "" for one in done] == [False, True, False]
    assert [line for line in remarks(done) if "shows nobody" in line]
    table = tmp_path / "clips.csv"
    table.write_text("recording_id,label,start,end\na,wave,2,4\nbad,rest,0,1\n")
    data = {"format": "recordings", "path": out, "segments": table, "on_bad_clip": "skip"}
    items = list(read_clips(data, NAMES, whole=True))
    bad = [one for one in items if isinstance(one, BadClip)]
    assert [(one.clip_id, one.split) for one in bad] == [("bad_0", "train"), ("room/b", "train")]
    assert "cannot be read as video" in bad[0].reason and "no visible point" in bad[1].reason
    clip, whole = (one for one in items if not isinstance(one, BadClip))
    assert (clip.clip_id, clip.recording, clip.start, clip.recording_frames) == ("a_0", "a", 2, 6)
    assert isinstance(whole, Recording) and whole.points.shape == (6, 137, 3)
    assert (whole.fps, whole.height, whole.width) == (25, 48, 64)
    # each frame once and in its order: its stripes, weighted by their place, say which it is
    assert (np.diff(whole.points[:, 0, 0]) > 0.5).all()
    for part in (tmp_path / "parts").iterdir():
        part.unlink()
    made(tmp_path, videos, python, workers=2)
    assert out.read_bytes() == first


def test_a_finished_video_is_not_read_again(tmp_path, videos):
    out, _ = made(tmp_path, videos, program(tmp_path))
    first = out.read_bytes()
    broken = program(tmp_path, "sys.exit('no more')")
    _, done = made(tmp_path, videos, broken)
    assert out.read_bytes() == first and [one.fault for one in done if one.job.name == "a"] == [""]
    write_video(videos["a"], stripes(5))
    _, done = made(tmp_path, videos, broken)
    assert "MediaPipe, run by" in done[0].fault and "ended (no more)" in done[0].fault


def test_a_turned_video_is_shown_upright(tmp_path):
    path = write_video(tmp_path / "flat.mp4", stripes(3))
    path.write_bytes(turned(path.read_bytes(), 48))
    found = estimate(path, program(tmp_path))
    assert (found.height, found.width) == (64, 48)
    # in a column now, the first row is of one colour
    assert set(np.round(found.points[:, 0, 0])) <= {0, 24}


def test_a_bad_video_stops_under_stop_and_without_a_good_one(tmp_path, videos):
    with pytest.raises(InputError, match=r"bad.mp4: cannot be read as video.*on_bad_clip: skip"):
        made(tmp_path, videos, program(tmp_path), stop=True)
    with pytest.raises(InputError, match=r"no video can be used; the first: .*bad.mp4"):
        made(tmp_path, {"bad": videos["bad"]}, program(tmp_path))


def test_the_command_writes_recordings_and_a_table(tmp_path, videos, capsys):
    folder = tmp_path / "env/bin"
    folder.mkdir(parents=True)
    program(folder)
    words = ["pose", str(tmp_path / "videos"), "--out", str(tmp_path / "out"), "--workers", "1"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--env", str(tmp_path / "none")])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "run `make pose-env`" in said and said.count("\n") == 1
    with pytest.raises(SystemExit) as ended:
        main([*words, "--env", str(tmp_path / "env")])
    assert ended.value.code == 1
    assert (tmp_path / "out/clips.csv").read_text() == (
        "recording_id,label,start,end\na,,0,5\nroom/b,,0,3\n"
    )
    table = pq.read_table(tmp_path / "out/recordings.parquet")
    assert table["recording_id"].to_pylist() == ["a", "room/b"]
    assert list(json.loads(table.schema.metadata[b"microgesture"])["bad"]) == ["bad"]
    # the table is of people then, and stays
    (tmp_path / "out/clips.csv").write_text("mine")
    with pytest.raises(SystemExit):
        main([*words, "--env", str(tmp_path / "env")])
    assert (tmp_path / "out/clips.csv").read_text() == "mine"


@pytest.mark.skipif(not (SETUP / ".ready").exists(), reason="needs `make pose-env`")
def test_mediapipe_finds_a_person(tmp_path):
    """On a portrait that comes with matplotlib: Grace Hopper (United States Navy)."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        picture = cv2.cvtColor(cv2.imread(file.name), cv2.COLOR_BGR2RGB)
    path = write_video(tmp_path / "hopper.mp4", [picture] * 4)
    found = estimate(path, pose_python(SETUP))
    assert found.points.shape == (4, 137, 3) and failures(found.points) == []
    # nose, right and left shoulder, right and left pupil, in pixels as seen in the picture
    expected = [(272, 230), (97, 411), (452, 430), (222, 190), (306, 188)]
    distance = np.linalg.norm(found.points[-1, [0, 2, 5, 93, 94], :2] - expected, axis=1)
    assert (distance < 12).all()
