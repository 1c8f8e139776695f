"""Seconds to judge claims and write the ablation table of many random rows.

    python benchmarks/tables.py [--variants 100] [--seeds 5] [--clips 4500] [--classes 32]
                                [--subjects 72] [--metric top1]

All timings are of one run on one machine. With fewer than five subjects every clip is left out by
itself, which is the slowest case.
"""

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from microgesture.evaluation.claims import judge_claims
from microgesture.evaluation.load import load_evaluation
from microgesture.evaluation.predictions import write_predictions
from microgesture.report.ablation_table import claims_csv, csv_text, markdown
from microgesture.settings.results import ShownVariant, TableStep
from microgesture.settings.rows import ClaimEntry
from microgesture.utils.files import write_json


def write_results(folder, args, labels):
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(args.classes), args.clips)
    ids = [f"clip{row:05}" for row in range(args.clips)]
    subjects = [f"s{row % args.subjects}" for row in range(args.clips)]
    for variant in range(args.variants):
        for seed in range(args.seeds):
            run = f"v{variant}/seed{seed}"
            told = shares[rng.permutation(args.clips)]
            path = folder / "predict" / run / "test.parquet"
            write_predictions(path, ids, labels, subjects, told, {})
            metrics = {"parameters": 1, "train_seconds": 1.0}
            write_json(folder / "train" / run / "metrics.json", metrics)


def timed(name, function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    print(f"{name:<10} {time.perf_counter() - start:6.2f} s")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (
        ("variants", 100), ("seeds", 5), ("clips", 4500), ("classes", 32), ("subjects", 72),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--metric", default="top1")
    args = parser.parse_args()
    odds = 1 / np.arange(1, args.classes + 1)  # a long tail
    labels = np.random.default_rng(1).choice(args.classes, args.clips, p=odds / odds.sum())
    classes = [f"class {one}" for one in range(args.classes)]
    counts = np.bincount(labels, minlength=args.classes).tolist()
    summary = {"splits": {"train": {"clips_per_class": dict(zip(classes, counts, strict=True))}}}
    names = [f"v{one}" for one in range(args.variants)]
    config = TableStep(
        seeds=list(range(args.seeds)),
        variants={name: ShownVariant(title=name, model="stgcn") for name in names},
        claims=[
            ClaimEntry(claim=f"{one} beats {other}", better=one, worse=other, metric=args.metric)
            for one, other in pairwise(names)
        ],
        data_name="generated",
        data_format="parquet",
    )
    with tempfile.TemporaryDirectory() as folder:
        timed("write", write_results, Path(folder), args, labels)
        evaluation = timed("read", load_evaluation, config, folder, classes, summary)
    claims = timed("claims", judge_claims, evaluation, config.claims)
    timed("markdown", markdown, evaluation, claims, config, summary)
    timed("CSV", csv_text, evaluation)
    timed("claims CSV", claims_csv, evaluation, claims)
    decided = sum(claim.verdict != "undecided" for claim in claims)
    print(f"{decided} of {len(claims)} claims about random rows were decided")


if __name__ == "__main__":
    main()
