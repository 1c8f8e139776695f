"""The metrics, against cases worked by hand and slow readable references."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, top_k_accuracy_score

from microgesture.evaluation import metrics
from microgesture.utils.errors import InputError

# Four clips, three classes. Predicted: 0, 1, 1, 0. True: 0, 1, 0, 2.
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.5, 0.2], [0.5, 0.1, 0.4]])
LABELS = np.array([0, 1, 0, 2])


def random_case(seed, clips=200, classes=7):
    rng = np.random.default_rng(seed)
    # Multiples of 1/8: many ties.
    probabilities = rng.multinomial(8, np.full(classes, 1 / classes), size=clips) / 8
    return probabilities, rng.integers(0, classes - 1, clips)  # the last class never occurs


def slow_top_k(probabilities, labels, k):
    hits = 0
    for row, label in zip(probabilities, labels, strict=True):
        ranked = sorted(range(len(row)), key=lambda one: (-row[one], one))
        hits += label in ranked[:k]
    return hits / len(labels)


def slow_scores(predicted, labels):
    """Recall and F1 of each class that occurs among the labels."""
    recalls, f1s = [], []
    for one in sorted(set(labels.tolist())):
        true = sum(1 for p, t in zip(predicted, labels, strict=True) if p == one and t == one)
        actual = sum(1 for t in labels if t == one)
        claimed = sum(1 for p in predicted if p == one)
        recall = true / actual
        precision = true / claimed if claimed else 0.0
        recalls.append(recall)
        f1s.append(2 * precision * recall / (precision + recall) if true else 0.0)
    return recalls, f1s


def confusion(probabilities, labels):
    predicted = metrics.predicted_classes(probabilities)
    return metrics.confusion_matrix(labels, predicted, probabilities.shape[1])


def test_by_hand():
    assert metrics.predicted_classes(PROBABILITIES).tolist() == [0, 1, 1, 0]
    assert metrics.top_k_accuracy(PROBABILITIES, LABELS, 1) == 0.5
    assert metrics.top_k_accuracy(PROBABILITIES, LABELS, 2) == 1.0
    table = confusion(PROBABILITIES, LABELS)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert metrics.per_class_recall(table).tolist() == [0.5, 1.0, 0.0]
    assert metrics.mean_class_accuracy(table) == pytest.approx(1.5 / 3)
    # F1: class 0: 2/(2+1+1) = 1/2; class 1: 2/(2+1+0) = 2/3; class 2, never predicted: 0.
    assert metrics.macro_f1(table) == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)


def test_a_class_without_clips_counts_neither_way():
    labels = np.array([0, 0, 1, 1])
    table = metrics.confusion_matrix(labels, np.array([0, 2, 1, 1]), 4)
    recall = metrics.per_class_recall(table)
    assert recall[:2].tolist() == [0.5, 1.0]
    assert np.isnan(recall[2:]).all()
    assert metrics.mean_class_accuracy(table) == 0.75
    # Class 2 takes a clip of class 0 and has no F1 of its own; class 0: 2/(2+0+1), class 1: 1.
    assert metrics.macro_f1(table) == pytest.approx((2 / 3 + 1) / 2)


def test_no_number_is_divided_by_zero():
    with np.errstate(all="raise"):
        recall = metrics.per_class_recall(np.diag([2, 0, 3]))
    assert np.isnan(recall[1])
    assert recall[[0, 2]].tolist() == [1, 1]


def test_accuracy_is_of_the_most_probable_class_unless_told_otherwise():
    assert metrics.top_k_accuracy(PROBABILITIES, LABELS) == 0.5
    assert metrics.correct_at(PROBABILITIES, LABELS).tolist() == [True, True, False, False]


def test_equal_probabilities_go_to_the_lower_class_id():
    even = np.full((3, 3), 1 / 3)
    labels = np.array([0, 1, 2])
    assert metrics.predicted_classes(even).tolist() == [0, 0, 0]
    assert metrics.correct_at(even, labels, 1).tolist() == [True, False, False]
    assert metrics.correct_at(even, labels, 2).tolist() == [True, True, False]


@pytest.mark.parametrize("seed", range(3))
def test_against_slow_references(seed):
    probabilities, labels = random_case(seed)
    for k in (1, 2, 5):
        assert metrics.top_k_accuracy(probabilities, labels, k) == slow_top_k(
            probabilities, labels, k
        )
    predicted = metrics.predicted_classes(probabilities)
    recalls, f1s = slow_scores(predicted, labels)
    table = confusion(probabilities, labels)
    assert metrics.mean_class_accuracy(table) == pytest.approx(np.mean(recalls), abs=1e-12)
    assert metrics.macro_f1(table) == pytest.approx(np.mean(f1s), abs=1e-12)
    assert table.sum() == len(labels)
    assert np.trace(table) / len(labels) == metrics.top_k_accuracy(probabilities, labels, 1)


def test_top_one_is_what_the_predicted_classes_say():
    probabilities, labels = random_case(9)
    hits = metrics.predicted_classes(probabilities) == labels
    np.testing.assert_array_equal(metrics.correct_at(probabilities, labels), hits)


def test_with_fewer_classes_than_k_every_clip_is_correct():
    assert metrics.top_k_accuracy(PROBABILITIES, LABELS, 5) == 1.0


def test_summary_holds_all_metrics():
    summary = metrics.summarise(PROBABILITIES, LABELS)
    assert tuple(summary) == metrics.METRICS
    assert summary["top1"] == 0.5


@pytest.mark.parametrize("bad", [-1, 3])
def test_an_unknown_label_is_refused(bad):
    labels = np.array([0, 1, bad, 2])
    with pytest.raises(InputError, match=f"row 2, label {bad}"):
        metrics.top_k_accuracy(PROBABILITIES, labels)
    with pytest.raises(InputError, match="1 of 4 clips"):
        metrics.confusion_matrix(labels, np.zeros(4, np.int64), 3)


def test_an_empty_set_is_refused():
    with pytest.raises(InputError, match="no clips"):
        metrics.summarise(np.zeros((0, 3)), np.zeros(0, np.int64))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("seed", range(3))
def test_against_sklearn(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, 200)  # of seven classes the last never occurs
    probabilities = rng.dirichlet(np.ones(7), 200)
    predicted = metrics.predicted_classes(probabilities)
    measured = metrics.summarise(probabilities, labels)
    assert measured["mean_class"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    present = np.unique(labels)
    assert measured["macro_f1"] == pytest.approx(
        f1_score(labels, predicted, average="macro", labels=present)
    )
    for name, k in (("top1", 1), ("top5", 5)):
        expected = top_k_accuracy_score(labels, probabilities, k=k, labels=range(7))
        assert measured[name] == pytest.approx(expected)


def groups_of(counts):
    told = metrics.frequency_groups(np.array(counts))
    assert (sum(group.astype(int) for group in told.values()) == 1).all()  # each class has one
    return {name: np.flatnonzero(group).tolist() for name, group in told.items()}


def test_head_middle_and_tail_by_hand():
    # Of 100 clips: 40 alone are less than half, 40 + 20 are more; 4 + 3 + 2 + 1 are a tenth.
    counts = [2, 40, 15, 20, 15, 4, 1, 3]
    assert groups_of(counts) == {"head": [1, 3], "middle": [2, 4], "tail": [0, 5, 6, 7]}
    assert groups_of([50, 30, 12, 8, 0]) == {"head": [0], "middle": [1, 2], "tail": [3, 4]}


def test_classes_of_equal_size_stay_together():
    assert groups_of([10, 10, 10, 10]) == {"head": [0, 1, 2, 3], "middle": [], "tail": []}
    # 5 + 5 + 5 would be more than a tenth of 100, so none of the three is tail.
    assert groups_of([45, 40, 5, 5, 5])["tail"] == []


@pytest.mark.parametrize("seed", range(20))
def test_head_and_tail_never_meet_and_hold_what_they_should(seed):
    rng = np.random.default_rng(seed)
    counts = rng.zipf(1.5, rng.integers(1, 40)) % 500
    counts[0] += 1
    told = groups_of(counts)
    assert 2 * counts[told["head"]].sum() >= counts.sum()
    assert 10 * counts[told["tail"]].sum() <= counts.sum()
    rest = sorted(set(range(len(counts))) - set(told["head"]))
    assert not rest or counts[rest].max() < counts[told["head"]].min()


def test_recall_of_a_group_is_over_its_classes_with_clips():
    recall = np.array([0.5, 1.0, np.nan, 0.0])
    assert metrics.group_recall(recall, np.array([True, True, True, False])) == 0.75
    assert np.isnan(metrics.group_recall(recall, np.array([False, False, True, False])))
