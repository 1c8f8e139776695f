"""Join encoders and models of emotion to one file, by which later recordings are told."""

import argparse
from pathlib import Path

from microgesture.data.classes import load_classes
from microgesture.emotion.model import write_model
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.emotion import EmotionModelStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="what the model states, as JSON")
    parser.add_argument("--encoders", type=Path, required=True, help="networks of all")
    parser.add_argument("--rows", type=Path, required=True, help="what the rows of all learned")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--out", type=output_file, required=True, help="safetensors file to write")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: EmotionModelStep = parse_option(EmotionModelStep, args.config)
    write_model(args.out, args.encoders, args.rows, load_classes(args.classes), config)
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[args.encoders, args.rows, args.classes],
        outputs=[args.out],
    )


if __name__ == "__main__":
    run(main)
