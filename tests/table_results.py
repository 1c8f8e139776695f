"""Ten clips, two variants and their fusion: results so small that every score is worked by hand."""

import numpy as np

from microgesture.evaluation.cross_validation import pool_files
from microgesture.evaluation.fusion import fuse_files
from microgesture.evaluation.predictions import write_predictions
from microgesture.utils.files import write_json
from tests.sections import parse_recipe

CLASSES = ["wave", "nod", "shrug", "point", "rest", "lean"]
LABELS = [0, 0, 0, 1, 1, 2, 3, 4, 0, 0]
IDS = [f"v_{number}" for number in range(10)]
# How many of the ten clips each run gets right, by seed.
RIGHT = {"weak": (4, 6), "strong": (9, 9)}
CONFIG = {
    "seeds": [0, 1],
    "variants": {
        "weak": {"title": "Weak | model", "model": "stgcn"},
        "strong": {"title": "Strong model", "model": "posec3d"},
    },
    "fusions": {"fused": {"title": "Both", "members": {"weak": 1, "strong": 1}}},
    "claims": [
        {"claim": "Strong beats weak", "better": "strong", "worse": "weak"},
        {"claim": "Fused beats both", "better": "fused", "worse": ["weak", "strong"]},
    ],
    "data_name": "Ten clips",
    "data_format": "parquet",
}
# Head: 60 of 100 clips; tail: the three rarest, 4 + 3 + 2, and a class without training clips.
TRAIN = dict(zip(CLASSES, (60, 31, 4, 3, 2, 0), strict=True))
SUMMARY = {
    "subject_overlap": {},
    "subject_is_video": False,
    "splits": {
        split: {"clips_per_class": counts}
        for split, counts in (("train", TRAIN), ("val", dict.fromkeys(CLASSES, 1)), ("test", {}))
    },
}


def probabilities(right, sure):
    """Give the true class ``sure`` for the first clips, the next class for the others."""
    told = [label if row < right else (label + 1) % 6 for row, label in enumerate(LABELS)]
    rest = (1 - sure) / 5
    return np.full((10, 6), rest) + (sure - rest) * np.eye(6)[told]


def fill(folder, config=CONFIG, test_labels=LABELS, subjects=None):
    subjects = [f"s{row // 2}" for row in range(10)] if subjects is None else subjects
    for seed in config["seeds"]:
        for name, sure in (("weak", 0.5), ("strong", 0.9)):
            for split, labels in (("test", test_labels), ("val", LABELS)):
                path = folder / f"predict/{name}/seed{seed}/{split}.parquet"
                shares = probabilities(RIGHT[name][seed], sure)
                write_predictions(path, IDS, labels, subjects, shares, {})
            epochs = [{"epoch": 1, "val_top1": 0.5}, {"epoch": 2, "val_top1": 0.6}]
            metrics = {"parameters": 310_000, "best_epoch": 2, "epochs": epochs}
            write_json(folder / f"train/{name}/seed{seed}/metrics.json", metrics)
            timing = {"train_seconds": 60.0 + 10 * seed, "device": "cpu"}
            write_json(folder / f"train/{name}/seed{seed}/timing.json", timing)
        for name, fusion in config["fusions"].items():
            fuse_run(folder / "predict", name, fusion, f"seed{seed}")
    return folder


def fuse_run(folder, name, fusion, run):
    members = {
        split: [folder / f"{member}/{run}/{split}.parquet" for member in fusion["members"]]
        for split in ("val", "test")
    }
    out = [folder / f"{name}/{run}/{split}.parquet" for split in ("val", "test")]
    fuse_files(parse_recipe(fusion), members["val"], members["test"], *out)


def fill_folds(folder, config):
    """Two folds, s0 and s1 against s2 to s4, pooled from what `fill` writes in one piece."""
    parts = {0: slice(0, 4), 1: slice(4, 10)}
    subjects = np.array([f"s{row // 2}" for row in range(10)])
    for seed in config["seeds"]:
        for number, part in parts.items():
            run = f"seed{seed}-fold{number}"
            for name, sure in (("weak", 0.5), ("strong", 0.9)):
                shares = probabilities(RIGHT[name][seed], sure)
                for split in ("val", "test"):
                    path = folder / f"predict/{name}/{run}/{split}.parquet"
                    write_predictions(
                        path, IDS[part], LABELS[part], subjects[part].tolist(), shares[part],
                        {"seed": seed},
                    )  # fmt: skip
                metrics = {"parameters": 310_000, "train_seconds": 30.0 + number}
                write_json(folder / f"train/{name}/{run}/metrics.json", metrics)
            for name, fusion in config["fusions"].items():
                fuse_run(folder / "predict", name, fusion, run)
        for name in ("weak", "strong", *config["fusions"]):
            for split in ("val", "test"):
                files = [
                    folder / f"predict/{name}/seed{seed}-fold{number}/{split}.parquet"
                    for number in parts
                ]
                pool_files(files, folder / f"predict/{name}/seed{seed}/{split}.parquet")
    return folder
