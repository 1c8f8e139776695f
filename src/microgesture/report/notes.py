"""What stands in words below the tables: how the numbers were made and what they leave out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgesture.evaluation.calibration import BINS
from microgesture.evaluation.claims import MIN_SUBJECTS, Claim, sampled_groups
from microgesture.evaluation.metrics import HEAD_SHARE, TAIL_SHARE
from microgesture.evaluation.paired import LEVEL
from microgesture.evaluation.rows import FUSION, SPLITS, Evaluation
from microgesture.report.render import paragraphs
from microgesture.settings.results import TableStep


def claims_legend(evaluation: Evaluation, claims: Sequence[Claim]) -> str:
    """Say how intervals and p were made and what they leave out.

    The template has the wording of `majority_p`'s rule for several seeds.
    """
    _, by_subject = sampled_groups(evaluation.subjects)
    comparisons = [one for claim in claims for one in claim.comparisons]
    (text,) = paragraphs(
        "notes/claims_legend.md",
        seeds=len(evaluation.seeds),
        sample=f"{SPLITS[evaluation.split]} {'subjects' if by_subject else 'clips'}",
        comparisons=len(comparisons),
        claims=len(claims),
        level=f"{LEVEL:g}",
        by_subject=by_subject,
        subjects=len(np.unique(evaluation.subjects)),
        min_subjects=MIN_SUBJECTS,
        folds=evaluation.folds,
        tested=any(one.p_values for one in comparisons),
    )
    return text


def tail_legend(evaluation: Evaluation) -> str:
    """Say which classes are head, middle and tail, and what the calibration columns are."""
    trained = evaluation.train_counts
    groups = [
        (name, int(group.sum()), 0 if trained is None else int(trained[group].sum()))
        for name, group in evaluation.groups.items()
    ]
    (text,) = paragraphs(
        "notes/tail_legend.md",
        recorded=trained is not None,
        groups=groups,
        folds=evaluation.folds,
        imbalance=evaluation.imbalance,
        head_share=f"{HEAD_SHARE:.0%}",
        tail_share=f"{TAIL_SHARE:.0%}",
        bins=BINS,
    )
    return text


def notes(evaluation: Evaluation, config: TableStep, summary: Mapping[str, Any]) -> list[str]:
    """List what a reader must know before believing the numbers."""
    variants = config.variants
    heatmaps = [row for row in evaluation.rows if row.model == "posec3d"]
    cached = [row for row in heatmaps if variants[row.name].source == "cached"]
    pretrained = [
        row for row in evaluation.rows if row.name in variants and variants[row.name].pretrained
    ]
    unlabelled: dict[str, list[str]] = {}
    for row in evaluation.rows:
        if row.name in variants and (splits := variants[row.name].unlabelled):
            names = [SPLITS[split] for split in splits]
            unlabelled.setdefault(" and ".join(names), []).append(row.title)
    return paragraphs(
        "notes/notes.md",
        split=evaluation.split,
        folds=evaluation.folds,
        seeds=len(evaluation.seeds),
        classes=len(evaluation.classes),
        epoch_by_top1=evaluation.epoch_by_top1,
        fitted=any(row.members for row in evaluation.rows),
        no_test_clips=summary.get("splits", {}).get("test", {}).get("clips") == 0,
        unlabelled=evaluation.unlabelled,
        skipped=_skipped(summary),
        imbalance=evaluation.imbalance and f"{evaluation.imbalance:g}",
        subject_is_video=summary.get("subject_is_video"),
        overlap=_overlap(evaluation, summary),
        devices=evaluation.devices,
        has_fusion=any(row.model == FUSION for row in evaluation.rows),
        pretrained=_one_line(row.title for row in pretrained),
        pretrained_here={who: _one_line(titles) for who, titles in unlabelled.items()},
        transductive=SPLITS["test"],
        cached_heatmaps=_one_line(row.title for row in cached),
        drawn_heatmaps=len(cached) < len(heatmaps),
    )


def _skipped(summary: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Numbers of clips that could not be used, with their split, "" for no known one."""
    skipped = Counter(bad["split"] for bad in summary.get("skipped", []))
    some = [(skipped.pop(of), name) for of, name in SPLITS.items() if skipped[of]]
    return [*some, (skipped.total(), "")] if skipped.total() else some


def _overlap(evaluation: Evaluation, summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """Subjects that two splits share; None where that is not recorded."""
    if "subject_overlap" not in summary:
        return None
    overlap = {
        pair.replace("+", "-"): _one_line(shared)
        for pair, shared in summary["subject_overlap"].items()
    }
    with_training = [
        (
            SPLITS[split].capitalize(),
            overlap.get(f"train-{split}", []),
            "scores" if split == evaluation.split else f"{SPLITS[split]} scores",
        )
        for split in ("val", "test")
    ]
    return {"with_training": with_training, "val_test": overlap.get("val-test", [])}


def _one_line(names: Iterable[Any]) -> list[str]:
    """Names without line breaks, which would end a note."""
    return [" ".join(str(name).split()) for name in names]
