# Needs a config; gives every other file its checked settings, its paths and small helpers.

import json
import os
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import get_args

from snakemake.exceptions import WorkflowError

# this checkout's code, here and in the steps, whatever is installed beside it
sys.path.insert(0, f"{workflow.basedir}/src")

from microgesture.data import paths
from microgesture.workflow import config as settings
from microgesture.workflow import emotion as emotion_steps
from microgesture.workflow import online as online_steps
from microgesture.workflow import variants
from microgesture.workflow import check_file, preflight
from microgesture.workflow.overrides import overridden
from microgesture.readers import sources as rawdata
from microgesture.video.sources import video_files, videos_below
from microgesture.readers.formats import has_recordings
from microgesture.settings.streams import HeatmapStream, Part
from microgesture.workflow import runlock
from microgesture.settings.config import Config
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
        return check_file.checked(config, source)
    except InputError as error:
        raise WorkflowError(str(error))


def given(section):
    """A section of the config as it was given, for `told`."""
    return None if section is None else section.given()


def one_of(names):
    """A wildcard's constraint: one of these, or nothing at all where there are none."""
    return "|".join(names) or "(?!)"


def as_json(value):
    return json.dumps(value)


def at(name):
    """A result, by its name in microgesture.data.paths."""
    return f"{RESULTS}/{name}"


def input_of(wildcards):
    """Manifests of what a variant reads."""
    names = variants.manifest_names(CONFIG, wildcards.variant, wildcards.run)
    return [at(name) for name in names]


def parts_options(drawn):
    """Option that draws parts in boxes of their own."""
    parts = paths.drawn_parts(drawn)[1]
    return ["--parts", *parts] if parts else []


def runs_of(*seeds):
    """Trainings of a variant with these seeds."""
    return paths.run_names(seeds, CONFIG.folds)


def folds_of(wildcards):
    return [] if CONFIG.folds is None else at(paths.FOLDS)


def seed_of(wildcards):
    return paths.run_parts(wildcards.run)[0]


def fold_options(wildcards, input):
    """Options that replace the data's split by one fold's, under cross-validation."""
    fold = paths.run_parts(wildcards.run)[1]
    return ["--folds", input.folds, "--fold", fold] if fold else []


def launcher(wildcards, resources):
    """One process, or one for each GPU where the job was given several."""
    gpus = resources.get("gpu", 1)
    return f"torchrun --standalone --nproc-per-node {gpus}" if gpus > 1 else "python"


def layout_of(wildcards):
    if name := wildcards.get("layout"):
        return variants.layout_file(name)
    return variants.layout_files(CONFIG, wildcards.variant)


def layouts_in_use():
    return [variants.layout_file(name) for name in variants.layouts(CONFIG)]


def label_embeddings_of(wildcards):
    semantic = CONFIG.variants[wildcards.variant].semantic
    return at(paths.EMBEDDINGS) if semantic else []


def pretrained_of(wildcards):
    """Weights to start from, an input so that a changed file is noticed."""
    return variants.start_of(CONFIG, wildcards.variant) or []


def backbones_of(wildcards):
    """Weights that networks inside a fusion start from."""
    found = variants.backbones_of(CONFIG, wildcards.variant, wildcards.run)
    return list(found.values())


def backbones_options(wildcards):
    """Option that names them, by source."""
    found = variants.backbones_of(CONFIG, wildcards.variant, wildcards.run)
    named = [f"{source}={path}" for source, path in found.items()]
    return ["--backbones", *named] if named else []


def pseudo_labels_of(wildcards):
    """Labels of training clips without one, where another variant gives them."""
    if variants.teacher_of(CONFIG, wildcards.variant) is None:
        return []
    return at(paths.pseudo_labels(wildcards.variant, wildcards.run))


def teacher_of(wildcards):
    """The trained model that gives them."""
    name = variants.teacher_of(CONFIG, wildcards.variant) or wildcards.variant
    return at(paths.training(name, wildcards.run, paths.MODEL))


def teacher_input_of(wildcards):
    name = variants.teacher_of(CONFIG, wildcards.variant) or wildcards.variant
    return [at(one) for one in variants.manifest_names(CONFIG, name, wildcards.run)]


def recordings_output():
    """The store of whole recordings, where something reads them and the data have them."""
    used = CONFIG.pretraining or CONFIG.detectors or CONFIG.emotion
    if not used or not has_recordings(CONFIG.data):
        return {}
    return {"recordings": at(paths.RECORDINGS)}


def windows_of(wildcards):
    own = CONFIG.pretraining[wildcards.pretraining]
    return at(paths.windows(own.window, own.layout, own.cleaning))


def recordings_of(wildcards):
    own = CONFIG.detectors[wildcards.detector]
    return at(paths.recordings(own.layout, own.cleaning))


def layout_of_detector(wildcards):
    return variants.layout_file(CONFIG.detectors[wildcards.detector].layout)


def detector_input(wildcards):
    """What a detector's segments are made of: scores of windows, or its model and recordings."""
    name, run = wildcards.detector, wildcards.run
    if name in TEMPORAL:
        model = at(paths.detector(name, run, paths.MODEL))
        return {"model": model, "data": recordings_of(wildcards)}
    return {"scores": at(paths.scores(online_steps.scored_by(CONFIG, name), run))}


def detections_of():
    return [
        at(paths.detections(name, run, file))
        for name in CONFIG.detectors
        for run in RUNS
        for file in ("val.csv", "test.csv", "chosen.json")
    ]


def words_file():
    """A file of word vectors, where they do not come with a package."""
    return [CONFIG.semantic.path] if CONFIG.semantic.source == "glove" else []


def members_of(split):
    def files(wildcards):
        members = CONFIG.fusions[wildcards.fusion].members
        return [
            at(paths.predictions(member, wildcards.run, split)) for member in members
        ]

    return files


@cache
def raw_files():
    """What the reader reads; a release's own files, so that a changed one is noticed."""
    if CONFIG.data.format == "synthetic":
        return [at(paths.RELEASE_MANIFEST)]
    return rawdata.raw_files(settings.reader_step(CONFIG))


@cache
def posed_videos():
    """The videos that key points are found in, and what else that depends on."""
    pose = settings.pose_step(CONFIG)
    if pose is None:
        return []
    tables = [pose.subjects] if pose.subjects else []
    return [*videos_below(pose.root), *tables, "requirements-pose.lock"]


@cache
def raw_videos():
    """The videos that crops are cut out of; those of generated data come with its release."""
    video = settings.crops_step(CONFIG)
    if video is None:
        return []
    if video.root == at(paths.RELEASE):
        return [at(paths.RELEASE_MANIFEST)]
    return video_files(video)


def crops_of_videos():
    """Manifest of the crops, where there is video."""
    return [] if CONFIG.video is None else at(paths.crops())


def pictures_of_recordings():
    """Manifest of faces and frames, where emotion is told from them."""
    return [] if CONFIG.emotion is None else at(paths.emotion_pictures())


def crops_seen_by(wildcards):
    """The same, for a variant that sees video, itself or by a source."""
    return crops_of_videos() if wildcards.variant in ON_VIDEO else []


@cache
def frames_digest():
    """Hash of OpenPose's frames, so that a changed one is noticed; where runs are planned alone.

    Frames are counted by the million. A job that Snakemake starts parses these files again, but
    neither plans nor records parameters.
    """
    return rawdata.frames_digest(CONFIG.data) if workflow.is_main_process else None


def outcome_tables():
    """The tables of outcomes; those of generated data come with their release."""
    if CONFIG.emotion is None:
        return []
    if CONFIG.emotion.labels is None:
        return [at(paths.RELEASE_MANIFEST)]
    return emotion_steps.interview_step(CONFIG).files()


def encoder_weights():
    """Published checkpoints of the emotion encoders."""
    return [] if CONFIG.emotion is None else emotion_steps.encode_step(CONFIG).weights()


def tokens_of_part(wildcards):
    """Tokens for a part of the emotion models."""
    learns = (
        emotion_steps.encode_step(CONFIG).learns() and CONFIG.emotion.encoder_per_fold
    )
    part = wildcards.part if learns else paths.EMOTION_ALL
    return at(paths.emotion_tokens(part))


def recognised_gestures():
    """Predictions of the gestures that the emotion models count; none where labels are."""
    row = "labels" if CONFIG.emotion is None else CONFIG.emotion.gestures
    if row == "labels":
        return []
    return at(paths.predictions(row, paths.run_name(min(CONFIG.seeds)), "test"))


def emotion_results():
    """What the emotion part comes to, where a config has it."""
    if CONFIG.emotion is None:
        return []
    return [at(paths.EMOTION_TABLE), at(paths.EMOTION_PAGE), at(paths.EMOTION_MODEL)]


def dated_files():
    """Files that no step makes, and results; what is made from them has to be newer."""
    yield from raw_files()
    yield from raw_videos()
    yield from posed_videos()
    yield from outcome_tables()
    yield from encoder_weights()
    yield from [CONFIG.classes, *layouts_in_use()]
    yield from words_file()
    starts = {getattr(one, "pretrained", None) for one in CONFIG.variants.values()}
    yield from sorted(starts - {None, *CONFIG.pretraining})
    for folder, below, names in os.walk(RESULTS):
        below[:] = [name for name in below if name not in (paths.LOGS, paths.RESUME)]
        yield from (f"{folder}/{name}" for name in names if not name.startswith("."))


def predictions_of():
    # of folds only the test clips are pooled: a subject may validate several folds
    splits = ["val", "test"] if CONFIG.folds is None else ["test"]
    return [
        at(paths.predictions(row, paths.run_name(seed), split))
        for row in [*VARIANTS, *FUSIONS]
        for seed in CONFIG.seeds
        for split in splits
    ]


def submitted(split):
    row, seeds = CONFIG.submission, CONFIG.seeds
    return [at(paths.predictions(row, paths.run_name(seed), split)) for seed in seeds]


def figure_files(ending="png"):
    return [at(paths.figure(name, ending)) for name in paths.FIGURES]


def curve_files():
    return [at(paths.curve_figure(name, run)) for name in NETWORKS for run in RUNS]


def card_files():
    return [
        at(paths.training(name, run, "card.md")) for name in VARIANTS for run in RUNS
    ]


def robustness_files():
    if CONFIG.robustness is None:
        return []
    first = runs_of(min(CONFIG.seeds))
    runs = first if CONFIG.robustness.runs == "first" else RUNS
    seen = CONFIG.robustness.video is not None
    measured = [name for name in VARIANTS if seen or name not in ON_VIDEO]
    return [at(paths.robustness(name, run)) for name in measured for run in runs]


def missing_sources_files():
    return [
        at(paths.missing_sources(name, run))
        for name in VARIANTS
        if variants.sources_of(CONFIG, name)
        for run in RUNS
    ]


def source_models_of(wildcards):
    """Trained models that a variant on tokens needs beside its own."""
    return [
        at(paths.training(source, wildcards.run, paths.MODEL))
        for source in variants.tokens_of(CONFIG, wildcards.variant)
    ]


def occlusion_files():
    if CONFIG.occlusion is None:
        return []
    runs = runs_of(min(CONFIG.seeds))
    return [
        at(paths.occlusion(name, run))
        for name in CONFIG.occlusion.variants
        for run in runs
    ]


def submission_files():
    if CONFIG.submission is None:
        return []
    return [at(paths.submission(name)) for name in paths.SUBMISSION]


config = checked(config)
CONFIG = Config.model_validate(config)
RESULTS = CONFIG.results
VARIANTS = list(CONFIG.variants)
ON_VIDEO = variants.on_video(CONFIG)
TREES = [name for name in VARIANTS if CONFIG.variants[name].model == "trees"]
TEMPORAL = [name for name, one in CONFIG.detectors.items() if one.model == "temporal"]
NETWORKS = [name for name in VARIANTS if name not in TREES]
FUSIONS = list(CONFIG.fusions)
RUNS = runs_of(*CONFIG.seeds)
EMOTION_PARTS = paths.emotion_parts(CONFIG.emotion.folds) if CONFIG.emotion else []
CLIPS = paths.clips_name("{layout}", "{cleaning}", "{timeline}")
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
    stream=f"({'|'.join(get_args(HeatmapStream))})({'|'.join(f'[+]{part}' for part in get_args(Part))})*",
    variant="|".join(VARIANTS),
    pretraining=one_of(CONFIG.pretraining),
    detector=one_of(CONFIG.detectors),
    scored=r"[A-Za-z0-9_]+-[0-9x]+-\d+",
    window=r"\d+",
    fusion=one_of(FUSIONS),
    row="|".join([*VARIANTS, *FUSIONS]),
    seed=r"\d+",
    run=paths.run_name(r"\d+", None if CONFIG.folds is None else r"\d+"),
    split="val|test",
    part=one_of(EMOTION_PARTS),
