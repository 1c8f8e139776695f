"""Comparing the rows of two results folders on the clips that both predicted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.data.classes import UNKNOWN
from microgesture.evaluation.claims import Comparison, judge_claims
from microgesture.evaluation.predictions import Predictions, read_predictions
from microgesture.evaluation.rows import Evaluation, Row
from microgesture.settings.rows import ClaimEntry
from microgesture.utils.errors import InputError

SPLITS = ("test", "val")
FIRST, SECOND = "first", "second"


@dataclass(frozen=True)
class RowPair:
    """One row of two results folders.

    Attributes
    ----------
    name
        The variant or fusion.
    split
        On which it was compared; "" where it was not.
    first, second
        Mean score in percent.
    comparison
        The second less the first, paired by clip and seed; None where that cannot be.
    why_not
        Why both were not compared.

    """

    name: str
    split: str = ""
    first: float = np.nan
    second: float = np.nan
    comparison: Comparison | None = None
    why_not: str = ""


def rows_of(results: Path) -> list[str]:
    """Names of the rows that a results folder holds predictions of."""
    found = {path.parents[1].name for path in results.glob("predict/*/seed*/*.parquet")}
    return sorted(found)


def compare_rows(first: Path, second: Path, metric: str = "top1") -> list[RowPair]:
    """Compare every row that both folders hold, on the test split, or on validation.

    Clips of validation count where those of the test split have no label. Seeds that both hold are
    paired, as of two rows of one table. Interval and p are those of
    `microgesture.evaluation.claims.judge_claims`, over seeds and people; p is corrected for the
    number of rows of the same clips and seeds.

    Parameters
    ----------
    first, second : Path
        Results folders.
    metric : {'top1', 'mean_class', 'macro_f1'}

    """
    pairs: dict[str, RowPair] = {}
    alike: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[_Files]] = {}
    for name in sorted({*rows_of(first)} & {*rows_of(second)}):
        found = _read(first, second, name)
        pairs[name] = RowPair(name, why_not=found) if isinstance(found, str) else RowPair(name)
        if not isinstance(found, str):
            key = (found.split, found.seeds, tuple(found.of_first[0].clip_ids))
            alike.setdefault(key, []).append(found)
    for group in alike.values():
        pairs |= {one.name: one for one in _compared(group, metric)}
    return list(pairs.values())


@dataclass(frozen=True)
class _Files:
    """Predictions of one row of both folders, of the seeds that both hold."""

    name: str
    split: str
    seeds: tuple[str, ...]
    of_first: list[Predictions]
    of_second: list[Predictions]


def _read(first: Path, second: Path, name: str) -> _Files | str:
    """What can be compared of a row, or why nothing can."""
    why_not = "no seed is in both"
    for split in SPLITS:
        seeds = _shared_seeds(first, second, name, split)
        if not seeds:
            continue
        each = [
            [read_predictions(folder / f"predict/{name}/{seed}/{split}.parquet") for seed in seeds]
            for folder in (first, second)
        ]
        if other := _differ(each[0][0], [*each[0], *each[1]]):
            return other
        if (each[0][0].labels != UNKNOWN).any():
            return _Files(name, split, tuple(seeds), *each)
        why_not = "no clip has a label"
    return why_not


def _shared_seeds(first: Path, second: Path, name: str, split: str) -> list[str]:
    each = [
        {path.parent.name for path in folder.glob(f"predict/{name}/seed*/{split}.parquet")}
        for folder in (first, second)
    ]
    # of folds only what was pooled holds every clip once
    return sorted(seed for seed in each[0] & each[1] if "-fold" not in seed)


def _differ(first: Predictions, others: Sequence[Predictions]) -> str:
    """Why predictions are not of the same clips; empty where they are."""
    for other in others:
        if other.clip_ids != first.clip_ids:
            only = len({*first.clip_ids} ^ {*other.clip_ids})
            return f"other clips: {only:,} ids are in one of both alone"
        if (other.labels != first.labels).any():
            return f"{int((other.labels != first.labels).sum()):,} clips have another label"
        if other.probabilities.shape[1] != first.probabilities.shape[1]:
            counts = f"{first.probabilities.shape[1]} and {other.probabilities.shape[1]}"
            return f"{counts} classes"
    return ""


def _compared(group: Sequence[_Files], metric: str) -> Iterator[RowPair]:
    """Rows of the same clips and seeds, as one table of both folders' rows."""
    about = group[0].of_first[0]
    known = about.labels != UNKNOWN
    labels = about.labels[known]

    def row(place: str, name: str, files: Sequence[Predictions]) -> Row:
        probabilities = np.stack([one.probabilities[known] for one in files])
        return Row(f"{place}/{name}", name, name, labels, probabilities, 0, (0.0,) * len(files))

    evaluation = Evaluation(
        split=group[0].split,
        labels=labels,
        subjects=np.array(about.subjects)[known],
        classes=[str(number) for number in range(about.probabilities.shape[1])],
        seeds=tuple(int(seed.removeprefix("seed")) for seed in group[0].seeds),
        rows=tuple(
            row(place, one.name, files)
            for one in group
            for place, files in ((FIRST, one.of_first), (SECOND, one.of_second))
        ),
        unlabelled=int((~known).sum()),
        epoch_by_top1=None,
        devices=(),
    )
    claims = [
        ClaimEntry.model_validate(
            {
                "claim": one.name,
                "better": f"{SECOND}/{one.name}",
                "worse": f"{FIRST}/{one.name}",
                "metric": metric,
            }
        )
        for one in group
    ]
    for one, claim in zip(group, judge_claims(evaluation, claims), strict=True):
        rows = [evaluation.row(f"{place}/{one.name}") for place in (FIRST, SECOND)]
        before, now = (float(each.scores[metric].mean()) for each in rows)
        yield RowPair(one.name, one.split, before, now, claim.comparisons[0])


def check_results(folder: Path) -> Path:
    """Give back a folder that holds results.

    Raises
    ------
    InputError
        When it holds neither predictions nor records.

    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give a results folder")
    if not rows_of(folder) and not (folder / "provenance").is_dir():
        raise InputError(
            f"{folder}: holds neither predict/ nor provenance/; expected a results folder"
        )
    return folder
