"""Divide the subjects into folds for cross-validation."""

import argparse
from pathlib import Path

from microgesture.errors import run
from microgesture.files import write_json
from microgesture.folds import make_folds
from microgesture.store import read_index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store")
    parser.add_argument("--folds", type=int, required=True, help="how many, at least 3")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    write_json(args.out, make_folds(read_index(args.skeletons)["subject"].tolist(), args.folds))


if __name__ == "__main__":
    run(main)
