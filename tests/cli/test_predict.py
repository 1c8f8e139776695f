"""What predict draws beside its table: skeletons with a running label, and what it refuses."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from microgesture.cli.main import main
from microgesture.inference import build, checkpoints, recording_checks
from microgesture.inference.likeness import Likeness
from microgesture.inference.window_table import running_labels
from microgesture.viz import animation
from tests.formats import write_frames, write_recordings
from tests.inference.test_videos import model as video_model
from tests.people import film
from tests.pose.test_make import program
from tests.videos import stripes, write_video
from tests.watcher import save_untrained


@pytest.fixture(scope="module")
def clip():
    one = next(clip for clip in film(0) if len(clip.points) > 12)
    return replace(one, clip_id="a", fps=20.0, points=one.points[:13])


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn, beside drawing it."""
    seen, write = [], animation.write_animation

    def noted(clip, layout, path, **drawing):
        seen.append((clip, layout, drawing["running"]))
        return write(clip, layout, path, **drawing)

    monkeypatch.setattr(animation, "write_animation", noted)
    return seen


@pytest.fixture
def words(layout22, tmp_path):
    """Of the command, without --input; the environment of MediaPipe is one that answers at once."""
    (tmp_path / "env/bin").mkdir(parents=True)
    program(tmp_path / "env/bin")
    made = save_untrained(tmp_path / "model.safetensors", layout22)
    given = ["predict", "--model", made, "--views", "1", "--window", "0.4", "--stride", "0.2"]
    given += ["--env", tmp_path / "env", "--out", tmp_path / "p.csv", "--draw", tmp_path / "p.gif"]
    return [str(word) for word in given]


def refused(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    return said


def test_one_command_leads_from_a_video_to_skeletons_table_and_animation(
    words, tmp_path, drawn, capsys
):
    video = write_video(tmp_path / "in/talk.mp4", stripes(8), fps=10)
    main([*words, "--input", str(video)])
    said = capsys.readouterr().err
    assert "p_skeletons/recordings.parquet" in said and f"{tmp_path}/p.gif: 8 frames\n" in said
    ((shown, layout, labels),) = drawn
    assert labels == running_labels(tmp_path / "p.csv", "talk", 8) and len(labels) == 8
    assert layout.name == "openpose22" and shown.fps == 10 and len(shown.points) == 8
    with Image.open(tmp_path / "p.gif") as image:
        assert image.n_frames == 8 and image.info["duration"] == 100


@pytest.mark.parametrize("form", ["frames", "rows"])
def test_recordings_are_drawn_as_by_view(form, words, clip, tmp_path, drawn):
    place = tmp_path / "a"
    if form == "frames":
        write_frames(place, clip.points)
        words += ["--fps", "20"]
    else:
        write_recordings(tmp_path, [clip], [])
        place = tmp_path / "recordings.parquet"
    main([*words, "--input", str(place)])
    view = ["view", "--input", place, "--predictions", tmp_path / "p.csv", "--fps", "20"]
    view += ["--layout", "openpose22", "--out", tmp_path / "view.gif"]
    main([str(word) for word in view])
    assert (tmp_path / "p.gif").read_bytes() == (tmp_path / "view.gif").read_bytes()
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    first = f"{rows[0]['name_1']} ({float(rows[0]['probability_1']):.2f})"
    assert len(rows) > 2 and drawn[0][2][0] == first


def test_of_a_part_of_a_video_that_part_is_drawn(words, clip, tmp_path, drawn, monkeypatch):
    """A model on video has no layout of its own: the 41 points are drawn."""
    monkeypatch.setattr(checkpoints, "checkpoint_kind", lambda path: None)
    monkeypatch.setattr(build, "load_trained", lambda path: video_model())
    frames = len(clip.points)
    write_video(tmp_path / "in/a.mp4", stripes(frames), fps=10)
    write_frames(tmp_path / "skeletons/a", clip.points)
    table = tmp_path / "in/some.csv"
    table.write_text("recording,path,start,end\na,a.mp4,3,9\n")
    main([*words, "--input", str(table), "--skeletons", str(tmp_path / "skeletons")])
    ((shown, layout, labels),) = drawn
    assert layout.name == "openpose41" and shown.fps == 10
    np.testing.assert_allclose(shown.points[..., :2], clip.points[3:10, :, :2], atol=1e-3)
    assert labels == running_labels(tmp_path / "p.csv", "a", frames)[3:10]


def test_a_model_on_video_alone_is_not_drawn_without_skeletons(
    words, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(checkpoints, "checkpoint_kind", lambda path: None)
    monkeypatch.setattr(build, "load_trained", lambda path: video_model())
    video = write_video(tmp_path / "in/a.mp4", stripes(4), fps=10)
    said = refused(capsys, *words, "--input", video, "--env", tmp_path / "none")
    assert said.count("\n") == 1 and "give them as --skeletons, or set up what finds" in said
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--draw", "p.avi"], "p.avi: ends in '.avi', expected .gif or .mp4"),
        (["--draw", "p"], "p: ends in '', expected .gif or .mp4"),
        (["--draw", "p.gif", "--out", "p.gif"], "p.gif: is given as --out and as --draw"),
        (["--draw", "in/a.mp4"], "in/a.mp4: is the video that is read; draw into another"),
        (["--input", "in"], "in: holds 2 recordings, and --draw draws one; give one as --input"),
        (["--input", "frames"], "frames: holds 2 recordings, and --draw draws one"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_the_work(
    more, expected, words, clip, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda program: program)
    for name in ("a", "b"):
        write_video(tmp_path / f"in/{name}.mp4", stripes(4), fps=10)
        write_frames(tmp_path / "frames" / name, clip.points[:3])
    film_before = (tmp_path / "in/a.mp4").read_bytes()
    before = sorted(tmp_path.rglob("*"))
    said = refused(capsys, *words, "--input", "in/a.mp4", *more)
    assert said.count("\n") == 1 and expected in said
    assert sorted(tmp_path.rglob("*")) == before  # no key points were looked for
    assert (tmp_path / "in/a.mp4").read_bytes() == film_before


def test_a_stride_without_a_window_is_refused_before_key_points_are_looked_for(
    words, tmp_path, capsys
):
    video = write_video(tmp_path / "in/a.mp4", stripes(4), fps=10)
    place = words.index("--window")
    said = refused(capsys, *words[:place], *words[place + 2 :], "--input", video)
    assert said.count("\n") == 1 and "--stride is given without --window" in said
    assert not (tmp_path / "p_skeletons").exists()


def test_nobody_in_a_video_is_nothing_to_draw(words, tmp_path, capsys):
    video = write_video(tmp_path / "in/a.mp4", [np.zeros((48, 64, 3), np.uint8)] * 4, fps=10)
    said = refused(capsys, *words, "--input", video).splitlines()[-1]
    assert "a: no point of the layout openpose22 is found in any frame, so there is nothing" in said
    assert not (tmp_path / "p.csv").exists() and not (tmp_path / "p.gif").exists()


def test_what_is_not_predicted_is_not_drawn(words, clip, tmp_path, monkeypatch, capsys):
    write_frames(tmp_path / "a", clip.points)
    unlike = {"a": Likeness("its coordinates are divided")}
    monkeypatch.setattr(recording_checks, "check_recordings", lambda *found, **how: unlike)
    with pytest.raises(SystemExit) as ended:
        main([*words, "--input", str(tmp_path / "a")])
    assert ended.value.code == 1 and "are not predicted, such as a" in capsys.readouterr().err
    assert (tmp_path / "p.csv").exists() and not (tmp_path / "p.gif").exists()
