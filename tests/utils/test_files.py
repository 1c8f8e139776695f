import hashlib

import pytest

from microgesture.utils.files import atomic_path, quick_hash, read_json, sha256, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole" and list(path.parent.iterdir()) == [path]


def test_json_is_the_same_bytes_for_the_same_content(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}


def test_the_quick_hash_sees_small_contents_and_a_part_of_large_ones(tmp_path):
    small, large, none = (tmp_path / name for name in ("small", "large", "none"))
    small.write_text("abc")
    large.write_bytes(b"0" * 1000)
    seen = [quick_hash([small, large, none], 50)]
    for change in (
        lambda: large.write_bytes(b"1" * 1000),
        lambda: large.write_bytes(b"1" * 999 + b"2"),
        lambda: large.write_bytes(b"2" + b"1" * 999),
        lambda: large.write_bytes(b"1" * 1001),
        lambda: small.write_text("abd"),
        lambda: none.write_text("x"),
    ):
        change()
        seen.append(quick_hash([small, large, none], 50))
    assert len(set(seen)) == 7
    assert quick_hash([small, large]) != quick_hash([large, small])
    assert quick_hash([small, large, none], 50) == seen[-1]


def test_the_hash_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
