"""Where MediaPipe cannot be installed: one line that says so, and no environment half made."""

import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

# in place of a Python: of another version, and with a pip that finds no wheel
PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then
    exec {python} -c "import sys; sys.version_info = {version}
$2"
fi
mkdir -p "$3/bin"
printf '#!/bin/sh\\n{pip}\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""
REFUSED = """echo "WARNING: slow" >&2
echo "ERROR: No matching distribution found for mediapipe==0.10.21" >&2
echo "ERROR: more" >&2
exit 1"""


def make(folder, version, pip):
    for name in ("Makefile", "requirements-pose.lock"):
        shutil.copy(REPOSITORY / name, folder)
    python = folder / "python"
    escaped = pip.replace("\n", "\\n")
    python.write_text(PYTHON.format(python=sys.executable, version=version, pip=escaped))
    python.chmod(0o755)
    return subprocess.run(
        ["make", "--silent", "pose-env", f"PYTHON={python}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("version", "pip", "expected"),
    [
        ((3, 13), "exit 0", "MediaPipe 0.10.21 needs Python 3.11 or 3.12"),
        ((3, 10), "exit 0", "MediaPipe 0.10.21 needs Python 3.11 or 3.12"),
        ((3, 11), REFUSED, "could not be installed (ERROR: No matching distribution found for"),
        ((3, 12), "echo offline >&2; exit 1", "could not be installed (offline)"),
    ],
)
def test_where_it_cannot_be_installed_one_line_says_why(tmp_path, version, pip, expected):
    done = make(tmp_path, version, pip)
    own = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode == 2 and len(own) == 1 and expected in own[0]
    assert not (tmp_path / ".venv-pose/.ready").exists()
    # the next one begins anew, and ends with the mark
    assert make(tmp_path, (3, 11), "exit 0").returncode == 0
    assert (tmp_path / ".venv-pose/.ready").exists()
