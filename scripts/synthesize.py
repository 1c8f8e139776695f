"""Generate the embedded data set, written as a MiGA 2025 release."""

import argparse

from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.generate import Generate
from microgesture.settings.parse import parse_option
from microgesture.synthetic.release import generate
from microgesture.utils.cli import count, output_folder
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="data.generate, as JSON")
    parser.add_argument("--out", type=output_folder, required=True, help="folder of the release")
    parser.add_argument("--workers", type=count, default=1, help="processes that generate")
    add_record_option(parser, __file__)
    args = parser.parse_args()
    config: Generate = parse_option(Generate, args.config)
    manifest = generate(config, args.out, args.workers)
    known = {args.out / name: digest for name, digest in manifest["files"].items()}
    outputs = [args.out / "manifest.json", *known]
    write_record(
        args.record, __file__, config=config.given(), inputs=[], outputs=outputs, known=known
    )


if __name__ == "__main__":
    run(main)
