"""Check the results against their records, from the ablation table back to the raw files."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from microgesture.provenance.verify import verify
from microgesture.utils.errors import run
from microgesture.utils.progress import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"), help="results folder")
    parser.add_argument("--raw", action="store_true", help="hash the raw data set too")
    parser.add_argument("--all", action="store_true", help="name all that does not match")
    args = parser.parse_args()

    def shown(items: Iterable[Any], total: int) -> Iterable[Any]:
        return progress(items, "files hashed", total)

    done = verify(args.results, Path(__file__).parent, args.raw, shown)
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
    print(
        f"{args.results}: {done.records} records, {done.artifacts} artifacts and {done.files} "
        f"other inputs match; {raw}"
    )
    if done.left_over:
        print(f"not followed, since nothing reads them any more: {', '.join(done.left_over)}")


if __name__ == "__main__":
    run(main)
