"""What is checked of a config before anything is planned, besides its keys: files, paths, numbers.

Snakemake reads the files of ``--configfile`` before it reads the Snakefile, and says neither file
nor line when one is not YAML, so the default profile has `check_command_line` look first.
"""

import argparse
import copy
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from microgesture.data.classes import load_classes
from microgesture.data.layouts import load_layout
from microgesture.data.long_tail import long_tailed_counts
from microgesture.data.parts import view_of
from microgesture.readers.folders import places
from microgesture.settings.config import Config
from microgesture.settings.data import Synthetic, Videos
from microgesture.settings.models import HeatmapVariant
from microgesture.synthetic.release import class_counts
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json
from microgesture.utils.packages import need_video_packages
from microgesture.workflow.config import reader_step
from microgesture.workflow.named_files import recorded
from microgesture.workflow.variants import layout_file, layouts, whole_variant

PATHS = (
    ("results",),
    ("classes",),
    *(
        ("data", key)
        for key in ("root", "path", "paths", "labels", "subjects", "video_splits", "segments")
    ),
    ("semantic", "path"),
    ("video", "root"),
    ("video", "table"),
)
"""Places of a config that hold paths; a variant's ``pretrained`` is another one."""

CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
TARGET_FIRST = "; if it is to be made, put it before --configfile, which takes all words after it"


def check_command_line(arguments: Sequence[str]) -> None:
    """End Snakemake with one line when a file that ``--configfile`` names is no config."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", default=[], action="extend")
    if "--mode" in arguments:  # a job of a run that has looked
        return
    for name in parser.parse_known_args(list(arguments))[0].configfile:
        path = Path(os.path.expandvars(name))
        try:
            if not path.exists():
                raise InputError(f"--configfile: there is no {path}")
            if not path.is_file():
                raise InputError(
                    f"--configfile: {path} is no file, and a pipe can be read only once; "
                    "write the config into a file"
                )
            check_syntax(path)
        except InputError as error:
            told = "" if path.suffix in CONFIG_SUFFIXES else TARGET_FIRST
            print(f"{error}{told}", file=sys.stderr)
            raise SystemExit(2) from None


def check_checkout(folder: str) -> None:
    """Refuse a checkout whose path Snakemake would take for a pattern."""
    for path in (folder, str(Path.cwd())):
        if "{" in path or "}" in path:
            raise InputError(
                f"{path}: the path of this checkout holds a brace, which Snakemake takes for a "
                "wildcard; rename the folder or move the checkout"
            )


def check_working_folder(checkout: str) -> None:
    """Refuse to run anywhere but in the checkout, in which scripts and configs are looked for."""
    if Path.cwd().resolve() != Path(checkout).resolve():
        place = shlex.quote(checkout)
        raise InputError(
            f"{Path.cwd()}: the workflow runs in its checkout alone; cd {place}, "
            f"or give --directory {place}"
        )


def check_syntax(path: Path) -> None:
    """Refuse a config file that is not YAML, or in which a key occurs twice: one would be lost.

    Raises
    ------
    InputError
        Naming file and line.

    """
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        raise InputError(f"{path}{_place(error)}; mend the file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as YAML: {reason}; mend the file") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no config, expected 'key: value' lines")
    waiting: list[Any] = [yaml.compose(text, yaml.SafeLoader)]
    followed = set()
    while waiting:
        node = waiting.pop()
        if id(node) in followed:  # an alias
            continue
        followed.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                waiting.append(value)
                if str(key.value) in seen:
                    raise InputError(
                        f"{path}, line {key.start_mark.line + 1}: {key.value} occurs twice, and "
                        "the first would be lost; rename or remove one"
                    )
                seen.add(str(key.value))


def _place(error: yaml.MarkedYAMLError) -> str:
    """Where a file is not YAML, and why."""
    mark, begun = error.problem_mark or error.context_mark, error.context_mark
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    within = f" {error.context}" if error.context else ""
    if begun and mark and begun.line != mark.line:
        within += f" that began in line {begun.line + 1}"
    return f"{where}: is not YAML: {error.problem}{within}"


def with_paths(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The config with ``~`` and ``$VARIABLE`` filled in wherever it names a file or folder.

    Done once, before anything is made of the config, so that steps and records see plain paths.

    Raises
    ------
    InputError
        When a variable is not set, or a path cannot be used.

    """
    filled = copy.deepcopy(dict(config))
    for place, above, key in _paths(filled):
        above[key] = _each(above[key], f"{source}: {place}")
    if isinstance(filled.get("results"), str):
        filled["results"] = _results(filled["results"], f"{source}: results")
    return filled


def _paths(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each place that holds paths: its name, the section that it is in, and its key there."""
    variants = config.get("variants")
    names = list(variants) if isinstance(variants, Mapping) else []
    for *above, key in [*PATHS, *(("variants", name, "pretrained") for name in names)]:
        here: Any = config
        for one in above:
            here = here.get(one) if isinstance(here, Mapping) else None
        if isinstance(here, dict) and key in here:
            yield ".".join(map(str, [*above, key])), here, key


def _each(value: Any, place: str) -> Any:
    """Every path of a place filled in: one, a list, or one or a list for each split."""
    if isinstance(value, list):
        return [_each(one, place) for one in value]
    if isinstance(value, dict):
        return {key: _each(one, f"{place}.{key}") for key, one in value.items()}
    return _filled_in(value, place) if isinstance(value, str) else value


def _filled_in(path: str, place: str) -> str:
    filled = os.path.expandvars(path)
    if missing := re.search(r"\$(\w+|\{[^}]*\})", filled, re.ASCII):
        raise InputError(f"{place} is {path!r}, but {missing[0]} is not set; set it")
    if filled.startswith("~"):
        try:
            filled = str(Path(filled).expanduser())
        except RuntimeError:
            said = "but there is no such home; write the folder out"
            raise InputError(f"{place} is {path!r}, {said}") from None
    if "{" in filled or "}" in filled:
        raise InputError(f"{place}: {filled} holds a brace; rename the file or folder")
    if not filled.isprintable():
        raise InputError(f"{place}: {filled!r} holds a line break or the like; rename it")
    return filled


def _results(path: str, place: str) -> str:
    """The results folder, relative where it lies in the checkout, as Git and DVC expect it."""
    folder = Path(path)
    if folder.is_absolute() and folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    inside = r"results(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*"
    if ".." in folder.parts or not (
        (folder.is_absolute() and len(folder.parts) > 1) or re.fullmatch(inside, str(folder))
    ):
        raise InputError(
            f"{place} is {path!r}; expected results, a plain folder below it such as results/mine, "
            "which Git leaves out and DVC versions, or an absolute path such as /scratch/mine"
        )
    return str(folder)


def check_contents(config: Config, source: str) -> None:
    """Check what the config names besides data: class names, layouts, and clips for a batch.

    Raises
    ------
    InputError

    """
    results = Path(config.results)
    for place in (results, *results.parents):
        if os.path.lexists(place) and not place.is_dir():
            raise InputError(
                f"{source}: results is {results}, but {place} is no folder, or a link that leads "
                "nowhere; remove it or name another"
            )
    for key, above, last in _paths(config.given()):
        for path in places(above[last]) if key != "results" else ():
            if Path(path).resolve().is_relative_to(results.resolve()):
                raise InputError(
                    f"{source}: {key}: {path} lies in the results folder {results}, where only "
                    "what the workflow makes belongs; move it elsewhere"
                )
    if config.video is not None:
        need_video_packages(f"{source}: video")
    if isinstance(config.data, Videos):
        need_video_packages(f"{source}: data.format video")
    load_classes(config.classes)
    skeletons = {layout: load_layout(layout_file(layout)) for layout in layouts(config)}
    for name, variant in config.variants.items():
        if isinstance(variant, HeatmapVariant) and variant.parts:
            try:
                view_of(skeletons[variant.layout], variant.parts)
            except InputError as error:
                raise InputError(f"{source}: variants.{name}: {error}") from None
    clips = training_clips(config)
    for name in config.variants:
        training = whole_variant(config, name).training
        if clips is not None and training is not None and training.batch > clips:
            raise InputError(
                f"{source}: variants.{name}: training.batch is {training.batch}, but there are at "
                f"most {clips} clips to train on; lower it, or delete "
                f"{_summary(config)} if clips were added since"
            )


def training_clips(config: Config) -> int | None:
    """Clips to train on, or more where that is all that is known; None before data were read.

    Under cross-validation these are the clips of all splits, of which each fold leaves some out.
    """
    splits = ["train"] if config.folds is None else ["train", "val", "test"]
    if recorded(Path(config.results, "provenance/skeletons.json")) == reader_step(config).reading():
        try:
            found = read_json(_summary(config))["splits"]
            each = [list(found[split]["clips_per_class"].values()) for split in splits]
        except (OSError, InputError, KeyError, TypeError, AttributeError):
            return None
        counts, ratio = np.sum(each, axis=0), config.imbalance
        if ratio is None or config.folds is not None:
            return int(counts.sum())
        return int(long_tailed_counts(counts, ratio).sum())
    if not isinstance(config.data, Synthetic):
        return None
    made = config.data.generate
    return sum(
        int(class_counts(getattr(made.clips, s), getattr(made.class_minimum, s)).sum())
        for s in splits
    )


def _summary(config: Config) -> Path:
    return Path(config.results, "skeletons/summary.json")
