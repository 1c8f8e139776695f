"""Print the card of a trained model: what it was trained on, how good it is and where it fails.

The card is the file card.md beside the weights. --template prints what to fill in where weights
are published: model.safetensors, which says how to use it, and this card.
"""

import argparse
from pathlib import Path

SUMMARY = "print the card of a trained model"
EXAMPLE = """  microgesture card results/train/joint41_align/seed0/model.safetensors
  microgesture card --template > card.md"""
NAME = "card.md"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "model", type=Path, nargs="?", help="model.safetensors, or the folder that it is in"
    )
    parser.add_argument(
        "--template", action="store_true", help="print the card to fill in for publishing weights"
    )


def run(args: argparse.Namespace) -> None:
    """Print the card."""
    from microgesture.utils.errors import InputError
    from microgesture.utils.resources import resource_folder

    if args.template == (args.model is not None):
        raise InputError("card: give a model, or --template, and not both")
    if args.template:
        path = resource_folder("cards") / "template.md"
    else:
        path = (args.model if args.model.is_dir() else args.model.parent) / NAME
        if not args.model.exists():
            raise InputError(f"{args.model}: there is no such file; give a model.safetensors")
    try:
        print(path.read_text(encoding="utf-8"), end="")
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file; the workflow writes the card of a trained model when "
            "its test clips were predicted"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore it") from None
