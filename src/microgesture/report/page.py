"""The page as a whole: headline first, then the parts that there is something to show in."""

from html import escape
from pathlib import Path

import numpy as np

from microgesture.evaluation.rows import FUSION
from microgesture.report import sections
from microgesture.report.html import page, paragraph
from microgesture.report.material import Material
from microgesture.report.notes import SPLITS
from microgesture.utils.files import write_text
from microgesture.utils.text import counted

_PARTS = (
    sections.table_section,
    sections.claims_section,
    sections.training_section,
    sections.classes_section,
    sections.confusion_section,
    sections.calibration_section,
    sections.robustness_section,
    sections.mistakes_section,
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
    name = _data_name(material)
    text = page(f"{name}: results", headline(material), [one for one in made if one is not None])
    write_text(path, text)


def _data_name(material: Material) -> str:
    return str(material.config.get("data_name") or material.config.get("data_format") or "Data")


def headline(material: Material) -> str:
    """Name of the data, a banner where they are made up, one sentence, and the key numbers."""
    parts = ['<p class="kicker">Micro-gesture recognition from skeletons</p>']
    parts.append(f"<h1>{escape(_data_name(material))}</h1>")
    if material.generated:
        parts.append(
            '<p class="banner"><strong>Generated data: says nothing about iMiGUE.</strong> The '
            "skeletons were made by a program, to try the workflow; no number on this page "
            "measures how well people's gestures are recognised.</p>"
        )
    parts.append(paragraph(_sentence(material), "lead"))
    parts.append(f'<ul class="cards">{_cards(material)}</ul>')
    return "".join(parts)


def _sentence(material: Material) -> str:
    evaluation, best, shown = material.evaluation, material.best, material.shown
    people = counted(len(np.unique(evaluation.subjects)), "subject")
    clips = counted(len(evaluation.labels), f"{SPLITS[evaluation.split]} clip")
    where = f"{clips} of {people}"
    if material.config.get("folds"):
        how = f"every clip predicted once, in {evaluation.folds} folds by subject"
    elif _apart(material):
        how = "trained on other subjects only"
    else:
        how = "some of whom may have been trained on"
    text = f"**{shown.title}** recognises {_score(material, shown.name)} of {where}, {how}."
    if best.name != shown.name:
        text += f" The highest row is {best.title} with {_score(material, best.name)}."
    elif len(evaluation.rows) > 1:
        named = material.config.get("submission") or shown.model == FUSION
        picked = "" if named else ", picked on these very clips, which flatters it"
        text += f" It is the highest of {len(evaluation.rows)} rows{picked}."
    return f"{text} Always naming the most frequent class would reach {evaluation.chance:.1f} %."


def _apart(material: Material) -> bool:
    """Whether it is known that no measured subject was trained on."""
    shared = material.summary.get("subject_overlap")
    if shared is None or material.summary.get("subject_is_video"):
        return False
    split = material.evaluation.split
    return not any(shared.get(f"train{sign}{split}") for sign in "+-")


def _score(material: Material, name: str) -> str:
    """Mean and spread of a row's top-1."""
    values = material.evaluation.row(name).scores["top1"]
    spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread} %"


def _cards(material: Material) -> str:
    evaluation, shown = material.evaluation, material.shown
    scores = shown.scores
    fused = "fused row" if shown.model == FUSION else "best row"
    which = "submitted row" if material.config.get("submission") else fused
    present = int((evaluation.counts > 0).sum())
    spread = scores["top1"].std(ddof=1) if len(evaluation.seeds) > 1 else None
    small = "" if spread is None else f" <small>± {spread:.1f} %</small>"
    per_class = scores["mean_class"].mean()
    split = SPLITS[evaluation.split]
    cards = [
        ("main", f"{shown.top1:.1f}{small or ' <small>%</small>'}", f"top-1, {which}"),
        ("", f"{evaluation.chance:.1f} <small>%</small>", "chance"),
        ("", f"{per_class:.1f} <small>%</small>", "mean class accuracy"),
        ("", f"{len(evaluation.labels):,}", f"{split} clips"),
        ("", f"{len(np.unique(evaluation.subjects)):,}", f"{split} subjects"),
        ("", str(present), f"classes, of {len(evaluation.classes)}"),
        ("", str(len(evaluation.seeds)), "seed" if len(evaluation.seeds) == 1 else "seeds"),
    ]
    return "".join(
        f'<li class="{kind}"><b>{value}</b><span>{escape(label)}</span></li>'
        for kind, value, label in cards
    )
