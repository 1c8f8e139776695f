"""Numbers on a script's command line."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("script", "option", "value", "expected"),
    [
        ("predict_new", "--fps", "nan", "a number above 0"),
        ("predict_new", "--window", "inf", "a number above 0"),
        ("predict_new", "--threads", "0", "at least 1"),
        ("view", "--sigma", "0", "a number above 0"),
        ("view", "--size", "-3", "at least 1"),
    ],
)
def test_a_number_that_means_nothing_is_one_message(script, option, value, expected):
    command = [sys.executable, REPOSITORY / f"scripts/{script}.py", option, value]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert last == f"{script}.py: error: argument {option}: is {value}, expected {expected}"
