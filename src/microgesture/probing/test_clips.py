"""What steps share that test a trained variant again, on test clips changed on purpose."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from microgesture.data.clip_file import Clips, Records
from microgesture.data.folds import check_fold, use_fold
from microgesture.data.store import read_index, read_metadata
from microgesture.inference.build import Trained, choose_device, load_trained
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.base import Entry
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_device_options, add_fold_options, output_file
from microgesture.utils.errors import InputError

Settings = TypeVar("Settings", bound=Entry)


@dataclass(frozen=True)
class Probed:
    """A variant and the clips that it is tested on again.

    Attributes
    ----------
    trained : Trained
        On the device that is to be used.
    skeletons : Path
        The store.
    clips : DataFrame
        Its `labelled_tests`.
    crops : Clips or None
        Of video, for networks that see it.

    """

    trained: Trained
    skeletons: Path
    clips: pd.DataFrame
    crops: Clips | None = None


Probe = Callable[[Probed, Settings, Path], None]
"""Variant and clips, settings, file to write."""


def probe_step(
    script: str,
    description: str | None,
    model: type[Settings],
    probe: Probe[Settings],
    video: bool = False,
) -> None:
    """Read the options of such a step, open what they name, probe, and write the record.

    Parameters
    ----------
    script : str
        ``__file__`` of the step.
    description : str, optional
        For its help.
    model : type
        Of its settings.
    probe : callable
    video : bool
        Whether it may be given crops of video.

    Raises
    ------
    InputError
        See `labelled_tests` and `microgesture.inference.build.load_trained`.

    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", required=True, help="its settings, as JSON")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint")
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store")
    parser.set_defaults(crops=None)
    if video:
        parser.add_argument("--crops", type=Path, help="manifest of the crops, where it sees video")
    parser.add_argument("--out", type=output_file, required=True, help="file to write")
    add_fold_options(parser)
    add_device_options(parser)
    add_record_option(parser, script)
    args = parser.parse_args()

    config: Settings = parse_option(model, args.config)
    device = choose_device(args.device, args.threads)
    trained = load_trained(args.model)
    trained.model.to(device)
    clips = labelled_tests(args.skeletons, trained, args.folds, args.fold)
    crops = [args.crops, args.crops.with_suffix(".arrow")] if args.crops else []
    opened = Records(crops[1]) if crops else None
    probe(Probed(trained, args.skeletons, clips, opened), config, args.out)
    sources = [one.path for one in trained.sources]
    inputs = [args.model, *sources, args.skeletons, *([args.folds] if args.folds else []), *crops]
    write_record(args.record, script, config=config.given(), inputs=inputs, outputs=[args.out])


def labelled_tests(
    skeletons: Path, trained: Trained, folds: Path | None = None, fold: int | None = None
) -> pd.DataFrame:
    """The labelled test clips of a store that fits a variant, in file order.

    Where no test clip has a label these are the validation clips, as in the ablation table.

    Parameters
    ----------
    skeletons : Path
    trained : Trained
    folds : Path, optional
        File of folds; then the clips of ``fold`` are the test clips, whatever split the store
        gives them.
    fold : int, optional

    Returns
    -------
    DataFrame
        ``clip_id`` and ``label``, the class id.

    Raises
    ------
    InputError
        When the store holds other points or classes than the variant was trained on, the fold is
        not the one it was trained with, or no labelled clip is left.

    """
    about, names = read_metadata(skeletons), trained.metadata["classes"]
    read = [part.layout.source for part in trained.parts if part.skeleton is not None]
    points = read[0] if read else about["points"]
    if about["points"] != points or about["classes"] != names:
        raise InputError(
            f"{skeletons}: holds {about['points']} and {len(about['classes'])} classes, but "
            f"{trained.path} was trained on {points} and {len(names)} classes; "
            "both must be the same, in the same order: give the store that it was trained on"
        )
    index = read_index(skeletons)
    check_fold(Path(trained.path), trained.metadata, use_fold(index, folds, fold))
    labelled = index[index["label"].notna()]
    ids = {name: number for number, name in enumerate(names)}
    # a fold's validation clips are another's test clips
    for split in ("test",) if folds else ("test", "val"):
        tests = labelled[labelled["split"] == split]
        if len(tests):
            labels = tests["label"].map(ids)
            return tests[["clip_id"]].assign(label=labels).reset_index(drop=True)
    where = f"fold {fold} of {folds}" if folds else "the splits test and val"
    raise InputError(
        f"{skeletons}: no labelled clip in {where}; set robustness and occlusion to null"
    )
