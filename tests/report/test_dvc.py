"""Scores and curves in the forms that DVC reads."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest

from microgesture.evaluation.metrics import METRICS
from microgesture.report.dvc import curves_text, table_metrics
from microgesture.utils.errors import InputError


def test_scores_are_means_over_the_seeds_in_percent():
    scores = {name: np.array([10.0, 20.0]) + place for place, name in enumerate(METRICS)}
    row = SimpleNamespace(name="fused", scores=scores)
    assert table_metrics(SimpleNamespace(rows=(row,))) == {
        "fused": {"top1": 15.0, "top5": 16.0, "mean_class": 17.0, "macro_f1": 18.0}
    }


def test_every_epoch_of_every_training_is_a_line():
    epoch = {"epoch": 1, "train_loss": 2.5, "train_top1": 0.25, "val_loss": 3.0, "val_top1": 0.5}
    runs = [
        {"variant": "joint, 41", "seed": 0, "epochs": [epoch, {**epoch, "epoch": 2}]},
        {
            "variant": "limb",
            "seed": 1,
            "fold": 2,
            "epochs": [{"epoch": 1, "train_loss": 2, "val_top1": None}],
        },
    ]
    lines = list(csv.reader(io.StringIO(curves_text(runs))))
    assert lines == [
        ["variant", "run", "epoch", "train_loss", "train_top1", "val_loss", "val_top1"],
        ["joint, 41", "seed0", "1", "2.5", "0.25", "3.0", "0.5"],
        ["joint, 41", "seed0", "2", "2.5", "0.25", "3.0", "0.5"],
        ["limb", "seed1-fold2", "1", "2", "", "", ""],
    ]


def test_a_training_without_epochs_is_refused():
    with pytest.raises(InputError, match="`epochs` is missing"):
        curves_text([{"variant": "limb", "seed": 1}])
