"""What was found, in sentences: they open the ablation table and the page of results."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgesture.evaluation.claims import (
    REFUTED,
    SUPPORTED,
    UNDECIDED,
    Claim,
    Comparison,
    judge_claims,
)
from microgesture.evaluation.rows import FUSION, SPLITS, Evaluation, Row
from microgesture.report.render import paragraphs
from microgesture.settings.models import GRAPH_MODELS
from microgesture.settings.results import TableStep
from microgesture.settings.rows import ClaimEntry
from microgesture.utils.text import mean_and_spread, signed

_OTHER_METRICS = {"mean_class": " points of mean class accuracy", "macro_f1": " points of macro F1"}
VERDICTS = (SUPPORTED, REFUTED, UNDECIDED)
_MOST_CLAIMS = 6  # of one verdict that are listed one by one


def findings(
    evaluation: Evaluation,
    claims: Sequence[Claim],
    config: TableStep,
    summary: Mapping[str, Any],
) -> list[str]:
    """State the result of the shown row, what it is compared with, and which claims hold.

    Parameters
    ----------
    evaluation : Evaluation
    claims : sequence of Claim
        As `judge_claims` gives them.
    config : TableStep
        ``submission`` names the row that is shown; without it `Evaluation.shown` picks one.
    summary : mapping
        Summary of the skeleton step: ``subject_overlap`` and ``subject_is_video``.

    Returns
    -------
    list of str
        Plain text, the main result first.

    """
    shown = evaluation.shown(config.submission)
    printed = [round(row.top1, 1) for row in evaluation.rows]  # equal in print: equally good
    top1 = round(shown.top1, 1)
    best = max(evaluation.rows, key=lambda row: row.top1)
    never, present = _never_recognised(evaluation, shown)
    return paragraphs(
        "findings.md",
        most=_MOST_CLAIMS,
        shown=_one_line(shown.title),
        which=_which(shown, config, evaluation),
        score=mean_and_spread(shown.scores["top1"]),
        clips=len(evaluation.labels),
        split=SPLITS[evaluation.split],
        subjects=len(np.unique(evaluation.subjects)),
        folds=evaluation.folds,
        apart=_apart(evaluation, summary),
        is_video=bool(summary.get("subject_is_video")),
        chance=f"{evaluation.chance:.1f}",
        over_chance=_over(shown.top1 - evaluation.chance),
        ensemble=f"{shown.ensemble:.1f}" if _submits_ensemble(evaluation, config) else None,
        contrasts=_contrasts(evaluation, shown, config),
        rows=len(evaluation.rows),
        highest=_one_line(best.title) if max(printed) > top1 else None,
        highest_score=mean_and_spread(best.scores["top1"]),
        level=printed.count(top1) - 1,
        picked=not config.submission and shown.model != FUSION,
        mean_class=mean_and_spread(shown.scores["mean_class"]),
        never=never,
        present=present,
        seeds=len(evaluation.seeds),
        claims=_by_verdict(claims),
        total=len(claims),
    )


def _one_line(text: str) -> str:
    """A title or claim on one line: an empty line would end the sentence."""
    return " ".join(text.split())


def _which(shown: Row, config: TableStep, evaluation: Evaluation) -> str:
    """Why this row is shown."""
    if config.submission:
        return "the submitted row"
    if shown.model == FUSION:
        return "the first fusion of the config"
    return "the highest row" if len(evaluation.rows) > 1 else "the only row"


def _submits_ensemble(evaluation: Evaluation, config: TableStep) -> bool:
    """Whether the mean of several seeds is submitted, which the row's score is not of."""
    ensemble = config.submission_seeds == "ensemble" and len(evaluation.seeds) > 1
    return ensemble and config.submission is not None


def _over(points: float) -> str:
    """Words for a difference of percentages."""
    if round(abs(points), 1) == 0:
        return "level with"
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'}"


def _apart(evaluation: Evaluation, summary: Mapping[str, Any]) -> bool:
    """Whether it is known that no measured subject was trained on."""
    shared = summary.get("subject_overlap")
    if shared is None or summary.get("subject_is_video"):
        return False
    return not any(shared.get(f"train{sign}{evaluation.split}") for sign in "+-")


def _contrasts(evaluation: Evaluation, shown: Row, config: TableStep) -> list[dict[str, Any]]:
    """The simpler rows that the shown one has to beat, and by how much it does.

    They are the highest trees, whatever is shown beside them, and the highest graph network; where
    there is none or one is shown, of a fusion its highest member. That they are the highest on
    these clips is to the advantage of the contrast.
    """
    trees = [row for row in evaluation.rows if row.model == "trees" and row is not shown]
    simple = [row for row in evaluation.rows if row.model in GRAPH_MODELS and row is not shown]
    kind = "graph network"
    if shown.model in GRAPH_MODELS or not simple:
        fusion = config.fusions.get(shown.name)
        simple = [evaluation.row(name) for name in fusion.members] if fusion else []
        kind = "member of the fusion"
    kinds = {"simple reference that networks must beat": trees, kind: simple}
    return [_contrast(evaluation, shown, rows, kind) for kind, rows in kinds.items() if rows]


def _contrast(evaluation: Evaluation, shown: Row, simple: list[Row], kind: str) -> dict[str, Any]:
    """The highest of some rows, and how far the shown one is above it."""
    row = max(simple, key=lambda one: one.top1)
    compared = ClaimEntry(claim="above the contrast", better=shown.name, worse=row.name)
    (one,) = judge_claims(evaluation, [compared])[0].comparisons
    return {
        "title": _one_line(row.title),
        "kind": kind,
        "alone": len(simple) == 1,
        "score": mean_and_spread(row.scores["top1"]),
        "over": _over(one.difference),
        "interval": f"{signed(one.low)} to {signed(one.high)}",
        "holds_0": one.low <= 0 <= one.high,
    }


def _never_recognised(evaluation: Evaluation, row: Row) -> tuple[int, int]:
    """Classes with clips that no seed recognises once, and classes with clips."""
    present = evaluation.counts > 0
    return int((row.recall[present] == 0).sum()), int(present.sum())


def _by_verdict(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Claims in words by verdict; the undecided ones by what they lack."""
    told = []
    for verdict in VERDICTS:
        same = [claim for claim in claims if claim.verdict == verdict]
        groups: dict[str, list[str]] = {}
        for claim in same:
            groups.setdefault(_reason(claim), []).append(_claim_text(claim, claim is same[0]))
        if same:
            told.append({"verdict": verdict, "count": len(same), "groups": list(groups.items())})
    return told


def _weakest(claim: Claim) -> Comparison:
    """The comparison that a claim's verdict hangs on: the smallest difference of that verdict."""
    same = [one for one in claim.comparisons if one.verdict == claim.verdict]
    return min(same, key=lambda one: one.difference)


def _reason(claim: Claim) -> str:
    """What an undecided claim needs more of, "equal" where it shows no difference; else ""."""
    if claim.verdict != UNDECIDED:
        return ""
    weakest = _weakest(claim)
    if signed(weakest.difference) == signed(0):
        return "equal"
    needed = {of for one in claim.comparisons if one.verdict == UNDECIDED for of in one.lacking}
    return " and ".join(sorted(needed, key=("seeds", "people", "clips").index))


def _claim_text(claim: Claim, first: bool) -> str:
    """A claim with its difference: “41 points help” (+1.20 points); the unit once for all."""
    one = _weakest(claim)
    at_least = ", the weakest of its comparisons" if len(claim.comparisons) > 1 else ""
    unit = _OTHER_METRICS.get(one.metric, " points" if first else "")
    return f"“{_one_line(claim.text)}” ({signed(one.difference)}{unit}{at_least})"
