"""From videos to the table, with a program in MediaPipe's place; and what a kill leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.pose.test_make import program
from tests.project import Project
from tests.videos import stripes, write_video

LANDMARKS = REPOSITORY / "tests/pose/landmarks.npz"
# a person, whose place says what the picture shows
PERSON = f"""found = np.load({str(LANDMARKS)!r})["landmarks"][0].astype(np.float32)
    found[:, 0] += np.float32(picture.mean() / 2560)
    sys.stdout.buffer.write(found.tobytes())
    sys.stdout.buffer.flush()
    continue"""


def environment(folder, answer):
    """What `make pose-env` sets up, and finds set up: newer than the list of its packages."""
    place = folder / ".venv-pose"
    (place / "bin").mkdir(parents=True, exist_ok=True)
    program(place / "bin", answer)
    (place / ".ready").touch()


def pose(folder, out):
    """The step on the videos of a folder, in a process of its own."""
    config = json.dumps({"root": "videos", "on_bad_clip": "stop"})
    script = [sys.executable, str(REPOSITORY / "scripts/pose.py"), "--config", config]
    names = [part for word in ("out", "resume", "record") for part in (f"--{word}", out[word])]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    return subprocess.Popen([*script, *names], cwd=folder, env=environ, stderr=subprocess.PIPE)


def outputs(name):
    """Files of the step in a results folder."""
    out, record = f"{name}/pose/recordings.parquet", f"{name}/provenance/pose.json"
    return {"out": out, "resume": f"{name}/resume", "record": record}


def test_a_killed_step_goes_on_after_the_last_whole_video(tmp_path):
    shutil.copy(REPOSITORY / "requirements-pose.lock", tmp_path)
    write_video(tmp_path / "videos/a.mp4", stripes(7)[1:])  # the first one is black
    write_video(tmp_path / "videos/b.mp4", [np.zeros((48, 64, 3), np.uint8)] * 4)
    write_video(tmp_path / "videos/c.mp4", stripes(6)[1:])
    hold = tmp_path / "hold"
    hold.touch()
    wait = f"import os, time\n    while not picture.any() and os.path.exists({str(hold)!r}): "
    environment(tmp_path, f"{wait}time.sleep(0.01)\n    {PERSON}")
    killed = pose(tmp_path, outputs("killed"))
    parts = tmp_path / "killed/resume/pose"
    end = time.monotonic() + 120
    while not list(parts.glob("[!.]*.parquet")):
        assert killed.poll() is None, killed.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    hold.unlink()
    (first,) = parts.glob("[!.]*.parquet")
    assert pq.read_table(first)["recording_id"].to_pylist() == ["a"]
    assert not any((tmp_path / outputs("killed")[one]).exists() for one in ("out", "record"))
    counted = tmp_path / "counted"
    environment(tmp_path, f"open({str(counted)!r}, 'a').write('.')\n    {PERSON}")
    gone_on = pose(tmp_path, outputs("killed"))
    assert gone_on.wait() == 0, gone_on.stderr.read()
    assert len(counted.read_text()) == 4 + 5  # frames of b and c alone
    whole = pose(tmp_path, outputs("whole"))
    assert whole.wait() == 0, whole.stderr.read()
    assert len(counted.read_text()) == 9 + 15
    made = [(tmp_path / outputs(name)["out"]).read_bytes() for name in ("killed", "whole")]
    assert made[0] == made[1] and not parts.exists()


@pytest.mark.slow
def test_videos_become_a_table(tmp_path):
    project = Project(tmp_path / "copy")
    environment(project.folder, PERSON)
    rows = ["recording_id,label,start,end"]
    for name in "abcdef":
        write_video(project.folder / f"data/{name}.mp4", stripes(12))
        rows += [f"{name},stays,0,5", f"{name},goes,6,11"]
    (project.folder / "data/clips.csv").write_text("\n".join(rows) + "\n")
    words = ["python", "-m", "microgesture"]
    done = project.run(*words, "new-config", "data", "--out", "config/talks.yaml")
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((project.folder / "config/talks.yaml").read_text())
    layout = config["variants"]["stgcn41_align"]["layout"]
    config |= {"seeds": [0], "folds": None, "fusions": {}, "claims": []}
    config["variants"] = {"trees": {"title": "Trees", "model": "trees", "layout": layout}}
    (project.folder / "config/talks.yaml").write_text(yaml.safe_dump(config))
    table = "results/talks/ablation_table.md"
    done = project.snakemake(table, "--configfile", "config/talks.yaml")
    assert done.returncode == 0, done.stderr
    assert "2 test clips" in (project.folder / table).read_text()
    record = json.loads((project.folder / "results/talks/provenance/pose.json").read_text())
    assert sorted(record["raw"]["files"])[:2] == ["data/a.mp4", "data/b.mp4"]
