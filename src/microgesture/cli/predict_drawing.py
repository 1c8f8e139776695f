"""The animation that microgesture predict writes beside its table: skeleton and running label."""

import argparse
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from microgesture.cli.view import LAYOUT
from microgesture.utils.errors import InputError

if TYPE_CHECKING:
    from microgesture.data.layouts import Layout
    from microgesture.data.store import Clip
    from microgesture.inference.build import Trained


class Drawn(NamedTuple):
    """What is drawn: a recording, which of its frames, and which of their points."""

    whole: "Clip"
    part: slice
    layout: "Layout"


def check_file(args: argparse.Namespace) -> None:
    """Refuse a file that is no animation by its name, or is written twice."""
    from microgesture.viz.animation import check_ending

    check_ending(args.draw)
    if args.draw.resolve() == args.out.resolve():
        raise InputError(f"{args.draw}: is given as --out and as --draw; name two files")


def check_one(
    args: argparse.Namespace, found: Collection[str], videos: Iterable[Path] = ()
) -> None:
    """Refuse to draw several recordings, or over a video that is read."""
    if len(found) > 1:
        raise InputError(
            f"{args.input}: holds {len(found)} recordings, and --draw draws one; give one as "
            "--input, or leave --draw out and use microgesture view with --predictions"
        )
    if any(args.draw.resolve() == video.resolve() for video in videos):
        raise InputError(f"{args.draw}: is the video that is read; draw into another file")


def what_is_drawn(whole: "Clip", models: list["Trained"], part: slice = slice(None)) -> Drawn:
    """Frames of a recording, and the points that the first model on skeletons sees of them.

    Raises
    ------
    InputError
        When none of these points is found in any of the frames.

    """
    from microgesture.data.layouts import load_layout
    from microgesture.utils.resources import resource_file

    layouts = (each.skeleton for one in models for each in one.parts)
    layout = next(filter(None, layouts), None)
    layout = layout or load_layout(resource_file("layouts", LAYOUT))
    if not (whole.points[part][:, layout.points, 2] > 0).any():
        raise InputError(
            f"{whole.clip_id}: no point of the layout {layout.name} is found in any frame, so "
            "there is nothing to draw; leave out --draw"
        )
    return Drawn(whole, part, layout)


def draw(path: Path, drawn: Drawn, table: Path) -> None:
    """Draw a recording with what a table of predictions says of each frame."""
    from dataclasses import replace

    from microgesture.inference.window_table import running_labels
    from microgesture.utils.progress import progress
    from microgesture.viz.animation import write_animation

    whole, part, layout = drawn
    labels = running_labels(table, whole.clip_id, len(whole.points))[part]
    written = write_animation(
        replace(whole, points=whole.points[part]),
        layout,
        path,
        running=labels,
        progress=lambda frames: progress(frames, "frames drawn", len(labels)),
    )
    print(f"{path}: {written} frames", file=sys.stderr)
