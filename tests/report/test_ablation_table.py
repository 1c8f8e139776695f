"""The ablation table: numbers worked by hand, aligned text, and notes that say what was done."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgesture.evaluation.predictions import read_predictions, write_predictions
from microgesture.report.ablation_table import claims_csv, csv_text
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from microgesture.utils.text import human_count, human_time, markdown_table, mean_and_spread
from tests.sections import judge_claims, load_evaluation, markdown
from tests.table_results import (
    CLASSES,
    CONFIG,
    LABELS,
    SUMMARY,
    fill,
    fill_folds,
    probabilities,
)

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def results(tmp_path):
    return fill(tmp_path / "results")


def page(results, config=CONFIG, summary=SUMMARY):
    evaluation = load_evaluation(config, results, CLASSES, summary)
    claims = judge_claims(evaluation, config.get("claims", []))
    return markdown(evaluation, claims, config, summary)


def cells(text, start):
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.replace("\\|", "¦").split("|")[1:-1]]


def test_the_main_table(results):
    text = page(results)
    assert cells(text, "| Variant") == [
        "Variant", "Top-1", "Top-5", "Mean class", "Macro F1", "Ensemble", "Params", "Train time",
    ]  # fmt: skip
    weak, strong = cells(text, "| Weak"), cells(text, "| Strong")
    assert weak[:2] == ["Weak ¦ model", "50.0 ± 14.1"]
    assert weak[5:] == ["60.0", "**0.31 M**", "**1:05**"]
    assert strong[1] == "**90.0 ± 0.0**"
    assert cells(text, "| Both")[1] == "**90.0 ± 0.0**"
    assert cells(text, "| Both")[5:] == ["**90.0**", "0.62 M", "2:10"]


def test_the_ensemble_of_the_seeds_is_worked_by_hand(results):
    # of both seeds the surer one is right where they differ: clips 4 to 6, then 7
    for seed, right, sure in ((0, 7, 0.9), (1, 4, 0.5)):
        path = results / f"predict/weak/seed{seed}/test.parquet"
        old = read_predictions(path)
        shares = probabilities(right, sure)
        if seed:
            shares[7] = np.full(6, 0.01) + 0.94 * np.eye(6)[LABELS[7]]
        write_predictions(path, old.clip_ids, LABELS, old.subjects, shares, {})
    alone = CONFIG | {"fusions": {}, "claims": []}
    assert cells(page(results, alone), "| Weak")[1] == "60.0 ± 14.1"
    assert cells(page(results, alone), "| Weak")[5] == "80.0"
    evaluation = load_evaluation(alone, results, CLASSES, SUMMARY)
    (line, *_) = csv.DictReader(io.StringIO(csv_text(evaluation)))
    assert line["top1_ensemble"] == "80.0000"


def test_one_seed_is_no_ensemble(tmp_path):
    config = CONFIG | {"seeds": [0], "claims": []}
    text = page(fill(tmp_path / "one", config), config)
    assert "Ensemble" not in text


def test_rows_of_equal_size_in_print_are_all_bold_or_none(results):
    alone = CONFIG | {"fusions": {}, "claims": []}
    for parameters, expected in ((310_400, "0.31 M"), (320_000, "**0.31 M**")):
        for seed in (0, 1):
            metrics = {"parameters": parameters, "train_seconds": 1}
            write_json(results / f"train/strong/seed{seed}/metrics.json", metrics)
        assert cells(page(results, alone), "| Weak")[6] == expected
    assert cells(page(results, alone), "| Strong")[6] == "0.32 M"
    for seed in (0, 1):
        metrics = {"parameters": 309_600, "train_seconds": 1}
        write_json(
            results / f"train/weak/seed{seed}/metrics.json", metrics | {"parameters": 310_400}
        )
        write_json(results / f"train/strong/seed{seed}/metrics.json", metrics)
    text = page(results)  # with their fusion, of 0.62 M
    assert [cells(text, line)[6] for line in ("| Weak", "| Strong", "| Both")] == [
        "**0.31 M**", "**0.31 M**", "0.62 M",
    ]  # fmt: skip


def test_the_lines_of_a_table_are_equally_long(results):
    tables = [[]]
    for line in page(results).splitlines():
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    tables = [table for table in tables if table]
    assert len(tables) == 4
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
    assert cells(text, "| Strong beats weak")[1:4] == [
        "Strong model − Weak ¦ model", "Top-1", "+40.00",
    ]  # fmt: skip
    assert cells(text, "| Fused beats both")[7] == "undecided"  # equal to strong
    assert "A claim over several rows must hold against each" in text
    assert "t interval of the mean paired difference over test subjects and seeds" in text
    # Squared points: 100 of seeds times 12.71², 350 - 100 of subjects times 2.776²; 40 ± 134.43.
    assert cells(text, "| Strong beats weak")[4:6] == ["−94.43 to +100.00", "0.586"]
    assert cells(text, "| Strong beats weak")[8] == "more seeds and people"
    assert "after Holm's correction (1979) for all 3 comparisons here" in text
    # Seeds: 5 and 3 of ten clips only by the stronger: p = 2 / 2^5 and 2 / 2^3, the larger shown.
    assert cells(text, "| Strong beats weak")[6] == "0.250"
    assert "shown is the larger of the 2 seeds' p" in text


def test_few_subjects_and_one_seed_are_said(tmp_path):
    config = CONFIG | {"seeds": [0]}
    text = page(fill(tmp_path, config, subjects=["s"] * 10), config)
    assert "over test clips, of these trained networks only" in text
    assert "With 1 subject (fewer than 5) the sample is single clips" in text
    assert "the intervals cover clips, not people" in text
    assert "With one seed every claim is undecided" in text
    line = cells(text, "| Strong beats weak")
    assert (line[5], *line[7:9]) == ("–", "undecided", "more seeds")
    assert cells(text, "| Weak")[1] == "40.0"
    assert "One seed: no spread" in text
    assert "· seed 0 ·" in text


def test_without_test_labels_it_is_measured_on_validation_and_said(tmp_path):
    text = page(fill(tmp_path, test_labels=[None] * 10))
    assert "10 validation clips" in text
    assert "chosen on these very clips (best validation top-1)" in text
    assert "Measured on the test clips" not in text
    assert "because the test clips have no labels" in text
    splits = SUMMARY["splits"] | {"test": {"clips": 0, "clips_per_class": {}}}
    text = page(tmp_path, summary=SUMMARY | {"splits": splits})
    assert "because there are no test clips." in text and "have no labels" not in text


def test_clips_without_a_label_are_left_out_and_counted(tmp_path):
    results = fill(tmp_path, test_labels=[*LABELS[:8], None, None])
    assert load_evaluation(CONFIG, results, CLASSES).rows[0].scores["top1"].tolist() == [50, 75]
    assert "2 clips without a label left out" in page(results)


def test_clips_that_could_not_be_used_are_counted(results):
    skipped = [{"split": "test"}, {"split": "train"}, {"split": "train"}]
    text = page(results, summary=SUMMARY | {"skipped": skipped})
    assert "**1 test clip and 2 training clips could not be used and are left out**" in text
    text = page(results, summary=SUMMARY | {"skipped": [{"split": ""}, {"split": "Test"}]})
    assert "**2 clips of no known split could not be used and are left out**" in text
    text = page(results, summary=SUMMARY | {"skipped": [*skipped, {"split": ""}]})
    assert "and 2 training clips and 1 clip of no known split could not be used" in text


def test_weights_from_elsewhere_are_told(results):
    weak = {**CONFIG["variants"]["weak"], "pretrained": "weights.pth"}
    told = "whether the weights they start from have seen these people is not known"
    text = page(results, CONFIG | {"variants": CONFIG["variants"] | {"weak": weak}})
    assert f"{told}: {weak['title']}." in text
    assert told not in page(results)
    torn = weak | {"title": "Weak\n\nmodel"}  # an empty line ends no note
    text = page(results, CONFIG | {"variants": CONFIG["variants"] | {"weak": torn}})
    assert f"{told}: Weak model.\n" in text


def test_whose_recordings_a_row_has_seen_without_labels_is_told(results):
    def told(splits):
        weak = {**CONFIG["variants"]["weak"], "unlabelled": splits}
        return page(results, CONFIG | {"variants": CONFIG["variants"] | {"weak": weak}})

    alone, all_of_them = told(["train"]), told(["train", "test"])
    row = CONFIG["variants"]["weak"]["title"]
    assert f"Pre-trained without labels on the recordings of training people: {row}." in alone
    assert "Transductive" not in alone and "Transductive" not in page(results)
    assert f"of training and test people: {row}. Transductive: these rows have" in all_of_them


def test_shared_subjects_are_named(results):
    text = page(results, summary={"subject_overlap": {"train+val": ["s1", "s2"]}})
    assert "**Validation subjects also occur in training: 2 (s1, s2)**" in text
    assert "Test subjects do not occur in training." in text
    assert "not recorded" in page(results, summary={}).lower()


def test_people_who_are_chosen_on_and_tested_are_named(results, tmp_path):
    shared = {"subject_overlap": {"val+test": ["s1", "s2"]}}
    told = (
        "**Test subjects also occur in validation: 2 (s1, s2)**; the epoch of each run was chosen"
    )
    text = page(results, summary=SUMMARY | shared)
    assert f"{told} on people who are tested." in text
    assert "occur in validation" not in page(results)
    video = page(results, summary=SUMMARY | shared | {"subject_is_video": True})
    assert told in video
    fitted = {"title": "Fitted", "members": ["weak", "strong"], "weights": "validation"}
    config = CONFIG | {"fusions": {"fused": fitted}}
    text = page(fill(tmp_path / "fitted", config), config, SUMMARY | shared)
    assert "the epoch, and the weights or temperatures of a fusion that has fitted ones," in text
    on_val = page(fill(tmp_path / "val", test_labels=[None] * 10), summary=SUMMARY | shared)
    assert "occur in validation" not in on_val


def test_videos_are_not_taken_for_persons(results):
    text = page(results, summary=SUMMARY | {"subject_is_video": True})
    assert "Every video counts as a subject of its own" in text
    assert "do not occur in training" not in text


def test_the_table_says_which_rows_had_cached_heatmaps_and_which_drawn_ones(results):
    def with_source(source):
        strong = CONFIG["variants"]["strong"] | {"source": source}
        return page(results, CONFIG | {"variants": CONFIG["variants"] | {"strong": strong}})

    assert "cached heatmaps of Strong model" in with_source("cached")
    assert "drawn afterwards" not in with_source("cached")
    assert "PoseC3D: crops and flips change the key points" in with_source("drawn")
    assert "cached heatmaps" not in with_source("drawn")
    alone = {"weak": CONFIG["variants"]["weak"]}
    text = page(results, CONFIG | {"variants": alone, "fusions": {}, "claims": []})
    assert "PoseC3D" not in text
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


def test_long_tail_and_calibration(results):
    text = page(results)
    table = text[text.index("## Long tail and calibration") :]
    assert cells(table, "| Variant") == ["Variant", "Head", "Middle", "Tail", "ECE", "NLL"]
    # weak: of 5 head clips 3 and 3 are right (its first 4 and 6 clips), of 2 middle clips 1 and 2,
    # of the tail's three classes none and the first.
    head, middle, tail, error, likelihood = cells(table, "| Weak")[1:]
    assert (head, middle, tail) == ("60.0 ± 0.0", "75.0 ± 35.4", "16.7 ± 23.6")
    # Always sure of 0.5, right in 4 and 6 of ten; -log of 0.5 where right, else of 0.1.
    assert error == "10.0 ± 0.0"
    assert cells(table, "| Strong")[4] == "**0.0 ± 0.0**"  # sure of 0.9, right in nine of ten
    losses = [-(k * np.log(0.5) + (10 - k) * np.log(0.1)) / 10 for k in (4, 6)]
    assert likelihood == mean_and_spread(np.array(losses), 2)
    assert "head 1 class, 60 clips; middle 1 class, 31 clips; tail 4 classes, 9 clips" in text
    assert "at least 50% of them" in text


def test_without_training_counts_there_is_no_tail_and_it_is_said(results):
    text = page(results, summary={"subject_overlap": {}})
    table = text[text.index("## Long tail and calibration") :]
    assert cells(table, "| Variant") == ["Variant", "ECE", "NLL"]
    assert "No head, middle and tail" in text
    lines = csv_text(load_evaluation(CONFIG, results, CLASSES))
    assert next(csv.DictReader(io.StringIO(lines)))["tail_mean"] == ""


def test_fitted_fusions_state_their_weights(tmp_path):
    fitted = {"title": "Fitted", "members": ["weak", "strong"], "weights": "validation"}
    config = CONFIG | {"fusions": {"fused": fitted | {"temperature": True}}}
    text = page(fill(tmp_path, config), config)
    table = text[text.index("## Fusion weights") :]
    weights = [
        [
            one["weight"]
            for one in read_predictions(
                tmp_path / f"predict/fused/seed{seed}/test.parquet"
            ).metadata["members"]
        ]
        for seed in (0, 1)
    ]
    # The weaker member's errors are all the stronger one's successes: it gets next to nothing.
    assert cells(table, "| Fitted")[1:3] == [
        "Weak ¦ model", mean_and_spread(np.array(weights)[:, 0], 2),
    ]  # fmt: skip
    assert cells(table, "|        | Strong")[3] != "–"
    assert "the likelihood of the true classes, temperatures first" in text
    on_val = page(fill(tmp_path / "val", config, test_labels=[None] * 10), config)
    assert "The epoch, and the weights or temperatures of a fusion that has fitted ones," in on_val
    assert "## Fusion weights" not in page(fill(tmp_path / "plain"))


def test_weights_that_the_config_gives_are_not_called_found(tmp_path):
    given = {"title": "Given", "members": {"weak": 1, "strong": 3}, "temperature": True}
    found = {"title": "Found", "members": ["weak", "strong"], "weights": "validation"}
    config = CONFIG | {"fusions": {"fused": given, "fitted": found}}
    text = page(fill(tmp_path, config), config)
    table = text[text.index("## Fusion weights") :]
    assert cells(table, "| Given")[2] == "0.25 (given)" and "±" in cells(table, "| Given")[3]
    assert "±" in cells(table, "| Found")[2] and cells(table, "| Found")[3] == "–"
    assert "a weight marked as given stands in the config" in table
    config = CONFIG | {"folds": 2, "fusions": {"fused": given}}
    pooled = page(fill_folds(tmp_path / "folds", config), config)
    assert cells(pooled[pooled.index("## Fusion weights") :], "| Given")[2] == "0.25 (given)"


def test_pooled_folds_are_one_table_over_every_clip(tmp_path, results):
    fitted = {"title": "Both", "members": ["weak", "strong"], "weights": "validation"}
    config = CONFIG | {"folds": 2, "fusions": {"fused": fitted}}
    fill_folds(tmp_path / "folds", config)
    pooled = load_evaluation(config, tmp_path / "folds", CLASSES, SUMMARY)
    whole = load_evaluation(CONFIG, results, CLASSES, SUMMARY)
    for name in ("weak", "strong"):
        assert pooled.row(name).scores["top1"].tolist() == whole.row(name).scores["top1"].tolist()
        assert pooled.row(name).seconds == (61.0, 61.0)  # both folds
        assert pooled.row(name).parameters == 310_000  # of one model
    assert pooled.row("fused").seconds == (122.0, 122.0)
    assert [one.weights.shape for one in pooled.row("fused").members] == [(4,), (4,)]
    assert pooled.train_counts.tolist() == [61, 32, 5, 4, 3, 1]  # of all splits
    text = page(tmp_path / "folds", config)
    assert "· 2 folds by subject ·" in text
    assert "Cross-validation in 2 folds by subject: every clip was a test clip once." in text
    assert "each subject counts with the networks that never saw it" in text
    assert "Each person was predicted by models trained without that person." in text
    assert "Test subjects" not in text
    assert "Classes by their clips of all folds" in text
    video = page(tmp_path / "folds", config, SUMMARY | {"subject_is_video": True})
    assert "Every video counts as a subject of its own" in video
    assert "trained without that person" not in video
    for folds, other in ((3, "fold2"), (None, "seed0/metrics.json")):
        with pytest.raises(InputError, match=other):
            load_evaluation(config | {"folds": folds}, tmp_path / "folds", CLASSES)


def test_claims_may_be_about_another_score(results):
    about = {"claim": "Strong helps rare classes", "better": "strong", "worse": "weak"}
    config = CONFIG | {"claims": [about | {"metric": "mean_class"}, about]}
    evaluation = load_evaluation(config, results, CLASSES)
    text = page(results, config)
    assert cells(text, "| Strong helps rare classes")[2] == "Mean class"
    assert cells(text, "| Strong helps rare classes")[6] == "–"
    lines = list(
        csv.DictReader(
            io.StringIO(claims_csv(evaluation, judge_claims(evaluation, config["claims"])))
        )
    )
    assert [line["metric"] for line in lines] == ["mean_class"] * 2 + ["top1"] * 2
    assert [line["seed"] for line in lines] == ["0", "1"] * 2
    assert (lines[2]["only_better"], lines[2]["only_worse"]) == ("5", "0")
    assert (lines[2]["p_of_seed"], lines[2]["p"]) == ("0.0625", "0.25")
    assert lines[0]["p"] == ""


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
    assert cells(text, "| Variant")[:3] == ["Variant", "Top-1", "Mean class"]
    assert "No top-5: it says nothing with 3 classes" in text


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


def test_a_line_break_tears_no_row():
    text = markdown_table(["A\nB"], [["one |\n two\n"]], ["l"])
    assert text.splitlines() == ["| A B        |", "| ---------- |", "| one \\| two |"]


def test_the_script_repeats_its_bytes(results, tmp_path):
    (tmp_path / "classes.yaml").write_text(json.dumps({"classes": CLASSES}))
    write_json(tmp_path / "summary.json", SUMMARY)
    for out in ("one", "two"):
        command = [sys.executable, SCRIPTS / "ablation.py", "--config", json.dumps(CONFIG)]
        command += ["--results", results, "--classes", tmp_path / "classes.yaml"]
        command += ["--summary", tmp_path / "summary.json"]
        command += ["--out-md", tmp_path / f"{out}.md", "--out-csv", tmp_path / f"{out}.csv"]
        command += ["--out-claims", tmp_path / f"{out}.claims.csv"]
        command += ["--out-json", tmp_path / f"{out}.json"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for ending in ("md", "csv", "claims.csv"):
        first, second = (tmp_path / f"{out}.{ending}" for out in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "one.md").read_text() == page(results)
