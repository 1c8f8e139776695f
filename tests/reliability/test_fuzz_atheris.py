"""A bounded coverage-guided run of each target; long ones are started by hand."""

import re
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

SECONDS = 8


@pytest.mark.slow
@pytest.mark.parametrize("target", ["json", "table", "csv", "pickle", "labels"])
def test_nothing_but_the_projects_own_error_is_found(tmp_path, target):
    pytest.importorskip(
        "atheris",
        reason="not installed: atheris (pip install atheris, Linux on x86-64)",
    )
    options = [f"-max_total_time={SECONDS}", "-seed=1"]
    module = ["-m", "tests.reliability.fuzz_atheris", target, str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "-W", "ignore", *module, *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 120,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    done = re.search(r"Done (\d+) runs", result.stderr)
    assert done and int(done[1]) > 100
    assert not list(tmp_path.glob("crash-*"))
