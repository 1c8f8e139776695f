"""The lists of packages that are written in more than one place agree."""

import re
import tomllib

import yaml

from microgesture.provenance.record import PACKAGES
from tests.conftest import REPOSITORY


def locked():
    text = (REPOSITORY / "requirements.lock").read_text()
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", text, re.M))


def test_the_lock_holds_every_declared_package():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    declared = sum(project["optional-dependencies"].values(), project["dependencies"])
    names = {re.split(r"[=<>\[;]", entry)[0].lower() for entry in declared}
    assert names <= {name.lower() for name in locked()}


def test_the_conda_environment_has_the_locked_versions():
    environment = yaml.safe_load((REPOSITORY / "workflow/envs/microgesture.yaml").read_text())
    *conda, pip = environment["dependencies"]
    names = {"matplotlib-base": "matplotlib", "pytorch": "torch"}
    pins = [entry.split("=") for entry in conda if "=" in entry and not entry.startswith("python=")]
    pins += [entry.split("==") for entry in pip["pip"]]
    assert pins
    for name, version in pins:
        assert locked()[names.get(name, name)] == version, name


def test_the_conda_environment_has_all_that_records_state_versions_of():
    text = (REPOSITORY / "workflow/envs/microgesture.yaml").read_text()
    names = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
    for package in PACKAGES:
        assert f"- {names.get(package, package)}=" in text, package
