"""Write the table of all detectors and its figures."""

import argparse
from pathlib import Path

from microgesture.data import paths
from microgesture.data.classes import load_classes
from microgesture.online.comparison import (
    csv_text,
    files_read,
    load_comparison,
    markdown,
    metrics,
    timing_files,
    training_times,
)
from microgesture.online.figures import draw_figures
from microgesture.online.segments import read_labelled
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.online import OnlineTableStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_recording_options
from microgesture.utils.errors import run
from microgesture.utils.files import write_json, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--results", type=Path, required=True, help="folder with online/")
    add_recording_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: OnlineTableStep = parse_option(OnlineTableStep, args.config)
    results, labelled = args.results, read_labelled(args.recordings, args.skeletons)
    compared = load_comparison(config, results, labelled, load_classes(args.classes))
    names = (paths.ONLINE_TABLE, paths.ONLINE_CSV, paths.ONLINE_METRICS)
    table, rows, scores = (results / name for name in names)
    write_text(table, markdown(compared, training_times(config, results)))
    write_text(rows, csv_text(compared))
    write_json(scores, metrics(compared))
    times = [path for files in timing_files(config, results).values() for path in files]
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[
            *files_read(config, results),
            *times,
            args.recordings,
            args.skeletons,
            args.classes,
        ],
        outputs=[table, rows, scores, *draw_figures(compared, results)],
    )


if __name__ == "__main__":
    run(main)
