"""Fuse the probabilities of several models, joined by clip id, with fixed or fitted weights."""

import argparse
import json
from typing import Any

from microgesture.evaluation.fusion import fuse_files, parse_recipe
from microgesture.provenance.record import add_record_option, write_record
from microgesture.utils.cli import output_file
from microgesture.utils.errors import InputError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        required=True,
        help='JSON: {"members": {name: weight}} or {"members": [names], "weights": "validation"}, '
        'each with "temperature": true or false',
    )
    parser.add_argument("--val", nargs="+", required=True, help="one file a member, in order")
    parser.add_argument("--test", nargs="+", required=True, help="one file a member, in order")
    parser.add_argument(
        "--out-val", type=output_file, required=True, help="prediction file to write"
    )
    parser.add_argument(
        "--out-test", type=output_file, required=True, help="prediction file to write"
    )
    add_record_option(parser, __file__)
    args = parser.parse_args()
    config = parse_config(args.config)
    recipe = parse_recipe(config)
    fuse_files(recipe, args.val, args.test, args.out_val, args.out_test)
    write_record(
        args.record,
        __file__,
        config=config,
        inputs=[*args.val, *args.test],
        outputs=[args.out_val, args.out_test],
    )


def parse_config(text: str) -> dict[str, Any]:
    try:
        config = json.loads(text, object_pairs_hook=unique)
    except ValueError as error:
        raise InputError(f"--config: {text} is not a JSON object ({error})") from None
    if not isinstance(config, dict):
        raise InputError(f"--config: {text} is not a JSON object")
    return config


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A JSON object keeps only the last of two equal keys: a member named twice would go unnoticed.
    if len(dict(pairs)) < len(pairs):
        raise InputError(f"--config: {', '.join(key for key, _ in pairs)}: a key is named twice")
    return dict(pairs)


if __name__ == "__main__":
    run(main)
