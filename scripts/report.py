"""Write the page of results: one HTML file that needs nothing else."""

import argparse
from pathlib import Path

from microgesture.data.classes import load_classes
from microgesture.data.layouts import load_layout
from microgesture.evaluation.load import files_read
from microgesture.provenance.record import add_record_option, write_record
from microgesture.report.material import load_material, probe_files
from microgesture.report.page import write_page
from microgesture.settings.parse import parse_option
from microgesture.settings.results import PageStep
from microgesture.utils.cli import output_file, output_folder
from microgesture.utils.errors import run
from microgesture.utils.files import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        required=True,
        help="JSON text or file: the table slice, submission, robustness, occlusion",
    )
    parser.add_argument("--results", type=Path, required=True, help="results folder")
    parser.add_argument("--classes", type=Path, required=True, help="list of classes (YAML)")
    parser.add_argument(
        "--summary", type=Path, required=True, help="summary.json of the skeleton step"
    )
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store (Parquet)")
    parser.add_argument(
        "--layouts", type=Path, nargs="+", required=True, help="layout files to draw skeletons with"
    )
    parser.add_argument("--crops", type=Path, help="manifest of the crops, where there is video")
    parser.add_argument("--out", type=output_file, required=True, help="HTML file to write")
    parser.add_argument(
        "--figures", type=output_folder, required=True, help="folder for the figures as PNG and PDF"
    )
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config = parse_option(PageStep, args.config)
    material = load_material(
        config,
        args.results,
        load_classes(args.classes),
        read_json(args.summary),
        args.skeletons,
        [load_layout(path) for path in args.layouts],
        args.crops,
    )
    write_page(material, args.out, args.figures)
    patterns = ("data_report.md", "figures/*.png", "figures/data/*.png")
    shown = [path for pattern in patterns for path in sorted(args.results.glob(pattern))]
    probed = probe_files(config, args.results)
    crops = [args.crops, args.crops.with_suffix(".arrow")] if args.crops else []
    stated = [args.classes, args.summary, args.skeletons, *args.layouts, *crops]
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[*files_read(config, args.results), *probed, *shown, *stated],
        outputs=[args.out, args.figures],
    )


if __name__ == "__main__":
    run(main)
