"""Predict new recordings, folders of OpenPose JSON without labels, with trained models."""

import argparse
import sys
from pathlib import Path

from microgesture.inference.build import choose_device, load_trained
from microgesture.inference.recordings import find_recordings, predict_recordings, write_table
from microgesture.readers.openpose_json import read_recording
from microgesture.utils.cli import count, positive
from microgesture.utils.errors import InputError, run
from microgesture.utils.progress import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        required=True,
        help="model.safetensors; given several times, the probabilities are averaged",
    )
    parser.add_argument(
        "--input", type=Path, required=True, help="folder of frame files, or of such folders"
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--window", type=positive, help="seconds; without it, whole recordings")
    parser.add_argument("--stride", type=positive, help="seconds between windows; half a window")
    parser.add_argument("--fps", type=positive, default=25.0, help="frames a second (25)")
    parser.add_argument("--views", type=count, default=10, help="temporal views averaged (10)")
    parser.add_argument("--flip", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=count, default=1)
    args = parser.parse_args()

    if args.views < 1:
        raise InputError(f"--views is {args.views}; expected at least 1")
    device = choose_device(args.device, args.threads)
    models = [load_trained(path) for path in args.model]
    for trained in models:
        trained.model.to(device)
    windows = predict_recordings(
        models,
        find_recordings(args.input),
        read_recording,
        fps=args.fps,
        testing={"views": args.views, "flip": args.flip},
        window=args.window,
        stride=args.stride,
        progress=lambda recordings: progress(recordings, "recordings"),
    )
    rows, empty = write_table(args.out, windows, models[0].about["classes"], args.fps)
    note = f"; {empty} of them empty, since no point was found there" if empty else ""
    print(f"{args.out}: {rows} rows{note}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
