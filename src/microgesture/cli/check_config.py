"""Check a config as a dry run does, without Snakemake and in a second.

Its keys and values, its names against each other, the files that it names and their contents; not
the data themselves. Run it in the checkout, which relative paths start from.
"""

import argparse
from pathlib import Path

SUMMARY = "check a config as a dry run does, without Snakemake"
EXAMPLE = """  microgesture check-config config/mine.yaml"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument("config", type=Path, help="config file (YAML)")


def run(args: argparse.Namespace) -> None:
    """Check the config, and say what it would run."""
    from microgesture.utils.text import counted
    from microgesture.workflow.check_file import need_checkout, read_checked

    need_checkout()
    config = read_checked(args.config)
    rows = counted(len(config["variants"]), "variant")
    seeds = counted(len(config["seeds"]), "seed")
    runs = len(config["variants"]) * len(config["seeds"]) * (config["folds"] or 1)
    print(
        f"{args.config}: fine; {rows} with {seeds}, {counted(runs, 'training')}, "
        f"data in the format {config['data']['format']}, results in {config['results']}"
    )
