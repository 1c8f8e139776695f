"""Draw loss and accuracy by epoch of every training."""

import argparse
from pathlib import Path

from microgesture.data.paths import curve_name, run_name
from microgesture.provenance.record import add_record_option, write_record
from microgesture.report.dvc import curves_text
from microgesture.utils.cli import output_file, output_folder
from microgesture.utils.errors import run
from microgesture.utils.files import read_json, write_text
from microgesture.viz.curves import plot_curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True, nargs="+", help="metrics.json files")
    parser.add_argument(
        "--out-dir", type=output_folder, required=True, help="folder for the PNG files"
    )
    parser.add_argument(
        "--out-csv", type=output_file, required=True, help="one line an epoch, for DVC"
    )
    add_record_option(parser, __file__)
    args = parser.parse_args()
    runs = [read_json(path) for path in args.metrics]
    outputs = [args.out_csv]
    for metrics in runs:
        run = run_name(metrics["seed"], metrics.get("fold"))
        outputs.append(args.out_dir / curve_name(metrics["variant"], run))
        plot_curve(metrics, outputs[-1])
    write_text(args.out_csv, curves_text(runs))
    write_record(args.record, __file__, config=None, inputs=args.metrics, outputs=outputs)


if __name__ == "__main__":
    run(main)
