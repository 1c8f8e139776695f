"""What the SLURM profile would ask for, of the steps that video and fusions add."""

import re

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.project import Project

TARGETS = [
    f"results/{part}/{row}/seed0.csv"
    for row in ("token_fusion", "tuned")
    for part in ("missing_sources", "robustness")
]
ON_GPU = {"train", "tokens", "predict", "robustness", "missing_sources"}
HOURS = {"train": 12, "crops": 12, "tokens": 4, "robustness": 4, "predict": 2, "fuse": 1}


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Of every job of a dry run with the profile: rule, threads and resources."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    project = Project(tmp_path_factory.mktemp("plan"))
    config = yaml.safe_load((REPOSITORY / "config/video.yaml").read_text())
    tuned = {**config["variants"]["token_fusion"], "title": "tuned", "backbones": "finetuned"}
    config["variants"]["tuned"] = tuned
    project.write({**config, "results": "results", "seeds": [0]})
    profile = ("--workflow-profile", "profiles/slurm", "--cores", "8")
    said = project.run("snakemake", *profile, "results/ablation_table.md", *TARGETS, "--dry-run")
    assert said.returncode == 0, said.stderr
    jobs = []
    for rule, block in re.findall(r"^rule (\w+):\n(.*?)(?=^\[|^rule|\Z)", said.stdout, re.M | re.S):
        asked = dict(re.findall(r"(\w+)=([^,\n]+)", re.search(r"resources: (.*)", block)[1]))
        threads = re.search(r"threads: (\d+)", block)
        row = re.search(r"variant=(\w+)", block)
        jobs.append((rule, row and row[1], int(threads[1]) if threads else 1, asked))
    return jobs


def test_every_step_of_video_and_fusion_is_planned(planned):
    rules = [rule for rule, *_ in planned]
    counts = {rule: rules.count(rule) for rule in ("crops", "train", "tokens", "missing_sources")}
    assert counts == {"crops": 1, "train": 6, "tokens": 3, "missing_sources": 2}
    assert {row for rule, row, *_ in planned if rule == "robustness"} == {"token_fusion", "tuned"}


def test_networks_alone_ask_for_a_gpu_each(planned):
    assert {rule for rule, _, _, asked in planned if asked.get("gpu") == "1"} == ON_GPU
    assert {asked.get("gpu") for rule, _, _, asked in planned if rule in ON_GPU} == {"1"}
    # of rows that read video and of fusions as of any other
    assert {row for rule, row, *_ in planned if rule == "train"} >= {"mvit", "tuned", "concat"}


def test_steps_ask_for_the_time_memory_and_threads_of_their_work(planned):
    for rule, _, threads, asked in planned:
        if rule in HOURS:
            assert int(asked["runtime"]) == 60 * HOURS[rule]
        large = rule in {*ON_GPU, "crops"}
        assert int(asked["mem_mb"]) == (16000 if large else 1000 if rule == "fuse" else 4000)
        if rule in {"crops", "synthesize", *ON_GPU}:  # several videos at once, and loading
            assert threads == (8 if rule in {"crops", "synthesize"} else 4)
        assert asked["slurm_extra"] == "--signal=TERM@120"


def test_the_profile_knows_every_rule_that_wants_a_gpu():
    """And says in its first lines which these are."""
    text = (REPOSITORY / "profiles/slurm/config.yaml").read_text()
    resources = yaml.safe_load(text)["set-resources"]
    rules = {}
    for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")):
        for name, body in re.findall(
            r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", path.read_text(), re.M | re.S
        ):
            rules[name] = "gpu=1" in body
    asking = {name for name, gpu in rules.items() if gpu}
    assert asking <= set(resources) <= set(rules) and asking > ON_GPU
    said = re.findall(r"\w+", text[: text.index("as in profiles/default")])
    assert asking <= set(said)
