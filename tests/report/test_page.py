"""The page of results: needs nothing else, shows what there is, and never what there is not."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from microgesture.data.classes import load_classes
from microgesture.data.keypoints import OPENPOSE
from microgesture.data.layouts import load_layout
from microgesture.evaluation.claims import Claim, Comparison
from microgesture.evaluation.occlusion import mean_occlusion
from microgesture.evaluation.rows import Row
from microgesture.report.page import headline, write_page
from microgesture.report.render import TEMPLATES, marked, render, sort_value
from microgesture.report.sections import (
    claims_section,
    classes_section,
    data_section,
    errors_section,
    repeat_section,
)
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json, write_json, write_text
from microgesture.viz.clips import (
    FRAMES,
    confident_errors,
    layout_of,
    one_of_each_pair,
    plot_occlusion,
    plot_strip,
    steady_box,
    strip_frames,
    typical_pose,
)
from microgesture.viz.comparisons import VERDICTS
from microgesture.viz.style import series
from tests.conftest import REPOSITORY
from tests.report_results import make_config, make_results
from tests.sections import load_material, read_robustness

SECTIONS = ["table", "claims", "training", "classes", "confusion", "calibration", "robustness",
            "errors", "occlusion", "cost", "models", "data", "repeat"]  # fmt: skip
SMALL = [f"<i>{name}</i> & more" for name in ("nod", "wave", "shrug", "rest", "lean", "turn")]


class Page(HTMLParser):
    """What a browser would load, and whether every element that was opened was closed."""

    EMPTY = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.resources, self.sections, self.images, self.anchors = [], [], [], [], []
        self.words, self.attributes, self.scripts, self.headings = [], set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.attributes |= set(attributes)
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.resources += [attributes[key] for key in ("src", "srcset") if key in attributes]
        if tag in ("link", "iframe", "object", "embed"):
            self.resources.append(f"<{tag}>")
        if tag == "script":
            self.scripts.append("")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "a":
            self.anchors.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes.get("alt", ""))
        if tag == "section":
            self.sections.append(attributes["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)


def read(made, **changes):
    """Read the material, with changes to the config."""
    return load_material(
        made["config"] | changes,
        made["results"],
        load_classes(made["classes"]),
        read_json(made["summary"]),
        made["skeletons"],
        [load_layout(path) for path in made["layouts"]],
    )


def written(material, folder):
    """Write the page; return its text."""
    write_page(material, folder / "report.html", folder / "figures")
    return (folder / "report.html").read_text()


def html_of(section):
    """A part of the page, all white space single."""
    return " ".join(render(f"page/{section.anchor}.html", content=section.content).split())


def headline_of(material):
    return " ".join(render("page/headline.html", headline=headline(material)).split())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    config = make_config(("stgcn22", "joint41"), seeds=(0, 1))
    config["variants"]["stgcn22"]["title"] = "<u>ST-GCN</u>"
    return make_results(tmp_path_factory.mktemp("made"), SMALL, config, clips=(60, 40), people=6)


@pytest.fixture(scope="module")
def material(made):
    return read(made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(material, folder):
    return written(material, folder)


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
    # the first skips the head; the cards lie beside the models
    runs = [f"train/{name}/seed{seed}" for name in ("stgcn22", "joint41") for seed in (0, 1)]
    expected = ["#table", *(f"#{one}" for one in SECTIONS), *(f"{one}/card.md" for one in runs)]
    assert page.anchors == expected
    assert all(len(alt) > 20 for alt in page.images)  # every picture says what it shows
    assert page.headings[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(page.headings))  # none is skipped


def test_the_headline(whole):
    words = " ".join(" ".join(Page(whole).words).split())
    assert "Generated data: says nothing about iMiGUE." in words
    assert "Made-up clips" in words
    assert re.search(r"recognises \d+\.\d ± \d+\.\d % of 40 test clips of 6 subjects", words)
    assert re.search(r"most frequent class would reach \d+\.\d %", words)


def test_no_script_runs_but_the_page_s_own(whole):
    (script,) = Page(whole).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', whole)[1]
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?:|fetch\(|import\(|XMLHttpRequest|innerHTML|eval\(", script)


def test_every_table_has_a_caption_and_headings_of_columns_and_rows(whole):
    tables = re.findall(r"<table.*?</table>", whole, re.DOTALL)
    assert len(tables) >= 6
    for table in tables:
        assert re.search(r"<caption>[^<]+</caption>", table)
        assert "<th>" not in table and "<th class" not in table
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL):
            assert ('<th scope="col"' in row) != ('<th scope="row"' in row)


def test_numbers_are_sorted_as_numbers(whole):
    cells = re.findall(r'data-sort="([^"]*)">(?:<b>)?([^<]*)', whole)
    assert cells
    assert {sort_value(text) for _, text in cells} == {value for value, _ in cells}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("45.3 ± 1.2", "45.3"), ("−94.43 to +100.00", "-94.43"), ("+2.20", "2.2"), ("0.00", "0"),
        ("1,500", "1500"), ("31.2 k", "31200"), ("0.31 M", "310000"), ("2.05 M", "2050000"),
        ("3:04", "184"), ("1:08:27", "4107"), ("< 0.001", "0"), ("0.050", "0.05"), ("41%", "41"),
        ("12 of 32", "12"), ("–", ""), ("", ""), ("no clip", ""), ("not recorded", ""),
    ],
)  # fmt: skip
def test_what_a_cell_is_sorted_by(cell, value):
    assert sort_value(cell) == value


def test_errors_can_be_filtered_by_class_and_clip(material, tmp_path):
    section = errors_section(material, tmp_path)
    body = html_of(section)
    row, classes = material.shown, material.evaluation.classes
    taken = row.probabilities.astype(np.float64).mean(axis=0).argmax(axis=1)
    wrong = np.flatnonzero(taken != row.labels)
    listed = re.findall(
        r'<tr data-true="([^"]*)" data-taken="([^"]*)" data-clip="([^"]*)" data-subject="([^"]*)">',
        body,
    )
    evaluation = material.evaluation
    expected = {
        (classes[row.labels[k]], classes[taken[k]], evaluation.clip_ids[k], evaluation.subjects[k])
        for k in wrong
    }
    assert {tuple(map(unescape, one)) for one in listed} == expected
    assert len(listed) == len(wrong) == section.content["total"]
    assert f"got {len(wrong)} clips wrong" in body
    options = re.findall(r'<option value="([^"]+)">', body)
    assert sorted(map(unescape, options)) == sorted({c for one in expected for c in one[:2]})
    assert re.search(r'<form class="filters"[^>]* hidden>', body)  # of no use without the script
    confidence = [float(one) for one in re.findall(r'data-sort="([\d.]+)">\d+%', body)[::2]]
    assert confidence == sorted(confidence, reverse=True)


def luminance(colour):
    colour = colour * 2 if len(colour) == 3 else colour
    parts = np.array([int(colour[k : k + 2], 16) for k in (0, 2, 4)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_what_they_are_on(mode):
    """4.5 to 1, as WCAG 2.2 asks of text."""
    style = (TEMPLATES / "page.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 2 and "@media screen and (prefers-color-scheme: dark)" in style
    colours = dict(re.findall(r"--(\w+): #(\w+);", blocks[mode]))
    pairs = [(text, on) for text in ("ink", "soft") for on in ("page", "pale", "chosen", "warning")]
    pairs += [("blue", "page"), ("blue", "pale")]
    pairs += [("page", pill) for pill in ("blue", "orange", "grey")]
    for text, on in pairs:
        dark, light = sorted(luminance(colours[one]) for one in (text, on))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, on)


def test_real_data_have_no_banner(made):
    assert "says nothing" not in headline_of(read(made, data_format="miga"))


def test_a_row_that_is_as_high_as_the_shown_one_is_not_called_higher(made):
    material = read(made)
    best = max(material.evaluation.rows, key=lambda row: row.top1)
    twin = replace(best, name="twin", title="Twin")
    tied = replace(material.evaluation, rows=[best, twin])
    config = material.config.model_copy(update={"submission": "twin"})
    words = headline_of(replace(material, evaluation=tied, config=config))
    assert "“Twin” (the submitted row) recognises" in words
    assert "No row is higher, and another is as high." in words and "The highest row" not in words


def test_names_are_escaped(whole):
    assert not re.search("<[iu]>", whole)
    assert " & " not in whole
    assert "&lt;i&gt;nod&lt;/i&gt; &amp; more" in whole
    assert "&lt;u&gt;ST-GCN&lt;/u&gt;" in whole


CLASS = "<script>alert(1)</script>"
TITLE = """ "ST-GCN" onload='alert(2)' & **bold** {{ 7 * 7 }}"""
CLIP_ID = """"><img src=x onerror="alert('{split}&amp;{number}')">"""


def test_names_that_look_like_html_are_shown_as_text(tmp_path):
    config = make_config(("stgcn22", "joint41"), seeds=(0,))
    config["variants"]["stgcn22"]["title"] = TITLE
    config |= {"submission": "stgcn22", "data_name": CLASS, "occlusion": None}
    config["claims"][0]["claim"] = CLASS
    made = make_results(tmp_path, [CLASS, *SMALL[1:]], config, clips=(30, 30), people=4,
                        clip_id=CLIP_ID)  # fmt: skip
    material = read(made)
    text = written(material, tmp_path)
    page = Page(text)
    assert page.open == []
    assert all(one.startswith("data:image/png;base64,") for one in page.resources)
    assert not [name for name in page.attributes if name.startswith("on")]
    assert page.scripts == [render("page.js")]
    words = " ".join("".join(page.words).split())
    for shown in (CLASS, TITLE.strip()):
        assert shown in words
        assert any(shown in one for one in page.images)
    section = errors_section(material, tmp_path / "figures")
    assert CLASS in section.content["classes"]
    errors = section.content["errors"]
    assert errors
    for one in errors:
        assert one["clip"] in material.evaluation.clip_ids and "&amp;" in one["clip"]
        assert f"clip {one['clip']}, subject" in words
        assert any(one["clip"] in alt for alt in page.images)


def test_the_script_writes_the_same_bytes(made, whole, folder, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(made["config"]))
    command = [sys.executable, REPOSITORY / "scripts/report.py", "--config",
               tmp_path / "config.json", "--layouts", *made["layouts"],
               "--out", tmp_path / "report.html", "--figures", tmp_path / "figures"]  # fmt: skip
    for name in ("results", "classes", "summary", "skeletons"):
        command += [f"--{name}", made[name]]
    subprocess.run(list(map(str, command)), check=True, cwd=REPOSITORY)
    assert (tmp_path / "report.html").read_text() == whole
    first, second = ({path.name: path.read_bytes() for path in one.iterdir()}
                     for one in (folder / "figures", tmp_path / "figures"))  # fmt: skip
    assert first == second
    assert {"claims.png", "claims.pdf", "cost.pdf", "reliability.png"} <= set(first)


@pytest.mark.parametrize("num_classes", [2, 40])
def test_a_part_without_input_is_left_out(tmp_path, num_classes):
    """One row, one seed, few or many classes: no claims, no robustness, no occlusion."""
    config = make_config(("stgcn22",), seeds=(0,)) | {"robustness": None, "occlusion": None}
    names = [f"class {one}" for one in range(num_classes)]
    made = make_results(tmp_path, names, config, clips=(60, 45), people=2)
    page = Page(written(read(made), tmp_path))
    left = [one for one in SECTIONS if one not in ("claims", "robustness", "occlusion")]
    assert page.sections == left
    expected = ["#table", *(f"#{one}" for one in left), "train/stgcn22/seed0/card.md"]
    assert page.anchors == expected


def test_a_faultless_row_has_no_errors(material, tmp_path):
    row = material.shown
    sure = np.broadcast_to(np.eye(6, dtype=np.float32)[row.labels], row.probabilities.shape)
    rows = (replace(row, probabilities=sure),)
    evaluation = replace(material.evaluation, rows=rows)
    assert errors_section(replace(material, evaluation=evaluation), tmp_path) is None


def test_what_is_asked_for_and_missing_is_named(made):
    with pytest.raises(InputError, match=r"limb41/seed0\.json: is not there"):
        read(made, occlusion={"variants": ["limb41"], "clips": 8})


def test_records_and_data_report_are_shown_where_they_are(material, tmp_path):
    assert "Commit" not in html_of(repeat_section(material, tmp_path))
    assert "Warnings" not in html_of(data_section(material, tmp_path))
    record = {"git": {"commit": "abc123", "dirty": True}, "packages": {"scipy": "1.18.0"}}
    write_json(tmp_path / "provenance/train/stgcn22/seed0.json", record)
    write_text(tmp_path / "data_report.md", "# X\n\n## Warnings\n\n- **7 clips** odd\n\n## Y\n")
    here = replace(material, results=tmp_path)
    body = html_of(repeat_section(here, tmp_path))
    assert "abc123 with changes that were not committed" in body
    assert "snakemake --cores all --configfile &lt;config file&gt;" in body
    assert "scipy 1.18.0" in body
    assert "<strong>7 clips</strong> odd" in html_of(data_section(here, tmp_path))


def test_recall_of_every_class_is_there_as_text(material, tmp_path):
    body = html_of(classes_section(material, tmp_path))
    shown, counts = material.shown, material.evaluation.counts
    rows = re.findall(r"<tr><th scope=\"row\".*?>(.*?)</th>.*?>([\d.]+|no clip)</td></tr>", body)
    expected = [
        f"{100 * recall:.1f}" if count else "no clip"
        for recall, count in zip(shown.recall, counts, strict=True)
    ]
    assert [value for _, value in rows[-len(counts) :]] == expected


def mixed_claim(verdicts):
    """A claim of one comparison for each of the verdicts."""
    spans = {"supported": (1.0, 3.0), "undecided": (-1.0, 1.0), "refuted": (-3.0, -1.0)}
    lines = [
        Comparison("fused", worse, sum(spans[one]) / 2, *spans[one])
        for worse, one in zip(("stgcn22", "joint41"), verdicts, strict=True)
    ]
    return Claim("Fused beats either", tuple(lines))


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [("supported", "refuted", "refuted"), ("undecided", "supported", "undecided")],
)
def test_a_claim_over_several_rows_has_one_verdict(
    material, tmp_path, annotated, first, second, verdict
):
    body = html_of(
        claims_section(replace(material, claims=[mixed_claim((first, second))]), tmp_path)
    )
    assert re.findall(r'<span class="pill (\w+)">(\w+)</span>', body) == [(verdict, verdict)]
    pill, second_pair = body.index("pill"), body.index("PoseC3D joint, 41 points, align</span>")
    assert body.index("<strong>Fused beats either</strong>") < pill < second_pair
    assert [text for text in annotated if text in VERDICTS] == [verdict]


def test_an_undecided_line_says_what_it_would_need(material, tmp_path):
    line = Comparison(
        "fused", "stgcn22", 2.0, 0.5, 3.5, p_interval=0.03, p_holm=0.09, lacking=("seeds", "people")
    )
    body = html_of(claims_section(replace(material, claims=[Claim("c", (line,))]), tmp_path))
    assert "more seeds and people" in body and 'data-sort="0.09">0.090</td>' in body
    assert 'class="pill undecided"' in body
    assert "after Holm&#39;s correction" in body
    decided = replace(line, p_holm=0.04, lacking=())
    body = html_of(claims_section(replace(material, claims=[Claim("c", (decided,))]), tmp_path))
    assert "more seeds" not in body and 'class="pill supported"' in body


def test_shared_subjects_are_not_called_new(material):
    assert "trained on other subjects only" in headline_of(material)
    for shared in ({"subject_overlap": {"train+test": ["s20"]}}, {"subject_is_video": True}):
        text = headline_of(replace(material, summary=material.summary | shared))
        assert "may have been trained on" in text
        assert "trained on other subjects only" not in text


def test_folds_are_said_and_all_their_runs_read(tmp_path):
    config = make_config(("stgcn22",), seeds=(0, 1), folds=3)
    material = read(make_results(tmp_path, SMALL, config, clips=(30, 30), people=4))
    assert "every clip predicted once, in 3 folds by subject" in headline_of(material)
    runs = [f"seed{seed}-fold{fold}" for seed in (0, 1) for fold in range(3)]
    assert list(material.runs["stgcn22"]) == runs
    assert sorted(material.robustness.run.unique()) == runs
    assert material.occlusion["stgcn22"].runs == 3  # of the first seed
    assert "3, by subject" in html_of(repeat_section(material, tmp_path))
    body = html_of(classes_section(material, tmp_path))
    assert "Clips of all folds" in body and "measured on and of all folds" in body
    assert "trained on" not in body and "training clips" not in body
    body = html_of(classes_section(material, tmp_path))
    assert "Clips of all folds" in body and "measured on and of all folds" in body
    assert "trained on" not in body and "training clips" not in body


def row_of(labels, probabilities):
    shares = np.array(probabilities, np.float32)
    return Row("r", "Row", "stgcn", np.array(labels), shares, 1, (1.0,) * len(shares))


def test_most_confident_errors_by_hand():
    # clip 0 right; 1 and 3 are 1 taken for 0, 3 the surer; 2 is 2 taken for 0
    first = [[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.5, 0.3, 0.2], [0.9, 0.1, 0.0]]
    second = [[0.7, 0.3, 0.0], [0.7, 0.3, 0.0], [0.7, 0.1, 0.2], [0.7, 0.2, 0.1]]
    every = confident_errors(row_of([0, 1, 2, 1], [first, second]))
    assert [one.row for one in every] == [3, 1, 2]
    found = one_of_each_pair(every, 5)
    assert [(one.row, one.true, one.taken) for one in found] == [(3, 1, 0), (2, 2, 0)]
    assert found[0].confidence == pytest.approx(0.8)
    assert found[0].of_true == pytest.approx(0.15)
    assert len(one_of_each_pair(every, 1)) == 1
    assert confident_errors(row_of([0], [[[1.0, 0.0]]])) == []


@pytest.mark.parametrize("total", [1, 2, 7, 8, 9, 400])
def test_frames_of_a_strip(total):
    frames = strip_frames(total)
    assert len(frames) == min(total, FRAMES)
    assert frames[0] == 0
    assert frames[-1] == total - 1
    assert frames == sorted(set(frames))


def test_a_stranger_in_a_few_frames_does_not_shrink_a_strip():
    rng = np.random.default_rng(0)
    points = np.ones((20, 22, 3))
    points[..., :2] = rng.uniform(100, 200, (20, 22, 2))
    left, top, side = steady_box(points)
    stranger = points.copy()
    stranger[4, :, 0] += 600
    stranger[5] = 0  # and one in which nobody is found
    assert steady_box(stranger) == pytest.approx((left, top, side), abs=8)


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
    files = []
    for seed, value, clips in ((0, 0.1, 10), (1, 0.4, 30)):
        content = {"joints": ["hands", "head"], "windows": [[0, 0.5], [0.5, 1]], "clips": clips}
        content |= {"fall": [[value, 0], [0, 0]], "by_class": {"rest": [[value, 0], [0, 0]]}}
        content |= {"clips_by_class": {"rest": 9 if seed else 1}}
        if seed:
            content["by_class"]["wave"] = [[0, value], [0, 0]]
            content["clips_by_class"]["wave"] = 21
        files.append(tmp_path / f"{seed}.json")
        write_json(files[-1], content)
    seen = mean_occlusion(files)
    assert seen.fall[0, 0] == pytest.approx((10 * 0.1 + 30 * 0.4) / 40)
    assert list(seen.by_class) == ["wave", "rest"]  # most clips first, of whatever run
    assert seen.by_class["rest"][0, 0] == pytest.approx((1 * 0.1 + 9 * 0.4) / 10)
    # parts of the body are no layout's joints: a map, but no body
    assert layout_of(seen, [load_layout(path) for path in made["layouts"]]) is None
    plot_occlusion(seen, None, None, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 5000
    write_json(files[1], content | {"joints": ["head"], "fall": [[0, 0]]})
    with pytest.raises(InputError, match=r"1\.json: hides 1 joints"):
        mean_occlusion(files)


def test_robustness_files_are_checked(made, tmp_path):
    (tmp_path / "robustness/stgcn22").mkdir(parents=True)
    config = made["config"] | {"seeds": [0], "variants": {"stgcn22": {}}, "occlusion": None}
    path = tmp_path / "robustness/stgcn22/seed0.csv"
    path.write_text("kind,level,clips,top1,mean_class\ndrop,0.1,5,0.5,0.5\n")
    with pytest.raises(InputError, match="0 rows of kind none"):
        read_robustness(config, tmp_path)
    path.write_text("kind,level\nnone,0\n")
    with pytest.raises(InputError, match="has the columns kind, level and 1 rows"):
        read_robustness(config, tmp_path)


def test_files_of_runs_that_are_no_longer_probed_are_left_aside(tmp_path):
    config = make_config(("stgcn22",), seeds=(1, 0))  # files of both seeds lie there
    config["robustness"] = config["robustness"] | {"runs": "first"}
    made = make_results(tmp_path, SMALL, config, clips=(30, 30), people=4)
    material = read(made)
    assert material.robustness.run.unique().tolist() == ["seed0"]
    assert material.occlusion["stgcn22"].runs == 1
    (tmp_path / "robustness/stgcn22/seed0.csv").unlink()
    with pytest.raises(InputError, match=r"seed0\.csv: is not there; run the step"):
        read(made)


def test_a_strip_is_drawn_where_nobody_is_found(tmp_path, layout22):
    plot_strip(np.zeros((3, 22, 3)), 25.0, layout22, tmp_path / "strip.png")
    assert (tmp_path / "strip.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** c", "a <strong>b</strong> c"),
        ("**a** & **b**", "<strong>a</strong> &amp; <strong>b</strong>"),
        ("2 ** 3", "2 ** 3"),
        ("<i>", "&lt;i&gt;"),
        ("**<i>** **", "<strong>&lt;i&gt;</strong> **"),
    ],
)
def test_marked(text, html):
    assert marked(text) == html


def test_lines_can_be_told_apart():
    looks = [json.dumps(series(place)) for place in range(27)]
    assert len(set(looks)) == 27
