"""Nothing that a figure draws lies outside of its axes, whatever the panels beside it hold."""

from itertools import combinations
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from microgesture.data.classes import load_classes
from microgesture.data.layouts import load_layout
from microgesture.report.page import write_page
from microgesture.utils.files import read_json
from microgesture.viz.ablation import plot_ablation, plot_confusion, plot_recall
from microgesture.viz.clips import plot_strip
from microgesture.viz.comparisons import _number_rows, plot_courses, plot_robustness
from microgesture.viz.curves import plot_curve
from microgesture.viz.style import open_figure
from tests.data_report.test_checks import correct, person
from tests.data_report.test_report_page import report
from tests.report_results import make_config, make_results
from tests.sections import load_material
from tests.viz.test_figures import made_up


def drawn_in(axes):
    """What every artist of the axes draws, with its points as shares of the axes, (P, 2)."""
    to_axes = axes.transAxes.inverted()
    for line in axes.lines:
        yield line, to_axes.transform(line.get_transform().transform(line.get_xydata()))
    for patch in axes.patches:
        yield patch, to_axes.transform(patch.get_transform().transform(patch.get_path().vertices))
    for several in axes.collections:
        if isinstance(several, PathCollection):
            points = several.get_offset_transform().transform(several.get_offsets())
            points = np.ma.filled(points.astype(float), np.nan)
            yield several, to_axes.transform(points[shown(several.get_facecolor(), len(points))])
        elif isinstance(several, LineCollection):
            paths = several.get_paths()
            for path, visible in zip(paths, shown(several.get_color(), len(paths)), strict=True):
                if visible:
                    points = several.get_transform().transform(path.vertices)
                    yield several, to_axes.transform(points)
    for image in axes.images:
        left, right, bottom, top = image.get_extent()
        corners = image.get_transform().transform([(left, bottom), (right, top)])
        yield image, to_axes.transform(corners)


def shown(colours, count):
    """Which of so many parts have a colour that is not transparent, bool (count,)."""
    return np.resize(np.asarray(colours)[:, 3] > 0, count)


def cut_off(figure):
    """Artists of a figure with a point outside of their axes, each with the worst place."""
    figure.canvas.draw()
    found = []
    for axes in figure.axes:
        for artist, places in drawn_in(axes):
            with np.errstate(invalid="ignore"):
                beyond = np.where(np.isfinite(places), np.abs(places - 0.5) - 0.5, 0)
            if beyond.size and beyond.max() > 1e-6:
                found.append((axes.get_title() or axes.get_ylabel(), type(artist), beyond.max()))
    return found


@pytest.fixture
def saved(monkeypatch):
    """Of every figure that is written, by its file's name, what is cut off."""
    found, save = {}, Figure.savefig

    def noted(figure, path, *args, **options):
        found[Path(path).name.removeprefix(".").split(".")[0]] = cut_off(figure)
        return save(figure, path, *args, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", noted)
    return found


def course(highest):
    """A run whose validation ends at ``highest``."""
    epochs = [
        {"epoch": n, "train_loss": 9 * highest / n, "train_top1": highest * n / 6,
         "val_loss": 10 * highest / n, "val_top1": highest * n / 5}
        for n in range(1, 6)
    ]  # fmt: skip
    return {"epochs": epochs, "best_epoch": 5}


@pytest.mark.parametrize("what", ["loss", "top1"])
def test_the_courses_of_better_networks_are_not_cut_off(saved, tmp_path, what):
    runs = {f"variant {n}": [course(top)] for n, top in enumerate((0.1, 0.9, 0.3, 0.8, 0.95))}
    plot_courses(runs, what, tmp_path / "courses.png")
    assert saved and not any(saved.values())


def test_robustness_of_every_kind_is_within_its_panel(saved, tmp_path):
    rows = [("a", "none", 0.0, 0.5), ("a", "drop", 0.1, 0.2), ("a", "jitter", 0.02, 0.9),
            ("a", "occlude", 0.5, 0.95)]  # fmt: skip
    measured = pd.DataFrame(rows, columns=["variant", "kind", "level", "top1"]).assign(clips=10)
    plot_robustness(measured, {"a": "A"}, tmp_path / "robustness.png")
    assert saved and not any(saved.values())


@pytest.mark.parametrize("length", [1, 5])
def test_a_single_course_is_within_its_panels(saved, tmp_path, length):
    metrics = course(0.9)
    metrics["epochs"] = metrics["epochs"][:length]
    plot_curve(metrics | {"best_epoch": length}, tmp_path / "curve.png")
    assert saved and not any(saved.values())


@pytest.mark.parametrize("draw", [plot_ablation, plot_recall, plot_confusion])
@pytest.mark.parametrize(("num_classes", "num_seeds"), [(32, 3), (2, 1)])
def test_figures_of_the_table(saved, tmp_path, draw, num_classes, num_seeds):
    draw(made_up(num_classes, num_seeds), tmp_path / "one.png")
    assert saved and not any(saved.values())


def test_all_figures_of_the_page(saved, tmp_path):
    names = ["nod", "wave", "shrug", "rest", "lean", "turn"]
    made = make_results(tmp_path, names, make_config(), clips=(60, 40), people=6)
    material = load_material(
        made["config"],
        made["results"],
        load_classes(made["classes"]),
        read_json(made["summary"]),
        made["skeletons"],
        [load_layout(path) for path in made["layouts"]],
    )
    saved.clear()
    write_page(material, tmp_path / "report.html", tmp_path / "figures")
    assert len(saved) > 10
    assert {name: cut for name, cut in saved.items() if cut} == {}


@pytest.mark.parametrize("wild", [False, True])
def test_all_figures_of_the_data_report(saved, tmp_path, layout41, wild):
    clips = correct()
    if wild:
        for clip in clips:
            clip.points[:, 4] = (1e9, 300, 0.9)
    report(tmp_path, clips, layout41)
    assert set(saved) == {"classes", "lengths", "missing", "skeletons-1", "strangest"}
    assert {name: cut for name, cut in saved.items() if cut} == {}


def test_a_strip_is_drawn_within_its_frames_whatever_is_wrong_in_one(saved, tmp_path, layout41):
    points = person("a").points[:, layout41.points]
    points[0, 4], points[5] = (1e9, 300, 0.9), 0
    plot_strip(points, 25.0, layout41, tmp_path / "strip.png")
    assert saved and not any(saved.values())


def test_the_test_sees_a_limit_that_was_frozen_by_the_first_panel(saved, tmp_path):
    with open_figure(tmp_path / "frozen.png", 4, 2) as figure:
        for axes, highest in zip(figure.subplots(1, 2, sharey=True), (1, 2), strict=True):
            axes.plot([0, highest])
            axes.set_ylim(0, None)
    (cut,) = saved.values()
    assert len(cut) == 1 and cut[0][2] > 0.4


@pytest.mark.parametrize("others", [0, 1, 5])
def test_rows_of_equal_cost_and_score_do_not_cover_each_other(others):
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    _number_rows(axes, [5.0] * (1 + others), [5.0] * (1 + others))
    places = [np.array(one.get_position()) for one in axes.texts]
    assert not places[0].any()  # the first stands where it belongs
    assert [one.get_text() for one in axes.texts] == [str(1 + n) for n in range(1 + others)]
    for one, other in combinations(places, 2):
        assert np.hypot(*(one - other)) >= 11
