import ast
import shutil
import sys

import pytest

from microgesture.provenance import code_hash as provenance
from microgesture.provenance.code_hash import SOURCE, code_files, code_hash, code_version
from tests.conftest import REPOSITORY


def test_a_steps_code_is_what_python_loads_for_it(monkeypatch):
    """Static reading of imports must find every module that really gets imported."""
    script = REPOSITORY / "scripts/prepare.py"
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
    files = code_files(REPOSITORY / "scripts/prepare.py")
    names = {path.relative_to(SOURCE).as_posix() for path in files if path.is_relative_to(SOURCE)}
    assert "preprocessing/temporal.py" in names
    assert not names & {"models/posec3d.py", "heatmaps/draw.py"}


def test_what_an_artifact_says_changes_with_the_code(tmp_path):
    script = tmp_path / "step.py"
    script.write_text("import microgesture.preprocessing.temporal\n")
    first = code_version(script)
    script.write_text("import microgesture.preprocessing.temporal\nEDITED = 1\n")
    assert code_version(script)["code"] != first["code"]
    assert first["torch"].startswith("2.")


CODE = '''"""What the module is for."""

import math

LIMIT = 3
"""Why 3."""


class Shape:
    """A shape."""

    sides: int = 4  # as most have


def area(side: float) -> float:
    """Area of a square."""
    return math.pow(side, 2) + 0 * LIMIT
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("for.", "for, in other words."),
        ("  # as most have", ""),
        ("Why 3.", "Why not 4."),
        ('    """Area of a square."""\n', ""),
        ("math.pow(side, 2)", "math.pow(\n        side, 2\n    )"),
        ('    """A shape."""', '    """A shape."""\n\n    # with sides'),
    ],
)
def test_comments_docstrings_and_layout_are_no_code(tmp_path, before, after):
    assert hash_of(tmp_path, CODE.replace(before, after)) == hash_of(tmp_path, CODE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("side, 2", "side, 3"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = '3'"),
        ("+ 0", "- 0"),
        ("sides: int = 4", "sides: int"),
        ("return math.pow(side, 2) + 0 * LIMIT", "math.pow(side, 2) + 0 * LIMIT"),
        ("-> float", "-> int"),
        ("import math", "import math as math"),
        ("LIMIT = 3", "LIMIT = 3\nTEXT = 'new'"),
    ],
)
def test_every_change_of_code_changes_the_hash(tmp_path, before, after):
    assert CODE.replace(before, after) != CODE
    assert hash_of(tmp_path, CODE.replace(before, after)) != hash_of(tmp_path, CODE)


def hash_of(folder, code):
    script = folder / "step.py"
    script.write_text(code)
    return code_hash(script)


TEMPLATES = SOURCE / "report/templates"
PAGES = {"report.py", "online_page.py", "emotion_report.py"}


@pytest.mark.parametrize(
    ("template", "steps"),
    [
        ("page.css", PAGES),
        ("page/claims.html", PAGES),
        ("page/online.html", PAGES),
        ("notes/notes.md", {*PAGES, "ablation.py"}),
        ("findings.md", {*PAGES, "ablation.py"}),
        ("cards/card.md", {"cards.py"}),
    ],
)
def test_a_changed_template_changes_only_the_steps_that_render_it(
    tmp_path, monkeypatch, template, steps
):
    source = shutil.copytree(SOURCE, tmp_path / SOURCE.name)
    monkeypatch.setattr(provenance, "SOURCE", source)
    scripts = sorted((REPOSITORY / "scripts").glob("*.py"))
    before = {script: code_hash(script) for script in scripts}
    changed = source / "report/templates" / template
    changed.write_text(changed.read_text() + "\n")
    after = {script: code_hash(script) for script in scripts}
    assert {script.name for script in scripts if after[script] != before[script]} == steps


def test_a_new_template_counts(tmp_path, monkeypatch):
    source = shutil.copytree(SOURCE, tmp_path / SOURCE.name)
    monkeypatch.setattr(provenance, "SOURCE", source)
    script = REPOSITORY / "scripts/report.py"
    before = code_hash(script)
    (source / "report/templates/page/new.html").write_text("")
    assert code_hash(script) != before


def test_every_template_belongs_to_a_module():
    """Else no step would be rerun for it."""
    templates = [path for path in TEMPLATES.rglob("*") if path.is_file()]
    assert templates
    modules = [path.relative_to(TEMPLATES).parts[0].split(".")[0] for path in templates]
    assert {name for name in modules if not (SOURCE / f"report/{name}.py").is_file()} == set()


def test_the_hash_of_the_code_does_not_say_where_it_lies(tmp_path, monkeypatch):
    hashes = set()
    for scripts, package in [("a", "m"), ("z", "n")]:  # before the package's folder, and after it
        source = shutil.copytree(SOURCE, tmp_path / package / SOURCE.name)
        monkeypatch.setattr(provenance, "SOURCE", source)
        (tmp_path / scripts).mkdir()
        script = tmp_path / scripts / "heatmaps.py"  # called like a module that it imports
        shutil.copy(REPOSITORY / "scripts/heatmaps.py", script)
        hashes.add(code_version(script)["code"])
    assert len(hashes) == 1
