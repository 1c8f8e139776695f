"""Write the reference page of the config keys, and the schema for editors, from their models."""

import argparse
from pathlib import Path

from microgesture.utils.cli import output_file
from microgesture.utils.errors import run
from microgesture.utils.files import write_text
from microgesture.workflow.reference import editor_schema, reference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=output_file, default=Path("docs/config.md"), help="page to write"
    )
    parser.add_argument(
        "--out-schema",
        type=output_file,
        default=Path("config/schema.json"),
        help="JSON Schema to write",
    )
    args = parser.parse_args()
    write_text(args.out, reference())
    write_text(args.out_schema, editor_schema())


if __name__ == "__main__":
    run(main)
