"""Train one variant with one seed; torchrun starts it in several processes."""

import argparse
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from microgesture.data.classes import load_classes
from microgesture.data.folds import use_fold
from microgesture.data.layouts import load_layout
from microgesture.data.paths import run_name
from microgesture.data.profiles import training_profile
from microgesture.inference.build import choose_device, choose_precision, new_model, open_prepared
from microgesture.inference.checkpoints import TRAINING_FILES, save_training
from microgesture.models.build import count_parameters
from microgesture.models.label_embeddings import read_label_embeddings
from microgesture.models.pretrained import load_pretrained
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.training.distributed import init_distributed, last_bits, leave_distributed
from microgesture.training.resume import Keeper, Stopped, resume_key, to_stderr
from microgesture.training.schedule import epoch_line
from microgesture.training.trainer import train
from microgesture.utils.cli import count, output_folder
from microgesture.utils.errors import run
from microgesture.utils.files import read_json, sha256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="config slice, as JSON")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--input", type=Path, required=True, help="manifest of stream or cache")
    parser.add_argument("--layout", type=Path, required=True, help="layout file")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--embeddings", type=Path, help="label embeddings, for the semantic loss")
    parser.add_argument("--folds", type=Path, help="file of folds, for cross-validation")
    parser.add_argument("--fold", type=int, help="the fold to leave for testing")
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write")
    parser.add_argument(
        "--resume-dir", type=output_folder, help="folder for the state while unfinished"
    )
    parser.add_argument("--resume-every", type=float, default=120, help="seconds, in an epoch")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=count, default=1)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config, layout, names = args.config, load_layout(args.layout), load_classes(args.classes)
    processes, device = init_distributed(choose_device(args.device, args.threads))
    say = to_stderr if processes.rank == 0 else lambda line: None
    source = open_prepared(config, layout, args.input)
    fold = use_fold(source.records.index, args.folds, args.fold)
    embeddings = read_label_embeddings(args.embeddings, len(names)) if args.embeddings else None
    torch.manual_seed(args.seed)
    size = None if embeddings is None else embeddings.shape[1]
    model = new_model(config, layout, len(names), size).to(device)
    if pretrained := config.get("pretrained"):
        load_pretrained(model, Path(pretrained), say)
    parameters = count_parameters(model)
    dtype = choose_precision(config["training"]["precision"], device)
    metadata = {
        "config": config,
        "seed": args.seed,
        **fold,
        "precision": str(dtype).removeprefix("torch."),
        "classes": names,
        "embedding_size": size,
        "data": read_json(args.input)["sha256"],
        "pretrained": sha256(pretrained) if pretrained else None,
        "code_version": code_version(__file__),
    }
    input_spec: dict[str, Any] = {
        "layout": layout.as_dict(),
        "preparation": source.records.metadata,
    }
    name = run_name(args.seed, fold.get("fold"))
    keeper = None
    if args.resume_dir:
        hashed = {"embeddings": sha256(args.embeddings) if args.embeddings else None}
        key = resume_key(
            **metadata, **input_spec, **hashed, **last_bits(device, processes, args.threads)
        )
        keeper = Keeper(args.resume_dir, config["variant"], name, key, args.resume_every, say)
    with keeper or nullcontext():
        try:
            state, history = train(
                model,
                source,
                config,
                seed=args.seed,
                embeddings=embeddings,
                dtype=dtype,
                workers=args.threads if device.type == "cuda" else 0,
                keeper=keeper,
                processes=processes,
                report=lambda entry: say(epoch_line(config, name, entry)),
            )
        except Stopped as stopped:
            say(str(stopped))
            raise SystemExit(stopped.status) from None
        if processes.rank == 0:
            environment = {
                "device": str(device),
                "processes": processes.count,
                "threads": args.threads,
            }
            input_spec["profile"] = training_profile(source.records.index, layout)
            save_training(args.out, state, history, metadata, input_spec, parameters, environment)
            read = [args.input, args.input.with_suffix(".arrow"), args.layout, args.classes]
            write_record(
                args.record,
                __file__,
                config=config,
                seed=args.seed,
                inputs=[*read, *filter(None, [args.embeddings, pretrained, args.folds])],
                outputs=[args.out / f for f in TRAINING_FILES],
            )
            if keeper:
                keeper.remove()
    leave_distributed()


if __name__ == "__main__":
    run(main)
