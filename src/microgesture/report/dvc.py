"""Numbers in the forms that DVC compares and plots: nested names, and one line an epoch."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from microgesture.data.paths import run_name
from microgesture.evaluation.metrics import METRICS
from microgesture.evaluation.rows import Evaluation
from microgesture.utils.errors import InputError

CURVES = ("epoch", "train_loss", "train_top1", "val_loss", "val_top1")


def table_metrics(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Mean over the seeds of every score, by row and name, for ``dvc metrics``.

    Returns
    -------
    dict
        Row -> `microgesture.evaluation.metrics.METRICS` -> percent, as the table states them.

    """
    return {
        row.name: {name: round(float(np.mean(row.scores[name])), 4) for name in METRICS}
        for row in evaluation.rows
    }


def curves_text(runs: Iterable[Mapping[str, Any]]) -> str:
    """One CSV line an epoch of every training, for ``dvc plots``.

    Parameters
    ----------
    runs
        Contents of ``metrics.json``: ``variant``, ``seed`` and ``epochs``, a list with `CURVES`
        (accuracies as fractions). What is missing or None becomes an empty cell.

    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["variant", "run", *CURVES])
    for run in runs:
        for key in ("variant", "seed", "epochs"):
            if key not in run:
                raise InputError(f"metrics of a training: `{key}` is missing; train it again")
        for epoch in run["epochs"]:
            writer.writerow(
                [
                    run["variant"],
                    run_name(run["seed"], run.get("fold")),
                    *(epoch.get(name) for name in CURVES),
                ]
            )
    return out.getvalue()
