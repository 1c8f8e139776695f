"""Two processes with half of a batch each are one process with the whole batch."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from microgesture.inference.checkpoints import load_checkpoint
from microgesture.training.distributed import (
    ALONE,
    GlobalBatchNorm,
    Processes,
    _mean_by_rank,
    init_distributed,
    last_bits,
    share_batch_norm,
)
from microgesture.training.resume import read_state
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY
from tests.small_training import config_with, fit, write_source

VECTORS = [[1, 0, 0], [0, 0.5, 1]]
LONG_TAIL = {"epochs": 3, "balanced_head_epochs": 2, "sampling": "class_balanced"}
EQUAL = {
    "step": config_with({"epochs": 1, "batch": 32}, semantic_weight=1),
    "epochs": config_with(LONG_TAIL, semantic_weight=1),
}
DROPOUT = config_with({"epochs": 3}, network={**config_with()["network"], "dropout": 0.2})


def run_two(path, jobs):
    """Do jobs one after the other in two processes that torchrun starts."""
    program = str(REPOSITORY / "tests/small_training.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", program, str(path), json.dumps(jobs)]
    folders = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(folders)}
    return subprocess.run(
        command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory, layout22):
    return write_source(tmp_path_factory.mktemp("distributed"), layout22, train=32)[1]


@pytest.fixture(scope="module")
def stopped(path):
    """Trainings of two processes, the last of which gets a signal, in the second process alone."""
    jobs = {name: {"config": config, "embeddings": VECTORS} for name, config in EQUAL.items()}
    jobs["whole"] = {"config": DROPOUT}
    jobs["stopped"] = {"config": DROPOUT, "at": 6, "number": int(signal.SIGTERM), "only_rank": 1}
    return run_two(path, jobs)


def result(path, name):
    state, about = load_checkpoint(path.with_name(f"{name}.safetensors"))
    return state, about["history"]


@pytest.mark.parametrize(("name", "tolerance"), [("step", 1e-5), ("epochs", 1e-3)])
def test_two_processes_are_equal_to_one(path, stopped, name, tolerance):
    """Weights within 1e-5 after one step, within 1e-3 after five epochs (float32, no dropout)."""
    fit(path, EQUAL[name], f"one-{name}", embeddings=np.array(VECTORS, np.float32))
    (one, first), (two, second) = result(path, f"one-{name}"), result(path, name)
    assert first["best_epoch"] == second["best_epoch"]
    assert list(one) == list(two)
    for key, value in one.items():
        assert torch.allclose(value, two[key], rtol=0, atol=tolerance), key
    for before, after in zip(first["epochs"], second["epochs"], strict=True):
        assert before == pytest.approx(after, abs=1e-3)


def test_two_processes_stop_at_the_same_step_and_resume(path, stopped):
    """With dropout, so that each one's own random numbers matter."""
    assert stopped.returncode != 0
    assert "exitcode  : 143" in stopped.stderr
    assert not path.with_name("stopped.safetensors").exists()
    (state,) = (path.parent / "resume").glob("tiny-stopped-*")
    about, _ = read_state(state)
    assert (about["epoch"], about["step"]) == (2, 2)
    again = run_two(path, {"stopped": {"config": DROPOUT}})
    assert again.returncode == 0, again.stderr
    files = [path.with_name(f"{name}.safetensors") for name in ("whole", "stopped")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_batch_that_cannot_be_shared_is_refused():
    assert [*range(12)][Processes(1, 3).local_slice(12, "tiny")] == [4, 5, 6, 7]
    with pytest.raises(InputError, match="tiny: 8 clips cannot be shared equally by 3 processes"):
        Processes(0, 3).local_slice(8, "tiny")


def test_alone_nothing_is_asked_of_others():
    assert (ALONE.rank, ALONE.count) == (0, 1)
    assert ALONE.all_reduce_max(3, 1) == [3, 1]
    values = torch.tensor([1.0, 2.0])
    gathered = ALONE.all_gather(values)
    values[0] = 9  # what was gathered stays as it was
    assert gathered.tolist() == [[1, 2]]


@pytest.fixture
def launched(monkeypatch):
    """As torchrun starts the second of ``WORLD_SIZE`` processes; what is joined is noted."""
    joined = []
    path = "microgesture.training.distributed"
    for name, value in {"WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(f"{path}.dist.is_torchelastic_launched", lambda: True)
    monkeypatch.setattr(f"{path}.dist.init_process_group", joined.append)
    monkeypatch.setattr(f"{path}.dist.get_rank", lambda: 1)
    monkeypatch.setattr(f"{path}.dist.get_world_size", lambda: 2)
    monkeypatch.setattr(f"{path}.torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(f"{path}.torch.cuda.set_device", joined.append)
    return joined


@pytest.mark.parametrize(
    ("device", "own", "expected"),
    [("cpu", "cpu", ["gloo"]), ("cuda", "cuda:1", [torch.device("cuda:1"), "cpu:gloo,cuda:nccl"])],
)
def test_a_process_of_several_joins_and_takes_its_own_gpu(launched, device, own, expected):
    assert init_distributed(torch.device(device)) == (Processes(1, 2), torch.device(own))
    assert launched == expected


def test_a_process_without_a_gpu_of_its_own_is_refused(launched, monkeypatch):
    monkeypatch.setattr("microgesture.training.distributed.torch.cuda.device_count", lambda: 1)
    with pytest.raises(InputError, match="process 1 has no GPU of its own: torch sees 1"):
        init_distributed(torch.device("cuda"))
    assert launched == []


def test_one_process_joins_nothing(launched, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert init_distributed(torch.device("cuda")) == (ALONE, torch.device("cuda"))
    monkeypatch.undo()
    assert init_distributed(torch.device("cpu")) == (ALONE, torch.device("cpu"))
    assert launched == []


def test_threads_change_the_last_bits_on_a_cpu_alone():
    told = last_bits(torch.device("cpu"), Processes(0, 2), 3)
    assert told == {"device": "cpu", "processes": 2, "threads": 3}
    assert last_bits(torch.device("cuda"), ALONE, 3) == {"device": "cuda", "processes": 1}


@pytest.mark.parametrize(
    "options", [{"affine": False}, {"track_running_stats": False}, {"momentum": None}]
)
def test_batch_norm_that_cannot_be_shared_is_refused(options):
    module = nn.Sequential(nn.Identity(), nn.BatchNorm1d(3, **options))
    with pytest.raises(ValueError, match="1: only batch norm with weights and running statistics"):
        share_batch_norm(module)


def test_shared_batch_norm_keeps_its_constants_and_its_type():
    module = nn.Sequential(nn.BatchNorm1d(3, eps=0.1, momentum=0.2))
    share_batch_norm(module)
    assert (module[0].eps, module[0].momentum) == (0.1, 0.2)
    assert (
        module.eval()(torch.ones(4, 3)).tolist()
        == nn.BatchNorm1d(3, eps=0.1).eval()(torch.ones(4, 3)).tolist()
    )


def test_gradients_are_the_mean_over_processes(monkeypatch):
    own, others = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([[2.0, 5.0, 0.0], [6.0, 2.0, 5.0]])

    def all_gather(parts, values, async_op=False):
        for part, given in zip(parts, [others[0], values, others[1]], strict=True):
            part.copy_(given)
        done = torch.futures.Future()
        done.set_result(parts)
        return SimpleNamespace(get_future=lambda: done) if async_op else None

    monkeypatch.setattr("microgesture.training.distributed.dist.all_gather", all_gather)
    monkeypatch.setattr("microgesture.training.distributed.dist.get_world_size", lambda: 3)
    found = _mean_by_rank(None, SimpleNamespace(buffer=lambda: own)).wait()
    assert found.tolist() == [3, 3, 3]


def test_batch_norm_of_two_processes_with_the_same_share_is_that_of_both(monkeypatch):
    monkeypatch.setattr(
        "microgesture.training.distributed.dist.all_reduce", lambda values: values.mul_(2)
    )
    monkeypatch.setattr("microgesture.training.distributed.dist.get_world_size", lambda: 2)
    reference, shared = nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3))
    share_batch_norm(shared)
    inputs = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)) * 3 + 10
    both = reference(torch.cat([inputs, inputs]))
    assert torch.allclose(shared(inputs), both[:4], atol=1e-5)
    for name, value in reference.state_dict().items():
        assert torch.allclose(shared[0].state_dict()[name], value, rtol=1e-5), name


def test_batch_norm_is_that_of_torch(monkeypatch):
    """One process, so that torch's own is the reference: values, gradients, running statistics."""
    monkeypatch.setattr("microgesture.training.distributed.dist.all_reduce", lambda values: None)
    monkeypatch.setattr("microgesture.training.distributed.dist.get_world_size", lambda: 1)
    reference = nn.Sequential(nn.BatchNorm3d(4), nn.Sequential(nn.BatchNorm3d(4, momentum=0.3)))
    shared = nn.Sequential(nn.BatchNorm3d(4), nn.Sequential(nn.BatchNorm3d(4, momentum=0.3)))
    with torch.no_grad():
        reference[0].weight.uniform_(0.5, 2)
        reference[0].bias.normal_()
    share_batch_norm(shared)
    shared.load_state_dict(reference.state_dict())
    assert isinstance(shared[1][0], GlobalBatchNorm)
    torch.manual_seed(0)
    inputs = torch.randn(5, 4, 3, 2, 6) * 3 + 10
    for _ in range(2):
        ours, theirs = (inputs.clone().requires_grad_() for _ in range(2))
        (shared(ours) ** 3).sum().backward()
        (reference(theirs) ** 3).sum().backward()
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-3)
        for (name, one), two in zip(shared.named_parameters(), reference.parameters(), strict=True):
            assert torch.allclose(one.grad, two.grad, rtol=1e-4, atol=1e-3), name
    for name, value in reference.state_dict().items():
        assert torch.allclose(shared.state_dict()[name], value, rtol=1e-5, atol=1e-5), name
    assert torch.allclose(shared.eval()(inputs), reference.eval()(inputs), atol=1e-6)
    shared.train()
    assert shared(inputs.bfloat16()).dtype == torch.bfloat16
