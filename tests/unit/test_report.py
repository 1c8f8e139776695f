"""The page of results: needs nothing else, shows what there is, and never what there is not."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from microgesture.classes import load_classes
from microgesture.errors import InputError
from microgesture.evaluation import Row
from microgesture.files import read_json, write_json, write_text
from microgesture.layouts import load_layout
from microgesture.points import OPENPOSE
from microgesture.report.html import marked
from microgesture.report.material import load_material, run_names
from microgesture.report.page import write_page
from microgesture.report.pictures import (
    FRAMES,
    layout_of,
    strip_frames,
    surest_mistakes,
    typical_pose,
)
from microgesture.style import series
from tests.conftest import REPOSITORY
from tests.report_results import make_config, make_results

SECTIONS = ["table", "claims", "training", "classes", "confusion", "calibration", "robustness",
            "mistakes", "occlusion", "cost", "data", "repeat"]  # fmt: skip
SMALL = ["nod & wave", "<b>shrug</b>", 'the "point"', "rest", "lean", "turn"]


class Page(HTMLParser):
    """What a browser would load, and whether every element that was opened was closed."""

    EMPTY = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.resources, self.sections, self.images, self.anchors = [], [], [], [], []
        self.words = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.resources += [attributes[key] for key in ("src", "srcset") if key in attributes]
        if tag in ("link", "script", "iframe", "object", "embed"):
            self.resources.append(f"<{tag}>")
        if tag == "a":
            self.anchors.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes.get("alt", ""))
        if tag == "section":
            self.sections.append(attributes["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def written(made, folder, **changes):
    """Write the page; return its text."""
    config = made["config"] | changes
    material = load_material(
        config,
        made["results"],
        load_classes(made["classes"]),
        read_json(made["summary"]),
        made["skeletons"],
        [load_layout(path) for path in made["layouts"]],
    )
    write_page(material, folder / "report.html", folder / "figures")
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    config = make_config(("stgcn22", "joint41"), seeds=(0, 1))
    return make_results(tmp_path_factory.mktemp("made"), SMALL, config, clips=(60, 40), people=6)


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    return written(made, tmp_path_factory.mktemp("whole"))


def test_the_page_needs_nothing_else(whole):
    page = Page(whole)
    assert page.open == []
    assert page.images
    assert all(one.startswith("data:image/png;base64,") for one in page.resources)
    style = whole[whole.index("<style>") : whole.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_every_section_is_there_and_in_the_contents(whole):
    page = Page(whole)
    assert page.sections == SECTIONS
    assert page.anchors == [f"#{one}" for one in SECTIONS]
    assert all(page.images)  # every picture says what it shows


def test_the_headline(whole):
    words = " ".join(Page(whole).words)
    assert "Generated data: says nothing about iMiGUE." in words
    assert "Made-up clips" in words
    assert re.search(r"recognises \d+\.\d ± \d+\.\d % of 40 test clips of 6 subjects", words)
    assert re.search(r"most frequent class would reach \d+\.\d %", words)


def test_real_data_have_no_banner(made, tmp_path):
    assert "says nothing" not in written(made, tmp_path, data_format="miga")


def test_names_are_escaped(whole):
    assert "<b>shrug</b>" not in whole
    assert "nod & wave" not in whole
    assert "&lt;b&gt;shrug&lt;/b&gt;" in whole


def test_the_same_results_give_the_same_bytes(made, whole, tmp_path):
    assert written(made, tmp_path) == whole
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    first = {name: (tmp_path / "figures" / name).read_bytes() for name in names}
    written(made, tmp_path)
    assert first == {name: (tmp_path / "figures" / name).read_bytes() for name in names}
    assert {"claims.png", "claims.pdf", "cost.pdf", "reliability.png"} <= set(names)


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"robustness": None}, ["robustness"]),
        ({"explain": None}, ["occlusion"]),
        ({"claims": []}, ["claims"]),
    ],
)
def test_a_section_without_input_is_left_out(made, tmp_path, changes, gone):
    page = Page(written(made, tmp_path, **changes))
    assert page.sections == [one for one in SECTIONS if one not in gone]
    assert not {f"#{one}" for one in gone} & set(page.anchors)


def test_what_is_asked_for_and_missing_is_named(made, tmp_path):
    with pytest.raises(InputError, match="limb41: has no file of any run"):
        written(made, tmp_path, explain={"variants": ["limb41"], "clips": 8})


@pytest.mark.parametrize("num_classes", [2, 40])
def test_few_and_many_classes_one_seed_and_one_row(tmp_path, num_classes):
    config = make_config(("stgcn22",), seeds=(0,))
    names = [f"class {one}" for one in range(num_classes)]
    made = make_results(tmp_path, names, config, clips=(60, 45), people=2)
    page = Page(written(made, tmp_path))
    assert page.sections == [one for one in SECTIONS if one != "claims"]


def test_the_script_writes_the_same_page(made, whole, tmp_path):
    write_json(tmp_path / "config.json", made["config"])
    command = [sys.executable, REPOSITORY / "scripts/report.py", "--config",
               tmp_path / "config.json", "--layouts", *made["layouts"],
               "--out", tmp_path / "report.html", "--figures", tmp_path / "figures"]  # fmt: skip
    for name in ("results", "classes", "summary", "skeletons"):
        command += [f"--{name}", made[name]]
    subprocess.run(list(map(str, command)), check=True, cwd=REPOSITORY)
    # JSON written with sorted keys: the order of the config's keys is shown in the page alone
    assert len((tmp_path / "report.html").read_text()) == len(whole)


def test_records_and_data_report_are_shown_where_they_are(made, tmp_path):
    results = made["results"]
    record = {"git": {"commit": "abc123", "dirty": True}, "packages": {"scipy": "1.18.0"}}
    write_json(results / "provenance/train/stgcn22/seed0.json", record)
    write_text(results / "data_report.md", "# X\n\n## Warnings\n\n- **7 clips** odd\n\n## Splits\n")
    try:
        words = " ".join(Page(written(made, tmp_path)).words)
    finally:
        (results / "provenance/train/stgcn22/seed0.json").unlink()
        (results / "data_report.md").unlink()
    assert "abc123 with changes that were not committed" in words
    assert "scipy 1.18.0" in words
    assert "7 clips" in words


def test_shared_subjects_are_not_called_new(made, tmp_path):
    summary = read_json(made["summary"]) | {"subject_overlap": {"train+test": ["s20"]}}
    write_json(tmp_path / "summary.json", summary)
    text = written(made | {"summary": tmp_path / "summary.json"}, tmp_path)
    assert "may have been trained on" in text
    assert "trained on other subjects only" not in text


def row_of(labels, probabilities):
    shares = np.array(probabilities, np.float32)
    return Row("r", "Row", "stgcn", np.array(labels), shares, 1, (1.0,) * len(shares))


def test_surest_mistakes_by_hand():
    # clip 0 right; 1 and 3 are 1 taken for 0, 3 the surer; 2 is 2 taken for 0
    first = [[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.5, 0.3, 0.2], [0.9, 0.1, 0.0]]
    second = [[0.7, 0.3, 0.0], [0.7, 0.3, 0.0], [0.7, 0.1, 0.2], [0.7, 0.2, 0.1]]
    found = surest_mistakes(row_of([0, 1, 2, 1], [first, second]), 5)
    assert [(one.row, one.true, one.taken) for one in found] == [(3, 1, 0), (2, 2, 0)]
    assert found[0].confidence == pytest.approx(0.8)
    assert found[0].of_true == pytest.approx(0.15)
    assert len(surest_mistakes(row_of([0, 1, 2, 1], [first, second]), 1)) == 1
    assert surest_mistakes(row_of([0], [[[1.0, 0.0]]]), 5) == []


@pytest.mark.parametrize("total", [1, 2, 7, 8, 9, 400])
def test_frames_of_a_strip(total):
    frames = strip_frames(total)
    assert len(frames) == min(total, FRAMES)
    assert frames[0] == 0
    assert frames[-1] == total - 1
    assert frames == sorted(set(frames))


def test_the_typical_pose_does_not_depend_on_place_or_size():
    rng = np.random.default_rng(0)
    body = rng.normal(0, 1, (OPENPOSE.count, 2))
    left, right = OPENPOSE.shoulders
    body[left], body[right] = (-0.5, 0), (0.5, 0)
    clips = []
    for size, x in ((100, 300), (40, 900), (250, 500)):
        points = np.ones((5, OPENPOSE.count, 3))
        points[..., :2] = size * body + x
        points[:, 9] = 0  # never seen
        clips.append(points)
    pose = typical_pose(clips, OPENPOSE)
    seen = np.arange(OPENPOSE.count) != 9
    np.testing.assert_allclose(pose[seen, :2], body[seen], atol=1e-6)
    assert pose[seen, 2].all()
    assert not pose[9].any()


def test_occlusion_is_the_mean_over_clips_of_all_runs(made, tmp_path):
    folder = tmp_path / "results"
    (folder / "occlusion").mkdir(parents=True)
    for name in ("predict", "train", "robustness", "figures", "skeletons"):
        (folder / name).symlink_to(made["results"] / name)
    joints, windows = ["a", "b"], [[0, 0.5], [0.5, 1]]
    for seed, value, clips in ((0, 0.1, 10), (1, 0.4, 30)):
        content = {"joints": joints, "windows": windows, "fall": [[value, 0], [0, 0]]}
        content |= {"by_class": {"rest": [[value, 0], [0, 0]]}, "clips": clips}
        write_json(folder / f"occlusion/stgcn22/seed{seed}.json", content)
    config = made["config"] | {"explain": {"variants": ["stgcn22"]}}
    layouts = [load_layout(path) for path in made["layouts"]]
    material = load_material(
        config, folder, SMALL, read_json(made["summary"]), made["skeletons"], layouts
    )
    seen = material.occlusion["stgcn22"]
    assert seen.fall[0, 0] == pytest.approx((10 * 0.1 + 30 * 0.4) / 40)
    assert layout_of(seen, layouts) is None  # parts of the body, not a layout's joints
    write_page(material, tmp_path / "report.html", tmp_path / "figures")
    assert not (tmp_path / "figures/occlusion_stgcn22_classes.png").exists()


def test_run_names():
    assert run_names((0, 3), None) == ["seed0", "seed3"]
    assert run_names((1,), 2) == ["seed1-fold0", "seed1-fold1"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** c", "a <strong>b</strong> c"),
        ("**a** & **b**", "<strong>a</strong> &amp; <strong>b</strong>"),
        ("2 ** 3", "2 ** 3"),
        ("<i>", "&lt;i&gt;"),
    ],
)
def test_marked(text, html):
    assert marked(text) == html


def test_lines_can_be_told_apart():
    looks = [json.dumps(series(place)) for place in range(27)]
    assert len(set(looks)) == 27
