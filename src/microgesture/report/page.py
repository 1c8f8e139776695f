"""The page as a whole: headline first, then the parts that there is something to show in."""

from pathlib import Path
from typing import Any

import numpy as np

from microgesture.evaluation.rows import FUSION
from microgesture.report import sections
from microgesture.report.material import Material
from microgesture.report.notes import SPLITS
from microgesture.report.render import render
from microgesture.utils.files import write_text

_PARTS = (
    sections.table_section,
    sections.claims_section,
    sections.training_section,
    sections.classes_section,
    sections.confusion_section,
    sections.calibration_section,
    sections.robustness_section,
    sections.errors_section,
    sections.occlusion_section,
    sections.cost_section,
    sections.data_section,
    sections.repeat_section,
)


def write_page(material: Material, path: str | Path, figures: str | Path) -> None:
    """Write the page and, into the folder ``figures``, every figure that it draws.

    The same material gives the same bytes: no date and no path of this machine is in the page.
    """
    made = [part(material, Path(figures)) for part in _PARTS]
    shown = [one for one in made if one is not None]
    write_text(path, render("page.html", headline=headline(material), sections=shown))


def headline(material: Material) -> dict[str, Any]:
    """Name of the data, whether they are made up, what one sentence states, and key numbers."""
    evaluation, best, shown = material.evaluation, material.best, material.shown
    named = material.config.get("submission") or shown.model == FUSION
    return {
        "name": str(
            material.config.get("data_name") or material.config.get("data_format") or "Data"
        ),
        "generated": material.generated,
        "clips": len(evaluation.labels),
        "split": SPLITS[evaluation.split],
        "subjects": len(np.unique(evaluation.subjects)),
        "folds": evaluation.folds if material.config.get("folds") else None,
        "apart": _apart(material),
        "shown": shown.title,
        "score": _score(material, shown.name),
        "highest": best.title if best.top1 > shown.top1 else None,
        "level": sum(row.top1 == shown.top1 for row in evaluation.rows) > 1,
        "highest_score": _score(material, best.name),
        "rows": len(evaluation.rows),
        "picked": not named,
        "chance": f"{evaluation.chance:.1f}",
        "top1": f"{shown.top1:.1f}",
        "spread": _spread(material, shown.name),
        "which": "submitted"
        if material.config.get("submission")
        else ("fused" if shown.model == FUSION else "best"),
        "per_class": f"{shown.scores['mean_class'].mean():.1f}",
        "classes": len(evaluation.classes),
        "present": int((evaluation.counts > 0).sum()),
        "seeds": len(evaluation.seeds),
    }


def _apart(material: Material) -> bool:
    """Whether it is known that no measured subject was trained on."""
    shared = material.summary.get("subject_overlap")
    if shared is None or material.summary.get("subject_is_video"):
        return False
    split = material.evaluation.split
    return not any(shared.get(f"train{sign}{split}") for sign in "+-")


def _score(material: Material, name: str) -> str:
    """Mean and spread of a row's top-1."""
    spread = _spread(material, name)
    return f"{material.evaluation.row(name).top1:.1f}{f' {spread}' if spread else ''}"


def _spread(material: Material, name: str) -> str:
    """Sample standard deviation of a row's top-1; nothing with one seed."""
    values = material.evaluation.row(name).scores["top1"]
    return f"± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
