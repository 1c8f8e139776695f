"""Commands of the README and the docs: each is run here, or says above it what it needs."""

import contextlib
import io
import re
import shlex
import subprocess
from itertools import dropwhile
from pathlib import Path

import pytest

from microgesture.cli.main import main
from tests.conftest import REPOSITORY
from tests.project import Project

DOCS = sorted(REPOSITORY.glob("docs/*.md"))
PLACES = ["README.md", "Snakefile", *map(str, DOCS)]
PLACES += map(str, REPOSITORY.glob("config/*.yaml"))
BLOCK = re.compile(r"(?:^<!-- (needs|run): ([^\n]+) -->\n)?^```bash\n(.*?)^```", re.M | re.S)
FOLLOWED = {"docs/extending.md": "tests/workflow/test_extending.py runs them"}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_but_options_follows_a_config_file(place):
    """`--configfile` would take a target for one more config file, which ends in a traceback."""
    text = (REPOSITORY / place).read_text()
    for line in re.findall(r"snakemake .*--configfile .*", text):
        _, _, after = line.partition("--configfile ")
        words = re.split(r"\s{2,}|[#`]", after)[0].split()
        assert len(words) == 1 or words[1].startswith("-"), line


def commands():
    """Place, what the block needs that is not here, and a command's words."""
    for path in [REPOSITORY / "README.md", *DOCS]:
        place = str(path.relative_to(REPOSITORY))
        for mark, reason, text in BLOCK.findall(path.read_text()):
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                words = [*dropwhile(lambda word: re.match("[A-Z_]+=", word), words)]
                if words:
                    yield place, reason if mark == "needs" else "", words


COMMANDS = list(commands())


def of(program, needing):
    """The different commands of a program, of blocks that need something or of the others."""
    found = {
        tuple(words): place
        for place, needs, words in COMMANDS
        if words[0] == program and bool(needs) == needing and place not in FOLLOWED
    }
    return [pytest.param(list(words), id=" ".join(words)[:90]) for words in found]


def test_every_command_is_run_or_says_what_it_needs():
    run = {"make", "snakemake", "microgesture"}
    left = [
        (place, " ".join(words))
        for place, needs, words in COMMANDS
        if not needs and place not in FOLLOWED and words[0] not in run
    ]
    assert left == [], "mark the block by a line <!-- needs: ... --> above it, or run it here"
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("words", [*of("make", False), *of("make", True)])
def test_make_knows_its_targets(words):
    done = subprocess.run(
        ["make", "--dry-run", *words[1:]], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("docs") / "copy")


@pytest.mark.parametrize("words", of("snakemake", False))
def test_snakemake_plans_what_the_docs_ask_for(project, words):
    done = project.run(*words, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", of("snakemake", True))
def test_snakemake_knows_the_options_of_commands_that_need_data(words):
    """Its own parser reads them; nothing is planned."""
    from snakemake.cli import parse_args

    parse_args(words[1:])


class Parsed(Exception):
    """The command line was understood."""


@pytest.mark.parametrize("words", [*of("microgesture", False), *of("microgesture", True)])
def test_the_command_knows_its_options(words, monkeypatch):
    """All but the subcommand's work, which tests/cli does on data that are here."""
    module = words[1].replace("-", "_")
    assert Path(REPOSITORY, "src/microgesture/cli", f"{module}.py").is_file()

    def parsed(args):
        raise Parsed

    monkeypatch.setattr(f"microgesture.cli.{module}.run", parsed)
    said = io.StringIO()
    with contextlib.redirect_stderr(said), pytest.raises((Parsed, SystemExit)) as caught:
        main(words[1:])
    assert caught.type is Parsed, said.getvalue()


def test_links_of_the_readme_lead_somewhere():
    """Sphinx checks those between the pages."""
    text = (REPOSITORY / "README.md").read_text()
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text)
    assert len(targets) > 20
    missing = [name for name in targets if ":" not in name and not (REPOSITORY / name).exists()]
    assert missing == []


def test_the_readme_is_short_and_its_pictures_small():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 130
    for picture in (REPOSITORY / "docs/images").iterdir():
        assert picture.stat().st_size < 500_000, picture
