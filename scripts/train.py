"""Train one variant with one seed."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.checkpoints import save_checkpoint
from microgesture.classes import load_classes
from microgesture.errors import run
from microgesture.files import read_json, sha256, write_json
from microgesture.layouts import load_layout
from microgesture.models import count_parameters
from microgesture.models.pretrained import load_pretrained
from microgesture.provenance import made_by
from microgesture.steps import add_record_option, write_record
from microgesture.training import train
from microgesture.variants import choose_device, choose_precision, new_model, open_input


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="config slice, as JSON")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--input", type=Path, required=True, help="manifest of stream or cache")
    parser.add_argument("--layout", type=Path, required=True, help="layout file")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--vectors", type=Path, help="label vectors, for the semantic loss")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=1)
    add_record_option(parser)
    args = parser.parse_args()

    config, layout, names = args.config, load_layout(args.layout), load_classes(args.classes)
    device = choose_device(args.device, args.threads)
    source = open_input(config, layout, args.input.with_suffix(".arrow"))
    vectors = np.load(args.vectors)["vectors"] if args.vectors else None
    torch.manual_seed(args.seed)
    size = None if vectors is None else vectors.shape[1]
    model = new_model(config, layout, len(names), size).to(device)
    if pretrained := config.get("pretrained"):
        load_pretrained(model, Path(pretrained), lambda line: print(line, file=sys.stderr))

    def report(entry: dict[str, Any]) -> None:
        print(
            f"{config['variant']} seed {args.seed}: epoch {entry['epoch']} of "
            f"{config['training']['epochs']}, loss {entry['train_loss']:.3f}, "
            f"train {entry['train_top1']:.1%}, validation {entry['val_top1']:.1%}",
            file=sys.stderr,
            flush=True,
        )

    dtype = choose_precision(config["training"]["precision"], device)
    state, history = train(
        model,
        source,
        config,
        seed=args.seed,
        vectors=vectors,
        dtype=dtype,
        workers=args.threads if device.type == "cuda" else 0,
        report=report,
    )
    about = {
        "config": config,
        "seed": args.seed,
        "precision": str(dtype).removeprefix("torch."),
        "classes": names,
        "vector_size": size,
        "data": read_json(args.input)["sha256"],
        "pretrained": sha256(pretrained) if pretrained else None,
        "made_by": made_by(__file__),
    }
    seconds = history.pop("seconds")
    metrics = {
        **about,
        "variant": config["variant"],
        "parameters": count_parameters(model),
        **history,
    }
    made_of = {"layout": layout.as_dict(), "preparation": source.records.metadata}
    save_checkpoint(args.out / "model.safetensors", state, about | made_of)
    write_json(args.out / "timing.json", {"train_seconds": seconds, "device": str(device)})
    write_json(args.out / "metrics.json", metrics)
    read = [args.input, args.input.with_suffix(".arrow"), args.layout, args.classes]
    write_record(
        args.record,
        __file__,
        config=config,
        seed=args.seed,
        inputs=[*read, *filter(None, [args.vectors, pretrained])],
        outputs=[args.out / f for f in ("model.safetensors", "metrics.json", "timing.json")],
    )


if __name__ == "__main__":
    run(main)
