"""What a trained teacher says of training clips that a student has no labels of."""

from dataclasses import dataclass

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.data.label_share import labelled_share
from microgesture.data.pseudo_labels import choose, thresholds
from microgesture.inference.build import Trained
from microgesture.inference.predict import predict
from microgesture.inputs.base import Input
from microgesture.inputs.loader import LABELS, rng_for
from microgesture.settings.pseudo_labels import PseudoLabelStep


@dataclass(frozen=True)
class PseudoLabels:
    """The clips that got a pseudo-label.

    Attributes
    ----------
    clip_ids : list of str
    labels : ndarray, int (M,)
    probabilities : ndarray, float (M,)
    unlabelled : int
        Clips that could have got one.
    right : float or None
        Share of the pseudo-labels that are those of the data, where the student was told to leave
        labels out; None where nobody knows.

    """

    clip_ids: list[str]
    labels: np.ndarray
    probabilities: np.ndarray
    unlabelled: int
    right: float | None


def pseudo_labels(
    trained: Trained, source: Input, step: PseudoLabelStep, seed: int
) -> PseudoLabels:
    """Label the training clips that have no label, or none that the student may see.

    Parameters
    ----------
    trained : Trained
        The teacher, on the device that is to be used.
    source : Input
        Its clips, with the splits that it was trained with.
    step : PseudoLabelStep
    seed : int
        Of the student, which draws the ``label_share`` that it sees.

    """
    index = source.records.index
    labels = index["label"].to_numpy()
    train = np.flatnonzero(index["split"] == "train")
    known = train[labels[train] != UNKNOWN]
    if step.label_share < 1:
        known = labelled_share(known, labels[known], step.label_share, rng_for(LABELS, seed))
    left = np.setdiff1d(train, known)
    val = np.flatnonzero((index["split"] == "val") & (labels != UNKNOWN))

    def said(rows: np.ndarray) -> np.ndarray:
        config, testing = trained.config, step.testing
        return predict(
            trained.model,
            source,
            rows,
            temporal=config.temporal,
            length=config.length,
            views=testing.views,
            flip=testing.flip,
            batch=config.batch,
        )

    least = thresholds(said(val), labels[val], step.precision)
    probabilities = said(left)
    rows, taken = choose(probabilities, least)
    chosen = left[rows]
    judged = labels[chosen] != UNKNOWN
    return PseudoLabels(
        index["clip_id"].to_numpy()[chosen].tolist(),
        taken,
        probabilities[rows, taken],
        len(left),
        float((labels[chosen] == taken)[judged].mean()) if judged.any() else None,
    )
