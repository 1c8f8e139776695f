"""Which folders are recordings, and what is said where none is."""

import os
import re

import pytest

from microgesture.inference.recordings import find_recordings
from microgesture.utils.errors import InputError


def touch(folder, *names):
    """Empty files; a number stands for a frame's file."""
    for name in names:
        path = folder / re.sub(r"([0-9])$", r"a_\1_keypoints.json", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


def test_frame_files_in_the_folder_are_one_recording(tmp_path):
    touch(tmp_path / "talk", "0", "1")
    assert find_recordings(tmp_path / "talk") == {"talk": tmp_path / "talk"}


def test_folders_with_frame_files_are_recordings_named_by_their_place(tmp_path):
    touch(tmp_path, "b/0", "ء/1560.1/0", "a/0", "notes/readme.json")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(find_recordings(tmp_path)) == ["a", "b", "ء/1560.1"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.json"], r"no file \*_keypoints.json in it or below"),
        (["0", "a/0"], "frame files lie in it and in folders below it"),
    ],
)
def test_folders_without_clear_recordings_are_refused(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=message):
        find_recordings(tmp_path)


def test_a_folder_that_may_not_be_read_is_named_and_not_passed_over(tmp_path, monkeypatch):
    touch(tmp_path, "a/0", "closed/0")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"closed: cannot be read \(Permission denied\)"):
        find_recordings(tmp_path)


def test_linked_recordings_are_found_and_hidden_folders_passed_over(tmp_path):
    frame = "talk_000000000000_keypoints.json"
    for name in ("in/a", "elsewhere", "in/.ipynb_checkpoints", "in/__MACOSX/a"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / frame).write_text("{}")
    (tmp_path / "in" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in")
    assert list(find_recordings(tmp_path / "in")) == ["a", "b"]
    (tmp_path / "in" / "c").symlink_to("/nowhere")
    with pytest.raises(InputError, match=r"in/c: is a link to what is not there"):
        find_recordings(tmp_path / "in")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such folder"):
        find_recordings(tmp_path / "nowhere")


def test_a_file_where_a_folder_is_expected_is_named(tmp_path):
    (tmp_path / "one.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"one.json: is a file, expected a folder"):
        find_recordings(tmp_path / "one.json")
