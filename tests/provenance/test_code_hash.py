import ast
import shutil
import sys

from microgesture.provenance import code_hash as provenance
from microgesture.provenance.code_hash import SOURCE, code_files, made_by
from tests.conftest import REPOSITORY


def test_a_steps_code_is_what_python_loads_for_it(monkeypatch):
    """Static reading of imports must find every module that really gets imported."""
    script = REPOSITORY / "scripts/streams.py"
    found = {path.resolve() for path in code_files(script)}
    before = dict(sys.modules)
    for name in [name for name in sys.modules if name.startswith("microgesture")]:
        monkeypatch.delitem(sys.modules, name)
    exec(compile(ast.parse(script.read_text()), str(script), "exec"), {"__name__": "loaded"})
    loaded = {
        SOURCE.parent.joinpath(module.__file__).resolve()
        for name, module in sys.modules.items()
        if name.startswith("microgesture") and module.__file__
    }
    sys.modules.update(before)
    assert loaded <= found
    assert script in found


def test_a_step_does_not_depend_on_modules_that_it_does_not_use():
    names = {path.name for path in code_files(REPOSITORY / "scripts/streams.py")}
    assert "temporal.py" in names and "posec3d.py" not in names and "heatmaps.py" not in names


def test_what_an_artifact_says_changes_with_the_code(tmp_path):
    script = tmp_path / "step.py"
    script.write_text("import microgesture.preprocessing.temporal\n")
    first = made_by(script)
    script.write_text("import microgesture.preprocessing.temporal\n# edited\n")
    assert made_by(script)["code"] != first["code"]
    assert first["torch"].startswith("2.")


def test_the_hash_of_the_code_does_not_say_where_it_lies(tmp_path, monkeypatch):
    hashes = set()
    for scripts, package in [("a", "m"), ("z", "n")]:  # before the package's folder, and after it
        source = shutil.copytree(SOURCE, tmp_path / package / SOURCE.name)
        monkeypatch.setattr(provenance, "SOURCE", source)
        (tmp_path / scripts).mkdir()
        script = tmp_path / scripts / "heatmaps.py"  # called like a module that it imports
        shutil.copy(REPOSITORY / "scripts/heatmaps.py", script)
        hashes.add(made_by(script)["code"])
    assert len(hashes) == 1
