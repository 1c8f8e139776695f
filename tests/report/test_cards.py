"""Cards of trained models: numbers worked by hand, and nothing said that was not measured."""

import json
import subprocess
import sys

import numpy as np
import pytest

from microgesture.evaluation.predictions import write_predictions
from microgesture.report.cards import card, card_paths, files_read, write_cards
from microgesture.settings.parse import parse
from microgesture.settings.results import CardsStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256, write_json
from tests.conftest import REPOSITORY
from tests.table_results import CLASSES, IDS, LABELS, TRAIN, probabilities

CONFIG = {
    "seeds": [0, 1],
    "folds": None,
    "imbalance": None,
    "variants": {"weak": {"title": "Weak model", "model": "stgcn"}},
    "data_name": "Ten clips",
    "data_format": "parquet",
    "data_licence": None,
    "robustness": {"runs": "first", "drop": [0.1], "jitter": [], "occlude": []},
}
PEOPLE = {"train": ["a", "b", "c"], "val": ["v0"], "test": [f"s{one}" for one in range(5)]}
SUMMARY = {
    "subject_overlap": {},
    "subject_is_video": False,
    "splits": {
        split: {"clips": 10, "subjects": people, "clips_per_class": TRAIN}
        for split, people in PEOPLE.items()
    },
}
SETTINGS = {
    "model": "stgcn", "layout": "openpose22", "stream": "bone", "temporal": "align", "length": 32,
    "network": {"base_channels": 16}, "training": {"epochs": 5, "batch": 24},
    "augment": {"flip": 0.5}, "semantic_weight": 0,
}  # fmt: skip


def make(folder, config=CONFIG, test_labels=LABELS, runs=("seed0", "seed1")):
    """Ten test clips of five people, of which the first four are right; validation all right."""
    for run in runs:
        (folder / f"train/weak/{run}").mkdir(parents=True)
        (folder / f"train/weak/{run}/model.safetensors").write_bytes(run.encode())
        metrics = {"parameters": 310_000, "best_epoch": 3, "config": SETTINGS, "data": "da7a"}
        write_json(folder / f"train/weak/{run}/metrics.json", metrics)
        for split, right, labels in (("val", 10, LABELS), ("test", 4, test_labels)):
            subjects = [f"s{row // 2}" if split == "test" else "v0" for row in range(10)]
            path = folder / f"predict/weak/{run}/{split}.parquet"
            write_predictions(path, IDS, labels, subjects, probabilities(right, 0.5), {})
    damage = folder / "robustness/weak/seed0.csv"
    damage.parent.mkdir(parents=True)
    damage.write_text(
        "kind,level,clips,top1,mean_class\nnone,0.0,10,0.4,0.3\ndrop,0.1,10,0.2,0.1\n"
    )
    return folder


def told(folder, config=CONFIG, summary=SUMMARY, run="seed0"):
    return card(
        CardsStep.model_validate(config), folder, folder / f"train/weak/{run}", CLASSES, summary
    )


def cells(text, start):
    line = next(line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.split("|")[1:-1]]


@pytest.fixture
def results(tmp_path):
    return make(tmp_path / "results")


def test_it_says_what_the_model_is(results):
    text = told(results)
    assert text.startswith("# Weak model, seed0\n")
    assert "A ST-GCN" not in text and "An ST-GCN network of 0.31 M parameters" in text
    assert "stream `bone` of the layout\n`openpose22`, 32 frames a clip (align)." in text
    assert "heatmaps" not in text
    assert sha256(results / "train/weak/seed0/model.safetensors") in text
    assert cells(text, "network.base_channels")[1] == "16"
    assert cells(text, "training.batch")[1] == "24"
    assert "Epoch 3 of 5, the best on the validation clips" in text


def test_scores_have_intervals_over_people(results):
    text = told(results)
    scores = text[text.index("## Scores") :]
    test = cells(scores, "test")
    # of five people with two clips each the first two are right: 40 ± t(4) * sqrt(0.06) * 100
    half = 2.7764 * 100 * np.sqrt(np.var([1, 1, 0, 0, 0], ddof=1) / 5)
    assert test[1] == f"40.0 (0.0 to {min(40 + half, 100):.1f})"
    # one of five classes has 3 of its 5 clips right, the next 1 of 2, the others none
    assert test[3].startswith("22.0 (")
    assert test[5:] == ["10.0", f"{-(4 * np.log(0.5) + 6 * np.log(0.1)) / 10:.2f}"]
    assert cells(scores, "validation")[1] == "100.0 (100.0 to 100.0)"
    assert "With 1 person the interval of the validation scores is over single clips" in text
    assert "so the validation scores are too high" in text
    assert "of the test scores is over single clips" not in text


def test_recall_of_every_class_and_those_never_recognised(results):
    text = told(results)
    assert cells(text, "wave") == ["wave", "60", "5", "100.0", "5", "60.0"]
    assert cells(text, "nod") == ["nod", "31", "2", "100.0", "2", "50.0"]
    assert cells(text, "lean")[2:] == ["0", "–", "0", "–"]
    assert "among the test clips: shrug, point, rest." in text  # lean has no clip


def test_people_clips_and_licence(results):
    text = told(results)
    assert cells(text, "training  ") == ["training", "3", "100"]
    assert cells(text, "test       |   ")[:2] == ["test", "5"]
    assert "Nobody in the validation or test clips was trained on." in text
    assert "unknown, the config does not state one (`data.licence`)" in text
    stated = told(results, CONFIG | {"data_licence": "CC BY 4.0"})
    assert "Licence of the data: CC BY 4.0." in stated and "unknown" not in stated
    people = {**SUMMARY["splits"]["train"], "subjects": ["s1", "v0"]}
    shared = SUMMARY | {"splits": {**SUMMARY["splits"], "train": people}}
    assert "**Some validation and test people are in the training clips" in told(
        results, summary=shared
    )
    video = told(results, summary=SUMMARY | {"subject_is_video": True})
    assert "Every video counts as a person of its own" in video and "Nobody" not in video
    thinned = told(results, CONFIG | {"imbalance": 60})
    assert "thinned to a long tail, 60 times fewer" in thinned
    # 60, 60 / 60^(1/4), as many as there are twice, and 60 / 60
    counts = [cells(thinned, name)[1] for name in ("wave", "nod", "shrug", "point", "rest")]
    assert counts == ["60", "22", "4", "3", "1"]
    assert cells(thinned, "training  ")[2] == "90"


def test_generated_data_are_told(results):
    text = told(results, CONFIG | {"data_format": "synthetic"})
    assert "**Trained on generated data: no number here says anything about iMiGUE" in text
    assert "on recordings of people its predictions mean nothing" in text
    assert "generated data" not in told(results)


def test_damage_is_shown_for_the_runs_that_it_was_measured_for(results):
    text = told(results)
    assert cells(text, "points lost, share of all")[1:] == ["0.1", "20.0", "10.0"]
    for other in (told(results, run="seed1"), told(results, CONFIG | {"robustness": None})):
        assert "Not measured for this model." in other and "points lost" not in other


def test_without_test_labels_only_validation_is_shown_and_it_is_said(tmp_path):
    text = told(make(tmp_path, test_labels=[None] * 10))
    assert cells(text, "Class")[2:] == ["Validation clips", "Recall (%)"]
    assert "**No test clip has a label" in text
    assert cells(text, "test  ")[1:] == ["5", "10"]  # people and clips, no scores


def test_of_a_fold_the_people_are_those_of_no_other_split(tmp_path):
    config = CONFIG | {"seeds": [0], "folds": 2}
    runs = ("seed0-fold0", "seed0-fold1")
    folder = make(tmp_path, config, runs=runs)
    assert [
        path.parent.name for path in card_paths(CardsStep.model_validate(config), folder)
    ] == list(runs)
    text = told(folder, config, run="seed0-fold0")
    # of 9 people and 30 clips one with 10 validates and five with 10 test
    assert cells(text, "training  ")[1:] == ["3", "10"]
    assert "Cross-validation in 2 folds by subject: nobody is in two of these splits." in text
    assert cells(text, "wave")[1] == "–"


def test_what_is_missing_is_named(results):
    (results / "predict/weak/seed0/test.parquet").unlink()
    with pytest.raises(InputError, match=r"test\.parquet: is not there; predict the clips first"):
        told(results)
    (results / "train/weak/seed1/model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors: is not there; train the variant"):
        told(results, run="seed1")
    with pytest.raises(InputError, match=r"has 6 classes, the list of classes has 2"):
        card(
            CardsStep.model_validate(CONFIG),
            results,
            results / "train/weak/seed0",
            CLASSES[:2],
            SUMMARY,
        )


def test_the_script_writes_a_card_beside_every_model_and_repeats_its_bytes(results, tmp_path):
    (tmp_path / "classes.yaml").write_text(json.dumps({"classes": CLASSES}))
    write_json(tmp_path / "summary.json", SUMMARY)
    command = [sys.executable, REPOSITORY / "scripts/cards.py", "--config", json.dumps(CONFIG)]
    command += ["--results", results, "--classes", tmp_path / "classes.yaml"]
    command += ["--summary", tmp_path / "summary.json"]
    command += ["--record", results / "provenance/model_cards.json"]
    subprocess.run(list(map(str, command)), check=True, cwd=REPOSITORY)
    paths = [results / f"train/weak/seed{seed}/card.md" for seed in (0, 1)]
    first = [path.read_bytes() for path in paths]
    assert first[0].decode() == told(results)
    assert write_cards(CardsStep.model_validate(CONFIG), results, CLASSES, SUMMARY) == paths
    assert [path.read_bytes() for path in paths] == first
    record = json.loads((results / "provenance/model_cards.json").read_text())
    assert set(record["outputs"]) == {f"train/weak/seed{seed}/card.md" for seed in (0, 1)}
    read = {
        str(path.relative_to(results))
        for path in files_read(CardsStep.model_validate(CONFIG), results)
    }
    assert "robustness/weak/seed0.csv" in read and read <= set(record["artifacts"])


def test_a_card_tells_whose_recordings_the_model_was_pretrained_on(tmp_path):
    weak = CONFIG["variants"]["weak"] | {"unlabelled": ["train", "val"]}
    config = parse(CardsStep, CONFIG | {"variants": {"weak": weak}}, "config")
    folder = make(tmp_path) / "train/weak/seed0"
    text = card(config, tmp_path, folder, CLASSES, SUMMARY)
    assert "pre-trained without labels on recordings of training and validation people" in text
    assert "not from scratch" not in text


def test_a_card_of_a_model_on_video_names_no_layout(results):
    path = results / "train/weak/seed0/metrics.json"
    own = {"model": "mvit", "stream": "motion", "input_size": 48}
    settings = {key: value for key, value in SETTINGS.items() if key != "layout"}
    write_json(path, {**json.loads(path.read_text()), "config": settings | own})
    text = told(results)
    assert "An MViT network" in text and "layout" not in text.partition("## ")[0]
    assert "the stream `motion` of the person" in text and "48 × 48 pixels, 32 frames" in text


@pytest.mark.parametrize(("backbones", "began"), [("finetuned", True), ("joint", False)])
def test_a_card_of_a_fusion_that_holds_its_networks_asks_for_no_other_file(
    results, backbones, began
):
    path = results / "train/weak/seed0/metrics.json"
    own = {"model": "token_fusion", "sources": ["a", "b"], "backbones": backbones}
    own |= {"networks": [{"variant": "a"}, {"variant": "b"}]}
    settings = {key: value for key, value in SETTINGS.items() if key != "layout"}
    write_json(path, {**json.loads(path.read_text()), "config": settings | own})
    text = told(results).partition("## ")[0]
    assert "holds the networks `a`, `b`, which" in text and "beside its own" not in text
    assert ("began with the weights of their own trainings" in text) == began
