"""Compute one vector a class from the words of its name, for the semantic loss."""

import argparse
from pathlib import Path

import numpy as np

from microgesture.data.classes import load_classes
from microgesture.models.label_embeddings import label_embeddings
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.label_embeddings import WordVectors
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import output_file
from microgesture.utils.errors import InputError, run
from microgesture.utils.files import atomic_path, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=Path, required=True, help="list of classes (YAML)")
    parser.add_argument(
        "--config",
        required=True,
        help='JSON: {"source": "wordllama"} or {"source": "glove", "path": FILE}',
    )
    parser.add_argument(
        "--out",
        type=output_file,
        required=True,
        help=".npz with the array 'embeddings' (K, D), or .json with 'classes' and 'embeddings'",
    )
    add_record_option(parser, __file__)
    args = parser.parse_args()
    if args.out.suffix not in (".npz", ".json"):
        raise InputError(f"--out {args.out}: expected a name that ends in .npz or .json")
    config = parse_option(WordVectors, args.config)
    names = load_classes(args.classes)
    embeddings = label_embeddings(names, config)
    if args.out.suffix == ".json":
        write_json(args.out, {"classes": names, "embeddings": embeddings.tolist()})
    else:
        with atomic_path(args.out) as temporary:
            np.savez(temporary, embeddings=embeddings)
    inputs = [args.classes, *([config.path] if config.source == "glove" else [])]
    write_record(args.record, __file__, config=config.given(), inputs=inputs, outputs=[args.out])


if __name__ == "__main__":
    run(main)
