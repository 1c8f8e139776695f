"""What a step's record says of files, folders, code and checkout."""

import argparse
import hashlib
import json
import subprocess

import pytest

from microgesture.provenance import code_hash as code_hash_module
from microgesture.provenance import record as steps
from microgesture.provenance.code_hash import code_hash
from microgesture.provenance.raw_data import frame_folders
from microgesture.provenance.record import (
    git_state,
    machine,
    results_of,
    write_record,
)
from microgesture.utils.checksums import json_seal, sealed_json
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json
from tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / "scripts/curves.py"


def stated(tmp_path, **more):
    path = tmp_path / "results/provenance/train/a/seed0.json"
    given = {"config": {"b": 1}, "inputs": [], "outputs": [], **more}
    write_record(path, SCRIPT, **given)
    return read_json(path)


def test_a_record_says_what_was_read_and_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made, other = tmp_path / "results/out/deep/one.txt", tmp_path / "in.txt"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"abc")
    (made.parent / ".snakemake_timestamp").write_text("")
    other.write_bytes(b"")
    record = stated(tmp_path, inputs=["in.txt"], outputs=[tmp_path / "results/out"], seed=3)
    of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert record["outputs"] == {"out/deep/one.txt": {"bytes": 3, "sha256": of_abc}}
    assert record["files"]["in.txt"]["sha256"] == hashlib.sha256(b"").hexdigest()
    assert (record["config"], record["seed"], record["script"]) == ({"b": 1}, 3, "curves.py")
    assert len(record["code"]) == 64 and record["packages"]["numpy"][0].isdigit()
    assert record["seal"] == json_seal(record)


def test_a_known_hash_is_taken_and_no_option_writes_nothing(tmp_path):
    made = tmp_path / "results/one.txt"
    made.parent.mkdir()
    made.write_text("x")
    record = stated(tmp_path, outputs=[made], known={made: "f" * 64})
    assert record["outputs"]["one.txt"]["sha256"] == "f" * 64
    write_record(None, SCRIPT, config={}, inputs=["missing"], outputs=["missing"])


def test_places_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected a file in <results>/provenance"):
        results_of(tmp_path / "a.json")
    (tmp_path / "elsewhere").write_text("")
    with pytest.raises(InputError, match="elsewhere: an output outside of"):
        stated(tmp_path, outputs=[tmp_path / "elsewhere"])


def test_a_seal_is_of_the_content_whatever_its_types_were():
    text = sealed_json({"a": (1, 2), "b": {3: None}})
    record = json.loads(text)
    assert record["seal"] == json_seal(record)
    assert json_seal({**record, "a": [1, 3]}) != record["seal"]


def test_frames_are_hashed_folder_by_folder(tmp_path):
    for name in ("x/b_1_keypoints.json", "x/a_0_keypoints.json", "y/z/c_0_keypoints.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "x/notes.txt").write_text("no frame")
    found = frame_folders(tmp_path)
    assert [one["frames"] for one in found.values()] == [2, 1]
    assert all(name.endswith(end) for name, end in zip(found, ("/x", "/y/z"), strict=True))
    lines = "".join(
        f"{name} {hashlib.sha256(f'x/{name}'.encode()).hexdigest()}\n"
        for name in ("a_0_keypoints.json", "b_1_keypoints.json")
    )
    first = next(iter(found.values()))
    assert first["sha256"] == hashlib.sha256(lines.encode()).hexdigest()


def test_the_checkout_is_asked_and_others_are_not(tmp_path, monkeypatch):
    def git(*arguments):
        given = ["-c", "user.name=n", "-c", "user.email=e", *arguments]
        command = ["git", "-C", str(tmp_path), *given]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    unknown = {"commit": "unknown", "dirty": "unknown"}
    script = tmp_path / "step.py"
    script.write_text("1\n")
    assert git_state(script) == unknown
    git("init")
    assert git_state(script) == unknown  # inside of a checkout, but none of its files
    git("add", "step.py")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert git_state(script) == {"commit": commit, "dirty": False}
    (tmp_path / "untracked").write_text("")
    assert git_state(script)["dirty"] is False
    with monkeypatch.context() as patch:  # a module that nobody has committed yet
        patch.setattr(steps, "code_files", lambda script: [script, tmp_path / "untracked"])
        assert git_state(script) == {"commit": commit, "dirty": True}
    package = tmp_path / "package"
    (package / "templates").mkdir(parents=True)
    (package / "page.py").write_text("")
    (package / "templates/page.css").write_text("")
    git("add", "package/page.py")
    script.write_text("import microgesture.page\n")
    git("commit", "-a", "-m", "second")
    with monkeypatch.context() as patch:
        patch.setattr(code_hash_module, "SOURCE", package)
        assert git_state(script)["dirty"] is True  # a template that nobody has committed yet
        git("add", "package/templates")
        git("commit", "-m", "third")
        assert git_state(script)["dirty"] is False
    script.write_text("2\n")
    assert git_state(script) == {"commit": git("rev-parse", "HEAD"), "dirty": True}


def test_the_code_is_that_of_the_start(tmp_path, monkeypatch):
    script = tmp_path / "step.py"
    script.write_text("before\n")
    steps.add_record_option(argparse.ArgumentParser(), script)
    at_start = code_hash(script)
    script.write_text("after\n")
    path = tmp_path / "results/provenance/a.json"
    write_record(path, script, config={}, inputs=[], outputs=[])
    assert read_json(path)["code"] == at_start != code_hash(script)


def test_the_machine_is_told_without_its_name():
    import socket

    told = machine()
    assert told["cores"] >= 1 and told["processor"] and told["gpu"] is None
    assert socket.gethostname() not in json.dumps(told)
