"""Shared fixtures: the repository's layouts and a maker of plausible clips."""

import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

os.environ.setdefault("OMP_NUM_THREADS", "1")
# several threads on a busy machine otherwise wait for each other in busy loops, at every small step
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if os.environ.get("TEST_GPU") != "1":  # bytes are compared, and both sides must be of one device
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

from microgesture.data.classes import UNKNOWN
from microgesture.data.layouts import load_layout
from microgesture.data.store import Clip

REPOSITORY = Path(__file__).parent.parent


LONGEST_FIRST = ("tests/workflow/", "tests/reliability/", "tests/training/", "tests/models/")


def pytest_collection_modifyitems(items):
    """Start with the longest files, so that two processes that share them end together."""
    order = len(LONGEST_FIRST)

    def place(item):
        found = [n for n, name in enumerate(LONGEST_FIRST) if item.nodeid.startswith(name)]
        return found[0] if found else order

    items.sort(key=place)


def pytest_terminal_summary(terminalreporter):
    """Say what was not tested and what it takes, a line a reason, whatever pytest's options."""
    skipped: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = " ".join(report.longrepr[2].removeprefix("Skipped: ").split())
        skipped.setdefault(reason, []).append(report.nodeid.partition("::")[0])
    for reason, files in sorted(skipped.items()):
        tests = ", ".join(f"{file} ({files.count(file)})" for file in sorted(set(files)))
        terminalreporter.write_line(f"not tested: {tests}: {reason}", yellow=True)


@pytest.fixture(scope="session")
def layout22():
    return load_layout(REPOSITORY / "config/layouts/openpose22.yaml")


@pytest.fixture(scope="session")
def layout41():
    return load_layout(REPOSITORY / "config/layouts/openpose41.yaml")


@pytest.fixture(scope="session")
def finished_folder(tmp_path_factory):
    """A finished tiny project, made once for all processes of a test run; tests work on copies."""
    from tests.project import finished_once

    folder = tmp_path_factory.getbasetemp()
    return finished_once(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture
def annotated(monkeypatch):
    """Every text that is written beside a point of a figure, in order."""
    texts, annotate = [], Axes.annotate

    def noted(axes, text, *args, **options):
        texts.append(text)
        return annotate(axes, text, *args, **options)

    monkeypatch.setattr(Axes, "annotate", noted)
    return texts


def make_clip(clip_id="a", num_frames=9, label="left", split="train", seed=0, subject="s1"):
    """A person with random points; `left` and `right` differ in where the right wrist is."""
    rng = np.random.default_rng(seed)
    points = np.ones((num_frames, 137, 3), np.float32)
    points[..., :2] = rng.uniform((250, 100), (450, 300), (137, 2)) + rng.normal(
        0, 2, (num_frames, 137, 2)
    )
    points[:, 2, :2], points[:, 5, :2] = (300, 200), (400, 200)
    points[:, 1, :2] = (350, 200)
    points[:, 4, 0] = 260 if label == "left" else 440
    number = UNKNOWN if label is None else ["left", "right"].index(label)
    return Clip(clip_id, number, subject, split, 25.0, 480, 640, points)
