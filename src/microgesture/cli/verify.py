"""Check results against the records of their steps, from the ablation table to the raw files.

Whatever does not match is named, the earliest step first, and the exit status is 1.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SUMMARY = "check results against their records"
EXAMPLE = """  microgesture verify --results results/imigue --raw --all"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="results folder (results)"
    )
    parser.add_argument("--raw", action="store_true", help="hash the raw data set too")
    parser.add_argument("--all", action="store_true", help="name all that does not match")


def run(args: argparse.Namespace) -> None:
    """Verify the results; exit status 1 where anything does not match."""
    from microgesture.provenance.verify import find_scripts, verify
    from microgesture.utils.progress import progress

    def shown(items: Iterable[Any], total: int) -> Iterable[Any]:
        return progress(items, "files hashed", total)

    done = verify(args.results, find_scripts(), args.raw, shown)
    # code that changed since is no damage: it is named beside what is, not before it
    for findings in (
        [one for one in done.findings if one.kind != "code"],
        [one for one in done.findings if one.kind == "code"],
    ):
        for finding in findings if args.all else findings[:1]:
            print(f"error: {args.results}: {finding.line}", file=sys.stderr)
        if len(findings) > 1 and not args.all:
            print(f"... and {len(findings) - 1} more; --all names them", file=sys.stderr)
    if done.findings:
        raise SystemExit(1)
    raw = f"{done.raw} raw files" if args.raw else "raw files outside the results not asked for"
    code = "" if find_scripts() else "; code not compared, since no checkout is here"
    print(
        f"{args.results}: {done.records} records, {done.artifacts} artifacts and {done.files} "
        f"other inputs match; {raw}{code}"
    )
    if done.left_over:
        print(f"not followed, since nothing reads them any more: {', '.join(done.left_over)}")
