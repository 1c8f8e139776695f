"""What a look at any new data set notes, and what it needs: splits, subjects, classes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.data.classes import load_classes
from microgesture.utils.errors import InputError
from microgesture.utils.resources import resource_file, resource_names

NOT_SAID = "the files do not say it: check"
HELD_OUT = 0.15
"""Share of the subjects that validate, and of those that test, where no file says a split."""


@dataclass
class Look:
    """What was found.

    Attributes
    ----------
    data
        The section ``data`` of a config, but for the name.
    said
        For some of its keys, where the value is from.
    class_names
        In the order of their ids.
    class_file
        Name of a list of classes of the package, or None where the data set has its own.
    subjects
        Who is seen, as far as it was needed.
    splits
        Clips that were read, by split.
    seen
        Share of the frames read in which each point was found, (P,).
    source
        Name of the keypoint format of these points.
    bad
        What was wrong with the first bad clip, or "".

    """

    data: dict[str, Any]
    said: dict[str, str] = field(default_factory=dict)
    class_names: list[str] = field(default_factory=list)
    class_file: str | None = None
    subjects: set[str] = field(default_factory=set)
    splits: Counter[str] = field(default_factory=Counter)
    seen: np.ndarray = field(default_factory=lambda: np.zeros(0))
    source: str = ""
    bad: str = ""

    @property
    def by_subject(self) -> bool:
        """Whether no file says a split, so that subjects are dealt out."""
        return "split" in self.data


def need_splits(path: Path, splits: Iterable[str]) -> None:
    """Refuse a table without clips to train or to validate on."""
    if missing := {"train", "val"} - set(splits):
        raise InputError(
            f"{path}: has no clip of the split {' and '.join(sorted(missing))}; clips to train and "
            "to validate on are needed: mend the column split, or remove it to deal out subjects"
        )


def deal_out(found: Look, subjects: set[str], place: str) -> None:
    """Split by subject, since no file says a split."""
    names = sorted(subjects)
    if len(names) < 3:
        raise InputError(
            f"{place}: says no splits and has {len(names)} subjects; at least 3 are needed, so "
            "that nobody is in two splits"
        )
    each = max(round(HELD_OUT * len(names)), 1)
    found.subjects = set(names)
    found.data["split"] = {"by": "subject", "val": names[-2 * each : -each], "test": names[-each:]}
    found.said["split"] = "the others train; no file says a split, so these are merely the last"


def take_classes(found: Look, name: str) -> None:
    """Take a list of classes of the package."""
    found.class_names, found.class_file = load_classes(resource_file("classes", name)), name


def name_classes(found: Look, labels: Iterable[str]) -> None:
    """Classes by their names: those of the package that hold them all, or the data set's own."""
    names = sorted({label for label in labels if label})
    for known in resource_names("classes"):
        if names and set(names) <= set(load_classes(resource_file("classes", known))):
            take_classes(found, known)
            return
    if len(names) < 2:
        raise InputError(
            f"the labels hold {len(names)} different names; at least 2 classes are needed"
        )
    found.class_names = names
