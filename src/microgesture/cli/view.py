"""Draw one clip as an animation, its skeleton beside its heatmap volume (GIF or MP4).

The clip is one of a skeleton store, or a recording: a folder of OpenPose JSON. It is drawn as it
was found, or with --model as that is shown it: cleaned, aligned and at its own resolution.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgesture.utils.cli import count, output_file, positive
from microgesture.utils.errors import InputError

if TYPE_CHECKING:
    from microgesture.data.layouts import Layout
    from microgesture.data.store import Clip

SUMMARY = "draw a clip or recording as an animation"
EXAMPLE = """  microgesture view --skeletons results/skeletons/clips.parquet --clip 0001_3 \\
      --out clip.gif
  microgesture view --input recordings --clip interview2 --frames 100-180 \\
      --model model.safetensors --out clip.gif"""
LAYOUT, FPS = "openpose41", 25.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--skeletons", type=Path, help="skeleton store (Parquet)")
    source.add_argument(
        "--input",
        type=Path,
        help="folder of frame files, or of such folders; recordings.parquet",
    )
    parser.add_argument("--clip", help="id of the clip, or name of the recording if there are more")
    parser.add_argument(
        "--predictions", type=Path, help="table of microgesture predict, for a running label"
    )
    parser.add_argument("--frames", type=frames, metavar="FIRST-LAST", help="only these, from 0 on")
    parser.add_argument("--fps", type=positive, help=f"of frame files, frames a second ({FPS:g})")
    parser.add_argument(
        "--out", type=output_file, required=True, help="file to write, .gif or .mp4"
    )
    parser.add_argument("--model", type=Path, help="model.safetensors, instead of --layout")
    parser.add_argument("--layout", help=f"name or file of a layout ({LAYOUT})")
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


def frames(text: str) -> tuple[int, int]:
    """First and last frame, for ``type=``."""
    first, dash, last = text.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"is {text}, expected two frames such as 100-180")
    return int(first), int(last)


def run(args: argparse.Namespace) -> None:
    """Write the animation."""
    from dataclasses import replace

    from microgesture.data.store import read_metadata
    from microgesture.inference.window_table import running_labels
    from microgesture.viz.animation import write_animation

    whole = find(args)
    part = wanted(args, whole)
    clip = replace(whole, points=whole.points[part])
    layout, drawing = how_drawn(args, clip)
    if args.predictions is not None:
        labels = running_labels(args.predictions, whole.clip_id, len(whole.points))
        drawing["running"] = labels[part]
    if args.skeletons is not None:
        drawing["class_names"] = read_metadata(args.skeletons)["classes"]
    written = write_animation(clip, layout, args.out, **drawing)
    print(f"{args.out}: {written} frames, {drawing['note']}")


def how_drawn(args: argparse.Namespace, clip: "Clip") -> tuple["Layout", dict[str, Any]]:
    """The layout, and what is drawn how: as given, else as the model is shown the clip."""
    from microgesture.data.layouts import load_layout
    from microgesture.utils.resources import resource_file
    from microgesture.viz.animation import RAW

    asked = ("stream", "size", "sigma", "short_limbs")
    options = {key: value for key in asked if (value := getattr(args, key))}
    if args.model is None:
        layout = load_layout(resource_file("layouts", args.layout or LAYOUT))
        return layout, {**options, "note": RAW}
    if args.layout is not None:
        raise InputError("view: give --model or --layout, and not both: a model has its layout")
    from microgesture.inference.build import load_trained
    from microgesture.inference.shown import shown_to

    trained = load_trained(args.model)
    shown = shown_to(trained, clip)
    note = shown.note
    if changed := [key for key in options if options[key] != shown.drawing.get(key)]:
        note += f"; drawn otherwise than for it: {', '.join(changed)}"
    return trained.layout, {**shown.drawing, **options, "prepared": shown.points, "note": note}


def find(args: argparse.Namespace) -> "Clip":
    """The clip of the store, or the recording."""
    from microgesture.viz.animation import find_clip

    if args.skeletons is None:
        return recording(args.input, args.clip, args.fps)
    if args.clip is None:
        raise InputError("view: --skeletons needs --clip, the id of the clip")
    return find_clip(args.skeletons, args.clip)


def wanted(args: argparse.Namespace, clip: "Clip") -> slice:
    """The frames that are drawn."""
    if args.frames is None:
        return slice(None)
    first, last = args.frames
    if last >= len(clip.points):
        raise InputError(
            f"--frames is {first}-{last}, but {clip.clip_id} has {len(clip.points)} frames; "
            f"expected at most 0-{len(clip.points) - 1}"
        )
    return slice(first, last + 1)


def recording(place: Path, name: str | None, fps: float | None) -> "Clip":
    """A recording as a clip without a label."""
    from difflib import get_close_matches

    from microgesture.data.classes import UNKNOWN
    from microgesture.data.store import Clip
    from microgesture.inference.recordings import usable
    from microgesture.inference.stored import find_recorded, rates, read_recorded

    found = find_recorded(place)
    if name is None:
        if len(found) > 1:
            some = ", ".join(list(found)[:5])
            raise InputError(f"{place}: holds {len(found)} recordings; name one in --clip: {some}")
        name = next(iter(found))
    if name not in found:
        alike = get_close_matches(name, found, n=3, cutoff=0.5) or list(found)[:3]
        raise InputError(
            f"{place}: has no recording {name!r} among its {len(found):,}; "
            f"did you mean {' or '.join(map(repr, alike))}?"
        )
    points = usable(read_recorded(found[name]), found[name])
    fps = fps or rates(found, None).get(name, FPS)
    # the picture's size is not known, and the drawing is around the points
    return Clip(name, UNKNOWN, "unknown", "new", fps, 1, 1, points)
