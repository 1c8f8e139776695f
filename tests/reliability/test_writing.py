"""Full disks, folders that may not be written to, and what killed writers leave behind."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import write_records
from microgesture.data.store import write_store
from microgesture.evaluation.predictions import write_predictions
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path, read_json, write_json, write_text
from tests.conftest import REPOSITORY, make_clip

KILLED = """
import os, sys, time
from microgesture.utils.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(flush=True)
    time.sleep(30)
"""


def writer(path):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    command = [sys.executable, "-c", KILLED, str(path)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    started.stdout.readline()
    return started


def test_what_a_killed_writer_left_goes_when_the_file_is_written_again(tmp_path):
    path = tmp_path / "table [1].md"
    killed, alive = writer(path), writer(path)
    other = tmp_path / f".table [1].partial-00000000-{killed.pid}.md"
    other.write_text("of another host")
    try:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert len(list(tmp_path.iterdir())) == 3
        write_text(path, "whole")
        left = sorted(one.name for one in tmp_path.iterdir())
        assert len(left) == 3 and path.name in left and other.name in left
        assert any(f"-{alive.pid}.md" in name for name in left)
    finally:
        alive.kill()
        alive.wait()
    assert path.read_text() == "whole"


def big_file(path):
    write_text(path, "x" * 3_000_000)


def big_json(path):
    write_json(path, ["x" * 100] * 30_000)


def big_records(path):
    with write_records(path, {}, batch=2) as records:
        for number in range(12):
            entry = {"clip_id": f"c{number}", "label": 0, "subject": "s", "split": "train"}
            records.append({**entry, "num_frames": 1, "blobs": [os.urandom(300_000)]})


def big_store(path):
    write_store(path, (make_clip(f"c{i}", 400, seed=i) for i in range(8)), ["left"], "x")


def big_predictions(path):
    shares = np.random.default_rng(0).dirichlet(np.ones(100), 6000)
    names = [f"{i}" for i in range(6000)]
    write_predictions(path, names, [0] * 6000, ["s"] * 6000, shares, {})


def big_checkpoint(path):
    save_checkpoint(path, {"w": torch.randn(1000, 1000)}, {})


def big_arrays(path):
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, vectors=np.zeros((1000, 1000)))


WRITERS = [
    big_file,
    big_json,
    big_records,
    big_store,
    big_predictions,
    big_checkpoint,
    big_arrays,
]


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A file system of one mebibyte."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs the rights of root (run the tests as root)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_is_one_clear_message_and_leaves_nothing(small_disk, write):
    path = small_disk / "results" / "out.bin"
    with pytest.raises(InputError) as caught:
        write(path)
    assert str(caught.value) == (
        f"{path}: cannot be written into {path.parent}: the disk is full; "
        "free some space and run again"
    )
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS)
def test_a_limit_on_file_sizes_is_one_clear_message_and_leaves_nothing(tmp_path, write):
    path = tmp_path / "out.bin"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(InputError, match=r"out\.bin: cannot be written .* limit on file sizes"):
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def read_only(tmp_path):
    """A folder that may not be written to, and the words that say why."""
    place = tmp_path / "results"
    place.mkdir()
    if os.geteuid() != 0:
        place.chmod(0o500)
        yield place, "may not be written"
        place.chmod(0o700)
        return
    bind = [
        ["mount", "--bind", str(place), str(place)],
        ["mount", "-o", "remount,ro,bind", str(place)],
    ]
    for command in bind:
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this root may not mount, and permissions do not hold root back")
    yield place, "file system is read-only"
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["out.bin", "new/out.bin"])
def test_a_read_only_folder_is_one_clear_message(read_only, write, name):
    place, why = read_only
    with pytest.raises(InputError) as caught:
        write(place / name)
    message = str(caught.value)
    assert message.startswith(f"{place / name}: cannot be written into ") and why in message


def test_an_error_about_another_file_stays_what_it_is(tmp_path):
    missing = tmp_path / "input"
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out"):
        missing.read_text()
    denied = PermissionError(13, "Permission denied", "/elsewhere/input")
    with pytest.raises(PermissionError), atomic_path(tmp_path / "out"):
        raise denied
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"", b"[" * 100_000])
def test_damaged_json_is_named(tmp_path, content):
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.json: not readable as JSON"):
        read_json(path)


def test_a_reader_never_sees_a_half_written_file(tmp_path):
    path = tmp_path / "a.txt"
    started = writer(path)
    time.sleep(0.01)
    assert not path.exists()
    started.kill()
    started.wait()
    assert not path.exists()
