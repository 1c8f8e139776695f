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
from microgesture.workflow.overrides import overridden
from microgesture.readers import sources as rawdata
from microgesture.workflow import runlock
from microgesture.settings.models import WholeHeatmapVariant
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
        config = overridden(config, workflow.config_settings.config_args or ())
        config = rawdata.with_format(preflight.with_paths(config, source))
        typed = check_config(config, source)
        settings.check_files(typed, source)
        preflight.check_contents(typed, source)
    except InputError as error:
        raise WorkflowError(str(error))
    return config, typed


def given(section):
    """A section of the config as it was given, for `told`."""
    return None if section is None else section.given()


def as_json(value):
    return json.dumps(value)


def points_of(variant):
    return f"{RESULTS}/prepared/{settings.points_name(CONFIG, variant)}.json"


def input_of(wildcards):
    """Manifest of what a variant reads: key points, or a cache of drawn heatmaps."""
    variant = settings.whole_variant(CONFIG, wildcards.variant)
    points = points_of(wildcards.variant)
    if not isinstance(variant, WholeHeatmapVariant) or variant.source == "drawn":
        return points
    return f"{RESULTS}/heatmaps/{variant.stream}-{Path(points).name}"


def runs_of(seed):
    """Trainings with one seed: one, or one for each fold of a cross-validation."""
    if CONFIG.folds is None:
        return [f"seed{seed}"]
    return [f"seed{seed}-fold{fold}" for fold in range(CONFIG.folds)]


def folds_of(wildcards):
    return [] if CONFIG.folds is None else f"{RESULTS}/folds.json"


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
    name = wildcards.get("layout") or CONFIG.variants[wildcards.variant].layout
    return settings.layout_file(name)


def layouts_in_use():
    names = {variant.layout for variant in CONFIG.variants.values()}
    return [settings.layout_file(name) for name in sorted(names)]


def label_embeddings_of(wildcards):
    semantic = CONFIG.variants[wildcards.variant].semantic
    return f"{RESULTS}/labels/embeddings.npz" if semantic else []


def pretrained_of(wildcards):
    """Published weights to start from, an input so that a changed file is noticed."""
    return CONFIG.variants[wildcards.variant].pretrained or []


def words_file():
    """A file of word vectors, where they do not come with a package."""
    return [CONFIG.semantic.path] if CONFIG.semantic.source == "glove" else []


def members_of(split):
    def files(wildcards):
        members = CONFIG.fusions[wildcards.fusion].members
        return [
            f"{RESULTS}/predict/{member}/{wildcards.run}/{split}.parquet"
            for member in members
        ]

    return files


@cache
def raw_files():
    """What the reader reads; a release's own files, so that a changed one is noticed."""
    if CONFIG.data.format == "synthetic":
        return [f"{RESULTS}/release/manifest.json"]
    return rawdata.raw_files(CONFIG.data)


@cache
def frames_digest():
    """Hash of OpenPose's frames, so that a changed one is noticed; where runs are planned alone.

    Frames are counted by the million. A job that Snakemake starts parses these files again, but
    neither plans nor records parameters.
    """
    return rawdata.frames_digest(CONFIG.data) if workflow.is_main_process else None


def dated_files():
    """Files that no step makes, and results; what is made from them has to be newer."""
    yield from raw_files()
    yield from [CONFIG.classes, *layouts_in_use()]
    yield from words_file()
    yield from filter(None, (one.pretrained for one in CONFIG.variants.values()))
    for folder, below, names in os.walk(RESULTS):
        below[:] = [name for name in below if name not in ("logs", "resume")]
        yield from (f"{folder}/{name}" for name in names if not name.startswith("."))


def predictions_of():
    # of folds only the test clips are pooled: a subject may validate several folds
    splits = ["val", "test"] if CONFIG.folds is None else ["test"]
    return expand(
        "{results}/predict/{row}/seed{seed}/{split}.parquet",
        results=RESULTS,
        row=[*VARIANTS, *FUSIONS],
        seed=CONFIG.seeds,
        split=splits,
    )


def submitted(split):
    row, seeds = CONFIG.submission, CONFIG.seeds
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


def robustness_files():
    if CONFIG.robustness is None:
        return []
    first = runs_of(min(CONFIG.seeds))
    runs = first if CONFIG.robustness.runs == "first" else RUNS
    return [
        f"{RESULTS}/robustness/{name}/{run}.csv" for name in VARIANTS for run in runs
    ]


def occlusion_files():
    if CONFIG.occlusion is None:
        return []
    runs = runs_of(min(CONFIG.seeds))
    return [
        f"{RESULTS}/occlusion/{name}/{run}.json"
        for name in CONFIG.occlusion.variants
        for run in runs
    ]


def submission_files():
    if CONFIG.submission is None:
        return []
    names = ["kaggle2025.csv", "Submission.zip", "submission.json"]
    return [f"{RESULTS}/submission/{name}" for name in names]


config, CONFIG = checked(config)
RESULTS = CONFIG.results
VARIANTS = list(CONFIG.variants)
FUSIONS = list(CONFIG.fusions)
RUNS = [run for seed in CONFIG.seeds for run in runs_of(seed)]
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
    run=r"seed\d+" if CONFIG.folds is None else r"seed\d+-fold\d+",
    split="val|test",
