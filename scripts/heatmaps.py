"""Draw a clip file's clips into a heatmap cache."""

import argparse
from pathlib import Path
from typing import get_args

from microgesture.data.layouts import load_layout
from microgesture.heatmaps.cache import build_cache
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.parse import parse_option
from microgesture.settings.streams import HeatmapStream, Part
from microgesture.utils.cli import count, output_file
from microgesture.utils.errors import run
from microgesture.utils.files import sha256, write_json
from microgesture.utils.progress import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--points", type=Path, required=True, help="clip file")
    parser.add_argument("--stream", choices=get_args(HeatmapStream), required=True)
    parser.add_argument(
        "--parts", nargs="+", choices=get_args(Part), default=[], help="in boxes of their own"
    )
    parser.add_argument("--layout", type=Path, required=True, help="layout file")
    parser.add_argument("--out", type=output_file, required=True, help="heatmap cache to write")
    parser.add_argument("--manifest", type=output_file, required=True, help="JSON file to write")
    parser.add_argument("--threads", type=count, default=1)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: DrawnHeatmaps = parse_option(DrawnHeatmaps, args.config)
    manifest = build_cache(
        args.points,
        load_layout(args.layout),
        args.stream,
        config,
        args.out,
        args.threads,
        lambda rows: progress(rows, "clips"),
        args.parts,
    )
    parts = {"parts": args.parts} if args.parts else {}
    about = {"points": sha256(args.points), "code_version": code_version(__file__)}
    write_json(args.manifest, {**manifest, **about})
    write_record(
        args.record,
        __file__,
        config={"stream": args.stream, **parts, **config.given()},
        inputs=[args.points, args.layout],
        outputs=[args.out, args.manifest],
        known={args.out: manifest["sha256"]},
    )


if __name__ == "__main__":
    run(main)
