"""Rows and their scores by hand: two seeds, four clips, four classes of which one has no clip."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from microgesture.evaluation.rows import FUSION, Evaluation, Member, Row
from microgesture.utils.errors import InputError

LABELS = np.array([0, 0, 1, 2])
FIRST = [[0.75, 0.15, 0.1, 0], [0.35, 0.65, 0, 0], [0.1, 0.85, 0.05, 0], [0.55, 0.25, 0.2, 0]]


def row(name, *predictions, model="stgcn"):
    """A row of one seed a prediction; the first one's when none is given."""
    probabilities = np.array(predictions or [FIRST], np.float32)
    return Row(name, name, model, LABELS, probabilities, 10, (1.0,) * len(probabilities))


def evaluation(*rows, **more):
    subjects, names = np.array(["a", "b", "a", "b"]), ["zero", "one", "two", "three"]
    return Evaluation("test", LABELS, subjects, names, (0,), rows, 0, None, (), **more)


def test_scores_of_a_row():
    both = row("both", FIRST, np.eye(4)[LABELS])
    assert both.predicted.tolist() == [[0, 1, 1, 0], [0, 0, 1, 2]]
    assert both.correct.tolist() == [[True, False, True, False], [True] * 4]
    assert both.scores["top1"].tolist() == [50, 100] and both.top1 == 75
    assert both.scores["top5"].tolist() == [100, 100]
    assert both.scores["mean_class"] == pytest.approx([50, 100])
    assert both.scores["macro_f1"] == pytest.approx([100 * (1 / 2 + 2 / 3) / 3, 100])
    first = [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert both.confusions.tolist() == [first, np.diag([2, 1, 1, 0]).tolist()]
    recalls = [[0.5, 1, 0, np.nan], [1, 1, 1, np.nan]]
    assert np.array_equal(both.recalls, recalls, equal_nan=True)
    assert np.array_equal(both.recall, [0.75, 1, 0.5, np.nan], equal_nan=True)


def test_calibration_of_a_row():
    """Confidences of 0.75 and 0.85 are right, those of 0.65 and 0.55 wrong, each in its bin."""
    both = row("both", FIRST, np.eye(4)[LABELS])
    assert both.calibration["ece"] == pytest.approx([100 * (0.25 + 0.15 + 0.65 + 0.55) / 4, 0])
    expected = -np.log([0.75, 0.35, 0.85, 0.2]).mean()
    assert both.calibration["nll"] == pytest.approx([expected, 0], abs=1e-6)


def test_counts_chance_and_recall_of_frequent_and_rare_classes():
    both = row("both", FIRST, np.eye(4)[LABELS])
    found = evaluation(both, train_counts=np.array([8, 4, 1, 0]))
    assert found.counts.tolist() == [2, 1, 1, 0] and found.chance == 50
    groups = {"head": [1, 0, 0, 0], "middle": [0, 1, 0, 0], "tail": [0, 0, 1, 1]}
    assert {name: one.tolist() for name, one in found.groups.items()} == groups
    recalls = {name: one.tolist() for name, one in found.group_recalls(both).items()}
    assert recalls == {"head": [50, 100], "middle": [100, 100], "tail": [0, 100]}
    assert evaluation(both).group_recalls(both) == {}


def test_the_row_that_is_looked_at_closely():
    weak, strong = row("weak"), row("strong", np.eye(4)[LABELS])
    fused = [row(name, model=FUSION) for name in ("fused", "other")]
    assert evaluation(weak, strong).shown(None).name == "strong"
    assert evaluation(strong, weak).shown(None).name == "strong"
    assert evaluation(weak, strong, *fused).shown(None).name == "fused"
    assert evaluation(weak, strong, *fused).shown("weak").name == "weak"
    with pytest.raises(InputError, match="is named none; there are weak, strong"):
        evaluation(weak, strong).row("none")


def test_what_was_measured_cannot_be_replaced():
    """Scores are kept once they are computed."""
    member = Member("weak", np.ones(1), None)
    assert not member.given  # unless it is said
    for one, field in ((row("weak"), "labels"), (member, "weights"), (evaluation(), "labels")):
        with pytest.raises(FrozenInstanceError):
            setattr(one, field, np.zeros(4, int))
