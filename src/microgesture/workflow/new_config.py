"""A first config for a new data set: what was seen of it, and a small recipe of the default run."""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import Layout, load_layout
from microgesture.readers.folders import video_paths
from microgesture.readers.look_common import Look
from microgesture.utils.errors import InputError
from microgesture.utils.packages import need_video_packages
from microgesture.utils.resources import resource_folder
from microgesture.utils.text import counted

TAKEN = ("cleaning", "align", "box", "heatmaps", "augment", "semantic", "models", "testing")
"""Sections that are taken from the default config as they stand there."""
THERE = 0.01
"""Share of the frames in which a joint has to be found to be taken for one that the data have."""
FEW_SUBJECTS, MOST_FOLDS = 12, 5
MOST_VIDEOS = 20
"""Videos that are opened, each read to its end without decoding it."""
WHOLE_HANDS = 42
"""Points of both; layouts that have them all are for boxes of their own, see `parts`."""


def choose_layout(found: Look) -> tuple[Layout, list[str]]:
    """The layout with the most joints of those whose joints the data have, and what it lacks.

    Where none has all its joints there, it is the one that lacks the fewest.
    """
    layouts = [load_layout(path) for path in sorted(resource_folder("layouts").glob("*.yaml"))]
    hands = KEYPOINT_FORMATS[found.source].regions["hands"]
    fitting = [
        layout
        for layout in layouts
        if layout.source == found.source and np.isin(layout.points, hands).sum() < WHOLE_HANDS
    ]

    def missing(layout: Layout) -> list[str]:
        there = found.seen[layout.points] >= THERE
        return [name for name, is_there in zip(layout.joints, there, strict=True) if not is_there]

    best = min(fitting, key=lambda layout: (len(missing(layout)), -len(layout.joints)))
    return best, missing(best)


def check_videos(found: Look) -> None:
    """Open the first videos of `data.format: video`, and note the first that cannot be read.

    Raises
    ------
    InputError
        When none of them can be read.

    """
    if found.data["format"] != "video":
        return
    need_video_packages("reading video")
    from microgesture.video.decode import probe

    videos = list(islice(video_paths(Path(found.data["root"])), MOST_VIDEOS))
    bad = []
    for path in videos:
        try:
            probe(path)
        except InputError as error:
            bad.append(str(error))
    if len(bad) == len(videos):
        raise InputError(f"none of the first {counted(len(videos), 'video')} can be read; {bad[0]}")
    found.bad = bad[0] if bad else ""


def config_text(
    found: Look, *, name: str, results: str, classes: str, default: str, command: str
) -> str:
    """The config as text, with a comment wherever something was guessed or may be changed.

    Parameters
    ----------
    found : Look
        What was seen of the data.
    name : str
        What the data are called.
    results : str
        The results folder.
    classes : str
        The file of class names.
    default : str
        Text of the default config, some of whose sections are taken.
    command : str
        How to run it, for the first line.

    """
    layout, missing = choose_layout(found)
    folds = _folds(found)
    lines = [
        f"# {name}: a first config, written by microgesture new-config from what the files say.",
        f"#   {command}",
        "# Small networks and few epochs; docs/config.md says what every key means.",
        "",
        f"results: {results}",
        "",
        "data:",
        f"  name: {_inline(name)}",
        *_data_lines(found),
        "",
        f"classes: {_inline(classes)} # {counted(len(found.class_names), 'class')}",
        "seeds: [0, 1] # more seeds, narrower intervals",
        _folds_line(found, folds),
        "imbalance: null",
        "",
        *_sections(default),
        *_variants(layout, missing),
        "submission: null # or a row, where there are test clips of a challenge",
        "robustness: null # or as in config/config.yaml: accuracy on damaged test clips",
        "occlusion: null # or as in config/config.yaml: what a model looks at",
    ]
    return "\n".join(lines) + "\n"


def _folds(found: Look) -> int | None:
    count = len(found.subjects)
    if not found.by_subject or count > FEW_SUBJECTS:
        return None
    return min(count, MOST_FOLDS)


def _folds_line(found: Look, folds: int | None) -> str:
    if folds is None:
        return "folds: null # or a number: cross-validation with so many folds by subject"
    people = counted(len(found.subjects), "subject")
    return f"folds: {folds} # cross-validation, since {people} are few; null: the split above"


def _data_lines(found: Look) -> list[str]:
    lines = []
    for key, value in found.data.items():
        said = found.said.get(key)
        lines.append(f"  {key}: {_inline(value)}" + (f" # {said}" if said else ""))
    if found.bad:
        lines.append("  on_bad_clip: skip # some cannot be read; they are listed in the log")
    else:
        lines.append("  on_bad_clip: stop # or skip, which leaves bad clips out and lists them")
    return lines


def _inline(value: Any) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _sections(default: str) -> list[str]:
    """The sections of `TAKEN` as they stand in the default config, comments included."""
    blocks = re.split(r"^(?=\w+:)", default, flags=re.MULTILINE)
    by_name = {block.partition(":")[0]: block.rstrip() for block in blocks}
    return [line for name in TAKEN for line in (*by_name[name].splitlines(), "")]


def _variants(layout: Layout, missing: list[str]) -> list[str]:
    count = len(layout.joints)
    about = f"{count} points"
    graph, joint, limb = (f"{kind}{count}_align" for kind in ("stgcn", "joint", "limb"))

    def row(key: str, title: str, settings: Mapping[str, Any]) -> list[str]:
        entry = {"title": f"{title}, {about}, align", **settings}
        return [
            f"  {key}:",
            f"    {_inline({**entry, 'layout': layout.name, 'temporal': 'align'})}",
        ]

    beats = {"claim": "Joint + limb beats either", "better": "fused", "worse": [joint, limb]}
    note = []
    if missing:
        some = ", ".join(missing[:6]) + (" ..." if len(missing) > 6 else "")
        note = [
            f"  # {len(missing)} of the joints of {layout.name} were found in no frame: {some};"
        ]
        note += ["  # a layout without them, a file in config/layouts, would be better"]
    return [
        "variants:",
        *note,
        *row(graph, "ST-GCN", {"model": "stgcn"}),
        *row(joint, "PoseC3D joint", {"model": "posec3d", "stream": "joint"}),
        *row(limb, "PoseC3D limb", {"model": "posec3d", "stream": "limb"}),
        "",
        "fusions:",
        "  fused:",
        f"    {_inline({'title': 'Fused, joint + limb, 1:1', 'members': {joint: 1, limb: 1}})}",
        "",
        "claims:",
        f"  - {_inline({'claim': 'PoseC3D beats ST-GCN', 'better': joint, 'worse': graph})}",
        f"  - {_inline(beats)}",
        "",
    ]


def own_classes(names: list[str]) -> str:
    """Text of a list of classes that comes with a data set."""
    head = "# The classes in the order of their ids; an id is a position.\n"
    listed = yaml.safe_dump({"classes": names}, sort_keys=False, allow_unicode=True)
    return head + str(listed)
