"""Fuse the probabilities of several models, joined by clip id, with fixed or fitted weights."""

import argparse

from microgesture.evaluation.fusion import fuse_files, parse_recipe
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.rows import FusionRecipe
from microgesture.utils.cli import output_file
from microgesture.utils.errors import run


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
    config = parse_option(FusionRecipe, args.config)
    recipe = parse_recipe(config)
    fuse_files(recipe, args.val, args.test, args.out_val, args.out_test)
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[*args.val, *args.test],
        outputs=[args.out_val, args.out_test],
    )


if __name__ == "__main__":
    run(main)
