"""Average the probabilities of several prediction files, joined by clip id."""

import argparse
import json
from typing import Any

from microgesture.errors import InputError, run
from microgesture.fusion import fuse_files
from microgesture.steps import add_record_option, write_record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--members", required=True, help='JSON: prediction file -> weight, {"a.parquet": 1, ...}'
    )
    parser.add_argument("--out", required=True, help="prediction file to write")
    add_record_option(parser)
    options = parser.parse_args()
    members = parse_members(options.members)
    fuse_files(members, options.out)
    weights = {"weights": list(members.values())}
    write_record(options.record, __file__, config=weights, inputs=members, outputs=[options.out])


def parse_members(text: str) -> dict[str, float]:
    try:
        pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
        members = {path: float(weight) for path, weight in pairs}
    except (TypeError, ValueError) as error:
        raise InputError(
            f"--members: {text} is not a JSON object of file -> weight ({error})"
        ) from None
    # A JSON object keeps only the last of two equal keys: a file named twice would go unnoticed.
    if len(members) < len(pairs):
        raise InputError(f"--members: a file is named twice in {text}; give it one weight")
    return members


if __name__ == "__main__":
    run(main)
