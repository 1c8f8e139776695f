"""What the benchmarks do on a GPU, tiny and on a processor: their steps run and are reported."""

import pytest
import torch

from benchmarks import pretraining, steps

SMALL = {"width": 16, "depth": 1, "heads": 2}


@pytest.fixture
def processor(monkeypatch):
    """Lets the CPU pass as an H200."""
    for module in (steps, pretraining):
        monkeypatch.setattr(module, "gpu_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**30)
    monkeypatch.setattr(steps, "fastest", lambda timed, repeats: [step() and 0.5 for step in timed])


def test_training_steps(processor, monkeypatch, capsys):
    case = ("PoseC3D", steps.POSEC3D_DEFAULT, (4, 14), 2, 3.0)
    monkeypatch.setattr(steps, "CASES", [case])
    reported = []
    monkeypatch.setattr(steps.epoch, "report", lambda *arguments: reported.append(arguments))
    steps.gpu()
    lines = [line for line in capsys.readouterr().out.splitlines() if "clips/s" in line]
    assert len(lines) == 4 and all("1.0 GiB" in line for line in lines)
    assert reported[0][1].models.posec3d.length == 48


def test_pretraining(processor, monkeypatch, capsys):
    monkeypatch.setattr(pretraining, "CASES", [("tiny", 22, 8, SMALL, 1, 0.8, 2, 2.0)])
    pretraining.gpu()
    assert capsys.readouterr().out.count("clips/s") == 8
