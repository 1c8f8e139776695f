"""Find the key points of people in videos with MediaPipe, without OpenPose.

Writes recordings.parquet, a row a video with 137 points a frame, and clips.csv, a table of clips to
fill in; a config reads both with data.format: recordings. Each video is read once. What is found in
it is kept in the folder videos beside them, from which another run goes on.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microgesture.pose.make import Done

from microgesture.utils.cli import count, output_folder

SUMMARY = "find key points in videos, without OpenPose"
EXAMPLE = "  microgesture pose videos --out skeletons"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "videos", type=Path, help="a video, a folder of videos, or a CSV of recording,path"
    )
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write into")
    parser.add_argument(
        "--subjects", type=Path, help="CSV of video,subject; otherwise each video is a subject"
    )
    add_pose_options(parser)


def add_pose_options(parser: argparse.ArgumentParser) -> None:
    """Options of what finds key points in videos."""
    parser.add_argument(
        "--env",
        type=Path,
        default=Path(".venv-pose"),
        help="where MediaPipe is (.venv-pose)",
    )
    parser.add_argument("--workers", type=count, help="processes, one core each (all cores)")


def run(args: argparse.Namespace) -> None:
    """Write the recordings, and say what became of each video."""
    from microgesture.pose.make import RECORDINGS, SEGMENTS, write_segments
    from microgesture.readers.labels import read_subjects

    table = args.subjects
    subjects = None if table is None else (read_subjects(table), table)
    done = find(args, args.videos, args.out, subjects)
    write_segments(done, args.out / SEGMENTS)
    bad = [one for one in done if one.fault]
    print(f"{args.out / RECORDINGS}: {len(done) - len(bad)} recordings", file=sys.stderr)
    if bad:
        raise SystemExit(1)


def find(
    args: argparse.Namespace,
    videos: Path,
    out: Path,
    subjects: "tuple[dict[str, str], Path] | None" = None,
) -> "list[Done]":
    """Find the key points of videos; ``args`` are those of `add_pose_options`."""
    from microgesture.pose import make
    from microgesture.pose.estimate import pose_python
    from microgesture.provenance.code_hash import code_version
    from microgesture.utils.packages import need_video_packages
    from microgesture.utils.progress import progress
    from microgesture.video.sources import find_whole_videos

    need_video_packages("reading video")
    python = pose_python(args.env)
    done = make.make_recordings(
        find_whole_videos(videos),
        subjects,
        out / make.RECORDINGS,
        out / make.PARTS,
        python,
        code_version(make.__file__),
        workers=args.workers or os.cpu_count() or 1,
        progress=progress,
    )
    for line in make.remarks(done):
        print(f"note: {line}", file=sys.stderr)
    return done
