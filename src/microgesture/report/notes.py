"""What stands in words below the tables: how the numbers were made and what they leave out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgesture.evaluation.calibration import BINS
from microgesture.evaluation.claims import MIN_SUBJECTS, Claim, sampled_groups
from microgesture.evaluation.metrics import HEAD_SHARE, TAIL_SHARE
from microgesture.evaluation.paired import LEVEL
from microgesture.evaluation.rows import FUSION, Evaluation
from microgesture.utils.text import counted

SPLITS = {"test": "test", "val": "validation", "train": "training"}
_APART = "Each person was predicted by models trained without that person."
_BY_VIDEO = (
    "**Every video counts as a subject of its own, because the data do not say who is in "
    "it: a person in two videos counts as two, so overlap cannot be seen and the intervals "
    "of the claims are rather too narrow.**"
)


def claims_legend(evaluation: Evaluation, claims: Sequence[Claim]) -> str:
    """Say how intervals and p were made and what they leave out."""
    _, by_subject = sampled_groups(evaluation.subjects)
    subjects, seeds = len(np.unique(evaluation.subjects)), len(evaluation.seeds)
    sample = f"{SPLITS[evaluation.split]} {'subjects' if by_subject else 'clips'}"
    comparisons = [one for claim in claims for one in claim.comparisons]
    text = ["Points: difference of the mean score over the same seeds."]
    if seeds == 1:
        text.append(
            f"Interval: t interval of the mean paired difference over {sample}, of these trained "
            "networks only. **With one seed every claim is undecided: a verdict is about the "
            "methods, and how much these differ from seed to seed was not measured.**"
        )
    else:
        text.append(
            f"Interval: t interval of the mean paired difference over {sample} and seeds, both "
            "random and crossed; few of either make it wide."
        )
    text.append(
        "Supported: the difference is above 0 after Holm's correction (1979) for "
        f"{_all_comparisons(len(comparisons))}, p (Holm) ≤ {LEVEL:g}; refuted: below 0, so the "
        "reverse was measured; else undecided. The interval is not corrected. Would need: of what "
        "more is needed to tell a difference of this size from 0."
    )
    if len(comparisons) > len(claims):
        text.append("A claim over several rows must hold against each: its weakest line counts.")
    if not by_subject:
        text.append(
            f"With {counted(subjects, 'subject')} (fewer than {MIN_SUBJECTS}) the sample is single "
            "clips: the intervals cover clips, not people, and how far a result carries over to "
            "other people was not measured."
        )
    if evaluation.folds:
        text.append(
            "Folds: each subject counts with the networks that never saw it; the spread between "
            "training sets is not covered, as it is not with one split."
        )
    if any(one.p_values for one in comparisons):
        text.append(_p_legend(seeds))
    return " ".join(text)


def _all_comparisons(number: int) -> str:
    """What the correction is for."""
    return f"all {number} comparisons here" if number > 1 else "the one comparison here"


def _p_legend(seeds: int) -> str:
    """Say what McNemar's p is; `majority_p` has the rule for several seeds."""
    k = seeds // 2 + 1
    order = {2: "the larger of the 2 seeds' p", 3: "1.5 times the middle of the 3 seeds' p"}
    several = order.get(seeds, f"{seeds}/{k} times the {seeds} seeds' p number {k}, smallest first")
    rule = "" if seeds == 1 else f"; shown is {several}, small only if most seeds' are"
    return (
        f"McNemar p: exact, two-sided, on the clips that only one of the two got right{rule}. It "
        "takes clips for independent, which those of one person are not, and says nothing about "
        "other seeds, so the verdict does not go by it."
    )


def tail_legend(evaluation: Evaluation) -> str:
    """Say which classes are head, middle and tail, and what the calibration columns are."""
    text = []
    if evaluation.train_counts is None:
        text.append("No head, middle and tail: training clips of each class are not recorded.")
    else:
        sizes = [
            f"{name} {counted(int(group.sum()), 'class')}, "
            f"{counted(int(evaluation.train_counts[group].sum()), 'clip')}"
            for name, group in evaluation.groups.items()
        ]
        of = "clips of all folds" if evaluation.folds else "training clips"
        if evaluation.imbalance:
            of += ", thinned"
        text.append(
            f"Classes by their {of}: {'; '.join(sizes)}. Head: the most frequent classes that hold "
            f"at least {HEAD_SHARE:.0%} of them; tail: the rarest that together hold at most "
            f"{TAIL_SHARE:.0%}; classes of equal size stay together. Columns: mean recall of the "
            "group's classes."
        )
    text.append(
        f"ECE: expected calibration error, {BINS} equal bins of the predicted class's probability, "
        "in percent. NLL: mean negative log-likelihood of the true class, in nats. Less is better "
        "in both."
    )
    return " ".join(text)


def notes(
    evaluation: Evaluation, config: Mapping[str, Any], summary: Mapping[str, Any]
) -> list[str]:
    """List what a reader must know before believing the numbers."""
    listed = _split_notes(evaluation, summary)
    if evaluation.unlabelled:
        listed.append(f"{counted(evaluation.unlabelled, 'clip')} without a label left out.")
    listed += _skipped_notes(summary)
    if len(evaluation.seeds) == 1:
        listed.append("One seed: no spread (±) is shown, and small differences mean little.")
    else:
        listed.append(
            f"Mean ± sample standard deviation over {len(evaluation.seeds)} seeds, in percent."
        )
    if evaluation.imbalance:
        listed.append(
            "**Training clips were thinned to a long tail, "
            f"{evaluation.imbalance:g} times fewer of the last class than of the first**; "
            "validation and test clips were not."
        )
    listed += _overlap_notes(evaluation, summary)
    listed.append(
        "Mean class and macro F1 are over the classes present among these clips; a class never "
        "predicted has F1 = 0."
    )
    if len(evaluation.classes) <= 5:
        listed.append(f"No top-5: it says nothing with {len(evaluation.classes)} classes.")
    folds = f", its {evaluation.folds} folds together" if evaluation.folds else ""
    if evaluation.devices:
        devices = " and ".join(evaluation.devices)
        listed.append(f"Training time is that of one seed{folds}, on {devices}.")
    if any(row.model == FUSION for row in evaluation.rows):
        listed.append("Parameters and training time of a fusion are the sums of its members.")
    variants = config.get("variants", {})
    started = [row for row in evaluation.rows if variants.get(row.name, {}).get("pretrained")]
    if started:
        listed.append(
            "Not trained from scratch, and whether the weights they start from have seen these "
            f"people is not known: {'; '.join(row.title for row in started)}."
        )
    heatmaps = [row for row in evaluation.rows if row.model == "posec3d"]
    cached = [row.title for row in heatmaps if variants[row.name].get("source") == "cached"]
    if cached:
        listed.append(
            f"Crops and flips in training change the cached heatmaps of {'; '.join(cached)}; "
            "the reference changes the key points before drawing, which is not the same."
        )
    if len(cached) < len(heatmaps):
        others = "The other PoseC3D rows" if cached else "PoseC3D"
        listed.append(
            f"{others}: crops and flips change the key points, and heatmaps are drawn afterwards, "
            "as in the reference."
        )
    return listed


def _split_notes(evaluation: Evaluation, summary: Mapping[str, Any]) -> list[str]:
    """Say which clips were measured on, and whether anything was chosen on them."""
    rule = {True: " (best validation top-1)", False: "", None: ""}[evaluation.epoch_by_top1]
    if evaluation.split == "val":
        chosen, verb = _chosen(evaluation)
        none = summary.get("splits", {}).get("test", {}).get("clips") == 0
        reason = "there are no test clips" if none else "the test clips have no labels"
        return [
            f"**Measured on the validation clips, because {reason}. {chosen} of each run "
            f"{verb} chosen on these very clips{rule}, so the scores are too high.**"
        ]
    listed = [
        "Measured on the test clips. Each run keeps the epoch chosen on the validation "
        f"clips{rule}; the test clips had no part in that choice."
    ]
    if evaluation.folds:
        listed[0] = (
            f"Cross-validation in {evaluation.folds} folds by subject: every clip was a test clip "
            f"once. Each run keeps the epoch chosen on its own validation fold{rule}; its test "
            "fold had no part in that choice."
        )
    return listed


def _chosen(evaluation: Evaluation) -> tuple[str, str]:
    """What is chosen on validation clips, as subject of a sentence, and its verb."""
    if any(row.members for row in evaluation.rows):
        return (
            "The epoch, and the weights or temperatures of a fusion that has fitted ones,",
            "were",
        )
    return "The epoch", "was"


def _skipped_notes(summary: Mapping[str, Any]) -> list[str]:
    """Say how many clips could not be used: the hardest ones may be among them."""
    skipped = Counter(bad["split"] for bad in summary.get("skipped", []))
    if not skipped:
        return []
    some = [counted(skipped.pop(of), f"{name} clip") for of, name in SPLITS.items() if skipped[of]]
    if skipped:
        some.append(f"{counted(skipped.total(), 'clip')} of no known split")
    return [f"**{' and '.join(some)} could not be used and are left out**; see the data report."]


def _overlap_notes(evaluation: Evaluation, summary: Mapping[str, Any]) -> list[str]:
    """Say for each two splits whether they share subjects."""
    if evaluation.folds:
        # Folds are made by subject, whatever split the release put a clip into.
        return [_BY_VIDEO if summary.get("subject_is_video") else _APART]
    if "subject_overlap" not in summary:
        return ["Not recorded whether validation or test subjects occur in training."]
    overlap = {
        pair.replace("+", "-"): shared for pair, shared in summary["subject_overlap"].items()
    }
    notes = []
    for split in ("val", "test"):
        shared = overlap.get(f"train-{split}", [])
        name = SPLITS[split].capitalize()
        if shared:
            whose = "scores" if split == evaluation.split else f"{SPLITS[split]} scores"
            notes.append(
                f"**{name} subjects also occur in training: {_first(shared)}**; "
                f"{whose} are higher than they would be on new people."
            )
        else:
            notes.append(f"{name} subjects do not occur in training.")
    shared = overlap.get("val-test", [])
    if shared and evaluation.split == "test":
        chosen, verb = _chosen(evaluation)
        notes.append(
            f"**Test subjects also occur in validation: {_first(shared)}**; {chosen[0].lower()}"
            f"{chosen[1:]} of each run {verb} chosen on people who are tested."
        )
    if summary.get("subject_is_video"):
        # What cannot be seen must not be claimed: only overlaps that were found stay.
        notes = [note for note in notes if note.startswith("**")] + [_BY_VIDEO]
    return notes


def _first(names: Sequence[Any]) -> str:
    """How many there are, and a few of them in brackets."""
    return f"{len(names)} ({', '.join(map(str, names[:5]))}{', ...' if len(names) > 5 else ''})"
