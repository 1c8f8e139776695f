"""Find the key points of the people in videos."""

import argparse
import shutil
import sys
from pathlib import Path

from microgesture.pose.estimate import ENVIRONMENT, pose_python
from microgesture.pose.make import make_recordings, remarks
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.raw_data import listed
from microgesture.provenance.record import add_record_option, write_record
from microgesture.readers.labels import read_subjects
from microgesture.settings.data import PoseStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import count, output_file, output_folder
from microgesture.utils.errors import run
from microgesture.utils.progress import progress
from microgesture.video.sources import find_whole_videos, videos_below

LOCK = "requirements-pose.lock"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="what the step depends on, as JSON")
    parser.add_argument("--out", type=output_file, required=True, help="Parquet file to write")
    parser.add_argument(
        "--resume", type=output_folder, required=True, help="folder for what a killed run has done"
    )
    parser.add_argument("--workers", type=count, default=1, help="processes, one core each")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: PoseStep = parse_option(PoseStep, args.config)
    subjects = None if config.subjects is None else Path(config.subjects)
    parts = args.resume / "pose"
    done = make_recordings(
        find_whole_videos(Path(config.root)),
        None if subjects is None else (read_subjects(subjects), subjects),
        args.out,
        parts,
        pose_python(ENVIRONMENT),
        code_version(__file__),
        stop=config.on_bad_clip == "stop",
        workers=args.workers,
        progress=progress,
    )
    for line in remarks(done):
        print(f"note: {line}", file=sys.stderr)
    shutil.rmtree(parts, ignore_errors=True)
    tables = [] if subjects is None else [str(subjects)]
    made, raw = listed(args.record, [*videos_below(config.root), *tables, LOCK])
    write_record(
        args.record, __file__, config=config.given(), inputs=made, outputs=[args.out], raw=raw
    )


if __name__ == "__main__":
    run(main)
