"""Choose a layout from the skeleton store, clean it and bring it to a timeline."""

import argparse
import sys
from pathlib import Path

from microgesture.data.classes import load_classes
from microgesture.data.layouts import load_layout
from microgesture.data.store import iter_store, read_metadata
from microgesture.preprocessing.prepare import prepare_clips, warnings
from microgesture.preprocessing.windows import windows
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.preparation import Preparation
from microgesture.utils.cli import output_file
from microgesture.utils.errors import InputError, run
from microgesture.utils.files import sha256, write_json
from microgesture.utils.progress import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="cleaning and alignment, as JSON")
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store")
    parser.add_argument("--layout", type=Path, required=True, help="layout file")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--out", type=output_file, required=True, help="clip file to write")
    parser.add_argument("--manifest", type=output_file, required=True, help="JSON file to write")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config = parse_option(Preparation, args.config)
    clips = iter_store(args.skeletons)
    clips = progress(windows(clips, config.window) if config.window else clips, "clips")
    layout, store = load_layout(args.layout), read_metadata(args.skeletons)
    if store["classes"] != load_classes(args.classes):
        raise InputError(
            f"{args.skeletons}: holds other classes than {args.classes}, or in another order; "
            "write it again with scripts/skeletons.py"
        )
    manifest = prepare_clips(clips, layout, config, args.out, store["points"])
    about = {"skeletons": sha256(args.skeletons), "code_version": code_version(__file__)}
    write_json(args.manifest, {**manifest, **about})
    for line in warnings(manifest):
        print(f"note: {line}", file=sys.stderr)
    write_record(
        args.record,
        __file__,
        config={"layout": layout.name, **config.given()},
        inputs=[args.skeletons, args.layout, args.classes],
        outputs=[args.out, args.manifest],
        known={args.out: manifest["sha256"]},
    )


if __name__ == "__main__":
    run(main)
