"""Everything that the page shows, read from the results folder and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microgesture.data import paths
from microgesture.data.clip_file import Records
from microgesture.data.layouts import Layout
from microgesture.data.store import Clip, iter_store, read_metadata
from microgesture.evaluation.claims import Claim, judge_claims
from microgesture.evaluation.load import load_evaluation
from microgesture.evaluation.occlusion import Occlusion, mean_occlusion
from microgesture.evaluation.rows import Evaluation, Row
from microgesture.settings.models import VIDEO_MODELS
from microgesture.settings.results import PageStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json
from microgesture.video.crops import crops_of
from microgesture.viz.clips import strip_frames

MISSING_COLUMNS = ("missing", "clips", "top1", "mean_class")
ROBUSTNESS_COLUMNS = ("kind", "level", "clips", "top1", "mean_class")


@dataclass(frozen=True)
class Material:
    """What the page is made of.

    Attributes
    ----------
    config
        What of the config is shown.
    results
        The folder that all was read from.
    evaluation, claims, summary
        As the ablation table shows them.
    runs
        Metrics of every run of each variant, by run name.
    robustness
        Columns variant, run, kind, level, clips, top1, mean_class; None where it is not asked for.
    occlusion
        By variant; empty where it is not asked for.
    missing_sources
        Columns variant, run, missing (a source, or nothing), clips, top1, mean_class; None without
        variants on the tokens of others.
    layouts
        To draw skeletons with, the one with most joints first.
    skeletons
        The store that the clips are in.
    crops
        Manifest of the crops of video; None where there is none.

    """

    config: PageStep
    results: Path
    evaluation: Evaluation
    claims: Sequence[Claim]
    summary: Mapping[str, Any]
    runs: Mapping[str, Mapping[str, Mapping[str, Any]]]
    robustness: pd.DataFrame | None
    occlusion: Mapping[str, Occlusion]
    missing_sources: pd.DataFrame | None
    layouts: Sequence[Layout]
    skeletons: Path
    crops: Path | None = None

    @property
    def generated(self) -> bool:
        """Whether the data are made up."""
        return self.config.generated

    @property
    def shown(self) -> Row:
        """The row that is looked at closely: the submitted one, or see `Evaluation.shown`."""
        return self.evaluation.shown(self.config.submission)

    @property
    def members(self) -> list[Row]:
        """The variants that the shown row is fused from; none where it is a variant."""
        fusion = self.config.fusions.get(self.shown.name)
        return [self.evaluation.row(name) for name in fusion.members] if fusion else []


def load_material(
    config: PageStep,
    results: Path,
    classes: list[str],
    summary: Mapping[str, Any],
    skeletons: Path,
    layouts: Sequence[Layout],
    crops: Path | None = None,
) -> Material:
    """Read predictions, metrics and, where the config asks for them, robustness and occlusion.

    Raises
    ------
    InputError
        When something that the config asks for is missing or is not what it should be.

    """
    evaluation = load_evaluation(config, results, classes, summary)
    names = paths.run_names(evaluation.seeds, config.folds)
    return Material(
        config=config,
        results=results,
        evaluation=evaluation,
        claims=judge_claims(evaluation, config.claims),
        summary=summary,
        runs={
            variant: {
                run: read_json(results / paths.training(variant, run, paths.TRAINING))
                for run in names
            }
            for variant in config.variants
        },
        robustness=read_robustness(config, results) if config.robustness else None,
        occlusion=_occlusion(config, results),
        missing_sources=_missing_sources(config, results),
        layouts=sorted(layouts, key=lambda one: -len(one.joints)),
        skeletons=skeletons,
        crops=crops,
    )


def _probes(config: PageStep, results: Path) -> dict[str, dict[str, list[Path]]]:
    """Files of ``robustness``, ``occlusion`` and ``missing``, by variant, in the runs' order.

    Those of other runs may lie there too, from before the config was changed.
    """
    kinds: dict[str, dict[str, list[Path]]] = {"robustness": {}, "occlusion": {}, "missing": {}}
    seeds, folds = sorted(config.seeds), config.folds
    for variant, shown in config.variants.items():
        if shown.sources:
            runs = paths.run_names(seeds, folds)
            kinds["missing"][variant] = [
                results / paths.missing_sources(variant, run) for run in runs
            ]
    if config.robustness:
        runs = paths.run_names(seeds if config.robustness.runs == "all" else seeds[:1], folds)
        for variant, shown in config.variants.items():
            sees = [config.variants[name].model for name in shown.sources or [variant]]
            if config.robustness.video is None and set(sees).intersection(VIDEO_MODELS):
                continue
            kinds["robustness"][variant] = [
                results / paths.robustness(variant, run) for run in runs
            ]
    if config.occlusion:
        for variant in config.occlusion.variants:
            runs = paths.run_names(seeds[:1], folds)
            kinds["occlusion"][variant] = [results / paths.occlusion(variant, run) for run in runs]
    for path in (path for kind in kinds.values() for files in kind.values() for path in files):
        if not path.is_file():
            raise InputError(
                f"{path}: is not there; run the step that writes it, or set robustness or "
                "occlusion to null where it is of these"
            )
    return kinds


def probe_files(config: PageStep, results: Path) -> list[Path]:
    """The files of robustness, occlusion and missing sources that the config asks for."""
    kinds = _probes(config, results).values()
    return [path for kind in kinds for files in kind.values() for path in files]


def read_robustness(config: PageStep, results: Path) -> pd.DataFrame:
    """Measured top-1 of every variant, see `Material.robustness`."""
    parts = []
    for variant, files in _probes(config, results)["robustness"].items():
        for path in files:
            part = pd.read_csv(path)
            if tuple(part.columns) != ROBUSTNESS_COLUMNS or not (part.kind == "none").any():
                raise InputError(
                    f"{path}: has the columns {', '.join(part.columns)} and "
                    f"{(part.kind == 'none').sum() if 'kind' in part else 0} rows of kind none; "
                    f"expected {', '.join(ROBUSTNESS_COLUMNS)} and one such row; measure again"
                )
            parts.append(part.assign(variant=variant, run=path.stem))
    return pd.concat(parts, ignore_index=True)


def _missing_sources(config: PageStep, results: Path) -> pd.DataFrame | None:
    parts = []
    for variant, files in _probes(config, results)["missing"].items():
        for path in files:
            part = pd.read_csv(path, keep_default_na=False)
            if tuple(part.columns) != MISSING_COLUMNS:
                raise InputError(
                    f"{path}: has the columns {', '.join(part.columns)}; expected "
                    f"{', '.join(MISSING_COLUMNS)}; measure again"
                )
            parts.append(part.assign(variant=variant, run=path.stem))
    return pd.concat(parts, ignore_index=True) if parts else None


def _occlusion(config: PageStep, results: Path) -> dict[str, Occlusion]:
    files = _probes(config, results)["occlusion"]
    return {variant: mean_occlusion(of) for variant, of in files.items()}


def layout_for(material: Material) -> Layout:
    """The layout with most joints of those that fit the store."""
    order = read_metadata(material.skeletons)["points"]
    for layout in material.layouts:
        if layout.source == order:
            return layout
    raise InputError(
        f"{material.skeletons}: holds the points {order}, for which none of the layouts "
        f"{', '.join(layout.name for layout in material.layouts)} is; give one with --layouts"
    )


def read_clips(material: Material, wanted: list[str]) -> dict[str, Clip]:
    """Clips of the store by id."""
    ids = set(wanted)
    found = {clip.clip_id: clip for clip in iter_store(material.skeletons) if clip.clip_id in ids}
    if missing := sorted(ids - set(found)):
        raise InputError(
            f"{material.skeletons}: has no clip {missing[0]}, which was predicted; give the store "
            "that the predictions were made from"
        )
    return found


def read_crops(material: Material, clip: Clip) -> np.ndarray | None:
    """Crops of the frames of a clip that a strip shows; None where it has no video."""
    if material.crops is None or clip.clip_id in read_json(material.crops)["missing"]:
        return None
    records = Records(material.crops.with_suffix(".arrow"))
    rows = np.flatnonzero(records.index["clip_id"] == clip.clip_id)
    if not len(rows):
        raise InputError(
            f"{material.crops}: has no clip {clip.clip_id}, which was predicted; give the crops "
            "that the predictions were made from"
        )
    return crops_of(records, int(rows[0]), np.array(strip_frames(len(clip.points))))


def recorded(material: Material) -> tuple[list[str], set[str]]:
    """Commits and package versions that the records of the trainings name."""
    trainings = [(name, run) for name, of in material.runs.items() for run in of]
    files = [material.results / paths.record("train", *one) for one in trainings]
    records: list[Mapping[str, Any]] = [read_json(path) for path in files if path.is_file()]
    commits = set()
    for one in records:
        state = one.get("git", {})
        if state.get("commit"):
            changed = " with changes that were not committed" if state.get("dirty") is True else ""
            commits.add(f"{state['commit']}{changed}")
    packages = {
        f"{name} {version}" for one in records for name, version in one.get("packages", {}).items()
    }
    return sorted(commits), packages


def data_warnings(path: Path) -> list[str] | None:
    """The warnings of the data report, in its Markdown; None where there is no report."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").partition("## Warnings")[2].partition("\n## ")[0]
    return [line[2:] for line in lines.splitlines() if line.startswith("- ")]
