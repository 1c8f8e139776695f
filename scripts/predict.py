"""Predict the validation and test clips with a trained variant."""

import argparse
import shlex
from pathlib import Path

from microgesture.data.folds import check_fold, use_fold
from microgesture.evaluation.predictions import write_predictions
from microgesture.inference.build import choose_device, load_trained
from microgesture.inference.joint import open_trained
from microgesture.inference.predict import predict
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.probing import Testing
from microgesture.utils.cli import add_device_options, add_fold_options, output_folder
from microgesture.utils.errors import InputError, run
from microgesture.utils.files import sha256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="testing: views and flip")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint")
    parser.add_argument(
        "--input", type=Path, nargs="+", required=True, help="manifest of the clips or tokens"
    )
    add_fold_options(parser)
    parser.add_argument(
        "--out", type=output_folder, required=True, help="folder for val and test.parquet"
    )
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    testing: Testing = parse_option(Testing, args.config)
    trained = load_trained(args.model)
    config = trained.config
    device = choose_device(args.device, args.threads)
    source = open_trained(trained, args.input)
    named = shlex.join(map(str, args.input))
    if (made := source.preparation) != (expected := trained.metadata["preparation"]):
        raise InputError(
            f"--input {named}: its clips were prepared with {made}, those that {args.model} "
            f"learned from with {expected}; give what was made with the same settings"
        )
    check_fold(args.model, trained.metadata, use_fold(source.records.index, args.folds, args.fold))
    model = trained.model.to(device)
    about = trained.metadata | {
        "testing": testing.given(),
        "model": sha256(args.model),
        "predicted_by": code_version(__file__),
    }
    for split in ("val", "test"):
        chosen = source.records.index.query("split == @split")
        probabilities = predict(
            model,
            source,
            chosen.index.to_numpy(),
            temporal=config.temporal,
            length=config.length,
            views=testing.views,
            flip=testing.flip,
            batch=config.batch,
            workers=args.threads if device.type == "cuda" else 0,
        )
        write_predictions(
            args.out / f"{split}.parquet",
            chosen["clip_id"].tolist(),
            chosen["label"].to_numpy(),
            chosen["subject"].tolist(),
            probabilities,
            about | {"split": split},
        )
    folds = [args.folds] if args.folds else []
    write_record(
        args.record,
        __file__,
        config={"variant": config.variant, **testing.given()},
        seed=about["seed"],
        inputs=[args.model, *args.input, *(p.with_suffix(".arrow") for p in args.input), *folds],
        outputs=[args.out / "val.parquet", args.out / "test.parquet"],
    )


if __name__ == "__main__":
    run(main)
