"""Grow the trees of one variant with one seed."""

import argparse
from pathlib import Path

from microgesture.inference.checkpoints import TRAINING_FILES
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.training_step import TreesStep
from microgesture.training.run import TrainingFiles
from microgesture.training.trees import run_trees
from microgesture.utils.cli import add_fold_options, count, output_folder
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--input", type=Path, required=True, help="manifest of prepared clips")
    parser.add_argument("--layout", type=Path, required=True, help="layout file")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    add_fold_options(parser)
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write")
    parser.add_argument("--threads", type=count, default=1)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: TreesStep = parse_option(TreesStep, args.config)
    files = TrainingFiles((args.input,), (args.layout,), args.classes, folds=args.folds)
    run_trees(
        config,
        files,
        args.out,
        seed=args.seed,
        fold=args.fold,
        threads=args.threads,
        code_version=code_version(__file__),
    )
    write_record(
        args.record,
        __file__,
        config=config.given(),
        seed=args.seed,
        inputs=files.all(),
        outputs=[args.out / name for name in TRAINING_FILES],
    )


if __name__ == "__main__":
    run(main)
