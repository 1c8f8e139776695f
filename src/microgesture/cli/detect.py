"""Find gestures in long recordings, and say when: with a detector that the workflow has trained.

Writes segments.csv and, for each recording, subtitles (.vtt) and an annotation document of ELAN
(.eaf), to be looked at beside its video. With --live it follows a folder into which OpenPose
writes, and prints gestures as they end.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.utils.cli import add_device_options, output_folder, positive
from microgesture.utils.errors import InputError

if TYPE_CHECKING:
    from microgesture.online.segments import Segment
    from microgesture.online.use import Loaded

SUMMARY = "find gestures in long recordings, and say when"
EXAMPLE = """  microgesture detect --model model.safetensors --chosen chosen.json \\
      --input recordings --out segments --fps 25"""
HOP, MEMORY = 0.2, 20.0
"""Seconds from one look at a live stream to the next, and seconds that are looked at."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        help="model.safetensors of a trained detector, or of the classifier that sees windows",
    )
    parser.add_argument(
        "--chosen",
        type=Path,
        required=True,
        help="chosen.json of the detector, with thresholds chosen on validation",
    )
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        help="folder of OpenPose's frame files, or of such folders, or recordings.parquet",
    )
    parser.add_argument("--out", type=output_folder, help="folder to write; not with --live")
    parser.add_argument(
        "--fps", type=positive, help="frames a second; unless given, those of a store, or 25"
    )
    parser.add_argument(
        "--submission",
        action="store_true",
        help="also write the challenge's zip, one CSV a recording, and one CSV for all",
    )
    parser.add_argument(
        "--columns",
        default="id=recording,class=class,start=start,end=end",
        help="heading=what of that CSV, of recording, class, name, start, end, score",
    )
    parser.add_argument("--live", action="store_true", help="follow a folder that grows")
    parser.add_argument(
        "--patience", type=positive, default=10.0, help="seconds without a new frame to end (10)"
    )
    parser.add_argument(
        "--delay",
        type=positive,
        default=1.0,
        help="seconds after the end of a gesture until it is told live (1); a causal network "
        "states its own",
    )
    add_device_options(parser)


def run(args: argparse.Namespace) -> None:
    """Detect, and write or print."""
    from microgesture.inference.build import choose_device
    from microgesture.online.use import load_any

    if args.live != (args.out is None):
        raise InputError("give either --out or --live")
    loaded = load_any(args.model, args.chosen, choose_device(args.device, args.threads))
    if args.live:
        _follow(args, loaded)
    else:
        _write(args, loaded)


def _write(args: argparse.Namespace, loaded: "Loaded") -> None:
    from microgesture.online.detection_files import (
        eaf,
        parse_columns,
        table,
        vtt,
        write_challenge_zip,
        write_single_csv,
    )
    from microgesture.online.use import FPS, given_recordings
    from microgesture.utils.files import write_text

    columns = parse_columns(args.columns)
    found: dict[str, list[Segment]] = {}
    rates = {}
    for one in given_recordings(args.input, loaded):
        rate = args.fps or one.fps or FPS
        found[one.name], rates[one.name] = loaded.find(one.points, rate), rate
        for ending, write in (("vtt", vtt), ("eaf", eaf)):
            path = args.out / f"{one.name}.{ending}"
            write_text(path, write(found[one.name], loaded.classes, rate))
    if args.fps is None and args.input.suffix != ".parquet":
        print(f"note: --fps is not given: {FPS:g} frames a second are assumed", file=sys.stderr)
    path = args.out / "segments.csv"
    write_text(path, table(found, loaded.classes, rates))
    if args.submission:
        write_challenge_zip(args.out / "Submission2023.zip", found)
        write_single_csv(args.out / "submission.csv", found, loaded.classes, columns)
    many = sum(map(len, found.values()))
    print(f"{path}: {many} segments in {len(found)} recordings", file=sys.stderr)


def _follow(args: argparse.Namespace, loaded: "Loaded") -> None:
    from microgesture.online.live import Stream, frames_of
    from microgesture.online.use import FPS, need_openpose

    need_openpose(loaded, args.input)
    fps = args.fps or FPS
    delay = round(args.delay * fps) if loaded.delay is None else loaded.delay
    stream = Stream(loaded.find, fps, round(MEMORY * fps), max(round(HOP * fps), 1), delay)
    print(f"following {args.input}; gestures are told {delay} frames after their end, or later",
          file=sys.stderr)  # fmt: skip
    print("start,end,class,name,score", flush=True)
    for points in frames_of(args.input, args.patience):
        _tell(stream.add(points), loaded.classes)
    _tell(stream.finish(), loaded.classes)
    print(
        f"{args.input}: no new frame for {args.patience:g} seconds after {stream.seen} frames; "
        "ended",
        file=sys.stderr,
    )


def _tell(segments: "list[Segment]", classes: list[str]) -> None:
    for one in segments:
        name = classes[one.label]
        print(f"{one.start},{one.end},{one.label},{name},{one.score:.3f}", flush=True)
