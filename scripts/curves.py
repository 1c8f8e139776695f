"""Draw loss and accuracy by epoch of every training."""

import argparse
from pathlib import Path

from microgesture.curves import plot_curve
from microgesture.dvcmetrics import curves_text
from microgesture.errors import run
from microgesture.files import read_json, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True, nargs="+", help="metrics.json files")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder for the PNG files")
    parser.add_argument("--out-csv", type=Path, help="one line an epoch, as DVC plots it")
    args = parser.parse_args()
    runs = [read_json(path) for path in args.metrics]
    for metrics in runs:
        plot_curve(metrics, args.out_dir / f"{metrics['variant']}-seed{metrics['seed']}.png")
    if args.out_csv:
        write_text(args.out_csv, curves_text(runs))


if __name__ == "__main__":
    run(main)
