"""What a user's config file meets before anything runs, through Snakemake's own command line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from microgesture.utils.files import read_json
from tests.project import Project, copy_repository


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("config") / "my project")


def write(project, name, **changes):
    """A config file of that name, the project's own but for some top-level keys."""
    path = project.folder / name
    path.write_text(yaml.safe_dump(project.config | changes, sort_keys=False))
    return path


def test_a_file_that_is_not_yaml_is_told_in_one_line(project):
    path = project.folder / "bad.yaml"
    path.write_text("results: results/bad\ndata: {name: a\nseeds: [0]\n")
    said = project.snakemake("-n", "--configfile", "bad.yaml")
    assert said.returncode == 2
    own = [line for line in said.stderr.splitlines() if not line.startswith("Using workflow")]
    assert len(own) == 1
    assert own[0].startswith("bad.yaml, line 3, column 6: is not YAML: expected ',' or '}'")


def test_the_quick_run_is_a_slice_of_the_default(tmp_path):
    """Trees and three networks with one seed, through the same steps but for robustness."""
    copy_repository(tmp_path)
    said = subprocess.run(
        ["snakemake", "--cores", "2", "-n", "--configfile", "config/quick.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", said.stdout, re.M))
    expected = {"train": "3", "grow_trees": "1", "predict": "4", "fuse": "1", "report_page": "1"}
    assert expected.items() <= jobs.items() and "robustness" not in jobs


def test_a_target_after_configfile_is_told_in_one_line(project):
    said = project.snakemake("-n", "--configfile", "config/config.yaml", "results/none.md")
    assert said.returncode == 2
    assert "there is no results/none.md; if it is to be made, put it before" in said.stderr
    assert "Traceback" not in said.stderr


def test_unquoted_class_names_and_ids_are_told_at_the_dry_run(project):
    (project.folder / "classes.yaml").write_text("classes: [yes, no]\n")
    write(project, "words.yaml", classes="classes.yaml")
    said = project.snakemake("-n", "--configfile", "words.yaml")
    assert said.returncode == 1
    assert "classes.yaml: class 0 is True, expected a name; put it in quotes" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr


def test_results_may_lie_outside_the_checkout(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCRATCH", str(tmp_path / "big disk"))
    classes = tmp_path / "home/classes.yaml"
    classes.parent.mkdir()
    classes.write_text((project.folder / "config/classes/imigue.yaml").read_text())
    write(project, "far.yaml", results="$SCRATCH/mine", classes="~/classes.yaml")
    results = tmp_path / "big disk/mine"
    command = [str(results / "labels/embeddings.npz"), "--configfile", "far.yaml"]
    made = project.snakemake(*command)
    assert made.returncode == 0, made.stderr
    record = read_json(results / "provenance/label_embeddings.json")
    assert list(record["outputs"]) == ["labels/embeddings.npz"]
    again = project.snakemake(*command)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_from_another_folder_the_checkout_is_asked_for(project, tmp_path):
    environment = {key: one for key, one in project.environment.items() if key != "PYTHONPATH"}
    snakefile = str(project.folder / "Snakefile")

    def dry_run(*options):
        command = ["snakemake", "-n", "--cores", "2", "--snakefile", snakefile, *options]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    said = dry_run()
    assert said.returncode == 1 and "Traceback" not in said.stdout + said.stderr
    assert f"{tmp_path}: the workflow runs in its checkout alone; cd '" in said.stdout
    assert dry_run("--directory", str(project.folder)).returncode == 0
