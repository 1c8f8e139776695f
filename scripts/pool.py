"""Join the predictions of all folds of one row and seed: every clip once."""

import argparse

from microgesture.evaluation.cross_validation import pool_files
from microgesture.provenance.record import add_record_option, write_record
from microgesture.utils.cli import output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="+", required=True, help="prediction file of each fold")
    parser.add_argument("--out", type=output_file, required=True, help="prediction file to write")
    add_record_option(parser, __file__)
    args = parser.parse_args()
    pool_files(args.files, args.out)
    write_record(args.record, __file__, config=None, inputs=args.files, outputs=[args.out])


if __name__ == "__main__":
    run(main)
