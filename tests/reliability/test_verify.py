"""A small chain of real artifacts with records: it verifies, and no flipped byte goes unnoticed."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from microgesture.data.store import iter_store, write_store
from microgesture.evaluation.predictions import write_predictions
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.provenance.raw_data import listed
from microgesture.provenance.record import write_record
from microgesture.provenance.verify import verify
from microgesture.settings.video import Crops
from microgesture.utils.checksums import sealed_json
from microgesture.utils.files import read_json, write_json, write_text
from microgesture.video.make import make_crops
from microgesture.video.sources import video_files
from tests import formats
from tests.conftest import REPOSITORY
from tests.sections import prepare_clips, raw_inputs, read_clips
from tests.steps import build_cache
from tests.videos import textures, write_video

SCRIPTS = REPOSITORY / "scripts"
NAMES = ["wave", "nod", "rest"]
CLEANING = {"min_score": 0.05, "max_jump": 1.5}
STREAM = {"cleaning": CLEANING, "length": 6, "max_gap": 3, "on_bad_clip": "stop"}
VARIANT = {"variant": "a", "layout": "openpose22", "stream": "joint", "length": 6}


def build(folder, layout, kind="csv"):
    """Raw data -> store -> stream -> cache -> checkpoint -> prediction -> table and figure.

    Beside stream and cache are the crops of the clips' videos.
    """
    raw, results = folder / "raw", folder / "results"
    raw.mkdir()
    write = {"csv": formats.write_csv, "openpose_json": formats.write_openpose_json}[kind]
    data = write(raw, formats.some_clips(), NAMES)
    (folder / "classes.yaml").write_text("classes: [wave, nod, rest]\n")
    layout_file = folder / "openpose22.yaml"
    shutil.copy(REPOSITORY / "config/layouts/openpose22.yaml", layout_file)
    places = {
        name: results / name
        for name in ("skeletons/clips.parquet", "prepared/s.arrow", "heatmaps/h.arrow")
    }
    store, stream, cache = places.values()

    def record(name, script, **stated):
        write_record(results / f"provenance/{name}.json", SCRIPTS / f"{script}.py", **stated)

    write_store(store, read_clips(data, NAMES), NAMES, kind)
    record(
        "skeletons",
        "skeletons",
        config=data,
        inputs=[folder / "classes.yaml"],
        outputs=[store],
        raw=raw_inputs(results / "provenance/skeletons.json", data)[1],
    )
    manifest = prepare_clips(iter_store(store), layout, STREAM, stream)
    record(
        "prepared/s",
        "prepare",
        config={"layout": "openpose22", **STREAM},
        inputs=[store, layout_file],
        outputs=[stream],
        known={stream: manifest["sha256"]},
    )
    settings = {"size": 8, "sigma": 0.6, "padding": 0.25}
    build_cache(stream, layout, "joint", settings, cache)
    record(
        "heatmaps/h",
        "heatmaps",
        config={"stream": "joint", **settings},
        inputs=[stream, layout_file],
        outputs=[cache],
    )
    crops = cut_crops(raw / "films", store, results / "video/crops.arrow")
    made, videos = listed(results / "provenance/crops.json", video_files(crops))
    assert made == []
    record(
        "crops",
        "crops",
        config=crops.given(),
        inputs=[store],
        outputs=[results / "video/crops.arrow", results / "video/crops.json"],
        raw=videos,
    )
    model, metrics = results / "train/a/seed0/model.safetensors", results / "train/a/seed0/m.json"
    save_checkpoint(model, {"w": torch.zeros(3)}, {})
    write_json(metrics, {"config": VARIANT, "seed": 0})
    record(
        "train/a/seed0",
        "train",
        config=VARIANT,
        seed=0,
        inputs=[cache, results / "video/crops.arrow", results / "video/crops.json", layout_file],
        outputs=[model, metrics],
    )
    predicted = results / "predict/a/seed0/val.parquet"
    write_predictions(predicted, ["c"], [0], ["s"], np.array([[1.0, 0, 0]]), {})
    record(
        "predict/a/seed0",
        "predict",
        config={"variant": "a"},
        seed=0,
        inputs=[model, cache],
        outputs=[predicted],
    )
    write_text(results / "ablation_table.md", "# Table\n")
    (results / "figures/data").mkdir(parents=True)
    (results / "figures/data/one.png").write_bytes(b"a picture")
    table = {"variants": {"a": {}}, "seeds": [0]}
    record(
        "ablation_table",
        "ablation",
        config=table,
        inputs=[predicted, metrics],
        outputs=[results / "ablation_table.md"],
    )
    record(
        "figures",
        "figures",
        config=table,
        inputs=[predicted],
        outputs=[results / "figures/data"],
    )
    return results


def cut_crops(films, store, path):
    """Write a video of every clip of a store, cut the crops, and return their settings."""
    for clip in iter_store(store):
        film = films / clip.clip_id / f"{clip.clip_id}.mp4"
        write_video(film, textures(len(clip.points), 72, 128))
    settings = Crops(root=str(films), side=32, resolution="scale", on_bad_clip="stop")
    manifest = make_crops(store, settings, path, films.parent.parent / "parts", {})
    write_json(path.with_suffix(".json"), {"sha256": manifest["sha256"]})  # not the folder
    return settings


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    from microgesture.data.layouts import load_layout

    folder = tmp_path_factory.mktemp("chain")
    layout = load_layout(REPOSITORY / "config/layouts/openpose22.yaml")
    return {kind: build_in(folder / kind, layout, kind) for kind in ("csv", "openpose_json")}


def build_in(folder, layout, kind):
    folder.mkdir()
    return build(folder, layout, kind)


def found(results, raw=True):
    return verify(results, SCRIPTS, raw).findings


@pytest.mark.parametrize("kind", ["csv", "openpose_json"])
def test_a_whole_chain_verifies(chain, kind):
    results = chain[kind]
    done = verify(results, SCRIPTS, raw=True)
    assert done.findings == [] and done.left_over == []
    assert done.records == 8 and done.artifacts == 10 and done.files == 2
    assert len([*(results.parent / "raw").rglob("*.mp4")]) == 3
    on_disk = [path for path in (results.parent / "raw").rglob("*") if path.is_file()]
    assert done.raw == len(on_disk)
    assert verify(results, SCRIPTS).raw == 0


def flips(path):
    """The file with one bit changed, at its first, middle and last byte; then put back."""
    content = path.read_bytes()
    for place in {0, len(content) // 2, len(content) - 1}:
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        yield place
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["csv", "openpose_json"])
def test_one_flipped_bit_anywhere_is_found_and_named_first(chain, kind):
    results = chain[kind]
    files = [path for path in sorted(results.parent.rglob("*")) if path.is_file()]
    assert len(files) > 15
    for path in files:
        named = path.parent if path.name.endswith("_keypoints.json") else path
        for place in flips(path):
            findings = found(results)
            assert findings, f"byte {place} of {path}"
            line = findings[0].line
            inside = named.is_relative_to(results)
            expected = named.relative_to(results).as_posix() if inside else str(named)
            assert line.startswith(f"{expected}: "), f"byte {place} of {path}: {line}"
            assert "expected" in line and ".json)" in line
    assert found(results) == []


def test_a_raw_file_is_hashed_only_when_asked(chain):
    results = chain["csv"]
    path = next(p for p in (results.parent / "raw").rglob("*.csv"))
    for _ in flips(path):
        assert found(results, raw=False) == []


def test_a_missing_file_and_a_missing_record_are_named(chain, tmp_path):
    results = chain["csv"]
    for name, kind in [("prepared/s.arrow", "output"), ("provenance/prepared/s.json", "input")]:
        path, kept = results / name, tmp_path / "kept"
        shutil.move(path, kept)
        first = found(results)[0]
        shutil.move(kept, path)
        assert first.file == "prepared/s.arrow" and first.kind == kind


def test_a_step_that_ran_again_after_its_files_were_read_is_told(chain):
    path = chain["csv"] / "provenance/prepared/s.json"
    before = path.read_bytes()
    record = json.loads(before)
    record["outputs"]["prepared/s.arrow"]["sha256"] = "0" * 64
    path.write_text(sealed_json(record))
    kinds = [(one.kind, one.record) for one in found(chain["csv"])]
    path.write_bytes(before)
    assert kinds == [("output", "prepared/s.json"), ("input", "heatmaps/h.json")]


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("heatmaps/h", "stream", "limb", "found 'joint', expected stream 'limb', as in"),
        ("prepared/s", "length", 7, "found 6, expected length 7, as in prepared/s.json"),
        ("predict/a/seed0", "variant", "b", "found 'b', expected variant 'a'"),
        ("train/a/seed0", "padding", 9, "m.json: config does not match"),
        ("ablation_table", "seeds", [0, 1], "found none, expected a training of a with seed 1"),
    ],
)
def test_config_slices_that_do_not_fit_together_are_told(chain, name, key, value, says):
    path = chain["csv"] / f"provenance/{name}.json"
    before = path.read_bytes()
    record = json.loads(before)
    record["config"][key] = value
    path.write_text(sealed_json(record))
    findings = found(chain["csv"])
    path.write_bytes(before)
    assert {one.kind for one in findings} == {"config"}
    assert any(says in one.line for one in findings), findings


def test_other_code_is_a_finding_of_its_own_kind(chain, tmp_path):
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts)
    (scripts / "prepare.py").write_text("import microgesture.preprocessing.prepare\n")
    findings = verify(chain["csv"], scripts).findings
    assert [(one.kind, one.file) for one in findings] == [("code", "scripts/prepare.py")]


def test_records_of_dropped_variants_are_left_aside(chain):
    results = chain["csv"]
    record = json.loads((results / "provenance/train/a/seed0.json").read_text())
    path = results / "provenance/train/dropped/seed0.json"
    path.parent.mkdir()
    path.write_text(sealed_json({**record, "outputs": {"train/dropped/m.json": {"sha256": ""}}}))
    done = verify(results, SCRIPTS)
    shutil.rmtree(path.parent)
    assert done.findings == [] and done.left_over == ["train/dropped/seed0.json"]


def test_records_of_an_earlier_config_are_left_aside(chain):
    folder = chain["csv"] / "provenance"
    table, predicted = folder / "ablation_table.json", folder / "predict/a/seed0.json"
    before = table.read_bytes()
    config = {"variants": {"a": {}}, "seeds": [0], "submission": None}
    table.write_text(sealed_json({**json.loads(before), "config": config}))
    other = json.loads(predicted.read_bytes())
    other["outputs"]["predict/a/seed0/val.parquet"]["sha256"] = "0" * 64
    stale = {"pool/a/seed0.json": other}
    for name in ("submission.json", "folds.json", "label_embeddings.json"):
        gone = {"predict/a/seed0/test.parquet": {"bytes": 1, "sha256": "0" * 64}}
        stale[name] = {**other, "artifacts": gone, "outputs": {}}
    for name, record in stale.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(sealed_json(record))
    done = verify(chain["csv"], SCRIPTS)
    table.write_bytes(before)
    asked = found(chain["csv"])
    for name in stale:
        (folder / name).unlink()
    assert done.findings == [] and done.left_over == sorted(stale)
    assert {one.record for one in asked} == {"submission.json"}


def test_a_file_that_two_records_state_alike_is_told(chain):
    folder = chain["csv"] / "provenance"
    (folder / "pool.json").write_bytes((folder / "predict/a/seed0.json").read_bytes())
    line = found(chain["csv"])[0].line
    (folder / "pool.json").unlink()
    assert "val.parquet: record does not match" in line and "one record a file" in line


def test_the_command_says_it_in_one_line(chain):
    results = chain["csv"]
    command = [sys.executable, "-m", "microgesture", "verify", "--results", str(results)]

    def run(*more):
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
        return subprocess.run(
            [*command, *more], capture_output=True, text=True, check=False, env=environment
        )

    whole = run()
    assert whole.returncode == 0, whole.stderr
    assert "8 records, 10 artifacts and 2 other inputs match" in whole.stdout
    for _ in flips(results / "prepared/s.arrow"):
        damaged = run()
        assert damaged.returncode == 1 and "Traceback" not in damaged.stderr
        assert "prepared/s.arrow: output does not match" in damaged.stderr
        break
    empty = run("--results", str(results / "figures"))
    assert empty.returncode == 2 and "holds no records; run the workflow first" in empty.stderr


def test_the_records_are_the_same_bytes_again(chain, tmp_path, layout22):
    again = build(tmp_path, layout22)
    for path in sorted((chain["csv"] / "provenance").rglob("*.json")):
        name = path.relative_to(chain["csv"])
        ours = path.read_text().replace(str(chain["csv"].parent), "HERE")
        theirs = (again / name).read_text().replace(str(tmp_path), "HERE")
        drop = [json.loads(text) for text in (ours, theirs)]
        for record in drop:
            record.pop("seal")  # the folder's name is in it
            record["files"] = record["raw"]["files"] = None
        assert drop[0] == drop[1], name


def test_an_input_is_hashed_once_by_who_wrote_it(chain, monkeypatch):
    from microgesture.provenance import record as steps

    hashed = []
    monkeypatch.setattr(steps, "sha256", lambda path: hashed.append(path) or "0" * 64)
    stream = chain["csv"] / "prepared/s.arrow"
    stated = chain["csv"] / "provenance/prepared/s.json"
    os.utime(stated)
    upstream = steps.Upstream(chain["csv"])
    record = read_json(stated)
    assert upstream.entry("prepared/s.arrow", stream) == record["outputs"]["prepared/s.arrow"]
    assert hashed == []
    later = stated.stat().st_mtime + 10
    os.utime(stream, (later, later))  # newer than its record: it may be another
    assert upstream.entry("prepared/s.arrow", stream)["sha256"] == "0" * 64
