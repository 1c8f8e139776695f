"""Train one variant with one seed; torchrun starts it in several processes."""

import argparse
from pathlib import Path

from microgesture.inference.build import choose_device
from microgesture.inference.checkpoints import TRAINING_FILES
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.training_step import TrainingStep
from microgesture.training.distributed import init_distributed, leave_distributed
from microgesture.training.resume import add_resume_options, resuming
from microgesture.training.run import TrainingFiles, run_training
from microgesture.utils.cli import add_device_options, add_fold_options, named_file, output_folder
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--input", type=Path, nargs="+", required=True, help="manifest of the clips or tokens"
    )
    parser.add_argument(
        "--layout", type=Path, nargs="+", default=[], help="layout files, for skeletons"
    )
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--embeddings", type=Path, help="label embeddings, for the semantic loss")
    parser.add_argument("--pretrained", type=Path, help="weights to start from; else the config's")
    parser.add_argument("--pseudo-labels", type=Path, help="classes of clips without a label")
    parser.add_argument(
        "--backbones",
        type=named_file,
        nargs="+",
        default=[],
        metavar="SOURCE=FILE",
        help="weights that networks inside a fusion start from",
    )
    add_fold_options(parser)
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write")
    add_resume_options(parser)
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: TrainingStep = parse_option(TrainingStep, args.config)
    files = TrainingFiles(
        tuple(args.input),
        tuple(args.layout),
        args.classes,
        args.embeddings,
        args.folds,
        args.pretrained or (Path(config.pretrained) if config.pretrained else None),
        args.pseudo_labels,
        dict(args.backbones),
    )
    processes, device = init_distributed(choose_device(args.device, args.threads))
    run_training(
        config,
        files,
        args.out,
        seed=args.seed,
        fold=args.fold,
        processes=processes,
        device=device,
        threads=args.threads,
        resuming=resuming(args),
        code_version=code_version(__file__),
        done=lambda: write_record(
            args.record,
            __file__,
            config=config.given(),
            seed=args.seed,
            inputs=files.all(),
            outputs=[args.out / name for name in TRAINING_FILES],
        ),
    )
    leave_distributed()


if __name__ == "__main__":
    run(main)
