"""The library's functions with sections of a config written as plain dictionaries."""

import json

from microgesture.data_report import scan as data_scan
from microgesture.evaluation import claims as judging
from microgesture.evaluation import fusion, load
from microgesture.models import label_embeddings as embeddings
from microgesture.preprocessing import cleaning, prepare, profile
from microgesture.provenance import raw_data
from microgesture.readers import formats, sources
from microgesture.report import ablation_table, material
from microgesture.report import findings as finding
from microgesture.settings.data import read_section
from microgesture.settings.label_embeddings import WordVectors
from microgesture.settings.parse import parse
from microgesture.settings.preparation import Cleaning, PersonRule, Preparation
from microgesture.settings.results import PageStep
from microgesture.settings.rows import ClaimEntry, FusionRecipe

USUAL = {
    "miga2025": {"subjects": None, "test_labels": "placeholder"},
    "imigue2021": {},
    "parquet": {"path": "clips.parquet"},
    "smg": {"root": "smg"},
}
SIZE = {"fps": 25, "height": 720, "width": 1280}


def section(data):
    """A data section, with what the tests' data have in common where it is left out."""
    kind = data.get("format")
    size = {key: SIZE[key] for key in SIZE if kind not in ("parquet", "csv", "pyskl", "recordings")}
    if kind == "smg":
        del size["fps"]
    usual = {"on_bad_clip": "stop", **size, **USUAL.get(kind, {})}
    # as from the command line: paths are text
    return read_section(json.loads(json.dumps({**usual, **data}, default=str)))


def read_clips(data, class_names, workers=1, whole=False):
    return formats.read_clips(section(data), class_names, workers, whole)


def by_video(data):
    return formats.by_video(section(data))


def keypoint_format(data):
    return formats.keypoint_format(section(data))


def raw_files(data):
    return sources.raw_files(section(data))


def frames_digest(data):
    return sources.frames_digest(section(data))


def raw_inputs(record, data):
    return raw_data.raw_inputs(record, section(data))


def clean(points, config, *more, **named):
    return cleaning.clean(points, Cleaning(**config), *more, **named)


def clip_profile(clip, layout, config):
    return profile.clip_profile(clip, layout, Cleaning(**config))


def prepare_clips(clips, layout, config, *more):
    settings = Preparation(**{"on_bad_clip": "stop", **config})
    return prepare.prepare_clips(clips, layout, settings, *more)


def scan(clips, layout, cleanings=None):
    rules = {
        name: PersonRule(min_score=how["min_score"], max_jump=how["max_jump"])
        for name, how in (cleanings or {}).items()
    }
    return data_scan.scan(clips, layout, rules)


def label_embeddings(class_names, config):
    return embeddings.label_embeddings(class_names, parse(WordVectors, config, "semantic"))


def shown(config):
    """What the page shows, with titles where they are left out."""
    variants = {
        name: {"title": name, "model": "stgcn", **variant}
        for name, variant in config["variants"].items()
    }
    usual = {"data_name": "Data", "data_format": "parquet"}
    return parse(PageStep, {**usual, **config, "variants": variants}, "config")


def load_evaluation(config, *more):
    return load.load_evaluation(shown(config), *more)


def files_read(config, results):
    return load.files_read(shown(config), results)


def judge_claims(evaluation, claims):
    return judging.judge_claims(evaluation, [parse(ClaimEntry, one, "claim") for one in claims])


def markdown(evaluation, claims, config, summary):
    return ablation_table.markdown(evaluation, claims, shown(config), summary)


def findings(evaluation, claims, config, summary):
    return finding.findings(evaluation, claims, shown(config), summary)


def load_material(config, *more):
    return material.load_material(shown(config), *more)


def read_robustness(config, results):
    return material.read_robustness(shown(config), results)


def parse_recipe(config):
    told = {key: value for key, value in config.items() if key != "title"}
    return fusion.parse_recipe(parse(FusionRecipe, told, "fusion"))
