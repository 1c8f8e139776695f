"""The benchmark that a machine with a GPU runs, on a processor."""

import re
import subprocess
import sys

from tests.conftest import REPOSITORY


def test_an_epoch_of_every_kind_of_network_is_measured():
    command = "benchmarks/epoch.py --config config/config.yaml --device cpu --clips 34 --batch 8"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rates = re.findall(r"batch   8: +([0-9.]+) clips/s; 100 epochs .* [0-9,]+ min", done.stdout)
    assert len(rates) == 3 and all(float(rate) > 0 for rate in rates)
