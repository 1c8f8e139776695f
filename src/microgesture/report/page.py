"""The page as a whole: headline first, then the parts that there is something to show in."""

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from microgesture.evaluation.rows import FUSION, SPLITS, Row
from microgesture.report import sections
from microgesture.report.findings import findings
from microgesture.report.material import Material
from microgesture.report.render import render, script_hash
from microgesture.utils.files import write_text

_PARTS = (
    sections.table_section,
    sections.claims_section,
    sections.training_section,
    sections.classes_section,
    sections.confusion_section,
    sections.calibration_section,
    sections.robustness_section,
    sections.missing_section,
    sections.errors_section,
    sections.occlusion_section,
    sections.cost_section,
    sections.models_section,
    sections.data_section,
    sections.repeat_section,
)


def write_page(material: Material, path: str | Path, figures: str | Path) -> None:
    """Write the page and, into the folder ``figures``, every figure that it draws.

    The same material gives the same bytes: no date and no path of this machine is in the page.
    """
    made = [part(material, Path(figures)) for part in _PARTS]
    shown = [one for one in made if one is not None]
    script = render("page.js")
    page = render(
        "page.html",
        headline=headline(material),
        sections=shown,
        script=Markup(script),  # a file of this package, without a variable
        script_hash=script_hash(script),
    )
    write_text(path, page)


def write_emotion_page(path: Path, **content: Any) -> None:
    """Write the page of the emotion part likewise."""
    write_text(path, render("page/emotion.html", **content))


def write_online_page(path: Path, **content: Any) -> None:
    """Write the page of detectors, in the same style; its content comes as plain data."""
    write_text(path, render("page/online.html", **content))


def headline(material: Material) -> dict[str, Any]:
    """Name of the data, whether they are made up, what was found, and key numbers."""
    evaluation, shown = material.evaluation, material.shown
    return {
        "name": str(material.config.data_name or material.config.data_format),
        "generated": material.generated,
        "findings": findings(evaluation, material.claims, material.config, material.summary),
        "clips": len(evaluation.labels),
        "split": SPLITS[evaluation.split],
        "subjects": len(np.unique(evaluation.subjects)),
        "chance": f"{evaluation.chance:.1f}",
        "top1": f"{shown.top1:.1f}",
        "spread": _spread(shown),
        "which": "submitted"
        if material.config.submission
        else ("fused" if shown.model == FUSION else "best"),
        "per_class": f"{shown.scores['mean_class'].mean():.1f}",
        "classes": len(evaluation.classes),
        "present": int((evaluation.counts > 0).sum()),
        "seeds": len(evaluation.seeds),
    }


def _spread(row: Row) -> str:
    """Sample standard deviation of a row's top-1; nothing with one seed."""
    values = row.scores["top1"]
    return f"± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
