"""Train a detector of segments with one seed."""

import argparse
from pathlib import Path

from microgesture.inference.build import choose_device
from microgesture.online.run import FILES, Stores, run_training
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.online import TemporalStep
from microgesture.settings.parse import parse_option
from microgesture.training.resume import add_resume_options, resuming
from microgesture.utils.cli import add_device_options, add_recording_options, output_folder
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--input", type=Path, required=True, help="manifest of recordings")
    add_recording_options(parser)
    parser.add_argument("--layout", type=Path, required=True, help="layout file")
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write")
    add_resume_options(parser)
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: TemporalStep = parse_option(TemporalStep, args.config)
    files = [args.recordings, args.skeletons, args.layout, args.classes]
    run_training(
        config,
        args.input,
        Stores(args.recordings, args.skeletons),
        args.layout,
        args.classes,
        args.out,
        seed=args.seed,
        device=choose_device(args.device, args.threads),
        threads=args.threads,
        resuming=resuming(args),
        code_version=code_version(__file__),
        done=lambda: write_record(
            args.record,
            __file__,
            config=config.given(),
            seed=args.seed,
            inputs=[args.input, args.input.with_suffix(".arrow"), *files],
            outputs=[args.out / name for name in FILES],
        ),
    )


if __name__ == "__main__":
    run(main)
