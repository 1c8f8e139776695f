"""Draw one clip as an animation, its skeleton beside its heatmap volume (GIF or MP4)."""

import argparse
from pathlib import Path
from typing import Any

from microgesture.data.layouts import load_layout
from microgesture.inference.build import load_trained
from microgesture.inference.shown import shown_to
from microgesture.utils.cli import count, output_file, positive
from microgesture.utils.errors import InputError, run
from microgesture.viz.animation import RAW, find_clip, write_animation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store (Parquet)")
    parser.add_argument("--clip", required=True, help="id of the clip")
    parser.add_argument(
        "--model", type=Path, help="checkpoint; the clip is then shown as this variant is shown it"
    )
    parser.add_argument("--layout", type=Path, help="layout file (YAML), without --model")
    parser.add_argument(
        "--out", type=output_file, required=True, help="file to write, .gif or .mp4"
    )
    parser.add_argument(
        "--stream", choices=["joint", "limb", "joint_motion"], help="which heatmap volume (joint)"
    )
    parser.add_argument("--size", type=count, help="cells a side of the heatmaps (64)")
    parser.add_argument("--sigma", type=positive, help="of a point, in cells (0.6)")
    parser.add_argument(
        "--short-limbs",
        choices=["min", "start"],
        help="score of limbs under a cell: the smaller of both ends' (min), or the first's",
    )
    args = parser.parse_args()

    clip = find_clip(args.skeletons, args.clip)
    asked = ("stream", "size", "sigma", "short_limbs")
    options: dict[str, Any] = {key: value for key in asked if (value := getattr(args, key))}
    if (args.model is None) == (args.layout is None):
        raise InputError("expected --model or --layout, and not both: a variant has its layout")
    if args.model is None:
        layout, note = load_layout(args.layout), RAW
    else:
        trained = load_trained(args.model)
        shown = shown_to(trained, clip)
        layout, note = trained.layout, shown.note
        if changed := [key for key in options if options[key] != shown.drawing.get(key)]:
            note += f"; drawn otherwise than for it: {', '.join(changed)}"
        options = {**shown.drawing, **options, "prepared": shown.points, "note": note}
    frames = write_animation(clip, layout, args.out, **options)
    print(f"{args.out}: {frames} frames, {note}")


if __name__ == "__main__":
    run(main)
