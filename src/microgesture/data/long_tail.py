"""Long-tailed training sets made from balanced ones, to measure what helps the rare classes."""

import numpy as np


def long_tailed_counts(counts: np.ndarray, ratio: float) -> np.ndarray:
    """Training clips that are kept of each class, int (K,).

    Of the classes that have clips, in the order of their ids, the first keeps as many as the most
    frequent class has and the last ``ratio`` times fewer, falling geometrically in between; at
    least 1, and never more than there are. Source: Cui et al. 2019, long-tailed CIFAR.

    Parameters
    ----------
    counts : ndarray, int (K,)
    ratio : float
        Above 1.

    """
    present = np.flatnonzero(counts)
    kept = np.zeros_like(counts)
    share = np.linspace(0, 1, len(present))
    wanted = np.maximum(np.rint(counts.max() * ratio**-share), 1).astype(counts.dtype)
    kept[present] = np.minimum(wanted, counts[present])
    return kept


def long_tailed(rows: np.ndarray, labels: np.ndarray, ratio: float) -> np.ndarray:
    """The rows that are kept, int, in their order; the same for every variant and seed.

    Parameters
    ----------
    rows, labels : ndarray, int (N,)
        Training clips and their classes.
    ratio : float
        See `long_tailed_counts`.

    """
    wanted = long_tailed_counts(np.bincount(labels), ratio)
    rng = np.random.default_rng(0)
    kept = [
        rng.choice(np.flatnonzero(labels == label), count, replace=False)
        for label, count in enumerate(wanted)
    ]
    return rows[np.sort(np.concatenate(kept))]
