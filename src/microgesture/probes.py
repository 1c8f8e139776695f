"""What steps share that test a trained variant again, on test clips changed on purpose."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from microgesture.errors import InputError
from microgesture.files import read_json
from microgesture.steps import add_record_option, write_record
from microgesture.store import read_index, read_metadata
from microgesture.variants import Trained, choose_device, load_trained

Probe = Callable[[Trained, Path, pd.DataFrame, Mapping[str, Any], Path], None]
"""Variant, skeleton store, its `labelled_tests`, config slice, file to write."""


def probe_step(script: str, description: str | None, probe: Probe) -> None:
    """Read the options of such a step, open what they name, probe, and write the record.

    Parameters
    ----------
    script : str
        ``__file__`` of the step.
    description : str, optional
        For its help.
    probe : callable

    Raises
    ------
    InputError
        See `labelled_tests` and `microgesture.variants.load_trained`.

    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=json.loads, required=True, help="config slice, as JSON")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint")
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--folds", type=Path, help="JSON file of folds, under cross-validation")
    parser.add_argument("--fold", type=int, help="fold to test on, counted from 0")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=1)
    add_record_option(parser)
    args = parser.parse_args()

    device = choose_device(args.device, args.threads)
    trained = load_trained(args.model)
    trained.model.to(device)
    folds = read_json(args.folds) if args.folds else None
    tests = labelled_tests(args.skeletons, trained, folds, args.fold)
    probe(trained, args.skeletons, tests, args.config, args.out)
    inputs = [args.model, args.skeletons, *([args.folds] if args.folds else [])]
    write_record(args.record, script, config=args.config, inputs=inputs, outputs=[args.out])


def labelled_tests(
    skeletons: Path, trained: Trained, folds: Mapping[str, Any] | None, fold: int | None
) -> pd.DataFrame:
    """The labelled test clips of a store that fits a variant, in file order.

    Parameters
    ----------
    skeletons : Path
    trained : Trained
    folds : mapping, optional
        ``folds`` and ``fold_of_subject``; then the clips of ``fold`` are the test clips, whatever
        split the store gives them.
    fold : int, optional

    Returns
    -------
    DataFrame
        ``clip_id`` and ``label``, the class id.

    Raises
    ------
    InputError
        When the store holds other points or classes than the variant was trained on, a subject has
        no fold, or no labelled clip is left.

    """
    about, names = read_metadata(skeletons), trained.about["classes"]
    if about["points"] != trained.layout.source or about["classes"] != names:
        raise InputError(
            f"{skeletons}: holds {about['points']} and {len(about['classes'])} classes, but "
            f"{trained.path} was trained on {trained.layout.source} and {len(names)} classes; "
            "both must be the same, in the same order: give the store that it was trained on"
        )
    index = read_index(skeletons)
    if (folds is None) != (fold is None):
        raise InputError("--folds and --fold: one is given without the other; give both or neither")
    if folds is None:
        chosen = index["split"] == "test"
        what = "in the split test"
    else:
        where = index["subject"].map(folds["fold_of_subject"])
        if where.isna().any():
            raise InputError(
                f"{skeletons}: the subject {index['subject'][where.isna()].iloc[0]!r} is in no "
                "fold; write the folds again from this store"
            )
        chosen = where == fold
        what = f"in fold {fold} of {folds['folds']}"
    index = index[chosen & index["label"].notna()]
    if index.empty:
        raise InputError(f"{skeletons}: no labelled clip {what}; there is nothing to measure on")
    ids = {name: number for number, name in enumerate(names)}
    return index[["clip_id"]].assign(label=index["label"].map(ids)).reset_index(drop=True)
