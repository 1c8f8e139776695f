"""A file whose time lies in the future is refused with what to do."""

import os

import pytest

from microgesture.utils.errors import InputError
from microgesture.utils.file_times import SLACK, refuse_future_times

NOW = 1_700_000_000.0


def dated(path, seconds):
    path.write_text("")
    os.utime(path, (NOW + seconds, NOW + seconds))
    return path


def test_a_file_of_the_future_is_named_with_its_remedy(tmp_path):
    past, late = dated(tmp_path / "a.csv", -1), dated(tmp_path / "b c.csv", 3600)
    with pytest.raises(InputError) as error:
        refuse_future_times([past, late], NOW)
    text = str(error.value)
    assert text.startswith(f"{late}: its time lies in the future (20")
    assert text.endswith(f"touch '{late}'") and "\n" not in text


def test_of_many_files_one_is_named_and_all_are_found_by_the_command(tmp_path):
    many = [dated(tmp_path / f"{n}.csv", 3600) for n in range(9)]
    with pytest.raises(InputError, match=r"those of 8 more files.*: find .* -newermt now -exec"):
        refuse_future_times(many, NOW)


def test_small_differences_between_clocks_and_missing_files_are_let_pass(tmp_path):
    refuse_future_times([dated(tmp_path / "a", SLACK / 2), tmp_path / "none"], NOW)
