"""Write the challenge submissions, of the seed that is best on the validation clips or of all."""

import argparse
import sys
from pathlib import Path

from microgesture.data.classes import load_classes
from microgesture.evaluation.submission import FILES, fill_skipped, make_submission
from microgesture.provenance.record import add_record_option, write_record
from microgesture.utils.cli import output_folder
from microgesture.utils.errors import InputError, run
from microgesture.utils.files import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", required=True, nargs="+", type=int)
    parser.add_argument("--val", required=True, nargs="+", help="validation file of each seed")
    parser.add_argument("--test", required=True, nargs="+", help="test file of each seed")
    parser.add_argument(
        "--submit",
        choices=["best", "ensemble"],
        default="best",
        help="the best seed on the validation clips, or the mean of all seeds' probabilities",
    )
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--summary", type=Path, required=True, help="summary of the skeleton step")
    parser.add_argument(
        "--out-dir", type=output_folder, required=True, help="folder for the submission files"
    )
    add_record_option(parser, __file__)
    options = parser.parse_args()
    seeds = options.seeds
    if len(set(seeds)) < len(seeds) or not len(seeds) == len(options.val) == len(options.test):
        raise InputError(
            f"{len(seeds)} seeds {seeds}, {len(options.val)} --val and {len(options.test)} --test "
            "files; expected one file of each for each seed, in the same order"
        )
    validation = dict(zip(seeds, options.val, strict=True))
    test = dict(zip(seeds, options.test, strict=True))
    filled = fill_skipped(read_json(options.summary), load_classes(options.classes))
    ensemble = options.submit == "ensemble"
    made = make_submission(validation, test, options.out_dir, filled, ensemble)
    if made["filled"]:
        print(
            f"note: {len(made['filled'])} test clips could not be read; their rows state the most "
            f"frequent training class: {', '.join(list(made['filled'])[:5])}",
            file=sys.stderr,
        )
    write_record(
        options.record,
        __file__,
        config={"seeds": seeds, "submit": options.submit},
        seed=None if ensemble else made["seeds"][0],
        inputs=[*options.val, *options.test, options.summary, options.classes],
        outputs=[options.out_dir / name for name in FILES],
    )


if __name__ == "__main__":
    run(main)
