"""Label training clips without a label by a trained teacher, where it is sure."""

import argparse
import sys
from pathlib import Path

from microgesture.data.folds import check_fold, use_fold
from microgesture.data.pseudo_labels import write_pseudo_labels
from microgesture.inference.build import choose_device, load_trained, open_prepared
from microgesture.inference.pseudo_labels import pseudo_labels
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.pseudo_labels import PseudoLabelStep
from microgesture.utils.cli import add_device_options, add_fold_options, output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="its settings, as JSON")
    parser.add_argument("--seed", type=int, required=True, help="of the student")
    parser.add_argument("--model", type=Path, required=True, help="the teacher's checkpoint")
    parser.add_argument("--input", type=Path, nargs="+", required=True, help="its manifests")
    add_fold_options(parser)
    parser.add_argument("--out", type=output_file, required=True, help="CSV file to write")
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    step: PseudoLabelStep = parse_option(PseudoLabelStep, args.config)
    device = choose_device(args.device, args.threads)
    trained = load_trained(args.model)
    trained.model.to(device)
    source = open_prepared(trained.config, trained.skeleton, args.input)
    check_fold(args.model, trained.metadata, use_fold(source.records.index, args.folds, args.fold))
    found = pseudo_labels(trained, source, step, args.seed)
    write_pseudo_labels(args.out, found.clip_ids, found.labels, found.probabilities)
    right = "" if found.right is None else f"; {found.right:.0%} of those that are known are right"
    print(
        f"{len(found.labels)} of {found.unlabelled} clips without a label got one{right}",
        file=sys.stderr,
    )
    write_record(
        args.record,
        __file__,
        config=step.given(),
        seed=args.seed,
        inputs=[
            *(args.model, *args.input, *(path.with_suffix(".arrow") for path in args.input)),
            *([args.folds] if args.folds else []),
        ],
        outputs=[args.out],
    )


if __name__ == "__main__":
    run(main)
