"""Commands in the docs are in an order that Snakemake understands."""

import re

import pytest

from tests.conftest import REPOSITORY

PLACES = ["README.md", "Snakefile", *map(str, REPOSITORY.glob("docs/*.md"))]
PLACES += map(str, REPOSITORY.glob("config/*.yaml"))


@pytest.mark.parametrize("place", PLACES)
def test_nothing_but_options_follows_a_config_file(place):
    """`--configfile` would take a target for one more config file, which ends in a traceback."""
    text = (REPOSITORY / place).read_text()
    for line in re.findall(r"snakemake .*--configfile .*", text):
        _, _, after = line.partition("--configfile ")
        words = re.split(r"\s{2,}|[#`]", after)[0].split()
        assert len(words) == 1 or words[1].startswith("-"), line
