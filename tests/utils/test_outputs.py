"""What scripts write is checked before they work: every output option of every script."""

import argparse
import os
import runpy
import sys
from pathlib import Path

import pytest

from microgesture.provenance.record import record_file
from microgesture.utils.cli import output_file, output_folder
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path, check_output, growing_path
from tests.conftest import REPOSITORY

SCRIPTS = sorted(path.stem for path in (REPOSITORY / "scripts").glob("*.py"))
READ = {
    *("classes", "folds", "input", "layout", "layouts", "metrics", "model", "points", "results"),
    *("skeletons", "summary", "embeddings", "crops", "pretrained", "scores"),
    *("pseudo_labels", "recordings", "pictures", "tokens", "interviews", "statistics", "fits"),
    *("predictions", "encoders", "rows"),
}
CHECKED = (output_file, output_folder, record_file)


def run_script(monkeypatch, name, *arguments):
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(REPOSITORY / f"scripts/{name}.py"), run_name="__main__")


def options(monkeypatch, name):
    """Options of a script that take a value, as its own parser has them."""

    class Captured(Exception):
        pass

    def capture(parser, *_):
        raise Captured(parser)

    with monkeypatch.context() as patch, pytest.raises(Captured) as caught:
        patch.setattr(argparse.ArgumentParser, "parse_args", capture)
        run_script(patch, name)
    return [action for action in caught.value.args[0]._actions if action.nargs != 0]


def is_output(action):
    """By its name, by what its help says of it, or as a path that is not known as one to read."""
    named = action.dest.startswith(("out", "resume_dir", "manifest")) or action.dest == "record"
    said = "to write" in (action.help or "") or "folder for" in (action.help or "")
    return named or said or (action.type is Path and action.dest not in READ)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_output_option_is_checked_before_the_work(name, monkeypatch, tmp_path, capsys):
    outputs = [action for action in options(monkeypatch, name) if is_output(action)]
    assert outputs or name == "verify"
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder.gif").mkdir()
    for action in outputs:
        assert action.type in CHECKED, f"{name}.py {action.option_strings[0]} is not checked"
        own = tmp_path / ("file" if action.type is output_folder else "folder.gif")
        for bad in (own, tmp_path / "file" / "p.csv", Path("/proc/p.csv")):
            with pytest.raises(SystemExit) as ended:
                run_script(monkeypatch, name, action.option_strings[0], bad)
            said = capsys.readouterr().err
            assert ended.value.code == 2
            assert said.startswith(f"error: {bad}: cannot be written (") and said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.gif"]
    assert (tmp_path / "file").read_text() == "kept"


def test_a_record_in_another_folder_is_refused_before_the_work(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_script(monkeypatch, "pool", "--record", tmp_path / "pool.json")
    assert f"--record {tmp_path}/pool.json: expected a file in" in capsys.readouterr().err


def test_a_path_that_can_be_written_is_given_back_and_nothing_is_left(tmp_path):
    (tmp_path / "old").write_text("kept")
    for path in (tmp_path / "new", tmp_path / "a/b/new", tmp_path / "old"):
        assert check_output(path) == path
    for path in (tmp_path, tmp_path / "a/b"):
        assert check_output(path, folder=True) == path
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "kept"


def test_what_is_no_regular_file_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(InputError, match=r"cannot be written \(it is no file\)"):
            check_output(path)


def test_a_name_that_is_too_long_is_told_at_once(tmp_path):
    with pytest.raises(InputError, match="the name is too long"):
        check_output(tmp_path / ("n" * 250))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told_at_once(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="check who owns the folder"):
        check_output(tmp_path / "p.csv")


def test_what_turns_out_unwritable_only_later_is_one_line_as_well(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    for path, why in (("folder", "it is a folder"), ("file/p.csv", "a part of its path is a file")):
        with (
            pytest.raises(InputError, match=f"cannot be written into .*: {why}"),
            atomic_path(tmp_path / path) as temporary,
        ):
            temporary.write_text("new")
        with (
            pytest.raises(InputError, match=f"cannot be written into .*: {why}"),
            growing_path(tmp_path / path) as temporary,
        ):
            temporary.write_text("new")
    assert (tmp_path / "file").read_text() == "kept"


def test_a_growing_file_keeps_its_own_name_until_it_is_whole(tmp_path):
    path = tmp_path / "new" / "p.csv"
    with pytest.raises(ZeroDivisionError), growing_path(path) as growing:
        growing.write_text("half")
        raise ZeroDivisionError
    assert [(one.name, one.read_text()) for one in path.parent.iterdir()] == [
        ("p.unfinished.csv", "half")
    ]
    with growing_path(path) as growing:
        growing.write_text("whole")
        assert not path.exists()
    assert [(one.name, one.read_text()) for one in path.parent.iterdir()] == [("p.csv", "whole")]
