"""Reading what every row predicted: scores by hand, costs, and what does not fit together."""

import json

import pytest

from microgesture.data.paths import run_names, run_parts
from microgesture.settings.parse import parse_option
from microgesture.settings.results import TableStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from tests.sections import files_read, load_evaluation
from tests.table_results import (
    CLASSES,
    CONFIG,
    fill,
    fill_folds,
)


@pytest.fixture
def results(tmp_path):
    return fill(tmp_path / "results")


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


def test_run_names():
    assert run_names((0, 3), None) == ["seed0", "seed3"]
    assert run_names((1,), 2) == ["seed1-fold0", "seed1-fold1"]
    assert run_parts("seed12-fold3") == ("12", "3") and run_parts("seed0") == ("0", "")


def test_only_what_was_read_is_named_as_read(tmp_path, results):
    folder = fill_folds(fill(tmp_path / "both"), CONFIG | {"folds": 2})
    for folds in (None, 2):
        read = files_read(CONFIG | {"folds": folds}, folder)
        names = {path.parent.name for path in read if path.is_relative_to(folder / "train")}
        assert names == set(run_names(CONFIG["seeds"], folds))
        splits = {path.name for path in read if path.is_relative_to(folder / "predict")}
        assert splits == {"test.parquet", *(["val.parquet"] if folds is None else [])}


def test_unpooled_predictions_are_refused_where_folds_are_stated(results):
    for name in ("weak", "strong"):
        for seed in (0, 1):
            for number in (0, 1):
                metrics = {"parameters": 1, "train_seconds": 1}
                write_json(results / f"train/{name}/seed{seed}-fold{number}/metrics.json", metrics)
    with pytest.raises(InputError, match="pooled from folds: None, the config has folds: 2"):
        load_evaluation(CONFIG | {"folds": 2}, results, CLASSES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"fusions": {"f": {"title": "f", "members": {"strange": 1, "weak": 1}}}},
            "member strange, which is no variant",
        ),
        (
            {"fusions": {"weak": {"title": "w", "members": {"strong": 1, "weak": 1}}}},
            "weak names a variant and a fusion",
        ),
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
    told = parse_option(TableStep, json.dumps(CONFIG))
    assert told == parse_option(TableStep, str(tmp_path / "config.json")) and told.given() == CONFIG
    with pytest.raises(InputError, match=r"--config: data_name is missing"):
        parse_option(TableStep, '{"variants": {}, "seeds": [], "data_format": "csv"}')
    with pytest.raises(InputError, match="neither JSON text nor a JSON file"):
        parse_option(TableStep, "{seeds: 1}")
