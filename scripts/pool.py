"""Join the predictions of all folds of one row and seed: every clip once."""

import argparse

from microgesture.errors import run
from microgesture.pooling import pool_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="+", required=True, help="prediction file of each fold")
    parser.add_argument("--out", required=True, help="prediction file to write")
    args = parser.parse_args()
    pool_files(args.files, args.out)


if __name__ == "__main__":
    run(main)
