"""Folds keep people apart and spread the outcomes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgesture.emotion.folds import assign_folds, dealt
from microgesture.emotion.interviews import LOSE, UNKNOWN, WIN, Interview
from microgesture.utils.errors import InputError


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_no_person_is_in_two_folds_and_each_has_both_outcomes(seed, folds):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(30), rng.integers(1, 5, 30)).astype(str)
    labels = (rng.uniform(size=len(groups)) < 0.7).astype(int)
    fold = assign_folds(labels, list(groups), folds, seed)
    for person in set(groups):
        assert len(set(fold[groups == person])) == 1
    wins = [labels[fold == n].sum() for n in range(folds)]
    losses = [(1 - labels)[fold == n].sum() for n in range(folds)]
    assert min(losses) >= 1 and max(wins) - min(wins) <= 6
    assert np.array_equal(fold, assign_folds(labels, list(groups), folds, seed))


def test_too_few_people_are_told():
    with pytest.raises(InputError, match="1 people have a recording that is lost, but there are 2"):
        assign_folds(np.array([1, 1, 0]), ["a", "b", "c"], 2, 0)


def test_test_recordings_are_in_no_fold_and_recordings_may_part_people():
    made = [Interview(str(n), str(n), "abcd"[n % 4], "train", n // 4 % 2) for n in range(24)]
    made += [Interview("t", "t", "z", "test", UNKNOWN)]
    by_person, by_recording = (dealt(made, how, 2, 0) for how in ("subject", "recording"))
    assert by_person[-1].fold is None and {one.fold for one in by_person[:-1]} == {0, 1}
    assert len({(one.subject, one.fold) for one in by_person[:-1]}) == 4
    assert len({(one.subject, one.fold) for one in by_recording[:-1]}) > 4
    with pytest.raises(InputError, match="of one kind"):
        dealt([one for one in made if one.label != LOSE], "subject", 2, 0)
    assert WIN == 1
