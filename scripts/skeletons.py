"""Read a data set into the skeleton store and count what is in it."""

import argparse
import sys
from pathlib import Path

from microgesture.data.body_checks import BodyChecks, watched
from microgesture.data.classes import load_classes
from microgesture.data.keypoint_formats import resolve_points
from microgesture.data.recordings import keep_recordings
from microgesture.data.store import read_index, write_store
from microgesture.data.summary import summarise, warnings
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.raw_data import raw_inputs
from microgesture.provenance.record import add_record_option, write_record
from microgesture.readers.formats import by_video, keypoint_format, read_clips
from microgesture.settings.data import read_section
from microgesture.settings.parse import json_option
from microgesture.utils.cli import count, output_file
from microgesture.utils.errors import run
from microgesture.utils.files import sha256, write_json
from microgesture.utils.progress import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="config section, as JSON")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--out", type=output_file, required=True, help="Parquet file to write")
    parser.add_argument("--recordings", type=output_file, help="Parquet file to write, of them")
    parser.add_argument("--summary", type=output_file, required=True, help="JSON file to write")
    parser.add_argument("--workers", type=count, default=1, help="processes that read")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    names, data = load_classes(args.classes), read_section(json_option(args.data, "--data"))
    order, apart = keypoint_format(data), args.recordings
    items = read_clips(data, names, args.workers, whole=apart is not None)
    clips = progress(keep_recordings(items, apart, names, data.format, order), "clips")
    checks = BodyChecks(order, resolve_points(getattr(data, "points", None)))
    written = write_store(
        args.out, watched(clips, checks), names, data.format, data.on_bad_clip, order=order
    )
    about = {
        "config": data.reading(),
        "sha256": sha256(args.out),
        "code_version": code_version(__file__),
    }
    counted = summarise(read_index(args.out), written, names, by_video(data))
    summary = {**counted, **about}
    write_json(args.summary, summary)
    for line in [*checks.notes(), *warnings(summary)]:
        print(f"note: {line}", file=sys.stderr)
    made, raw = raw_inputs(args.record, data)
    write_record(
        args.record,
        __file__,
        config=data.reading(),
        inputs=[args.classes, *made],
        outputs=[args.out, args.summary, *filter(None, [apart])],
        raw=raw,
        known={args.out: summary["sha256"]},
    )


if __name__ == "__main__":
    run(main)
