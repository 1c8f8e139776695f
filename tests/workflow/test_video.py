"""Crops in the workflow: what reruns them, what they survive, and what accounts for them."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import yaml

from microgesture.data.store import Clip, write_store
from tests import formats
from tests.conftest import REPOSITORY
from tests.project import Project
from tests.videos import textures, write_video

CROPS = "results/video/crops.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("video"))
    names = yaml.safe_load((project.folder / "config/classes/imigue.yaml").read_text())
    names = names["classes"] if isinstance(names, dict) else names
    (project.folder / "frames").mkdir()
    clips = [replace(clip, split="train") for clip in formats.some_clips()]
    data = formats.write_openpose_json(project.folder / "frames", clips, names)
    for clip in clips:
        frames = textures(len(clip.points), 72, 128)
        write_video(project.folder / f"films/{clip.clip_id}/{clip.clip_id}.mp4", frames)
    video = {"root": "films", "side": 32, "resolution": "scale"}
    config = {**project.config, "data": {"name": "x", "on_bad_clip": "stop", **data}}
    for model in config["models"].values():
        model["training"]["batch"] = 2  # there are three clips
    project.write({**config, "video": video})
    return project


@pytest.mark.slow
def test_what_reruns_the_crops_and_what_they_rerun(project):
    done = project.snakemake(CROPS)
    assert done.returncode == 0, done.stderr
    assert "is 128 x 72, its skeletons lie in 1280 x 720 (and 2 more videos)" in done.stderr
    assert project.planned(CROPS) == {}
    record = json.loads((project.folder / "results/provenance/crops.json").read_text())
    assert sorted(record["raw"]["files"]) == [f"films/000{n}_0/000{n}_0.mp4" for n in range(3)]
    assert "opencv-python-headless" in record["packages"]
    before = project.config
    report = "results/data_report.md"
    project.write({**before, "video": {**before["video"], "side": 40}})
    assert project.planned(report) == {"crops": 1, "data_report": 1}
    project.write({key: value for key, value in before.items() if key != "video"})
    assert project.planned(report) == {"data_report": 1}
    project.write(before)
    assert project.planned(CROPS) == {}
    film = project.folder / "films/0001_0/0001_0.mp4"
    write_video(film, textures(3, 72, 128)[::-1])
    said = project.run("python", "-m", "microgesture", "why", CROPS).stdout
    assert "films/0001_0/0001_0.mp4 was changed" in said and "1 job would run: 1 crops" in said
    film.unlink()
    done = project.snakemake(CROPS)
    assert done.returncode != 0
    assert "films: clip 0001_0: there is no video of it nor of recording 0001_0; me" in done.stderr


def test_finished_videos_survive_a_kill(tmp_path):
    for name, frames in (("short", 40), ("long", 1500)):
        write_video(tmp_path / f"films/{name}.mp4", textures(frames))
    points = np.ones((40, 137, 3), np.float32) * (20, 20, 1)
    clips = [
        Clip(f"{name}_{n}", 0, "s", "train", 25.0, 48, 64, points, name, start, total)
        for name, start, total in (("short", 0, 40), ("long", 1400, 1500))
        for n in range(32)
    ]
    write_store(tmp_path / "clips.parquet", clips, ["a"], "test")
    config = {"root": str(tmp_path / "films"), "side": 16, "on_bad_clip": "stop"}

    def command(name):
        words = [sys.executable, "scripts/crops.py", "--config", json.dumps(config)]
        words += ["--skeletons", tmp_path / "clips.parquet", "--resume", tmp_path / "resume"]
        return [*words, "--out", tmp_path / name, "--manifest", tmp_path / f"{name}.json"]

    told = {"cwd": REPOSITORY, "stderr": subprocess.PIPE, "text": True}
    killed = subprocess.Popen(command("a"), start_new_session=True, **told)
    end = time.monotonic() + 120
    while not list((tmp_path / "resume").rglob("[!.]*.json")):
        assert time.monotonic() < end and killed.poll() is None
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "a").exists()
    again = subprocess.run(command("a"), check=True, **told)
    assert "1 videos of an earlier run are kept" in again.stderr
    whole = subprocess.run(command("b"), check=True, **told)
    assert "are kept" not in whole.stderr
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
