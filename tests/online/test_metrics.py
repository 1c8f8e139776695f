"""Scores of segments, against hand-worked cases and a transcription of the challenge's rule."""

import numpy as np
import pytest

from microgesture.evaluation.paired import variance_parts
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
from microgesture.utils.errors import InputError


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


def test_segments_apart_overlap_by_less_than_nothing():
    first, second = [Segment(0, 0, 10)], [Segment(0, 10, 20), Segment(0, 20, 30)]
    assert overlaps(first, second)[0] == pytest.approx([0, -1 / 3])
    assert overlaps(first, []).shape == (1, 0)


def test_of_equal_scores_the_earlier_prediction_comes_first():
    true, earlier = [Segment(0, 2, 12)], Segment(0, 0, 10, 0.5)
    assert found_one_to_one(true, [Segment(0, 3, 13, 0.5), earlier]).tolist() == [-1, 0]
    assert found_one_to_one(true, [Segment(0, 3, 13, 0.6), earlier]).tolist() == [0, -1]


def test_a_single_frame_has_no_length_and_another_class_finds_nothing():
    assert overlaps([Segment(0, 5, 5)], [Segment(0, 5, 5)])[0, 0] == 0
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


def test_without_anything_true_or_predicted_f1_is_zero():
    assert f1(0, 0, 5) == f1(0, 5, 0) == f1(0, 5, 5) == 0


def test_precision_recall_and_the_mean_over_thresholds_by_hand():
    """One of four true ones is found by one of two predictions, with an overlap of 0.55."""
    true = labelled(*(Segment(0, 100 * n, 100 * n + 20) for n in range(4)))
    scores = summarise([true], {"a": [Segment(0, 0, 11), Segment(0, 50, 60, 0.5)]})
    assert (scores["precision"], scores["recall"]) == (50, 25)
    assert scores["f1"] == pytest.approx(100 / 3, abs=1e-3)
    # at 0.3, 0.4 and 0.5 the average precision is 1 / 4, at 0.6 and 0.7 it is 0
    assert scores["map50"] == 25 and scores["map"] == pytest.approx(25 * 3 / 5)
    assert summarise([true], {"a": true.segments})["map"] == 100
    nothing = summarise([true], {"a": []})
    assert nothing["precision"] == nothing["recall"] == nothing["map"] == 0
    assert all(np.isnan(nothing[name]) for name in ("start", "end", "late"))


def test_the_curve_and_the_counts_of_classes_by_hand():
    true = labelled(Segment(0, 0, 10), Segment(0, 20, 30), Segment(1, 40, 50))
    first = {"a": [Segment(0, 0, 10), Segment(1, 42, 50), Segment(1, 60, 70)]}
    made = Detections("d", "D", "m", (true,), (first, {"a": [Segment(0, 20, 24)]}))
    # overlaps of 1 and 0.8, and of 0.4: each counts at thresholds below it
    expected = [[2 / 3] * 7 + [1 / 3] * 2, [1 / 2] * 3 + [0] * 6]
    assert made.curve == pytest.approx(100 * np.array(expected), abs=1e-3)
    assert made.by_class(3).tolist() == [[1, 2, 1], [0.5, 1, 1], [0, 0, 0]]
    assert made.scores["recall"] == pytest.approx([200 / 3, 100 / 3])
    alone = Detections("d", "D", "m", (true,), (first,))
    assert alone.scores["recall"] == pytest.approx([200 / 3])


@pytest.mark.parametrize(("official", "people"), [(False, 4), (True, 4), (False, 2)])
def test_the_interval_is_that_of_people_left_out_one_by_one(official, people):
    rng = np.random.default_rng(0)
    each = [labelled(*drawn(rng, 8), name=str(n), subject=f"p{n % people}") for n in range(10)]
    seeds = tuple({one.recording: drawn(rng, 8) for one in each} for _ in range(3))
    low, high = Detections("d", "D", "m", tuple(each), seeds).interval(official)

    def percent(said, some):
        return 100 * f1(*count(some, said, official=official).sum(axis=0))

    whole = np.array([percent(said, each) for said in seeds])
    left_out = np.array(
        [
            [percent(said, [w for w in each if w.subject != f"p{p}"]) for p in range(people)]
            for said in seeds
        ]
    )
    clips = np.bincount(np.arange(10) % people)
    half = float(variance_parts(whole, left_out, clips).half_width())
    assert (low, high) == pytest.approx((max(whole.mean() - half, 0), whole.mean() + half))
    assert high < 100


def test_nothing_said_of_a_recording_is_refused():
    with pytest.raises(InputError, match="d: nothing is said of recording b"):
        Detections("d", "D", "m", (labelled(), labelled(name="b")), ({"a": []},))


def test_edit_distance_is_that_of_its_definition():
    def slow(first, second):
        if not first or not second:
            return len(first) + len(second)
        return min(
            slow(first[1:], second) + 1,
            slow(first, second[1:]) + 1,
            slow(first[1:], second[1:]) + (first[0] != second[0]),
        )

    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = (rng.integers(0, 3, rng.integers(0, 6)).tolist() for _ in range(2))
        assert edit_distance(first, second) == slow(first, second)


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


def test_what_becomes_of_segments_at_the_limits():
    """Overlaps of exactly 0.3 and of 0 do not count."""
    true = [Segment(0, 0, 10), Segment(1, 100, 110), Segment(2, 200, 210), Segment(2, 300, 310)]
    said = [
        Segment(0, 0, 10),
        Segment(0, 7, 10, 0.5),  # 0.3 of one that is found
        Segment(3, 107, 110),  # 0.3 of another class
        Segment(2, 210, 220),  # it begins where the true one ends
        Segment(2, 307, 310),
    ]
    became = outcomes(true, said)
    assert became.true == ["found", "missed", "missed", "shifted"]
    assert became.predicted == ["found", "shifted", "invented", "invented", "shifted"]
    assert outcomes([], said[:1]) == ([], ["invented"])
    assert outcomes(true[:1], []) == (["missed"], [])


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
