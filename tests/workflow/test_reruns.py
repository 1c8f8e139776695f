"""A finished project is edited, its rerun fails or is stopped, and the same command is said again.

It must do what is left to do, and with the edit undone it must come back to the former results.
"""

import os
import re
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64encode

import pytest

from tests.project import Project

pytestmark = pytest.mark.slow

TABLE = "results/ablation_table.md"
VARIANT = "stgcn41_align"
MODEL = f"results/train/{VARIANT}/seed3/model.safetensors"

PYTHON = """#!/bin/bash
# stands in for python: one step fails, or waits to be stopped before it has done anything
if [ "$1" = "scripts/$STEP.py" ]; then
    [ "$HOW" = fail ] && exit 1
    [ "$HOW" = full ] && ulimit -f 0 && exec "{python}" "$@"
    touch waiting
    exec sleep 20
fi
exec "{python}" "$@"
"""


@pytest.fixture
def finished(finished_folder, tmp_path):
    return Project.copy_of(finished_folder, tmp_path / "project")


def edit(project, place, value):
    config = project.config
    inner = config
    for key in place[:-1]:
        inner = inner.setdefault(key, {})
    inner[place[-1]] = value
    project.write(config)


def disturbed(project, step, how):
    """Run the workflow, let a step fail or be stopped, and return the exit status."""
    folder = project.folder / "bin"
    folder.mkdir(exist_ok=True)
    python = folder / "python"
    python.write_text(PYTHON.replace("{python}", sys.executable))
    python.chmod(0o755)
    environment = {**project.environment, "STEP": step, "HOW": str(how)}
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    process = subprocess.Popen(
        ["snakemake", "--cores", "2", TABLE],
        cwd=project.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if isinstance(how, signal.Signals):
        end = time.monotonic() + 120
        while not (project.folder / "waiting").exists() and process.poll() is None:
            assert time.monotonic() < end, "the step did not start"
            time.sleep(0.05)
        # Ctrl-C reaches all that the terminal runs, and so does kill -9 here
        to = os.kill if how == signal.SIGTERM else os.killpg
        to(process.pid, how)
    return process.wait(120)


TRAINING = ("variants", VARIANT, "training", "learning_rate")
STAGES = {
    "synthesize": (("data", "generate", "mean_seconds"), 0.7),
    "skeletons": (("data", "generate", "height"), 700),
    "prepare": (("align", "max_gap"), 2),
    "heatmaps": (("heatmaps", "sigma"), 0.7),
    "train": (TRAINING, 0.01),
    "predict": (("testing", "views"), 1),
    "fuse": (("fusions", "fused", "members", "joint41_align_semantic"), 3),
    "figures": (("variants", VARIANT, "title"), "Another title"),
    "ablation": (("data", "name"), "Another name"),
}
RULES = {"ablation": "ablation_table"}
WAYS = ["fail", signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize(
    ("step", "how"),
    [(step, WAYS[(number + 2) % len(WAYS)]) for number, step in enumerate(STAGES)],
    ids=str,
)
def test_a_rerun_that_failed_or_was_stopped_is_planned_again_and_so_is_the_way_back(
    finished, step, how
):
    before = finished.config
    edit(finished, *STAGES[step])
    assert disturbed(finished, step, how) != 0
    rule = RULES.get(step, step)
    assert finished.planned(TABLE).get(rule, 0) >= 1
    finished.write(before)
    assert finished.planned(TABLE).get(rule, 0) >= 1


def test_a_diverging_edit_fails_each_time_and_undone_gives_the_former_bytes(finished):
    before, hashes = finished.config, finished.hashes()
    edit(finished, TRAINING, 1e30)
    for _ in range(2):
        said = finished.snakemake(TABLE)
        assert said.returncode != 0, "the diverging training passed as finished"
    assert f"train/{VARIANT}/seed3 is out of date" not in said.stderr  # it has no record any more
    finished.write(before)
    done = finished.snakemake()
    assert done.returncode == 0, done.stderr
    assert finished.hashes() == hashes
    assert finished.planned() == {}
    said = finished.run("python", "-m", "microgesture", "verify")
    assert said.returncode == 0, said.stderr


def test_a_training_stopped_after_an_edit_goes_on_and_ends_with_the_new_config(finished):
    edit(finished, TRAINING, 0.011)
    assert disturbed(finished, "predict", "fail") != 0  # the model is new, its predictions are gone
    done = finished.snakemake(TABLE)
    assert done.returncode == 0, done.stderr
    metrics = finished.folder / f"results/train/{VARIANT}/seed3/metrics.json"
    assert '"learning_rate": 0.011' in metrics.read_text()
    assert finished.planned(TABLE) == {}


def test_a_full_disk_leaves_what_to_do_planned(finished):
    before = finished.config
    edit(finished, ("testing", "views"), 1)
    assert disturbed(finished, "predict", "full") != 0
    metadata = finished.folder / ".snakemake/metadata"
    for name in ("val.parquet", "test.parquet"):  # may be cut short, too
        key = f"results/predict/{VARIANT}/seed3/{name}".encode()
        (metadata / urlsafe_b64encode(key).decode()).write_text("")
    for config in (finished.config, before):
        finished.write(config)
        planned = finished.planned(TABLE)
        assert planned["predict"] >= 1 and planned["ablation_table"] == 1


def test_a_missing_model_is_planned_for_the_default_target_too(finished):
    (finished.folder / MODEL).unlink()
    planned = finished.planned()
    assert planned["train"] == 1 and {"ablation_table", "report_page"} <= planned.keys()


SHOWN = {"figures": 1, "ablation_table": 1}


@pytest.mark.parametrize(
    ("missing", "planned"),
    [
        (
            ["predict/limb41*/seed3/val.parquet"],
            {"predict": 1, "fuse": 2, "submission": 1, **SHOWN},
        ),
        (
            ["figures/*.pdf", "curves.csv", "figures/data/*.png"],
            {"curves": 1, "data_report": 1, **SHOWN},
        ),
        (["claims.csv"], {"ablation_table": 1}),
    ],
)
def test_a_missing_result_is_planned_though_all_after_it_is_newer(finished, missing, planned):
    for path in (path for name in missing for path in (finished.folder / "results").glob(name)):
        path.unlink()
    assert finished.planned(TABLE) == planned


@pytest.mark.parametrize("how", ["changed", "cut short"])
def test_a_damaged_result_is_made_again_before_it_is_read(finished, how):
    path = finished.folder / f"results/predict/{VARIANT}/seed3/test.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-9] if how == "cut short" else content[:500] + b"?" + content[501:])
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert finished.planned(TABLE) == {"predict": 1, "fuse": 1, **SHOWN}
    said = finished.snakemake(TABLE, "--dry-run")
    assert "test.parquet is not as it was made; as a target" in said.stdout
    assert finished.snakemake(TABLE).returncode == 0
    assert path.read_bytes() == content
    assert finished.planned(TABLE) == {}


def test_a_new_seeds_files_are_not_called_missing(finished):
    edit(finished, ("seeds",), [3, 4])
    said = finished.snakemake("--dry-run")
    assert said.returncode == 0, said.stderr
    text = said.stdout + said.stderr
    assert "config.seeds: [3] -> [3, 4]" in text
    assert "is missing" not in text and "-> null" not in text


def test_a_missing_file_that_no_rule_names_is_planned(finished):
    (finished.folder / "results/release/subjects.csv").unlink()
    assert finished.planned("results/skeletons/clips.parquet") == {"synthesize": 1, "skeletons": 1}


def test_a_large_file_that_is_missing_is_made_again_before_an_edit_needs_it(finished):
    results = finished.folder / "results"
    hashes, before = finished.hashes(), finished.config
    missing = [*results.glob("prepared/*.arrow"), *results.glob("heatmaps/*.arrow")]
    for path in missing:
        path.unlink()
    edit(finished, TRAINING, 0.01)
    planned = finished.planned(TABLE)
    assert (planned["prepare"], planned["heatmaps"], planned["train"]) == (2, 1, 4)
    finished.write(before)
    said = finished.snakemake(TABLE, "--dry-run")
    assert ".arrow is missing; as a target, it is made without what follows" in said.stdout
    names = [str(path.relative_to(finished.folder)) for path in missing]
    done = finished.snakemake(*names)
    assert done.returncode == 0, done.stderr
    assert finished.hashes() == hashes
    assert finished.planned() == {}


def test_results_of_another_config_are_noticed_whatever_the_files_times(finished):
    edit(finished, TRAINING, 0.01)
    assert finished.snakemake(MODEL).returncode == 0
    for path in (finished.folder / "results").rglob("*"):
        if path.is_file():
            os.utime(path, (1_700_000_000, 1_700_000_000))
    planned = finished.planned(TABLE)
    assert "train" not in planned and planned["predict"] == 1 and planned["ablation_table"] == 1


@pytest.mark.parametrize("lost", ["*", urlsafe_b64encode(MODEL.encode()).decode()])
def test_without_metadata_an_edit_is_noticed_by_the_records(finished, lost):
    for path in (finished.folder / ".snakemake/metadata").glob(lost):
        path.unlink()
    assert finished.planned() == {}
    before = finished.config
    edit(finished, TRAINING, 0.01)
    trained = {"train": 1, "predict": 1, "curves": 1, "fuse": 1, **SHOWN}
    assert finished.planned(TABLE) == trained
    finished.write(before)
    (finished.folder / MODEL).write_bytes(b"another")
    assert finished.planned(TABLE) == trained


def test_where_the_raw_data_are_not_there_what_was_made_from_them_is_used(finished):
    raw = finished.folder / "raw"
    (finished.folder / "results/release").rename(raw)
    config = finished.config
    generated = config["data"].pop("generate")
    about = {key: generated[key] for key in ("fps", "height", "width")}
    about |= {"format": "miga2025", "root": "raw", "subjects": "raw/subjects.csv"}
    about["test_labels"] = "real"
    config["data"] |= about
    finished.write(config)
    target = "results/prepared/openpose41-standard-align8.json"
    done = finished.snakemake(target)
    assert done.returncode == 0, done.stderr
    raw.rename(finished.folder / "elsewhere")
    assert finished.planned(target) == {}
    edit(finished, ("align", "max_gap"), 2)
    assert finished.planned(target) == {"prepare": 1}


def test_the_reason_of_a_rerun_is_short_and_names_the_key(finished):
    edit(finished, TRAINING, 0.01)
    said = finished.snakemake("--dry-run")
    text = said.stdout + said.stderr
    line = f"train/{VARIANT}/seed3 is out of date: config.training.learning_rate: "
    assert re.search(re.escape(line) + r"[\d.]+ -> 0\.01", text)
    reasons = re.findall(r"Params have changed since last execution.*", text)
    assert reasons and max(map(len, reasons)) < 400
    short = finished.run("python", "-m", "microgesture", "why", TABLE)
    assert short.returncode == 0, short.stderr
    first = short.stdout.splitlines()[0]
    assert first.startswith("6 jobs would run: ") and "1 train" in first and "1 predict" in first
    assert line in short.stdout and len(short.stdout.splitlines()) < 20


def test_claims_and_robustness_leave_the_figures_alone(finished):
    edit(finished, ("robustness", "drop"), [0.6])
    assert finished.planned() == {"robustness": 5, "model_cards": 1, "report_page": 1}
    config = finished.config
    config["robustness"]["drop"], config["claims"] = [0.5], []
    finished.write(config)
    assert finished.planned() == {"ablation_table": 1, "report_page": 1}


def test_a_raw_file_of_the_future_is_told_before_any_work(finished):
    path = finished.folder / "config/classes/imigue.yaml"
    os.utime(path, (time.time() + 7200,) * 2)
    said = finished.snakemake()
    assert said.returncode != 0 and "Traceback" not in said.stderr
    assert "config/classes/imigue.yaml: its time lies in the future" in said.stderr
    assert "touch config/classes/imigue.yaml" in said.stderr
    os.utime(path)
    assert finished.planned() == {}
