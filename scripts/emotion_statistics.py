"""Count gestures and measure motion of whole recordings."""

import argparse
from pathlib import Path

from microgesture.data.classes import load_classes
from microgesture.emotion.interviews import read_interviews
from microgesture.emotion.statistics import write_statistics
from microgesture.provenance.record import add_record_option, write_record
from microgesture.utils.cli import add_recording_options, output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_recording_options(parser)
    parser.add_argument("--interviews", type=Path, required=True, help="CSV of interviews")
    parser.add_argument("--predictions", type=Path, help="instead of labels: what a model says")
    parser.add_argument("--out", type=output_file, required=True, help="CSV file to write")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    names = load_classes(args.classes)
    interviews = read_interviews(args.interviews)
    write_statistics(args.out, interviews, args.recordings, args.skeletons, names, args.predictions)
    told = [args.predictions] if args.predictions else []
    write_record(
        args.record,
        __file__,
        config=None,
        inputs=[args.recordings, args.skeletons, args.interviews, args.classes, *told],
        outputs=[args.out],
    )


if __name__ == "__main__":
    run(main)
