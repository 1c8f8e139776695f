"""Frames of OpenPose are counted by the million: each is looked at once a run."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import yaml

from tests import formats
from tests.project import Project

CLIPS = "results/skeletons/clips.parquet"
# Python runs a module of this name at its start; every folder that is listed is written down.
WATCH = """
import os, sys
def note(event, arguments):
    if event in ("os.scandir", "os.listdir") and "/frames/json/" in f"{arguments[0]}/":
        with open(os.environ["LISTED"], "a") as file:
            file.write(f"{'job' if '--mode' in sys.argv else 'run'} {arguments[0]}\\n")
if "snakemake" in sys.argv[0] or "--mode" in sys.argv:
    sys.addaudithook(note)
"""


class Watched(Project):
    @property
    def environment(self):
        paths = f"{self.folder / 'watch'}:{self.folder / 'src'}"
        return {**super().environment, "PYTHONPATH": paths, "LISTED": str(self.folder / "listed")}

    def listed(self, *arguments):
        """Which folders a command lists how often, and what it says."""
        (self.folder / "listed").write_text("")
        said = self.snakemake(CLIPS, *arguments)
        assert said.returncode == 0, said.stderr
        lines = (self.folder / "listed").read_text().splitlines()
        return Counter(line.split()[0] for line in lines), said.stdout + said.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Watched(tmp_path_factory.mktemp("frames"))
    names = yaml.safe_load((project.folder / "config/classes/imigue.yaml").read_text())
    names = names["classes"] if isinstance(names, dict) else names
    (project.folder / "frames").mkdir()
    clips = [replace(clip, split="train") for clip in formats.some_clips()]
    data = formats.write_openpose_json(project.folder / "frames", clips, names)
    config = {**project.config, "data": {"name": "x", "on_bad_clip": "stop", **data}}
    for model in config["models"].values():
        model["training"]["batch"] = 2  # there are three clips
    project.write(config)
    (project.folder / "watch").mkdir()
    (project.folder / "watch/sitecustomize.py").write_text(WATCH)
    return project


def test_a_run_looks_at_the_frames_once_and_its_jobs_not_at_all(project):
    folders = 4  # that of all recordings, and three of one each
    counts, _ = project.listed()
    assert counts == {"run": folders}
    before = (project.folder / CLIPS).read_bytes()
    job = ["--mode", "remote", "--target-jobs", "skeletons:", "--allowed-rules", "skeletons"]
    counts, _ = project.listed(*job, "--force", "--nolock")
    assert counts == {}
    assert (project.folder / CLIPS).read_bytes() == before


def test_an_added_a_changed_and_a_removed_frame_rerun_the_reading(project):
    project.listed()
    frame = next((project.folder / "frames/json/0000_0").iterdir())
    more = frame.with_name("clip_000000000099_keypoints.json")
    changes = [
        lambda: more.write_bytes(frame.read_bytes()),
        lambda: more.write_text(json.dumps(json.loads(frame.read_text()), indent=1)),
        more.unlink,
    ]
    for change in changes:
        assert "Nothing to be done" in project.listed("--dry-run")[1]
        change()
        assert "Params have changed" in project.listed("--dry-run")[1]
        project.listed()
