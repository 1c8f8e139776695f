"""Detectors in the workflow, from recordings to their table: killed, cloned, edited, verified."""

import shutil

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.project import Project

TARGETS = ["results/online_table.md", "results/online.html"]


def small(config):
    """One detector of each kind on a few short recordings."""
    generated = config["data"]["generate"] | {
        "subjects": {"train": 3, "val": 2, "test": 2},
        "clips": {"train": 40, "val": 33, "test": 33},
        "class_minimum": {"train": 1, "val": 1, "test": 1},
        "mean_seconds": 0.6,
    }
    stgcn = config["models"]["stgcn"]
    stgcn |= {"length": 8}
    stgcn["network"] |= {"base_channels": 4, "num_stages": 2}
    stgcn["network"] |= {"inflate_stages": [2], "down_stages": [2]}
    stgcn["training"] |= {"epochs": 1}
    detectors = {name: config["detectors"][name] for name in ("windows", "temporal")}
    detectors["temporal"]["window"] = 64
    detectors["temporal"]["network"] |= {"joint_width": 4, "width": 16, "levels": 2}
    detectors["temporal"]["training"] |= {"epochs": 2}
    data = {**config["data"], "generate": generated}
    return {**config, "results": "results", "seeds": [3], "data": data, "detectors": detectors}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("online"))
    project.write(small(yaml.safe_load((REPOSITORY / "config/online.yaml").read_text())))
    return project


def made(project):
    """Content of what a repeat must give byte for byte."""
    results = project.folder / "results"
    patterns = ("online/train/*/*/model.safetensors", "online/detect/*/*/*.*")
    files = [path for one in patterns for path in results.glob(one)]
    return {str(path.relative_to(results)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_detectors_survive_kills_clones_and_edits(project, tmp_path):
    done = project.snakemake("results/ablation_table.md", *TARGETS)
    assert done.returncode == 0, done.stderr
    first = made(project)
    assert len(first) == 1 + 2 * 3
    assert project.planned(*TARGETS) == {}
    said = project.run("microgesture", "verify")
    assert said.returncode == 0, said.stderr

    before = project.config
    changed = project.config
    changed["detectors"]["windows"]["smoothing"] = False
    project.write(changed)
    expected = {"detect": 1, "online_table": 1, "online_page": 1}
    assert project.planned(*TARGETS) == expected
    project.write(before)

    # a folder elsewhere whose results came by DVC, without Snakemake's notes, has nothing to do
    clone = Project.copy_of(project.folder, tmp_path / "clone")
    shutil.rmtree(clone.folder / ".snakemake")
    assert clone.planned(*TARGETS) == {}

    shutil.rmtree(clone.folder / "results/online")
    for rule in ("train_detector", "score_windows", "detect"):
        clone.kill_in(rule, TARGETS)
    done = clone.snakemake(*TARGETS)
    assert done.returncode == 0, done.stderr
    assert made(clone) == first
