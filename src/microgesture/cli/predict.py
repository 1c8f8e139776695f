"""Predict new recordings without labels, OpenPose JSON or video, with trained models.

In videos, the key points are found first, see microgesture pose -h; they are kept beside the table.
With --draw, the skeleton of a single recording is drawn with what is predicted of each moment.
A model of emotion predicts whether a match was won, and lists in a second table what counted when.
All recordings are read and compared with the training clips before the first is predicted.
One that cannot be predicted gets a row that says why, and the exit status is 1.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.cli.pose import add_pose_options, find
from microgesture.cli.predict_drawing import check_file, check_one, draw, what_is_drawn
from microgesture.cli.view import recording
from microgesture.utils.cli import add_device_options, count, output_file, positive, share
from microgesture.utils.errors import InputError

if TYPE_CHECKING:
    import torch

    from microgesture.cli.predict_drawing import Drawn
    from microgesture.inference.build import Trained
    from microgesture.inference.window_table import Window

EMOTION = ("gestures", "prior", "row")
"""Options of emotion models alone."""
SUMMARY = "predict new recordings with trained models"
EXAMPLE = """  microgesture predict --model results/train/joint41_align/seed0/model.safetensors \\
      --input recordings --out predictions.csv --window 2 --stride 0.5 --fps 25
  microgesture predict --model model.safetensors --input talk.mp4 --out talk.csv \\
      --window 2 --stride 0.5 --draw talk.gif"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        required=True,
        help="model.safetensors; given several times, the probabilities are averaged",
    )
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        help="folder of frame files, or of such folders, recordings.parquet, a video or a folder "
        "of videos; for models on video also a CSV of recording (or clip_id), path and optionally "
        "start,end",
    )
    parser.add_argument(
        "--skeletons",
        type=Path,
        help="for models on video: folder with a folder of frame files for each, or "
        "recordings.parquet, by which the person is cut out as in training, and which models on "
        "skeletons read; unless given or found, the middle of whole frames is shown",
    )
    parser.add_argument("--out", type=output_file, required=True, help="CSV file to write")
    parser.add_argument(
        "--draw",
        type=output_file,
        metavar="FILE",
        help="animation to write, .gif or .mp4, of a single recording: skeleton and running label",
    )
    parser.add_argument("--window", type=positive, help="seconds; without it, whole recordings")
    parser.add_argument("--stride", type=positive, help="seconds between windows; half a window")
    parser.add_argument(
        "--fps",
        type=positive,
        help="frames a second; unless given, those of the file or video, or of the training data",
    )
    parser.add_argument(
        "--on-bad",
        choices=["skip", "stop"],
        default="skip",
        help="a recording that cannot be predicted gets a row that says why, and the exit status "
        "is 1; or nothing is predicted (skip)",
    )
    parser.add_argument(
        "--accept-unlike",
        action="store_true",
        help="predict what is unlike the training data as well, with a warning",
    )
    parser.add_argument("--views", type=count, default=10, help="temporal views averaged (10)")
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="test each view mirrored as well (yes)",
    )
    parser.add_argument(
        "--gestures",
        type=Path,
        help="for models of emotion: CSV of recording, start, end and name or class of each "
        "gesture, such as segments.csv of microgesture detect",
    )
    parser.add_argument(
        "--prior",
        type=share,
        help="for models of emotion: share of wins among such recordings; the model's unless given",
    )
    parser.add_argument(
        "--row",
        help="for models of emotion: the row of the table that decides, such as interfusion; that "
        "which the config submits unless given",
    )
    add_device_options(parser)
    add_pose_options(parser)


def run(args: argparse.Namespace) -> None:
    """Predict the recordings and write the table."""
    from microgesture.inference.build import choose_device, load_trained
    from microgesture.inference.checkpoints import checkpoint_kind
    from microgesture.inference.recording_checks import (
        check_recordings,
        choose_fps,
        need_all,
        remarks,
    )
    from microgesture.inference.recordings import (
        check_models,
        cutting,
        predict_recordings,
        read_video,
    )
    from microgesture.inference.stored import find_recorded, rates, read_recorded
    from microgesture.settings.probing import Testing
    from microgesture.utils.progress import progress

    if args.draw is not None:
        check_file(args)
    device = choose_device(args.device, args.threads)
    emotion = [path for path in args.model if checkpoint_kind(path) == "emotion"]
    if emotion:
        _predict_emotion(args, emotion[0], device)
        return
    if given := next((one for one in EMOTION if getattr(args, one) is not None), None):
        raise InputError(f"--{given} is for models of emotion, and {args.model[0]} is none")
    cutting(args.window, args.stride, 1.0)  # refused before key points are looked for
    models = [load_trained(path) for path in args.model]
    video = read_video(models)
    if not video:
        check_models(models)
    for trained in models:
        trained.model.to(device)
    if video:
        _predict_videos(args, models)
        return
    if args.skeletons is not None:
        raise InputError("--skeletons is for models that read video; give the folder as --input")
    place = _posed(args) if _holds_videos(args.input) else args.input
    recordings = find_recorded(place)
    own = rates(recordings, args.fps)
    fps, notes = choose_fps(args.fps or next(iter(own.values()), None), models)
    drawn = None
    if args.draw is not None:
        check_one(args, recordings)
        drawn = what_is_drawn(recording(place, next(iter(recordings)), fps), models)
    checked = check_recordings(
        models,
        recordings,
        read_recorded,
        fps=fps,
        rates=own,
        window=args.window,
        stride=args.stride,
        accept=args.accept_unlike,
        progress=lambda names: progress(names, "recordings checked", len(recordings)),
    )
    for line in (*notes, *remarks(checked)):
        print(f"note: {line}", file=sys.stderr)
    if args.on_bad == "stop":
        need_all(checked)
    windows = predict_recordings(
        models,
        recordings,
        read_recorded,
        fps=fps,
        rates=own,
        testing=Testing(views=args.views, flip=args.flip),
        window=args.window,
        stride=args.stride,
        checked=checked,
        skip=args.on_bad == "skip",
        progress=lambda names: progress(names, "recordings", len(recordings)),
    )
    _finish(args, windows, models, fps, len(recordings), drawn)


def _predict_emotion(args: argparse.Namespace, path: Path, device: "torch.device") -> None:
    """Predict recordings with a model of emotion."""
    from microgesture.utils.packages import need_video_packages

    need_video_packages("reading video")
    from microgesture.emotion.given_gestures import read_gestures
    from microgesture.emotion.model import load_model
    from microgesture.emotion.predict import Asked, predict_emotion, windows_path
    from microgesture.emotion.rows import ROWS
    from microgesture.inference.stored import find_recorded
    from microgesture.utils.progress import progress
    from microgesture.video.sources import find_videos

    if len(args.model) > 1:
        raise InputError(f"{path}: is a model of emotion, which stands alone; give one --model")
    if args.window is not None or args.stride is not None:
        raise InputError(f"{path}: is a model of emotion, with windows of its own; leave out "
                         "--window and --stride")  # fmt: skip
    if args.draw is not None:
        raise InputError(f"{path}: is a model of emotion, which names no moment; leave out --draw")
    if args.row is not None and args.row not in ROWS:
        raise InputError(f"--row is {args.row}, expected one of {', '.join(ROWS)}")
    model = load_model(path, device)
    table = args.gestures
    gestures = None if table is None else read_gestures(table, model.classes)
    videos, place = find_videos(args.input), args.skeletons
    if place is None and not args.env.is_dir():
        raise InputError(
            f"{path}: cuts out faces and persons by skeletons; give those of the videos as "
            "--skeletons, or set up what finds key points (docs/pose.md)"
        )
    bad = predict_emotion(
        model,
        videos,
        find_recorded(_posed(args) if place is None else place),
        Asked(args.fps, gestures, args.prior, args.row),
        args.out,
        skip=args.on_bad == "skip",
        say=lambda line: print(line, file=sys.stderr),
        progress=lambda names: progress(names, "videos", len(videos)),
    )
    print(f"{args.out}: {len(videos)} rows; {windows_path(args.out)}: what counted when",
          file=sys.stderr)  # fmt: skip
    _refuse(bad, len(videos))


def _predict_videos(args: argparse.Namespace, models: list["Trained"]) -> None:
    """Predict videos with models that read video."""
    from microgesture.inference.stored import find_recorded, read_recorded
    from microgesture.inference.videos import predict_videos
    from microgesture.settings.probing import Testing
    from microgesture.utils.progress import progress
    from microgesture.video.decode import probe
    from microgesture.video.sources import find_videos

    videos = find_videos(args.input)
    place, drawn = args.skeletons, None
    if args.draw is not None:
        check_one(args, videos, [one.path for one in videos.values()])
    if place is None and args.env.is_dir() and _holds_videos(args.input):
        place = _posed(args)
    if place is None:
        if args.draw is not None:
            raise InputError(
                f"{args.input}: has no skeletons, which --draw draws; give them as --skeletons, or "
                "set up what finds key points (docs/pose.md)"
            )
        what = "the middle of whole frames is shown to the models, which learned from persons"
        print(f"note: {what} cut out by their skeletons; see --skeletons", file=sys.stderr)
    elif args.draw is not None:
        ((name, source),) = videos.items()
        end = None if source.end is None else source.end + 1
        fps = args.fps or probe(source.path).fps or None
        drawn = what_is_drawn(recording(place, name, fps), models, slice(source.start, end))
    windows = predict_videos(
        models,
        videos,
        testing=Testing(views=args.views, flip=args.flip),
        fps=args.fps,
        window=args.window,
        stride=args.stride,
        skeletons=None if place is None else find_recorded(place),
        read=read_recorded,
        skip=args.on_bad == "skip",
        progress=lambda names: progress(names, "videos", len(videos)),
    )
    # each video says its own rate
    _finish(args, windows, models, args.fps or 1.0, len(videos), drawn)


def _holds_videos(place: Path) -> bool:
    """Whether a place is a video, or a folder of videos and not of frame files."""
    from microgesture.readers.folders import VIDEOS, frame_files
    from microgesture.video.sources import videos_below

    if not place.is_dir():
        return place.is_file() and place.suffix.lower() in VIDEOS
    return next(frame_files(place), None) is None and bool(videos_below(place))


def _posed(args: argparse.Namespace) -> Path:
    """Find the key points in videos; the file with them."""
    from microgesture.pose.make import RECORDINGS
    from microgesture.video.sources import find_whole_videos

    folder = args.out.with_name(f"{args.out.stem}_skeletons")
    if args.draw is not None:
        whole = find_whole_videos(args.input)
        check_one(args, whole, whole.values())
    find(args, args.input, folder)
    print(
        f"note: key points are those of MediaPipe, in {folder / RECORDINGS}; a model that was "
        "trained on other detectors' sees faces, shoulders and hips at other places",
        file=sys.stderr,
    )
    return folder / RECORDINGS


def _finish(
    args: argparse.Namespace,
    windows: Iterable["Window"],
    models: Sequence["Trained"],
    fps: float,
    count: int,
    drawn: "Drawn | None",
) -> None:
    """Write the table as rows come, say what is in it, and draw what it says of each moment."""
    from microgesture.inference.window_table import write_table

    done = write_table(args.out, windows, models[0].metadata["classes"], fps)
    note = f"; {done.empty} of them empty, since no point was found there" if done.empty else ""
    print(f"{args.out}: {done.rows} rows{note}", file=sys.stderr)
    _refuse(done.refused, count)
    if drawn is not None:
        draw(args.draw, drawn, args.out)


def _refuse(bad: Sequence[str], count: int) -> None:
    """Say what is not predicted, and end with exit status 1."""
    if bad:
        some = f"error: {len(bad)} of {count} recordings are not predicted, such as"
        print(f"{some} {bad[0]}; the column warnings says why", file=sys.stderr)
        raise SystemExit(1)
