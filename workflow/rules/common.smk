# Needs a config; gives every other file its checked settings, its paths and small helpers.

import json
import os
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

from microgesture import config as settings
from microgesture import rawdata
from microgesture.errors import InputError
from microgesture.provenance import code_hash

# a config given on the command line replaces the default one; merging two would mix their variants
if not workflow.configfiles:

    configfile: "config/config.yaml"


# the steps run this checkout's code, whatever is installed beside it
shell.prefix(f"export PYTHONPATH={shlex.quote(workflow.basedir)}/src; ")


def checked(config):
    source = ", ".join(os.path.relpath(path) for path in workflow.configfiles)
    schema = Path(workflow.basedir, "workflow/schemas/config.schema.yaml")
    try:
        config = rawdata.with_format(config)
        settings.check_config(config, schema, source)
    except InputError as error:
        raise WorkflowError(str(error))
    return config


def code(name):
    """Hash of a step's script and of the modules that it imports.

    As a parameter of the rule it reruns the step when the code changes, whatever the files' times
    are, and keeps two dozen module names out of every job's list of inputs.
    """
    return code_hash(f"scripts/{name}.py")


def as_json(value):
    return json.dumps(value)


def points_of(variant):
    settled = settings.variant_config(config, variant)
    timeline = settings.variant_timeline(config, variant)
    return f"{RESULTS}/streams/{settled['layout']}-{timeline}.json"


def input_of(wildcards):
    """Manifest of what a variant reads: key points for ST-GCN, a heatmap cache for PoseC3D."""
    settled = settings.variant_config(config, wildcards.variant)
    points = points_of(wildcards.variant)
    if settled["model"] == "stgcn":
        return points
    return f"{RESULTS}/heatmaps/{settled['stream']}-{Path(points).name}"


def layout_of(wildcards):
    return settings.layout_file(config["variants"][wildcards.variant]["layout"])


def layouts_in_use():
    names = {variant["layout"] for variant in config["variants"].values()}
    return [settings.layout_file(name) for name in sorted(names)]


def vectors_of(wildcards):
    semantic = config["variants"][wildcards.variant].get("semantic")
    return f"{RESULTS}/labels/vectors.npz" if semantic else []


def pretrained_of(wildcards):
    """Published weights to start from, an input so that a changed file is noticed."""
    return config["variants"][wildcards.variant].get("pretrained", [])


def members_of(wildcards):
    members = config["fusions"][wildcards.fusion]["members"]
    return expand(
        "{results}/predict/{member}/seed{seed}/{split}.parquet",
        results=RESULTS,
        member=members,
        **wildcards,
    )


def weights_of(wildcards, input):
    weights = config["fusions"][wildcards.fusion]["members"].values()
    return as_json(dict(zip(input.members, weights)))


def raw_files():
    """What the reader reads; a release's own files, so that a changed one is noticed."""
    data = config["data"]
    if data["format"] == "synthetic":
        return f"{RESULTS}/release/manifest.json"
    return rawdata.raw_files(data)


def predictions_of():
    return expand(
        "{results}/predict/{row}/seed{seed}/{split}.parquet",
        results=RESULTS,
        row=[*VARIANTS, *FUSIONS],
        seed=config["seeds"],
        split=["val", "test"],
    )


def submitted(split):
    row, seeds = config["submission"], config["seeds"]
    return [f"{RESULTS}/predict/{row}/seed{seed}/{split}.parquet" for seed in seeds]


def figure_files():
    names = ["ablation", "per_class_recall", "confusion"]
    return [f"{RESULTS}/figures/{name}.png" for name in names]


def curve_files():
    runs = [f"{name}-seed{seed}" for name in VARIANTS for seed in config["seeds"]]
    return [f"{RESULTS}/figures/curves/{run}.png" for run in runs]


def submission_files():
    if config["submission"] is None:
        return []
    names = ["kaggle2025.csv", "Submission.zip", "submission.json"]
    return [f"{RESULTS}/submission/{name}" for name in names]


config = checked(config)
RESULTS = config["results"]
VARIANTS = list(config["variants"])
FUSIONS = list(config["fusions"])


wildcard_constraints:
    layout=r"[A-Za-z0-9_]+",
    timeline=r"native|align\d+",
    stream="joint|limb",
    variant="|".join(VARIANTS),
    fusion="|".join(FUSIONS) or "none",
    seed=r"\d+",
    split="val|test",
