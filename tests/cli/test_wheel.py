"""The wheel outside of the repository: predicting and viewing need neither Snakemake nor DVC."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.conftest import REPOSITORY
from tests.people import film, save_model, write_frames

BLOCK = """import sys
from importlib.machinery import ModuleSpec

class Refuse:  # libraries look for the specs of others without importing them
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name.partition(".")[0] in {names} else None

    def create_module(self, spec):
        raise ImportError(f"{{spec.name}} is not there")

    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Refuse())
"""
IMPORTED_AS = {"scikit-learn": "sklearn", "snakemake-executor-plugin-slurm": "snakemake"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the unpacked wheel, and the environment that finds it and no extra."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        REPOSITORY / "src",
        source / "src",
        ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *offline, "--wheel-dir", folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extra = [re.split(r"[=<>\[;]", one)[0] for one in project["optional-dependencies"]["workflow"]]
    names = {IMPORTED_AS.get(name, name) for name in extra}
    assert {"snakemake", "dvc", "sklearn"} <= names
    (folder / "block").mkdir()
    (folder / "block/sitecustomize.py").write_text(BLOCK.format(names=names))
    paths = f"{folder / 'block'}{os.pathsep}{folder / 'site'}"
    return folder, {**os.environ, "PYTHONPATH": paths}


def run(installed, *words):
    folder, environment = installed
    return subprocess.run(
        [*map(str, words)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_folder_of_openpose_files_is_predicted_and_drawn(installed):
    folder, _ = installed
    clips = film(0)
    model = save_model(folder / "model.safetensors", clips)
    write_frames(folder / "recordings/a", clips[0].points)
    where = "import microgesture; print(microgesture.__file__)"
    assert run(installed, sys.executable, "-c", where).stdout.startswith(f"{folder}/site/")
    gone = run(installed, sys.executable, "-c", "import snakemake")
    assert "snakemake is not there" in gone.stderr
    command = folder / "site/bin/microgesture"
    words = ["predict", "--model", model, "--input", "recordings", "--out", "p.csv", "--views", 1]
    done = run(installed, command, *words)
    assert done.returncode == 0, done.stderr
    head, row = (folder / "p.csv").read_text().splitlines()
    assert head.startswith("recording,") and row.startswith("a,0,")
    words = ["view", "--input", "recordings", "--model", model, "--out", "a.gif"]
    done = run(installed, command, *words, "--frames", "0-3")
    assert done.returncode == 0, done.stderr
    assert (folder / "a.gif").read_bytes().startswith(b"GIF")


@pytest.mark.slow
def test_layouts_formats_classes_and_cards_are_in_it(installed):
    folder, _ = installed
    inside = folder / "site/microgesture"
    assert (inside / "py.typed").exists()
    source = REPOSITORY / "src/microgesture/resources"
    names = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert len(names) > 20
    held = {path.relative_to(inside / "resources") for path in inside.rglob("resources/*/*")}
    assert held == names
    pages = {path.name for path in (REPOSITORY / "src/microgesture/report/templates").rglob("*.*")}
    assert pages <= {path.name for path in (inside / "report/templates").rglob("*.*")}


@pytest.mark.slow
def test_every_module_that_needs_no_extra_is_imported_without(installed):
    """What is imported at the start of a subcommand's modules is declared without an extra."""
    modules = ["inference.recordings", "inference.onnx", "viz.animation", "provenance.verify"]
    modules += ["workflow.check_file", "workflow.new_config", "readers.look", "evaluation.compare"]
    modules += ["provenance.compare", "workflow.plan", "readers.openpose_json"]
    text = "; ".join(f"import microgesture.{name}" for name in modules)
    done = run(installed, sys.executable, "-c", text)
    assert done.returncode == 0, done.stderr
