"""A share of the labels, as those of fewer annotated clips, to measure what the rest is worth."""

import numpy as np


def labelled_share(
    rows: np.ndarray, labels: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """The rows whose labels are used, int, in their order: of each class a share, at least one.

    Parameters
    ----------
    rows, labels : ndarray, int (N,)
        Training clips and their classes.
    share : float
        Above 0, at most 1; a class keeps the nearest whole number of clips.
    rng : Generator
        Draws them.

    """
    kept = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        count = max(int(np.rint(share * len(own))), 1)
        kept.append(rng.choice(own, count, replace=False))
    return rows[np.sort(np.concatenate(kept))]
