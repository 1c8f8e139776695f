"""The command ``microgesture``: what people do by hand, a subcommand each.

A module of a subcommand imports what it runs when it runs it, so that help and completion answer
at once.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from microgesture import __version__
from microgesture.cli import (
    card,
    check_config,
    compare,
    detect,
    export,
    new_config,
    pose,
    predict,
    verify,
    view,
    why,
)
from microgesture.utils.cli import output_file, output_folder
from microgesture.utils.errors import run

SUBCOMMANDS = {
    "predict": predict,
    "view": view,
    "pose": pose,
    "detect": detect,
    "export": export,
    "card": card,
    "new-config": new_config,
    "check-config": check_config,
    "why": why,
    "compare": compare,
    "verify": verify,
}
DESCRIPTION = """Micro-gesture recognition from skeletons: what is done by hand.
The workflow itself is run by snakemake."""
EXAMPLES = """examples:
  microgesture predict --model model.safetensors --input recordings --out predictions.csv
  microgesture new-config data/mine --out config/mine.yaml
  microgesture predict -h

completion of subcommands, options and files, in bash (or zsh):
  eval "$(microgesture --print-completion bash)"
"""
Parsers = Mapping[str, argparse.ArgumentParser]


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """End with one line and exit status 2."""
        self.exit(2, f"{self.prog}: error: {message}; {self.prog} -h shows what there is\n")


class PrintCompletion(argparse.Action):
    """Print the completion script of a shell, and end."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> NoReturn:
        """Print it; a path is completed by the names of files."""
        import shtab

        whole, parsers = build_parser()
        for one in parsers.values():
            for action in one._actions:
                if action.type in (Path, output_file, output_folder):
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(whole, shell=values))
        parser.exit()


def build_parser() -> tuple[Parser, Parsers]:
    """The whole parser, and that of each subcommand by its name."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="microgesture",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=as_written,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=["bash", "zsh", "tcsh"],
        metavar="SHELL",
        help="print the completion script for bash, zsh or tcsh",
    )
    commands = parser.add_subparsers(title="subcommands", metavar="SUBCOMMAND", dest="subcommand")
    parsers = {}
    for name, module in SUBCOMMANDS.items():
        parsers[name] = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=(module.__doc__ or "").strip(),
            epilog=f"example:\n{module.EXAMPLE}",
            formatter_class=as_written,
            allow_abbrev=False,
        )
        module.add_options(parsers[name])
        parsers[name].set_defaults(run=module.run)
    return parser, parsers


def check_words(parser: argparse.ArgumentParser, parsers: Parsers, words: Sequence[str]) -> None:
    """Name the nearest subcommand or option for one that there is not.

    argparse names none, and complains first of what is missing.
    """
    place = next((n for n, word in enumerate(words) if not word.startswith("-")), len(words))
    _check_options(parser, words[:place])
    if place < len(words) and words[place - 1 : place] != ["--print-completion"]:
        name = words[place]
        if name not in parsers:
            parser.error(f"there is no subcommand {name!r}{_nearest(name, list(parsers))}")
        _check_options(parsers[name], words[place + 1 :])


def _check_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    known = parser._option_string_actions
    for word in words:
        if word == "--":
            return
        name = word.partition("=")[0]
        if name.startswith("--") and name not in known:
            options = [option for option in known if option.startswith("--")]
            parser.error(f"there is no option {name}{_nearest(name, options)}")


def _nearest(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def main(words: Sequence[str] | None = None) -> None:
    """Run the command with the words of the command line, or the given ones."""
    given = list(sys.argv[1:] if words is None else words)

    def run_subcommand() -> None:
        parser, parsers = build_parser()
        check_words(parser, parsers, given)
        args = parser.parse_args(given)
        if args.subcommand is None:
            parser.print_help()
            parser.exit(2)
        args.run(args)

    try:
        run(run_subcommand)
    except BrokenPipeError:  # of a pager that was closed, such as head
        sys.stderr.close()
        raise SystemExit(1) from None
