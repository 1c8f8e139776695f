"""Say what a skeleton store holds and what is probably wrong with it, before any training."""

import argparse
import sys
from pathlib import Path

from microgesture.data_report.page import largest_layout, write_report
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.data_report import DataReportStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import output_file, output_folder
from microgesture.utils.errors import run
from microgesture.utils.files import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store (Parquet)")
    parser.add_argument(
        "--summary", type=Path, required=True, help="what scripts/skeletons.py says"
    )
    parser.add_argument(
        "--layouts", type=Path, nargs="+", required=True, help="layout files; the largest is shown"
    )
    parser.add_argument(
        "--about", default="{}", help="JSON text: data_name, data_format, folds, cleaning"
    )
    parser.add_argument("--crops", type=Path, help="manifest of the crops of video")
    parser.add_argument("--pictures", type=Path, help="manifest of faces of whole recordings")
    parser.add_argument("--out", type=output_file, required=True, help="Markdown file to write")
    parser.add_argument(
        "--figures", type=output_folder, required=True, help="folder for the PNG files"
    )
    add_record_option(parser, __file__)
    args = parser.parse_args()

    about = parse_option(DataReportStep, args.about, "--about")
    layout, summary = largest_layout(args.layouts), read_json(args.summary)
    findings = write_report(
        args.skeletons, summary, layout, args.out, args.figures, about, args.crops, args.pictures
    )
    for finding in findings:
        print(f"warning: {finding.line}", file=sys.stderr)
    count = "1 warning" if len(findings) == 1 else f"{len(findings)} warnings"
    print(f"{count}; see {args.out}", file=sys.stderr)
    seen = [one for one in (args.crops, args.pictures) if one is not None]
    seen += [one.with_suffix(".arrow") for one in seen]
    write_record(
        args.record,
        __file__,
        config=about.given(),
        inputs=[args.skeletons, args.summary, *args.layouts, *seen],
        outputs=[args.out, args.figures],
    )


if __name__ == "__main__":
    run(main)
