"""The notebooks run from their first cell to their last, as a new user runs them."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.project import copy_repository

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
REMEDY = "clear its outputs: jupyter nbconvert --clear-output --inplace notebooks/*.ipynb"


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["first_steps"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_committed(path):
    cells = json.loads(path.read_text())["cells"]
    for cell in cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None, REMEDY


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="not installed: nbformat (make)")
    nbclient = pytest.importorskip("nbclient", reason="not installed: nbclient (make)")
    pytest.importorskip("ipykernel", reason="not installed: ipykernel (make)")
    copy_repository(tmp_path)
    shutil.copytree(path.parent, tmp_path / "notebooks")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path / "notebooks")}}
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=resources
    ).execute()
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    )
    # a command that fails in a line that begins with ! does not stop a notebook
    assert not re.search(r"^(error|usage|Traceback|\w*Error)\b|exit code", printed, re.M), printed
    for made in ("results/first_steps/ablation_table.md", "data/first_steps/new.csv"):
        assert (tmp_path / made).is_file(), printed
    assert (tmp_path / "data/first_steps/clip.gif").read_bytes().startswith(b"GIF"), printed
