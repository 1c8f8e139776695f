"""Animations have the clip's frames at its speed, and wrong requests get one clear message."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from microgesture.data.clip_file import prepared_points
from microgesture.data.store import write_store
from microgesture.inference.build import load_trained
from microgesture.inference.clips import prepare_for, prepared_input
from microgesture.inference.shown import shown_to
from microgesture.inputs.geometry import full_frame
from microgesture.utils.errors import InputError
from microgesture.viz import animation as viewer
from microgesture.viz.animation import find_clip, gif_times, write_animation
from tests.data_report.test_checks import NAMES, person
from tests.watcher import save_untrained


def frames_of(path):
    with Image.open(path) as image:
        return [
            (np.asarray(frame.convert("RGB")), frame.info["duration"])
            for frame in ImageSequence.Iterator(image)
        ]


@pytest.mark.parametrize("stream", ["joint", "limb"])
def test_a_gif_has_every_frame_at_the_clips_speed(tmp_path, layout22, stream):
    clip = replace(person("a", frames=7), fps=30.0)
    assert write_animation(clip, layout22, tmp_path / "a.gif", stream) == 7
    frames = frames_of(tmp_path / "a.gif")
    assert len(frames) == 7
    assert sum(duration for _, duration in frames) == 230  # 7/30 s in hundredths of a second
    width = frames[0][0].shape[1]
    left, right = frames[0][0][:, : width // 2], frames[0][0][:, width // 2 :]
    assert np.median(left) == 255 and np.median(right) < 30  # paper and dark heatmap
    assert (frames[0][0] != frames[3][0]).any(axis=2).sum() > 200
    assert list(tmp_path.iterdir()) == [tmp_path / "a.gif"]  # nothing half-written beside it


def test_a_point_that_is_not_found_is_not_drawn(tmp_path, layout22):
    clip = person("a", frames=2)
    clip.points[1] = 0
    write_animation(clip, layout22, tmp_path / "a.gif")
    (seen, _), (unseen, _) = frames_of(tmp_path / "a.gif")
    panel = np.s_[60:420, 20:380]
    assert (seen[panel] < 200).any() and (unseen[panel] == 255).all()
    assert unseen[60:420, 420:780].max() < 10


def test_a_lower_score_is_drawn_paler(tmp_path, layout22):
    clip = person("a", frames=2)
    clip.points[:, :, 2] = np.where(clip.points[:, :, 2] > 0, 1, 0)
    clip.points[1] = clip.points[0] * (1, 1, 0.3)
    write_animation(clip, layout22, tmp_path / "a.gif")
    (sure, _), (unsure, _) = frames_of(tmp_path / "a.gif")
    panel = np.s_[60:420, 20:380]
    assert sure[panel].mean() + 1 < unsure[panel].mean() < 254.9
    assert unsure[60:420, 420:780].max() < sure[60:420, 420:780].max()


def test_two_runs_give_the_same_bytes(tmp_path, layout22):
    for name in ("a.gif", "b.gif"):
        write_animation(person("a", frames=3), layout22, tmp_path / name)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_an_interrupted_write_leaves_the_old_file(tmp_path, layout22, monkeypatch):
    (tmp_path / "a.gif").write_text("old")

    def interrupt(scene, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(viewer._Scene, "show", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_animation(person("a"), layout22, tmp_path / "a.gif")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_times_by_hand():
    assert gif_times(3, 25) == [(0, 4), (1, 4), (2, 4)]
    assert gif_times(3, 30) == [(0, 3), (1, 4), (2, 3)]
    assert gif_times(4, 100) == [(1, 2), (3, 2)]
    assert gif_times(1, 240) == [(0, 2)]


@given(st.integers(1, 200), st.floats(1, 240))
def test_a_gif_lasts_as_long_as_the_clip(frames, fps):
    times = gif_times(frames, fps)
    shown = [frame for frame, _ in times]
    assert shown == sorted(set(shown)) and shown[-1] < frames
    assert min(ticks for _, ticks in times) >= 2
    assert abs(sum(ticks for _, ticks in times) - 100 * frames / fps) <= 2.01
    if fps <= 40:
        assert len(times) == frames


def test_a_clip_is_found_by_its_id(tmp_path):
    path = tmp_path / "clips.parquet"
    clips = [person(f"{n:04}_3", seed=n) for n in range(70)]
    write_store(path, clips, NAMES, "made")
    found = find_clip(path, "0066_3")
    np.testing.assert_array_equal(found.points, clips[66].points)
    with pytest.raises(InputError, match=r"has no clip '66_3' among its 70; .*'0066_3'"):
        find_clip(path, "66_3")
    with pytest.raises(InputError, match=r"did you mean '0000_3' or "):
        find_clip(path, "xyz")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.avi", r"ends in '\.avi', expected \.gif or \.mp4"),
        ("a.mp4", "needs ffmpeg, which is not installed; write a .gif instead"),
    ],
)
def test_files_that_cannot_be_written(tmp_path, layout22, monkeypatch, name, message):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(InputError, match=message):
        write_animation(person("a"), layout22, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_layout_for_other_points_is_refused(tmp_path, layout22):
    clip = person("a")
    clip = replace(clip, points=clip.points[:, :25])
    with pytest.raises(InputError, match="clip a: has 25 points, but layout openpose22"):
        write_animation(clip, layout22, tmp_path / "a.gif")


def test_an_ffmpeg_that_fails_is_reported(tmp_path, layout22, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ffmpeg").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    with pytest.raises(InputError, match=r"a\.mp4: ffmpeg could not write it .* or write a \.gif"):
        write_animation(person("a", frames=5), layout22, tmp_path / "a.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_an_mp4_is_written_where_ffmpeg_is(tmp_path, layout22):
    if not shutil.which("ffmpeg"):
        pytest.skip("not installed: ffmpeg (apt-get install ffmpeg)")
    assert write_animation(person("a", frames=5), layout22, tmp_path / "a.mp4") == 5
    assert b"ftyp" in (tmp_path / "a.mp4").read_bytes()[:16]


def test_the_command(tmp_path):
    write_store(tmp_path / "clips.parquet", [person("0001_3", frames=3)], NAMES, "made")

    def run(clip):
        command = [sys.executable, "-m", "microgesture", "view", "--skeletons", "clips.parquet"]
        command += ["--layout", "openpose41", "--clip", clip]
        return subprocess.run(
            [*map(str, command), "--out", "a.gif"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    said = run("1_3")
    assert said.returncode == 2 and said.stderr.count("\n") == 1
    assert said.stderr.endswith("did you mean '0001_3'?\n") and not (tmp_path / "a.gif").exists()
    said = run("0001_3")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("a.gif: 3 frames, as in the store: not cleaned, not aligned")
    assert len(frames_of(tmp_path / "a.gif")) == 3


@pytest.mark.parametrize(("size", "sigma"), [(100_000, 0.6), (64, 1e-9), (64, 1e9)])
def test_a_heatmap_that_takes_all_memory_or_shows_nothing_is_refused(
    tmp_path, layout22, size, sigma
):
    with pytest.raises(InputError, match=r"is not drawn; expected at most 1024 cells"):
        write_animation(person("a", frames=2), layout22, tmp_path / "a.gif", "joint", size, sigma)


def test_a_prepared_clip_is_shown_for_as_long_as_it_lasts(tmp_path, layout22):
    clip = replace(person("a", frames=10), fps=25.0)
    prepared = np.repeat(clip.points[:1, layout22.points], 5, axis=0)
    assert write_animation(clip, layout22, tmp_path / "a.gif", prepared=prepared, note="") == 5
    frames = frames_of(tmp_path / "a.gif")
    assert sum(duration for _, duration in frames) == 400
    assert np.array_equal(frames[0][0][60:420], frames[4][0][60:420])  # all show the first frame


def test_a_variant_is_shown_what_it_is_fed(tmp_path, layout22):
    trained = load_trained(save_untrained(tmp_path / "model.safetensors", layout22))
    clip = person("a", frames=20)
    shown = shown_to(trained, clip)
    records, _ = prepare_for(trained, [clip])
    assert np.array_equal(shown.points, prepared_points(records, 0))
    source = prepared_input(trained, records)
    fed = source.sample(0, np.arange(len(shown.points)))
    volume = source.assemble(torch.from_numpy(np.array(fed))[None], full_frame(1), training=False)
    assert volume.shape[-1] == shown.drawing["size"]
    assert shown.drawing["stream"] == "joint" and "cleaned" in shown.note
