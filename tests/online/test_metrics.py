"""Scores of segments, against hand-worked cases and a transcription of the challenge's rule."""

import numpy as np
import pytest

from microgesture.online.matching import found_officially, found_one_to_one, outcomes, overlaps
from microgesture.online.metrics import (
    Detections,
    average_precision,
    border_errors,
    count,
    edit_distance,
    edit_score,
    f1,
    summarise,
)
from microgesture.online.segments import Labelled, Segment


def labelled(*segments, name="a", subject="p"):
    return Labelled(name, subject, "test", 25.0, 1000, segments)


def official_reference(truths, predictions):
    """The challenge's rule, line by line: what ``delete`` returns is thrown away."""
    found, all_true, all_predicted = 0, 0, 0
    for true, said in zip(truths, predictions, strict=True):
        rows = np.array([[s.label, s.start, s.end] for s in said]).reshape(-1, 3)
        for label, start, end in ((s.label, s.start, s.end) for s in true):
            for row in range(len(rows)):
                if rows[row, 0] != label:
                    continue
                shared = min(rows[row, 2], end) - max(rows[row, 1], start)
                both = max(rows[row, 2], end) - min(rows[row, 1], start)
                if both and shared / both > 0.3:
                    found += 1
                    np.delete(rows, row, axis=0)
                    break
        all_true += len(true)
        all_predicted += len(said)
    if not all_true or not all_predicted:
        return 0.0
    recall, precision = found / all_true, found / all_predicted
    return 2 * precision * recall / (precision + recall + 1e-7)


def one_to_one_reference(true, said):
    """How many are found, each prediction used once, in the order of the scores."""
    left, found = list(true), 0
    for one in sorted(said, key=lambda s: (-s.score, s.start)):
        fitting = [t for t in left if t.label == one.label and overlaps([t], [one])[0, 0] > 0.3]
        if fitting:
            left.remove(max(fitting, key=lambda t: overlaps([t], [one])[0, 0]))
            found += 1
    return found


def drawn(rng, many):
    starts = rng.integers(0, 100, many)
    ends = starts + rng.integers(0, 40, many)
    labels, scores = rng.integers(0, 2, many), rng.random(many)
    return [
        Segment(*map(int, one), score=float(s))
        for *one, s in zip(labels, starts, ends, scores, strict=True)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_both_rules_are_those_of_the_references(seed):
    rng = np.random.default_rng(seed)
    recordings = [labelled(*drawn(rng, rng.integers(0, 8)), name=str(n)) for n in range(4)]
    said = {one.recording: drawn(rng, rng.integers(0, 8)) for one in recordings}
    truths, predictions = [one.segments for one in recordings], list(said.values())
    official = f1(*count(recordings, said, official=True).sum(axis=0))
    assert official == pytest.approx(official_reference(truths, predictions), abs=1e-12)
    found = [one_to_one_reference(*both) for both in zip(truths, predictions, strict=True)]
    assert count(recordings, said)[:, 0].tolist() == found


def test_one_prediction_finds_two_only_by_the_challenges_rule():
    true, said = [Segment(1, 0, 10), Segment(1, 10, 20)], [Segment(1, 0, 20)]
    assert found_officially(true, said).tolist() == [True, True]
    assert found_one_to_one(true, said).tolist() == [0]


def test_an_overlap_of_exactly_the_threshold_finds_nothing():
    assert overlaps([Segment(0, 0, 10)], [Segment(0, 7, 10)])[0, 0] == pytest.approx(0.3)
    assert not found_officially([Segment(0, 0, 10)], [Segment(0, 7, 10)]).any()
    assert found_officially([Segment(0, 0, 10)], [Segment(0, 6, 10)]).all()


def test_a_single_frame_has_no_length_and_another_class_finds_nothing():
    assert not found_officially([Segment(0, 5, 5)], [Segment(0, 5, 5)]).any()
    assert found_one_to_one([Segment(0, 0, 9)], [Segment(1, 0, 9)]).tolist() == [-1]


def test_hand_worked_scores():
    """Two of three found by three predictions: P = R = F1 = 2/3."""
    true = labelled(Segment(0, 0, 10), Segment(1, 20, 30), Segment(0, 40, 50))
    said = {"a": [Segment(0, 1, 12), Segment(1, 18, 30), Segment(1, 40, 50)]}
    scores = summarise([true], said)
    assert scores["f1"] == pytest.approx(200 / 3, abs=1e-3) == scores["official"]
    assert scores["precision"] == scores["recall"] == pytest.approx(200 / 3)
    assert border_errors([true], said).tolist() == [[1, 2], [-2, 0]]
    assert (scores["start"], scores["end"], scores["late"]) == (1.5, 1.0, 1.0)
    assert scores["edit"] == pytest.approx(200 / 3)


def test_average_precision_of_a_ranking_by_hand():
    """Right, wrong, right of two true ones: (1 + 2/3) / 2."""
    true = labelled(Segment(0, 0, 10), Segment(0, 20, 30))
    said = {"a": [Segment(0, 0, 10, 0.9), Segment(0, 50, 60, 0.8), Segment(0, 20, 30, 0.7)]}
    assert average_precision([true], said, 0, 0.5) == pytest.approx(5 / 6)
    assert np.isnan(average_precision([true], said, 1, 0.5))


def test_edit_distance_of_the_order():
    assert edit_distance([1, 2, 3], [1, 3]) == 1
    assert edit_distance([1, 2], [2, 1]) == 2
    assert edit_score([labelled()], {"a": []}) == 1.0


def test_what_became_of_segments():
    true = [Segment(0, 0, 10), Segment(1, 20, 30), Segment(2, 40, 50), Segment(3, 60, 70)]
    said = [
        Segment(0, 0, 10, 0.9),
        Segment(0, 1, 9, 0.5),
        Segment(0, 20, 30),
        Segment(2, 47, 58),
        Segment(1, 90, 99),
    ]
    became = outcomes(true, said)
    assert became.true == ["found", "confused", "shifted", "missed"]
    assert became.predicted == ["found", "doubled", "confused", "shifted", "invented"]


def test_the_interval_is_wider_with_fewer_people_and_one_person_tells_nothing():
    def interval(people):
        each = [
            labelled(Segment(0, 0, 10), Segment(0, 20, 30), name=str(n), subject=str(n % people))
            for n in range(12)
        ]
        said = {str(n): [Segment(0, 0, 10)] * (n % 3 > 0) for n in range(12)}
        return Detections("d", "D", "m", tuple(each), (said,)).interval()

    assert interval(1) == (0.0, 100.0)
    low, high = interval(12)
    assert 0 < low < high < 100
