"""Why a step runs again is said by key and by file."""

from microgesture.provenance.explain import changed_keys, changes
from microgesture.utils.files import sha256


def test_each_key_is_named_with_its_former_and_its_new_value():
    before = {"a": {"b": 1, "gone": [1]}, "same": 2}
    now = {"a": {"b": 2, "new": None}, "same": 2}
    assert list(changed_keys(before, now)) == [
        "config.a.b: 1 -> 2",
        "config.a.gone: [1] -> not set",
        "config.a.new: not set -> null",
    ]


def test_a_long_value_is_cut():
    (line,) = changed_keys({"claims": list(range(1000))}, {"claims": []})
    assert len(line) < 100 and line.endswith("... -> []")


def test_keys_that_a_step_adds_to_its_record_are_no_change():
    record = {"config": {"layout": "openpose22", "length": 8}}
    assert changes(record, {"length": 9}, {"config"}) == ["config.length: 8 -> 9"]
    assert changes(record, {"length": 9}, set()) == []


def test_a_file_that_is_another_or_gone_is_named(tmp_path):
    kept, other, gone = (tmp_path / name for name in ("kept", "other", "gone"))
    for path in (kept, other):
        path.write_text("one")
    stated = {"bytes": 3, "sha256": sha256(kept)}
    other.write_text("two")
    files = {str(path): stated for path in (kept, other, gone)}
    record = {"config": None, "files": files, "script": "train.py"}
    assert changes(record, None, {"files", "code"}) == [
        "scripts/train.py or a module that it imports was changed",
        f"{other} was changed",
        f"{gone} was changed",
    ]
