"""Templates: each uses only what its step is rerun for, and an installed package has them."""

import tomllib

import pytest
from jinja2 import Environment, UndefinedError, meta

from microgesture.report.render import TEMPLATES, render
from tests.conftest import REPOSITORY

FILES = sorted(path for path in TEMPLATES.rglob("*") if path.is_file())


def owner(name):
    """The module whose template it is."""
    return name.split("/")[0].split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_template_includes_only_those_of_its_own_module(path):
    name = path.relative_to(TEMPLATES).as_posix()
    used = meta.find_referenced_templates(Environment().parse(path.read_text()))
    # the one that is not named whole is a section of the page
    assert {owner(one) for one in used if one is not None} <= {owner(name)}


def test_the_package_has_every_template_when_it_is_installed():
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["microgesture.report"]
    covered = {path for one in patterns for path in TEMPLATES.parent.glob(one) if path.is_file()}
    assert covered == set(FILES)


def test_what_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError, match="seeds"):
        render("notes/claims_legend.md", sample="test clips")
