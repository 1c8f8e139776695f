"""What a run would do now, and why: Snakemake's dry run, made short."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from microgesture.utils.errors import InputError

FOLLOWS = "Input files updated by another job"
MISSING = "Missing output files"
# what Snakemake says first, before whatever is wrong
PROFILE = "Using workflow specific profile"
# what the rules say of a step that is not as its record states
SAID = re.compile(r".* (is out of date|is made again, without metadata of Snakemake): .+")
LOST = re.compile(r".* is (missing|not as it was made); as a target, .*")
BLOCK = re.compile(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """A job that would run.

    Attributes
    ----------
    rule
    wildcards
        As Snakemake writes them; empty without any.
    reasons
        Why it runs besides that its input is made again; empty where that is all.
    outputs
        What it writes.

    """

    rule: str
    wildcards: str
    reasons: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """Rule and the values of its wildcards."""
        return f"{self.rule} ({self.wildcards})" if self.wildcards else self.rule


@dataclass(frozen=True)
class Plan:
    """Jobs of a dry run, and what the rules say of why.

    Attributes
    ----------
    jobs
        All but the one that collects the targets.
    said
        A line for each key, file or code that is not as a record states.

    """

    jobs: tuple[Job, ...]
    said: tuple[str, ...]

    def counts(self, jobs: Sequence[Job] | None = None) -> Counter[str]:
        """Number of jobs by rule, in the order of the plan."""
        return Counter(job.rule for job in (self.jobs if jobs is None else jobs))

    def missing(self) -> list[Job]:
        """Jobs whose outputs are not there."""
        return [job for job in self.jobs if any(one.startswith(MISSING) for one in job.reasons)]

    def others(self) -> list[Job]:
        """Jobs that run for another reason of their own."""
        missing = self.missing()
        return [job for job in self.jobs if job.reasons and job not in missing]


def dry_run(config: Path | None, targets: Sequence[str]) -> str:
    """What Snakemake says of a dry run in this folder.

    Parameters
    ----------
    config : Path, optional
        Another config than the default one.
    targets : sequence of str
        Files to make; all of the workflow unless given.

    Raises
    ------
    InputError
        Without Snakemake or a Snakefile, and when the dry run ends with an error.

    """
    if not Path("Snakefile").is_file():
        raise InputError(
            f"{Path.cwd()}: holds no Snakefile, which says what is made of what; "
            "change into the checkout of the workflow"
        )
    if config is not None and not config.is_file():
        raise InputError(f"{config}: there is no such file; give a config")
    if find_spec("snakemake") is None:
        raise InputError(
            "Snakemake is not installed, which plans the runs: pip install 'microgesture[workflow]'"
        )
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", *targets]
    command += [] if config is None else ["--configfile", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        # some errors of a dry run, such as that of an unknown target, are on stdout
        written = (done.stdout + done.stderr).splitlines()
        lines = [line for line in written if line.strip() and not line.startswith(PROFILE)]
        raise InputError("the dry run failed: " + " ".join(" ".join(lines[-2:]).split()))
    return f"{done.stdout}\n{done.stderr}"


def read_plan(text: str) -> Plan:
    """Read what `dry_run` gives back."""
    jobs = []
    for rule, body in BLOCK.findall(text):
        stated = dict(line.strip().partition(": ")[::2] for line in body.splitlines())
        reasons = stated.get("reason", "").split("; ")
        if rule != "all":
            own = tuple(one for one in reasons if one and not one.startswith(FOLLOWS))
            outputs = tuple(stated.get("output", "").split(", "))
            jobs.append(Job(rule, stated.get("wildcards", ""), own, outputs))
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if SAID.fullmatch(line) or LOST.fullmatch(line)]
    return Plan(tuple(jobs), tuple(dict.fromkeys(said)))
