"""A training that is killed, at whatever moment, ends as if it had not been."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest
import torch
import yaml

from microgesture.data.folds import make_folds
from microgesture.evaluation.predictions import read_predictions
from microgesture.training.resume import Keeper, read_state, resume_key, write_state
from microgesture.utils.files import atomic_path, read_json, write_json
from tests.conftest import REPOSITORY
from tests.small_training import CLASSES, LAYOUT, child, config_with, write_source

# 3 steps an epoch, 9 in all, with every kind of state: dropout, momentum, batch norm, two phases
CONFIG = config_with(
    {"epochs": 2, "balanced_head_epochs": 1, "label_smoothing": 0.1, "logit_adjustment": 0.5},
    temporal="crop_pad",
    network={
        "base_channels": 4,
        "num_stages": 2,
        "inflate_stages": [2],
        "down_stages": [],
        "dropout": 0.2,
        "block_dropout": 0.2,
    },
)
MODERN = {
    **CONFIG,
    "training": CONFIG["training"]
    | {"optimizer": "adamw", "schedule": "one_cycle", "ema": 0.8, "validate_from": 0.5},
}
KILL, TERM = signal.SIGKILL, signal.SIGTERM


@pytest.fixture(scope="module")
def processes():
    """Processes that have all of torch imported already, and share no state with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "microgesture.training.trainer"])
    return context


@pytest.fixture(scope="module")
def path(tmp_path_factory, layout22):
    return write_source(tmp_path_factory.mktemp("resume"), layout22, train=24)[1]


def run(processes, path, name, config=CONFIG, **options):
    """Exit status of a process that trains, negative for the signal that killed it."""
    process = processes.Process(target=child, args=(path, config, name), kwargs=options)
    process.start()
    process.join()
    return process.exitcode


@pytest.fixture(scope="module")
def undisturbed(processes, path):
    assert run(processes, path, "undisturbed") == 0
    return path.with_name("undisturbed.safetensors").read_bytes()


def states(path, name):
    return sorted((path.parent / "resume").glob(f"*{name}-*"))


# each start is counted anew: killed in the 2nd step, then in the 1st after it, and so on
@pytest.mark.parametrize(
    "kills",
    [[1], [3], [4], [5], [7], [8], [9], [2, 1, 3, 2]],
    ids=lambda kills: "-".join(map(str, kills)),
)
def test_a_killed_training_ends_as_if_undisturbed(processes, path, undisturbed, kills):
    name = f"killed{'-'.join(map(str, kills))}"
    for at in kills:
        assert run(processes, path, name, at=at, number=KILL) == -KILL
        assert not path.with_name(f"{name}.safetensors").exists()
    if sum(kills) > 1:
        about, _ = read_state(states(path, name)[0])
        done = 3 * (about["epoch"] - 1) + about["step"]
        assert done == sum(kills) - len(kills)  # a step in which it is killed is not done
    assert run(processes, path, name) == 0
    assert path.with_name(f"{name}.safetensors").read_bytes() == undisturbed


def test_moments_and_averages_of_weights_go_on_too(processes, path):
    assert run(processes, path, "moments", MODERN) == 0
    for at in (2, 2, 3, 2):
        assert run(processes, path, "moments_killed", MODERN, at=at, number=KILL) == -KILL
    assert run(processes, path, "moments_killed", MODERN) == 0
    first, second = (
        path.with_name(f"{name}.safetensors").read_bytes() for name in ("moments", "moments_killed")
    )
    assert first == second


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_after_the_running_step(processes, path, undisturbed, number, status, capfd):
    name = f"signal{status}"
    assert run(processes, path, name, at=5, number=number) == status
    about, _ = read_state(states(path, name)[0])
    assert (about["epoch"], about["step"]) == (2, 2)
    assert run(processes, path, name) == 0
    assert path.with_name(f"{name}.safetensors").read_bytes() == undisturbed


@pytest.mark.parametrize(("number", "status"), [(TERM, 143), (KILL, -KILL)])
def test_a_validation_can_be_stopped_too(processes, path, undisturbed, number, status):
    name = f"validating{number}"
    assert run(processes, path, name, at=2, number=number, validating=True) == status
    about, _ = read_state(states(path, name)[0])
    assert (about["epoch"], about["step"], len(about["entries"])) == (2, 3, 1)
    assert run(processes, path, name) == 0
    assert path.with_name(f"{name}.safetensors").read_bytes() == undisturbed


def test_workers_that_load_data_do_not_disturb(processes, path, undisturbed):
    """The signal goes to the whole process group."""
    assert run(processes, path, "workers", at=4, number=TERM, workers=2) == 143
    about, _ = read_state(states(path, "workers")[0])
    assert (about["epoch"], about["step"]) == (2, 1)
    assert run(processes, path, "workers", workers=1) == 0
    assert path.with_name("workers.safetensors").read_bytes() == undisturbed


def test_a_state_torn_while_it_is_written_does_no_harm(processes, path, undisturbed):
    assert run(processes, path, "torn", at=3, number=KILL) == -KILL
    before = read_state(states(path, "torn")[0])[0]
    assert run(processes, path, "torn", torn=True) == -KILL
    assert len(states(path, "torn")) == 2  # the state, and what was not yet under its name
    after = [one for one in states(path, "torn") if "partial" not in one.name]
    assert read_state(after[0])[0] == before
    assert run(processes, path, "torn") == 0
    assert path.with_name("torn.safetensors").read_bytes() == undisturbed


@pytest.mark.parametrize("place", [3, 60, 200, -1, None], ids=str)
def test_a_damaged_state_is_refused_in_one_line(processes, path, undisturbed, place):
    name = f"damaged{place}"
    assert run(processes, path, name, at=6, number=KILL) == -KILL
    file = states(path, name)[0]
    content = bytearray(file.read_bytes())
    if place is None:
        del content[len(content) // 2 :]
    else:
        content[place] ^= 1
    file.write_bytes(content)
    assert run(processes, path, name) == 0
    said = path.with_name(f"{name}.log").read_text().splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"{file}: damaged, ")
    assert said[0].endswith("; training starts anew")
    assert path.with_name(f"{name}.safetensors").read_bytes() == undisturbed


def test_the_state_of_other_settings_is_never_used(processes, path, undisturbed):
    assert run(processes, path, "other", at=6, number=KILL, key="1" * 16) == -KILL
    assert run(processes, path, "other") == 0
    said = path.with_name("other.log").read_text()
    assert "tiny-other-1111111111111111.ckpt belongs to other settings, data, code" in said
    assert path.with_name("other.safetensors").read_bytes() == undisturbed


def test_every_difference_changes_the_key():
    parts = {"config": CONFIG, "seed": 0, "fold": None, "data": "a", "embeddings": None}
    keys = {resume_key(**{**parts, name: "x"}) for name in parts} | {resume_key(**parts)}
    assert len(keys) == 6
    assert resume_key(**dict(reversed(parts.items()))) == resume_key(**parts)


def test_only_what_belongs_to_the_run_is_removed(tmp_path):
    key = "0123456789abcdef"
    keeper = Keeper(tmp_path, "tiny", "seed0", key)
    with atomic_path(tmp_path / f"tiny-seed0-{key}.ckpt") as path:
        torn = path.name.replace(str(os.getpid()), "77")  # of a process that was killed
        path.touch()
    keeper.save({"epoch": 1}, {"a": torch.arange(3)})
    own = [f"tiny-seed0-{'f' * 16}.ckpt", torn]
    others = [f"tiny-seed0-fold1-{key}.ckpt", f"tiny-seed01-{key}.ckpt", f"a-tiny-seed0-{key}.ckpt"]
    for name in own + others:
        (tmp_path / name).write_bytes(b"")
    about, tensors = keeper.load()
    assert about == {"epoch": 1}
    assert torch.equal(tensors["a"], torch.arange(3))
    keeper.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_saving_costs_less_than_two_hundredths(tmp_path, monkeypatch):
    """A clock that stands still but in saving: 1 s at least, or 50 times what a save takes."""
    now = [0.0]
    monkeypatch.setattr("microgesture.training.resume.time.monotonic", lambda: now[0])
    monkeypatch.setattr(
        "microgesture.training.resume.write_state", lambda *_: now.__setitem__(0, now[0] + 0.5)
    )
    keeper = Keeper(tmp_path, "tiny", "seed0", "0" * 16, every=120)
    now[0] = 0.9
    assert not keeper.due(epoch_ends=True)
    now[0] = 1.1
    assert keeper.due(epoch_ends=True)
    assert not keeper.due(epoch_ends=False)
    keeper.save({}, {})
    saved = now[0]
    for seconds, at_end, inside in ((24, False, False), (26, True, False), (121, True, True)):
        now[0] = saved + seconds
        assert (keeper.due(epoch_ends=True), keeper.due(epoch_ends=False)) == (at_end, inside)


def test_a_state_holds_numbers_exactly(tmp_path):
    about = {"best": [0.1 + 0.2, -1 / 3], "entries": [{"val_loss": float("inf")}]}
    tensors = {"sums": torch.tensor([1 / 3, 2.0], dtype=torch.float64), "n": torch.tensor(3)}
    write_state(tmp_path / "a.ckpt", about, tensors)
    found, values = read_state(tmp_path / "a.ckpt")
    assert found == about
    assert all(torch.equal(values[name], value) for name, value in tensors.items())


@pytest.fixture(scope="module")
def command(tmp_path_factory, layout22):
    """The command line of a training by the script, but for its folders."""
    folder = tmp_path_factory.mktemp("script")
    manifest, path = write_source(folder, layout22, train=64)
    write_json(path.with_suffix(".json"), manifest)
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": CLASSES}))
    folds = make_folds([f"s{number}" for number in range(5)], ["left"] * 5, 5)
    write_json(folder / "folds.json", folds)
    config = {**CONFIG, "training": {**CONFIG["training"], "epochs": 40}}
    options = {
        "config": json.dumps(config),
        "seed": 3,
        "input": path.with_suffix(".json"),
        "layout": LAYOUT,
        "classes": folder / "classes.yaml",
        "folds": folder / "folds.json",
        "fold": 1,
        "device": "cpu",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, str(REPOSITORY / "scripts/train.py"), *words]


def start(command, folder, resume):
    return subprocess.Popen(
        [*command, "--out", str(folder), "--resume-dir", str(resume), "--resume-every", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def await_epoch(process, number):
    for line in process.stderr:
        if f"epoch {number} of" in line:
            return


@pytest.mark.slow
def test_the_script_goes_on_after_signals(command, tmp_path):
    out, resume, whole = tmp_path / "out", tmp_path / "resume", tmp_path / "whole"
    undisturbed = start(command, whole, tmp_path / "other")
    disturbed = start(command, out, resume)
    await_epoch(disturbed, 3)
    disturbed.send_signal(TERM)
    said = disturbed.communicate()[1].splitlines()
    assert disturbed.returncode == 143
    assert "the same command goes on from there (SIGTERM)" in said[-1]
    assert not list(out.glob("*"))
    disturbed = start(command, out, resume)
    await_epoch(disturbed, 12)
    disturbed.kill()
    disturbed.communicate()
    finished = start(command, out, resume)
    said = finished.communicate()[1]
    assert finished.returncode == 0, said
    assert "epoch 3 of" not in said
    assert undisturbed.communicate()[1]
    for name in ("model.safetensors", "metrics.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    timing = read_json(out / "timing.json")
    assert timing["resumed"] == 2
    assert 0 < timing["data_seconds"] < timing["train_seconds"]
    assert list(resume.iterdir()) == []
    assert read_json(out / "metrics.json")["fold"] == 1
    check_prediction(command, out)


def check_prediction(command, out):
    """Of the fold that the model was trained to be tested on; every other is refused."""
    options = dict(zip(command[2::2], command[3::2], strict=True))
    given = ["--input", options["--input"], "--folds", options["--folds"]]
    given += ["--model", str(out / "model.safetensors"), "--config", '{"views": 1, "flip": false}']
    script = [sys.executable, str(REPOSITORY / "scripts/predict.py"), "--out", str(out)]
    done = [
        subprocess.run([*script, *given, "--fold", fold], capture_output=True, text=True)
        for fold in ("1", "2")
    ]
    assert done[0].returncode == 0, done[0].stderr
    fold_of = read_json(options["--folds"])["fold_of_subject"]
    for split, fold in (("test", 1), ("val", 2)):
        found = read_predictions(out / f"{split}.parquet")
        assert {fold_of[subject] for subject in found.subjects} == {fold}
    assert done[1].returncode == 2
    assert "trained with fold 1 of the folds" in done[1].stderr
