"""The ablation table: numbers worked by hand, aligned text, and notes that say what was done."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgesture.claims import judge_claims
from microgesture.errors import InputError
from microgesture.evaluation import load_evaluation, parse_config
from microgesture.files import write_json
from microgesture.fusion import fuse_files
from microgesture.predictions import write_predictions
from microgesture.tables import (
    csv_text,
    human_count,
    human_time,
    markdown,
    markdown_table,
    mean_and_spread,
)

SCRIPTS = Path(__file__).parents[2] / "scripts"
CLASSES = ["wave", "nod", "shrug", "point", "rest", "lean"]
LABELS = [0, 0, 0, 1, 1, 2, 3, 4, 0, 0]
IDS = [f"v_{number}" for number in range(10)]
# How many of the ten clips each run gets right, by seed.
RIGHT = {"weak": (4, 6), "strong": (9, 9)}
CONFIG = {
    "seeds": [0, 1],
    "variants": {
        "weak": {"title": "Weak | model", "model": "stgcn"},
        "strong": {"title": "Strong model", "model": "posec3d"},
    },
    "fusions": {"fused": {"title": "Both", "members": {"weak": 1, "strong": 1}}},
    "claims": [
        {"claim": "Strong beats weak", "better": "strong", "worse": "weak"},
        {"claim": "Fused beats both", "better": "fused", "worse": ["weak", "strong"]},
    ],
    "data_name": "Ten clips",
    "data_format": "parquet",
}
SUMMARY = {"subject_overlap": {}, "subject_is_video": False}


def probabilities(right, sure):
    """Give the true class ``sure`` for the first clips, the next class for the others."""
    told = [label if row < right else (label + 1) % 6 for row, label in enumerate(LABELS)]
    rest = (1 - sure) / 5
    return np.full((10, 6), rest) + (sure - rest) * np.eye(6)[told]


@pytest.fixture
def results(tmp_path):
    return fill(tmp_path / "results")


def fill(folder, config=CONFIG, test_labels=LABELS, subjects=None):
    subjects = [f"s{row // 2}" for row in range(10)] if subjects is None else subjects
    for seed in config["seeds"]:
        for name, sure in (("weak", 0.5), ("strong", 0.9)):
            for split, labels in (("test", test_labels), ("val", LABELS)):
                path = folder / f"predict/{name}/seed{seed}/{split}.parquet"
                shares = probabilities(RIGHT[name][seed], sure)
                write_predictions(path, IDS, labels, subjects, shares, {})
            epochs = [{"epoch": 1, "val_top1": 0.5}, {"epoch": 2, "val_top1": 0.6}]
            metrics = {"parameters": 310_000, "best_epoch": 2, "epochs": epochs}
            write_json(folder / f"train/{name}/seed{seed}/metrics.json", metrics)
            timing = {"train_seconds": 60.0 + 10 * seed, "device": "cpu"}
            write_json(folder / f"train/{name}/seed{seed}/timing.json", timing)
        for split in ("test", "val"):
            members = {
                str(folder / f"predict/{name}/seed{seed}/{split}.parquet"): 1
                for name in ("weak", "strong")
            }
            fuse_files(members, folder / f"predict/fused/seed{seed}/{split}.parquet")
    return folder


def page(results, config=CONFIG, summary=SUMMARY):
    evaluation = load_evaluation(config, results, CLASSES)
    claims = judge_claims(evaluation, config.get("claims", []))
    return markdown(evaluation, claims, config, summary)


def cells(text, start):
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.replace("\\|", "¦").split("|")[1:-1]]


def test_scores_by_hand(results):
    evaluation = load_evaluation(CONFIG, results, CLASSES)
    weak, strong, fused = evaluation.rows
    assert [row.name for row in evaluation.rows] == ["weak", "strong", "fused"]
    assert weak.scores["top1"].tolist() == [40, 60]
    assert strong.top1 == 90
    # The surer member decides wherever the two disagree.
    assert fused.scores["top1"].tolist() == [90, 90]
    # weak, seed 0: classes 0 (3 of 5), 1 (1 of 2), 2, 3, 4 (0 of 1) -> (0.6 + 0.5) / 5
    assert weak.scores["mean_class"][0] == pytest.approx(22)
    assert evaluation.chance == 50
    assert evaluation.counts.tolist() == [5, 2, 1, 1, 1, 0]


def test_costs_of_a_fusion_are_those_of_its_members(results):
    fused = load_evaluation(CONFIG, results, CLASSES).row("fused")
    assert fused.parameters == 620_000
    assert fused.seconds == (120.0, 140.0)


def test_time_may_stand_in_the_metrics_themselves(results):
    for path in results.glob("train/*/*/timing.json"):
        path.unlink()
    with pytest.raises(InputError, match="no train_seconds"):
        load_evaluation(CONFIG, results, CLASSES)
    for path in results.glob("train/*/*/metrics.json"):
        write_json(path, {"parameters": 1, "train_seconds": 5})
    evaluation = load_evaluation(CONFIG, results, CLASSES)
    assert evaluation.rows[0].seconds == (5.0, 5.0)
    assert evaluation.epoch_by_top1 is None


def test_the_main_table(results):
    text = page(results)
    assert cells(text, "| Variant") == [
        "Variant", "Top-1", "Top-5", "Mean class", "Macro F1", "Params", "Train time",
    ]  # fmt: skip
    weak, strong = cells(text, "| Weak"), cells(text, "| Strong")
    assert weak[:2] == ["Weak ¦ model", "50.0 ± 14.1"]
    assert weak[5:] == ["**0.31 M**", "**1:05**"]
    assert strong[1] == "**90.0 ± 0.0**"
    assert cells(text, "| Both")[1] == "**90.0 ± 0.0**"
    assert cells(text, "| Both")[5:] == ["0.62 M", "2:10"]


def test_the_lines_of_a_table_are_equally_long(results):
    tables = [[]]
    for line in page(results).splitlines():
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    tables = [table for table in tables if table]
    assert len(tables) == 3
    for table in tables:
        assert len({len(line) for line in table}) == 1


def test_the_header_says_what_was_measured(results):
    text = page(results)
    assert (
        "Ten clips · 10 test clips · 6 classes (5 of them present) · 5 subjects · seeds 0, 1 · "
        "chance 50.0 % (always the most frequent class)"
    ) in text
    assert "Generated data" not in text
    synthetic = page(results, CONFIG | {"data_format": "synthetic"})
    assert "**Generated data: says nothing about iMiGUE.**" in synthetic


def test_claims_stand_below_the_table(results):
    text = page(results)
    assert cells(text, "| Strong beats weak")[1:3] == ["Strong model − Weak ¦ model", "+40.00"]
    assert cells(text, "| Fused beats both")[4] == "within noise"  # equal to strong
    assert "A claim over several rows must hold against each" in text
    assert "2000 resamples of test subjects and of seeds" in text


def test_few_subjects_and_one_seed_are_said(tmp_path):
    config = CONFIG | {"seeds": [0]}
    text = page(fill(tmp_path, config, subjects=["s"] * 10), config)
    assert "2000 resamples of test clips." in text
    assert "With 1 subject (fewer than 5) clips were drawn one by one" in text
    assert "With one seed the spread between seeds could not be measured." in text
    assert cells(text, "| Weak")[1] == "40.0"
    assert "One seed: no spread" in text
    assert "· seed 0 ·" in text


def test_without_test_labels_it_is_measured_on_validation_and_said(tmp_path):
    text = page(fill(tmp_path, test_labels=[None] * 10))
    assert "10 validation clips" in text
    assert "chosen on these very clips (best validation top-1)" in text
    assert "Measured on the test clips" not in text


def test_clips_without_a_label_are_left_out_and_counted(tmp_path):
    results = fill(tmp_path, test_labels=[*LABELS[:8], None, None])
    assert load_evaluation(CONFIG, results, CLASSES).rows[0].scores["top1"].tolist() == [50, 75]
    assert "2 clips without a label left out" in page(results)


def test_shared_subjects_are_named(results):
    text = page(results, summary={"subject_overlap": {"train+val": ["s1", "s2"]}})
    assert "**Validation subjects also occur in training: 2 (s1, s2)**" in text
    assert "Test subjects do not occur in training." in text
    assert "not recorded" in page(results, summary={}).lower()


def test_videos_are_not_taken_for_persons(results):
    text = page(results, summary=SUMMARY | {"subject_is_video": True})
    assert "Every video counts as a subject of its own" in text
    assert "do not occur in training" not in text


def test_cached_volumes_are_mentioned_only_with_posec3d(results):
    assert "volumes" in page(results)
    alone = {"weak": CONFIG["variants"]["weak"]}
    text = page(results, CONFIG | {"variants": alone, "fusions": {}, "claims": []})
    assert "volumes" not in text
    assert "## Claims" not in text
    assert "**40" not in text  # alone, a row is best of nothing


def test_figures_and_classes_are_listed(results):
    text = page(results)
    assert "](figures/ablation.png)" in text
    assert cells(text, "|   0 |") == ["0", "wave", "5"]


def test_csv_is_one_line_a_row(results, tmp_path):
    rows = list(csv.DictReader(io.StringIO(csv_text(load_evaluation(CONFIG, results, CLASSES)))))
    assert [row["variant"] for row in rows] == ["weak", "strong", "fused"]
    assert rows[0]["title"] == "Weak | model"
    assert (rows[0]["top1_mean"], rows[0]["top1_std"]) == ("50.0000", "14.1421")
    assert (rows[2]["parameters"], rows[2]["train_seconds_mean"]) == ("620000", "130.00")
    assert {row["seeds"] for row in rows} == {"2"}
    config = CONFIG | {"seeds": [0]}
    one = csv_text(load_evaluation(config, fill(tmp_path / "one", config), CLASSES))
    assert next(csv.DictReader(io.StringIO(one)))["top1_std"] == ""


def test_top_five_of_few_classes_is_not_shown(tmp_path):
    config = CONFIG | {"fusions": {}, "claims": [], "seeds": [0]}
    for name in config["variants"]:
        path = tmp_path / f"predict/{name}/seed0/test.parquet"
        write_predictions(path, ["a", "b", "c"], [0, 1, 2], ["s"] * 3, np.eye(3), {})
        write_json(
            tmp_path / f"train/{name}/seed0/metrics.json", {"parameters": 1, "train_seconds": 1}
        )
    evaluation = load_evaluation(config, tmp_path, CLASSES[:3])
    text = markdown(evaluation, [], config, SUMMARY)
    assert cells(text, "| Weak")[2] == "–"
    assert "Top-5 says nothing with 3 classes" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fusions": {"f": {"members": {"strange": 1}}}}, "member strange, which is no variant"),
        ({"fusions": {"weak": {"members": {"strong": 1}}}}, "weak names a variant and a fusion"),
        ({"seeds": [0, 2]}, "seed2"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(results, change, message):
    with pytest.raises(InputError, match=message):
        load_evaluation(CONFIG | change, results, CLASSES)


def test_another_list_of_classes_is_refused(results):
    with pytest.raises(InputError, match="has 6 classes, the list of classes has 3"):
        load_evaluation(CONFIG, results, CLASSES[:3])


def test_config_may_be_text_or_a_file(tmp_path):
    write_json(tmp_path / "config.json", CONFIG)
    assert parse_config(json.dumps(CONFIG)) == parse_config(str(tmp_path / "config.json"))
    with pytest.raises(InputError, match="seeds missing or empty"):
        parse_config('{"variants": {"a": {}}, "seeds": []}')
    with pytest.raises(InputError, match="neither JSON text nor a JSON file"):
        parse_config("{seeds: 1}")


def test_numbers_for_people():
    assert [human_count(one) for one in (950, 31_240, 306_000, 2_052_000)] == [
        "950", "31.2 k", "0.31 M", "2.05 M",
    ]  # fmt: skip
    assert [human_time(one) for one in (0.4, 59.6, 65, 4107)] == ["0:00", "1:00", "1:05", "1:08:27"]
    assert mean_and_spread(np.array([62.2, 64.6])) == "63.4 ± 1.7"
    assert mean_and_spread(np.array([62.2])) == "62.2"


def test_a_table_by_hand():
    assert markdown_table(["Name", "N"], [["a|b", "1"], ["c", "1000"]], "lr") == (
        "| Name |    N |\n| ---- | ---: |\n| a\\|b |    1 |\n| c    | 1000 |"
    )


def test_the_script_repeats_its_bytes(results, tmp_path):
    (tmp_path / "classes.yaml").write_text(json.dumps({"classes": CLASSES}))
    write_json(tmp_path / "summary.json", SUMMARY)
    for out in ("one", "two"):
        command = [sys.executable, SCRIPTS / "ablation.py", "--config", json.dumps(CONFIG)]
        command += ["--results", results, "--classes", tmp_path / "classes.yaml"]
        command += ["--summary", tmp_path / "summary.json"]
        command += ["--out-md", tmp_path / f"{out}.md", "--out-csv", tmp_path / f"{out}.csv"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for ending in ("md", "csv"):
        first, second = (tmp_path / f"{out}.{ending}" for out in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "one.md").read_text() == page(results)
