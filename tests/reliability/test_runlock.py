"""Two live runs never share a results folder, and a killed one leaves nothing to unlock."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microgesture.utils.errors import InputError
from microgesture.workflow import runlock
from tests.conftest import REPOSITORY

HOLD = """
import subprocess, sys, time
from microgesture.workflow import runlock
runlock.hold(sys.argv[1], runlock.last_run(sys.argv[1]))
job = subprocess.Popen(["bash", "-c", runlock.job_prefix(sys.argv[1]) + "sleep 30 & echo $!; wait"])
time.sleep(30)
"""
SNAKEFILE = """
from snakemake.exceptions import WorkflowError
from microgesture.workflow import runlock
from microgesture.utils.errors import InputError

LAST_RUN = runlock.last_run("results")
shell.prefix(runlock.job_prefix("results"))

onstart:
    try:
        runlock.hold("results", LAST_RUN)
    except InputError as error:
        raise WorkflowError(str(error))

rule all:
    input: "results/b"

rule a:
    output: "results/a"
    shell: "touch results/started; while [ ! -e go ]; do sleep 0.05; done; echo $$ > {output}"

rule b:  # `run` is what Snakemake gives to a process that reads the workflow again
    input: "results/a"
    output: "results/b"
    run:
        shell("cp {input} {output}")
"""


@pytest.fixture
def environment():
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "PATH": path}


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def refused(folder, first=""):
    """What a run started now, after a shell's command, is told; None where it may start."""
    code = "import sys; from microgesture import runlock as r; from microgesture.utils.errors import run"
    code += "; run(lambda: r.hold(sys.argv[1], r.last_run(sys.argv[1])))"
    step = shlex.join([sys.executable, "-c", code, str(folder)])
    command = ["bash", "-c", f"{first}{step}"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stderr if said.returncode else None


def test_a_second_run_is_refused_while_the_first_lives(tmp_path, environment):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    job = int(first.stdout.readline())
    try:
        said = refused(tmp_path)
        assert f"another run is at work there (process {first.pid} on " in said
        assert said.startswith(f"error: {tmp_path}: ") and said.endswith("or end it\n")
        first.kill()
        first.wait()
        said = refused(tmp_path)
        assert f"a job of a run that was killed (process {first.pid} on " in said
    finally:
        first.kill()
        os.kill(job, signal.SIGKILL)
    wait_for(lambda: refused(tmp_path) is None)


def test_a_run_planned_before_another_ended_is_refused(tmp_path):
    planned = runlock.last_run(tmp_path)
    assert refused(tmp_path) is None
    with pytest.raises(InputError, match="another run ended there in the meantime; run again"):
        runlock.hold(tmp_path, planned)
    assert refused(tmp_path) is None  # the failed attempt let go


def test_a_folder_that_takes_no_lock_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/\.run\.lock: cannot be written"):
        runlock.hold(tmp_path / "file", "")


def test_a_lock_file_that_is_damaged_or_cannot_be_written_is_no_riddle(tmp_path):
    lock = tmp_path / runlock.NAME
    lock.write_bytes(b"\xff\xfe\0")
    assert refused(tmp_path) is None
    said = refused(tmp_path, "ulimit -f 0; ")
    assert said.startswith(f"error: {lock}: cannot be written") and "limit on file sizes" in said


POOL = """
import os, sys, time
from microgesture.utils.process_pool import process_pool

def wait(number):
    time.sleep(60)

if __name__ == "__main__":
    pool = process_pool(2)
    done = [pool.submit(wait, number) for number in range(2)]
    while len(pool._processes) < 2:
        time.sleep(0.05)
    time.sleep(1)
    print(os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_step_that_is_killed_alone_takes_its_workers_along(tmp_path, environment, how):
    (tmp_path / "step.py").write_text(POOL)
    text = f"{runlock.job_prefix(tmp_path)} python step.py 2> >(tee log >&2)"
    about = {"cwd": tmp_path, "env": environment, "text": True}
    step = subprocess.Popen(["bash", "-c", text], stdout=subprocess.PIPE, **about)
    process = int(step.stdout.readline())
    try:
        assert refused(tmp_path) is not None
        os.kill(process, how)
        assert step.wait(30) != 0
        wait_for(lambda: refused(tmp_path) is None)
    finally:
        step.kill()


@pytest.mark.slow
def test_snakemake_after_a_kill_just_works_and_two_never_mix(tmp_path, environment):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = ["snakemake", "--cores", "1", "--nolock", "--rerun-incomplete"]
    about = {"cwd": tmp_path, "env": environment, "text": True}

    def snakemake(*more):
        return subprocess.run([*command, *more], capture_output=True, check=False, **about)

    def started():
        (tmp_path / "results/started").unlink(missing_ok=True)
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **about
        )

    first = started()
    wait_for((tmp_path / "results/started").exists)
    second = snakemake()
    assert second.returncode != 0 and "Traceback" not in second.stderr
    assert f"another run is at work there (process {first.pid} on" in second.stderr
    assert "at work there" not in snakemake("--lint").stderr
    assert snakemake("-n").returncode == 0
    first.kill()
    first.wait()
    third = snakemake()
    assert third.returncode != 0 and "a job of a run that was killed" in third.stderr
    (tmp_path / "go").write_text("")
    wait_for(lambda: refused(tmp_path / "results") is None)
    (tmp_path / "results/a").unlink(missing_ok=True)
    done = snakemake()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/b").read_text() == (tmp_path / "results/a").read_text()
