"""Files that the challenges take: Kaggle (2025 and later) and Codalab (2023)."""

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data import paths
from microgesture.data.classes import UNKNOWN
from microgesture.evaluation.fusion import check_same_clips
from microgesture.evaluation.metrics import predicted_classes, top_k_accuracy
from microgesture.evaluation.predictions import Predictions, read_predictions
from microgesture.evaluation.rows import mean_of_seeds
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path, sha256, write_json, write_text

KAGGLE_NAME, CODALAB_NAME, _ = FILES = paths.SUBMISSION
_CODALAB_MEMBER = "Submission.csv"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: the bytes do not tell the day


def natural_key(clip_id: str) -> tuple[list[str | int], str]:
    """Sort key under which ``0054_2`` comes before ``0054_10``."""
    parts = re.split(r"([0-9]+)", clip_id)
    # Odd parts are the digits, so numbers only ever meet numbers; the id itself settles 1 and 01.
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], clip_id


def rows(predictions: Predictions, filled: Mapping[str, int] | None = None) -> str:
    """CSV ``clip id,class id`` in natural order of the clips, those of ``filled`` among them."""
    classes = predicted_classes(predictions.probabilities).tolist()
    chosen = dict(filled or {}) | dict(zip(predictions.clip_ids, classes, strict=True))
    text = io.StringIO()  # the writer quotes an id that holds a comma
    written = csv.writer(text, lineterminator="\n")
    written.writerows((clip_id, chosen[clip_id]) for clip_id in sorted(chosen, key=natural_key))
    return text.getvalue()


def write_kaggle(
    path: str | Path, predictions: Predictions, filled: Mapping[str, int] | None = None
) -> None:
    """Write a CSV with the header ``Id,Target``."""
    write_text(path, "Id,Target\n" + rows(predictions, filled))


def write_codalab(
    path: str | Path, predictions: Predictions, filled: Mapping[str, int] | None = None
) -> None:
    """Write a zip that holds ``Submission.csv`` without a header; the same rows, the same bytes."""
    # Stored, not deflated: compressed bytes differ between versions of zlib.
    info = zipfile.ZipInfo(_CODALAB_MEMBER, _ZIP_TIME)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(info, rows(predictions, filled).encode())


def choose_seed(validation: Mapping[int, Predictions]) -> tuple[int, dict[int, float], str]:
    """Choose the seed with the best validation top-1; of equal ones the lowest.

    Returns
    -------
    seed : int
    scores : dict of int to float
        Validation top-1 (0 to 1) of each seed; empty where no validation clip has a label.
    why : str
        The reason, in words.

    """
    seeds = sorted(validation)
    known = validation[seeds[0]].labels != UNKNOWN
    for seed in seeds[1:]:
        check_same_clips(validation[seeds[0]], validation[seed])
    if not known.any():
        return seeds[0], {}, "no validation clip has a label: the lowest seed"
    scores = {
        seed: top_k_accuracy(one.probabilities[known], one.labels[known])
        for seed, one in validation.items()
    }
    best = max(scores.values())
    tied = [seed for seed in seeds if scores[seed] == best]
    why = f"best validation top-1 ({100 * best:.2f} %) of {len(seeds)} seeds"
    if len(seeds) == 1:
        why = "the only seed"
    elif len(tied) > 1:
        why += f"; seeds {', '.join(map(str, tied))} are equal: the lowest"
    return tied[0], scores, why


def fill_skipped(summary: Mapping[str, Any], classes: Sequence[str]) -> dict[str, int]:
    """A class for every test clip that could not be read: the most frequent one in training.

    A challenge refuses a submission in which a clip is missing.

    Parameters
    ----------
    summary
        What `microgesture.data.summary.summarise` gives.
    classes
        Names in id order.

    """
    of_class = summary["splits"]["train"]["clips_per_class"]
    counts = [of_class[name] for name in classes]
    skipped = [bad["clip_id"] for bad in summary["skipped"] if bad["split"] == "test"]
    return dict.fromkeys(skipped, counts.index(max(counts)))


def make_submission(
    validation: Mapping[int, str | Path],
    test: Mapping[int, str | Path],
    out_dir: str | Path,
    filled: Mapping[str, int] | None = None,
    ensemble: bool = False,
) -> dict[str, Any]:
    """Write both submissions and ``submission.json``, of one seed or of all as an ensemble.

    Parameters
    ----------
    validation, test
        seed -> prediction file of that split, for the same seeds.
    out_dir
        Folder for ``kaggle2025.csv``, ``Submission.zip`` and ``submission.json``.
    filled
        Class ids of test clips that were not predicted, see `fill_skipped`.
    ensemble
        Whether the seeds' mean probabilities are submitted; else those of the seed that validation
        prefers.

    Returns
    -------
    dict
        The content of ``submission.json``.

    Raises
    ------
    InputError
        For files that do not belong to their seed or split, and for a test split without clips.

    """
    if not validation or set(validation) != set(test):
        raise InputError(
            f"validation files for seeds {sorted(validation)} and test files for seeds "
            f"{sorted(test)}; expected the same seeds, at least one"
        )
    read = {seed: _read(path, seed, "val") for seed, path in validation.items()}
    seed, scores, why = choose_seed(read)
    taken = sorted(read) if ensemble else [seed]
    tests = [_read(test[one], one, "test") for one in taken]
    for one, tested in zip(taken, tests, strict=True):
        if not tested.clip_ids:
            raise InputError(f"{tested.path}: no clips; a submission needs those of the test split")
        if tested.probabilities.shape[1] != read[one].probabilities.shape[1]:
            raise InputError(
                f"{tested.path} has {tested.probabilities.shape[1]} classes, {read[one].path} has "
                f"{read[one].probabilities.shape[1]}; predict both with the same model"
            )
        check_same_clips(tests[0], tested)
    chosen = tests[0]
    if ensemble and len(taken) > 1:
        why = f"mean of the probabilities of {len(taken)} seeds"
        mean = mean_of_seeds([one.probabilities for one in tests])
        chosen = replace(chosen, probabilities=mean)
    out_dir, predicted = Path(out_dir), set(chosen.clip_ids)
    filled = {clip: number for clip, number in (filled or {}).items() if clip not in predicted}
    write_kaggle(out_dir / KAGGLE_NAME, chosen, filled)
    write_codalab(out_dir / CODALAB_NAME, chosen, filled)
    num_classes = chosen.probabilities.shape[1]
    per_class = np.bincount(predicted_classes(chosen.probabilities), minlength=num_classes)
    report = {
        "seeds": taken,
        "why": why,
        "validation_top1": {str(one): score for one, score in sorted(scores.items())},
        "validation_clips": len(read[seed].clip_ids),
        "test_files": {str(one.path): sha256(one.path) for one in tests},
        "test_clips": len(chosen.clip_ids),
        "filled": filled,
        "classes": num_classes,
        "predicted_per_class": per_class.tolist(),
    }
    write_json(out_dir / "submission.json", report)
    return report


def _read(path: str | Path, seed: int, split: str) -> Predictions:
    """Read a file and refuse it if its metadata name another seed or split."""
    predictions = read_predictions(path)
    for key, expected in (("seed", seed), ("split", split)):
        found = predictions.metadata.get(key, expected)
        if found != expected:
            raise InputError(
                f"{path}: was written for {key} {found}, expected {key} {expected}; "
                "check the order of the files"
            )
    return predictions
