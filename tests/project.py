"""A copy of the repository with a tiny config, run as a user runs it."""

import copy
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from microgesture.utils.files import sha256
from tests.conftest import REPOSITORY

PARTS = ["Snakefile", "workflow", "scripts", "config", "profiles", "src", "Makefile"]
PARTS += ["requirements-pose.lock"]
# compiled kernels are copied, which saves seconds in every process; these may vanish meanwhile
UNFINISHED = shutil.ignore_patterns("*.pyc*", "*.tmp.*")


COMPARED = [
    "skeletons/*.parquet",
    "prepared/*",
    "heatmaps/*",
    "predict/**/*.parquet",
    "train/**/model.safetensors",
    "train/**/metrics.json",
    "tokens/**/*",
    "missing_sources/**/*.csv",
    "robustness/**/*.csv",
    "occlusion/**/*.json",
    "submission/*",
    "metrics.json",
    "claims.csv",
    "curves.csv",
]
"""Results that a repeat must give byte for byte: all but what shows times of training."""


ROWS = (
    "trees",
    "stgcn22_crop_pad",
    "stgcn41_align",
    "joint41_align_semantic",
    "limb41_align_semantic",
)
"""Variants of the small config: the input of the last one is cached."""
FEWER_ROWS = ("trees", "stgcn41_align", "limb41_align_semantic")
"""Enough that every rule has a job."""


def copy_repository(folder: Path) -> None:
    """Copy what the workflow runs from."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=UNFINISHED)
        else:
            shutil.copy(source, folder / part)


class Project:
    """A copy of the repository with a small config, run as a user runs it."""

    def __init__(self, folder: Path, epochs: int = 1, rows: Sequence[str] = ROWS) -> None:
        self.folder = folder
        copy_repository(folder)
        self.config_file = folder / "config/config.yaml"
        self.write(small(yaml.safe_load(self.config_file.read_text()), epochs, rows))

    @classmethod
    def at(cls, folder: Path):
        """The project that lies there."""
        project = cls.__new__(cls)
        project.folder, project.config_file = folder, folder / "config/config.yaml"
        return project

    @classmethod
    def copy_of(cls, folder: Path, copy: Path):
        """The same project in another folder, its results and the files' times included."""
        return cls.at(shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True))

    @property
    def config(self):
        return yaml.safe_load(self.config_file.read_text())

    def write(self, config):
        self.config_file.write_text(yaml.safe_dump(config, sort_keys=False))

    @property
    def environment(self):
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder / "src"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def run(self, *arguments):
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def snakemake(self, *arguments):
        return self.run("snakemake", "--cores", "2", *arguments)

    def kill_in(self, rule, targets):
        """Start the workflow and kill all of it while a step of the rule runs."""
        process = subprocess.Popen(
            ["snakemake", "--cores", "2", *targets],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + 120
        while f"scripts/{rule}.py" not in _commands(process.pid):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def hashes(self):
        """SHA-256 of every result that does not show a time, by name."""
        results = self.folder / "results"
        found = sorted(path for pattern in COMPARED for path in results.glob(pattern))
        assert found
        return {str(path.relative_to(results)): sha256(path) for path in found if path.is_file()}

    def planned(self, *targets):
        """Jobs of a dry run, by rule."""
        said = self.snakemake(*targets, "--dry-run")
        assert said.returncode == 0, said.stderr
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", said.stdout, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in said.stdout + said.stderr
            return {}
        rows = [line.split() for line in table[1].splitlines()]
        return {rule: int(count) for rule, count in rows if rule != "all"}


def _commands(session: int) -> str:
    """Command lines of the processes of a session."""
    listed = subprocess.run(
        ["ps", "-o", "args=", "-s", str(session)], capture_output=True, text=True, check=False
    )
    return listed.stdout


def finished_once(shared: Path) -> Path:
    """The folder of a project whose default target is made, by the first process that asks."""
    folder = shared / "finished"
    with FileLock(shared / "finished.lock"):
        if not (folder / "results/report.html").exists():
            shutil.rmtree(folder, ignore_errors=True)
            done = Project(folder).snakemake()
            assert done.returncode == 0, done.stderr
    return folder


def edited(config: dict[str, Any], place: Sequence[Any], value: object) -> dict[str, Any]:
    """The config with one value in place of another, or where there was none."""
    inner = changed = copy.deepcopy(config)
    for key in place[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[key]
    inner[place[-1]] = value
    return changed


def small(config, epochs, rows):
    """Some variants with small networks, one seed and few epochs; aligned ones are fused."""
    config["seeds"] = [3]
    config["data"]["generate"].update(
        subjects={"train": 3, "val": 2, "test": 2},
        clips={"train": 64, "val": 32, "test": 33},
        class_minimum={"train": 1, "val": 1, "test": 1},
        mean_seconds=0.6,
    )
    config["heatmaps"]["size"] = 16
    for model in config["models"].values():
        model["length"] = 8
        model["training"] = {**model["training"], "epochs": epochs, "batch": 16}
    config["models"]["stgcn"]["network"] = {
        "base_channels": 4,
        "num_stages": 2,
        "inflate_stages": [2],
        "down_stages": [2],
    }
    config["models"]["posec3d"]["network"] = {
        "base_channels": 4,
        "stage_blocks": [1],
        "stem_kernel": 3,
    }
    config["models"]["posec3d"]["input_size"] = 14
    config["models"]["posec3d"]["source"] = "drawn"
    config["variants"] = {name: config["variants"][name] for name in rows}
    config["variants"]["trees"]["length"] = 8
    config["variants"]["limb41_align_semantic"]["source"] = "cached"
    networks = [name for name in rows if name not in ("trees", "stgcn22_crop_pad")]
    config["fusions"]["fused"]["members"] = dict.fromkeys(networks[-2:], 1)
    config["fusions"]["fused_fitted"]["members"] = networks
    config["claims"] = [{**config["claims"][-1], "worse": networks[-2:]}]
    config["robustness"] = {"runs": "first", "drop": [0.5], "jitter": [], "occlude": []}
    config["occlusion"] = {"variants": ["stgcn41_align"], "clips": 2}
    config["testing"]["views"] = 2
    return config
