"""Results through DVC: made once, fetched elsewhere, compared, and remade only where needed."""

import json
import os
import random
import re
import shutil

import pandas as pd
import pytest
import yaml

from microgesture.evaluation.metrics import METRICS
from tests.conftest import REPOSITORY
from tests.reliability import sshd
from tests.workflow.test_workflow import TRAINED, Project

pytestmark = pytest.mark.slow
EDITED = "stgcn41_align"
ONE_TRAINING = {**TRAINED, "occlusion": 1, "fuse": 1}
CLONES = 5


class Tracked(Project):
    """A project under Git and DVC, as a user's checkout is."""

    def __init__(self, folder):
        super().__init__(folder)
        for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
            shutil.copy(REPOSITORY / name, folder / name)
        (folder / ".dvc").mkdir()
        for name in ("config", ".gitignore"):
            shutil.copy(REPOSITORY / ".dvc" / name, folder / ".dvc" / name)
        shutil.copytree(REPOSITORY / ".dvc/plots", folder / ".dvc/plots")
        self.said("git", "init", "-q")
        self.commit("Start")

    def said(self, *command):
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def dvc_json(self, *command):
        done = self.run("dvc", *command, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def commit(self, message):
        self.said("git", "add", "-A")
        self.said("git", "commit", "-qm", message)

    def clone(self, folder):
        self.said("git", "clone", "-q", str(self.folder), str(folder))
        return Tracked.at(folder)


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory):
    """Settings, cache and author of the test, not of who runs it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR", "SITE_CACHE_DIR"):
            patch.setenv(f"DVC_{name}", str(home / name.lower()))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
        (home / "gitconfig").write_text("[user]\nname = tester\nemail = tester@localhost\n")
        yield


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """All results made by one `dvc repro` in a fresh checkout, committed and pushed."""
    project = Tracked(tmp_path_factory.mktemp("recorded"))
    project.said("dvc", "repro")
    project.commit("Results")
    store = tmp_path_factory.mktemp("store")
    project.said("dvc", "remote", "add", "--default", "store", str(store))
    project.commit("Remote")
    project.said("dvc", "push")
    return project


@pytest.fixture(scope="module")
def fetched(recorded, tmp_path_factory):
    clone = recorded.clone(tmp_path_factory.mktemp("fetched") / "clone")
    clone.said("dvc", "pull")
    return clone


def contents(project):
    folders = [project.folder / "results", project.folder / ".snakemake/metadata"]
    found = (path for folder in folders for path in folder.rglob("*"))
    files = (path for path in found if path.is_file() and path.name != ".run.lock")
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


def scramble_times(folder, seed):
    """Give every file a time of its own, in no order, as a download may."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    random.Random(seed).shuffle(paths)
    for number, path in enumerate(paths):
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


def test_everything_that_the_workflow_makes_is_versioned(recorded):
    assert recorded.planned() == {}
    assert (recorded.folder / "results/ablation_table.md").is_file()
    assert "up to date" in recorded.said("dvc", "status")
    assert recorded.said("git", "status", "--porcelain") == ""


def test_a_second_repro_does_nothing(recorded):
    said = recorded.said("dvc", "repro")
    assert "didn't change, skipping" in said and "snakemake" not in said


@pytest.mark.parametrize("number", range(CLONES))
def test_a_clone_that_fetched_the_results_has_nothing_to_do(recorded, tmp_path, number):
    clone = recorded.clone(tmp_path / "clone")
    clone.said("dvc", "pull")
    assert contents(clone) == contents(recorded)
    scramble_times(clone.folder / "results", number)
    assert "up to date" in clone.said("dvc", "status")
    assert clone.planned() == {}
    edited = clone.config
    edited["variants"][EDITED]["training"] = {"learning_rate": 0.01}
    clone.write(edited)
    assert clone.planned() == ONE_TRAINING


def test_a_repro_that_failed_fails_again_and_undone_gives_the_former_results(recorded, tmp_path):
    clone = recorded.clone(tmp_path / "clone")
    clone.said("dvc", "pull")
    before, hashes = clone.config, clone.hashes()
    lock = (clone.folder / "dvc.lock").read_text()
    edited = clone.config
    edited["variants"][EDITED]["training"] = {"learning_rate": 1e30}
    clone.write(edited)
    for _ in range(2):
        assert clone.run("dvc", "repro").returncode != 0
        assert (clone.folder / "dvc.lock").read_text() == lock
    clone.write(before)
    clone.said("dvc", "repro")
    assert clone.hashes() == hashes
    assert clone.planned() == {}
    assert "up to date" in clone.said("dvc", "status")


def test_without_metadata_or_checksums_fetched_results_would_be_made_again(recorded, tmp_path):
    """Why dvc.yaml lists the metadata and the profile raises the limit."""
    clone = recorded.clone(tmp_path / "clone")
    clone.said("dvc", "pull")
    scramble_times(clone.folder / "results", 0)
    limited = clone.snakemake("--dry-run", "--max-checksum-file-size", "100")
    assert re.search(r"^train +[1-4]$", limited.stdout, re.M)
    shutil.rmtree(clone.folder / ".snakemake")
    assert clone.planned() != {}


@pytest.mark.skipif(sshd.why_not() is not None, reason=sshd.why_not() or "")
def test_results_travel_over_ssh(recorded, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with sshd.serving(folder) as server:
        project = recorded.clone(tmp_path / "one")
        project.said("dvc", "pull")
        url = f"ssh://{server.user}@127.0.0.1:{server.port}{tmp_path}/far"
        project.said("dvc", "remote", "add", "far", url)
        project.said("dvc", "remote", "modify", "far", "keyfile", str(server.key))
        project.commit("Remote over SSH")
        project.said("dvc", "push", "--remote", "far")
        other = project.clone(tmp_path / "two")
        other.said("dvc", "pull", "--remote", "far")
        assert contents(other) == contents(recorded)
        assert other.planned() == {}
        server.key.unlink()
        refused = project.run("dvc", "fetch", "--remote", "far", "--force")
        assert refused.returncode != 0  # it was the server that answered, not a folder


def test_metrics_are_those_of_the_table(recorded):
    shown = recorded.dvc_json("metrics", "show")[""]["data"]["results/metrics.json"]["data"]
    table = pd.read_csv(recorded.folder / "results/ablation_table.csv").set_index("variant")
    assert set(shown) == set(table.index)
    for row, scores in shown.items():
        assert scores == {name: pytest.approx(table.loc[row, f"{name}_mean"]) for name in METRICS}


def test_plots_hold_the_table_and_every_training(recorded):
    shown = recorded.dvc_json("plots", "show")["data"]
    rows = shown["results/ablation_table.csv"][0]["content"]["data"]["values"]
    assert [float(row["top1_mean"]) >= 0 for row in rows] == [True] * 7
    curve = shown["results/curves.csv"][0]["content"]
    lines = {(row["variant"], row["run"]) for row in curve["data"]["values"]}
    networks = set(recorded.config["variants"]) - {"trees"}
    assert lines == {(name, "seed3") for name in networks}
    assert curve["encoding"]["color"]["field"] == "variant"


def test_an_experiment_trains_one_variant_and_is_compared(fetched):
    option = f"config/config.yaml:+variants.{EDITED}.training.learning_rate=0.01"
    said = fetched.said("dvc", "exp", "run", "--set-param", option)
    jobs = re.search(r"^job +count\n[- ]+\n(.*?)^total", said, re.M | re.S)[1].split()
    assert dict(zip(jobs[::2], map(int, jobs[1::2]), strict=True)) == {**ONE_TRAINING, "all": 1}
    changed = yaml.safe_load(fetched.config_file.read_text())["variants"][EDITED]
    assert changed["training"] == {"learning_rate": 0.01}
    trained = fetched.folder / f"results/train/{EDITED}/seed3/metrics.json"
    assert json.loads(trained.read_text())["config"]["training"]["learning_rate"] == 0.01

    params = fetched.dvc_json("params", "diff")["config/config.yaml"]
    assert params == {f"variants.{EDITED}.training.learning_rate": {"old": None, "new": 0.01}}
    scores = fetched.dvc_json("metrics", "diff", "--all")["results/metrics.json"]
    now = json.loads((fetched.folder / "results/metrics.json").read_text())
    assert scores[f"{EDITED}.top1"]["new"] == now[EDITED]["top1"]
    assert scores["stgcn22_crop_pad.top1"]["diff"] == 0
    assert "up to date" in fetched.said("dvc", "status") and fetched.planned() == {}
