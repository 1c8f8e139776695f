"""Why a step runs again is said by key and by file."""

import os

import pytest

from microgesture.provenance.explain import changed_keys, changes, misfits
from microgesture.provenance.raw_data import frame_folders
from microgesture.provenance.record import SMALL, Upstream, write_record
from microgesture.utils.files import read_json, sha256
from tests.conftest import REPOSITORY


def test_each_key_is_named_with_its_former_and_its_new_value():
    before = {"a": {"b": 1, "gone": [1]}, "same": 2}
    now = {"a": {"b": 2, "new": None}, "same": 2}
    assert list(changed_keys(before, now)) == [
        "config.a.b: 1 -> 2",
        "config.a.gone: [1] -> not set",
        "config.a.new: not set -> null",
    ]


def test_a_long_value_is_cut():
    (line,) = changed_keys({"claims": list(range(1000))}, {"claims": []})
    assert len(line) < 100 and line.endswith("... -> []")


def test_keys_that_a_step_adds_to_its_record_are_no_change():
    record = {"config": {"layout": "openpose22", "length": 8}}
    assert changes(record, {"length": 9}, {"config"}) == ["config.length: 8 -> 9"]
    assert changes(record, {"length": 9}, set()) == []


def test_a_file_that_is_another_or_gone_is_named(tmp_path):
    kept, other, gone = (tmp_path / name for name in ("kept", "other", "gone"))
    for path in (kept, other):
        path.write_text("one")
    stated = {"bytes": 3, "sha256": sha256(kept)}
    other.write_text("two")
    files = {str(path): stated for path in (kept, other, gone)}
    record = {"config": None, "files": files, "script": "train.py"}
    assert changes(record, None, {"files", "code"}) == [
        "scripts/train.py or a module that it imports was changed",
        f"{other} was changed",
        f"{gone} was changed",
    ]


SCRIPT = REPOSITORY / "scripts/pool.py"
CONFIG = {"length": 8, "root": "raw"}


def test_a_change_that_no_small_file_shows_is_told_as_such():
    record = {"config": None, "files": {}}
    said = ["other files are read, or a large one was changed"]
    assert changes(record, None, {"files"}) == said


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A step that read a raw file, a folder of frames and a result, and wrote another result."""
    monkeypatch.chdir(tmp_path)
    names = ["raw.csv", "raw/one/0_keypoints.json", "results/in.json", "results/out.json"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(name)
    record = tmp_path / "results/provenance/step.json"
    raw = {"files": {}, "frames": frame_folders(tmp_path / "raw")}
    inputs, outputs = [names[0], names[2]], [names[3]]
    write_record(record, SCRIPT, config=CONFIG, inputs=inputs, outputs=outputs, raw=raw)
    return tmp_path


def misfits_of(folder, config=CONFIG, code=None, sources=("raw.csv",)):
    record = read_json(folder / "results/provenance/step.json")
    return misfits(record, config, code or record["code"], sources, folder / "results")


def test_results_that_are_as_recorded_fit(recorded):
    assert misfits_of(recorded) == []
    for path in recorded.rglob("*"):
        os.utime(path, (1, 1))
    assert misfits_of(recorded) == []


def test_another_config_code_or_source_does_not_fit(recorded):
    assert misfits_of(recorded, {**CONFIG, "length": 9}) == ["config.length: 8 -> 9"]
    (line,) = misfits_of(recorded, code="0" * 64)
    assert line.startswith("scripts/pool.py or a module")
    (recorded / "more.csv").write_text("")
    assert misfits_of(recorded, sources=["raw.csv", "more.csv"]) == ["more.csv was changed"]
    assert misfits_of(recorded, sources=["raw.csv", "not/here.csv"]) == []


@pytest.mark.parametrize(
    "name", ["raw.csv", "raw/one/0_keypoints.json", "results/in.json", "results/out.json"]
)
def test_a_changed_file_does_not_fit_though_its_size_is_the_same(recorded, name):
    path = recorded / name
    path.write_text(path.read_text().swapcase())
    told = "raw" if name.startswith("raw/") else name
    (line,) = misfits_of(recorded)
    assert line.endswith(f"{told} was changed")


def test_what_is_not_as_recorded_is_not_whole(recorded):
    results = recorded / "results"
    path, large = results / "out.json", results / "large.bin"
    large.write_bytes(bytes(SMALL + 1))
    write_record(results / "provenance/other.json", SCRIPT, config=None, inputs=[], outputs=[large])
    assert Upstream(results).states("out.json") and not Upstream(results).states("in.json")
    assert Upstream(results).is_whole("out.json", path)
    os.utime(path, (1, 1))
    path.write_text(path.read_text().swapcase())
    assert not Upstream(results).is_whole("out.json", path)
    large.write_bytes(b"1" * (SMALL + 1))
    assert Upstream(results).is_whole("large.bin", large)
    large.write_bytes(bytes(SMALL))
    assert not Upstream(results).is_whole("large.bin", large)
    large.unlink()
    assert not Upstream(results).is_whole("large.bin", large)
    assert Upstream(results).is_whole("in.json", results / "in.json")  # nobody states it
    for damaged in ('["out.json"]', '{"out.json": 3}'):
        (results / "provenance/step.json").write_text(f'{{"outputs": {damaged}}}')
        assert Upstream(results).is_whole("out.json", path)
