"""Draw one clip as an animation, its skeleton beside its heatmap volume (GIF or MP4)."""

import argparse
from pathlib import Path

from microgesture.data.layouts import load_layout
from microgesture.utils.cli import count, output_file, positive
from microgesture.utils.errors import run
from microgesture.viz.animation import find_clip, write_animation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store (Parquet)")
    parser.add_argument("--clip", required=True, help="id of the clip")
    parser.add_argument("--layout", type=Path, required=True, help="layout file (YAML)")
    parser.add_argument(
        "--out", type=output_file, required=True, help="file to write, .gif or .mp4"
    )
    parser.add_argument(
        "--stream", choices=["joint", "limb"], default="joint", help="which heatmap volume"
    )
    parser.add_argument("--size", type=count, default=64, help="cells a side of the heatmaps")
    parser.add_argument("--sigma", type=positive, default=0.6, help="of a point, in cells")
    parser.add_argument(
        "--short-limbs",
        choices=["min", "start"],
        default="min",
        help="score of limbs under a cell: the smaller of both ends' (min), or the first's",
    )
    args = parser.parse_args()

    clip, layout = find_clip(args.skeletons, args.clip), load_layout(args.layout)
    frames = write_animation(
        clip,
        layout,
        args.out,
        args.stream,
        args.size,
        args.sigma,
        short_limbs=args.short_limbs,
    )
    print(f"{args.out}: {frames} frames")


if __name__ == "__main__":
    run(main)
