import os
import subprocess
import sys

from tests.conftest import REPOSITORY

TESTS = """
import pytest

@pytest.mark.skipif(True, reason="not installed: sshd (apt-get install openssh-server)")
@pytest.mark.parametrize("number", range(3))
def test_ssh(number): ...

def test_slurm():
    pytest.skip("a SLURM can be started by root only (run the tests as root)")

def test_something(): ...
"""


def test_the_tests_say_in_a_line_what_was_not_tested_and_how_to_get_it(tmp_path):
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest"]
    done = subprocess.run(
        [*command, "--rootdir", ".", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("not tested")] == [
        "not tested: test_a.py (1), test_b.py (1): a SLURM can be started by root only (run the "
        "tests as root)",
        "not tested: test_a.py (3), test_b.py (3): not installed: sshd (apt-get install "
        "openssh-server)",
    ]
