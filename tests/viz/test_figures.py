"""Figures are written for any number of classes, seeds and rows, and repeat their bytes."""

from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from microgesture.evaluation.rows import FUSION, Evaluation, Row
from microgesture.utils.errors import InputError
from microgesture.viz.ablation import best_rows, plot_ablation, plot_confusion, plot_recall
from microgesture.viz.curves import plot_curve
from microgesture.viz.style import installed_fonts

EPOCHS = [
    {"epoch": one, "train_loss": 2 / one, "train_top1": 0.1 * one, "val_loss": 3 / one,
     "val_top1": 0.05 * one}
    for one in range(1, 6)
]  # fmt: skip


def made_up(num_classes, num_seeds, models=("stgcn", "posec3d", "posec3d", FUSION)):
    rng = np.random.default_rng(num_classes)
    labels = rng.integers(0, max(num_classes - 1, 1), 40)  # the last class has no clip
    rows = []
    for place, model in enumerate(models):
        shares = rng.random((num_seeds, 40, num_classes))
        shares[:, np.arange(40), labels] += 0.3 * place
        shares /= shares.sum(axis=2, keepdims=True)
        rows.append(
            Row(f"r{place}", f"Row {place} of $\\lr$", model, labels, shares, 1, (1.0,) * num_seeds)
        )
    return Evaluation(
        split="test",
        labels=labels,
        subjects=np.array(["s"] * 40),
        classes=[f"a rather long name of class {one} (of many)" for one in range(num_classes)],
        seeds=tuple(range(num_seeds)),
        rows=tuple(rows),
        unlabelled=0,
        epoch_by_top1=True,
        devices=(),
    )


@pytest.mark.parametrize("draw", [plot_ablation, plot_recall, plot_confusion])
@pytest.mark.parametrize(("num_classes", "num_seeds"), [(32, 3), (2, 1)])
def test_every_figure_is_drawn_and_repeats_its_bytes(tmp_path, draw, num_classes, num_seeds):
    evaluation = made_up(num_classes, num_seeds)
    for name in ("one.png", "two.png"):
        draw(evaluation, tmp_path / name, generated=True)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    picture = matplotlib.image.imread(tmp_path / "one.png")
    assert picture.shape[1] >= 600  # 200 dots an inch, at least 3 inches wide
    assert picture[..., :3].std() > 0.02  # something is on it


@pytest.mark.parametrize(("folds", "head"), [(None, "train"), (3, "all")])
def test_recall_says_whose_clips_it_counts(tmp_path, annotated, folds, head):
    counts = np.arange(1, 6)
    evaluation = replace(made_up(5, 1), train_counts=counts, folds=folds)
    plot_recall(evaluation, tmp_path / "one.png")
    assert {"train", "all"} & set(annotated) == {head}


@pytest.mark.parametrize("num_classes", [2, 8, 13, 32])
def test_no_class_name_is_cut_off_beside_the_confusion_matrix(tmp_path, num_classes):
    names = [f"TOUCHING the back of the HEAD, MMMM {one}" for one in range(num_classes)]
    plot_confusion(replace(made_up(num_classes, 1), classes=names), tmp_path / "one.png")
    picture = matplotlib.image.imread(tmp_path / "one.png")
    assert (picture[:, :2, :3] == 1).all()  # a white edge


def test_letters_are_looked_for_in_the_fonts_that_are_installed():
    assert installed_fonts([]) == ["DejaVu Sans"]
    here = ["Comic Sans", "SimHei", "Noto Sans CJK SC", "DejaVu Sans"]
    assert installed_fonts(here) == ["DejaVu Sans", "Noto Sans CJK SC", "SimHei"]


def test_letters_that_no_font_has_are_named_in_one_line(tmp_path, capsys, recwarn):
    names = ["\U00010600\U00010601", "nod", "\U00010602", "\U00010600"]
    evaluation = replace(made_up(4, 1), classes=names)
    plot_confusion(evaluation, tmp_path / "one.png")
    plot_recall(evaluation, tmp_path / "two.png")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"warning: {tmp_path / 'one.png'}: no font here has the letters")
    assert "\U00010600\U00010601\U00010602," in said[0]
    assert not recwarn.list


def test_a_single_row_without_fusion_is_enough(tmp_path):
    evaluation = made_up(4, 1, models=("stgcn",))
    for draw in (plot_ablation, plot_recall, plot_confusion):
        draw(evaluation, tmp_path / "one.png")


def test_the_row_that_is_looked_at_closely_is_not_picked_by_its_score():
    evaluation = made_up(5, 2, models=("stgcn", FUSION, FUSION))  # the last is the best
    assert evaluation.shown(None).name == "r1"
    assert evaluation.shown("r0").name == "r0"
    assert made_up(5, 2, models=("stgcn", "posec3d")).shown(None).name == "r1"


def test_the_best_row_of_each_model_is_shown():
    rows = best_rows(made_up(5, 2))
    assert [row.model for row in rows] == ["stgcn", "posec3d", FUSION]
    assert rows[1].name == "r2"


@pytest.mark.parametrize("length", [1, 5])
def test_curves(tmp_path, length):
    metrics = {"variant": "v", "seed": 0, "best_epoch": 1, "epochs": EPOCHS[:length]}
    for name in ("one.png", "two.png"):
        plot_curve(metrics, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_curve_without_validation_values(tmp_path):
    epochs = [{key: one[key] for key in ("epoch", "train_loss", "train_top1")} for one in EPOCHS]
    plot_curve({"epochs": epochs}, tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 5000


def test_a_curve_of_no_epochs_is_refused(tmp_path):
    with pytest.raises(InputError, match="no epochs"):
        plot_curve({"epochs": []}, tmp_path / "one.png")
