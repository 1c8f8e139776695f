"""Turn faces and context frames of all recordings into tokens."""

import argparse
import sys
from pathlib import Path

from microgesture.data.clip_file import Records
from microgesture.emotion.encode import encode, learn, learned_from, write_tokens
from microgesture.emotion.encoders import write_encoders
from microgesture.emotion.interviews import read_interviews
from microgesture.inference.build import choose_device
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.emotion import EncodeStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_device_options, output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="encoders, as JSON")
    parser.add_argument("--pictures", type=Path, required=True, help="manifest of the pictures")
    parser.add_argument("--interviews", type=Path, required=True, help="CSV of interviews")
    parser.add_argument("--part", required=True, help="all, or a fold that is left out: fold0")
    parser.add_argument("--out", type=output_file, required=True, help="safetensors file to write")
    parser.add_argument(
        "--out-encoders", type=output_file, required=True, help="safetensors file of the networks"
    )
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: EncodeStep = parse_option(EncodeStep, args.config)
    device = choose_device(args.device, args.threads)
    stored = args.pictures.with_suffix(".arrow")
    records = Records(stored)
    rows = learned_from(records, read_interviews(args.interviews), args.part)
    encoders = learn(records, rows, config, device, lambda line: print(line, file=sys.stderr))
    write_tokens(args.out, encode(records, encoders, device))
    write_encoders(args.out_encoders, encoders)
    write_record(
        args.record,
        __file__,
        config={"part": args.part, **config.given()},
        seed=config.seed,
        inputs=[args.pictures, stored, args.interviews, *config.weights()],
        outputs=[args.out, args.out_encoders],
    )


if __name__ == "__main__":
    run(main)
