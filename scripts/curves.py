"""Draw loss and accuracy by epoch of every training."""

import argparse
from pathlib import Path

from microgesture.curves import plot_curve
from microgesture.errors import run
from microgesture.files import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True, nargs="+", help="metrics.json files")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder for the PNG files")
    args = parser.parse_args()
    for path in args.metrics:
        metrics = read_json(path)
        plot_curve(metrics, args.out_dir / f"{metrics['variant']}-seed{metrics['seed']}.png")


if __name__ == "__main__":
    run(main)
