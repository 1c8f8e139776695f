"""What differs between two results folders: settings, code, and scores clip by clip."""

import numpy as np
import pytest

from microgesture.cli.main import main
from microgesture.evaluation.compare import compare_rows
from microgesture.evaluation.paired import holm
from microgesture.evaluation.predictions import write_predictions
from microgesture.utils.files import write_json
from tests import table_results
from tests.sections import judge_claims, load_evaluation
from tests.table_results import CLASSES, CONFIG, IDS, LABELS, fill


def record(folder, name, config, code="c", commit="1" * 40, version="1.0"):
    stated = {
        "script": "train.py", "config": config, "seed": 0, "code": code,
        "git": {"commit": commit, "dirty": False},
        "python": "3.11.7", "packages": {"numpy": version},
    }  # fmt: skip
    write_json(folder / f"provenance/{name}.json", stated)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two runs of the ten clips: in the second, `weak` gets as many right as `strong`."""
    first = fill(tmp_path / "first")
    monkeypatch.setitem(table_results.RIGHT, "weak", (9, 9))
    second = fill(tmp_path / "second")
    return first, second


def test_a_row_is_compared_as_two_rows_of_one_table_are(folders):
    """`weak` of both folders is what `weak` and `strong` of one are, whose clips are the same."""
    pairs = {pair.name: pair for pair in compare_rows(*folders)}
    assert set(pairs) == {"weak", "strong", "fused"}
    assert pairs["weak"].first == pytest.approx(50) and pairs["weak"].second == pytest.approx(90)
    assert pairs["strong"].comparison.difference == 0
    evaluation = load_evaluation(CONFIG, folders[0], CLASSES)
    claim = {"claim": "c", "better": "strong", "worse": "weak"}
    (expected,) = judge_claims(evaluation, [claim])[0].comparisons
    found = pairs["weak"].comparison
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p_interval == pytest.approx(expected.p_interval)
    each = [pair.comparison for pair in pairs.values()]
    assert [one.p_holm for one in each] == pytest.approx(holm([one.p_interval for one in each]))


def test_other_clips_labels_and_classes_are_not_compared(folders):
    path = folders[1] / "predict/weak/seed0/test.parquet"
    subjects = ["s"] * 10

    def why(ids, labels, classes):
        shares = np.full((len(ids), classes), 1 / classes)
        write_predictions(path, ids, labels, subjects[: len(ids)], shares, {})
        return next(one for one in compare_rows(*folders) if one.name == "weak").why_not

    assert why(IDS[:9], LABELS[:9], 6) == "other clips: 1 ids are in one of both alone"
    assert why(IDS, [1, *LABELS[1:]], 6) == "1 clips have another label"
    assert why(IDS, LABELS, 7) == "6 and 7 classes"


def test_the_command_names_keys_code_versions_and_gains(folders, capsys):
    first, second = folders
    record(first, "train/weak/seed0", {"training": {"epochs": 3, "batch": 8}})
    record(
        second, "train/weak/seed0", {"training": {"epochs": 9, "batch": 8}}, "d", "2" * 40, "2.0"
    )
    record(second, "train/other/seed0", {})
    main(["compare", str(first), str(second)])
    text = capsys.readouterr().out
    assert "config.training.epochs: 3 -> 9 (train/weak/seed0)" in text and "batch" not in text
    assert "scripts/train.py or a module that it imports: 11111111 -> 22222222" in text
    assert "packages" not in text and 'numpy: "1.0" -> "2.0"' in text
    assert f"steps of {second} alone:\n  train/other/seed0" in text
    assert "weak (test): 50.00 -> 90.00, +40.00 [" in text


def test_a_folder_that_holds_no_results_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["compare", str(tmp_path), str(tmp_path)])
    assert "holds neither predict/ nor provenance/" in capsys.readouterr().err
