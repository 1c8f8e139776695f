"""From generated interviews to table and model in the workflow: killed, cloned, verified, used."""

import csv
import shutil

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.project import Project

TARGETS = ["results/emotion_table.md", "results/emotion/model.safetensors"]
FOLD = ["results/emotion/fit/fold0.json"]
REPEATED = ["pictures.arrow", "tokens/fold0.safetensors", "rows/fold0.safetensors"]


def small(config):
    """A few short interviews, tiny networks, encoders of each fold's own, gestures as labelled."""
    generate = config["data"]["generate"]
    generate |= {"subjects": {"train": 6, "val": 2, "test": 2}, "mean_seconds": 0.4}
    generate |= {
        "clips": {"train": 32, "val": 32, "test": 32},
        "class_minimum": {"train": 1, "val": 1, "test": 1},
    }
    generate["video"] |= {"height": 144, "width": 192}
    generate["emotion"] |= {"wins": {"train": 0.5, "val": 0.5, "test": 0.5}}
    own = config["emotion"]
    own |= {"folds": 2, "inner_folds": 2, "gestures": "labels", "encoder_per_fold": True}
    own |= {"windows": {"seconds": 0.8, "step": 0.8, "faces": 1, "frames": 4}}
    own |= {"face": {"side": 28, "min_side": 8, "min_detail": 0}, "context": {"side": 32}}
    own["face_encoder"]["network"] |= {"patch": 2, "embed": 4, "depths": [1, 1], "heads": [1, 2]}
    own["context_encoder"]["network"] |= {"embed": 4, "depths": [1, 1], "key_stride": 2}
    for name in ("face_encoder", "context_encoder"):
        own[name]["training"] |= {"epochs": 1}
    own["model"] |= {"width": 8, "heads": 2, "epochs": 8}
    own |= {"permutations": 20, "shown": 1}
    return {**config, "results": "results", "seeds": [3], "folds": None}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("emotion"))
    project.write(small(yaml.safe_load((REPOSITORY / "config/emotion.yaml").read_text())))
    return project


def made(project):
    """Content of what a repeat must give byte for byte."""
    folder = project.folder / "results/emotion"
    return {name: (folder / name).read_bytes() for name in [*REPEATED, "fit/fold0.json"]}


@pytest.mark.slow
def test_emotion_survives_a_kill_and_a_clone_and_tells_a_recording(project, tmp_path):
    done = project.snakemake(*TARGETS)
    assert done.returncode == 0, done.stderr
    first = made(project)
    assert project.planned(*TARGETS) == {}
    table = (project.folder / TARGETS[0]).read_text()
    assert "from the people of each fold's training recordings alone" in table
    assert_verified(project)

    # each part has encoders of its own
    folder = project.folder / "results/emotion"
    encoders = {path.stem: path.read_bytes() for path in (folder / "encoders").iterdir()}
    assert set(encoders) == {"fold0", "fold1", "all"} and len(set(encoders.values())) == 3

    # a folder elsewhere whose results came by DVC, without Snakemake's notes, has nothing to do
    clone = Project.copy_of(project.folder, tmp_path / "clone")
    shutil.rmtree(clone.folder / ".snakemake")
    assert clone.planned(*TARGETS) == {}
    for name in REPEATED:
        (clone.folder / "results/emotion" / name).unlink()
    clone.kill_in("emotion_pictures", FOLD)
    done = clone.snakemake(*FOLD)
    assert done.returncode == 0, done.stderr
    assert made(clone) == first

    tells(clone)
    with (clone.folder / "results/emotion/rows/all.safetensors").open("ab") as file:
        file.write(b"x")
    assert "emotion/rows/all.safetensors" in "".join(mismatches(clone))


def assert_verified(project):
    """Nothing but the table of gestures, which is not asked for here, lacks its record."""
    (found,) = mismatches(project, "--raw")
    assert "ablation_table.md: record does not match: found none" in found


def mismatches(project, *options):
    said = project.run("microgesture", "verify", "--all", *options)
    return [line for line in said.stderr.splitlines() if line.startswith("error:")]


def tells(project):
    """One interview of split test is told as by the report."""
    results = project.folder / "results"
    with (results / "emotion/predictions.csv").open(newline="") as file:
        told = [row for row in csv.DictReader(file) if row["split"] == "test"]
    name = told[0]["id"]
    (video,) = results.glob(f"release/**/{name}.mp4")
    options = {"--model": TARGETS[1], "--input": video, "--out": "outcomes.csv"}
    options |= {"--skeletons": "results/skeletons/recordings.parquet"}
    words = [str(word) for pair in options.items() for word in pair]
    said = project.run("microgesture", "predict", *words)
    assert said.returncode == 0, said.stderr
    with (project.folder / "outcomes.csv").open(newline="") as file:
        (one,) = csv.DictReader(file)
    for row in ("face", "context", "interfusion"):
        (wanted,) = (r["probability_prior"] for r in told if (r["id"], r["row"]) == (name, row))
        assert float(one[row]) == pytest.approx(float(wanted), abs=1e-4), row
