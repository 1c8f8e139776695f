"""Measure how accurate a network on the tokens of others is without each of these."""

import argparse
from pathlib import Path

from microgesture.inference.build import choose_device, load_trained
from microgesture.probing.missing_sources import measure, write_measured
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.probing import Testing
from microgesture.utils.cli import add_device_options, add_fold_options, output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="testing: views and flip")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint")
    parser.add_argument("--input", type=Path, nargs="+", required=True, help="manifests of tokens")
    add_fold_options(parser)
    parser.add_argument("--out", type=output_file, required=True, help="CSV file to write")
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    testing: Testing = parse_option(Testing, args.config)
    device = choose_device(args.device, args.threads)
    trained = load_trained(args.model)
    trained.model.to(device)
    write_measured(args.out, measure(trained, args.input, testing, args.folds, args.fold))
    folds = [args.folds] if args.folds else []
    write_record(
        args.record,
        __file__,
        config={"variant": trained.config.variant, **testing.given()},
        seed=trained.metadata["seed"],
        inputs=[args.model, *args.input, *(p.with_suffix(".arrow") for p in args.input), *folds],
        outputs=[args.out],
    )


if __name__ == "__main__":
    run(main)
