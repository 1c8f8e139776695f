"""Measure how a trained variant's accuracy falls when test clips are damaged on purpose."""

import argparse
import json
from pathlib import Path

from microgesture.errors import run
from microgesture.files import read_json
from microgesture.progress import progress
from microgesture.robustness import labelled_tests, measure, write_measured
from microgesture.steps import add_record_option, write_record
from microgesture.variants import choose_device, load_trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="config slice, as JSON")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint")
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store")
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--folds", type=Path, help="JSON file of folds, under cross-validation")
    parser.add_argument("--fold", type=int, help="fold to test on, counted from 0")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=1)
    add_record_option(parser)
    args = parser.parse_args()

    device = choose_device(args.device, args.threads)
    trained = load_trained(args.model)
    trained.model.to(device)
    folds = read_json(args.folds) if args.folds else None
    tests = labelled_tests(args.skeletons, trained, folds, args.fold)
    rows = measure(
        trained, args.skeletons, tests, args.config, lambda items: progress(items, "levels")
    )
    write_measured(args.out, rows)
    folds_file = [args.folds] if args.folds else []
    write_record(
        args.record,
        __file__,
        config=args.config,
        inputs=[args.model, args.skeletons, *folds_file],
        outputs=[args.out],
    )


if __name__ == "__main__":
    run(main)
