"""The whole workflow on a tiny generated set, in a copy of the repository that may be edited."""

import json
import os
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

from microgesture.evaluation.predictions import read_predictions
from tests.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(finished_folder, tmp_path_factory):
    return Project.copy_of(finished_folder, tmp_path_factory.mktemp("workflow"))


@pytest.fixture
def edited(finished):
    """The finished project; what a test edits is put back."""
    before = finished.config
    yield finished
    finished.write(before)


def test_a_second_run_has_nothing_to_do(finished):
    assert finished.planned() == {}


@pytest.mark.parametrize(
    "name",
    [
        "prepared/openpose41-standard-align8.arrow",
        "provenance/prepared/openpose41-standard-align8.json",
        "predict/joint41_align_semantic/seed3/val.parquet",
    ],
)
def test_what_was_deleted_because_of_damage_is_made_anew_as_advised(finished, name):
    path = finished.folder / "results" / name
    before = path.read_bytes()
    path.unlink()
    done = finished.snakemake(f"results/{name}")
    assert done.returncode == 0, done.stderr
    if path.suffix != ".json":  # a record states times and versions
        assert path.read_bytes() == before
    assert finished.planned() == {}


def test_the_table_has_every_row_and_its_figures_exist(finished):
    results = finished.folder / "results"
    text = (results / "ablation_table.md").read_text()
    for row in [*finished.config["variants"].values(), *finished.config["fusions"].values()]:
        assert row["title"] in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all((results / link).is_file() for link in links)
    table = pd.read_csv(results / "ablation_table.csv")
    assert len(table) == 7


def test_the_data_report_comes_with_its_figures(finished):
    results = finished.folder / "results"
    links = re.findall(r"\]\(([^)]+)\)", (results / "data_report.md").read_text())
    assert len(links) == 6 and all((results / link).is_file() for link in links)


def test_fused_probabilities_are_the_mean_of_their_members(finished):
    predicted = finished.folder / "results/predict"
    names = ["joint41_align_semantic", "limb41_align_semantic", "fused"]
    joint, limb, fused = (
        read_predictions(predicted / name / "seed3/test.parquet") for name in names
    )
    assert joint.clip_ids == limb.clip_ids == fused.clip_ids
    mean = (joint.probabilities + limb.probabilities) / 2
    assert np.allclose(fused.probabilities, mean, atol=1e-6)


def test_the_submissions_hold_one_row_a_test_clip(finished):
    folder = finished.folder / "results/submission"
    fused = read_predictions(finished.folder / "results/predict/fused/seed3/test.parquet")
    expected = dict(zip(fused.clip_ids, fused.probabilities.argmax(axis=1), strict=True))
    kaggle = pd.read_csv(folder / "kaggle2025.csv")
    assert dict(zip(kaggle["Id"], kaggle["Target"], strict=True)) == expected
    with zipfile.ZipFile(folder / "Submission.zip") as archive:
        rows = archive.read("Submission.csv").decode().split()
    assert rows == [f"{i},{t}" for i, t in zip(kaggle["Id"], kaggle["Target"], strict=True)]


def test_a_model_says_what_it_was_made_of(finished):
    results = finished.folder / "results"
    metrics = json.loads((results / "train/stgcn41_align/seed3/metrics.json").read_text())
    stream = json.loads((results / "prepared/openpose41-standard-align8.json").read_text())
    assert metrics["data"] == stream["sha256"]
    assert metrics["config"]["training"]["epochs"] == 1
    assert len(metrics["code_version"]["code"]) == 64


def test_the_results_follow_from_the_raw_files(finished):
    said = finished.run("python", "-m", "microgesture", "verify", "--raw")
    assert said.returncode == 0, said.stderr
    path = next((finished.folder / "results/release").rglob("0001_label.csv"))
    before = path.read_bytes()
    path.write_bytes(before.replace(b",", b";", 1))
    said = finished.run("python", "-m", "microgesture", "verify", "--raw")
    path.write_bytes(before)
    assert said.returncode == 1 and "0001_label.csv: output does not match" in said.stderr


LATER = {"ablation_table": 1, "figures": 1, "model_cards": 1, "report_page": 1}
TRAINED = {"train": 1, "predict": 1, "robustness": 1, "curves": 1, **LATER}


def test_a_learning_rate_reruns_one_variant_and_what_follows(edited):
    config = edited.config
    config["variants"]["stgcn41_align"]["training"] = {"learning_rate": 0.01}
    edited.write(config)
    assert edited.planned() == {**TRAINED, "occlusion": 1, "fuse": 1}


def test_a_fused_variants_learning_rate_reruns_the_fusion_too(edited):
    config = edited.config
    config["variants"]["limb41_align_semantic"]["training"] = {"learning_rate": 0.01}
    edited.write(config)
    assert edited.planned() == {**TRAINED, "fuse": 2, "submission": 1}


def test_sigma_reruns_the_cache_and_posec3d_only(edited):
    config = edited.config
    config["heatmaps"]["sigma"] = 0.7
    edited.write(config)
    expected = {"heatmaps": 1, "train": 2, "predict": 2, "robustness": 2, "curves": 1, **LATER}
    assert edited.planned() == {**expected, "fuse": 2, "submission": 1}


def test_a_title_reruns_only_what_shows_it(edited):
    config = edited.config
    config["variants"]["stgcn41_align"]["title"] = "Another title"
    edited.write(config)
    assert edited.planned() == LATER


@pytest.mark.parametrize(
    ("module", "untouched"),
    [
        ("heatmaps/draw.py", {"synthesize", "skeletons", "prepare", "label_embeddings"}),
        (
            "evaluation/fusion.py",
            {"synthesize", "skeletons", "prepare", "heatmaps", "train", "predict"},
        ),
        ("models/label_embeddings.py", {"synthesize", "skeletons", "prepare", "heatmaps"}),
    ],
)
def test_a_library_module_reruns_the_steps_that_use_it(finished, module, untouched):
    path = finished.folder / "src/microgesture" / module
    before = path.read_text()
    path.write_text(before + "\nEDITED = 1\n")
    try:
        planned = finished.planned()
    finally:
        path.write_text(before)
    rule = {
        "heatmaps/draw.py": "heatmaps",
        "evaluation/fusion.py": "fuse",
        "models/label_embeddings.py": "label_embeddings",
    }
    assert rule[module] in planned and "ablation_table" in planned
    assert not untouched & set(planned)


def test_a_layout_put_in_place_of_another_is_noticed_whatever_its_time(finished):
    path = finished.folder / "config/layouts/openpose22.yaml"
    kept = path.with_name("kept")
    path.rename(kept)
    path.write_text(kept.read_text() + "# another file\n")
    os.utime(path, (0, 0))
    planned = finished.planned()
    path.unlink()
    kept.rename(path)
    assert planned["prepare"] == 1 and "skeletons" not in planned
    assert finished.planned() == {}


def test_an_unknown_config_key_stops_before_anything_runs(edited):
    config = edited.config
    config["heatmaps"]["sgima"] = 1
    edited.write(config)
    said = edited.snakemake()
    assert said.returncode != 0
    assert "config/config.yaml: heatmaps: unknown key 'sgima'; did you mean 'sigma'" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_layout_with_a_missing_joint_is_named_and_leaves_nothing(edited):
    layout = edited.folder / "config/layouts/openpose41.yaml"
    before = layout.read_text()
    layout.write_text(before.replace("- [neck, nose]", "- [neck, noze]"))
    try:
        said = edited.snakemake("results/prepared/openpose41-standard-align9.json")
    finally:
        layout.write_text(before)
    assert said.returncode != 0 and "Traceback" not in said.stderr
    assert "openpose41.yaml: edges[0] names the joint 'noze', which is not in joints" in said.stderr
    assert not list((edited.folder / "results/prepared").glob("*align9*"))


def test_a_label_beyond_the_video_is_named_and_leaves_nothing(finished):
    labels = next((finished.folder / "results/release").rglob("0001_label.csv"))
    before = labels.read_text()
    labels.write_text(before + "1,5,99999\n")
    row = len(before.splitlines()) + 1
    data = {"format": "miga2025", "root": "results/release", "on_bad_clip": "stop"}
    data |= {"fps": 25, "height": 720, "width": 1280}
    data |= {"subjects": "results/release/subjects.csv", "test_labels": "real"}
    try:
        said = finished.run(
            "python",
            "scripts/skeletons.py",
            "--data",
            json.dumps(data),
            "--classes",
            "config/classes/imigue.yaml",
            "--out",
            "bad/clips.parquet",
            "--summary",
            "bad/summary.json",
        )
    finally:
        labels.write_text(before)
    assert said.returncode == 2 and "Traceback" not in said.stderr
    assert f"0001_label.csv, row {row}" in said.stderr and "99999" in said.stderr
    assert not list(finished.folder.glob("bad/*"))


def test_jobs_one_by_one_give_the_same_bytes_as_two_at_a_time(finished, tmp_path):
    again = Project(tmp_path)
    done = again.run("snakemake", "--cores", "1", "results/ablation_table.md")
    assert done.returncode == 0, done.stderr
    here, there = again.hashes(), finished.hashes()
    assert {name: there[name] for name in here} == here
    assert "metrics.json" in here and any(name.startswith("predict/") for name in here)
    streams = "results/prepared/openpose41-standard-align8.arrow"
    assert (again.folder / streams).read_bytes() == (finished.folder / streams).read_bytes()
