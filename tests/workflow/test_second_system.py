"""From videos and skeletons to a token fusion in the workflow: killed, cloned, edited, verified."""

import shutil
from dataclasses import replace

import pytest
import yaml

from tests import formats
from tests.conftest import REPOSITORY
from tests.project import Project
from tests.videos import textures, write_video

TARGETS = [
    f"results/{part}/{row}/seed3.csv"
    for row in ("both", "tuned")
    for part in ("missing_sources", "robustness")
]
TRAINING = {"epochs": 1, "batch": 2}


def small(config, data):
    """Two tiny sources and a fusion of their tokens, on six clips with video."""
    models = {name: config["models"][name] for name in ("agcn", "mvit", "token_fusion")}
    for model in models.values():
        model["training"] = {**model["training"], **TRAINING}
    models["agcn"] |= {"length": 4}
    models["agcn"]["network"] |= {"base_channels": 4, "num_stages": 2}
    models["agcn"]["network"] |= {"inflate_stages": [2], "down_stages": [2]}
    models["mvit"] |= {"length": 4, "input_size": 16}
    models["mvit"]["network"] |= {"embed": 8, "depths": [1], "key_stride": 1}
    models["token_fusion"]["network"] |= {"width": 8, "heads": 2}
    return {
        **config,
        "results": "results",
        "seeds": [3],
        "data": {"name": "x", "on_bad_clip": "stop", **data},
        "video": {"root": "films", "side": 32, "resolution": "scale"},
        "models": models,
        "variants": {
            "agcn": {"title": "A", "model": "agcn", "layout": "openpose22", "temporal": "align"},
            "mvit": {"title": "V", "model": "mvit", "stream": "motion"},
            "both": {"title": "B", "model": "token_fusion", "sources": ["mvit", "agcn"]},
            "tuned": {
                "title": "F",
                "model": "token_fusion",
                "sources": ["mvit", "agcn"],
                "backbones": "finetuned",
                "training": {"backbone_rate": 0.1},
            },
        },
        "fusions": {},
        "claims": [],
        "submission": None,
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("second"))
    names = yaml.safe_load((project.folder / "config/classes/imigue.yaml").read_text())
    names = names["classes"] if isinstance(names, dict) else names
    clips = [
        replace(clip, clip_id=f"{clip.clip_id}{again}")
        for again in range(2)
        for clip in formats.some_clips(missing=False, frames=(8, 6, 7))
    ]
    (project.folder / "frames").mkdir()
    data = formats.write_openpose_json(project.folder / "frames", clips, names)
    data |= {"root": "frames/json", "labels": "frames/labels.csv"}  # of whichever copy
    for clip in clips:
        frames = textures(len(clip.points), 72, 128)
        write_video(project.folder / f"films/{clip.clip_id}/{clip.clip_id}.mp4", frames)
    project.write(small(yaml.safe_load((REPOSITORY / "config/video.yaml").read_text()), data))
    return project


def made(project):
    """Content of what a repeat must give byte for byte."""
    patterns = ("tokens/**/*.arrow", "*/both/*.csv", "*/tuned/*.csv")
    patterns += ("train/*/*/model.safetensors",)
    files = [path for one in patterns for path in (project.folder / "results").glob(one)]
    files += [project.folder / "results/video/crops.arrow"]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_tokens_survive_kills_clones_and_edits(project, tmp_path):
    done = project.snakemake("results/ablation_table.md", *TARGETS)
    assert done.returncode == 0, done.stderr
    first = made(project)
    assert len(first) == 2 + 4 + 4 + 1
    assert project.planned(*TARGETS) == {}
    said = project.run("microgesture", "verify", "--raw")
    assert said.returncode == 0, said.stderr

    before = project.config
    edit = {**before["variants"]["both"], "training": {"learning_rate": 0.002}}
    project.write({**before, "variants": {**before["variants"], "both": edit}})
    assert project.planned(*TARGETS) == {"train": 1, "missing_sources": 1, "robustness": 1}
    # both of its trainings: the source's and what goes on from it
    changed = {**before["variants"]["mvit"], "training": {"learning_rate": 0.002}}
    project.write({**before, "variants": {**before["variants"], "mvit": changed}})
    assert project.planned("results/train/tuned/seed3/model.safetensors") == {"train": 2}
    project.write(before)

    # a folder elsewhere whose results came by DVC, without Snakemake's notes, has nothing to do
    clone = Project.copy_of(project.folder, tmp_path / "clone")
    shutil.rmtree(clone.folder / ".snakemake")
    assert clone.planned(*TARGETS) == {}

    for name in ("tokens", "robustness", "missing_sources"):
        shutil.rmtree(clone.folder / "results" / name)
    for rule in ("tokens", "robustness"):
        clone.kill_in(rule, TARGETS)
    done = clone.snakemake(*TARGETS)
    assert done.returncode == 0, done.stderr
    assert made(clone) == first
