import numpy as np

from microgesture.data.label_share import labelled_share


def test_each_class_keeps_its_share_and_at_least_one():
    labels = np.repeat([0, 1, 3], [40, 15, 2])
    rows = np.arange(100, 157)
    kept = labelled_share(rows, labels, 0.1, np.random.default_rng(0))
    assert np.bincount(labels[kept - 100]).tolist() == [4, 2, 0, 1]
    assert (np.diff(kept) > 0).all()


def test_the_choice_is_the_generators_alone():
    labels, rows = np.repeat([0, 1], 30), np.arange(60)
    first, again, other = (
        labelled_share(rows, labels, 0.2, np.random.default_rng(seed)).tolist()
        for seed in (0, 0, 1)
    )
    assert first == again != other
    assert labelled_share(rows, labels, 1.0, np.random.default_rng(0)).tolist() == rows.tolist()
