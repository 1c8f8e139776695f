"""The report is one page with all its figures, the same on every run, whatever the set holds."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from microgesture.data.layouts import load_layout
from microgesture.data.store import BadClip, read_index, write_store
from microgesture.data.summary import summarise
from microgesture.data_report.figures import CLASSES_PER_PAGE, plot_lengths
from microgesture.data_report.page import (
    MOST_SKIPPED,
    choose_clips,
    largest_layout,
    split_pages,
    write_report,
)
from microgesture.settings.data_report import DataReportStep
from microgesture.utils.files import write_json
from microgesture.viz.skeletons import SIDES, joint_sides, limb_sides
from microgesture.viz.style import open_figure
from tests.conftest import REPOSITORY
from tests.data_report.test_checks import NAMES, correct

LAYOUTS = REPOSITORY / "config/layouts"


def report(folder, clips, layout, names=NAMES, **about):
    """Write store and report, and return the page."""
    written = write_store(folder / "clips.parquet", clips, names, "made", "skip")
    summary = summarise(read_index(folder / "clips.parquet"), written, names)
    page, figures = folder / "data_report.md", folder / "figures/data"
    rules = about.pop("cleaning", {})
    cut = {
        name: {key: how[key] for key in ("min_score", "max_jump")} for name, how in rules.items()
    }
    told = DataReportStep(**about, cleaning=cut)
    write_report(folder / "clips.parquet", summary, layout, page, figures, told)
    return page.read_text()


def links(page):
    return re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)


def test_a_correct_set(tmp_path, layout41):
    page = report(tmp_path, correct(), layout41, data_name="mine")
    assert page.startswith("# Data report: mine\n")
    assert "Nothing to warn about." in page and "Generated data" not in page
    assert "| train |     4 |     80 |        2 |          2 of 2 |     100% |" in page
    assert "No subject is in two splits." in page and "No clip was skipped." in page
    assert "| Seconds  | 0.80 |" in page
    assert "| 720 x 1280     |              25 |    12 |" in page
    assert links(page) == [
        f"figures/data/{name}.png"
        for name in ("classes", "lengths", "missing", "skeletons-1", "strangest")
    ]
    for link in links(page):
        picture = matplotlib.image.imread(tmp_path / link)
        assert picture.shape[1] >= 1000
        assert picture[..., :3].std() > 0.02  # something is on it


def test_folds_are_asked_for_no_split_of_their_own(tmp_path, layout22):
    clips = [replace(clip, split="train") for clip in correct()]
    assert "**No clip is in split test**" in report(tmp_path, clips, layout22)
    assert "Nothing to warn about." in report(tmp_path, clips, layout22, folds=3)


def test_two_runs_give_the_same_bytes(tmp_path, layout22):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        report(tmp_path / name, correct(), layout22)
    made = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(made) == 7
    for path in made:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path


def test_missing_points_by_hand(tmp_path, layout22):
    clips = correct()
    for clip in clips:
        clip.points[:5, 99] = 0  # the left thumb tip, in a quarter of the frames
    page = report(tmp_path, clips, layout22)
    assert f"Of the layout's joints {25 / 22:.1f}% are not found" in page
    assert "Most often missing: left thumb tip 25%." in page
    assert "0 of 240 frames show none" in page


def test_a_set_with_next_to_nothing_in_it(tmp_path, layout22):
    clip = replace(correct()[0], label=-1, split="test", points=correct()[0].points[:1])
    page = report(tmp_path, [clip], layout22, data_format="synthetic")
    assert "Generated data: says nothing about iMiGUE" in page
    assert "**No clip is in split train**" in page
    assert "**1 of 1 clip in split test have no label**" in page
    assert all((tmp_path / link).is_file() for link in links(page))


def test_skipped_clips_are_listed_with_their_reasons(tmp_path, layout22):
    bad = [BadClip(f"b_{n}", "val", f"b.csv, row {n}", "no | frames") for n in range(60)]
    page = report(tmp_path, [*correct(), *bad], layout22)
    assert "**60 clips could not be used and were left out** (b_0, b_1" in page
    assert r"| b_49 | val   | b.csv, row 49 | no \| frames |" in page
    assert f"{60 - MOST_SKIPPED} more are listed" in page and "| b_50" not in page


def test_clips_are_chosen_of_as_many_subjects_as_possible():
    rows = [("wave", f"s{n // 10}", f"c{n}") for n in range(60)] + [("nod", "s0", "only")]
    index = pd.DataFrame(rows, columns=["label", "subject", "clip_id"])
    chosen = choose_clips(index, ["wave", "nod", "none"])
    assert chosen == {"wave": ["c5", "c25", "c35", "c55"], "nod": ["only"], "none": []}
    index.loc[0, "label"] = None
    assert list(choose_clips(index, ["wave", "nod"]).values())[-1] == ["c0"]


def test_few_subjects_give_several_clips_each():
    rows = [("wave", f"s{n // 10}", f"c{n}") for n in range(20)]
    index = pd.DataFrame(rows, columns=["label", "subject", "clip_id"])
    (chosen,) = choose_clips(index, ["wave"]).values()
    assert len(set(chosen)) == 4
    assert {int(clip[1:]) // 10 for clip in chosen} == {0, 1}


@pytest.mark.parametrize(("rows", "pages"), [(2, [2]), (16, [16]), (17, [9, 8]), (32, [16, 16])])
def test_pages_are_about_equally_full(rows, pages):
    made = split_pages(list(range(rows)))
    assert [len(page) for page in made] == pages
    assert [row for page in made for row in page] == list(range(rows)) and max(
        pages
    ) <= CLASSES_PER_PAGE


def test_many_classes_are_drawn_on_two_pages_and_empty_ones_are_named(tmp_path, layout22):
    names = [
        *NAMES,
        *(f"a rather long name of class {n} (of very many of them)" for n in range(30)),
    ]
    page = report(tmp_path, correct(), layout22, names)
    assert [link[-15:] for link in links(page)[-3:-1]] == ["skeletons-1.png", "skeletons-2.png"]
    assert "**30 of 32 classes have no clip in train**" in page


@pytest.mark.parametrize(
    ("shortest", "longest"), [(5, 20), (5, 400), (5, 900), (1, 2000), (1, 30000)]
)
def test_numbers_below_lengths_do_not_run_together(tmp_path, monkeypatch, shortest, longest):
    drawn = []

    @contextmanager
    def kept(*args, **options):
        with open_figure(*args, **options) as figure:
            yield figure
        drawn.append(figure)

    monkeypatch.setattr("microgesture.data_report.figures.open_figure", kept)
    frames = np.geomspace(shortest, longest, 20).astype(int)
    index = pd.DataFrame({"num_frames": frames, "fps": 25.0, "split": "train"})
    plot_lengths(index, tmp_path / "lengths.png")
    (figure,) = drawn
    figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        boxes = [
            label.get_window_extent()
            for label in axes.get_xticklabels()
            if low <= label.get_position()[0] <= high
        ]
        assert len(boxes) >= 3
        assert all(left.x1 + 4 < right.x0 for left, right in pairwise(boxes))


def test_lengths_that_are_all_equal_are_a_step_between_none_and_all(tmp_path, monkeypatch):
    drawn = []

    @contextmanager
    def kept(*args, **options):
        with open_figure(*args, **options) as figure:
            yield figure
        drawn.append(figure)

    monkeypatch.setattr("microgesture.data_report.figures.open_figure", kept)
    index = pd.DataFrame({"num_frames": 30, "fps": 25.0, "split": ["train"] * 3 + ["val"] * 2})
    plot_lengths(index, tmp_path / "lengths.png")
    for axes, length, text in zip(drawn[0].axes, (30, 1.2), ("30", "1.2"), strict=True):
        low, high = axes.get_xlim()
        assert [label.get_text() for label in axes.get_xticklabels()] == [text]
        for line in axes.get_lines():
            x, y = line.get_data()
            assert (x[0], x[-1]) == (low, high) and (y[0], y[-1]) == (0, 1)
            assert set(x[1:-1]) == {length}


def test_sides_by_hand(layout22):
    sides = [list(SIDES)[side] for side in joint_sides(layout22)]
    assert sides[:3] == ["middle", "middle", "right"] and sides[12] == "left"
    assert [list(SIDES)[side] for side in limb_sides(layout22)[:3]] == ["middle", "right", "right"]
    # mirroring exchanges the sides of joints and limbs
    swap = np.array([1, 0, 2])
    assert (joint_sides(layout22)[layout22.flip] == swap[joint_sides(layout22)]).all()
    assert (limb_sides(layout22)[layout22.limb_flip] == swap[limb_sides(layout22)]).all()


def test_the_largest_layout_is_shown():
    both = [LAYOUTS / "openpose41.yaml", LAYOUTS / "openpose22.yaml"]
    assert largest_layout(both).name == largest_layout(both[::-1]).name == "openpose41"
    assert largest_layout(both[1:]).joints == load_layout(both[1]).joints


def test_the_script(tmp_path):
    clips = [replace(clip, height=1280, width=620) for clip in correct()]
    written = write_store(tmp_path / "clips.parquet", clips, NAMES, "made")
    summary = summarise(read_index(tmp_path / "clips.parquet"), written, NAMES)
    write_json(tmp_path / "summary.json", summary)
    command = [sys.executable, REPOSITORY / "scripts/data_report.py", "--skeletons"]
    command += ["clips.parquet", "--summary", "summary.json", "--out", "out/page.md"]
    command += ["--figures", "out/figures", "--layouts", LAYOUTS / "openpose22.yaml"]

    def run(*more):
        return subprocess.run(
            [*map(str, command), *more], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    said = run("--about", json.dumps({"data_name": "mine"}))
    assert said.returncode == 0, said.stderr
    assert said.stderr.startswith("warning: ") and "1 warning; see out/page.md" in said.stderr
    page = (tmp_path / "out/page.md").read_text()
    assert all((tmp_path / "out" / link).is_file() for link in links(page))
    said = run("--skeletons", "none.parquet")
    assert said.returncode == 2 and "Traceback" not in said.stderr
    assert said.stderr.startswith("error: none.parquet: does not exist")
