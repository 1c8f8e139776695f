"""Where results lie below the results folder, and what trainings are called.

The workflow's rules and the library both go by this. Names have forward slashes; a rule gives its
wildcards, such as ``{variant}``, in place of values.
"""

from collections.abc import Sequence

RELEASE = "release"
RELEASE_MANIFEST = f"{RELEASE}/manifest.json"
POSE = "pose/recordings.parquet"
SKELETONS = "skeletons/clips.parquet"
RECORDINGS = "skeletons/recordings.parquet"
SUMMARY = "skeletons/summary.json"
FOLDS = "folds.json"
EMBEDDINGS = "labels/embeddings.npz"
RESUME = "resume"
LOGS = "logs"
RECORDS = "provenance"
"""Folder of the steps' records; they are named as the logs are."""
TABLE = "ablation_table.md"
TABLE_CSV = "ablation_table.csv"
METRICS = "metrics.json"
CLAIMS = "claims.csv"
CURVES = "curves.csv"
PAGE = "report.html"
PAGE_FIGURES = "figures/report"
DATA_REPORT = "data_report.md"
DATA_FIGURES = "figures/data"
MODEL, TRAINING, TIMING = "model.safetensors", "metrics.json", "timing.json"
"""Files of a training."""
PRETRAINING_FIGURES = ("curves.png", "reconstruction.png")
SUBMISSION = ("kaggle2025.csv", "Submission.zip", "submission.json")
ONLINE_TABLE = "online_table.md"
ONLINE_CSV = "online_table.csv"
ONLINE_METRICS = "online_metrics.json"
ONLINE_PAGE = "online.html"
ONLINE_FIGURES = ("f1", "borders", "outcomes")
ONLINE_STRETCH = "figures/online/stretch.gif"
ONLINE_SUBMISSION = ("Submission2023.zip", "segments.csv", "submission.json")
FIGURES = ("ablation", "per_class_recall", "confusion")

EMOTION_TABLE = "emotion_table.md"
EMOTION_TABLE_CSV = "emotion_table.csv"
EMOTION_PAGE = "emotion.html"
EMOTION_FIGURES = "figures/emotion"
EMOTION_SUBMISSION = "submission/emotion.csv"
EMOTION_INTERVIEWS = "emotion/interviews.csv"
EMOTION_STATISTICS = "emotion/statistics.csv"
EMOTION_PREDICTIONS = "emotion/predictions.csv"
EMOTION_MODEL = "emotion/model.safetensors"
EMOTION_ALL = "all"
"""The part of the emotion models that learns from all of train and val."""


def run_name(seed: int | str, fold: int | str | None = None) -> str:
    """Name of a training among those of its variant: ``seed0``, or ``seed0-fold2``."""
    return f"seed{seed}" if fold is None else f"seed{seed}-fold{fold}"


def run_names(seeds: Sequence[int], folds: int | None) -> list[str]:
    """Names of a variant's trainings: one a seed, or under cross-validation one a fold."""
    every = [None] if folds is None else list(range(folds))
    return [run_name(seed, fold) for seed in seeds for fold in every]


def run_parts(run: str) -> tuple[str, str]:
    """Seed and fold of a run's name as texts; the fold is empty without cross-validation."""
    seed, _, fold = run.removeprefix("seed").partition("-fold")
    return seed, fold


def clips_name(layout: str, cleaning: str, timeline: str) -> str:
    """Name of prepared clips, such as ``openpose41-standard-align16``."""
    return f"{layout}-{cleaning}-{timeline}"


def prepared(clips: str, kind: str = "json") -> str:
    """A clip file (``arrow``) or its manifest."""
    return f"prepared/{clips}.{kind}"


def windows(window: int | str, layout: str, cleaning: str, kind: str = "json") -> str:
    """Prepared windows of recordings (``arrow``) or their manifest."""
    return f"prepared/windows{window}-{layout}-{cleaning}.{kind}"


def recordings(layout: str, cleaning: str, kind: str = "json") -> str:
    """Prepared whole recordings (``arrow``) or their manifest."""
    return f"prepared/recordings-{layout}-{cleaning}.{kind}"


def detector(name: str, run: str, file: str) -> str:
    """A file of a detector's training: `MODEL`, `TRAINING` or `TIMING`."""
    return f"online/train/{name}/{run}/{file}"


def scored(classifier: str, lengths: Sequence[int], stride: int) -> str:
    """Name of a variant's scores on windows, such as ``graph-16x32-4``."""
    return f"{classifier}-{'x'.join(map(str, lengths))}-{stride}"


def scored_parts(name: str) -> tuple[str, list[int], int]:
    """Variant, lengths and stride of the name that `scored` gives."""
    classifier, lengths, stride = name.rsplit("-", 2)
    return classifier, [int(one) for one in lengths.split("x")], int(stride)


def scores(name: str, run: str) -> str:
    """What a variant says of the frames of recordings, see `scored`."""
    return f"online/scores/{name}/{run}.arrow"


def detections(name: str, run: str, file: str) -> str:
    """A file of a detector's results: ``val.csv``, ``test.csv`` or ``chosen.json``."""
    return f"online/detect/{name}/{run}/{file}"


def online_figure(name: str) -> str:
    """A figure beside the table of detectors."""
    return f"figures/online/{name}.png"


def online_submission(name: str) -> str:
    """A file of the detectors' submission."""
    return f"online/submission/{name}"


def pretraining(name: str, file: str) -> str:
    """A file of a pre-training: `MODEL`, `TRAINING`, `TIMING` or one of its figures."""
    return f"pretrain/{name}/{file}"


def drawn(stream: str, parts: Sequence[str] | None = None) -> str:
    """Name of what is drawn: the stream and its parts, such as ``joint+body+hands``."""
    return "+".join([stream, *(parts or ())])


def drawn_parts(name: str) -> tuple[str, list[str]]:
    """Stream and parts of what is drawn."""
    stream, *parts = name.split("+")
    return stream, parts


def cache(stream: str, clips: str, kind: str = "json") -> str:
    """A heatmap cache (``arrow``) or its manifest."""
    return f"heatmaps/{stream}-{clips}.{kind}"


def crops(kind: str = "json") -> str:
    """Person crops of all clips (``arrow``) or their manifest."""
    return f"video/crops.{kind}"


def emotion_parts(folds: int) -> list[str]:
    """Parts of the emotion models: one a fold, and `EMOTION_ALL`."""
    return [*(f"fold{fold}" for fold in range(folds)), EMOTION_ALL]


def emotion_pictures(kind: str = "json") -> str:
    """Faces and frames of whole recordings (``arrow``) or their manifest."""
    return f"emotion/pictures.{kind}"


def emotion_tokens(part: str) -> str:
    """Tokens of whole recordings."""
    return f"emotion/tokens/{part}.safetensors"


def emotion_encoders(part: str) -> str:
    """The networks that made the tokens of a part."""
    return f"emotion/encoders/{part}.safetensors"


def emotion_rows(part: str) -> str:
    """What every row of a part learned."""
    return f"emotion/rows/{part}.safetensors"


def emotion_fit(part: str) -> str:
    """What the emotion models of a part say."""
    return f"emotion/fit/{part}.json"


def training(variant: str, run: str, file: str) -> str:
    """A file of a training: `MODEL`, `TRAINING` or `TIMING`."""
    return f"train/{variant}/{run}/{file}"


def pseudo_labels(variant: str, run: str) -> str:
    """Labels that a teacher gives to a training's clips."""
    return f"pseudo_labels/{variant}/{run}.csv"


def tokens(variant: str, run: str, kind: str = "json") -> str:
    """Tokens of a training (``arrow``) or their manifest."""
    return f"tokens/{variant}/{run}.{kind}"


def missing_sources(variant: str, run: str) -> str:
    """Accuracy of a fused training without one of its sources."""
    return f"missing_sources/{variant}/{run}.csv"


def predictions(row: str, run: str, split: str) -> str:
    """Predictions of a variant or fusion; those of a seed alone are pooled over its folds."""
    return f"predict/{row}/{run}/{split}.parquet"


def robustness(variant: str, run: str) -> str:
    """Accuracy of a training under corruption."""
    return f"robustness/{variant}/{run}.csv"


def occlusion(variant: str, run: str) -> str:
    """What a training looks at."""
    return f"occlusion/{variant}/{run}.json"


def figure(name: str, ending: str = "png") -> str:
    """A figure beside the table."""
    return f"figures/{name}.{ending}"


def curve_figure(variant: str, run: str) -> str:
    """The figure of a training's curves."""
    return f"figures/curves/{curve_name(variant, run)}"


def curve_name(variant: str, run: str) -> str:
    """The same in its folder."""
    return f"{variant}-{run}.png"


def submission(name: str) -> str:
    """A file of the submission."""
    return f"submission/{name}"


def record(*step: str) -> str:
    """Record of a step: its name, then its wildcards where it runs more than once."""
    return f"{RECORDS}/{'/'.join(step)}.json"


def log(*step: str) -> str:
    """Log of a step, named as its record."""
    return f"{LOGS}/{'/'.join(step)}.log"
