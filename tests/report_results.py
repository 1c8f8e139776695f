"""A results folder with everything that the page of results shows, made up but plausible."""

import numpy as np
import pandas as pd

from microgesture.data.classes import load_classes
from microgesture.data.layouts import load_layout
from microgesture.data.paths import run_names
from microgesture.data.store import Clip, Written, read_index, write_store
from microgesture.data.summary import summarise
from microgesture.evaluation.fusion import fuse_files
from microgesture.evaluation.predictions import write_predictions
from microgesture.settings.generate import Film
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.recording import record
from microgesture.utils.files import write_json, write_text
from microgesture.viz.ablation import plot_ablation, plot_confusion, plot_recall
from tests.conftest import REPOSITORY
from tests.sections import load_evaluation, parse_recipe

FILM = Film(fps=25, height=720, width=1280, mean_seconds=1.0, noise=0.012)
LAYOUTS = [REPOSITORY / f"config/layouts/openpose{count}.yaml" for count in (22, 41)]
IMIGUE = load_classes(REPOSITORY / "config/classes/imigue.yaml")
# name -> (title, model, how well it knows the class, how sure of itself it is)
VARIANTS = {
    "stgcn22": ("ST-GCN, 22 points, align", "stgcn", 1.6, 1.0),
    "stgcn41": ("ST-GCN, 41 points, align", "stgcn", 1.5, 1.6),
    "joint41": ("PoseC3D joint, 41 points, align", "posec3d", 2.3, 1.2),
    "limb41": ("PoseC3D limb, 41 points, align, semantic", "posec3d", 2.2, 0.6),
}
MADE_BY = {"code": "c0de", "python": "3.11.9", "numpy": "2.4.0", "torch": "2.13.0"}


def make_config(variants=tuple(VARIANTS), seeds=(0, 1, 2), folds=None):
    first, last = variants[0], variants[-1]
    fusions = {}
    if len(variants) > 1:
        members = {first: 1, last: 1}
        fusions = {"fused": {"title": "Fused, 1:1", "members": members, "temperature": True}}
    return {
        "seeds": list(seeds),
        "folds": folds,
        "variants": {
            name: dict(zip(("title", "model"), VARIANTS[name][:2], strict=True))
            for name in variants
        },
        "fusions": fusions,
        "claims": [
            {"claim": "41 points lower ST-GCN", "better": first, "worse": variants[1]},
            {"claim": "PoseC3D beats ST-GCN", "better": last, "worse": first},
            {"claim": "Joint + limb beats either", "better": "fused", "worse": [first, last]},
        ]
        if len(variants) > 1
        else [],
        "data_name": "Made-up clips",
        "data_format": "synthetic",
        "submission": "fused" if fusions else first,
        "robustness": {"runs": "all", "drop": [0.1, 0.3], "jitter": [0.02, 0.1], "occlude": [0.5]},
        "occlusion": {"variants": [last], "clips": 8},
    }


CLIP_ID = "{split}_{number:04d}"


def make_results(folder, classes=IMIGUE, config=None, clips=(200, 150), people=8, clip_id=CLIP_ID):
    """Fill ``folder``; return the options of scripts/report.py."""
    config = config or make_config()
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, len(classes) + 1) ** 1.1
    share = share[rng.permutation(len(classes))] / share.sum()
    counts = {"train": clips[0], "val": 40, "test": clips[1]}
    labels = {split: rng.choice(len(classes), n, p=share) for split, n in counts.items()}
    write_clips(folder / "skeletons/clips.parquet", classes, labels, people, clip_id)
    index = read_index(folder / "skeletons/clips.parquet")
    for split in ("val", "test"):
        of = index[index.split == split]
        ids = np.array([classes.index(label) for label in of.label])
        for number, name in enumerate(config["variants"]):
            for seed in config["seeds"]:
                shares = guesses(ids, len(classes), name, [number, seed, len(ids)])
                about = {"variant": name, "seed": seed, "split": split, "folds": config["folds"]}
                path = folder / f"predict/{name}/seed{seed}/{split}.parquet"
                write_predictions(
                    path, of.clip_id.tolist(), ids, of.subject.tolist(), shares, about
                )
    for name, fusion in config["fusions"].items():
        for seed in config["seeds"]:
            files = {
                split: [folder / f"predict/{member}/seed{seed}/{split}.parquet"
                        for member in fusion["members"]]
                for split in ("val", "test")
            }  # fmt: skip
            out = folder / f"predict/{name}/seed{seed}"
            fuse_files(parse_recipe(fusion), files["val"], files["test"],
                       out / "val.parquet", out / "test.parquet")  # fmt: skip
    for number, name in enumerate(config["variants"]):
        for run in run_names(config["seeds"], config["folds"]):
            write_run(folder, name, number, run)
    write_json(folder / "skeletons/summary.json", described(folder, classes, index))
    write_text(folder / "classes.yaml", "classes:\n" + "".join(f"- {c!r}\n" for c in classes))
    write_figures(folder, config, classes, described(folder, classes, index))
    return {
        "config": config,
        "results": folder,
        "classes": folder / "classes.yaml",
        "summary": folder / "skeletons/summary.json",
        "skeletons": folder / "skeletons/clips.parquet",
        "layouts": LAYOUTS,
    }


def write_figures(folder, config, classes, summary):
    """What scripts/figures.py draws before the page is written."""
    evaluation = load_evaluation(config, folder, classes, summary)
    plot_ablation(evaluation, folder / "figures/ablation.png", True)
    plot_recall(evaluation, folder / "figures/per_class_recall.png", True)
    plot_confusion(evaluation, folder / "figures/confusion.png", True, config["submission"])


def described(folder, classes, index):
    """The summary of the skeleton step."""
    return summarise(index, Written(visible=1), list(classes))


def write_clips(path, classes, labels, people, clip_id=CLIP_ID):
    """Cut clips out of a few generated recordings; only what is drawn of them matters here."""
    rng = np.random.default_rng(1)
    films = []
    for one in range(3):
        person = sample_person(np.random.default_rng(one), 32)
        films.append(record(rng, person, [3, 16, 30, 10, 22, 7, 28, 25], FILM))
    spans = [(film, begin, end) for film in films for _, begin, end in film.clips]
    items, number = [], 0
    for place, (split, ids) in enumerate(labels.items()):
        for one in ids:
            film, begin, end = spans[number % len(spans)]
            subject = f"s{place}{number % people}"
            items.append(
                Clip(clip_id.format(split=split, number=number), one, subject, split,
                     25.0, 720, 1280,
                     film.points[begin : end + 1].astype(np.float32))
            )  # fmt: skip
            number += 1
    write_store(path, items, list(classes), "synthetic")


def guesses(labels, num_classes, name, key):
    """Probabilities of a model that knows frequent classes better and confuses neighbours."""
    rng = np.random.default_rng(key)
    _, _, knows, sure = VARIANTS[name]
    # what is hard about a clip is hard for every model and seed
    hard = np.random.default_rng(len(labels)).normal(0, 1, (len(labels), num_classes))
    logits = 1.3 * hard + 0.6 * rng.normal(0, 1, hard.shape)
    common = np.bincount(labels, minlength=num_classes)[labels] / len(labels)
    common = np.minimum(common, 0.3)  # nor is the most frequent class of a few always told
    rows = np.arange(len(labels))
    logits[rows, labels] += knows + 4 * common
    logits[rows, (labels + 1) % num_classes] += 0.8
    shares = np.exp(1.6 * sure * logits)
    return shares / shares.sum(axis=1, keepdims=True)


def write_run(folder, name, number, run_name):
    """Metrics, robustness and occlusion of one run, such as seed0 or seed0-fold2."""
    seed = int(run_name.partition("-")[0].removeprefix("seed"))
    rng = np.random.default_rng([number, *run_name.encode()])
    epochs = np.arange(1, 16)
    train = 0.7 * (1 - np.exp(-epochs / 5)) + rng.normal(0, 0.01, 15)
    val = (0.45 + 0.03 * number) * (1 - np.exp(-epochs / 4)) + rng.normal(0, 0.015, 15)
    lines = [
        {"epoch": int(e), "train_top1": t, "val_top1": v, "train_loss": 3.4 * (1 - t),
         "val_loss": 3.4 - 3 * v}
        for e, t, v in zip(epochs, train.tolist(), val.tolist(), strict=True)
    ]  # fmt: skip
    best = int(np.argmax(val)) + 1
    about = {"code_version": MADE_BY, "precision": "float32", "data": "da7a", "variant": name}
    about |= {"seed": seed, "parameters": 80_000 * 3**number, "best_epoch": best, "epochs": lines}
    run = folder / f"train/{name}/{run_name}"
    write_json(run / "metrics.json", about)
    seconds = 40.0 * 2.2**number + 3 * seed
    write_json(run / "timing.json", {"train_seconds": seconds, "device": "cpu"})
    levels = [("none", 0), *(("drop", x) for x in (0.05, 0.1, 0.2, 0.4)),
              *(("jitter", x) for x in (0.01, 0.03, 0.1, 0.3)),
              *(("occlude", x) for x in (0.25, 0.5, 1.0))]  # fmt: skip
    clean = 0.4 + 0.05 * number
    rows = [
        (kind, level, 150, clean * np.exp(-level * (2 + number)), 0.7 * clean)
        for kind, level in levels
    ]
    path = folder / f"robustness/{name}/{run_name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ["kind", "level", "clips", "top1", "mean_class"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    write_occlusion(folder, name, run_name, rng)


def write_occlusion(folder, name, run_name, rng):
    layout = load_layout(LAYOUTS["41" in name])
    weight = np.array([0.3 if "right" in joint else 0.05 for joint in layout.joints])
    fall = weight[:, None] * np.hanning(10)[1:-1] + rng.normal(0, 0.02, (len(weight), 8))
    write_json(
        folder / f"occlusion/{name}/{run_name}.json",
        {
            "variant": name,
            "joints": list(layout.joints),
            "windows": [[k / 8, (k + 1) / 8] for k in range(8)],
            "fall": fall.tolist(),
            "by_class": {f"class {k}": np.roll(fall, 5 * k, axis=0).tolist() for k in range(4)},
            "clips": 8,
            "clips_by_class": {f"class {k}": 2 for k in range(4)},
        },
    )
