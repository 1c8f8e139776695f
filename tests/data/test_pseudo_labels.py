"""How sure a teacher has to be, and the file of what it says."""

import numpy as np
import pytest

from microgesture.data.pseudo_labels import (
    FEWEST,
    choose,
    read_pseudo_labels,
    thresholds,
    write_pseudo_labels,
)
from microgesture.utils.errors import InputError


def slow_threshold(probabilities, labels, precision, label):
    """Every probability that occurs as the threshold, the lowest that is right often enough."""
    own = [p for p, one in enumerate(probabilities) if one.argmax() == label]
    found = np.inf
    for least in {probabilities[p].max() for p in own}:
        above = [p for p in own if probabilities[p].max() >= least]
        right = np.mean([labels[p] == label for p in above])
        if len(above) >= FEWEST and right >= precision:
            found = min(found, least)
    return found


@pytest.mark.parametrize("precision", [0.5, 0.8, 1.0])
def test_thresholds_are_the_lowest_that_are_right_often_enough(precision):
    rng = np.random.default_rng(0)
    for _ in range(20):
        probabilities = rng.dirichlet(np.ones(4) / 2, 60).round(1)  # so that some are equal
        labels = np.where(
            rng.random(60) < 0.6, probabilities.argmax(axis=1), rng.integers(4, size=60)
        )
        found = thresholds(probabilities, labels, precision)
        expected = [slow_threshold(probabilities, labels, precision, k) for k in range(4)]
        assert found.tolist() == expected
    assert np.isfinite(found).any()


def test_classes_that_are_never_sure_get_no_pseudo_labels():
    probabilities = np.tile([0.9, 0.1], (5, 1))
    least = thresholds(probabilities, np.array([1, 1, 1, 1, 0]), 0.8)
    assert np.isinf(least).all()
    rows, labels = choose(probabilities, least)
    assert len(rows) == len(labels) == 0


def test_clips_at_or_above_the_threshold_of_their_class_are_chosen():
    probabilities = np.array([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]])
    rows, labels = choose(probabilities, np.array([0.7, 0.5]))
    assert rows.tolist() == [0, 2, 3] and labels.tolist() == [0, 1, 1]


def test_the_file_comes_back(tmp_path):
    path = tmp_path / "p.csv"
    write_pseudo_labels(path, ["b", "a"], np.array([1, 0]), np.array([0.75, 1.0]))
    assert path.read_text() == "clip_id,label,probability\na,0,1.000000\nb,1,0.750000\n"
    assert read_pseudo_labels(path, 2) == {"a": 0, "b": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip,label\n", "expected the columns clip_id, label, probability"),
        ("clip_id,label,probability\na,2,0.9\n", "row 2: 'a,2,0.9' is no clip with a class id bel"),
        ("clip_id,label,probability\na,x,0.9\n", "row 2"),
        ("clip_id,label,probability\na,1,0.9\na,0,0.9\n", "row 3: clip a has two classes"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(tmp_path, text, said):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_pseudo_labels(tmp_path / "p.csv", 2)
    with pytest.raises(InputError, match="not readable"):
        read_pseudo_labels(tmp_path / "none.csv", 2)
