"""Generate the embedded data set, written as a MiGA 2025 release."""

import argparse
import json

from microgesture.provenance.record import add_record_option, write_record
from microgesture.synthetic.release import generate
from microgesture.utils.cli import count, output_folder
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="data.generate, as JSON")
    parser.add_argument("--out", type=output_folder, required=True, help="folder of the release")
    parser.add_argument("--workers", type=count, default=1, help="processes that generate")
    add_record_option(parser, __file__)
    args = parser.parse_args()
    manifest = generate(args.config, args.out, args.workers)
    known = {args.out / name: digest for name, digest in manifest["files"].items()}
    outputs = [args.out / "manifest.json", *known]
    write_record(args.record, __file__, config=args.config, inputs=[], outputs=outputs, known=known)


if __name__ == "__main__":
    run(main)
