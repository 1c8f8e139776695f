"""Write a trained variant's tokens of every clip, to be fused with those of other variants."""

import argparse
from pathlib import Path

from microgesture.data.folds import check_fold, use_fold
from microgesture.inference.build import choose_device, load_trained, open_prepared
from microgesture.inference.tokens import write_tokens
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.tokens import TokenStep
from microgesture.utils.cli import add_device_options, add_fold_options, output_file
from microgesture.utils.errors import run
from microgesture.utils.files import sha256, write_json
from microgesture.utils.progress import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="pool, views and augmentation, as JSON")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint")
    parser.add_argument("--input", type=Path, required=True, help="manifest of stream or cache")
    add_fold_options(parser)
    parser.add_argument("--out", type=output_file, required=True, help="token file to write")
    parser.add_argument("--manifest", type=output_file, required=True, help="JSON file to write")
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: TokenStep = parse_option(TokenStep, args.config)
    trained = load_trained(args.model)
    device = choose_device(args.device, args.threads)
    source = open_prepared(trained.config, trained.skeleton, [args.input])
    check_fold(args.model, trained.metadata, use_fold(source.records.index, args.folds, args.fold))
    trained.model.to(device)
    manifest = write_tokens(
        trained,
        source,
        config,
        args.out,
        workers=args.threads if device.type == "cuda" else 0,
        progress=lambda rows: progress(rows, "clips", len(source.records)),
    )
    about = {"input": sha256(args.input), "code_version": code_version(__file__)}
    write_json(args.manifest, {**manifest, **about})
    folds = [args.folds] if args.folds else []
    write_record(
        args.record,
        __file__,
        config={"variant": trained.config.variant, **config.given()},
        seed=trained.metadata["seed"],
        inputs=[args.model, args.input, args.input.with_suffix(".arrow"), *folds],
        outputs=[args.out, args.manifest],
        known={args.out: manifest["sha256"]},
    )


if __name__ == "__main__":
    run(main)
