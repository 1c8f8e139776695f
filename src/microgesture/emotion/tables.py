"""The emotion table in words and cells."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgesture.emotion.interviews import Interview
from microgesture.emotion.results import Judged
from microgesture.emotion.rows import ROWS
from microgesture.emotion.scores import Leak
from microgesture.settings.emotion import EmotionReportStep
from microgesture.utils.text import p_text, signed


def findings(
    judged: Sequence[Judged],
    leak: Leak,
    config: EmotionReportStep,
    interviews: Sequence[Interview],
) -> list[str]:
    """The results in sentences, the most important first."""
    if not judged:
        return ["No outcome of any recording is known, so nothing can be judged."]
    first = judged[0]
    best = max(ROWS, key=lambda row: balanced(first, row))
    low, high = first.intervals[best]["balanced_prior"]
    lines = [
        f"The best row of the cross-validation is {ROWS[best]}: balanced accuracy "
        f"{percent(balanced(first, best))} % over {len(first.labels)} recordings of people that "
        f"it never saw (95 % interval {percent(low)} to {percent(high)}). The best of several rows "
        "looks better than it is."
    ]
    for better, worse, apart, (low, high) in first.pairs[:2]:
        verdict = "beats" if low > 0 else "loses to" if high < 0 else "is not told apart from"
        lines.append(
            f"{ROWS[better]} {verdict} {ROWS[worse]}: {signed(100 * apart)} points of balanced "
            f"accuracy ({signed(100 * low)} to {signed(100 * high)})."
        )
    share = float(np.mean([one.label for one in interviews if one.fold is not None]))
    lines.append(
        f"{percent(share)} % of the recordings of train and val are won, and "
        f"{percent(float(config.prior))} % are expected where the models are used: "
        "probabilities are adjusted for that."
    )
    lines.append(
        f"Warning: {leak.warning}."
        if leak.warns
        else "Leak check: nobody is trained and tested on in the same fold. A model that knows "
        f"only who is seen would tell {percent(leak.potential)} % (balanced) if folds shared "
        "people."
    )
    if config.protocol == "recording":
        lines.append("Folds keep recordings apart, not people: emotion.protocol is recording.")
    names = {one.subject for one in interviews}
    if len(names) == len({one.recording for one in interviews}) > 1:
        lines.append(
            "Every recording counts as a person of its own: if people occur in several, folds "
            "share them unseen; say who is seen (data.subjects)."
        )
    return lines


def balanced(judged: Judged, row: str) -> float:
    """The score that rows are compared by."""
    return judged.scores[row]["balanced_prior"]


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:.1f}"


def _range(pair: tuple[float, float]) -> str:
    return f"{100 * pair[0]:.0f} to {100 * pair[1]:.0f}"


def score_table(judged: Judged) -> dict[str, Any]:
    """All rows' scores after the adjustment to the prior."""
    lines = []
    for row, title in ROWS.items():
        score, ranges = judged.scores[row], judged.intervals[row]
        lines.append(
            [
                title,
                percent(score["balanced_prior"]),
                _range(ranges["balanced_prior"]),
                percent(score["accuracy_prior"]),
                f"{score['auc']:.3f}",
                _range(ranges["auc"]),
                f"{score['brier_prior']:.3f}",
                percent(score["calibration_prior"]),
                p_text(judged.p[row]),
            ]
        )
    head = ["Row", "Balanced acc.", "95 %", "Accuracy", "AUC", "95 %, x 100", "Brier", "ECE", "p"]
    return {"head": head, "lines": lines, "align": "l" + "r" * 8, "caption": "Scores of every row"}


def prior_table(judged: Judged) -> dict[str, Any]:
    """What the prior changes: as trained, adjusted, and with a threshold chosen by inner folds."""
    lines = []
    for row, title in ROWS.items():
        score = judged.scores[row]
        cells = [
            percent(score[f"{what}_{how}"])
            for what in ("wins", "accuracy", "balanced")
            for how in ("argmax", "prior", "threshold")
        ]
        lines.append(
            [title, *cells, *(f"{score[f'brier_{how}']:.3f}" for how in ("argmax", "prior"))]
        )
    head = ["Row"]
    head += [f"{w}, {h}" for w in ("Wins", "Acc.", "Bal.") for h in ("plain", "prior", "thr.")]
    head += ["Brier, plain", "Brier, prior"]
    caption = (
        "Decisions as trained (plain), adjusted to the prior, and by a chosen threshold (thr.)"
    )
    return {"head": head, "lines": lines, "align": "l" + "r" * 11, "caption": caption}


def pair_table(judged: Judged) -> dict[str, Any]:
    """Differences between rows over the same recordings."""
    lines = [
        [ROWS[a], ROWS[b], signed(100 * apart), f"{signed(100 * low)} to {signed(100 * high)}"]
        for a, b, apart, (low, high) in judged.pairs
    ]
    head = ["Row", "against", "Balanced acc.", "95 %"]
    return {"head": head, "lines": lines, "align": "llrr", "caption": "Differences between rows"}


def legend(config: EmotionReportStep) -> list[str]:
    """What the tables' numbers are."""
    apart = "people" if config.protocol == "subject" else "recordings"
    encoders = {
        "published": "Encoders are published ones and learned from nobody here.",
        "fold": "Small encoders learned where keypoints are, from the people of each fold's "
        "training recordings alone.",
        "once": "Small encoders learned where keypoints are, never an outcome, from all people of "
        "train and val, also those whom a fold tests; nobody of split test was seen by anything.",
    }
    return [
        encoders[config.encoders],
        f"Outer folds keep {apart} apart. Epochs, strengths, weights and thresholds are chosen in "
        "each fold by inner cross-validation of its training recordings.",
        f"Decisions and probabilities are adjusted to {float(config.prior):.2f} of won recordings: "
        "logit p + logit(prior) - logit(share in training). AUC does not depend on that.",
        "Intervals are of 2,000 bootstrap samples of people with all of their recordings. Of ten "
        "people or fewer they are too narrow.",
        f"p: outcomes are dealt anew {config.permutations:,} times, whole people at once; how "
        "often balanced accuracy is as good then.",
        "ECE: mean distance of probability and share of wins, in points, over ten bins.",
        "InterFusion and the joining of streams are interpretations: the paper's equations are not "
        "known.",
    ]


def choices(fits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What inner folds chose, a column a part."""
    lines = []
    for row, title in ROWS.items():
        cells = []
        for part in fits.values():
            chosen = part[row]["choice"]
            if "weights" in chosen:
                cells.append(", ".join(f"{value:.2f}" for value in chosen["weights"].values()))
            else:
                cells.append(", ".join(f"{key} {value:g}" for key, value in chosen.items()) or "–")
        lines.append([title, *cells])
    head = ["Row", *fits]
    return {"head": head, "lines": lines, "align": "l" * len(head)}
