"""Compare two results folders: what differs in config, code and versions, and what in scores.

Scores of the same clips are compared clip by clip and seed by seed, with a 95 % interval over
seeds and people (docs/statistics.md); p is corrected for the number of rows (Holm).
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microgesture.evaluation.compare import RowPair

SUMMARY = "compare two results folders, settings and scores"
EXAMPLE = """  microgesture compare results results/longer
  microgesture compare results results/longer --metric mean_class"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument("first", type=Path, help="results folder")
    parser.add_argument("second", type=Path, help="results folder; differences are its gains")
    parser.add_argument(
        "--metric",
        choices=["top1", "mean_class", "macro_f1"],
        default="top1",
        help="what is compared, in percent (top1)",
    )


def run(args: argparse.Namespace) -> None:
    """Print what differs."""
    from microgesture.evaluation.compare import check_results, compare_rows, rows_of
    from microgesture.provenance.compare import (
        code_differences,
        config_differences,
        one_sided,
        read_records,
        version_differences,
    )

    folders = (check_results(args.first), check_results(args.second))
    first, second = map(read_records, folders)
    section("config", config_differences(first, second))
    section("code", code_differences(first, second))
    section("versions", version_differences(first, second))
    for folder, names in zip(folders, one_sided(first, second), strict=True):
        if names:
            section(f"steps of {folder} alone", names)
    print(f"scores: {args.metric} in percent, {args.first} -> {args.second}")
    for line in score_lines(compare_rows(*folders, args.metric)):
        print(f"  {line}")
    for folder, other in (folders, folders[::-1]):
        if alone := [name for name in rows_of(folder) if name not in rows_of(other)]:
            print(f"  rows of {folder} alone: {', '.join(alone)}")


def section(title: str, lines: Iterable[str]) -> None:
    """Print a heading with its lines; without any, that there is no difference."""
    given = list(lines)
    print(f"{title}:" if given else f"{title}: no difference")
    for line in given:
        print(f"  {line}")


def score_lines(pairs: "Sequence[RowPair]") -> Iterable[str]:
    """One line a row: both scores, the difference with its interval, and p."""
    from microgesture.utils.text import p_text, signed

    if not pairs:
        yield "no row is in both"
    for one in pairs:
        if one.comparison is None:
            yield f"{one.name}: not compared: {one.why_not}"
            continue
        gain = one.comparison
        interval = f"[{signed(gain.low)}, {signed(gain.high)}]"
        lacks = f"; {' and '.join(gain.lacking)} too few to tell" if gain.lacking else ""
        yield (
            f"{one.name} ({one.split}): {one.first:.2f} -> {one.second:.2f}, "
            f"{signed(gain.difference)} {interval}, p {p_text(gain.p_holm)}{lacks}"
        )
