"""Fit all emotion models without one fold, or for split test, and tell its recordings."""

import argparse
from pathlib import Path

from microgesture.data.clip_file import Records
from microgesture.emotion.fit import fit_part
from microgesture.emotion.model import write_rows
from microgesture.inference.build import choose_device
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.emotion import EvaluateStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_device_options, output_file
from microgesture.utils.errors import run
from microgesture.utils.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="models and inner folds, as JSON")
    parser.add_argument("--pictures", type=Path, required=True, help="manifest of the pictures")
    parser.add_argument("--tokens", type=Path, required=True, help="tokens of this part")
    parser.add_argument("--interviews", type=Path, required=True, help="CSV of interviews")
    parser.add_argument("--statistics", type=Path, required=True, help="CSV of statistics")
    parser.add_argument("--part", required=True, help="all, or the fold that is tested: fold0")
    parser.add_argument("--out", type=output_file, required=True, help="JSON file to write")
    parser.add_argument(
        "--out-rows", type=output_file, required=True, help="safetensors file of what was learned"
    )
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: EvaluateStep = parse_option(EvaluateStep, args.config)
    device = choose_device(args.device, args.threads)
    stored = args.pictures.with_suffix(".arrow")
    names = Records(stored).index["clip_id"].tolist()
    made = args.interviews, args.tokens, names, args.statistics
    told, learned, about = fit_part(args.part, *made, config, device)
    write_json(args.out, told)
    write_rows(args.out_rows, learned, {"part": args.part, **about})
    write_record(
        args.record,
        __file__,
        config={"part": args.part, **config.given()},
        inputs=[args.pictures, stored, args.tokens, args.interviews, args.statistics],
        outputs=[args.out, args.out_rows],
    )


if __name__ == "__main__":
    run(main)
