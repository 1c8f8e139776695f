"""The slurm profile, through Snakemake's own executor, on a SLURM that is started for the test."""

import re
import subprocess
import time

import pytest

from tests.conftest import REPOSITORY
from tests.project import FEWER_ROWS, Project
from tests.reliability import slurm_node

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(slurm_node.why_not() is not None, reason=slurm_node.why_not() or ""),
]
THREADS = dict.fromkeys(("train", "predict", "robustness", "occlusion"), 2)
THROUGH_SLURM = [
    "--workflow-profile",
    "profiles/slurm",
    # the profile's pace is for jobs of minutes, and a folder shared between machines
    "--slurm-init-seconds-before-status-checks=1",
    "--latency-wait=5",
]
# As the training step does: the state is saved on SIGTERM, and the next attempt goes on from there.
STEP = """\
import os, pathlib, signal, sys, time
state = pathlib.Path("state")

def save(number, frame):
    for part in range(5):
        time.sleep(0.2)
        print("saving", part, file=sys.stderr, flush=True)
    state.write_text("epoch 7")
    sys.exit(75)

signal.signal(signal.SIGTERM, save)
if state.exists():
    pathlib.Path(sys.argv[1]).write_text(f"went on after {state.read_text()}")
    sys.exit()
job, gpu = os.environ["SLURM_JOB_ID"], os.environ["CUDA_VISIBLE_DEVICES"]
pathlib.Path("started").write_text(f"job {job} has GPU {gpu}.")
while True:
    time.sleep(0.05)
"""
SNAKEFILE = """\
rule train:
    output: "model.txt"
    log: "train.log"
    resources: gpu=1
    shell: "trap '' TERM; python train.py {output} 2> >(tee {log:q} >&2)"
"""


@pytest.fixture(scope="module")
def slurm():
    slurm_node.start()
    try:
        yield
    finally:
        slurm_node.stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("local"), rows=FEWER_ROWS)
    done = project.snakemake("--set-threads", *threads())
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def through_slurm(slurm, tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("slurm"), rows=FEWER_ROWS)
    done = project.run("snakemake", *THROUGH_SLURM, "--set-threads", *threads())
    assert done.returncode == 0, done.stderr
    return project, done.stderr


def threads():
    return [f"{rule}={count}" for rule, count in THREADS.items()]


def submitted(said):
    """Jobs handed to SLURM, by rule."""
    rules = re.findall(r"submitted with SLURM jobid \d+ \(log: .*?/rule_(\w+?)/", said)
    return {rule: rules.count(rule) for rule in rules}


def artifacts(project):
    """Files that two runs must share; times and log lines differ from run to run."""
    results = project.folder / "results"
    paths = (path for path in results.rglob("*") if path.is_file())
    named = {str(path.relative_to(results)): path for path in paths}
    return {
        name: path
        for name, path in named.items()
        if name.split("/")[0] in {"release", "skeletons", "prepared", "heatmaps", "predict"}
        or name.endswith((".safetensors", "metrics.json", "submission/kaggle2025.csv"))
    }


# before the module's own SLURM is started
def test_stop_puts_back_what_was_there():
    conf = slurm_node.ETC / "slurm.conf"
    before = conf.read_bytes() if conf.exists() else None
    conf.parent.mkdir(exist_ok=True)
    conf.write_text("ClusterName=mine\n")
    try:
        slurm_node.start()
        try:
            assert (
                slurm_node.said("srun", "--gpus=2", "printenv", "CUDA_VISIBLE_DEVICES") == "0,1\n"
            )
            assert "runs" in slurm_node.why_not()
        finally:
            slurm_node.stop()
        assert conf.read_text() == "ClusterName=mine\n"
        assert slurm_node.why_not() is None
    finally:
        conf.unlink() if before is None else conf.write_bytes(before)


def test_every_step_ran_as_a_job_of_slurm(through_slurm):
    project, said = through_slurm
    assert (project.folder / "results/ablation_table.md").is_file()
    jobs = submitted(said)
    counts = (jobs["train"], jobs["grow_trees"], jobs["predict"], jobs["ablation_table"])
    assert counts == (2, 1, 3, 1)
    assert project.planned() == {}


def test_predictions_are_those_of_a_local_run_byte_for_byte(through_slurm, local):
    project, _ = through_slurm
    there, here = artifacts(project), artifacts(local)
    assert set(there) == set(here) and any(name.endswith("test.parquet") for name in here)
    assert [n for n in here if here[n].read_bytes() != there[n].read_bytes()] == []


def test_a_training_asks_for_one_gpu_and_goes_on_after_a_warning(slurm, tmp_path):
    (tmp_path / "train.py").write_text(STEP)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    profile = REPOSITORY / "profiles/slurm"
    command = ["snakemake", "--workflow-profile", profile, *THROUGH_SLURM[2:]]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=said, stderr=said)
    try:
        started = tmp_path / "started"
        wait(lambda: started.exists() and started.read_text().endswith("."))
        job = re.fullmatch(r"job (\d+) has GPU [01]\.", started.read_text())[1]
        asked = slurm_node.said("scontrol", "show", "job", job)
        assert "gres:gpu:1" in asked and "Requeue=1" in asked
        # what SLURM does by itself when the time limit is near
        slurm_node.said("scancel", "--signal", "TERM", job)
        assert process.wait(timeout=60) == 0, (tmp_path / "said").read_text()
    finally:
        process.kill()
    assert (tmp_path / "model.txt").read_text() == "went on after epoch 7"


def test_slurm_warns_a_step_before_its_time_is_up(slurm, tmp_path):
    profile = (REPOSITORY / "profiles/slurm/config.yaml").read_text()
    extra = re.search(r"slurm_extra: \"'(.*)'\"", profile)
    step = f"trap 'touch {tmp_path}/warned; exit 0' TERM; while true; do sleep 0.1; done"
    begun = time.monotonic()
    wrapped = ["--wrap", f'srun -n1 bash -c "{step}"']
    slurm_node.said("sbatch", "--wait", "--time=2", extra[1], f"--output={tmp_path}/log", *wrapped)
    assert (tmp_path / "warned").exists() and time.monotonic() - begun < 100


def wait(ready, seconds=40):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.1)
