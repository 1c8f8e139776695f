"""Divide the subjects into folds for cross-validation."""

import argparse
from pathlib import Path

from microgesture.data.folds import make_folds
from microgesture.data.store import read_index
from microgesture.provenance.record import add_record_option, write_record
from microgesture.utils.cli import output_file
from microgesture.utils.errors import run
from microgesture.utils.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store")
    parser.add_argument("--folds", type=int, required=True, help="how many, at least 3")
    parser.add_argument("--out", type=output_file, required=True, help="JSON file to write")
    add_record_option(parser, __file__)
    args = parser.parse_args()
    index = read_index(args.skeletons)
    folds = make_folds(index["subject"].tolist(), index["label"].tolist(), args.folds)
    write_json(args.out, folds)
    write_record(
        args.record,
        __file__,
        config={"folds": args.folds},
        inputs=[args.skeletons],
        outputs=[args.out],
    )


if __name__ == "__main__":
    run(main)
