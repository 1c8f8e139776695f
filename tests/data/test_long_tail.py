import numpy as np

from microgesture.data.long_tail import long_tailed, long_tailed_counts


def test_counts_fall_geometrically_from_the_first_class_to_the_last():
    """By hand: 80 down to 80 / 16 in four equal steps, each half of the one before."""
    assert long_tailed_counts(np.full(5, 80), 16).tolist() == [80, 40, 20, 10, 5]


def test_no_class_gets_clips_that_it_does_not_have_and_none_is_lost():
    kept = long_tailed_counts(np.array([10, 0, 2, 10]), 4)
    assert kept.tolist() == [10, 0, 2, 2]
    assert long_tailed_counts(np.array([5, 5]), 1e9).tolist() == [5, 1]


def test_the_same_rows_are_kept_every_time_in_their_order():
    labels = np.tile(np.arange(4), 50)
    rows = np.arange(1000, 1200)
    kept = long_tailed(rows, labels, 10)
    assert np.array_equal(kept, long_tailed(rows, labels, 10))
    assert (np.diff(kept) > 0).all()
    counts = np.bincount(labels[kept - 1000])
    assert counts.tolist() == long_tailed_counts(np.full(4, 50), 10).tolist()
