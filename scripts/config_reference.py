"""Write docs/config.md and config/schema.json from the models of the config."""

import argparse
from pathlib import Path

from microgesture.utils.errors import run
from microgesture.utils.files import write_text
from microgesture.workflow.reference import editor_schema, reference


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    write_text(Path("docs/config.md"), reference())
    write_text(Path("config/schema.json"), editor_schema())


if __name__ == "__main__":
    run(main)
