"""Pre-train the skeleton transformer on windows of recordings, without labels."""

import argparse
from pathlib import Path

from microgesture.inference.build import choose_device
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.pretraining import PretrainingStep
from microgesture.training.pretrain_run import FILES, run_pretraining
from microgesture.training.resume import add_resume_options, resuming
from microgesture.utils.cli import add_device_options, output_folder
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--input", type=Path, required=True, help="manifest of prepared windows")
    parser.add_argument("--layout", type=Path, required=True, help="layout file")
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write")
    add_resume_options(parser)
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: PretrainingStep = parse_option(PretrainingStep, args.config)
    run_pretraining(
        config,
        args.input,
        args.layout,
        args.out,
        device=choose_device(args.device, args.threads),
        threads=args.threads,
        resuming=resuming(args),
        code_version=code_version(__file__),
        done=lambda: write_record(
            args.record,
            __file__,
            config=config.given(),
            inputs=[args.input, args.input.with_suffix(".arrow"), args.layout],
            outputs=[args.out / name for name in FILES],
        ),
    )


if __name__ == "__main__":
    run(main)
