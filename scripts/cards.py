"""Write a card beside every trained model: what it is, how good it is, and its limits."""

import argparse
from pathlib import Path

from microgesture.data.classes import load_classes
from microgesture.provenance.record import add_record_option, write_record
from microgesture.report.cards import files_read, write_cards
from microgesture.settings.parse import parse_option
from microgesture.settings.results import CardsStep
from microgesture.utils.errors import run
from microgesture.utils.files import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        required=True,
        help="JSON text or file: seeds, folds, variants, data_name, robustness, data_licence",
    )
    parser.add_argument("--results", type=Path, required=True, help="results folder")
    parser.add_argument("--classes", type=Path, required=True, help="list of classes (YAML)")
    parser.add_argument(
        "--summary", type=Path, required=True, help="summary.json of the skeleton step"
    )
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config = parse_option(CardsStep, args.config)
    written = write_cards(config, args.results, load_classes(args.classes), read_json(args.summary))
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[*files_read(config, args.results), args.classes, args.summary],
        outputs=written,
    )


if __name__ == "__main__":
    run(main)
