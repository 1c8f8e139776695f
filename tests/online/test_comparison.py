"""The table, the figures, the page and the submission of two detectors with two seeds."""

import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from microgesture.data import paths
from microgesture.data.layouts import load_layout
from microgesture.online.comparison import (
    csv_text,
    files_read,
    load_comparison,
    markdown,
    metrics,
    training_times,
)
from microgesture.online.detection_files import table
from microgesture.online.figures import draw_figures
from microgesture.online.page import busiest, timeline, write_page, write_submission
from microgesture.online.segments import Labelled, Segment
from microgesture.online.stretch import write_stretch
from microgesture.settings.online import OnlineTableStep
from microgesture.utils.files import write_json, write_text
from tests.online.small import LAYOUT, recording

NAMES = ["hand up", "hand <down>"]
CONFIG = OnlineTableStep(
    data_name="made",
    data_format="synthetic",
    seeds=[3, 4],
    detectors={
        "windows": {"title": "Windows", "model": "windows"},
        "temporal": {"title": "Trained", "model": "temporal"},
    },
    columns={"Id": "recording", "Class": "class", "from": "start", "to": "end"},
)


def truth(name, subject, split):
    segments = (Segment(0, 10, 29), Segment(1, 40, 59), Segment(0, 70, 89))
    return Labelled(name, subject, split, 25.0, 120, segments)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Of both splits the second detector finds all, but with seed 4 only what comes first."""
    folder = tmp_path_factory.mktemp("results")
    labelled = [truth(f"{s}{n}", f"p{n}", s) for s in ("val", "test") for n in range(3)]
    for seed in CONFIG.seeds:
        for split in ("val", "test"):
            for name in CONFIG.detectors:
                count = 1 if name == "windows" or seed == 4 else 3
                said = {
                    one.recording: [s._replace(score=0.5) for s in one.segments[:count]]
                    for one in labelled
                    if one.split == split
                }
                path = folder / paths.detections(name, f"seed{seed}", f"{split}.csv")
                write_text(path, table(said, NAMES, dict.fromkeys(said, 25.0)))
        path = folder / paths.detector("temporal", f"seed{seed}", paths.TIMING)
        write_json(path, {"train_seconds": 60 + seed})
    return folder, load_comparison(CONFIG, folder, labelled, NAMES)


def test_the_table_says_what_was_found_and_by_whom(results):
    folder, compared = results
    text = markdown(compared, training_times(CONFIG, folder))
    assert (compared.best, compared.best_run(1)) == (1, 0)
    assert "Trained, best on validation, finds gestures with an F1 of 75.0 %" in text
    assert "**Generated data" in text and "| Trained  | 75.0 ± 35.4 |" in text
    assert "25% background" not in text and "50% background" in text
    assert re.search(r"\| hand <down> +\| +3 \| +1.5 \| +1.5 \| +67 \|", text)
    assert metrics(compared)["windows"]["f1"] == pytest.approx(50, abs=1e-3)
    assert len(csv_text(compared).splitlines()) == 9
    assert len(files_read(CONFIG, folder)) == 8


def test_the_page_stands_alone_and_escapes_names(results):
    folder, compared = results
    files = draw_figures(compared, folder)
    assert all(path.is_file() for path in files)
    points, _ = recording(0, frames=60)
    gif = folder / "stretch.gif"
    write_stretch(
        gif, points, load_layout(LAYOUT), 5, 25.0, [Segment(0, 10, 29)], [Segment(0, 12, 30)], NAMES
    )
    with Image.open(gif) as image:
        assert image.n_frames == 30
        seen = []
        for place in (0, 10):
            image.seek(place)
            seen.append(np.asarray(image.convert("RGB")))
        assert (seen[0] != seen[1]).any()
    write_page(compared, folder, gif, "a caption")
    page = (folder / paths.ONLINE_PAGE).read_text()
    assert page.count('class="timeline"') == 3 and "hand &lt;down&gt;" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page) and "<script" not in page
    again = page
    write_page(compared, folder, gif, "a caption")
    assert (folder / paths.ONLINE_PAGE).read_text() == again


def test_a_timeline_has_a_bar_for_every_segment_at_its_place():
    one = truth("a", "p", "test")
    told = timeline(one, [Segment(0, 12, 29, 0.5), Segment(1, 20, 45, 0.9)], NAMES)
    bars = told["bars"]
    assert [bar["kind"] for bar in bars] == ["found", "lost", "lost", "found", "wrong"]
    assert bars[0]["x"] == pytest.approx(1000 * 10 / 120, abs=0.01)
    assert bars[0]["width"] == pytest.approx(1000 * 20 / 120, abs=0.01)
    # one that overlaps those before it stands lower; others do not, whatever their class
    assert bars[4]["y"] > bars[3]["y"] == 37 and {bar["y"] for bar in bars[:3]} == {5}
    assert "score 0.50, found" in bars[3]["text"]
    assert busiest(one, [Segment(0, 70, 89)], 40) == 65


def test_the_submission_is_of_the_seed_that_is_best_on_validation(results):
    folder, compared = results
    archive, single, why = write_submission(compared, folder, CONFIG.columns)
    with zipfile.ZipFile(archive) as held:
        assert held.namelist() == [f"test{n}_prediction.csv" for n in range(3)]
        assert held.read("test0_prediction.csv").decode() == "0,10,29\n1,40,59\n0,70,89\n"
    assert single.read_text().splitlines()[:2] == ["Id,Class,from,to", "test0,0,10,29"]
    stated = json.loads(why.read_text())
    assert (stated["detector"], stated["seed"]) == ("temporal", 3)
