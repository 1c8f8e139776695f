"""Cut the person of every clip out of its video."""

import argparse
import sys
from pathlib import Path

from microgesture.provenance.code_hash import code_version
from microgesture.provenance.raw_data import listed
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.video import Crops
from microgesture.utils.cli import add_cutting_options
from microgesture.utils.errors import run
from microgesture.utils.files import sha256, write_json
from microgesture.utils.progress import progress
from microgesture.video.make import make_crops
from microgesture.video.manifest import warnings
from microgesture.video.sources import video_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="section video, as JSON")
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store")
    add_cutting_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: Crops = parse_option(Crops, args.config)
    code = code_version(__file__)
    parts = args.resume / "crops"
    manifest = make_crops(args.skeletons, config, args.out, parts, code, args.workers, progress)
    write_json(
        args.manifest,
        {**manifest, "skeletons": sha256(args.skeletons), "code_version": code},
    )
    for line in warnings(manifest):
        print(f"note: {line}", file=sys.stderr)
    made, raw = listed(args.record, video_files(config))
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[args.skeletons, *made],
        outputs=[args.out, args.manifest],
        raw=raw,
        known={args.out: manifest["sha256"]},
    )


if __name__ == "__main__":
    run(main)
