"""The script end to end on the plain form: store, summary, and the exit status on bad input."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgesture.data.classes import UNKNOWN
from microgesture.data.store import Clip, iter_store, write_store
from microgesture.utils.files import read_json, sha256
from microgesture.utils.progress import progress
from tests.formats import write_recordings

SCRIPT = Path(__file__).parents[2] / "scripts" / "skeletons.py"


def run_script(folder, *, more=(), **settings):
    told = {"format": "parquet", "path": "own.parquet", "on_bad_clip": "stop"}
    data = {**told, **settings}
    command = [sys.executable, str(SCRIPT), "--data", json.dumps(data), "--classes", "classes.yaml"]
    command += ["--out", "out/clips.parquet", "--summary", "out/summary.json", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "classes.yaml").write_text("classes: [wave, nod]\n")
    points = np.ones((2, 137, 3), np.float32)
    clips = [
        Clip(f"c{i}", 0, f"s{i}", split, 25.0, 720, 1280, points)
        for i, split in enumerate(("train", "val", "test"))
    ]
    write_store(tmp_path / "own.parquet", clips, ["wave", "nod"], "made")
    return tmp_path


def test_store_and_summary(folder):
    result = run_script(folder)
    assert result.returncode == 0, result.stderr
    assert "3 clips in" in result.stderr
    summary = read_json(folder / "out" / "summary.json")
    assert summary["clips"] == len(list(iter_store(folder / "out" / "clips.parquet"))) == 3
    assert summary["sha256"] == sha256(folder / "out" / "clips.parquet")


def test_recordings_beside_the_clips(folder):
    points = np.ones((5, 137, 3), np.float32)
    whole = [
        Clip(f"r{i}", UNKNOWN, f"s{i}", split, 25.0, 720, 1280, points)
        for i, split in enumerate(("train", "val", "test"))
    ]
    write_recordings(folder, whole, [[f"r{i}", "wave", 1, 3] for i in range(3)])
    own = {"format": "recordings", "path": "recordings.parquet", "segments": "segments.csv"}
    assert run_script(folder, **own).returncode == 0
    alone = (folder / "out/clips.parquet").read_bytes()
    result = run_script(folder, **own, more=["--recordings", "out/recordings.parquet"])
    assert result.returncode == 0, result.stderr
    assert (folder / "out/clips.parquet").read_bytes() == alone
    kept = list(iter_store(folder / "out/recordings.parquet"))
    assert [(clip.clip_id, len(clip.points)) for clip in kept] == [("r0", 5), ("r1", 5), ("r2", 5)]


def test_bad_input_is_one_line_and_status_2(folder):
    result = run_script(folder, split={"by": "subject", "val": ["s9"]})
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") or "\nerror: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "out" / "clips.parquet").exists()


def test_progress_writes_lines_to_a_log(capsys):
    assert list(progress([1, 2], "clips", total=2, seconds=0)) == [1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("1 of 2 clips, ")
    assert lines[-1].startswith("2 clips in ")
