"""Draw loss and accuracy by epoch of every training."""

import argparse
from pathlib import Path

from microgesture.curves import plot_curve
from microgesture.errors import run
from microgesture.files import read_json
from microgesture.steps import add_record_option, write_record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True, nargs="+", help="metrics.json files")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder for the PNG files")
    add_record_option(parser)
    args = parser.parse_args()
    outputs = []
    for path in args.metrics:
        metrics = read_json(path)
        outputs.append(args.out_dir / f"{metrics['variant']}-seed{metrics['seed']}.png")
        plot_curve(metrics, outputs[-1])
    write_record(args.record, __file__, config=None, inputs=args.metrics, outputs=outputs)


if __name__ == "__main__":
    run(main)
