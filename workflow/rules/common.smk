# Needs a config; gives every other file its checked settings, its paths and small helpers.

import json
import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# this checkout's code, here and in the steps, whatever is installed beside it
sys.path.insert(0, f"{workflow.basedir}/src")

from microgesture.workflow import config as settings
from microgesture.workflow import preflight
from microgesture.workflow.checks import check_config
from microgesture.readers import sources as rawdata
from microgesture.workflow import runlock
from microgesture.utils.errors import InputError
from microgesture.utils.file_times import refuse_future_times

try:  # before any file is looked for in it
    preflight.check_checkout(workflow.basedir)
    preflight.check_working_folder(workflow.basedir)
except InputError as error:
    raise WorkflowError(str(error))

# a config given on the command line replaces the default one; merging two would mix their variants
if not workflow.configfiles:

    configfile: "config/config.yaml"


def checked(config):
    source = ", ".join(os.path.relpath(path) for path in workflow.configfiles)
    if workflow.config_settings.config:
        source += " with --config"
    try:
        for path in workflow.configfiles:
            preflight.check_syntax(Path(path))
        config = rawdata.with_format(preflight.with_paths(config, source))
        check_config(config, source)
        settings.check_files(config, source)
        preflight.check_contents(config, source)
    except InputError as error:
        raise WorkflowError(str(error))
    return config


def as_json(value):
    return json.dumps(value)


def points_of(variant):
    return f"{RESULTS}/prepared/{settings.points_name(config, variant)}.json"


def input_of(wildcards):
    """Manifest of what a variant reads: key points, or a cache of drawn heatmaps."""
    settled = settings.variant_config(config, wildcards.variant)
    points = points_of(wildcards.variant)
    if settled.get("source") != "cached":
        return points
    return f"{RESULTS}/heatmaps/{settled['stream']}-{Path(points).name}"


def runs_of(seed):
    """Trainings with one seed: one, or one for each fold of a cross-validation."""
    if config["folds"] is None:
        return [f"seed{seed}"]
    return [f"seed{seed}-fold{fold}" for fold in range(config["folds"])]


def folds_of(wildcards):
    return [] if config["folds"] is None else f"{RESULTS}/folds.json"


def seed_of(wildcards):
    return wildcards.run.removeprefix("seed").partition("-fold")[0]


def fold_options(wildcards, input):
    """Options that replace the data's split by one fold's, under cross-validation."""
    fold = wildcards.run.partition("-fold")[2]
    return ["--folds", input.folds, "--fold", fold] if fold else []


def launcher(wildcards, resources):
    """One process, or one for each GPU where the job was given several."""
    gpus = resources.get("gpu", 1)
    return f"torchrun --standalone --nproc-per-node {gpus}" if gpus > 1 else "python"


def layout_of(wildcards):
    name = wildcards.get("layout") or config["variants"][wildcards.variant]["layout"]
    return settings.layout_file(name)


def layouts_in_use():
    names = {variant["layout"] for variant in config["variants"].values()}
    return [settings.layout_file(name) for name in sorted(names)]


def label_embeddings_of(wildcards):
    semantic = config["variants"][wildcards.variant].get("semantic")
    return f"{RESULTS}/labels/embeddings.npz" if semantic else []


def pretrained_of(wildcards):
    """Published weights to start from, an input so that a changed file is noticed."""
    return config["variants"][wildcards.variant].get("pretrained", [])


def members_of(split):
    def files(wildcards):
        members = config["fusions"][wildcards.fusion]["members"]
        return [
            f"{RESULTS}/predict/{member}/{wildcards.run}/{split}.parquet"
            for member in members
        ]

    return files


def fusion_of(wildcards):
    fusion = config["fusions"][wildcards.fusion]
    return {key: value for key, value in fusion.items() if key != "title"}


@cache
def raw_files():
    """What the reader reads; a release's own files, so that a changed one is noticed."""
    data = config["data"]
    if data["format"] == "synthetic":
        return [f"{RESULTS}/release/manifest.json"]
    return rawdata.raw_files(data)


@cache
def frames_digest():
    """Hash of OpenPose's frames, so that a changed one is noticed; where runs are planned alone.

    Frames are counted by the million. A job that Snakemake starts parses these files again, but
    neither plans nor records parameters.
    """
    return rawdata.frames_digest(config["data"]) if workflow.is_main_process else None


def dated_files():
    """Files that no step makes, and results; what is made from them has to be newer."""
    variants = config["variants"].values()
    yield from raw_files()
    yield from [config["classes"], *layouts_in_use()]
    yield from filter(None, [config["semantic"].get("path")])
    yield from (
        variant["pretrained"] for variant in variants if "pretrained" in variant
    )
    for folder, below, names in os.walk(RESULTS):
        below[:] = [name for name in below if name not in ("logs", "resume")]
        yield from (f"{folder}/{name}" for name in names if not name.startswith("."))


def predictions_of():
    # of folds only the test clips are pooled: a subject may validate several folds
    splits = ["val", "test"] if config["folds"] is None else ["test"]
    return expand(
        "{results}/predict/{row}/seed{seed}/{split}.parquet",
        results=RESULTS,
        row=[*VARIANTS, *FUSIONS],
        seed=config["seeds"],
        split=splits,
    )


def submitted(split):
    row, seeds = config["submission"], config["seeds"]
    return [f"{RESULTS}/predict/{row}/seed{seed}/{split}.parquet" for seed in seeds]


def figure_files():
    names = ["ablation", "per_class_recall", "confusion"]
    return [f"{RESULTS}/figures/{name}.png" for name in names]


def curve_files():
    return [
        f"{RESULTS}/figures/curves/{name}-{run}.png"
        for name in VARIANTS
        for run in RUNS
    ]


def card_files():
    return [
        f"{RESULTS}/train/{name}/{run}/card.md" for name in VARIANTS for run in RUNS
    ]


def robustness_files():
    if config["robustness"] is None:
        return []
    first = runs_of(min(config["seeds"]))
    runs = first if config["robustness"]["runs"] == "first" else RUNS
    return [
        f"{RESULTS}/robustness/{name}/{run}.csv" for name in VARIANTS for run in runs
    ]


def occlusion_files():
    if config["explain"] is None:
        return []
    runs = runs_of(min(config["seeds"]))
    return [
        f"{RESULTS}/occlusion/{name}/{run}.json"
        for name in config["explain"]["variants"]
        for run in runs
    ]


def submission_files():
    if config["submission"] is None:
        return []
    names = ["kaggle2025.csv", "Submission.zip", "submission.json"]
    return [f"{RESULTS}/submission/{name}" for name in names]


config = checked(config)
RESULTS = config["results"]
VARIANTS = list(config["variants"])
FUSIONS = list(config["fusions"])
RUNS = [run for seed in config["seeds"] for run in runs_of(seed)]
LAST_RUN = runlock.last_run(RESULTS)

if workflow.is_main_process:
    try:
        refuse_future_times(dated_files())
    except InputError as error:
        raise WorkflowError(str(error))

shell.prefix(
    f"export PYTHONPATH={shlex.quote(workflow.basedir)}/src; {runlock.job_prefix(RESULTS)}"
)


onstart:
    try:
        runlock.hold(RESULTS, LAST_RUN)
    except InputError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    layout=r"[A-Za-z0-9_]+",
    cleaning=r"[A-Za-z0-9_]+",
    timeline=r"native|align\d+",
    stream="joint|limb|joint_motion",
    variant="|".join(VARIANTS),
    fusion="|".join(FUSIONS) or "(?!)",
    row="|".join([*VARIANTS, *FUSIONS]),
    seed=r"\d+",
    run=r"seed\d+" if config["folds"] is None else r"seed\d+-fold\d+",
    split="val|test",
