"""Snakemake's dry run made short: which jobs would run, and why."""

import shutil

import pytest

from microgesture.cli.main import main
from microgesture.cli.why import lines
from microgesture.workflow.plan import read_plan
from tests.conftest import REPOSITORY

SAID = """Using workflow specific profile profiles/default for setting default command line arguments.
train/a/seed0 is out of date: config.training.learning_rate: 0.05 -> 0.01
results/predict/b/seed0/test.parquet is not as it was made; as a target, it is made without what follows
Building DAG of jobs...
[Wed Nov 25 21:30:58 2026]
rule train:
    input: results/prepared/x.json, config/layouts/openpose22.yaml
    output: results/train/a/seed0/model.safetensors, results/train/a/seed0/metrics.json
    log: results/logs/train/a/seed0.log
    jobid: 3
    reason: Params have changed since last execution: made_from before: <nothing exclusive> now: x
    wildcards: variant=a, run=seed0
    resources: tmpdir=/tmp
[Wed Nov 25 21:30:58 2026]
rule predict:
    input: results/train/a/seed0/model.safetensors
    output: results/predict/a/seed0/val.parquet, results/predict/a/seed0/test.parquet
    jobid: 2
    reason: Missing output files: results/predict/a/seed0/val.parquet; Input files updated by another job: results/train/a/seed0/model.safetensors
    wildcards: variant=a, run=seed0
[Wed Nov 25 21:30:58 2026]
rule ablation_table:
    input: results/predict/a/seed0/val.parquet
    output: results/ablation_table.md
    jobid: 1
    reason: Input files updated by another job: results/predict/a/seed0/val.parquet
    resources: tmpdir=/tmp
rule all:
    input: results/ablation_table.md
    jobid: 0
    reason: Input files updated by another job: results/ablation_table.md
Job stats:
job                 count
----------------  -------
total                   3
"""  # noqa: E501


def test_jobs_are_told_apart_by_why_they_run():
    plan = read_plan(SAID)
    assert [job.rule for job in plan.jobs] == ["train", "predict", "ablation_table"]
    train, predict, table = plan.jobs
    assert train.name == "train (variant=a, run=seed0)" and table.name == "ablation_table"
    assert plan.missing() == [predict] and plan.others() == [train] and not table.reasons
    assert predict.outputs[0] == "results/predict/a/seed0/val.parquet"


def test_what_changed_stands_first():
    told = lines(read_plan(SAID), every=False)
    assert told[0] == "3 jobs would run: 1 train, 1 predict, 1 ablation_table"
    assert told[2] == "  train/a/seed0 is out of date: config.training.learning_rate: 0.05 -> 0.01"
    assert "predict/b/seed0/test.parquet is not as it was made" in told[3]
    assert "  predict: results/predict/a/seed0/val.parquet" in told
    assert told[-1] == "and what is made of these: 1 ablation_table"


def test_nothing_to_do():
    assert lines(read_plan("Nothing to be done (all requested files are present)."), False) == [
        "nothing would run: all that was asked for is there and up to date"
    ]


def refused(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([*words])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    return error


def test_without_the_workflow_it_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "holds no Snakefile" in refused(capsys, "why")
    shutil.copy(REPOSITORY / "Snakefile", tmp_path)
    monkeypatch.setattr("microgesture.workflow.plan.find_spec", lambda name: None)
    assert "pip install 'microgesture[workflow]'" in refused(capsys, "why")


def test_a_config_that_is_not_there_is_told_before_the_dry_run(monkeypatch, capsys):
    monkeypatch.chdir(REPOSITORY)
    error = refused(capsys, "why", "--config", "config/nothing.yaml")
    assert error == "error: config/nothing.yaml: there is no such file; give a config\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--config", "pyproject.toml"], "pyproject.toml"),
        (["results/nothing.md"], "results/nothing.md"),
    ],
)
def test_an_error_of_the_dry_run_is_one_line_that_names_it(words, expected, monkeypatch, capsys):
    monkeypatch.chdir(REPOSITORY)
    error = refused(capsys, "why", *words)
    assert expected in error and "profile" not in error
